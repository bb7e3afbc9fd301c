"""A statistic of the pixels under a mask, for every pixel of an image or of a stack of images."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ciaopy.kernels.jit import njit

__all__ = ["FUNCTIONS", "filter_rows"]

# Names as the parameter file of dmimgfilt has them; a quantile qNN is the code QUANTILE with the fraction NN/100.
FUNCTIONS = (
    *("min", "max", "mean", "median", "mode", "mid", "sigma", "extreme", "locheq", "kuwahara", "unsharp", "range"),
    *("variance", "nmode", "quantile", "mcv", "sum", "rclip", "peak", "ridge", "valley", "plain", "count", "olympic"),
    *("pmean", "mu3", "mu4", "jitter", "rms", "nslope", "3sigmean", "3sigmedian"),
)
MIN, MAX, MEAN, MEDIAN, MODE, MID, SIGMA, EXTREME, LOCHEQ, KUWAHARA, UNSHARP, RANGE = range(12)
VARIANCE, NMODE, QUANTILE, MCV, SUM, RCLIP, PEAK, RIDGE, VALLEY, PLAIN, COUNT, OLYMPIC = range(12, 24)
PMEAN, MU3, MU4, JITTER, RMS, NSLOPE, CLIPPED_MEAN, CLIPPED_MEDIAN = range(24, 32)


@njit(cache=True, nogil=True)
def _mean(v, n):
    total = 0.0
    for i in range(n):
        total += v[i]
    return total / n


@njit(cache=True, nogil=True)
def _moment(v, n, centre, power):
    total = 0.0
    for i in range(n):
        total += (v[i] - centre) ** power
    return total / n


@njit(cache=True, nogil=True)
def _clipped(v, n, use_median):
    """Mean or lower median after five passes of dropping what is beyond 3 sigma; `v` sorted."""
    lo, hi = 0, n
    for _ in range(5):
        w = v[lo:hi]
        mean = _mean(w, hi - lo)
        limit = 3.0 * math.sqrt(_moment(w, hi - lo, mean, 2))
        while lo < hi - 1 and v[lo] < mean - limit:
            lo += 1
        while hi > lo + 1 and v[hi - 1] > mean + limit:
            hi -= 1
    if use_median:
        return v[lo + (hi - lo - 1) // 2]
    return _mean(v[lo:hi], hi - lo)


@njit(cache=True, nogil=True)
def _most_common(v, n):
    """The value that occurs most often, the smallest of several; `v` sorted."""
    best, best_count, count = v[0], 0, 0
    for i in range(n):
        count = count + 1 if i > 0 and v[i] == v[i - 1] else 1
        if count > best_count:
            best, best_count = v[i], count
    return best


@njit(cache=True, nogil=True)
def _of_sorted(code, v, n, fraction):
    """Statistics of the sorted values alone."""
    if code == MIN:
        return v[0]
    if code == MAX:
        return v[n - 1]
    if code == RANGE:
        return v[n - 1] - v[0]
    if code == MID:
        return 0.5 * (v[0] + v[n - 1])
    if code == QUANTILE:
        return v[min(n - 1, int(fraction * n))]
    if code == COUNT:
        return float(n)
    if code == SUM:
        return _mean(v, n) * n
    if code == MCV:
        return _most_common(v, n)
    if code == NSLOPE:
        slope = 0.0
        for i in range(1, n):
            slope = v[1] - v[0] if i == 1 else min(slope, v[i] - v[i - 1])
        return slope
    if code == RMS:
        return math.sqrt(_moment(v, n, 0.0, 2))
    if code == OLYMPIC:
        return (_mean(v, n) * n - v[0] - v[n - 1]) / (n - 2) if n > 2 else _mean(v, n)
    if code in (CLIPPED_MEAN, CLIPPED_MEDIAN):
        return _clipped(v, n, code == CLIPPED_MEDIAN)
    median = v[(n - 1) // 2]
    if code == MEDIAN:
        return median
    if code == PMEAN:
        zeros, ones = 0, 0
        for i in range(n):
            zeros += v[i] == 0.0
            ones += v[i] == 1.0
        return (zeros + ones) / zeros - 1.0 if zeros > 0 else median
    mean = _mean(v, n)
    if code == MEAN:
        return mean
    if code == MODE:
        return 3.0 * median - 2.0 * mean
    if code == NMODE:
        return (3.0 * median - 2.0 * mean) / mean if mean != 0.0 else math.nan
    if code == SIGMA:
        return math.sqrt(_moment(v, n, mean, 2))
    if code == MU3:
        return _moment(v, n, mean, 3)
    if code == MU4:
        return _moment(v, n, mean, 4)
    return v[0] if mean - v[0] < v[n - 1] - mean else v[n - 1]


@njit(cache=True, nogil=True)
def _of_centre(code, v, n, centre, limits, neighbours):
    """Statistics that compare the centre with the values under the mask, and with the other pixels under it."""
    low, high, others = neighbours
    if code == UNSHARP:
        return centre - _mean(v, n)
    if code == VARIANCE:
        return math.sqrt(_moment(v, n, centre, 2))
    if code == LOCHEQ:
        spread = v[n - 1] - v[0]
        return limits[0] + (centre - v[0]) / spread * (limits[1] - limits[0]) if spread > 0.0 else centre
    if others == 0:
        return centre
    if code == RCLIP:
        return min(max(centre, low), high)
    if code == PEAK:
        return centre if centre > high else 0.0
    return math.nan


@njit(cache=True, nogil=True)
def _along_lines(code, stack, plane, y, x, dy, dx):
    """Ridge, valley, plain: the centre where it is above, below or equal to both ends of a mask line, else 0."""
    ny, nx = stack.shape[1], stack.shape[2]
    centre = stack[plane, y, x]
    for k in range(len(dy)):
        y1, x1, y2, x2 = y + dy[k], x + dx[k], y - dy[k], x - dx[k]
        if (dy[k] == 0 and dx[k] == 0) or min(y1, y2) < 0 or min(x1, x2) < 0 or max(y1, y2) >= ny or max(x1, x2) >= nx:
            continue
        a, b = stack[plane, y1, x1], stack[plane, y2, x2]
        if (
            (code == RIDGE and centre > a and centre > b)
            or (code == VALLEY and centre < a and centre < b)
            or (code == PLAIN and centre == a and centre == b)
        ):
            return centre
    return 0.0


@njit(cache=True, nogil=True)
def _kuwahara(stack, y, x, dy, dx):
    """Mean of the quadrant (axes included) with the smallest standard deviation."""
    best, best_spread = math.nan, math.inf
    for sy in (-1, 1):
        for sx in (-1, 1):
            n, total, squares = 0, 0.0, 0.0
            for plane in range(stack.shape[0]):
                for k in range(len(dy)):
                    y1, x1 = y + dy[k], x + dx[k]
                    outside = y1 < 0 or x1 < 0 or y1 >= stack.shape[1] or x1 >= stack.shape[2]
                    if sy * dy[k] < 0 or sx * dx[k] < 0 or outside or math.isnan(stack[plane, y1, x1]):
                        continue
                    n += 1
                    total += stack[plane, y1, x1]
                    squares += stack[plane, y1, x1] ** 2
            if n > 0:
                mean = total / n
                spread = max(squares / n - mean * mean, 0.0)
                if spread < best_spread:
                    best, best_spread = mean, spread
    return best


@njit(cache=True, nogil=True)
def _hash(seed, y, x):
    """Mix a seed and a pixel into 32 bits (constants of the murmur3 finaliser)."""
    h = np.uint32(seed) ^ np.uint32(y) * np.uint32(0x9E3779B1) ^ np.uint32(x) * np.uint32(0x85EBCA77)
    h = (h ^ (h >> np.uint32(16))) * np.uint32(0x85EBCA6B)
    h = (h ^ (h >> np.uint32(13))) * np.uint32(0xC2B2AE35)
    return h ^ (h >> np.uint32(16))


@njit(cache=True, nogil=True)
def _filter_rows(stack, dy, dx, code, fraction, seed, limits, first, out):
    nplanes, ny, nx = stack.shape
    values = np.empty(nplanes * len(dy))
    needs_centre = code in (UNSHARP, VARIANCE, LOCHEQ, RCLIP, PEAK, RIDGE, VALLEY, PLAIN)
    for row in range(len(out)):
        y = first + row
        for x in range(nx):
            centre, n = stack[0, y, x], 0
            low, high, others = math.inf, -math.inf, 0
            for plane in range(nplanes):
                for k in range(len(dy)):
                    y1, x1 = y + dy[k], x + dx[k]
                    if y1 < 0 or x1 < 0 or y1 >= ny or x1 >= nx or math.isnan(stack[plane, y1, x1]):
                        continue
                    values[n] = stack[plane, y1, x1]
                    if plane > 0 or y1 != y or x1 != x:
                        low, high, others = min(low, values[n]), max(high, values[n]), others + 1
                    n += 1
            if n == 0 or (needs_centre and math.isnan(centre)):
                out[row, x] = math.nan
            elif code == JITTER:
                out[row, x] = values[int(_hash(seed, y, x)) % n]
            elif code == KUWAHARA:
                out[row, x] = _kuwahara(stack, y, x, dy, dx)
            elif code in (RIDGE, VALLEY, PLAIN):
                out[row, x] = _along_lines(code, stack, 0, y, x, dy, dx)
            else:
                v = values[:n]
                if code != MEAN and code != SUM and code != COUNT:
                    v.sort()
                if needs_centre:
                    out[row, x] = _of_centre(code, v, n, centre, limits, (low, high, others))
                else:
                    out[row, x] = _of_sorted(code, v, n, fraction)


def filter_rows(
    stack: NDArray[np.float64],
    offsets: tuple[NDArray[np.int64], NDArray[np.int64]],
    function: str,
    rows: slice,
    seed: int = 0,
) -> NDArray[np.float64]:
    """Return some rows of a filtered image.

    Parameters
    ----------
    stack : ndarray, shape (nimages, ny, nx)
        NaN pixels are skipped.
    offsets : tuple of ndarray of int64
        dy and dx of the pixels under the mask.
    function : str
        One of `FUNCTIONS`, or a quantile `qNN`.
    rows : slice
        Which rows of the result to compute.
    seed : int
        For `jitter`.

    Returns
    -------
    ndarray of float64, shape (rows, nx)
        NaN where no pixel is under the mask.
    """
    quantile = function[0] == "q" and function[1:].isdecimal()
    code = FUNCTIONS.index("quantile" if quantile else function)
    fraction = int(function[1:]) / 100.0 if quantile else 0.0
    finite = stack[~np.isnan(stack)] if code == LOCHEQ else stack[:0]
    limits = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    out = np.empty((rows.stop - rows.start, stack.shape[2]))
    dy, dx = offsets
    _filter_rows(stack, dy, dx, code, fraction, seed, limits, rows.start, out)
    return out
