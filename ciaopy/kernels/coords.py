"""Kernels of the coordinate chain: chip -> DET -> SKY and back, on plain arrays.

Rows of the three tables that the kernels take, all float64:

`chips`, row = chip id: o (3), a (3), b (3) in mm in the STF frame (SIM position included), so that the point of chip
position (chipx, chipy) is ``o + (chipx - 0.5) a + (chipy - 0.5) b``. NaN where there is no such chip.

`records`, row = attitude record: cos(dtheta), sin(dtheta), dy, dz (mm), then the 3x3 matrix, row by row, that turns
body axes (X_b, Y_b, Z_b) into the axes (P, E, N) of the tangent point.

`optics`: focal length (mm), reference pixel of DET and SKY, pixel scale (radian).

A record index of -1 stands for "no attitude at that time": SKY is NaN, DET uses no offsets (NaN too).
Wrappers that check shapes and types are in `ciaopy.coords`.
"""

from __future__ import annotations

import numpy as np

from ciaopy.kernels.jit import njit

CHIP_WIDTH = 9
RECORD_WIDTH = 13


@njit(cache=True, nogil=True)
def record_index(times, start, until, slack, index):
    """Fill `index` with the last record whose start is at most time + slack, or -1; return the number of -1.

    Consecutive times that fall in one record, or in the next, cost no search.
    """
    last = start.size - 1
    outside = 0
    k = 0
    for i in range(times.size):
        t = times[i] + slack
        if last < 0 or not (t >= start[0]):
            index[i] = -1
            outside += 1
            continue
        if not (start[k] <= t and (k == last or t < start[k + 1])):
            if k < last and start[k + 1] <= t and (k + 1 == last or t < start[k + 2]):
                k += 1
            else:
                k = np.searchsorted(start, t, side="right") - 1
        if times[i] < until[k]:
            index[i] = k
        else:
            index[i] = -1
            outside += 1
    return outside


@njit(cache=True, nogil=True, inline="always")
def _chip_to_fc(c, u, v, chips, k, records):
    """Return the FC position (mm) of chip offsets u = chipx - 0.5, v = chipy - 0.5 on chip row c."""
    x = chips[c, 0] + u * chips[c, 3] + v * chips[c, 6]
    y = chips[c, 1] + u * chips[c, 4] + v * chips[c, 7]
    z = chips[c, 2] + u * chips[c, 5] + v * chips[c, 8]
    cosine, sine = records[k, 0], records[k, 1]
    return x, records[k, 2] + cosine * y + sine * z, records[k, 3] - sine * y + cosine * z


@njit(cache=True, nogil=True, inline="always")
def _body_to_sky(t_y, t_z, k, records, ref, inverse_scale):
    """Return X, Y of the direction X_b + t_y Y_b + t_z Z_b; NaN behind the tangent plane."""
    p = records[k, 4] + t_y * records[k, 5] + t_z * records[k, 6]
    if not (p > 0.0):
        return np.nan, np.nan
    e = records[k, 7] + t_y * records[k, 8] + t_z * records[k, 9]
    n = records[k, 10] + t_y * records[k, 11] + t_z * records[k, 12]
    q = inverse_scale / p
    return ref - e * q, ref + n * q


@njit(cache=True, nogil=True)
def chip_to_sky(ids, chipx, chipy, index, chips, records, optics, detx, dety, x, y):
    """Fill DET and SKY positions of chip positions; NaN for an unknown chip or no record."""
    focal, ref, scale = optics[0], optics[1], optics[2]
    inverse = 1.0 / scale
    nchips = chips.shape[0]
    for i in range(ids.size):
        c, k = ids[i], index[i]
        if k < 0 or c < 0 or c >= nchips:
            detx[i] = dety[i] = x[i] = y[i] = np.nan
            continue
        fx, fy, fz = _chip_to_fc(c, chipx[i] - 0.5, chipy[i] - 0.5, chips, k, records)
        depth = 1.0 / (fx - focal)
        t_y, t_z = fy * depth, fz * depth
        detx[i] = ref - t_y * inverse
        dety[i] = ref + t_z * inverse
        x[i], y[i] = _body_to_sky(t_y, t_z, k, records, ref, inverse)


@njit(cache=True, nogil=True)
def chip_to_det(ids, chipx, chipy, index, chips, records, optics, detx, dety):
    """Fill DET positions of chip positions; NaN for an unknown chip or no record."""
    focal, ref = optics[0], optics[1]
    inverse = 1.0 / optics[2]
    nchips = chips.shape[0]
    for i in range(ids.size):
        c, k = ids[i], index[i]
        if k < 0 or c < 0 or c >= nchips:
            detx[i] = dety[i] = np.nan
            continue
        fx, fy, fz = _chip_to_fc(c, chipx[i] - 0.5, chipy[i] - 0.5, chips, k, records)
        depth = inverse / (fx - focal)
        detx[i] = ref - fy * depth
        dety[i] = ref + fz * depth


@njit(cache=True, nogil=True)
def det_to_sky(detx, dety, index, records, optics, x, y):
    """Fill SKY positions of DET positions; NaN without a record."""
    ref, scale = optics[1], optics[2]
    inverse = 1.0 / scale
    for i in range(detx.size):
        k = index[i]
        if k < 0:
            x[i] = y[i] = np.nan
            continue
        x[i], y[i] = _body_to_sky(-(detx[i] - ref) * scale, (dety[i] - ref) * scale, k, records, ref, inverse)


