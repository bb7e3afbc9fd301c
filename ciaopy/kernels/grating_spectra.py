"""Kernels that sort resolved events into spectra: source and background on a wavelength grid of each row."""

from __future__ import annotations

import numpy as np

from ciaopy.kernels.jit import njit

SOURCE, BACKGROUND_UP, BACKGROUND_DOWN = 0, 1, 2


@njit(cache=True, nogil=True)
def in_polygon(x, y, vertices, n):
    """Return True if (x, y) lies in the polygon of the first n rows of `vertices`, by the parity of crossings."""
    inside = False
    j = n - 1
    for i in range(n):
        yi, yj = vertices[i, 1], vertices[j, 1]
        if (yi > y) != (yj > y):
            cross = vertices[i, 0] + (y - yi) * (vertices[j, 0] - vertices[i, 0]) / (yj - yi)
            if x < cross:
                inside = not inside
        j = i
    return inside


@njit(cache=True, nogil=True)
def channel_of(lam, edges, n):
    """Return which of the n bins of ascending `edges` holds lam (low edge included), or -1."""
    if not (lam >= edges[0] and lam < edges[n]):
        return -1
    k = int((lam - edges[0]) / (edges[n] - edges[0]) * n)
    k = min(max(k, 0), n - 1)
    while lam < edges[k]:
        k -= 1
    while lam >= edges[k + 1]:
        k += 1
    return k


@njit(cache=True, nogil=True, inline="always")
def _held(lam, d, row, kind, limits, vertices, sizes):
    """Return True if an event lies in the region of one kind (source, up, down) of a row."""
    if sizes[row, kind] > 0:
        return in_polygon(lam, d, vertices[row, kind], sizes[row, kind])
    low, high = limits[row, kind, 0], limits[row, kind, 1]
    if kind == SOURCE:
        return d >= low and d <= high
    if kind == BACKGROUND_UP:
        return d > low and d <= high
    return d >= low and d < high


@njit(cache=True, nogil=True)
def count(srcid, part, order, lam, tg_d, rows, edges, bins, limits, vertices, sizes, kinds, counts):
    """Add events to `counts`, shape (row, kind, bin), bins by ascending wavelength.

    ``rows[source, part, order + 62]`` is the spectrum of an event, -1 for none; the first `bins` + 1 `edges` of
    each row ascend; `limits` (row, kind, 2) of tg_d hold where ``sizes[row, kind]`` is 0, else that many `vertices` of
    a polygon in (wavelength, tg_d). `kinds`: 3 with background, 1 without.
    """
    for i in range(lam.size):
        s, p, m = srcid[i], part[i], order[i] + 62
        if s < 0 or s >= rows.shape[0] or p < 0 or p >= rows.shape[1] or m < 0 or m >= rows.shape[2]:
            continue
        row = rows[s, p, m]
        if row < 0 or np.isnan(lam[i]) or np.isnan(tg_d[i]):
            continue
        k = -2
        for kind in range(kinds):
            if _held(lam[i], tg_d[i], row, kind, limits, vertices, sizes):
                if k == -2:
                    k = channel_of(lam[i], edges[row], bins[row])
                if k >= 0:
                    counts[row, kind, k] += 1
