"""Kernels for moving targets: cubic curves in time, and event positions about a moving direction.

A curve is a table of knots, float64 (n, 7): time [s], then a vector and its rate of change. Between knots it is the
cubic that has both at either end. `until` (n,) is the last time, inclusive, at which the piece that begins at a knot
holds: the next knot, or the knot itself where there is a gap; times outside all pieces have no value.
"""

from __future__ import annotations

import numpy as np

from ciaopy.kernels.jit import njit

KNOT_WIDTH = 7
PLANE_WIDTH = 13


@njit(cache=True, nogil=True, inline="always")
def _piece(t, knots, until, k):
    """Return the piece of the curve that holds at t, tried first near piece k; -1 for none."""
    last = knots.shape[0] - 1
    if last < 0 or not (t >= knots[0, 0] and t <= until[last]):
        return -1
    if not (knots[k, 0] <= t and (k == last or t < knots[k + 1, 0])):
        if k < last and knots[k + 1, 0] <= t and (k + 1 == last or t < knots[k + 2, 0]):
            k += 1
        else:
            low, high = 0, last + 1
            while high - low > 1:
                middle = (low + high) // 2
                if knots[middle, 0] <= t:
                    low = middle
                else:
                    high = middle
            k = low
    return k if t <= until[k] else -1


@njit(cache=True, nogil=True, inline="always")
def _cubic(t, knots, k):
    """Return the vector of piece k at t (Hermite's cubic)."""
    if k == knots.shape[0] - 1:
        return knots[k, 1], knots[k, 2], knots[k, 3]
    h = knots[k + 1, 0] - knots[k, 0]
    s = (t - knots[k, 0]) / h
    # value at the knot plus corrections, so that nothing is lost where the vector is long and moves little
    rise = s * s * (3.0 - 2.0 * s)
    first = s * (1.0 - s) * (1.0 - s) * h
    second = -s * s * (1.0 - s) * h
    a = knots[k, 1] + rise * (knots[k + 1, 1] - knots[k, 1]) + first * knots[k, 4] + second * knots[k + 1, 4]
    b = knots[k, 2] + rise * (knots[k + 1, 2] - knots[k, 2]) + first * knots[k, 5] + second * knots[k + 1, 5]
    c = knots[k, 3] + rise * (knots[k + 1, 3] - knots[k, 3]) + first * knots[k, 6] + second * knots[k + 1, 6]
    return a, b, c


@njit(cache=True, nogil=True)
def curve_at(times, knots, until, value, rate):
    """Fill value and rate (n, 3) of a curve at times; NaN where no piece holds."""
    k = 0
    for i in range(times.size):
        t = times[i]
        found = _piece(t, knots, until, k)
        if found < 0:
            value[i, :] = np.nan
            rate[i, :] = np.nan
            continue
        k = found
        value[i, 0], value[i, 1], value[i, 2] = _cubic(t, knots, k)
        if k == knots.shape[0] - 1:
            rate[i, :] = knots[k, 4:]
            continue
        h = knots[k + 1, 0] - knots[k, 0]
        s = (t - knots[k, 0]) / h
        for j in range(3):
            slope = (knots[k + 1, 1 + j] - knots[k, 1 + j]) / h
            rate[i, j] = (
                6.0 * s * (1.0 - s) * slope
                + (1.0 - s) * (1.0 - 3.0 * s) * knots[k, 4 + j]
                + s * (3.0 * s - 2.0) * knots[k + 1, 4 + j]
            )


