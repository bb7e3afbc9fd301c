"""Filter expressions bound to the columns of a table: a `Predicate` over its rows.

Rules (ahelp dmfiltering): real `a=lo:hi` keeps lo <= a < hi, integer keeps lo <= a <= hi; comma joins ranges of one
name by OR and different names by AND; TNULL and NaN are dropped by any range on their column, and kept by `exclude`;
bit columns match a word (`0`) or patterns of 0, 1 and x, most significant first, right-aligned.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from ciaopy.datamodel.filtering.maskregion import Combination, MaskRegion, resolve_region
from ciaopy.datamodel.filtering.predicate import (
    AllOf,
    Always,
    Either,
    InRanges,
    InRegion,
    InTimes,
    MatchesBits,
    Not,
    OneOf,
    Predicate,
    RowNumbers,
    Rows,
)
from ciaopy.datamodel.filtering.timefilter import TimeSet, read_time_filter
from ciaopy.datamodel.gti import Gti
from ciaopy.datamodel.regions import Region
from ciaopy.datamodel.subspace import Ranges
from ciaopy.datamodel.syntax import (
    All,
    AnyOf,
    CompareTerm,
    FileTerm,
    Filter,
    FilterExpression,
    Item,
    RangeTerm,
    RegionTerm,
)
from ciaopy.datamodel.timeframe import TimeFrame
from ciaopy.datamodel.wcs import WorldColumn, columns_frame, vector_columns, world_columns
from ciaopy.errors import RegionError, VirtualFileError
from ciaopy.fits import Array
from ciaopy.messages import enumerated

if TYPE_CHECKING:
    from ciaopy.datamodel.datasource import DataSource
    from ciaopy.fits import Column, Table

PATTERN = re.compile(r"b?[01xX]{2,}$|b[01xX]$")
TRUE_WORDS, FALSE_WORDS = ("t", "true", "1", "yes"), ("f", "false", "0", "no")
INT_MIN, INT_MAX = int(np.iinfo(np.int64).min), int(np.iinfo(np.int64).max)


def whole(value: float, rounded: Callable[[float], int]) -> int:
    """Round a limit, infinite ones to just outside the 64-bit integers."""
    if math.isinf(value):
        return INT_MAX + 1 if value > 0 else INT_MIN - 1
    return rounded(value)


ROW = "#row"


def kind_of(column: Column) -> str:
    """Return what a column holds: `bits`, `real`, `integer`, `logical`, `string`, or `array` (not filterable)."""
    data = column.data
    if data.ndim != 1 or data.dtype.kind == "O":
        return "array"
    if "X" in column.form.upper():
        return "bits"
    return {"f": "real", "i": "integer", "u": "integer", "b": "logical", "S": "string"}.get(data.dtype.kind, "array")


class Binder:
    """Binds expressions to one table; regions and files are read once.

    Parameters
    ----------
    table : Table
        The block; only its column descriptions, vectors and header count.
    ws : DataSource
        Finds region, mask and time files.
    text : str
        The virtual file as typed, for messages.
    """

    def __init__(self, table: Table, ws: DataSource, text: str) -> None:
        self.table, self.ws, self.text = table, ws, text
        self._regions: dict[RegionTerm, Region | MaskRegion | Combination] = {}
        self._times: dict[FileTerm, tuple[TimeSet, ...] | Filter] = {}

    # Predicates

    def predicate(self, expression: FilterExpression) -> Predicate:
        """Return the predicate of an expression."""
        match expression:
            case All():
                return AllOf(tuple(self.predicate(p) for p in expression.parts))
            case AnyOf():
                return Either(tuple(self.predicate(p) for p in expression.parts))
            case RangeTerm():
                return self._values(expression.name, expression.items, expression.position, negate=False)
            case CompareTerm():
                return self._compare(expression)
            case RegionTerm():
                x, y = self.pair(expression)
                inside = InRegion(x, y, self.region(expression))
                known = [self._known(c) for c in (x, y) if self.table.column(c).null is not None]
                return AllOf((*known, inside)) if known else inside
            case FileTerm():
                found = self.time_sets(expression)
                if isinstance(found, Filter):
                    return self.predicate(found.expression)
                return self._in_times(found, expression)

    def _known(self, name: str) -> Predicate:
        """Return what keeps the rows whose integer is not null."""
        every = np.array([INT_MIN]), np.array([INT_MAX])
        return InRanges(name, *every, closed=True, null=self.table.column(name).null)

    def _fail(self, problem: str, position: int) -> VirtualFileError:
        return VirtualFileError(problem, self.text, position if self.text else None)

    def _column(self, name: str, position: int) -> Column:
        if name not in self.table:
            names = enumerated(self.table.names) or "no columns"
            raise self._fail(f"block {self.table.name} has no column {name}; it has {names}", position)
        return self.table.column(name)

    def _values(self, name: str, items: tuple[Item, ...], position: int, negate: bool) -> Predicate:
        if name.lower() == ROW:
            lo, hi = self.integers(items, ROW)
            return RowNumbers(lo, hi, negate)
        if name not in self.table:
            world = self._world(name, items, negate)
            if world is not None:
                return world
        column = self._column(name, position)
        key, kind = name.lower(), kind_of(column)
        if kind == "real":
            lo, hi = self._reals(items, name)
            return InRanges(key, lo, hi, closed=False, negate=negate)
        if kind == "integer":
            lo, hi = self.integers(items, name)
            null = column.key("TNULL")
            return InRanges(key, lo, hi, closed=True, null=null if isinstance(null, int) else None, negate=negate)
        if kind == "bits":
            return self._bits(column, items, negate)
        if kind == "logical":
            return OneOf(key, tuple(self._logical(i, name) for i in items), negate)
        if kind == "string":
            if not all(i.single for i in items):
                raise self._fail(f"{name} is a string column: list its values, ranges have no meaning", position)
            return OneOf(key, tuple(str(i.lo).rstrip().encode("latin-1", "replace") for i in items), negate)
        raise self._fail(f"{name} is an array column and cannot be filtered on", position)

    def _compare(self, term: CompareTerm) -> Predicate:
        if term.operator == "!=":
            return self._values(term.name, term.items, term.position, negate=True)
        item = term.items[0]
        if term.name.lower() != ROW and term.name in self.table:
            column = self._column(term.name, term.position)
            if kind_of(column) not in ("real", "integer", "bits"):
                raise self._fail(f"'{term.operator}' needs a column of numbers, and {term.name} is not", term.position)
            if kind_of(column) == "real":
                lo, hi = self._compare_reals(term.operator, self._number(item, term.name, item.lo or ""))
                return InRanges(term.name.lower(), np.array([lo]), np.array([hi]), closed=False)
        return self._values(term.name, (self.as_range(term),), term.position, negate=False)

    @staticmethod
    def _compare_reals(operator: str, value: float) -> tuple[float, float]:
        """Return half-open limits: a > v is the range from the next double on."""
        up = math.nextafter(value, math.inf)
        return {"<": (-math.inf, value), "<=": (-math.inf, up), ">": (up, math.inf), ">=": (value, math.inf)}[operator]

    def as_range(self, term: CompareTerm) -> Item:
        """Return a comparison of integers as a closed range; reals (world coordinates) as a half-open one."""
        item = term.items[0]
        value = self._number(item, term.name, item.lo or "")
        if math.isnan(value):
            raise self._fail(f"{term.name}: nothing is smaller or larger than NaN", item.position)
        steps = {"<": lambda: whole(value, math.ceil) - 1, ">": lambda: whole(value, math.floor) + 1}
        text = str(steps[term.operator]()) if term.operator in steps else str(item.lo)
        if term.name not in self.table and term.name.lower() != ROW:
            text = str(item.lo)
        below = term.operator.startswith("<")
        return Item(None if below else text, text if below else None, single=False, position=item.position)

    def _number(self, item: Item, name: str, text: str) -> float:
        try:
            return float(text.replace("d", "e").replace("D", "e")) if not item.quoted else float("")
        except ValueError:
            raise self._fail(f"{name} is a column of numbers, and {text!r} is not a number", item.position) from None

    def limits(self, item: Item, name: str) -> tuple[float, float]:
        """Return the limits of a value or range, infinite where it is open."""
        lo = -math.inf if item.lo is None else self._number(item, name, item.lo)
        hi = math.inf if item.hi is None else self._number(item, name, item.hi)
        if math.isnan(lo) or math.isnan(hi):
            raise self._fail(f"{name}: NaN matches nothing; use exclude {name}=: to keep only NaN", item.position)
        if lo > hi:
            raise self._fail(f"{name}: the range {lo:g}:{hi:g} is empty", item.position)
        return lo, hi

    def _reals(self, items: tuple[Item, ...], name: str) -> tuple[Array, Array]:
        limits = [self.limits(i, name) for i in items]
        return np.array([a for a, _ in limits]), np.array([b for _, b in limits])

    def integers(self, items: tuple[Item, ...], name: str) -> tuple[Array, Array]:
        """Return closed integer limits: fractions are rounded inwards, so that `1.5:3.2` is 2..3."""
        spans = []
        for item in items:
            lo, hi = self.limits(item, name)
            exact = [self._exact(item.lo, INT_MIN), self._exact(item.hi, INT_MAX)]
            low = exact[0] if exact[0] is not None else whole(lo, math.ceil)
            high = exact[1] if exact[1] is not None else whole(hi, math.floor)
            if low <= high and low <= INT_MAX and high >= INT_MIN:
                spans.append((max(low, INT_MIN), min(high, INT_MAX)))
        array = np.array(spans or np.empty((0, 2)), dtype=np.int64).reshape(-1, 2)
        return array[:, 0], array[:, 1]

    @staticmethod
    def _exact(text: str | None, default: int) -> int | None:
        if text is None:
            return default
        return int(text) if re.fullmatch(r"[+-]?\d{1,40}", text) else None

    def _bits(self, column: Column, items: tuple[Item, ...], negate: bool) -> Predicate:
        word = column.data.dtype.type
        width = 8 * column.data.dtype.itemsize
        full = (1 << width) - 1
        care, value, spans = [], [], []
        for item in items:
            text = item.lo or ""
            if item.single and PATTERN.match(text):
                bits = text.lower().lstrip("b")
                if len(bits) > width:
                    message = f"{column.name} has {width} bits, and the pattern {len(bits)}"
                    raise self._fail(message, item.position)
                if bits == "0":
                    bits = "0" * width
                care.append(int("".join("0" if b == "x" else "1" for b in bits), 2))
                value.append(int(bits.replace("x", "0"), 2))
            elif item.single and re.fullmatch(r"\d+|0[xX][0-9a-fA-F]+", text):
                care.append(full)
                hexadecimal = text[:2].lower() == "0x"
                value.append(int(text, 16 if hexadecimal else 10) if len(text) < 40 else full + 1)
            elif not item.single:
                spans.append(item)
            else:
                problem = f"{column.name} is a bit column: give 0, a number, or a pattern of 0, 1 and x, not {text!r}"
                raise self._fail(problem, item.position)
        if any(v > full for v in value):
            raise self._fail(f"{column.name} has {width} bits: the value is too large", items[0].position)
        parts: list[Predicate] = []
        key = column.name.lower()
        if care:
            parts.append(MatchesBits(key, np.array(care, word), np.array(value, word)))
        if spans:
            lo, hi = self.integers(tuple(spans), column.name)
            parts.append(InRanges(key, lo, hi, closed=True))
        found = parts[0] if len(parts) == 1 else Either(tuple(parts))
        return Not(found) if negate else found

    def _logical(self, item: Item, name: str) -> bool:
        text = (item.lo or "").lower()
        if item.single and text in TRUE_WORDS:
            return True
        if item.single and text in FALSE_WORDS:
            return False
        raise self._fail(f"{name} is a logical column: give T or F, not {text or ':'!r}", item.position)

    # World coordinates that have no column of their own

    def _world(self, name: str, items: tuple[Item, ...], negate: bool) -> Predicate | None:
        """Return a filter on `ra` or `dec` computed from the sky columns, or None where there are none such."""
        for vector in self.table.vectors:
            pair = vector_columns(self.table, vector.name)
            if pair is None:
                continue
            column = next((c for c in world_columns(self.table, pair) if c.name.lower() == name.lower()), None)
            if column is None:
                continue
            column.check()
            compute = partial(_world_coordinate, column)
            lo, hi = self._reals(items, name)
            return InRanges(name.lower(), lo, hi, False, None, negate, compute, frozenset(pair))
        return None

    # Regions

    def pair(self, term: RegionTerm) -> tuple[str, str]:
        """Return the lower-case names of the two columns that a region is about."""
        if len(term.names) == 2:
            pair = (term.names[0].lower(), term.names[1].lower())
        else:
            found = vector_columns(self.table, term.names[0])
            if found is None:
                known = ", ".join(v.name for v in self.table.vectors if vector_columns(self.table, v.name)) or "none"
                message = f"block {self.table.name} has no vector {term.names[0]} for a region; it has {known}"
                raise self._fail(message, term.position)
            pair = found
        for name in pair:
            if kind_of(self._column(name, term.position)) not in ("real", "integer"):
                raise self._fail(f"{name} is not a column of numbers: no region filter", term.position)
        return pair

    def region(self, term: RegionTerm) -> Region | MaskRegion | Combination:
        """Return the region of a term."""
        if term not in self._regions:
            try:
                self._regions[term] = resolve_region(term.text, columns_frame(self.table, self.pair(term)), self.ws)
            except RegionError as e:
                raise RegionError(f"{self.text or term.text}: {e}") from None
        return self._regions[term]

    # Times

    def time_sets(self, term: FileTerm) -> tuple[TimeSet, ...] | Filter:
        """Return the good times of a file, or the filters that it holds."""
        if term not in self._times:
            self._times[term] = read_time_filter(term.path, self.ws)
        return self._times[term]

    def _in_times(self, sets: tuple[TimeSet, ...], term: FileTerm) -> Predicate:
        name = term.name or "time"
        if name not in self.table:
            if not self.table.columns or not self.table.nrows:
                return Always()
            raise self._fail(f"block {self.table.name} has no column {name} to filter with good times", term.position)
        for source in (s.source for s in sets if s.source is not None):
            differ = TimeFrame.of(self.table.header).difference(TimeFrame.of(source.header))
            if differ:
                problem = f"the times of {term.path} do not count as those of block {self.table.name} ({differ})"
                raise self._fail(f"{problem}; use good times of the same zero point", term.position)
        by_chip = "ccd_id" in self.table and any(s.chips is not None for s in sets)
        if not by_chip:
            return InTimes(name.lower(), ((None, Gti.union(s.gti for s in sets)),))
        pairs = tuple((None if s.chips is None else closed_spans(s.chips), s.gti) for s in sets)
        return InTimes(name.lower(), pairs, "ccd_id")


def _world_coordinate(column: WorldColumn, rows: Rows) -> Array:
    """Return a coordinate on the sky, degrees, of the rows."""
    return column.values(rows.columns[column.pair[0]], rows.columns[column.pair[1]])


def closed_spans(chips: Ranges) -> tuple[Array, Array]:
    """Return the ends of ranges of integers, both included."""
    lo = [INT_MIN if a is None else whole(a, math.ceil) for a, _ in chips.spans]
    hi = [INT_MAX if b is None else whole(b, math.floor) for _, b in chips.spans]
    return np.array(lo, dtype=np.int64), np.array(hi, dtype=np.int64)
