"""The columns that identify events, for one block of rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["EventBlock"]


@dataclass(frozen=True, eq=False)
class EventBlock:
    """What every step needs to know of the events of a block of rows.

    Attributes
    ----------
    time : float64 array, shape (n,)
        Mission time, s; NaN where unknown.
    ccd_id, chipx, chipy : int16 arrays, shape (n,)
        Chip and pixel, from 1.
    keys : uint64 array, shape (n,)
        From `random_numbers.event_keys`.
    """

    time: NDArray[np.float64]
    ccd_id: NDArray[np.int16]
    chipx: NDArray[np.int16]
    chipy: NDArray[np.int16]
    keys: NDArray[np.uint64]

    def __len__(self) -> int:
        return len(self.ccd_id)

    def rows(self, rows: slice) -> EventBlock:
        """Return a slice of the events, sharing the arrays."""
        return EventBlock(self.time[rows], self.ccd_id[rows], self.chipx[rows], self.chipy[rows], self.keys[rows])