@njit(cache=True, nogil=True)
def sky_to_det(x, y, index, records, optics, detx, dety):
    """Fill DET positions of SKY positions; NaN without a record or behind the telescope."""
    ref, scale = optics[1], optics[2]
    inverse = 1.0 / scale
    for i in range(x.size):
        k = index[i]
        detx[i] = dety[i] = np.nan
        if k < 0:
            continue
        e, n = -(x[i] - ref) * scale, (y[i] - ref) * scale
        sx = records[k, 4] + e * records[k, 7] + n * records[k, 10]
        if not (sx > 0.0):
            continue
        sy = records[k, 5] + e * records[k, 8] + n * records[k, 11]
        sz = records[k, 6] + e * records[k, 9] + n * records[k, 12]
        detx[i] = ref - sy / sx * inverse
        dety[i] = ref + sz / sx * inverse


@njit(cache=True, nogil=True)
def _ray_to_chip(dx, dy, dz, px, py, pz, chips, c):
    """Return (chipx, chipy) where the line (p + s d) meets the plane of chip row c; NaN if parallel."""
    ox, oy, oz = chips[c, 0] - px, chips[c, 1] - py, chips[c, 2] - pz
    ax, ay, az = chips[c, 3], chips[c, 4], chips[c, 5]
    bx, by, bz = chips[c, 6], chips[c, 7], chips[c, 8]
    # Cramer's rule for s d - u a - v b = o
    nx, ny, nz = ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx
    det = dx * nx + dy * ny + dz * nz
    if det == 0.0 or np.isnan(det):
        return np.nan, np.nan
    cx, cy, cz = oy * dz - oz * dy, oz * dx - ox * dz, ox * dy - oy * dx
    u = (cx * bx + cy * by + cz * bz) / det
    v = -(cx * ax + cy * ay + cz * az) / det
    return u + 0.5, v + 0.5


@njit(cache=True, nogil=True, inline="always")
def _excess(u, size):
    """Return how far (pixels) u lies outside 0.5 .. size + 0.5."""
    if u < 0.5:
        return 0.5 - u
    if u > size + 0.5:
        return u - size - 0.5
    return 0.0


@njit(cache=True, nogil=True)
def det_to_chip(detx, dety, want, index, chips, sizes, records, optics, ids, chipx, chipy):
    """Fill the chip and chip position of DET positions.

    ``want[i]`` >= 0 names the chip (the position may lie beyond its edges); -1 asks for the chip that holds the point,
    or else the one whose edge is nearest in pixels.
    """
    focal, ref, scale = optics[0], optics[1], optics[2]
    nchips = chips.shape[0]
    for i in range(detx.size):
        ids[i] = -1
        chipx[i] = chipy[i] = np.nan
        k = index[i]
        if k < 0 or want[i] >= nchips:
            continue
        cosine, sine = records[k, 0], records[k, 1]
        qy, qz = -records[k, 2], -records[k, 3]
        ry, rz = (detx[i] - ref) * scale, -(dety[i] - ref) * scale
        dx, dy, dz = -1.0, cosine * ry - sine * rz, sine * ry + cosine * rz
        py, pz = cosine * qy - sine * qz, sine * qy + cosine * qz
        best = np.inf
        lo, hi = (want[i], want[i] + 1) if want[i] >= 0 else (0, nchips)
        for c in range(lo, hi):
            u, v = _ray_to_chip(dx, dy, dz, focal, py, pz, chips, c)
            if np.isnan(u):
                continue
            du, dv = _excess(u, sizes[c, 0]), _excess(v, sizes[c, 1])
            distance = du * du + dv * dv
            if distance < best:
                best = distance
                ids[i], chipx[i], chipy[i] = c, u, v


@njit(cache=True, nogil=True)
def chip_to_tdet(ids, chipx, chipy, rules, tdetx, tdety):
    """Fill TDET of chip positions; `rules` by chip id: x0, y0, xx, xy, yx, yy. NaN for an unknown chip."""
    for i in range(ids.size):
        c = ids[i]
        if c < 0 or c >= rules.shape[0]:
            tdetx[i] = tdety[i] = np.nan
            continue
        tdetx[i] = rules[c, 0] + rules[c, 2] * chipx[i] + rules[c, 3] * chipy[i]
        tdety[i] = rules[c, 1] + rules[c, 4] * chipx[i] + rules[c, 5] * chipy[i]


@njit(cache=True, nogil=True)
def convex_chain(x, y, chain):
    """Fill `chain` with the indices of the lower convex chain of points sorted by (x, y); return how many.

    Walking the chain turns counter-clockwise everywhere; points on its edges are left out.
    """
    n = 0
    for i in range(x.size):
        while n > 1:
            a, b = chain[n - 2], chain[n - 1]
            if (x[b] - x[a]) * (y[i] - y[a]) - (y[b] - y[a]) * (x[i] - x[a]) > 0.0:
                break
            n -= 1
        chain[n] = i
        n += 1
    return n
