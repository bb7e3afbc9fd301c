"""Bad pixels seen in the bias maps that ACIS makes before an observation.

Rules found exact on ObsIDs 1230 (archive and CIAO 4.6) and 1433: bias 4095 is bit 3, 4094 is bit 4, and a valid pixel
(below 4094) that differs from the median of the valid pixels of its column by more than the threshold is bit 16.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ciaopy.acis.bad_pixels import BadPixelEntries

BIAS_BAD = 4095
BIAS_PARITY = 4094
BIAS_BAD_BIT, BIAS_PARITY_BIT, BIAS_OUTLIER_BIT = 3, 4, 16


def bias_status(bias: NDArray[Any], threshold: float) -> NDArray[np.uint32]:
    """Return the status word of every pixel of a bias map.

    Parameters
    ----------
    bias : integer array, shape (rows, columns)
        Bias level [adu]; first index CHIPY.
    threshold : float
        Largest accepted distance from the median of the column [adu] (parameter `biasthresh`).

    Returns
    -------
    uint32 array, shape of `bias`
    """
    level = np.asarray(bias)
    level = level if level.dtype == np.int16 else level.astype(np.int64)
    status = np.zeros(level.shape, np.uint32)
    status[level == BIAS_BAD] = 1 << BIAS_BAD_BIT
    status[level == BIAS_PARITY] = 1 << BIAS_PARITY_BIT
    valid = level < BIAS_PARITY
    low, high = _accepted(_column_medians(level, valid), threshold)
    near = level if level.dtype == np.int16 else np.clip(level, -(10**7), 10**7).astype(np.float32)
    status[valid & ((near < low) | (near > high))] |= np.uint32(1 << BIAS_OUTLIER_BIT)
    return status


def _accepted(median: NDArray[np.float64], threshold: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the least and the greatest whole level that is within `threshold` of each median; NaN where that is NaN.

    The distance of whole levels from a median, which is a multiple of 0.5, is exact, the sum of median and threshold is
    not: its whole part is moved by one where the distance says so.
    """
    with np.errstate(invalid="ignore"):
        high = np.floor(median + threshold)
        high = np.where(
            high - median > threshold, high - 1.0, np.where(high + 1.0 - median <= threshold, high + 1.0, high)
        )
        low = np.ceil(median - threshold)
        low = np.where(median - low > threshold, low + 1.0, np.where(median - low + 1.0 <= threshold, low - 1.0, low))
        return np.clip(low, -1e6, 1e6).astype(np.float32), np.clip(high, -1e6, 1e6).astype(np.float32)


def _column_medians(level: NDArray[Any], valid: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the median of the valid pixels of each column, NaN where a column has none; float64, shape (columns,)."""
    small = level if level.dtype == np.int16 else np.clip(level, -32768, 32767).astype(np.int16)
    ordered = np.where(valid, small, np.int16(32767)).T.copy()
    ordered.sort(axis=1)
    count = valid.sum(axis=0)
    column = np.arange(level.shape[1])
    low, high = np.maximum(count - 1, 0) // 2, np.minimum(count // 2, level.shape[0] - 1)
    middle = (ordered[column, low].astype(np.float64) + ordered[column, high]) / 2.0
    return np.where(count > 0, middle, np.nan)


def bias_entries(bias: NDArray[Any], threshold: float, first_row: int, time: float, stop: float) -> BadPixelEntries:
    """Return the bad pixels of a bias map.

    Parameters
    ----------
    bias : array, shape (rows, columns)
    threshold : float
        Both as in `bias_status`.
    first_row : int
        CHIPY of the first row of the map: 1, or the first row of a sub-array.
    time, stop : float
        Time range of the parameter block [s, mission time].
    """
    status = bias_status(bias, threshold)
    row, column = np.nonzero(status)
    n = len(row)
    return BadPixelEntries(
        column.astype(np.int64) + 1,
        row.astype(np.int64) + first_row,
        np.full(n, time),
        np.full(n, stop),
        status[row, column],
    )
