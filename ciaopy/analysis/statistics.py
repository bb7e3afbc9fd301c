"""Statistics of columns and images as dmstat reports them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Clipping", "Statistics", "image_centroid", "median_low", "null_mask", "statistics"]


@dataclass(frozen=True)
class Clipping:
    """Iterative sigma clipping: values beyond `nsigma` standard deviations of the mean are dropped."""

    nsigma: float = 3.0
    max_iterations: int = 20


@dataclass(frozen=True)
class Statistics:
    """What dmstat says of one column or image; numbers are NaN where no value is good.

    Attributes
    ----------
    minimum, maximum, mean, sigma, total : float
        `sigma` is the population standard deviation (divided by N).
    median : float
        The lower of the two middle values for an even count, as CIAO's dmstat and dmimgfilt define it.
    minimum_at, maximum_at : int
        0-based flat index of the first smallest and largest value; -1 where none is good.
    good, null : int
        Values used; values that are null or NaN.
    converged : bool
        False where clipping was still dropping values when the iterations ended.
    used : ndarray of bool, flat
        Which values were used.
    """

    minimum: float
    maximum: float
    mean: float
    median: float
    sigma: float
    total: float
    minimum_at: int
    maximum_at: int
    good: int
    null: int
    converged: bool
    used: NDArray[np.bool_]


def null_mask(values: NDArray[Any], null: int | None = None) -> NDArray[np.bool_]:
    """Return where values are null: NaN in reals, `null` (TNULL, BLANK) in integers. Infinite values are not null."""
    if values.dtype.kind == "f":
        return np.asarray(np.isnan(values))
    if null is None:
        return np.zeros(values.shape, dtype=bool)
    return np.asarray(values == null)


def median_low(values: NDArray[Any]) -> float:
    """Return the middle value of a non-empty array, the lower of two."""
    middle = (values.size - 1) // 2
    return float(np.partition(values, middle)[middle])


def statistics(
    values: NDArray[Any],
    null: int | None = None,
    clipping: Clipping | None = None,
    excluded: NDArray[np.bool_] | None = None,
) -> Statistics:
    """Return the statistics of an array of any shape.

    Parameters
    ----------
    values : ndarray of numbers or bool
    null : int, optional
        The integer that stands for no value.
    clipping : Clipping, optional
        Drop outliers first.
    excluded : ndarray of bool, optional
        Values outside the data subspace, counted as null.
    """
    flat = np.ascontiguousarray(values).ravel()
    if flat.dtype.kind == "b":
        flat = flat.astype(np.int64)
    nulls = null_mask(flat, null)
    if excluded is not None:
        nulls |= excluded.ravel()
    used = ~nulls
    used, converged = _clipped(flat, used, clipping) if clipping else (used, True)
    good, null_count = int(used.sum()), int(nulls.sum())
    if not good:
        nan = float("nan")
        return Statistics(nan, nan, nan, nan, nan, nan, -1, -1, 0, null_count, converged, used)
    index = np.flatnonzero(used)
    chosen = flat if good == flat.size else flat[index]
    mean, sigma, total = _moments(chosen)
    low, high = int(np.argmin(chosen)), int(np.argmax(chosen))
    return Statistics(
        minimum=float(chosen[low]),
        maximum=float(chosen[high]),
        mean=mean,
        median=median_low(chosen),
        sigma=sigma,
        total=total,
        minimum_at=int(index[low]),
        maximum_at=int(index[high]),
        good=good,
        null=null_count,
        converged=converged,
        used=used,
    )


def _moments(values: NDArray[Any]) -> tuple[float, float, float]:
    """Return mean, population standard deviation and sum, in double precision, deviations taken about the mean."""
    real = values.astype(np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        total = float(real.sum())
        mean = total / real.size
        real -= mean
        return mean, float(np.sqrt(np.mean(real * real))), total


def _clipped(values: NDArray[Any], used: NDArray[np.bool_], clipping: Clipping) -> tuple[NDArray[np.bool_], bool]:
    """Return the values that clipping keeps, and whether a pass dropped nothing more."""
    for _ in range(clipping.max_iterations):
        if not used.any():
            return used, True
        mean, sigma, _total = _moments(values[used])
        keep = used & (np.abs(values - mean) <= clipping.nsigma * sigma)
        if int(keep.sum()) == int(used.sum()):
            return used, True
        used = keep
    return used, False


def image_centroid(image: NDArray[Any], used: NDArray[np.bool_]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the intensity-weighted centroid of an image in pixels, and the spread about it.

    c = sum(v x) / sum(v) and s = sqrt(sum(v (x - c)^2) / sum(v)) per axis, x the 1-based pixel number.

    Parameters
    ----------
    image : ndarray, shape (ny, nx) or any number of axes
    used : ndarray of bool, flat
        Pixels to count.

    Returns
    -------
    centroid, spread : tuple of float
        In FITS axis order (x first); NaN where the sum is zero or a variance negative.
    """
    weights = np.where(used.reshape(image.shape), image, 0).astype(np.float64)
    total = weights.sum()
    centre, spread = [], []
    with np.errstate(invalid="ignore", divide="ignore"):
        for axis in reversed(range(image.ndim)):
            profile = weights.sum(axis=tuple(a for a in range(image.ndim) if a != axis))
            position = np.arange(1.0, image.shape[axis] + 1)
            c = np.divide((profile * position).sum(), total)
            centre.append(float(c))
            spread.append(float(np.sqrt(np.divide((profile * (position - c) ** 2).sum(), total))))
    return tuple(centre), tuple(spread)
