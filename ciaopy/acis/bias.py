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
    level = np.asarray(bias, np.int64)
    status = np.zeros(level.shape, np.uint32)
    status[level == BIAS_BAD] = 1 << BIAS_BAD_BIT
    status[level == BIAS_PARITY] = 1 << BIAS_PARITY_BIT
    valid = level < BIAS_PARITY
    median = _column_medians(level, valid)
    with np.errstate(invalid="ignore"):
        outlier = np.abs(level - median) > threshold
    status[valid & outlier] |= np.uint32(1 << BIAS_OUTLIER_BIT)
    return status


def _column_medians(level: NDArray[np.int64], valid: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the median of the valid pixels of each column, NaN where a column has none; float64, shape (columns,)."""
    ordered = np.sort(np.where(valid, np.clip(level, -32768, 32767), 32767).astype(np.int16).T, axis=1)
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
