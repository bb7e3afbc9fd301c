"""Bad areas of the HRC: rectangles of chip pixels (bpix1 files), and the status bit of events inside them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ciaopy.errors import DataError
from ciaopy.fits import Table
from ciaopy.hrc.detector import HrcDetector

__all__ = ["flag_bad_areas", "rectangles"]

# Shapes of which CHIPX and CHIPY are the whole story; a point has its position twice, or 0 as the second value.
_SHAPES = ("rectangle", "point", "box", "")


def rectangles(table: Table, where: str, detector: HrcDetector) -> NDArray[np.int64]:
    """Return the bad areas of a BADPIX table.

    Parameters
    ----------
    table : Table
        Columns CHIP_ID (the HRC-I may lack it), CHIPX, CHIPY (inclusive limits), SHAPE (optional).
    where : str
        File, for messages.
    detector : HrcDetector

    Returns
    -------
    int64 array, shape (n, 5)
        CHIP_ID, CHIPX from, to, CHIPY from, to; all inclusive.

    Raises
    ------
    DataError
        Columns missing, shapes other than rectangles and points, or chips of the other detector.
    """
    for column in ("chipx", "chipy"):
        if column not in table:
            raise DataError(f"{where}: block {table.name} has no column {column.upper()}; give a bpix1 file of the HRC")
    n = table.nrows
    if "chip_id" in table:
        chip = np.asarray(table["chip_id"], np.int64)
    elif len(detector.chips) == 1:
        chip = np.full(n, detector.chips[0], np.int64)
    else:
        raise DataError(
            f"{where}: block {table.name} has no column CHIP_ID; give the bpix1 file of the {detector.name}"
        )
    strange = sorted(set(chip.tolist()) - set(detector.chips))
    if strange:
        raise DataError(
            f"{where}: bad pixels on chip {strange[0]}, which the {detector.name} does not have; "
            "give the bpix1 file of this detector"
        )
    if "shape" in table:
        shapes = {bytes(s).decode("ascii", "replace").strip().lower() for s in np.asarray(table["shape"])}
        unknown = sorted(shapes - set(_SHAPES))
        if unknown:
            raise DataError(f"{where}: bad pixels of shape {unknown[0]}; only rectangles and points are understood")
    return np.concatenate([chip[:, None], _limits(table["chipx"], n), _limits(table["chipy"], n)], axis=1)


def _limits(data: NDArray[np.integer], n: int) -> NDArray[np.int64]:
    pair = np.asarray(data, np.int64).reshape(n, -1) if n else np.zeros((0, 1), np.int64)
    high = np.where(pair[:, -1] > 0, pair[:, -1], pair[:, 0])
    return np.sort(np.stack([pair[:, 0], high], axis=1), axis=1)


def flag_bad_areas(
    boxes: NDArray[np.int64],
    chip_id: NDArray[np.int16],
    chip: NDArray[np.float64],
    status: NDArray[np.uint32],
) -> None:
    """Set or clear status bit 15, in place, by integer chip positions `chip`, shape (2, n)."""
    from ciaopy.kernels.hrc_events import bad_areas

    bad_areas(boxes, chip_id, chip[0], chip[1], status)
