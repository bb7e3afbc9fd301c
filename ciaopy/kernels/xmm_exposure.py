"""Exposure of one EPIC camera on the sky: a lattice of points in every sky pixel, each looked up on the CCDs."""

from __future__ import annotations

import numpy as np

from ciaopy.kernels.jit import njit


@njit(cache=True, nogil=True)
def _vignetting(u, v, axis_x, axis_y, per_arcmin, table, gx, gy):
    dx, dy = (u - axis_x) / per_arcmin, (v - axis_y) / per_arcmin
    theta = np.sqrt(dx * dx + dy * dy)
    last = table.size - 1
    if theta >= last:
        radial = table[last]
    else:
        k = int(theta)
        radial = table[k] + (theta - k) * (table[k + 1] - table[k])
    return radial * np.exp(gx * dx + gy * dy)


@njit(cache=True, nogil=True)
def exposure_rows(first, out, sub, to_det, field, optics, table, to_raw, seconds, good):
    """Fill rows of a map.

    Parameters
    ----------
    first : int
        Image row of out[0].
    out : ndarray of float64, shape (n, nx)
        s; added to.
    sub : int
        Points along each side of a pixel.
    to_det : ndarray, shape (2, 3)
        Image pixel (0-based, centre whole) to DET.
    field : ndarray, shape (3,)
        Field of view: centre and radius, DET.
    optics : ndarray, shape (5,)
        Optical axis, DET units per arcmin, gradient.
    table : ndarray
        Radial vignetting; one number 1.0 for none.
    to_raw : ndarray, shape (nccd, 2, 3)
        DET to RAW pixel (1-based, centre whole).
    seconds : ndarray, shape (nccd,)
    good : ndarray of uint8, shape (nccd, ny, nx)
        1 for RAW pixels that count.
    """
    nccd, ny, nx = good.shape
    share = 1.0 / (sub * sub)
    for j in range(out.shape[0]):
        for i in range(out.shape[1]):
            total = 0.0
            for b in range(sub):
                y = first + j + (b + 0.5) / sub - 0.5
                for a in range(sub):
                    x = i + (a + 0.5) / sub - 0.5
                    u = to_det[0, 0] + to_det[0, 1] * x + to_det[0, 2] * y
                    v = to_det[1, 0] + to_det[1, 1] * x + to_det[1, 2] * y
                    if (u - field[0]) ** 2 + (v - field[1]) ** 2 > field[2] * field[2]:
                        continue
                    best = 0.0
                    for k in range(nccd):
                        if seconds[k] <= best:
                            continue
                        column = int(np.floor(to_raw[k, 0, 0] + to_raw[k, 0, 1] * u + to_raw[k, 0, 2] * v + 0.5)) - 1
                        row = int(np.floor(to_raw[k, 1, 0] + to_raw[k, 1, 1] * u + to_raw[k, 1, 2] * v + 0.5)) - 1
                        if 0 <= column < nx and 0 <= row < ny and good[k, row, column]:
                            best = seconds[k]
                    if best > 0.0:
                        if table.size > 1:
                            best *= _vignetting(u, v, optics[0], optics[1], optics[2], table, optics[3], optics[4])
                        total += best
            out[j, i] += total * share
