"""Which points lie inside a region: one rule per shape.

A region is a disjunction of components, a component a conjunction of shapes or of their complements. It reaches the
kernel as flat arrays (`RegionCode`), so that one compiled function serves every region. Where there is little to do,
numpy does it, with the same arithmetic in the same order, bit for bit: numba takes half a second to load.
"""

from __future__ import annotations

import sys
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

FloatArray: TypeAlias = NDArray[np.floating[Any]]

__all__ = ["CODES", "RegionCode", "inside"]

CODES = {
    kind: code
    for code, kind in enumerate(
        ("field", "circle", "annulus", "ellipse", "box", "rectangle", "polygon", "pie", "sector", "point")
    )
}
FIELD, CIRCLE, ANNULUS, ELLIPSE, BOX, RECTANGLE, POLYGON, PIE, SECTOR, POINT = range(10)


class RegionCode(NamedTuple):
    """A region as arrays.

    Attributes
    ----------
    kinds : ndarray of int64, shape (nshapes,)
        Values of `CODES`; a rotbox is a box with a rotation.
    excluded : ndarray of bool, shape (nshapes,)
        True where the complement of the shape counts.
    first : ndarray of int64, shape (nshapes + 1,)
        Where the numbers of each shape begin in `numbers`.
    numbers : ndarray of float64
        Circle: x y r. Annulus: x y r1 r2. Ellipse: x y a b cos sin. Box: x y w/2 h/2 cos sin. Rectangle: xlo xhi ylo
        yhi. Polygon: x y pairs. Pie: x y r1 r2 angle span. Sector: x y angle span. Point: x y. (Angles in degrees.)
    components : ndarray of int64, shape (ncomponents + 1,)
        Where each component begins in `kinds`.
    boxes : ndarray of float64, shape (ncomponents, 4)
        xlo, xhi, ylo, yhi outside which no point of the component lies.
    """

    kinds: NDArray[np.int64]
    excluded: NDArray[np.bool_]
    first: NDArray[np.int64]
    numbers: NDArray[np.float64]
    components: NDArray[np.int64]
    boxes: NDArray[np.float64]


# Numbers of shapes times points that numpy is given in all before numba is loaded: 0.1 to 0.2 s.
FEW_TESTS = 50_000_000

_tests_done = [0]


def inside(code: RegionCode, x: FloatArray, y: FloatArray) -> NDArray[np.bool_]:
    """Return a mask of the points inside a region; a point with a NaN is in none.

    Parameters
    ----------
    code : RegionCode
    x, y : ndarray of float32 or float64, shape (n,), C-contiguous
        Physical pixels. Arithmetic is in double precision.

    Raises
    ------
    ValueError
        The arrays do not go together.
    """
    if x.shape != y.shape or x.ndim != 1:
        raise ValueError(f"x and y must be vectors of one length, not {x.shape} and {y.shape}")
    if not _compiled_pays(code, len(x)):
        return _inside_few(code, x, y)
    from ciaopy.kernels import regions_compiled

    out = np.empty(len(x), dtype=np.bool_)
    regions_compiled.inside(x, y, code.kinds, code.excluded, code.first, code.numbers, code.components, code.boxes, out)
    return out


def _compiled_pays(code: RegionCode, count: int) -> bool:
    """Tell whether the compiled loops are there already, or so much is asked that loading them is worth while.

    Angles are always left to them: numpy's arctan2 may differ from the C library's in the last bit.
    """
    if "ciaopy.kernels.regions_compiled" in sys.modules or np.isin(code.kinds, (PIE, SECTOR)).any():
        return True
    _tests_done[0] += count * (len(code.numbers) + len(code.kinds))
    return _tests_done[0] > FEW_TESTS


def _inside_few(code: RegionCode, x: FloatArray, y: FloatArray) -> NDArray[np.bool_]:
    """Do what the compiled loops do."""
    x, y = x.astype(np.float64, copy=False), y.astype(np.float64, copy=False)
    out = np.zeros(len(x), dtype=np.bool_)
    with np.errstate(invalid="ignore", over="ignore"):
        for c, (xlo, xhi, ylo, yhi) in enumerate(code.boxes.tolist()):
            left = np.flatnonzero((xlo <= x) & (x <= xhi) & (ylo <= y) & (y <= yhi) & ~out)
            for s in range(code.components[c], code.components[c + 1]):
                numbers = code.numbers[code.first[s] : code.first[s + 1]].tolist()
                within = _in_shape(int(code.kinds[s]), x[left], y[left], numbers)
                left = left[within != code.excluded[s]]
            out[left] = True
    return out


def _in_shape(kind: int, x: FloatArray, y: FloatArray, p: list[float]) -> NDArray[np.bool_]:
    """Return which points lie in one shape."""
    if kind == FIELD:
        return np.ones(len(x), np.bool_)
    if kind == RECTANGLE:
        return (p[0] <= x) & (x <= p[1]) & (p[2] <= y) & (y <= p[3])
    if kind == POLYGON:
        return _in_polygon(x, y, p)
    u, v = x - p[0], y - p[1]
    if kind in (CIRCLE, ANNULUS):
        square = u * u + v * v
        return square <= p[2] * p[2] if kind == CIRCLE else (p[2] * p[2] <= square) & (square <= p[3] * p[3])
    if kind == BOX:
        turned: NDArray[np.bool_] = (abs(p[4] * u + p[5] * v) <= p[2]) & (abs(p[4] * v - p[5] * u) <= p[3])
        return turned
    if kind == ELLIPSE:
        s, t = p[4] * u + p[5] * v, p[4] * v - p[5] * u
        if p[2] == 0.0 or p[3] == 0.0:
            flat: NDArray[np.bool_] = (abs(s) <= p[2]) & (abs(t) <= p[3])
            return flat
        s, t = s / p[2], t / p[3]
        within: NDArray[np.bool_] = s * s + t * t <= 1.0
        return within
    here: NDArray[np.bool_] = (u == 0.0) & (v == 0.0)
    return here


def _in_polygon(x: FloatArray, y: FloatArray, p: list[float]) -> NDArray[np.bool_]:
    """Even-odd rule; a point on an edge or a vertex is inside."""
    odd, edge = np.zeros(len(x), np.bool_), np.zeros(len(x), np.bool_)
    x0, y0 = p[-2], p[-1]
    for x1, y1 in zip(p[::2], p[1::2], strict=True):
        cross = (x1 - x0) * (y - y0) - (y1 - y0) * (x - x0)
        edge |= (cross == 0.0) & (min(x0, x1) <= x) & (x <= max(x0, x1)) & (min(y0, y1) <= y) & (y <= max(y0, y1))
        odd ^= ((y0 > y) != (y1 > y)) & ((cross > 0.0) == (y1 > y0))
        x0, y0 = x1, y1
    return odd | edge
