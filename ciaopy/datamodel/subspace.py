"""The data subspace: which values of each column a block can hold, written as DSTYPn, DSVALn, DSREFn, DSFORMn.

A subspace is a list of components (usually one per chip), any of which a row may belong to; a component maps a
descriptor (a column, or a vector pair such as `sky(x,y)`) to the set of its values: number ranges, a region, or a table
of good times. Layout as seen in archived files (ObsIDs 754, 1230, 14392): component 1 has plain keywords, component k
the prefix k (`2DSVAL3`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from ciaopy.datamodel.gti import Gti

if TYPE_CHECKING:
    from ciaopy.fits import Block, Header, Table

KEY = re.compile(r"(\d*)DS(TYP|VAL|REF|FORM|UNIT)(\d+)$")
VECTOR_NAME = re.compile(r"(\w+)\((\w+),(\w+)\)$")
MAX_DESCRIPTORS = 999
# What a GTI block of an event file says besides its name and chip (event files of chandra_repro, CIAO 4.16).
GTI_KEYS = ("MISSION", "TELESCOP", "INSTRUME", "MJDREF", "TSTART", "TSTOP", "TIMESYS", "TIMEUNIT")


@dataclass(frozen=True)
class Ranges:
    """Values of a column: a union of closed (integers) or half-open (reals) ranges; None is an open end."""

    spans: tuple[tuple[float | int | None, float | int | None], ...]

    def __str__(self) -> str:
        return ",".join(f"{_number(lo)}:{_number(hi)}" for lo, hi in self.spans)

    @property
    def empty(self) -> bool:
        """True where no value is left."""
        return not self.spans

    def __and__(self, other: Ranges) -> Ranges:
        """Values in both; the order of this one is kept."""
        spans = []
        for a, b in self.spans:
            for c, d in other.spans:
                lo = c if a is None else a if c is None else max(a, c)
                hi = d if b is None else b if d is None else min(b, d)
                if lo is None or hi is None or lo <= hi:
                    spans.append((lo, hi))
        return Ranges(tuple(spans))

    def __or__(self, other: Ranges) -> Ranges:
        """Values in either, sorted, overlapping spans joined."""
        spans: list[tuple[float | int | None, float | int | None]] = []
        for lo, hi in sorted(self.spans + other.spans, key=lambda s: -np.inf if s[0] is None else s[0]):
            last = spans[-1] if spans else None
            if last is not None and (last[1] is None or lo is None or lo <= last[1]):
                top = None if last[1] is None or hi is None else max(last[1], hi)
                spans[-1] = (last[0], top)
            else:
                spans.append((lo, hi))
        return Ranges(tuple(spans))

    def minus(self, other: Ranges, integer: bool) -> Ranges:
        """Values of this one that are not in `other` (`exclude`)."""
        left = self
        for lo, hi in other.spans:
            one = 1 if integer else 0
            below = () if lo is None else ((None, lo - one),)
            above = () if hi is None else ((hi + one, None),)
            left = left & Ranges(below + above)
        return left

    def contains(self, value: float) -> bool:
        """True where `value` is in one of the spans, both ends included."""
        return any((lo is None or lo <= value) and (hi is None or value <= hi) for lo, hi in self.spans)

    @classmethod
    def parse(cls, text: str) -> Ranges | None:
        """Read `lo:hi,lo:hi`; None where the text is something else."""
        spans = []
        for piece in text.split(","):
            lo, colon, hi = piece.partition(":")
            try:
                spans.append((_value(lo), _value(hi if colon else lo)))
            except ValueError:
                return None
        return cls(tuple(spans))


@dataclass(frozen=True)
class TimeTable:
    """Good times of a component, with the block that holds them.

    Attributes
    ----------
    name : str
        Block name (`GTI7`).
    gti : Gti
    table : Table or None
        The block as read: its header is kept when the times change, all of it when they do not.
    """

    name: str
    gti: Gti
    table: Table | None = None

    @property
    def empty(self) -> bool:
        """True where no good time is left."""
        return not len(self.gti)

    def restrict(self, gti: Gti) -> TimeTable:
        """Return the times that lie in `gti` too; the block itself where nothing changes."""
        both = self.gti & gti
        return self if both == self.gti else TimeTable(self.name, both, self.table)


@dataclass(frozen=True)
class Text:
    """A value kept as text: a region (`Circle(4072.86,3945.82,3.04878)`), a mask, a list of strings.

    `table` is the block that DSREF names (a mask image), if any; `shape` the region itself where its text is not
    enough to make it anew (masks combined with shapes), in memory only.
    """

    text: str
    reference: str = ""
    table: Block | None = None
    shape: object = field(default=None, compare=False)

    def __str__(self) -> str:
        return self.text

    @property
    def empty(self) -> bool:
        """A region is never known to be empty."""
        return False


Value: TypeAlias = Ranges | TimeTable | Text
Component: TypeAlias = dict[str, Value]


@dataclass(frozen=True)
class Descriptor:
    """Name (`time`, `sky(x,y)`), FITS letter of its type, and unit."""

    name: str
    form: str = ""
    unit: str = ""

    @property
    def key(self) -> str:
        """Lower-case name without components: what components are looked up by."""
        return self.name.lower().partition("(")[0]


@dataclass
class Subspace:
    """Descriptors and components, in file order.

    Attributes
    ----------
    descriptors : list of Descriptor
    components : list of dict
        Descriptor key (`ccd_id`, `sky`) to value.
    """

    descriptors: list[Descriptor] = field(default_factory=list)
    components: list[Component] = field(default_factory=list)

    @classmethod
    def from_header(cls, header: Header, companions: Iterable[Block] = ()) -> Subspace:
        """Read the DS keywords; tables named by DSREF are looked up among the companions.

        A DSREF whose block is not there, or has no START and STOP, is kept as text.
        """
        found: dict[int, dict[int, dict[str, Any]]] = {}
        for card in header.cards:
            match = KEY.match(card.keyword)
            if match:
                component = int(match[1] or 1)
                found.setdefault(int(match[3]), {}).setdefault(component, {})[match[2]] = card.value
        blocks = {b.name.lower(): b for b in companions}
        result = cls()
        number = max((k for one in found.values() for k in one), default=0)
        result.components = [{} for _ in range(number)]
        for n in sorted(found):
            first = found[n].get(1, {})
            name = str(first.get("TYP", "")).strip()
            if not name:
                continue
            descriptor = Descriptor(name, str(first.get("FORM", "")).strip(), str(first.get("UNIT", "")).strip())
            result.descriptors.append(descriptor)
            for k, keys in found[n].items():
                value = _read_value(keys, first, blocks)
                if value is not None:
                    result.components[k - 1][descriptor.key] = value
        return result

    def descriptor(self, name: str) -> Descriptor | None:
        """Return the descriptor of that key, or None."""
        return next((d for d in self.descriptors if d.key == name.lower()), None)

    def copy(self) -> Subspace:
        """Return a copy whose lists and components can be changed freely."""
        return Subspace(list(self.descriptors), [dict(c) for c in self.components])

    def declare(self, descriptor: Descriptor) -> None:
        """Add a descriptor at the end, or replace the one of the same key where it stands."""
        for i, old in enumerate(self.descriptors):
            if old.key == descriptor.key:
                self.descriptors[i] = descriptor
                return
        self.descriptors.append(descriptor)

    def update(self, descriptor: Descriptor, change: Callable[[Component], Value | None]) -> None:
        """Set the value of one descriptor in every component; components that become empty are dropped.

        Where no time at all is left, the components stay with empty time tables: a file without good time says so.

        Parameters
        ----------
        descriptor : Descriptor
        change : callable
            Takes a component, returns the new value, or None to leave the component as it is.
        """
        self.components = self.components or [{}]
        kept, emptied = [], []
        for component in self.components:
            value = change(component)
            if value is None:
                kept.append(component)
            elif not value.empty:
                kept.append({**component, descriptor.key: value})
            elif isinstance(value, TimeTable):
                emptied.append({**component, descriptor.key: value})
        self.components = kept = kept or emptied
        if any(descriptor.key in c for c in kept) or not kept:
            self.declare(descriptor)

    def restrict(self, descriptor: Descriptor, ranges: Ranges) -> None:
        """Intersect a column's ranges (a time table's times) with `ranges` in every component."""

        def change(component: Component) -> Value | None:
            old = component.get(descriptor.key)
            if isinstance(old, TimeTable):
                return old.restrict(ranges_to_gti(ranges))
            return old & ranges if isinstance(old, Ranges) else ranges

        self.update(self.descriptor(descriptor.key) or descriptor, change)

    def remove(self, name: str) -> None:
        """Delete the entries of a descriptor."""
        key = name.lower()
        self.descriptors = [d for d in self.descriptors if d.key != key]
        for component in self.components:
            component.pop(key, None)

    def tables(self) -> list[TimeTable]:
        """Return the time tables of the components, each once, in order."""
        out: list[TimeTable] = []
        for component in self.components:
            out += [v for v in component.values() if isinstance(v, TimeTable) and v not in out]
        return out

    def named(self) -> Subspace:
        """Return the same subspace with a block name of its own for every different time table."""
        taken: dict[str, Gti] = {}
        result = self.copy()
        for component in result.components:
            for key, value in component.items():
                if isinstance(value, TimeTable):
                    name, n = value.name, 1
                    while name.lower() in taken and taken[name.lower()] != value.gti:
                        n += 1
                        name = f"{value.name}_{n}"
                    taken[name.lower()] = value.gti
                    component[key] = replace(value, name=name)
        return result

    def to_header(self, header: Header) -> list[Block]:
        """Write the DS keywords into `header`, replacing those there, and return the blocks they refer to."""
        for keyword in [c.keyword for c in header.cards if KEY.match(c.keyword)]:
            header.remove(keyword, ignore_missing=True)
        named = self.named()
        blocks: list[Block] = []
        for n, d in enumerate(self.descriptors, 1):
            timed = any(isinstance(c.get(d.key), TimeTable) for c in named.components)
            unit = d.unit or ("s" if timed else "")
            comment = f"[{unit}]" if unit else "DM Keyword: Descriptor value."
            _set(header, f"DSTYP{n}", d.name, "DM Keyword: Descriptor name.")
            for k, component in enumerate(named.components, 1):
                value, prefix = component.get(d.key), "" if k == 1 else str(k)
                if isinstance(value, TimeTable):
                    if k == 1:  # DSREF alone says it for the other components
                        _set(header, f"DSVAL{n}", "TABLE", comment)
                    _set(header, f"{prefix}DSREF{n}", f":{value.name}", "")
                    block = time_table_block(value, header)
                    if block.name.lower() not in (b.name.lower() for b in blocks):
                        blocks.append(block)
                elif value is not None:
                    _set(header, f"{prefix}DSVAL{n}", str(value), comment)
                    if isinstance(value, Text) and value.reference:
                        _set(header, f"{prefix}DSREF{n}", value.reference, "")
                        blocks += [value.table] if value.table is not None else []
                if k == 1:
                    _set(header, f"DSFORM{n}", d.form or "D", "DM Keyword: Descriptor datatype.")
                    if unit:
                        _set(header, f"DSUNIT{n}", unit, "DM Keyword: Descriptor unit.")
        return blocks


def ranges_to_gti(ranges: Ranges) -> Gti:
    """Return the times of `lo:hi` ranges."""
    starts = [-np.inf if lo is None else float(lo) for lo, _ in ranges.spans]
    return Gti(starts, [np.inf if hi is None else float(hi) for _, hi in ranges.spans])


def time_table_block(value: TimeTable, owner: Header | None = None) -> Table:
    """Return the block of a time table: as read where nothing changed, else its header with the new times.

    Parameters
    ----------
    value : TimeTable
    owner : Header, optional
        Of the block that refers to it: what a GTI block says of mission and times is taken from there where the old
        block does not say it.
    """
    from ciaopy.fits import Column, Header, Table

    old = value.table
    if old is not None and old.name == value.name and Gti.from_table(old) == value.gti:
        return old
    header = Header() if old is None else old.header.copy()
    header["EXTNAME"] = header.get("EXTNAME", "GTI")
    header["HDUNAME"] = (value.name, "ASCDM block name")
    for key in GTI_KEYS if owner is not None else ():
        if owner is not None and key in owner and key not in header:
            header[key] = (owner[key], owner.comments[key])
    number = re.search(r"GTI(\d+)$", value.name, re.I)
    if old is None and number:
        header["EXTVER"] = int(number[1])
        header["CCD_ID"] = (int(number[1]), "CCD for this table")
    template = {} if old is None else old.columns
    columns = {}
    for name, data in (("START", value.gti.start), ("STOP", value.gti.stop)):
        column = template.get(name.lower()) or Column(name, data, "1D", "s")
        columns[name.lower()] = column.with_data(np.array(data))
    return Table(value.name, columns, header)


def _read_value(keys: dict[str, Any], first: dict[str, Any], blocks: dict[str, Block]) -> Value | None:
    from ciaopy.fits import Table

    reference = str(keys.get("REF", "")).strip()
    text = str(keys.get("VAL", "TABLE" if reference else "")).strip()
    if reference:
        block = blocks.get(reference.rpartition(":")[2].lower())
        if isinstance(block, Table) and "start" in block and "stop" in block:
            return TimeTable(block.name, Gti.from_table(block), block)
        return Text(text, reference, block)
    if not text:
        return None
    ranges = Ranges.parse(text)
    return ranges if ranges is not None else Text(text)


def _set(header: Header, keyword: str, value: str, comment: str) -> None:
    header[keyword if len(keyword) <= 8 else f"HIERARCH {keyword}"] = (value, comment)


def _value(text: str) -> float | int | None:
    text = text.strip()
    if not text:
        return None
    try:
        return int(text)
    except ValueError:
        return float(text)


def _number(value: float | int | None) -> str:
    return "" if value is None else f"{value:.15g}" if isinstance(value, float) else str(value)
