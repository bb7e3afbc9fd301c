"""Compiled loops of `regions`; loading this module loads numba."""

from __future__ import annotations

import math

from ciaopy.kernels.jit import njit

FIELD, CIRCLE, ANNULUS, ELLIPSE, BOX, RECTANGLE, POLYGON, PIE, SECTOR, POINT = range(10)


@njit(cache=True, nogil=True)
def _in_polygon(x, y, p):
    """Even-odd rule; a point on an edge or a vertex is inside."""
    n = len(p) // 2
    odd = False
    x0, y0 = p[2 * n - 2], p[2 * n - 1]
    for i in range(n):
        x1, y1 = p[2 * i], p[2 * i + 1]
        cross = (x1 - x0) * (y - y0) - (y1 - y0) * (x - x0)
        if cross == 0.0 and min(x0, x1) <= x <= max(x0, x1) and min(y0, y1) <= y <= max(y0, y1):
            return True
        if (y0 > y) != (y1 > y) and (cross > 0.0) == (y1 > y0):
            odd = not odd
        x0, y0 = x1, y1
    return odd


@njit(cache=True, nogil=True)
def _in_angles(u, v, first, span):
    if span >= 360.0 or (u == 0.0 and v == 0.0):
        return True
    return (math.degrees(math.atan2(v, u)) - first) % 360.0 <= span


@njit(cache=True, nogil=True)
def _in_shape(kind, x, y, p):
    if kind == FIELD:
        return True
    if kind == RECTANGLE:
        return p[0] <= x <= p[1] and p[2] <= y <= p[3]
    if kind == POLYGON:
        return _in_polygon(x, y, p)
    u, v = x - p[0], y - p[1]
    if kind == CIRCLE:
        return u * u + v * v <= p[2] * p[2]
    if kind == ANNULUS:
        return p[2] * p[2] <= u * u + v * v <= p[3] * p[3]
    if kind == BOX:
        return abs(p[4] * u + p[5] * v) <= p[2] and abs(p[4] * v - p[5] * u) <= p[3]
    if kind == ELLIPSE:
        s, t = p[4] * u + p[5] * v, p[4] * v - p[5] * u
        if p[2] == 0.0 or p[3] == 0.0:
            return abs(s) <= p[2] and abs(t) <= p[3]
        s, t = s / p[2], t / p[3]
        return s * s + t * t <= 1.0
    if kind == PIE:
        return p[2] * p[2] <= u * u + v * v <= p[3] * p[3] and _in_angles(u, v, p[4], p[5])
    if kind == SECTOR:
        return _in_angles(u, v, p[2], p[3])
    return u == 0.0 and v == 0.0


@njit(cache=True, nogil=True)
def inside(x, y, kinds, excluded, first, numbers, components, boxes, out):
    """Set `out` for every point; the arrays of a `RegionCode` describe the region."""
    for i in range(len(x)):
        px, py = float(x[i]), float(y[i])
        hit = False
        if not (math.isnan(px) or math.isnan(py)):
            for c in range(len(boxes)):
                if not (boxes[c, 0] <= px <= boxes[c, 1] and boxes[c, 2] <= py <= boxes[c, 3]):
                    continue
                hit = True
                for s in range(components[c], components[c + 1]):
                    if _in_shape(kinds[s], px, py, numbers[first[s] : first[s + 1]]) == excluded[s]:
                        hit = False
                        break
                if hit:
                    break
        out[i] = hit
