"""What filters do to the data subspace: the ranges, regions and times that the rows kept can have."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from ciaopy.datamodel.filtering.binder import INT_MAX, INT_MIN, Binder, kind_of
from ciaopy.datamodel.filtering.maskregion import intersection
from ciaopy.datamodel.filtering.timefilter import TimeSet
from ciaopy.datamodel.gti import Gti
from ciaopy.datamodel.subspace import Component, Descriptor, Ranges, Subspace, Text, TimeTable, Value, ranges_to_gti
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

if TYPE_CHECKING:
    from ciaopy.fits import Column


class Restrictor:
    """Follows what filters do to the data subspace of a table.

    Parameters
    ----------
    binder : Binder
        Of the same table and text.
    """

    def __init__(self, binder: Binder) -> None:
        self.binder, self.table = binder, binder.table

    def restrict(self, expression: FilterExpression, subspace: Subspace) -> Subspace:
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
                found = self.binder.time_sets(expression)
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

    def exclude(self, expression: FilterExpression, subspace: Subspace) -> Subspace:
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
        items = (self.binder.as_range(term),) if isinstance(term, CompareTerm) and kind == "integer" else term.items
        if isinstance(term, CompareTerm) and kind == "real":
            value = str(term.items[0].lo)
            below = term.operator.startswith("<")
            items = (Item(None if below else value, value if below else None, single=False),)
        return self._spans(items, term.name, kind)

    def _spans(self, items: tuple[Item, ...], name: str, kind: str) -> Ranges:
        if kind == "integer":
            lo, hi = self.binder.integers(items, name)
            return Ranges(tuple(
                (None if a == INT_MIN else a, None if b == INT_MAX else b)
                for a, b in zip(lo.tolist(), hi.tolist(), strict=True)
            ))  # fmt: skip
        limits = [self.binder.limits(i, name) for i in items]
        return Ranges(tuple((None if a == -math.inf else a, None if b == math.inf else b) for a, b in limits))

    def _limits_of(self, name: str) -> Ranges:
        """Return TLMIN:TLMAX of a column, open where the header says nothing."""
        return column_limits(self.table.column(name)) or Ranges(((None, None),))

    def _restrict_ranges(self, name: str, ranges: Ranges, subspace: Subspace) -> None:
        descriptor = self._descriptor(name)
        within = ranges & self._limits_of(name)
        known = any(descriptor.key in c for c in subspace.components)
        if not known and all(a is None and b is None for a, b in ranges.spans):
            return  # `x=:` drops rows outside the limits, and says nothing (event files of chandra_repro, CIAO 4.16)
        before = subspace.copy()
        subspace.restrict(descriptor, within if not within.empty else ranges)
        if not subspace.components and not known:
            subspace.descriptors, subspace.components = before.descriptors, before.components

    def _restrict_region(self, term: RegionTerm, subspace: Subspace, inside: bool) -> None:
        pair, region = self.binder.pair(term), self.binder.region(term)
        vector = next((v for v in self.table.vectors if tuple(c.lower() for c in v.components) == pair), None)
        named = vector.name if vector is not None else "pos"
        x, y = (self.table.column(c) for c in pair)
        descriptor = Descriptor(f"{named}({x.name},{y.name})", self._descriptor(x.name).form, x.unit)

        def change(component: Component) -> Value:
            old = component.get(descriptor.key)
            return intersection(old if isinstance(old, Text) else None, region, inside)

        for name in pair:  # the limits of the columns go; a filter on one of them stays
            if all(c.get(name) in (None, self._limits_of(name)) for c in subspace.components):
                subspace.remove(name)
        subspace.update(descriptor, change)


def column_limits(column: Column) -> Ranges | None:
    """Return TLMIN:TLMAX of a column as ranges, or None where it has neither."""
    lo, hi = column.key("TLMIN"), column.key("TLMAX")
    lo, hi = (v if isinstance(v, (int, float)) and math.isfinite(v) else None for v in (lo, hi))
    if lo is None and hi is None:
        return None
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
