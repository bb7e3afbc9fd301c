"""Status bits of ACIS level-1 events and which of them a reprocessing starts by clearing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: Bits 1-5, 14-20 and 23 are cleared before reprocessing (keyword CLSTBITS: 0 means cleared, bit 31 first).
CLEARED_BITS = (1, 2, 3, 4, 5, 14, 15, 16, 17, 18, 19, 20, 23)
KEEP_MASK = np.uint32(0xFFFFFFFF & ~sum(1 << b for b in CLEARED_BITS))
CLSTBITS = format(int(KEEP_MASK), "032b")


def clear_status(status: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Return the status words with the bits of `CLEARED_BITS` off; uint32, same shape."""
    return np.asarray(status & KEEP_MASK, np.uint32)
