"""`mask(image)`: a region whose inside is where an image, in its physical coordinates, is not zero.

Masks and shapes combine with the operators of regions: `mask(a.img)*circle(10,10,5)-mask(b.img)`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ciaopy.datamodel.regions import (
    EVERYWHERE,
    NOWHERE,
    OPERATORS,
    Bounds,
    Region,
    closing_parenthesis,
    parse_region,
)
from ciaopy.datamodel.sky import PixelFrame
from ciaopy.datamodel.subspace import KEY, Text
from ciaopy.datamodel.wcs import physical_axis
from ciaopy.errors import DataError, RegionError

if TYPE_CHECKING:
    from ciaopy.datamodel.datasource import DataSource
    from ciaopy.fits import Image

MASK = re.compile(r"mask\s*\(([^()]*)\)$", re.I)
HAS_MASK = re.compile(r"\bmask\s*\(", re.I)
# The block that keeps the mask of a filter in the file filtered.
MASK_BLOCK = "FILTERMASK"
BOUNDS = re.compile(r"\bbounds\s*\(", re.I)


class Shape2D(Protocol):
    """What filters and binning need of a region."""

    @property
    def bounds(self) -> Bounds:
        """Bounding box, physical pixels."""
        ...

    def inside(self, x: ArrayLike, y: ArrayLike) -> NDArray[np.bool_]:
        """Tell which points are inside."""
        ...

    def __str__(self) -> str: ...


@dataclass(frozen=True, eq=False)
class MaskRegion:
    """Points whose pixel in `image` is neither 0 nor NaN; with `negate`, all others.

    The pixel of a point is the one whose half-open square holds it.
    """

    image: Image
    negate: bool = False

    def inside(self, x: ArrayLike, y: ArrayLike) -> NDArray[np.bool_]:
        """Tell which points are inside; NaN coordinates and points off the image are in no pixel."""
        data, index, on = self.image.data, [], np.ones(np.broadcast(x, y).shape, dtype=bool)
        assert data is not None
        for axis, values in ((1, x), (2, y)):
            logical = physical_axis(self.image.header, axis).to_logical(values)
            size = data.shape[2 - axis]
            with np.errstate(invalid="ignore"):
                pixel = np.floor(logical - 0.5)
                on &= (pixel >= 0) & (pixel < size)
            index.append(np.where(on, pixel, 0).astype(np.int64))
        value = data[np.where(on, index[1], 0), np.where(on, index[0], 0)]
        inside: NDArray[np.bool_] = on & (value != 0) & (value == value)
        return ~inside if self.negate else inside

    @property
    def bounds(self) -> Bounds:
        """Outer edges of the pixels that are not zero; infinite for a negated mask."""
        data = self.image.data
        assert data is not None
        if self.negate:
            return Bounds(-np.inf, np.inf, -np.inf, np.inf)
        rows, columns = np.nonzero((data != 0) & (data == data))
        if not len(rows):
            return Bounds(np.inf, -np.inf, np.inf, -np.inf)
        x, y = (physical_axis(self.image.header, k) for k in (1, 2))
        xs = sorted(x.from_logical([columns.min() + 0.5, columns.max() + 1.5]).tolist())
        ys = sorted(y.from_logical([rows.min() + 0.5, rows.max() + 1.5]).tolist())
        return Bounds(xs[0], xs[1], ys[0], ys[1])

    def __str__(self) -> str:
        return f"{'!' if self.negate else ''}MASK({self.image.name})"


@dataclass(frozen=True, eq=False)
class Combination:
    """Masks and regions combined: a point is inside if it satisfies every part of at least one group.

    Attributes
    ----------
    groups : tuple of tuples of (bool, MaskRegion or Region or Combination)
        The flag is true for a part that must not hold.
    """

    groups: tuple[tuple[tuple[bool, Shape2D], ...], ...]

    def inside(self, x: ArrayLike, y: ArrayLike) -> NDArray[np.bool_]:
        """Tell which points are inside."""
        found = np.zeros(np.broadcast(x, y).shape, dtype=bool)
        for group in self.groups:
            both = np.ones(found.shape, dtype=bool)
            for negated, part in group:
                both &= part.inside(x, y) ^ negated
            found |= both
        return found

    @property
    def bounds(self) -> Bounds:
        """Hull over the groups of the common box of the parts that each includes."""
        boxes = (reduce(Bounds.intersect, (p.bounds for n, p in g if not n), EVERYWHERE) for g in self.groups)
        return reduce(Bounds.hull, boxes, NOWHERE)

    def __str__(self) -> str:
        return "|".join("&".join(_shown(n, p) for n, p in group) for group in self.groups)


def _shown(negated: bool, part: Shape2D) -> str:
    text = str(part)
    return ("!" if negated else "") + (f"({text})" if re.search(r"[|&]", text) else text)


def text_shape(value: Text) -> Shape2D | None:
    """Return the region that a value of the data subspace names, or None where it cannot be told (a mask not kept)."""
    from ciaopy.fits import Image

    if isinstance(value.shape, Region | MaskRegion | Combination):
        return value.shape
    if isinstance(value.table, Image):
        return MaskRegion(value.table, value.text.startswith("!"))
    if value.reference or HAS_MASK.search(value.text):
        return None
    try:
        return parse_region(value.text)
    except RegionError:
        return None


def intersection(old: Text | None, new: Region | MaskRegion | Combination, inside: bool) -> Text:
    """Return the value of the data subspace for what is in `old`, and in `new` (or, with `inside` false, outside it).

    A mask alone comes with its image, which the file keeps; a mask combined with other things is known in memory, and
    to a reader of the file by its text alone.
    """
    known = text_shape(old) if old is not None else None
    if isinstance(new, Region) and (old is None or isinstance(known, Region)):
        both = new if inside else ~new
        return Text(str(known & both if isinstance(known, Region) else both))
    text = str(new) if inside else complement_text(new)
    if old is None and isinstance(new, MaskRegion):
        mask = MaskRegion(kept_mask(new.image), new.negate ^ (not inside))
        return Text(str(mask), f":{MASK_BLOCK}", mask.image)
    parts = [] if known is None else [(False, known)]
    shape = Combination(((*parts, (not inside, new)),)) if old is None or known is not None else None
    return Text(text if old is None else f"({old})&({text})", shape=shape)


def kept_mask(image: Image) -> Image:
    """Return a mask image as the block of a file that was filtered with it."""
    from ciaopy.fits import Image as Made

    header = image.header.copy()
    for key in [c.keyword for c in header.cards if KEY.match(c.keyword)]:
        header.remove(key, ignore_missing=True)
    header.remove("EXTVER", ignore_missing=True)
    header["EXTNAME"], header["HDUNAME"] = MASK_BLOCK, (MASK_BLOCK, "ASCDM block name")
    return Made(MASK_BLOCK, image.data, header)


def complement_text(region: Region | MaskRegion | Combination) -> str:
    """Return the text of what is outside a region."""
    text = str(region)
    if isinstance(region, MaskRegion):
        return text.removeprefix("!") if region.negate else f"!{text}"
    return f"!({text})"


def window_bounds(region: Region | MaskRegion | Combination) -> Bounds:
    """Return the box that a filter crops an image to: that of its shapes; a mask alone keeps the size (ahelp dmmasks).

    `bounds(mask(image))` is a rectangle, and does crop.
    """
    if isinstance(region, Combination):
        boxes = (reduce(Bounds.intersect, (_part_window(p) for n, p in g if not n), EVERYWHERE) for g in region.groups)
        return reduce(Bounds.hull, boxes, NOWHERE)
    return EVERYWHERE if isinstance(region, MaskRegion) else region.bounds


def _part_window(part: Shape2D) -> Bounds:
    return window_bounds(part) if isinstance(part, Region | MaskRegion | Combination) else part.bounds


def _with_bounds(text: str, wcs: PixelFrame | None, ws: DataSource) -> str:
    """Return a region with every `bounds(region)` replaced by the rectangle around that region."""
    found = BOUNDS.search(text)
    while found is not None:
        end = closing_parenthesis(text, found.end() - 1)
        box = resolve_region(text[found.end() : end], wcs, ws).bounds
        if box.is_empty or not box.is_finite:
            what = "nothing is inside" if box.is_empty else "the region has no limits"
            raise RegionError(f"region: {text[found.start() : end + 1]}: {what}, so that it has no bounds")
        corners = ",".join(repr(float(v)) for v in (box.xlo, box.ylo, box.xhi, box.yhi))
        text = f"{text[: found.start()]}rectangle({corners}){text[end + 1 :]}"
        found = BOUNDS.search(text)
    return text


def resolve_region(text: str, wcs: PixelFrame | None, ws: DataSource) -> Region | MaskRegion | Combination:
    """Return the region that a filter names: shapes, `region(file)`, `mask(image)`, or a combination of them.

    `bounds(...)` of any of these is the rectangle around it, physical pixels; around a mask the outer edges of the
    pixels that are not zero.

    Raises
    ------
    RegionError
        It cannot be parsed; or the mask is not an image of two dimensions.
    """
    text = _with_bounds(text, wcs, ws)
    if not HAS_MASK.search(text):
        return parse_region(text, wcs, ws.read)
    groups: list[list[tuple[bool, Shape2D]]] = []
    for operator, negated, term in _terms(text.strip()):
        found = MASK.match(term)
        part: Shape2D
        if found is not None:
            part = _read_mask(found[1].strip().strip("\"'"), ws)
        elif HAS_MASK.search(term):
            part = resolve_region(term[1:-1], wcs, ws)  # a group in parentheses
        else:
            part = parse_region(term, wcs, ws.read)
        if operator == "|":
            groups.append([])
        groups[-1].append((negated ^ (operator == "-"), part))
    if len(groups) == 1 and len(groups[0]) == 1:
        negated, alone = groups[0][0]
        if isinstance(alone, MaskRegion):
            return MaskRegion(alone.image, negated ^ alone.negate)
    return Combination(tuple(map(tuple, groups)))


def _terms(text: str) -> Iterator[tuple[str, bool, str]]:
    """Yield (operator `|` `&` `-`, negated, text of the shape or of the group in parentheses)."""
    position, operator = 0, "|"
    if text[:1] in ("-", "*", "&"):
        raise RegionError("region: it begins with an exclusion; begin with field(), as in field()-mask(file)")
    while position < len(text):
        marks = re.compile(r"[\s!]*").match(text, position)
        assert marks is not None
        start = marks.end()
        opening = re.compile(r"\w*\s*\(").match(text, start)
        if opening is None:
            raise RegionError(f"region: expected a shape at {text[start : start + 40]!r}")
        end = closing_parenthesis(text, opening.end() - 1) + 1
        yield operator, marks[0].count("!") % 2 == 1, text[start:end]
        after = re.compile(r"\s*(\|\||&&|[-+|*&])?\s*").match(text, end)
        assert after is not None
        operator, position = OPERATORS.get(after[1] or "", "|"), after.end()
        if after[1] and position >= len(text):
            raise RegionError(f"region: a shape is missing after {after[1]!r}")


def _read_mask(name: str, ws: DataSource) -> MaskRegion:
    from ciaopy.fits import Image

    try:
        image = ws.read(name)
    except DataError as e:
        raise RegionError(f"mask({name}): {e}") from None
    if not isinstance(image, Image) or image.data is None or image.data.ndim != 2:
        raise RegionError(f"mask({name}): not an image of two dimensions")
    return MaskRegion(image)
