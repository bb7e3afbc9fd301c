"""Search kernels over events sorted by pixel and frame.

Events of one CCD stand in `frame`, sorted by pixel and then by frame index; those of pixel p are
``frame[first[p]:first[p + 1]]``, with p = (chipy - 1) * 1024 + (chipx - 1).
"""

from __future__ import annotations

import math

import numpy as np

from ciaopy.kernels.jit import njit

SIZE = 1024


@njit(cache=True, nogil=True)
def poisson_tail(n, mu, tolerance):
    """Return P(N >= n) for a Poisson mean `mu`, the series summed until a term is below `tolerance` of the sum."""
    if n <= 0:
        return 1.0
    if mu <= 0.0:
        return 0.0
    if mu > n:
        total = 0.0
        for k in range(n):
            total += math.exp(k * math.log(mu) - mu - math.lgamma(k + 1.0))
        return max(1.0 - total, 0.0)
    term = math.exp(n * math.log(mu) - mu - math.lgamma(n + 1.0))
    total = 0.0
    k = n
    while term > tolerance * total and term > 0.0:
        total += term
        k += 1
        term *= mu / k
    return min(total, 1.0)


@njit(cache=True, nogil=True)
def order_events(x, y, expno, frames, first, frame):
    """Sort events by pixel and frame, by counting.

    Parameters
    ----------
    x, y, expno : int32 arrays, shape (n,)
        Chip positions (1-based) and exposure numbers, in any order; time order is fastest.
    frames : (int, int32 array)
        Smallest exposure number, and the frame index of each exposure number from there on, -1 for none.
    first : int32 array, shape (1024 * 1024 + 1,), of zeros
        Receives where the events of each pixel begin.
    frame : int32 array, shape (n,)
        Receives the frame indices.

    Returns
    -------
    int
        Number of events on the chip and in a frame.
    """
    base, lookup = frames
    for i in range(len(x)):
        k = expno[i] - base
        if 0 <= k < len(lookup) and lookup[k] >= 0 and 1 <= x[i] <= SIZE and 1 <= y[i] <= SIZE:
            first[(y[i] - 1) * SIZE + x[i]] += 1
    for p in range(SIZE * SIZE):
        first[p + 1] += first[p]
    place = first[:-1].copy()
    for i in range(len(x)):
        k = expno[i] - base
        if 0 <= k < len(lookup) and lookup[k] >= 0 and 1 <= x[i] <= SIZE and 1 <= y[i] <= SIZE:
            p = (y[i] - 1) * SIZE + x[i] - 1
            j = place[p]
            place[p] += 1
            while j > first[p] and frame[j - 1] > lookup[k]:
                frame[j] = frame[j - 1]
                j -= 1
            frame[j] = lookup[k]
    return first[-1]


@njit(cache=True, nogil=True)
def _between(frame, first, p, low, high):
    """Number of events of pixel `p` with low <= frame <= high."""
    a, b = first[p], first[p + 1]
    i = a + np.searchsorted(frame[a:b], low)
    j = a + np.searchsorted(frame[a:b], high + 1)
    return j - i


@njit(cache=True, nogil=True)
def reference_mean(frame, first, good, p, low, high, half):
    """Return the largest mean that the surroundings of pixel `p` allow in frames low..high.

    Two estimates, in counts per pixel: the mean of the good pixels of the square of half width `half` without `p` and
    without the richest of them (it may be an afterglow too); and, where at least two events lie in the ring of 8
    without its richest pixel, ten times the ring's mean: the core of the telescope's point spread holds no more.
    """
    cx, cy = p % SIZE, p // SIZE
    total, pixels, richest = 0, 0, 0
    ring, ring_pixels, ring_richest = 0, 0, 0
    for y in range(max(cy - half, 0), min(cy + half, SIZE - 1) + 1):
        for x in range(max(cx - half, 0), min(cx + half, SIZE - 1) + 1):
            q = y * SIZE + x
            if q == p or not good[q]:
                continue
            n = _between(frame, first, q, low, high)
            total += n
            pixels += 1
            richest = max(richest, n)
            if abs(x - cx) <= 1 and abs(y - cy) <= 1:
                ring += n
                ring_pixels += 1
                ring_richest = max(ring_richest, n)
    mean = (total - richest) / (pixels - 1) if pixels > 1 else 0.0
    if ring_pixels > 1 and ring - ring_richest >= 2:
        mean = max(mean, 10.0 * (ring - ring_richest) / (ring_pixels - 1))
    return mean


@njit(cache=True, nogil=True)
def bursts(frame, first, window, out):
    """Fill `out`, shape (1024 * 1024,), with the largest number of events within `window` frames of each pixel."""
    for p in range(SIZE * SIZE):
        i = first[p]
        for j in range(first[p], first[p + 1]):
            while frame[j] - frame[i] >= window:
                i += 1
            out[p] = max(out[p], j - i + 1)


@njit(cache=True, nogil=True)
def third_burst(burst, good, p, half):
    """Return the third largest burst (events within a window, any time) among the pixels around `p`.

    A source that dithers across the square makes bursts in many of its pixels; a cosmic ray in one or two.
    """
    cx, cy = p % SIZE, p // SIZE
    top0, top1, top2 = 0, 0, 0
    for y in range(max(cy - half, 0), min(cy + half, SIZE - 1) + 1):
        for x in range(max(cx - half, 0), min(cx + half, SIZE - 1) + 1):
            q = y * SIZE + x
            if q == p or not good[q]:
                continue
            here = burst[q]
            if here > top0:
                top0, top1, top2 = here, top0, top1
            elif here > top1:
                top1, top2 = here, top1
            elif here > top2:
                top2 = here
    return top2


