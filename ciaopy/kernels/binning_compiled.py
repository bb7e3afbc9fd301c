"""The loops of `ciaopy.kernels.binning`, in a module of their own because importing numba takes 0.3 s."""

from __future__ import annotations

import numpy as np

from ciaopy.kernels.jit import njit


@njit(cache=True, nogil=True)
def axis_index(values, lo, step, count, stride, index):
    """Add one axis to the cell index of each row."""
    for i in range(index.size):
        if index[i] >= 0:
            t = (values[i] - lo) / step
            if t >= 0.0 and t < count:
                index[i] += np.int64(t) * stride
            else:
                index[i] = -1


@njit(cache=True, nogil=True)
def add_counts(grid, index):
    """Add 1 to the cell of each row."""
    for i in range(index.size):
        if index[i] >= 0:
            grid[index[i]] += 1


@njit(cache=True, nogil=True)
def add_weights(grid, index, weights):
    """Add the weight of each row to its cell."""
    for i in range(index.size):
        if index[i] >= 0:
            grid[index[i]] += weights[i]
