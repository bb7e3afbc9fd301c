"""Random numbers that belong to an event.

The number an event gets depends on the seed, on what identifies the event (frame, CCD, pixel) and on what the number is
for, and on nothing else: not on the order of events, on blocks or on threads. CIAO draws from one shared stream, which
cannot be reproduced (docs/differences.md).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["PULSE_HEIGHT", "SHIFT_X", "SHIFT_Y", "event_keys", "uniform"]

#: Streams: what a number is for.
PULSE_HEIGHT, SHIFT_X, SHIFT_Y = 1, 2, 3

IntegerArray = NDArray[np.integer]


def event_keys(
    seed: int,
    frame: IntegerArray | NDArray[np.float64],
    ccd_id: IntegerArray,
    chipx: IntegerArray,
    chipy: IntegerArray,
) -> NDArray[np.uint64]:
    """Return one 64-bit key per event.

    Parameters
    ----------
    seed : int
        `rand_seed`.
    frame : integer or float64 array, shape (n,)
        Exposure number; event files without one give their times.
    ccd_id, chipx, chipy : integer arrays, shape (n,)
        Chip and pixel.

    Returns
    -------
    uint64 array, shape (n,)
    """
    from ciaopy.kernels.acis_events import make_keys

    first = frame.view(np.int64) if frame.dtype.kind == "f" else frame
    keys = np.empty(len(ccd_id), dtype=np.uint64)
    make_keys(seed, np.ascontiguousarray(first), ccd_id, chipx, chipy, keys)
    return keys


def uniform(keys: NDArray[np.uint64], stream: int) -> NDArray[np.float64]:
    """Return one number in [0, 1) per key, float64, shape (n,); other streams give independent numbers."""
    from ciaopy.kernels.acis_events import fill_uniform

    out = np.empty(len(keys))
    fill_uniform(keys, stream, out)
    return out
