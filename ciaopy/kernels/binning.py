"""Count values on a regular grid of any number of dimensions."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]

__all__ = ["add_counts", "add_weights", "axis_index", "new_index"]


@njit(cache=True, nogil=True)
def _axis_index(values, lo, step, count, stride, index):
    for i in range(index.size):
        if index[i] >= 0:
            t = (values[i] - lo) / step
            if t >= 0.0 and t < count:
                index[i] += np.int64(t) * stride
            else:
                index[i] = -1


@njit(cache=True, nogil=True)
def _add_counts(grid, index):
    for i in range(index.size):
        if index[i] >= 0:
            grid[index[i]] += 1


@njit(cache=True, nogil=True)
def _add_weights(grid, index, weights):
    for i in range(index.size):
        if index[i] >= 0:
            grid[index[i]] += weights[i]


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
    """
    if values.shape != index.shape:
        raise ValueError(f"{values.shape} values for {index.shape} rows")
    if not (step > 0 and count > 0 and stride > 0):
        raise ValueError(f"no such axis: step {step}, {count} bins, stride {stride}")
    _axis_index(np.ascontiguousarray(values, np.float64), float(lo), float(step), count, stride, index)


def add_counts(grid: Array, index: NDArray[np.int64]) -> None:
    """Add 1 to the cell of every row whose index is not -1; `grid` is flat, int64 or int32, changed in place."""
    if index.size and int(index.max()) >= grid.size:
        raise ValueError("an index is outside the grid")
    _add_counts(grid, index)


def add_weights(grid: Array, index: NDArray[np.int64], weights: Array) -> None:
    """Add each row's weight to its cell, in row order; `grid` is flat float64, changed in place."""
    if weights.shape != index.shape:
        raise ValueError(f"{weights.shape} weights for {index.shape} rows")
    if index.size and int(index.max()) >= grid.size:
        raise ValueError("an index is outside the grid")
    _add_weights(grid, index, np.ascontiguousarray(weights, np.float64))
