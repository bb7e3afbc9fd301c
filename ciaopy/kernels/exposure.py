"""Kernels of exposure maps: chip maps summed over the aspect, and laid on the sky.

Maps of a chip are float32 arrays [y, x]; continuous map positions (q, r) count pixel edges: pixel (i, j) of a map
covers j <= q < j + 1, i <= r < i + 1. A map is constant within a pixel and 0 outside. `matrix` (3, 3) takes
homogeneous sky pixels (X, Y, 1) to (q w, r w, w). Wrappers that check shapes and types are in `ciaopy.exposure`.
"""

from __future__ import annotations

import numpy as np

from ciaopy.kernels.jit import njit


@njit(cache=True, nogil=True)
def gather(maps, matrices, duration, mean, reach, xs, ys, sub, out):
    """Add, for every sky pixel, duration times the maps at the chip position under each aspect bin.

    `maps` (ny, nx, bands); `matrices` (n, 3, 3), `duration` (n); `mean` (3, 3) and `reach` (map pixels) tell which
    positions no bin can bring onto the map; `xs`, `ys`: sky positions, `sub` per output pixel and axis;
    `out` (rows, columns, bands) holds the mean over the sub x sub positions of each pixel.
    """
    ny, nx, bands = maps.shape
    share = 1.0 / (sub * sub)
    total = np.empty(bands, np.float64)
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            total[:] = 0.0
            for si in range(i * sub, (i + 1) * sub):
                y = ys[si]
                for sj in range(j * sub, (j + 1) * sub):
                    x = xs[sj]
                    w = 1.0 / (mean[2, 0] * x + mean[2, 1] * y + mean[2, 2])
                    q = (mean[0, 0] * x + mean[0, 1] * y + mean[0, 2]) * w
                    r = (mean[1, 0] * x + mean[1, 1] * y + mean[1, 2]) * w
                    if not (-reach <= q < nx + reach and -reach <= r < ny + reach):
                        continue
                    for k in range(duration.size):
                        m = matrices[k]
                        w = 1.0 / (m[2, 0] * x + m[2, 1] * y + m[2, 2])
                        q = (m[0, 0] * x + m[0, 1] * y + m[0, 2]) * w
                        r = (m[1, 0] * x + m[1, 1] * y + m[1, 2]) * w
                        if q >= 0.0 and q < nx and r >= 0.0 and r < ny:
                            iq, ir = int(q), int(r)
                            for b in range(bands):
                                total[b] += duration[k] * maps[ir, iq, b]
            for b in range(bands):
                out[i, j, b] = total[b] * share


@njit(cache=True, nogil=True, fastmath={"contract"})
def shifted_sum(padded, row, column, down, right, weight, out):
    """Fill ``out[i, j] = sum_k weight[k] padded[row + down[k] + i, column + right[k] + j]``.

    Four shifts at a time, so that the sums stay in registers; the order of additions is fixed.
    """
    height, width = out.shape
    n = weight.size
    for i in range(height):
        line = out[i]
        line[:] = 0.0
        k = 0
        while k + 4 <= n:
            w0, w1, w2, w3 = weight[k], weight[k + 1], weight[k + 2], weight[k + 3]
            c0, c1, c2, c3 = column + right[k], column + right[k + 1], column + right[k + 2], column + right[k + 3]
            a = padded[row + down[k] + i, c0 : c0 + width]
            b = padded[row + down[k + 1] + i, c1 : c1 + width]
            c = padded[row + down[k + 2] + i, c2 : c2 + width]
            d = padded[row + down[k + 3] + i, c3 : c3 + width]
            for j in range(width):
                line[j] += w0 * a[j] + w1 * b[j] + w2 * c[j] + w3 * d[j]
            k += 4
        while k < n:
            w0 = weight[k]
            c0 = column + right[k]
            a = padded[row + down[k] + i, c0 : c0 + width]
            for j in range(width):
                line[j] += w0 * a[j]
            k += 1


@njit(cache=True, nogil=True)
def _bilinear(field, u, v):
    """Return a field at (u, v) in units of its cells, centres at whole numbers; ends held."""
    ny, nx = field.shape
    u = min(max(u, 0.0), nx - 1.0)
    v = min(max(v, 0.0), ny - 1.0)
    j, i = min(int(u), max(nx - 2, 0)), min(int(v), max(ny - 2, 0))
    f, g = u - j, v - i
    j1, i1 = min(j + 1, nx - 1), min(i + 1, ny - 1)
    low = field[i, j] * (1.0 - f) + field[i, j1] * f
    high = field[i1, j] * (1.0 - f) + field[i1, j1] * f
    return low * (1.0 - g) + high * g


@njit(cache=True, nogil=True)
def lay_on_sky(lattice, margin, per_pixel, matrix, xs, ys, sub, out):
    """Fill sky pixels with the mean over sub x sub positions of a lattice, bilinear between its points.

    Lattice point l stands at the map position ``(l + 0.5) / per_pixel - margin``; outside the lattice is 0.
    """
    ny, nx = lattice.shape
    share = 1.0 / (sub * sub)
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            total = 0.0
            for si in range(i * sub, (i + 1) * sub):
                y = ys[si]
                for sj in range(j * sub, (j + 1) * sub):
                    x = xs[sj]
                    w = 1.0 / (matrix[2, 0] * x + matrix[2, 1] * y + matrix[2, 2])
                    q = (matrix[0, 0] * x + matrix[0, 1] * y + matrix[0, 2]) * w
                    r = (matrix[1, 0] * x + matrix[1, 1] * y + matrix[1, 2]) * w
                    u, v = (q + margin) * per_pixel - 0.5, (r + margin) * per_pixel - 0.5
                    if u >= 0.0 and u <= nx - 1 and v >= 0.0 and v <= ny - 1:
                        total += _bilinear(lattice, u, v)
            out[i, j] = total * share
