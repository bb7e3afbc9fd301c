"""The data subspace of EPIC event lists: one component for each CCD, each with good times of its own.

Keywords DSTYPi, DSVALi, DSFORMi, DSUNIi, DSREFi describe filter i; component c has a prefix, cDSVALi, cDSREFi, where
it differs from the first. Component k (from 0) of filter i has its good times in the table GTIkkkii. Checked on the
headers of 0201903501 (SAS 14).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from astropy.io.fits import Header

__all__ = ["Subspace"]

_KEY = re.compile(r"(\d*)DS(TYP|VAL|FORM|UNI|REF)(\d+)$")
_FIELDS = {"TYP": "kind", "VAL": "value", "FORM": "form", "UNI": "unit", "REF": "reference"}
_COMMENTS = {"TYP": "name", "VAL": "value", "FORM": "data type", "UNI": "units", "REF": "reference"}


def _numbers(value: str) -> set[int]:
    """Return the whole numbers of `1,2,5:7`."""
    found: set[int] = set()
    for piece in value.split(","):
        low, colon, high = piece.strip().partition(":")
        if not (low.isdecimal() or colon):
            continue
        first = int(low) if low.isdecimal() else 0
        last = int(high) if high.isdecimal() else (99 if colon else first)
        found |= set(range(first, last + 1))
    return found


@dataclass
class _Filter:
    """One filter of the first component, and where further components differ: component -> (value, reference)."""

    kind: str = ""
    value: str = ""
    form: str = ""
    unit: str = ""
    reference: str = ""
    others: dict[int, dict[str, str]] | None = None

    def of(self, component: int, name: str) -> str:
        others = (self.others or {}).get(component, {})
        own: str = getattr(self, name)
        return others.get(name, own)


class Subspace:
    """Filters in order, and the number of components.

    Attributes
    ----------
    filters : list
        In the order of their numbers.
    components : int
        At least 1.
    """

    def __init__(self, filters: list[_Filter] | None = None, components: int = 1) -> None:
        self.filters = filters or []
        self.components = components

    @classmethod
    def from_header(cls, header: Mapping[str, Any]) -> Subspace:
        """Read the keywords; a header without any gives no filters."""
        found: dict[int, _Filter] = {}
        components = 1
        for key in header:
            match = _KEY.fullmatch(key)
            if match is None:
                continue
            component, name, number = int(match[1] or 1), _FIELDS[match[2]], int(match[3])
            item = found.setdefault(number, _Filter(others={}))
            components = max(components, component)
            text = str(header[key]).strip()
            if component == 1:
                setattr(item, name, text)
            else:
                assert item.others is not None
                item.others.setdefault(component, {})[name] = text
        return cls([found[i] for i in sorted(found)], components)

    def _index(self, kind: str) -> int | None:
        return next((i for i, f in enumerate(self.filters) if f.kind.upper() == kind), None)

    def gti_names(self) -> dict[int, str]:
        """Return CCD number -> name of the table with its good times; empty where the header names none."""
        time = next((f for f in self.filters if f.kind.upper() == "TIME" and f.value.upper() == "TABLE"), None)
        ccd = self._index("CCDNR")
        if time is None or ccd is None:
            return {}
        names = {}
        for component in range(1, self.components + 1):
            number = self.filters[ccd].of(component, "value")
            if number.isdecimal():
                names[int(number)] = time.of(component, "reference").lstrip(":")
        return names

    def demands_zero_flag(self) -> bool:
        """Tell whether a filter holds FLAG at 0."""
        return any(f.kind.upper() == "FLAG" and f.value == "0" for f in self.filters)

    def admitted_ccds(self) -> set[int] | None:
        """Return the CCDs that filters on CCDNR admit in common; None where there is no such filter."""
        found: set[int] | None = None
        for item in self.filters:
            if item.kind.upper() != "CCDNR":
                continue
            values = [item.of(component, "value") for component in range(1, self.components + 1)]
            numbers = {n for value in values for n in _numbers(value)}
            found = numbers if found is None else found & numbers
        return found

    def add(self, column: str, value: str, form: str = "") -> None:
        """Add a filter for all components, unless it is there."""
        if not any((f.kind, f.value, f.form) == (column, value, form) and not f.others for f in self.filters):
            self.filters.append(_Filter(column, value, form, others={}))

    def set_gtis(self, ccds: Iterable[int]) -> dict[int, str]:
        """Give every CCD a component with good times of its own; return CCD number -> name of the table.

        Tables that the subspace names keep their names; without any, a filter on CCDNR and one on TIME are added.
        """
        numbers = sorted(ccds)
        known = self.gti_names()
        if set(numbers) <= set(known):
            return {n: known[n] for n in numbers}
        self.filters = [f for f in self.filters if f.kind.upper() not in ("CCDNR", "TIME")]
        for item in self.filters:
            item.others = {}
        ccd = _Filter("CCDNR", str(numbers[0]), others={k: {"value": str(n)} for k, n in enumerate(numbers[1:], 2)})
        place = len(self.filters) + 2
        names = {n: f"GTI{k:03d}{place:02d}" for k, n in enumerate(numbers)}
        others = {k: {"reference": f":{names[n]}"} for k, n in enumerate(numbers[1:], 2)}
        time = _Filter("TIME", "TABLE", unit="s", reference=f":{names[numbers[0]]}", others=others)
        self.filters = [ccd, *self.filters, time]
        self.components = len(numbers)
        return names

    def to_header(self, header: Header) -> None:
        """Write the keywords in place of those that the header has."""
        for key in [k for k in header if _KEY.fullmatch(k)]:
            header.remove(key, ignore_missing=True, remove_all=True)

        def put(prefix: str, word: str, number: int, value: str) -> None:
            header[f"{prefix}DS{word}{number}"] = (value, f"data subspace descriptor: {_COMMENTS[word]}")

        for i, item in enumerate(self.filters, 1):
            put("", "TYP", i, item.kind)
            for word in ("FORM", "UNI", "VAL", "REF"):
                value = getattr(item, _FIELDS[word])
                if value:
                    put("", word, i, value)
        for component in range(2, self.components + 1):
            for i, item in enumerate(self.filters, 1):
                for name, value in (item.others or {}).get(component, {}).items():
                    word = next(w for w, n in _FIELDS.items() if n == name)
                    put(str(component), word, i, value)
