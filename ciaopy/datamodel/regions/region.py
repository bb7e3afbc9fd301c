"""A region: components joined by OR, each made of shapes joined by AND, as CIAO combines them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, reduce
from itertools import combinations, product
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ciaopy.datamodel.regions.shapes import EVERYWHERE, NOWHERE, Bounds, Shape
from ciaopy.errors import RegionError

if TYPE_CHECKING:
    from ciaopy.kernels.regions import RegionCode

__all__ = ["Region"]

MAX_COMPONENTS = 4096
MAX_AREA_POINTS = 4 * 10**8


@dataclass(frozen=True)
class Region:
    """A set of points in a plane of physical pixels.

    `a | b` is the union, `a & b` the intersection, `a - b` what is in `a` and not in `b`, `~a` the complement.
    Expressions of CIAO's syntax, in which AND binds tighter than OR and nothing groups, are exactly these components:
    `A+B-C` is A | (B & !C).

    Attributes
    ----------
    components : tuple of tuples of Shape
        A point is inside if it satisfies every shape of at least one component.

    Raises
    ------
    RegionError
        No component, or a component without shapes: a region is never silently empty.
    """

    components: tuple[tuple[Shape, ...], ...]

    def __post_init__(self) -> None:
        if not self.components or not all(self.components):
            raise RegionError("region: no shapes in it")

    @classmethod
    def from_shape(cls, shape: Shape) -> Region:
        """Return the region of a single shape."""
        return cls(((shape,),))

    @property
    def shapes(self) -> tuple[Shape, ...]:
        """All shapes in order, those that are excluded as well."""
        return tuple(shape for component in self.components for shape in component)

    def __or__(self, other: Region) -> Region:
        return Region(self.components + other.components)

    def __and__(self, other: Region) -> Region:
        _check_size(len(self.components) * len(other.components))
        return Region(tuple(_merge(a, b) for a, b in product(self.components, other.components)))

    def __sub__(self, other: Region) -> Region:
        return self & ~other

    def __invert__(self) -> Region:
        _check_size(math.prod(len(c) for c in self.components))
        return Region(tuple(tuple(dict.fromkeys(~s for s in choice)) for choice in product(*self.components)))

    def __str__(self) -> str:
        return self.text()

    def text(self, digits: int | None = 6) -> str:
        """Return the region in CIAO syntax, as the data subspace holds it: `Circle(10,10,5)&!Circle(10,10,2)|Box(...)`.

        Parameters
        ----------
        digits : int or None
            Significant digits of each number: 6 as in DSVALn; None for as many as it takes to lose nothing.
        """
        return "|".join(
            "&".join(("!" if s.excluded else "") + s.text(digits) for s in component) for component in self.components
        )

    def translated(self, dx: float, dy: float) -> Region:
        """Return the region moved by (dx, dy) pixels."""
        return Region(tuple(tuple(s.translated(dx, dy) for s in component) for component in self.components))

    @cached_property
    def bounds(self) -> Bounds:
        """Bounding box: the hull over components of the common box of the shapes that each includes.

        Infinite where a component has only exclusions, a sector or a field. The box of a rotated ellipse is that of
        the rotated rectangle around it (CIAO's cropping). `is_empty` where the boxes of every component are disjoint.
        """
        return reduce(Bounds.hull, map(_component_bounds, self.components), NOWHERE)

    def inside(self, x: ArrayLike, y: ArrayLike) -> NDArray[np.bool_]:
        """Return where points lie inside; edges count as inside, a NaN coordinate as outside.

        Parameters
        ----------
        x, y : array_like, broadcast against each other
            Physical pixels. float32 stays float32 in memory; arithmetic is in double precision.

        Returns
        -------
        ndarray of bool, of the broadcast shape
        """
        from ciaopy.kernels.regions import inside

        u, v = np.broadcast_arrays(_coordinates(x), _coordinates(y))
        mask = inside(self._code, np.ascontiguousarray(u).ravel(), np.ascontiguousarray(v).ravel())
        return mask.reshape(u.shape)

    def area(self, field: Bounds | None = None, step: float = 1.0) -> float:
        """Return the area in square pixels.

        Analytic for a single shape or several whose bounding boxes are disjoint. Composed and overlapping shapes are
        counted on a grid of `step` pixels that begins at the lower corner of the bounding box, as the CXC region
        library does (circle of radius 5 less one of radius 2: 68, not 65.97).

        Parameters
        ----------
        field : Bounds, optional
            What `field()`, sectors and pure exclusions are limited to; without it their area is infinite.
        step : float
            Grid step in pixels; a smaller one gives a better area of composed regions.

        Raises
        ------
        RegionError
            The grid would have more than 4e8 points.
        """
        areas = self._disjoint_areas()
        if areas is not None:
            return math.fsum(areas)
        bounds = self.bounds if field is None else self.bounds.intersect(field)
        if bounds.is_empty:
            return 0.0
        if not bounds.is_finite:
            return math.inf
        if self.components == ((Shape("field"),),):
            return (bounds.xhi - bounds.xlo) * (bounds.yhi - bounds.ylo)
        return self._counted_area(bounds, step)

    def _disjoint_areas(self) -> list[float] | None:
        """Return the areas of the shapes if they stand alone, are finite and do not touch; else None."""
        if any(len(c) > 1 or c[0].excluded for c in self.components):
            return None
        shapes = [c[0] for c in self.components]
        areas = [a for a in (s.area for s in shapes) if math.isfinite(a)]
        if len(areas) < len(shapes):
            return None
        if any(not a.extent.intersect(b.extent).is_empty for a, b in combinations(shapes, 2)):
            return None
        return areas

    def _counted_area(self, bounds: Bounds, step: float) -> float:
        columns = int((bounds.xhi - bounds.xlo) / step) + 1
        rows = int((bounds.yhi - bounds.ylo) / step) + 1
        if columns * rows > MAX_AREA_POINTS:
            raise RegionError(f"region: its area would be counted on {columns} x {rows} points; use a larger step")
        x = bounds.xlo + step * np.arange(columns)
        block = max(1, 2**20 // columns)
        count = 0
        for first in range(0, rows, block):
            y = bounds.ylo + step * np.arange(first, min(first + block, rows))
            count += int(np.count_nonzero(self.inside(x[None, :], y[:, None])))
        return count * step * step

    @cached_property
    def _code(self) -> RegionCode:
        from ciaopy.kernels.regions import CODES, RegionCode

        shapes = self.shapes
        numbers = [_numbers(s) for s in shapes]
        boxes = [_widened(_component_bounds(c)) for c in self.components]
        return RegionCode(
            kinds=np.array([CODES["box" if s.kind == "rotbox" else s.kind] for s in shapes], dtype=np.int64),
            excluded=np.array([s.excluded for s in shapes], dtype=np.bool_),
            first=np.cumsum([0, *map(len, numbers)], dtype=np.int64),
            numbers=np.array([v for n in numbers for v in n], dtype=np.float64),
            components=np.cumsum([0, *map(len, self.components)], dtype=np.int64),
            boxes=np.array(boxes, dtype=np.float64),
        )


def _check_size(count: int) -> None:
    if count > MAX_COMPONENTS:
        raise RegionError(f"region: this combination has {count} components; use a [exclude sky=...] filter instead")


def _merge(a: tuple[Shape, ...], b: tuple[Shape, ...]) -> tuple[Shape, ...]:
    """Return the conjunction of two components, each shape once."""
    return tuple(dict.fromkeys(a + b))


def _component_bounds(component: tuple[Shape, ...]) -> Bounds:
    return reduce(Bounds.intersect, (s.extent for s in component if not s.excluded), EVERYWHERE)


def _widened(bounds: Bounds) -> Bounds:
    """Return the box a little larger, so that rounding in its edges cuts no point of a shape."""
    pads = [1e-9 * (1.0 + abs(v)) if math.isfinite(v) else 0.0 for v in bounds]
    return Bounds(bounds.xlo - pads[0], bounds.xhi + pads[1], bounds.ylo - pads[2], bounds.yhi + pads[3])


def _coordinates(values: ArrayLike) -> NDArray[Any]:
    array = np.asarray(values)
    return array if array.dtype in (np.float32, np.float64) else array.astype(np.float64)


def _numbers(shape: Shape) -> tuple[float, ...]:
    """Return a shape as `ciaopy.kernels.regions.RegionCode.numbers` wants it."""
    match shape.kind:
        case "box" | "rotbox" | "ellipse":
            angle = math.radians(shape.angles[0]) if shape.angles else 0.0
            half = 1.0 if shape.kind == "ellipse" else 0.5
            sizes = (half * shape.radii[0], half * shape.radii[1])
            return (shape.x[0], shape.y[0], *sizes, math.cos(angle), math.sin(angle))
        case "rectangle":
            return tuple(shape.extent)
        case "pie" | "sector":
            return (shape.x[0], shape.y[0], *shape.radii, shape.angles[0], shape.angle_span)
    return shape.arguments
