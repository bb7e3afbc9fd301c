"""Filters of a virtual file bound to the columns of a table: a `Predicate`, and the data subspace that results.

Rules (ahelp dmfiltering): real `a=lo:hi` keeps lo <= a < hi, integer keeps lo <= a <= hi; comma joins ranges of one
name by OR and different names by AND; TNULL and NaN are dropped by any range on their column, and kept by `exclude`;
bit columns match a word (`0`) or patterns of 0, 1 and x, most significant first, right-aligned.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from ciaopy.datamodel.gti import Gti
from ciaopy.datamodel.maskregion import MaskRegion, resolve_region
from ciaopy.datamodel.predicate import (
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
from ciaopy.datamodel.regions import Region, parse_region
from ciaopy.datamodel.subspace import Component, Descriptor, Ranges, Subspace, Text, TimeTable, Value, ranges_to_gti
from ciaopy.datamodel.timefilter import TimeSet, read_time_filter
from ciaopy.datamodel.virtualfile import (
    All,
    AnyOf,
    CompareTerm,
    Expression,
    FileTerm,
    Filter,
    Item,
    RangeTerm,
    RegionTerm,
)
from ciaopy.datamodel.wcs import SkyTransform, columns_wcs, vector_columns, world_vector
from ciaopy.errors import RegionError, UserError, VirtualFileError
from ciaopy.fits.blocks import Array

if TYPE_CHECKING:
    from ciaopy.datamodel.workspace import Workspace
    from ciaopy.fits.blocks import Column, Table

PATTERN = re.compile(r"b?[01xX]{2,}$|b[01xX]$")
TRUE_WORDS, FALSE_WORDS = ("t", "true", "1", "yes"), ("f", "false", "0", "no")
INT_MIN, INT_MAX = int(np.iinfo(np.int64).min), int(np.iinfo(np.int64).max)
ROW = "#row"


def kind_of(column: Column) -> str:
    """Return what a column holds: `bits`, `real`, `integer`, `logical`, `string`, or `array` (not filterable)."""
    data = column.data
    if data.ndim != 1 or data.dtype.kind == "O":
        return "array"
    if "X" in column.form.upper():
        return "bits"
    return {"f": "real", "i": "integer", "u": "integer", "b": "logical", "S": "string"}.get(data.dtype.kind, "array")


@dataclass(frozen=True)
class Bound:
    """A filter ready to run: which rows it keeps, and the subspace that it leaves."""

    predicate: Predicate
    subspace: Subspace


def bind(filters: tuple[Filter, ...], table: Table, subspace: Subspace, ws: Workspace, text: str = "") -> Bound:
    """Bind filters, in order, to a table.

    Parameters
    ----------
    filters : tuple of Filter
        All must hold.
    table : Table
        The block; only its column descriptions, vectors and header count.
    subspace : Subspace
        That of the block; not modified.
    ws : Workspace
        Finds region, mask and time files.
    text : str
        The virtual file as typed, for messages.

    Raises
    ------
    VirtualFileError, RegionError, DataError
        Unknown column, value of the wrong type, empty range; a region or file that cannot be read.
    """
    binder = _Binder(table, ws, text)
    parts: list[Predicate] = []
    after = subspace.copy()
    for one in filters:
        predicate = binder.predicate(one.expression)
        parts.append(Not(predicate) if one.exclude else predicate)
        after = binder.exclude(one.expression, after) if one.exclude else binder.restrict(one.expression, after)
    if not parts:
        return Bound(Always(), after)
    return Bound(parts[0] if len(parts) == 1 else AllOf(tuple(parts)), after)


class _Binder:
    """Binds expressions to one table; regions and files are read once."""

    def __init__(self, table: Table, ws: Workspace, text: str) -> None:
        self.table, self.ws, self.text = table, ws, text
        self._regions: dict[RegionTerm, Region | MaskRegion] = {}
        self._times: dict[FileTerm, tuple[TimeSet, ...] | Filter] = {}

    # Predicates

    def predicate(self, expression: Expression) -> Predicate:
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
                x, y = self._pair(expression)
                return InRegion(x, y, self._region(expression))
            case FileTerm():
                found = self._time_sets(expression)
                if isinstance(found, Filter):
                    return self.predicate(found.expression)
                return self._in_times(found, expression)

    def _fail(self, problem: str, position: int) -> VirtualFileError:
        return VirtualFileError(problem, self.text, position if self.text else None)

    def _column(self, name: str, position: int) -> Column:
        if name not in self.table:
            names = ", ".join(self.table.names) or "no columns"
            raise self._fail(f"block {self.table.name} has no column {name}; it has {names}", position)
        return self.table.column(name)

    def _values(self, name: str, items: tuple[Item, ...], position: int, negate: bool) -> Predicate:
        if name.lower() == ROW:
            lo, hi = self._integers(items, ROW)
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
            lo, hi = self._integers(items, name)
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
        return self._values(term.name, (self._as_range(term),), term.position, negate=False)

    @staticmethod
    def _compare_reals(operator: str, value: float) -> tuple[float, float]:
        """Return half-open limits: a > v is the range from the next double on."""
        up = math.nextafter(value, math.inf)
        return {"<": (-math.inf, value), "<=": (-math.inf, up), ">": (up, math.inf), ">=": (value, math.inf)}[operator]

    def _as_range(self, term: CompareTerm) -> Item:
        """Return a comparison of integers as a closed range; reals (world coordinates) as a half-open one."""
        item = term.items[0]
        value = self._number(item, term.name, item.lo or "")
        whole = {"<": math.ceil(value) - 1, ">": math.floor(value) + 1}.get(term.operator)
        text = str(whole) if whole is not None else str(item.lo)
        if term.name not in self.table and term.name.lower() != ROW:
            text = str(item.lo)
        below = term.operator.startswith("<")
        return Item(None if below else text, text if below else None, single=False, position=item.position)

    def _number(self, item: Item, name: str, text: str) -> float:
        try:
            return float(text.replace("d", "e").replace("D", "e")) if not item.quoted else float("")
        except ValueError:
            raise self._fail(f"{name} is a column of numbers, and {text!r} is not a number", item.position) from None

    def _limits(self, item: Item, name: str) -> tuple[float, float]:
        lo = -math.inf if item.lo is None else self._number(item, name, item.lo)
        hi = math.inf if item.hi is None else self._number(item, name, item.hi)
        if math.isnan(lo) or math.isnan(hi):
            raise self._fail(f"{name}: NaN matches nothing; use exclude {name}=: to keep only NaN", item.position)
        if lo > hi:
            raise self._fail(f"{name}: the range {lo:g}:{hi:g} is empty", item.position)
        return lo, hi

    def _reals(self, items: tuple[Item, ...], name: str) -> tuple[Array, Array]:
        limits = [self._limits(i, name) for i in items]
        return np.array([a for a, _ in limits]), np.array([b for _, b in limits])

    def _integers(self, items: tuple[Item, ...], name: str) -> tuple[Array, Array]:
        """Return closed integer limits: fractions are rounded inwards, so that `1.5:3.2` is 2..3."""
        spans = []
        for item in items:
            lo, hi = self._limits(item, name)
            exact = [self._exact(item.lo, INT_MIN), self._exact(item.hi, INT_MAX)]
            low = exact[0] if exact[0] is not None else math.ceil(lo)
            high = exact[1] if exact[1] is not None else math.floor(hi)
            if low <= high:
                spans.append((max(low, INT_MIN), min(high, INT_MAX)))
        array = np.array(spans or np.empty((0, 2)), dtype=np.int64).reshape(-1, 2)
        return array[:, 0], array[:, 1]

    @staticmethod
    def _exact(text: str | None, default: int) -> int | None:
        if text is None:
            return default
        return int(text) if re.fullmatch(r"[+-]?\d+", text) else None

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
                value.append(int(text, 0) if text[:2].lower() == "0x" else int(text))
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
            lo, hi = self._integers(tuple(spans), column.name)
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
            world, transform = world_vector(self.table, pair), columns_wcs(self.table, pair)
            parts = [c.lower() for c in world.components] if world is not None else ["ra", "dec"]
            if transform is None or name.lower() not in parts:
                continue
            compute = partial(_world_coordinate, transform, pair, parts.index(name.lower()))
            lo, hi = self._reals(items, name)
            return InRanges(name.lower(), lo, hi, False, None, negate, compute, frozenset(pair))
        return None

    # Regions

    def _pair(self, term: RegionTerm) -> tuple[str, str]:
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

    def _region(self, term: RegionTerm) -> Region | MaskRegion:
        if term not in self._regions:
            try:
                self._regions[term] = resolve_region(term.text, columns_wcs(self.table, self._pair(term)), self.ws)
            except RegionError as e:
                raise RegionError(f"{self.text or term.text}: {e}") from None
        return self._regions[term]

    # Times

    def _time_sets(self, term: FileTerm) -> tuple[TimeSet, ...] | Filter:
        if term not in self._times:
            self._times[term] = read_time_filter(term.path, self.ws)
        return self._times[term]

    def _in_times(self, sets: tuple[TimeSet, ...], term: FileTerm) -> Predicate:
        name = term.name or "time"
        if name not in self.table:
            if not self.table.columns or not self.table.nrows:
                return Always()
            raise self._fail(f"block {self.table.name} has no column {name} to filter with good times", term.position)
        by_chip = "ccd_id" in self.table and any(s.chips is not None for s in sets)
        if not by_chip:
            return InTimes(name.lower(), ((None, Gti.union(s.gti for s in sets)),))
        pairs = tuple((None if s.chips is None else _closed(s.chips), s.gti) for s in sets)
        return InTimes(name.lower(), pairs, "ccd_id")

    # Subspace

    def restrict(self, expression: Expression, subspace: Subspace) -> Subspace:
        """Return the subspace of the rows that match."""
        match expression:
            case All():
                for part in expression.parts:
                    subspace = self.restrict(part, subspace)
            case AnyOf():
                branches = [self.restrict(p, subspace.copy()) for p in expression.parts]
                subspace = branches[0].copy()
                for branch in branches[1:]:
                    for descriptor in branch.descriptors:
                        if subspace.descriptor(descriptor.key) is None:
                            subspace.declare(descriptor)
                    subspace.components += [c for c in branch.components if c not in subspace.components]
            case RegionTerm():
                self._restrict_region(expression, subspace, inside=True)
            case FileTerm():
                found = self._time_sets(expression)
                if isinstance(found, Filter):
                    return self.restrict(found.expression, subspace)
                subspace = restrict_times(subspace, found, "ccd_id" in self.table)
            case _:
                ranges = self._ranges(expression)
                if isinstance(ranges, Ranges):
                    self._restrict_ranges(expression.name, ranges, subspace)
                elif ranges is not None:
                    text = ranges
                    subspace.update(self._descriptor(expression.name), lambda _: text)
        return subspace

    def exclude(self, expression: Expression, subspace: Subspace) -> Subspace:
        """Return the subspace of the rows that do not match; a compound exclusion leaves it as it is."""
        match expression:
            case RangeTerm() | CompareTerm():
                ranges = self._ranges(expression)
                if isinstance(ranges, Ranges):
                    descriptor = self._descriptor(expression.name)
                    integer = kind_of(self.table.column(expression.name)) == "integer"
                    out, limits = ranges, self._limits_of(expression.name)

                    def change(component: Component) -> Value | None:
                        old = component.get(descriptor.key, limits)
                        if isinstance(old, TimeTable):
                            return old.restrict(~ranges_to_gti(out))
                        return old.minus(out, integer) if isinstance(old, Ranges) else None

                    subspace.update(descriptor, change)
            case RegionTerm():
                self._restrict_region(expression, subspace, inside=False)
        return subspace

    def _descriptor(self, name: str) -> Descriptor:
        column = self.table.column(name)
        letter = re.sub(r"[\d\s]|\(.*", "", column.form)[:1] or {"f8": "D", "f4": "E", "i2": "I", "i4": "J"}.get(
            column.data.dtype.str[1:], "J"
        )
        return Descriptor(column.name, letter, column.unit)

    def _ranges(self, term: RangeTerm | CompareTerm) -> Ranges | Text | None:
        """Return what a term says for the subspace, or None where it says nothing (bits, rows, world coordinates)."""
        if term.name not in self.table:
            return None
        kind = kind_of(self.table.column(term.name))
        if kind == "string":
            listed = ",".join(str(i.lo) for i in term.items)
            return Text(listed) if isinstance(term, RangeTerm) else None
        if kind not in ("real", "integer"):
            return None
        if term.name.lower() == "time":
            kind = "real"  # good times are real numbers even where the column itself is not
        if isinstance(term, CompareTerm) and term.operator == "!=":
            whole = Ranges(((None, None),))
            return whole.minus(self._spans(term.items, term.name, kind), kind == "integer")
        items = (self._as_range(term),) if isinstance(term, CompareTerm) and kind == "integer" else term.items
        if isinstance(term, CompareTerm) and kind == "real":
            value = str(term.items[0].lo)
            below = term.operator.startswith("<")
            items = (Item(None if below else value, value if below else None, single=False),)
        return self._spans(items, term.name, kind)

    def _spans(self, items: tuple[Item, ...], name: str, kind: str) -> Ranges:
        if kind == "integer":
            lo, hi = self._integers(items, name)
            return Ranges(tuple(
                (None if a == INT_MIN else a, None if b == INT_MAX else b)
                for a, b in zip(lo.tolist(), hi.tolist(), strict=True)
            ))  # fmt: skip
        limits = [self._limits(i, name) for i in items]
        return Ranges(tuple((None if a == -math.inf else a, None if b == math.inf else b) for a, b in limits))

    def _limits_of(self, name: str) -> Ranges:
        """Return TLMIN:TLMAX of a column, open where the header says nothing."""
        return column_limits(self.table.column(name)) or Ranges(((None, None),))

    def _restrict_ranges(self, name: str, ranges: Ranges, subspace: Subspace) -> None:
        descriptor = self._descriptor(name)
        within = ranges & self._limits_of(name)
        known = any(descriptor.key in c for c in subspace.components)
        if not known and all(a is None and b is None for a, b in within.spans):
            return
        before = subspace.copy()
        subspace.restrict(descriptor, within if not within.empty else ranges)
        if not subspace.components and not known:
            subspace.descriptors, subspace.components = before.descriptors, before.components

    def _restrict_region(self, term: RegionTerm, subspace: Subspace, inside: bool) -> None:
        pair, region = self._pair(term), self._region(term)
        vector = next((v for v in self.table.vectors if tuple(c.lower() for c in v.components) == pair), None)
        named = vector.name if vector is not None else "pos"
        x, y = (self.table.column(c) for c in pair)
        descriptor = Descriptor(f"{named}({x.name},{y.name})", self._descriptor(x.name).form, x.unit)
        if isinstance(region, MaskRegion):
            shown = MaskRegion(region.image, region.negate ^ (not inside))
            subspace.update(descriptor, lambda _: Text(str(shown)))
            return
        new = region if inside else ~region

        def change(component: Component) -> Value:
            old = component.get(descriptor.key)
            if isinstance(old, Text) and not old.reference:
                return Text(_both(old.text, new))
            return Text(str(new))

        for name in pair:
            subspace.remove(name)
        subspace.update(descriptor, change)


def _world_coordinate(sky: SkyTransform, pair: tuple[str, str], which: int, rows: Rows) -> Array:
    """Return RA (0) or Dec (1), degrees, of the rows."""
    return sky.pixel_to_sky(rows.columns[pair[0]], rows.columns[pair[1]])[which]


def _both(old: str, new: Region) -> str:
    """Return the text of the intersection of a subspace's region with another."""
    try:
        return str(parse_region(old) & new)
    except RegionError:
        return str(new)


