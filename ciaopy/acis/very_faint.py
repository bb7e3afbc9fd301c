"""The background test of VFAINT events: charge in the outer pixels of the 5x5 island."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ciaopy.acis.event_block import EventBlock
from ciaopy.acis.grades import island_size
from ciaopy.errors import DataError

__all__ = ["flag_very_faint"]


def flag_very_faint(
    block: EventBlock,
    islands: NDArray[np.generic],
    split: NDArray[np.float64],
    trail: float,
    status: NDArray[np.uint32],
) -> None:
    """Set status bit 23 of events with charge in an outer pixel, and clear it for all others, in place.

    An outer pixel counts if its pulse height, less `trail` times that of the pixel below it in its column (the charge
    that the parallel transfer leaves behind), is above the split threshold. That the allowance is taken from the pixel
    below is inferred from the meaning of `trail`; without it (trail=0) the test is the published one.

    Parameters
    ----------
    block : EventBlock
        The events, n rows.
    islands : array, shape (n, 5, 5) or (n, 25)
        PHAS in adu as read out.
    split : float64 array, shape (10, 4)
        Split thresholds, adu.
    trail : float
        Fraction of the charge that trails into the next pixel.
    status : uint32 array, shape (n,)
        Status words.

    Raises
    ------
    DataError
        The islands are 3x3.
    """
    from ciaopy.kernels.acis_events import very_faint

    if island_size(islands) != 5:
        raise DataError("check_vf_pha=yes needs 5x5 islands (DATAMODE VFAINT); the phas column holds 3x3; set it to no")
    flat = np.ascontiguousarray(islands).reshape(len(block), 25)
    very_faint(flat, split, trail, block.ccd_id, block.chipx, status)