@njit(cache=True, nogil=True)
def find_afterglows(frame, first, good, nominal, settings, out):
    """Find windows of frames in which a pixel has more events than its surroundings allow.

    Parameters
    ----------
    frame : int32 array
        Frame indices of all events, as described at the top.
    first : int32 array, shape (1024 * 1024 + 1,)
        Where the events of each pixel begin.
    good : bool array, shape (1024 * 1024,)
        Pixels that are searched and that serve as reference.
    nominal : float64 array, shape (1024 * 1024,)
        Expected counts per pixel and frame.
    settings : tuple
        (window [frames], cntthresh, half width, log of the largest single-trial probability, tolerance).
    out : int64 array, shape (m, 3)
        Receives (pixel, first frame index, last frame index).

    Returns
    -------
    int
        Number of windows found; if larger than len(out), call again with a larger `out`.
    """
    window, threshold, half, log_limit, tolerance = settings
    found = 0
    burst = np.zeros(SIZE * SIZE, np.int64)
    bursts(frame, first, window, burst)
    for p in range(SIZE * SIZE):
        a, b = first[p], first[p + 1]
        if burst[p] < threshold or not good[p]:
            continue
        around = third_burst(burst, good, p, half)
        expected = max(nominal[p] * window, float(around) if around >= 2 else 0.0)
        chance = poisson_tail(burst[p], expected, tolerance)
        if chance > 0.0 and math.log(chance) > log_limit:
            continue
        open_low, open_high = -1, -1
        i = a
        for j in range(a, b):
            while frame[j] - frame[i] >= window:
                i += 1
            n = j - i + 1
            if n < threshold:
                continue
            low = frame[i]
            chance = poisson_tail(n, expected, tolerance)
            if chance > 0.0 and math.log(chance) > log_limit:
                continue
            centre = (low + frame[j]) // 2
            begin = centre - window // 2
            mu = max(expected, reference_mean(frame, first, good, p, begin, begin + window - 1, half))
            chance = poisson_tail(n, mu, tolerance)
            if chance > 0.0 and math.log(chance) > log_limit:
                continue
            if open_low >= 0 and low <= open_high:
                open_high = frame[j]
                continue
            if open_low >= 0:
                if found < len(out):
                    out[found, 0], out[found, 1], out[found, 2] = p, open_low, open_high
                found += 1
            open_low, open_high = low, frame[j]
        if open_low >= 0:
            if found < len(out):
                out[found, 0], out[found, 1], out[found, 2] = p, open_low, open_high
            found += 1
    return found


@njit(cache=True, nogil=True)
def find_hot_pixels(frame, first, good, nominal, settings, out):
    """Find pixels with too many events over the whole observation, not in one stretch of it only.

    The frames are cut into twenty equal parts; the richest part and its two neighbours are left out, so that an
    afterglow alone does not make a pixel hot.

    Parameters
    ----------
    frame, first, good, nominal
        As in `find_afterglows`.
    settings : tuple
        (number of frames, half width, log of the largest single-trial probability, tolerance).
    out : bool array, shape (1024 * 1024,)
        Receives True for hot pixels.
    """
    nframes, half, log_limit, tolerance = settings
    part = np.zeros(20, np.int64)
    for p in range(SIZE * SIZE):
        a, b = first[p], first[p + 1]
        if b - a < 3 or not good[p]:
            continue
        mu = nominal[p] * nframes
        chance = poisson_tail(b - a, mu, tolerance)
        if chance > 0.0 and math.log(chance) > log_limit:
            continue
        part[:] = 0
        for j in range(a, b):
            part[min(frame[j] * 20 // nframes, 19)] += 1
        peak = np.argmax(part)
        lost = part[max(peak - 1, 0) : peak + 2].sum()
        share = 1.0 - len(part[max(peak - 1, 0) : peak + 2]) / 20.0
        mu = max(mu, reference_mean(frame, first, good, p, 0, nframes - 1, half)) * share
        chance = poisson_tail(b - a - lost, mu, tolerance)
        if b - a - lost >= 3 and (chance <= 0.0 or math.log(chance) <= log_limit):
            out[p] = True


@njit(cache=True, nogil=True)
def nominal_fluence(counts, good, cell, repeats, limit, tolerance, out):
    """Fill `out` with the mean counts per pixel of each cell of `cell` x `cell` pixels, improbable pixels left out.

    Parameters
    ----------
    counts, good : int32 and bool arrays, shape (1024, 1024)
        Events per pixel; pixels to use.
    cell, repeats : int
        Side of a cell [pixel]; iterations of the rejection.
    limit : float
        Pixels whose count has a smaller Poisson tail probability than this are left out.
    tolerance : float
        Relative precision of the Poisson series.
    out : float64 array, shape (1024, 1024)
    """
    for y0 in range(0, SIZE, cell):
        for x0 in range(0, SIZE, cell):
            y1, x1 = min(y0 + cell, SIZE), min(x0 + cell, SIZE)
            top = np.int64(1 << 60)
            mean = 0.0
            for _ in range(repeats):
                total, pixels = 0, 0
                for y in range(y0, y1):
                    for x in range(x0, x1):
                        if good[y, x] and counts[y, x] < top:
                            total += counts[y, x]
                            pixels += 1
                mean = total / pixels if pixels else 0.0
                # an empty cell still has an upper limit of about one count in all its pixels
                floor = max(mean, 1.0 / max(pixels, 1))
                new_top = np.int64(max(1, math.ceil(floor)))
                while poisson_tail(new_top, floor, tolerance) > limit:
                    new_top += 1
                if new_top == top:
                    break
                top = new_top
            for y in range(y0, y1):
                for x in range(x0, x1):
                    out[y, x] = mean
