"""Flight grades and summed pulse heights from islands, with the status bits that islands decide."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ciaopy.acis.event_block import EventBlock
from ciaopy.acis.grades import SUM_MASK, inner_island, island_size

__all__ = ["DEFAULT_SPLIT", "IslandSums", "grade_islands", "split_array"]

#: Split threshold of all chips, adu (CALDB EVTSPLT; grades of ObsID 754 and of nine CIAO 4.16 files are reproduced).
DEFAULT_SPLIT = 13.0


@dataclass(frozen=True, eq=False)
class IslandSums:
    """What islands give: `fltgrade` (int16) and `total`, the summed pulse height in adu (float64), shape (n,)."""

    fltgrade: NDArray[np.int16]
    total: NDArray[np.float64]


def split_array(adu: NDArray[np.float64] | None) -> NDArray[np.float64]:
    """Return split thresholds, adu, shape (10, 4) by CCD_ID and NODE_ID; 13 where the file has none."""
    if adu is None:
        return np.full((10, 4), DEFAULT_SPLIT)
    return np.where(np.isfinite(adu), adu, DEFAULT_SPLIT).astype(np.float64)


def grade_islands(
    block: EventBlock,
    islands: NDArray[np.generic],
    split: NDArray[np.float64],
    status: NDArray[np.uint32] | None = None,
) -> IslandSums:
    """Return flight grades and summed pulse heights of islands.

    A neighbour counts at or above the split threshold. The sum takes the pixel itself, the edge pixels that count, and
    in grade 6 the corner between them. PHA_RO is this sum over PHAS as read out, FLTGRADE and PHA come from the
    adjusted ones (exact on ObsID 754 and on nine CIAO 4.16 files, CTI-corrected ones included).

    Parameters
    ----------
    block : EventBlock
        The events, n rows.
    islands : array, shape (n, 3, 3), (n, 5, 5), (n, 9) or (n, 25)
        Pulse heights in adu, row-major from the lowest pixel.
    split : float64 array, shape (10, 4)
        Split thresholds, adu.
    status : uint32 array, shape (n,), optional
        If given (islands as read out), bits 1 (centre no local maximum or below the threshold), 2 (a pixel above
        4095) and 3 (sum below the threshold or at or above 32767) are added in place.
    """
    from ciaopy.kernels.acis_events import adjusted_islands, raw_islands

    side = island_size(islands)
    inner = inner_island(side)
    flat = np.ascontiguousarray(islands).reshape(len(block), side * side)
    fltgrade, total = np.empty(len(block), np.int16), np.empty(len(block))
    if status is None:
        adjusted_islands(flat, inner, block.ccd_id, block.chipx, split, SUM_MASK, fltgrade, total)
    else:
        raw_islands(flat, inner, block.ccd_id, block.chipx, split, SUM_MASK, fltgrade, total, status)
    return IslandSums(fltgrade, total)
