"""Membership of many values in sets of ranges.

numpy, not numba: one or two ranges run at the speed of memory, and many ranges (an exposure list of a thousand
entries) go through a binary search.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]

__all__ = ["FEW", "in_spans", "match_bits"]

# Up to this many ranges are tested one by one.
FEW = 8


def in_spans(values: Array, lo: Array, hi: Array, closed: bool) -> NDArray[np.bool_]:
    """Tell which values lie in any of the ranges.

    Parameters
    ----------
    values : ndarray, shape (n,)
        Integers or reals; NaN is in no range.
    lo, hi : ndarray, shape (m,)
        Ends, lo <= hi, of a type that compares exactly with `values` (int64 for integers, float64 for reals);
        infinite ends of reals, or the limits of int64, stand for open ones.
    closed : bool
        True: lo <= v <= hi (integers). False: lo <= v < hi (reals), where an infinite hi includes +inf itself and
        lo == hi means equality.

    Raises
    ------
    ValueError
        The arrays do not go together.
    """
    if len(lo) != len(hi):
        raise ValueError(f"{len(lo)} lower ends but {len(hi)} upper ends")
    if len(lo) > FEW:
        return _search(values, lo, hi, closed)
    mask = np.zeros(values.shape, dtype=bool)
    for a, b in zip(lo.tolist(), hi.tolist(), strict=True):
        mask |= _one(values, a, b, closed)
    return mask


def _one(values: Array, a: float, b: float, closed: bool) -> NDArray[np.bool_]:
    """Test one range; ends are compared in double precision, or as 64-bit integers."""
    if closed:
        info = np.iinfo(values.dtype)
        if a > info.max or b < info.min:
            return np.zeros(values.shape, dtype=bool)
        lower, upper = max(a, info.min), min(b, info.max)
        both: NDArray[np.bool_] = (values >= lower) & (values <= upper)
        return both
    if a == b:
        same: NDArray[np.bool_] = values == values.dtype.type(a)
        return same
    below = _at_least(values, a)
    if b == np.inf:
        return below
    return below & ~_at_least(values, b)


def _at_least(values: Array, limit: float) -> NDArray[np.bool_]:
    """Return values >= limit as in double precision; the comparison itself runs in the type of the values."""
    if values.dtype.itemsize < 8:
        with np.errstate(over="ignore"):
            near = values.dtype.type(limit)
        limit_here = near if float(near) >= limit else np.nextafter(near, values.dtype.type(np.inf))
        result: NDArray[np.bool_] = values >= limit_here
        return result
    wide: NDArray[np.bool_] = values >= limit
    return wide


def _search(values: Array, lo: Array, hi: Array, closed: bool) -> NDArray[np.bool_]:
    points = (lo == hi) & (not closed)
    mask = np.zeros(values.shape, dtype=bool)
    if points.any():
        mask |= np.isin(values, lo[points].astype(values.dtype))
        lo, hi = lo[~points], hi[~points]
    if not len(lo):
        return mask
    order = np.argsort(lo, kind="stable")
    lo, reach = lo[order], np.maximum.accumulate(hi[order])
    wide = values.astype(lo.dtype, copy=False)
    k = np.searchsorted(lo, wide, side="right") - 1
    top = reach[np.maximum(k, 0)]
    within = (wide <= top) if closed else (wide < top) | (np.isinf(top) & (top > 0) & (wide == wide))
    return mask | ((k >= 0) & within)


def match_bits(words: Array, mask: Array, value: Array) -> NDArray[np.bool_]:
    """Tell which words match any of the patterns: ``word & mask == value``.

    Parameters
    ----------
    words : ndarray of unsigned integers, shape (n,)
    mask, value : ndarray of the same type, shape (m,)
        Bits that count, and what they must be.
    """
    found = np.zeros(words.shape, dtype=bool)
    for m, v in zip(mask, value, strict=True):
        found |= (words & m) == v
    return found
