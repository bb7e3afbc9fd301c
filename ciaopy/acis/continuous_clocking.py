"""Continuous clocking: when a photon arrived, and its one-dimensional place on the sky.

In continuous clocking the rows move all the time, so CHIPY of an event tells when it was read out, not where it fell.
Where the photon fell is taken from the source that the observer pointed at (or, for grating events, from CHIPY_TG): its
row r at the event's time, from the aspect solution. The photon then arrived ``(r + 1028) x TIMEDEL`` before it was read
out, TIMEDEL being the time per row (2.85 ms): r rows to the edge of the image area and the length of the frame store.
The constant 1028 is inferred from the layout of the frame store (docs/accuracy.md).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ciaopy.coords import AspectSolution, Attitude, FocalPlane, SkyFrame

__all__ = ["FRAME_STORE_ROWS", "ROW_TIME", "SourceRows", "arrival_times", "source_rows"]

#: Rows between the lower edge of the image area and the read-out register (inferred).
FRAME_STORE_ROWS = 1028

#: Time per row in s, where the header has no TIMEDEL.
ROW_TIME = 0.00285

CHIP_ROWS = 1024

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class SourceRows:
    """Row of the source on each event's chip: `chipy` in pixels (float64, shape (n,)), NaN without an attitude.

    `off_chip` counts the events on whose chip the source is not; their row is the chip's nearest.
    """

    chipy: FloatArray
    off_chip: int


def source_rows(
    plane: FocalPlane,
    frame: SkyFrame,
    aspect: AspectSolution | Attitude,
    source: tuple[float, float],
    time: FloatArray,
    ccd_id: NDArray[np.int16],
) -> SourceRows:
    """Return the chip row of a source at the time of each event.

    Parameters
    ----------
    plane, frame, aspect
        The coordinate systems of the observation.
    source : (float, float)
        SKY position of the source, pixels.
    time : float64 array, shape (n,)
        s.
    ccd_id : int16 array, shape (n,)
        Chip of each event.
    """
    attitude = aspect.at(time) if isinstance(aspect, AspectSolution) else aspect
    n = len(time)
    known = np.where((ccd_id >= 0) & (ccd_id <= 9), ccd_id, 0)
    place = plane.sky_to_chip(np.full(n, source[0]), np.full(n, source[1]), attitude, frame, known)
    off = (place.chipy < 0.5) | (place.chipy > CHIP_ROWS + 0.5) | (place.chipx < 0.5) | (place.chipx > CHIP_ROWS + 0.5)
    return SourceRows(np.clip(place.chipy, 1.0, float(CHIP_ROWS)), int(np.count_nonzero(off)))


def arrival_times(read_out: FloatArray, chipy: FloatArray, row_time: float) -> FloatArray:
    """Return arrival times in s; the read-out time where the row is not known.

    Parameters
    ----------
    read_out : float64 array, shape (n,)
        TIME_RO in s.
    chipy : float64 array, shape (n,)
        Row where the photon fell, pixels.
    row_time : float
        s per row.
    """
    early = np.where(np.isfinite(chipy), chipy + FRAME_STORE_ROWS, 0.0) * row_time
    return np.asarray(read_out - early, dtype=np.float64)
