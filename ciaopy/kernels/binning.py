"""Count values on a regular grid of any number of dimensions.

Many rows go through compiled loops, few through numpy; both do the same arithmetic in the same order.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]

__all__ = ["add_counts", "add_weights", "axis_index", "new_index"]


# Blocks of at most this many rows are counted with numpy: that takes a few ms, the import of numba 0.3 s.
FEW_ROWS = 16384


def new_index(nrows: int, mask: NDArray[np.bool_] | None = None) -> NDArray[np.int64]:
    """Return the start of an index: 0 for rows to be counted, -1 for those that `mask` drops."""
    if mask is None:
        return np.zeros(nrows, dtype=np.int64)
    return mask.astype(np.int64) - 1


def axis_index(values: Array, lo: float, step: float, count: int, stride: int, index: NDArray[np.int64]) -> None:
    """Add one axis to the flat cell index of each row, in place.

    Bin k holds ``lo + k * step <= v < lo + (k + 1) * step``; a row outside (or NaN) gets the index -1 for good.

    Parameters
    ----------
    values : ndarray, shape (n,)
        Any real or integer type; arithmetic is in double precision.
    lo, step : float
        Lower edge of the first bin, and the bin size, > 0.
    count, stride : int
        Number of bins, and how many cells apart they are.
    index : ndarray of int64, shape (n,)
        Changed in place.

    Raises
    ------
    ValueError
        The arrays do not go together.
    """
    if values.shape != index.shape:
        raise ValueError(f"{values.shape} values for {index.shape} rows")
    if not (step > 0 and count > 0 and stride > 0):
        raise ValueError(f"no such axis: step {step}, {count} bins, stride {stride}")
    if index.size <= FEW_ROWS:
        with np.errstate(invalid="ignore", over="ignore"):
            cell = (values.astype(np.float64) - float(lo)) / float(step)
            inside = (index >= 0) & (cell >= 0.0) & (cell < count)
        index[inside] += cell[inside].astype(np.int64) * stride
        index[~inside] = -1
        return
    from ciaopy.kernels import binning_compiled

    wide = np.ascontiguousarray(values, np.float64)
    binning_compiled.axis_index(wide, float(lo), float(step), count, stride, index)


def add_counts(grid: Array, index: NDArray[np.int64]) -> None:
    """Add 1 to the cell of every row whose index is not -1; `grid` is flat, int64 or int32, changed in place.

    Raises
    ------
    ValueError
        The arrays do not go together.
    """
    if index.size and int(index.max()) >= grid.size:
        raise ValueError("an index is outside the grid")
    if index.size <= FEW_ROWS:
        np.add.at(grid, index[index >= 0], 1)
        return
    from ciaopy.kernels import binning_compiled

    binning_compiled.add_counts(grid, index)


def add_weights(grid: Array, index: NDArray[np.int64], weights: Array) -> None:
    """Add each row's weight to its cell, in row order; `grid` is flat float64, changed in place.

    Raises
    ------
    ValueError
        The arrays do not go together.
    """
    if weights.shape != index.shape:
        raise ValueError(f"{weights.shape} weights for {index.shape} rows")
    if index.size and int(index.max()) >= grid.size:
        raise ValueError("an index is outside the grid")
    wide = np.ascontiguousarray(weights, np.float64)
    if index.size <= FEW_ROWS:
        np.add.at(grid, index[index >= 0], wide[index >= 0])
        return
    from ciaopy.kernels import binning_compiled

    binning_compiled.add_weights(grid, index, wide)
