"""The eleven CIAO region shapes as values: kind, vertices, radii, angles, and what follows from them alone.

Coordinates and sizes are physical pixels; angles are degrees counter-clockwise from +x. Every edge belongs to its
shape. A circle of radius 0 contains its centre.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

from ciaopy.errors import RegionError

__all__ = ["DSVAL_NAMES", "KINDS", "Bounds", "Shape"]


class Signature(NamedTuple):
    """How many numbers of each sort a shape takes; `points` of -1 means three or more."""

    points: int
    radii: int
    angles: int


KINDS: dict[str, Signature] = {
    "circle": Signature(1, 1, 0),
    "annulus": Signature(1, 2, 0),
    "ellipse": Signature(1, 2, 1),
    "box": Signature(1, 2, 0),
    "rotbox": Signature(1, 2, 1),
    "rectangle": Signature(2, 0, 0),
    "polygon": Signature(-1, 0, 0),
    "pie": Signature(1, 2, 2),
    "sector": Signature(1, 0, 2),
    "point": Signature(1, 0, 0),
    "field": Signature(0, 0, 0),
}

# Spelling in the data subspace (DSVALn of CIAO files).
DSVAL_NAMES = {kind: kind.capitalize() for kind in KINDS} | {"rotbox": "RotBox"}


class Bounds(NamedTuple):
    """A rectangle with inclusive edges, in physical pixels; infinite where nothing limits it."""

    xlo: float
    xhi: float
    ylo: float
    yhi: float

    @property
    def is_empty(self) -> bool:
        """True where no point can lie inside."""
        return not (self.xlo <= self.xhi and self.ylo <= self.yhi)

    @property
    def is_finite(self) -> bool:
        """True where all four edges are finite numbers."""
        return all(math.isfinite(v) for v in self)

    def intersect(self, other: Bounds) -> Bounds:
        """Return the common part (possibly empty)."""
        return Bounds(
            max(self.xlo, other.xlo), min(self.xhi, other.xhi), max(self.ylo, other.ylo), min(self.yhi, other.yhi)
        )

    def hull(self, other: Bounds) -> Bounds:
        """Return the smallest rectangle around both; an empty one adds nothing."""
        if self.is_empty or other.is_empty:
            return self if other.is_empty else other
        return Bounds(
            min(self.xlo, other.xlo), max(self.xhi, other.xhi), min(self.ylo, other.ylo), max(self.yhi, other.yhi)
        )


EVERYWHERE = Bounds(-math.inf, math.inf, -math.inf, math.inf)
NOWHERE = Bounds(math.inf, -math.inf, math.inf, -math.inf)


@dataclass(frozen=True, slots=True)
class Shape:
    """One shape, taken as it is or as everything outside it.

    Attributes
    ----------
    kind : str
        A key of `KINDS`.
    x, y : tuple of float
        Centre; opposite corners of a rectangle; vertices of a polygon (not closed). Physical pixels.
    radii : tuple of float
        Radius; inner and outer radius (annulus, pie); semi-axes (ellipse); full width and height (box, rotbox).
    angles : tuple of float
        Rotation (ellipse, rotbox), or first and last angle (pie, sector). Degrees, counter-clockwise from +x.
    excluded : bool
        True for the complement (`!shape`).

    Raises
    ------
    RegionError
        Unknown kind, wrong count of numbers, a number that is not finite, negative sizes, inner above outer radius.
    """

    kind: str
    x: tuple[float, ...] = ()
    y: tuple[float, ...] = ()
    radii: tuple[float, ...] = ()
    angles: tuple[float, ...] = ()
    excluded: bool = False

    def __post_init__(self) -> None:
        want = KINDS.get(self.kind)
        if want is None:
            raise RegionError(f"region: unknown shape {self.kind}; the shapes are {', '.join(KINDS)}")
        points_fit = len(self.x) >= 3 if want.points < 0 else len(self.x) == want.points
        counts_fit = len(self.x) == len(self.y) and len(self.radii) == want.radii and len(self.angles) == want.angles
        if not (points_fit and counts_fit):
            raise RegionError(f"region: {self.kind} has the wrong number of coordinates, radii or angles")
        if not all(math.isfinite(v) for v in (*self.x, *self.y, *self.radii, *self.angles)):
            raise RegionError(f"region: {self.kind} has a coordinate, size or angle that is not a finite number")
        if any(r < 0 for r in self.radii):
            noun = {"box": "lengths", "rotbox": "lengths", "circle": "radius"}.get(self.kind, "radii")
            raise RegionError(f"region: {self.kind} {noun} must be positive")
        if self.kind in ("annulus", "pie") and self.radii[0] > self.radii[1]:
            raise RegionError(
                f"region: {self.kind} inner radius {self.radii[0]:g} is above the outer {self.radii[1]:g}"
            )

    def __invert__(self) -> Shape:
        return replace(self, excluded=not self.excluded)

    @property
    def arguments(self) -> tuple[float, ...]:
        """The numbers in the order in which region syntax writes them."""
        if self.kind in ("polygon", "rectangle"):
            return tuple(v for xy in zip(self.x, self.y, strict=True) for v in xy)
        return (*self.x, *self.y, *self.radii, *self.angles)

    def text(self, digits: int | None = 6) -> str:
        """Return the shape in region syntax, without the `!`; `digits` None writes numbers that lose nothing."""
        return f"{DSVAL_NAMES[self.kind]}({','.join(_number_text(v, digits) for v in self.arguments)})"

    def __str__(self) -> str:
        return ("!" if self.excluded else "") + self.text()

    @property
    def angle_span(self) -> float:
        """Width of a pie or sector in degrees, 0 to 360: from the first angle counter-clockwise to the last."""
        first, last = self.angles
        if abs(last - first) >= 360.0:
            return 360.0
        return (last - first) % 360.0

    @property
    def extent(self) -> Bounds:
        """Bounding box of the shape itself, `excluded` set aside.

        For a rotated ellipse it is that of the rotated rectangle with the ellipse's axes, as CIAO crops.
        """
        if self.kind in ("field", "sector"):
            return EVERYWHERE
        if self.kind in ("polygon", "rectangle", "point"):
            return Bounds(min(self.x), max(self.x), min(self.y), max(self.y))
        x, y = self.x[0], self.y[0]
        half_x, half_y = self._half_sizes()
        return Bounds(x - half_x, x + half_x, y - half_y, y + half_y)

    def _half_sizes(self) -> tuple[float, float]:
        if self.kind in ("circle", "annulus", "pie"):
            return self.radii[-1], self.radii[-1]
        width, height = self.radii if self.kind == "ellipse" else (self.radii[0] / 2, self.radii[1] / 2)
        if self.kind == "box":
            return width, height
        angle = math.radians(self.angles[0])
        cos, sin = abs(math.cos(angle)), abs(math.sin(angle))
        return width * cos + height * sin, width * sin + height * cos

    @property
    def area(self) -> float:
        """Area of the shape itself in square pixels (polygons: even-odd rule); infinite for field and sector."""
        from ciaopy.datamodel.regions.polygons import polygon_area

        match self.kind:
            case "circle":
                return math.pi * self.radii[0] ** 2
            case "annulus":
                return math.pi * (self.radii[1] ** 2 - self.radii[0] ** 2)
            case "pie":
                return math.pi * (self.radii[1] ** 2 - self.radii[0] ** 2) * self.angle_span / 360.0
            case "ellipse":
                return math.pi * self.radii[0] * self.radii[1]
            case "box" | "rotbox":
                return self.radii[0] * self.radii[1]
            case "rectangle":
                return abs(self.x[1] - self.x[0]) * abs(self.y[1] - self.y[0])
            case "polygon":
                return polygon_area(self.x, self.y)
            case "point":
                return 0.0
        return math.inf

    def translated(self, dx: float, dy: float) -> Shape:
        """Return the shape moved by (dx, dy) pixels."""
        return replace(self, x=tuple(v + dx for v in self.x), y=tuple(v + dy for v in self.y))


def _number_text(value: float, digits: int | None) -> str:
    return repr(value).removesuffix(".0") if digits is None else f"{value:.{digits}g}"