def _closed(chips: Ranges) -> tuple[Array, Array]:
    lo = [INT_MIN if a is None else math.ceil(a) for a, _ in chips.spans]
    hi = [INT_MAX if b is None else math.floor(b) for _, b in chips.spans]
    return np.array(lo, dtype=np.int64), np.array(hi, dtype=np.int64)


def column_limits(column: Column) -> Ranges | None:
    """Return TLMIN:TLMAX of a column as ranges, or None where it has neither."""
    lo, hi = column.key("TLMIN"), column.key("TLMAX")
    if not isinstance(lo, (int, float)) and not isinstance(hi, (int, float)):
        return None
    lo = lo if isinstance(lo, (int, float)) else None
    hi = hi if isinstance(hi, (int, float)) else None
    if column.data.dtype.kind in "iu":
        lo, hi = (None if v is None else int(v) for v in (lo, hi))
    if lo is not None and hi is not None and lo > hi:
        return None
    return Ranges(((lo, hi),))


def restrict_times(subspace: Subspace, sets: tuple[TimeSet, ...], has_chips: bool) -> Subspace:
    """Return a subspace whose times lie in a filter's, chip by chip where both sides know chips.

    A component without chips, met by a filter with one GTI per chip, becomes one component per chip.
    """
    result = subspace.copy()
    result.components = []
    descriptor = subspace.descriptor("time") or Descriptor("time", "D", "s")
    chips_known = has_chips and any(s.chips is not None for s in sets)
    for component in subspace.components or [{}]:
        for one in sets if chips_known else (TimeSet(None, Gti.union(s.gti for s in sets), sets[0].source),):
            chips = component.get("ccd_id")
            new = dict(component)
            if one.chips is not None and chips_known:
                both = chips & one.chips if isinstance(chips, Ranges) else one.chips
                if both.empty:
                    continue
                new["ccd_id"] = both
            old = component.get("time")
            time = old.restrict(one.gti) if isinstance(old, TimeTable) else _new_time(one, old)
            if not time.empty:
                new["time"] = _renamed(time, old, one, new.get("ccd_id"))
                result.components.append(new)
    if any("time" in c for c in result.components) and result.descriptor("time") is None:
        result.descriptors.insert(0, descriptor)
    if any("ccd_id" in c for c in result.components) and result.descriptor("ccd_id") is None:
        result.declare(Descriptor("ccd_id", "I"))
    return result


def _new_time(one: TimeSet, old: Value | None) -> TimeTable:
    gti = one.gti & ranges_to_gti(old) if isinstance(old, Ranges) else one.gti
    return TimeTable(one.source.name if one.source is not None else "GTI", gti, one.source)


def _renamed(time: TimeTable, old: Value | None, one: TimeSet, chips: Value | None) -> TimeTable:
    """Name the times of one chip `GTI<chip>`, with the header that knows the chip."""
    if one.chips is None or not isinstance(chips, Ranges) or len(chips.spans) != 1:
        return time
    lo, hi = chips.spans[0]
    if lo != hi or lo is None:
        return time
    source = one.source if one.source is not None else time.table
    if isinstance(old, TimeTable) and old.table is not None and old.table.header.get("CCD_ID") == lo:
        source = old.table
    return TimeTable(f"GTI{int(lo)}", time.gti, source)


def check_filterable(table: Table, name: str) -> None:
    """Raise unless the table has such a column of numbers.

    Raises
    ------
    UserError
    """
    if name not in table or kind_of(table.column(name)) not in ("real", "integer"):
        raise UserError(f"block {table.name}: {name} is not a column of numbers")