@njit(cache=True, nogil=True)
def spline_slopes(time, value, slope):
    """Fill the rates (n, m) of the cubic spline through values (n, m): not-a-knot; a parabola through three points."""
    n, m = value.shape
    if n < 2:
        slope[:] = 0.0
        return
    h = time[1:] - time[:-1]
    for j in range(m):
        d = (value[1:, j] - value[:-1, j]) / h
        if n == 2:
            slope[:, j] = d[0]
            continue
        if n == 3:
            slope[1, j] = (h[1] * d[0] + h[0] * d[1]) / (h[0] + h[1])
            slope[0, j] = 2.0 * d[0] - slope[1, j]
            slope[2, j] = 2.0 * d[1] - slope[1, j]
            continue
        diagonal, upper, right = np.empty(n), np.empty(n), np.empty(n)
        width = time[2] - time[0]
        diagonal[0], upper[0] = h[1], width
        right[0] = ((h[0] + 2.0 * width) * h[1] * d[0] + h[0] * h[0] * d[1]) / width
        for i in range(1, n):
            if i < n - 1:
                lower, diagonal[i], upper[i] = h[i], 2.0 * (h[i - 1] + h[i]), h[i - 1]
                right[i] = 3.0 * (h[i] * d[i - 1] + h[i - 1] * d[i])
            else:
                lower = time[n - 1] - time[n - 3]
                diagonal[i], upper[i] = h[n - 3], 0.0
                right[i] = (h[n - 2] ** 2 * d[n - 3] + (2.0 * lower + h[n - 2]) * h[n - 3] * d[n - 2]) / lower
            factor = lower / diagonal[i - 1]
            diagonal[i] -= factor * upper[i - 1]
            right[i] -= factor * right[i - 1]
        slope[n - 1, j] = right[n - 1] / diagonal[n - 1]
        for i in range(n - 2, -1, -1):
            slope[i, j] = (right[i] - upper[i] * slope[i + 1, j]) / diagonal[i]


@njit(cache=True, nogil=True)
def object_centred(time, x, y, knots, until, plane, scale, ocx, ocy, length):
    """Fill positions about a moving object and its distance; return how many events no piece of the curve holds.

    Parameters
    ----------
    time, x, y : float64 (n,)
        s; SKY pixels.
    knots, until
        The curve of the vector from the observer to the object [m].
    plane : float64 (13,)
        Of SKY: reference pixel x, y; radians per pixel on x (to the East where positive), y; unit vectors P, E, N.
    scale : float
        km per pixel; 0 for the angles of `plane`.
    ocx, ocy, length : float64 (n,)
        Out: pixels; km. All NaN without the object's position; the pixels NaN at 90 degrees and more from it.
    """
    x0, y0, step_x, step_y = plane[0], plane[1], plane[2], plane[3]
    sign_x, sign_y = np.sign(step_x), np.sign(step_y)
    outside = 0
    k = 0
    for i in range(time.size):
        found = _piece(time[i], knots, until, k)
        if found < 0:
            ocx[i] = ocy[i] = length[i] = np.nan
            outside += 1
            continue
        k = found
        gx, gy, gz = _cubic(time[i], knots, k)
        across = np.hypot(gx, gy)
        distance = np.sqrt(gx * gx + gy * gy + gz * gz)
        length[i] = distance * 1e-3
        if across > 0.0:
            ca, sa = gx / across, gy / across
        else:
            ca, sa = 1.0, 0.0
        cd, sd = across / distance, gz / distance
        xi, eta = (x[i] - x0) * step_x, (y[i] - y0) * step_y
        vx = plane[4] + xi * plane[7] + eta * plane[10]
        vy = plane[5] + xi * plane[8] + eta * plane[11]
        vz = plane[6] + xi * plane[9] + eta * plane[12]
        along = ca * vx + sa * vy
        p = cd * along + sd * vz
        if not (p > 0.0):
            ocx[i] = ocy[i] = np.nan
            continue
        e = (ca * vy - sa * vx) / p
        n = (cd * vz - sd * along) / p
        if scale > 0.0:
            pixels = distance * 1e-3 / scale
            ocx[i] = x0 + sign_x * e * pixels
            ocy[i] = y0 + sign_y * n * pixels
        else:
            ocx[i] = x0 + e / step_x
            ocy[i] = y0 + n / step_y
    return outside
