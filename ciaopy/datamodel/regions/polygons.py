"""The area of a polygon by the even-odd rule, which is also the rule of `Region.inside`."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["polygon_area"]

F64 = NDArray[np.float64]


def polygon_area(x: Sequence[float], y: Sequence[float]) -> float:
    """Return the area of the points around which a closed polygon winds an odd number of times.

    The shoelace formula for a simple polygon; where edges cross, touch or retrace each other, the sum of the trapezoids
    between the heights of all vertices and crossings, which is exact as well.

    Parameters
    ----------
    x, y : sequence of float
        Three or more vertices.
    """
    # relative to the first vertex, to keep the digits
    start = np.column_stack([np.asarray(x, np.float64) - x[0], np.asarray(y, np.float64) - y[0]])
    end = np.roll(start, -1, axis=0)
    heights = _meetings(start, end)
    if heights is None:
        return abs(math.fsum((start[:, 0] * end[:, 1] - end[:, 0] * start[:, 1]).tolist())) / 2
    return _even_odd(start, end, np.unique(np.concatenate([start[:, 1], heights])))


def _meetings(start: F64, end: F64) -> F64 | None:
    """Return the heights at which edges cross; None where no two of them meet but neighbours at their vertex."""
    along = end - start
    n = len(start)
    heights: list[F64] = []
    simple = not _retraces(along)
    for i in range(n - 1):
        a, b, d = start[i + 1 :], end[i + 1 :], along[i + 1 :]
        this = _cross(along[i], a - start[i]) * _cross(along[i], b - start[i])
        that = _cross(d, start[i] - a) * _cross(d, end[i] - a)
        meet = (this <= 0.0) & (that <= 0.0) & _boxes_touch(start[i], end[i], a, b)
        crossing = (this < 0.0) & (that < 0.0)
        # the neighbours share a vertex
        neighbour = np.zeros(len(a), dtype=bool)
        neighbour[0] = True
        if i == 0:
            neighbour[-1] = True
        simple &= not (meet & ~neighbour).any()
        part = _cross(a[crossing] - start[i], d[crossing]) / _cross(along[i], d[crossing])
        heights.append(start[i, 1] + part * along[i, 1])
    return None if simple else np.concatenate(heights)


def _cross(u: F64, v: F64) -> F64:
    return np.asarray(u[..., 0] * v[..., 1] - u[..., 1] * v[..., 0])


def _boxes_touch(p: F64, q: F64, a: F64, b: F64) -> NDArray[np.bool_]:
    low, high = np.minimum(a, b), np.maximum(a, b)
    return np.asarray(((low <= np.maximum(p, q)) & (high >= np.minimum(p, q))).all(axis=1))


def _retraces(along: F64) -> bool:
    """Tell whether an edge goes back over the one before."""
    after = np.roll(along, -1, axis=0)
    return bool(((_cross(along, after) == 0.0) & ((along * after).sum(axis=1) < 0.0)).any())


def _even_odd(start: F64, end: F64, levels: F64) -> float:
    """Return the sum of the trapezoids in the slabs between levels, in which no two edges cross."""
    low, high = np.minimum(start[:, 1], end[:, 1]), np.maximum(start[:, 1], end[:, 1])
    total: list[float] = []
    for bottom, top in zip(levels[:-1].tolist(), levels[1:].tolist(), strict=True):
        middle = bottom + (top - bottom) / 2
        cut = (low <= bottom) & (high >= top)
        (x0, y0), (x1, y1) = start[cut].T, end[cut].T
        at = np.sort(x0 + (middle - y0) * (x1 - x0) / (y1 - y0))
        total.append(float((at[1::2] - at[0::2]).sum()) * (top - bottom))
    return math.fsum(total)
