"""Bound filters: predicates that turn blocks of rows into masks, and say which columns they need."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ciaopy.datamodel.gti import Gti
from ciaopy.fits import Array
from ciaopy.kernels.filters import in_spans, match_bits

if TYPE_CHECKING:
    from ciaopy.datamodel.filtering.maskregion import Shape2D

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Rows:
    """A block of rows: the columns needed, by lower-case name, and the 0-based number of its first row."""

    columns: Mapping[str, Array]
    first: int
    count: int

    def take(self, index: Array) -> Rows:
        """Return the rows of an index array, for predicates that know no row numbers."""
        return Rows({k: v[index] for k, v in self.columns.items()}, self.first, len(index))


class Predicate(ABC):
    """Decides which rows are kept. `columns` are the lower-case names of the columns it reads."""

    columns: frozenset[str] = frozenset()
    numbered = False
    costly = False

    @abstractmethod
    def mask(self, rows: Rows) -> Mask:
        """Return the rows kept, as a boolean array of length ``rows.count``."""


class Always(Predicate):
    """Keeps every row."""

    def mask(self, rows: Rows) -> Mask:
        """Return all true."""
        return np.ones(rows.count, dtype=bool)


@dataclass(frozen=True, eq=False)
class InRanges(Predicate):
    """Value of a number column in a set of ranges; `null` (TNULL) and NaN are in none.

    `closed`: integers, ends included; else reals, half-open. `negate` is `!=`: null and NaN still match nothing.
    """

    name: str
    lo: Array
    hi: Array
    closed: bool
    null: int | None = None
    negate: bool = False
    compute: Callable[[Rows], Array] | None = None
    reads: frozenset[str] = frozenset()

    @property
    def columns(self) -> frozenset[str]:  # type: ignore[override]
        """Names of the columns read."""
        return self.reads or frozenset([self.name])

    def mask(self, rows: Rows) -> Mask:
        """Return the rows whose value is in the ranges."""
        values = rows.columns[self.name] if self.compute is None else self.compute(rows)
        found = in_spans(values, self.lo, self.hi, self.closed)
        if self.negate:
            found = ~found if self.closed else ~found & (values == values)
        return found & (values != self.null) if self.null is not None else found


@dataclass(frozen=True, eq=False)
class MatchesBits(Predicate):
    """Bit column that matches any of the patterns."""

    name: str
    care: Array
    value: Array
    negate: bool = False

    @property
    def columns(self) -> frozenset[str]:  # type: ignore[override]
        """Name of the column read."""
        return frozenset([self.name])

    def mask(self, rows: Rows) -> Mask:
        """Return the rows that match."""
        found = match_bits(rows.columns[self.name], self.care, self.value)
        return ~found if self.negate else found


@dataclass(frozen=True, eq=False)
class OneOf(Predicate):
    """String or logical column equal to one of the values; trailing blanks of strings do not count."""

    name: str
    values: tuple[object, ...]
    negate: bool = False

    @property
    def columns(self) -> frozenset[str]:  # type: ignore[override]
        """Name of the column read."""
        return frozenset([self.name])

    def mask(self, rows: Rows) -> Mask:
        """Return the rows whose value is listed."""
        data = rows.columns[self.name]
        if data.dtype.kind == "S":
            data = np.char.rstrip(data)
        found = np.zeros(rows.count, dtype=bool)
        for value in self.values:
            found |= data == value
        return ~found if self.negate else found


@dataclass(frozen=True, eq=False)
class RowNumbers(Predicate):
    """1-based row numbers of the input block in closed ranges."""

    lo: Array
    hi: Array
    negate: bool = False
    numbered = True

    def mask(self, rows: Rows) -> Mask:
        """Return the rows whose number is in the ranges."""
        number = np.arange(rows.first + 1, rows.first + rows.count + 1, dtype=np.int64)
        found = in_spans(number, self.lo, self.hi, closed=True)
        return ~found if self.negate else found


@dataclass(frozen=True, eq=False)
class InRegion(Predicate):
    """Point (two columns) inside a region."""

    x: str
    y: str
    region: Shape2D
    costly = True

    @property
    def columns(self) -> frozenset[str]:  # type: ignore[override]
        """Names of the two columns read."""
        return frozenset([self.x, self.y])

    def mask(self, rows: Rows) -> Mask:
        """Return the rows whose point is inside."""
        return self.region.inside(rows.columns[self.x], rows.columns[self.y])


@dataclass(frozen=True, eq=False)
class InTimes(Predicate):
    """Time in good time intervals; with `chip`, in those of the row's own chip.

    `sets` pairs closed ranges of chip numbers (lo, hi arrays), or None for every chip, with times.
    """

    time: str
    sets: tuple[tuple[tuple[Array, Array] | None, Gti], ...]
    chip: str = ""

    @property
    def columns(self) -> frozenset[str]:  # type: ignore[override]
        """Names of the columns read."""
        return frozenset([self.time, self.chip] if self.chip else [self.time])

    def mask(self, rows: Rows) -> Mask:
        """Return the rows inside the times."""
        time = rows.columns[self.time]
        found = np.zeros(rows.count, dtype=bool)
        for chips, gti in self.sets:
            good = gti.filter(time)
            if chips is not None and self.chip:
                good &= in_spans(rows.columns[self.chip], chips[0], chips[1], closed=True)
            found |= good
        return found


@dataclass(frozen=True, eq=False)
class Compound(Predicate):
    """Several predicates taken together."""

    parts: tuple[Predicate, ...]

    @property
    def columns(self) -> frozenset[str]:  # type: ignore[override]
        """Names of the columns read by any part."""
        return frozenset().union(*(p.columns for p in self.parts))

    @property
    def numbered(self) -> bool:  # type: ignore[override]
        """True where a part needs row numbers."""
        return any(p.numbered for p in self.parts)


@dataclass(frozen=True, eq=False)
class AllOf(Compound):
    """Every part holds; costly parts see only the rows that the cheap ones left."""

    def mask(self, rows: Rows) -> Mask:
        """Return the rows that every part keeps."""
        found: Mask | None = None
        for part in sorted(self.parts, key=lambda p: p.costly):
            if found is None:
                found = part.mask(rows)
            elif part.costly and not part.numbered:
                left = np.flatnonzero(found)
                if not len(left):
                    return found
                needed = Rows({k: rows.columns[k] for k in part.columns}, rows.first, rows.count)
                found[left] = part.mask(needed.take(left))
            else:
                found &= part.mask(rows)
        return found if found is not None else np.ones(rows.count, dtype=bool)


@dataclass(frozen=True, eq=False)
class Either(Compound):
    """At least one part holds."""

    def mask(self, rows: Rows) -> Mask:
        """Return the rows that any part keeps."""
        found = np.zeros(rows.count, dtype=bool)
        for part in self.parts:
            found |= part.mask(rows)
        return found


@dataclass(frozen=True, eq=False)
class Not(Predicate):
    """The part does not hold: `exclude`. Rows with null or NaN, which no range keeps, stay."""

    part: Predicate

    @property
    def columns(self) -> frozenset[str]:  # type: ignore[override]
        """Names of the columns read."""
        return self.part.columns

    @property
    def numbered(self) -> bool:  # type: ignore[override]
        """True where the part needs row numbers."""
        return self.part.numbered

    @property
    def costly(self) -> bool:  # type: ignore[override]
        """True where the part is."""
        return self.part.costly

    def mask(self, rows: Rows) -> Mask:
        """Return the rows that the part rejects."""
        return ~self.part.mask(rows)
