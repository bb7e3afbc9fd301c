"""Running means: what `name:n` means in an expression."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["smoothed"]


def smoothed(values: NDArray[Any], width: int) -> NDArray[Any]:
    """Return the running mean over `width` samples, fewer at the ends.

    Values that are not finite count for nothing; where there is no other, the mean is NaN. Text, truth values and
    arrays, and a width of 1, are left alone.
    """
    if width <= 1 or values.dtype.kind not in "iuf" or values.ndim != 1:
        return values
    reals = values.astype(np.float64)
    valid = np.isfinite(reals)
    total = np.concatenate([[0.0], np.cumsum(np.where(valid, reals, 0.0))])
    count = np.concatenate([[0], np.cumsum(valid)])
    index = np.arange(len(values))
    first = np.maximum(index - (width - 1) // 2, 0)
    last = np.minimum(index + width // 2 + 1, len(values))
    number = count[last] - count[first]
    mean = np.full(len(values), np.nan)
    np.divide(total[last] - total[first], number, out=mean, where=number > 0)
    return mean
