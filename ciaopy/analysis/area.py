"""The part of a plane that rows can come from, and its area: what filters left, of this run and of those before.

The data subspace says it: for each component the regions and ranges on two columns, all of which hold; a row may
belong to any component. Areas are in square pixels of the columns.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ciaopy.datamodel import Ranges, Text
from ciaopy.datamodel.filtering import Shape2D, column_limits, text_shape
from ciaopy.datamodel.regions import EVERYWHERE, NOWHERE, Bounds, Region
from ciaopy.errors import UserError
from ciaopy.fits import Array

if TYPE_CHECKING:
    from ciaopy.datamodel import Subspace
    from ciaopy.fits import Table

__all__ = ["ValidArea"]

# Points along each side of the bounding box: areas of cut shapes are good to about 1e-4 of the box.
POINTS = 1024


class Band(NamedTuple):
    """Ranges of one of the two columns: half-open, as filters on reals are."""

    axis: int
    ranges: Ranges

    def inside(self, x: Array, y: Array) -> NDArray[np.bool_]:
        """Tell which points are in the ranges."""
        at = (x, y)[self.axis]
        found = np.zeros(np.broadcast(x, y).shape, dtype=bool)
        for lo, hi in self.ranges.spans:
            found |= (at >= (-np.inf if lo is None else lo)) & (at < (np.inf if hi is None else hi))
        return found

    @property
    def bounds(self) -> Bounds:
        """From the lowest to the highest end."""
        los = [-np.inf if lo is None else float(lo) for lo, _ in self.ranges.spans]
        his = [np.inf if hi is None else float(hi) for _, hi in self.ranges.spans]
        ends = min(los, default=np.inf), max(his, default=-np.inf)
        return Bounds(*ends, -np.inf, np.inf) if self.axis == 0 else Bounds(-np.inf, np.inf, *ends)


@dataclass(frozen=True)
class ValidArea:
    """Where rows can lie in the plane of two columns.

    Attributes
    ----------
    groups : tuple of tuples
        A point is valid where all parts of at least one group hold it; an empty group holds everything.
    field : Bounds
        Limits of the columns (TLMIN, TLMAX), infinite where these say nothing.
    """

    groups: tuple[tuple[Shape2D | Band, ...], ...]
    field: Bounds = EVERYWHERE

    @classmethod
    def of(cls, subspace: Subspace, table: Table, pair: tuple[str, str]) -> ValidArea:
        """Read the filters on a pair of columns from a subspace.

        Raises
        ------
        UserError
            A mask that the file names and does not hold: the area is not known.
        """
        ends = [
            limits.spans[0] if limits else (None, None) for limits in (column_limits(table.column(c)) for c in pair)
        ]
        edges = [edge for lo, hi in ends for edge in (-np.inf if lo is None else lo, np.inf if hi is None else hi)]
        keys = [d.key for d in subspace.descriptors if _columns(d.name, table) == pair]
        groups: dict[tuple[str, ...], tuple[Shape2D | Band, ...]] = {}
        for component in subspace.components:
            named = [(k, component.get(k)) for k in keys]
            named += [(k, component.get(k)) for k in pair if component.get(k) != column_limits(table.column(k))]
            values = [(k, v) for k, v in named if v is not None]
            label = tuple(f"{k}={v}" for k, v in values)
            groups.setdefault(label, tuple(_part(k, v, pair) for k, v in values))
        return cls(tuple(groups.values()) or ((),), Bounds(*edges))

    @property
    def is_everything(self) -> bool:
        """True where no filter limits the plane."""
        return any(not g for g in self.groups)

    @property
    def bounds(self) -> Bounds:
        """Box around the valid part, without the field's limits."""
        return reduce(
            Bounds.hull, (reduce(Bounds.intersect, (p.bounds for p in g), EVERYWHERE) for g in self.groups), NOWHERE
        )

    def inside(self, x: Array, y: Array) -> NDArray[np.bool_]:
        """Tell which points are valid; shapes broadcast."""
        found = np.zeros(np.broadcast(x, y).shape, dtype=bool)
        for group in self.groups:
            held = np.ones(found.shape, dtype=bool)
            for part in group:
                held &= part.inside(x, y)
            found |= held
        return found

    def area(self) -> float:
        """Return the area of all that is valid; infinite where neither filters nor the field limit it."""
        alone = self.groups[0][0] if len(self.groups) == 1 and len(self.groups[0]) == 1 else None
        if isinstance(alone, Region) and alone.bounds.is_finite:
            return alone.area()
        box = self.bounds if self.bounds.is_finite else self.bounds.intersect(self.field)
        if self.is_everything or not box.is_finite or box.is_empty:
            return 0.0 if box.is_empty else (box.xhi - box.xlo) * (box.yhi - box.ylo)
        x, y, cell = _points(box)
        return float(np.count_nonzero(self.inside(x, y))) * cell

    def area_within(self, region: Region) -> float:
        """Return the area of a region that is valid: its own area where filters take nothing of it.

        A region without limits is cut at those of the filters, else of the field; NaN without either.
        """
        box = region.bounds.intersect(self.bounds)
        box = box if box.is_finite else box.intersect(self.field)
        if self.is_everything and region.bounds.is_finite:
            return region.area()
        if box.is_empty:
            return 0.0
        if not box.is_finite:
            return float("nan")
        x, y, cell = _points(box)
        own, valid = region.inside(x, y), self.inside(x, y)
        both = np.count_nonzero(own & valid)
        if region.bounds.is_finite and box == region.bounds and both == np.count_nonzero(own):
            return region.area()
        return float(both) * cell


def _points(box: Bounds) -> tuple[Array, Array, float]:
    """Return the centres of a grid of cells over a box, (1, n) and (n, 1), and the area of a cell."""
    step_x, step_y = (box.xhi - box.xlo) / POINTS, (box.yhi - box.ylo) / POINTS
    middle = np.arange(POINTS) + 0.5
    return (box.xlo + step_x * middle)[None, :], (box.ylo + step_y * middle)[:, None], step_x * step_y


def _columns(descriptor: str, table: Table) -> tuple[str, str] | None:
    """Return the two columns, lower case, of a descriptor `sky(x,y)`, or of a vector that the table knows."""
    name, opened, parts = descriptor.lower().replace(" ", "").partition("(")
    pieces = parts.rstrip(")").split(",")
    if opened:
        return (pieces[0], pieces[1]) if len(pieces) == 2 else None
    vector = table.vector(name)
    if vector is None or len(vector.components) != 2:
        return None
    return vector.components[0].lower(), vector.components[1].lower()


def _part(key: str, value: object, pair: tuple[str, str]) -> Shape2D | Band:
    if isinstance(value, Ranges) and key in pair:
        return Band(pair.index(key), value)
    shape = text_shape(value) if isinstance(value, Text) else None
    if shape is None:
        raise UserError(
            f"the data subspace has {key}={value}, whose area cannot be known from the file; "
            "apply that filter in this command, or drop it with [subspace -" + key + "]"
        )
    return shape
