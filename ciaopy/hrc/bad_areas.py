"""Bad areas of the HRC: rectangles of chip pixels (bpix1 files), the status bit of events inside them, and lists of
raw pixels made into such rectangles."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ciaopy.errors import DataError
from ciaopy.fits import Table
from ciaopy.hrc.detector import PLATE_ENDS, HrcDetector
from ciaopy.hrc.positions import ChipRules, whole

__all__ = ["chip_rectangles", "flag_bad_areas", "raw_rectangles", "rectangles"]

TAP = 256

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


def raw_rectangles(
    detector: HrcDetector, x: NDArray[np.float64], y: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return rectangles of raw pixels cut at the plates of the detector.

    Parameters
    ----------
    x, y : float64 array, shape (n, 2)
        First and last raw pixel, inclusive; cut at the edges of the detector.

    Returns
    -------
    (int64 array, shape (m, 5), int64 array, shape (m,))
        CHIP_ID and limits, and the row each comes from; rows off the detector give none.
    """
    plates = [(detector.chips[0], 0, detector.raw_size[1] - 1)]
    if len(detector.chips) > 1:
        ends = [-1, *((int(tap) + 1) * TAP - 1 for tap in PLATE_ENDS), detector.raw_size[1] - 1]
        plates = [(chip, ends[k] + 1, ends[k + 1]) for k, chip in enumerate(detector.chips)]
    found, rows = [], []
    for row in range(len(x)):
        x_lo, x_hi = max(int(x[row, 0]), 0), min(int(x[row, 1]), detector.raw_size[0] - 1)
        for chip, first, last in plates:
            y_lo, y_hi = max(int(y[row, 0]), first), min(int(y[row, 1]), last)
            if x_lo <= x_hi and y_lo <= y_hi:
                found.append((chip, x_lo, x_hi, y_lo, y_hi))
                rows.append(row)
    return np.array(found, np.int64).reshape(-1, 5), np.array(rows, np.int64)


def chip_rectangles(rules: ChipRules, raw: NDArray[np.int64], size: tuple[int, int]) -> NDArray[np.int64]:
    """Return rectangles of raw pixels, shape (n, 5), as rectangles of chip pixels, cut at the chip.

    The centres of the first and the last raw pixel are converted, and rounded as events are.
    """
    chip = raw[:, 0].astype(np.int16)
    edges = []
    for k in (0, 1):
        place = raw[:, [1 + k, 3 + k]].T.astype(np.float64)
        coarse = np.floor(place / TAP)
        corner = rules((coarse[0].astype(np.int16), coarse[1].astype(np.int16)), place / TAP - coarse - 0.5, chip)
        edges.append(np.clip(whole(corner), 1, np.array(size, np.float64)[:, None]))
    (x_lo, y_lo), (x_hi, y_hi) = edges
    limits = [np.sort(pair, axis=0).T.astype(np.int64) for pair in (np.stack([x_lo, x_hi]), np.stack([y_lo, y_hi]))]
    return np.concatenate([raw[:, :1], *limits], axis=1)
