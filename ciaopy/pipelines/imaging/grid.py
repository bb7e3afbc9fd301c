"""Grids of sky pixels for fluximage: edges at 0.5 + k width, the union of the chips, or what the user says."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ciaopy.errors import CiaopyError, NoDataError, UserError

if TYPE_CHECKING:
    from ciaopy.datamodel import Component, Workspace
    from ciaopy.fits import Header

__all__ = ["AxisRange", "SkyGrid", "explicit_grid", "number", "subspace_limits"]

# More pixels than this along an axis is a mistake.
MOST_PIXELS = 200_000


def number(value: float) -> str:
    """Return a number as Python writes it, whole ones without a point."""
    return str(int(value)) if float(value).is_integer() else repr(float(value))


@dataclass(frozen=True)
class AxisRange:
    """A range of sky pixels, both ends on 0.5 + k width.

    Attributes
    ----------
    low, high : float
        Outer edges.
    width : float
        Size of a pixel.
    count : int
        Pixels.
    """

    low: float
    high: float
    width: float
    count: int

    @classmethod
    def around(cls, low: float, high: float, width: float) -> AxisRange:
        """Return the smallest aligned range that holds low to high.

        Raises
        ------
        UserError
            Not low < high, or no positive width.
        """
        if not (low < high and width > 0 and math.isfinite(high - low)):
            raise UserError(f"no grid from {low:g} to {high:g} with pixels of {width:g}")
        start = 0.5 + (low - 0.5) // width * width
        full, rest = divmod(high - start, width)
        count = int(full) + (1 if rest else 0)
        return cls(float(start), float(start + count * width), float(width), count)

    def __and__(self, other: AxisRange) -> AxisRange | None:
        """Return the overlap; touching ranges have none."""
        low, high = max(self.low, other.low), min(self.high, other.high)
        return AxisRange.around(low, high, self.width) if low < high else None

    def __or__(self, other: AxisRange) -> AxisRange:
        """Return the range that holds both."""
        return AxisRange.around(min(self.low, other.low), max(self.high, other.high), self.width)

    @property
    def text(self) -> str:
        """`lo:hi:width`."""
        return f"{number(self.low)}:{number(self.high)}:{number(self.width)}"

    @property
    def counted(self) -> str:
        """`lo:hi:#n`."""
        return f"{number(self.low)}:{number(self.high)}:#{self.count}"


@dataclass(frozen=True)
class SkyGrid:
    """The grid of all images of a run.

    Attributes
    ----------
    x, y : AxisRange
    texts : (str, str)
        The axes as the images are binned: `lo:hi:width` or what the user typed.
    binsize : float
        Size of a pixel, the smaller one where the axes differ; sky pixels.
    explicit : bool
        Given by the user (xygrid).
    partial : str
        Which axes have a last pixel that is cut: blank, `x`, `y` or `x and y`.
    """

    x: AxisRange
    y: AxisRange
    texts: tuple[str, str]
    binsize: float
    explicit: bool = False
    partial: str = ""

    @classmethod
    def automatic(cls, x: AxisRange, y: AxisRange) -> SkyGrid:
        """Return the grid of two aligned ranges."""
        return cls(x, y, (x.text, y.text), x.width)

    @property
    def binning(self) -> str:
        """`x=lo:hi:width,y=lo:hi:width` for `[bin ...]`."""
        return f"x={self.texts[0]},y={self.texts[1]}"

    @property
    def xygrid(self) -> str:
        """The same for mkexpmap, in the same words: the headers of all images agree to the last digit."""
        return ",".join(self.texts)

    @property
    def filter(self) -> str:
        """Filter of the events inside."""
        return f"[x={number(self.x.low)}:{number(self.x.high)}][y={number(self.y.low)}:{number(self.y.high)}]"


def explicit_grid(text: str, ws: Workspace) -> SkyGrid:
    """Read the parameter xygrid: `lo:hi:#n,lo:hi:#n`, `lo:hi:width,...`, or the name of an image.

    Raises
    ------
    UserError
        Neither an image nor a grid.
    """
    found = _image_axes(text, ws)
    fields = [f"{number(a.low)}:{number(a.high)}:#{a.count}" for a in found] if found else text.split(",")
    if len(fields) != 2:
        raise UserError(f"xygrid={text}: expected x0:x1:#nx,y0:y1:#ny, x0:x1:dx,y0:y1:dy, or the name of an image")
    x, y = (_axis(field, text) for field in fields)
    cut = [name for name, (_, whole) in (("x", x), ("y", y)) if not whole]
    texts = (fields[0].strip(), fields[1].strip())
    return SkyGrid(x[0], y[0], texts, min(x[0].width, y[0].width), True, " and ".join(cut))


def _image_axes(text: str, ws: Workspace) -> list[AxisRange] | None:
    """Return the axes of an image, or None where the text names none."""
    from ciaopy.datamodel.images import image_grid, read_image

    if not ws.exists(text.strip()):
        return None
    try:
        grid = image_grid(read_image(ws, text.strip()))
    except CiaopyError as e:
        raise UserError(f"xygrid={text}: not an image whose grid could be taken: {e}") from e
    return [AxisRange(a.low, a.high, a.step, a.count) for a in (grid.x, grid.y)]


def _axis(field: str, text: str) -> tuple[AxisRange, bool]:
    """Return an axis, and whether a whole number of pixels fits."""
    parts = [p.strip() for p in field.split(":")]
    counted = len(parts) == 3 and parts[2].startswith("#")
    try:
        low, high = float(parts[0]), float(parts[1])
        last = float(int(parts[2][1:])) if counted else float(parts[2])
    except (ValueError, IndexError):
        low = high = last = math.nan
    if len(parts) != 3 or not math.isfinite(low + high + last):
        raise UserError(f"xygrid={text}: cannot read {field.strip()!r}; expected lo:hi:#n or lo:hi:width")
    if not last > 0:
        raise UserError(f"xygrid={text}: {field.strip()!r}: the number or size of the pixels must be above 0")
    if not low < high:
        raise UserError(f"xygrid={text}: {field.strip()!r}: the first limit must be below the second")
    if counted:
        axis, whole = AxisRange(low, high, (high - low) / last, int(last)), True
    else:
        pixels = (high - low) / last
        count = math.ceil(pixels - 1e-9)
        axis, whole = AxisRange(low, low + count * last, last, count), abs(pixels - round(pixels)) < 1e-9
    if axis.count > MOST_PIXELS:
        raise UserError(f"xygrid={text}: {axis.count} pixels along one axis; use larger ones")
    return axis, whole


def subspace_limits(header: Header) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return the x and y limits that the data subspace of an event block allows: the union of its components.

    Region filters count with their bounding box. An axis without a limit is infinite.

    Raises
    ------
    NoDataError
        The filters leave nothing.
    """
    from ciaopy.datamodel import Subspace

    boxes = [_box(component) for component in Subspace.from_header(header).components]
    boxes = [b for b in boxes if b[0][0] < b[0][1] and b[1][0] < b[1][1]] if boxes else [(_FREE, _FREE)]
    if not boxes:
        raise NoDataError("the filters of the events leave no part of the sky; check the filters on x, y and sky")
    return (
        (min(b[0][0] for b in boxes), max(b[0][1] for b in boxes)),
        (min(b[1][0] for b in boxes), max(b[1][1] for b in boxes)),
    )


_FREE = (-math.inf, math.inf)
_Limits = tuple[float, float]


def _box(component: Component) -> tuple[_Limits, _Limits]:
    from ciaopy.datamodel import Ranges, Text
    from ciaopy.datamodel.regions import parse_region

    limits = {"x": _FREE, "y": _FREE}
    for axis in limits:
        value = component.get(axis)
        if isinstance(value, Ranges):
            limits[axis] = _narrowed(limits[axis], _span(value.spans))
    region = component.get("sky")
    if isinstance(region, Text) and "MASK(" not in region.text.upper():
        box = parse_region(region.text).bounds
        limits["x"] = _narrowed(limits["x"], (box.xlo, box.xhi))
        limits["y"] = _narrowed(limits["y"], (box.ylo, box.yhi))
    return limits["x"], limits["y"]


def _span(spans: Iterable[tuple[float | int | None, float | int | None]]) -> _Limits:
    pairs = [(-math.inf if a is None else float(a), math.inf if b is None else float(b)) for a, b in spans]
    return min((p[0] for p in pairs), default=math.inf), max((p[1] for p in pairs), default=-math.inf)


def _narrowed(a: _Limits, b: _Limits) -> _Limits:
    return max(a[0], b[0]), min(a[1], b[1])
