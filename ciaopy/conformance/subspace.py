"""Rules on the data subspace: DSTYPn, DSVALn, DSREFn, and the rows against the ranges that they state."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from ciaopy.conformance.findings import ERROR, NOTE, WARNING, Finding
from ciaopy.conformance.product import NUMBERS, Part, Product
from ciaopy.conformance.rows import BadRows, Columns
from ciaopy.fits import Array

__all__ = ["Ranges", "SubspaceKeys", "gti_reference_rules", "parse_ranges", "subspace_row_rules", "subspace_rules"]

_KEY = re.compile(r"(\d*)DS(TYP|VAL|REF|FORM|UNIT)([1-9]\d*)$")
_SHAPE = re.compile(r"([A-Za-z]+)\(")
_BITS = re.compile(r"[01xX]{8,}$")
_SHAPES = "point rectangle rotbox box polygon circle ellipse annulus pie sector field"
SHAPES = frozenset(_SHAPES.split())
#: Ranges stated with 6 digits, of values held as 4-byte reals.
REAL_ACCURACY = 1e-5

Ranges = list[tuple[float, float]]


def parse_ranges(text: str) -> Ranges | None:
    """Read `lo:hi,lo:hi` (an open end is infinite, one number is a range of itself); None where it is no such text."""
    ranges = []
    for piece in text.split(","):
        low, colon, high = piece.partition(":")
        try:
            lo = float(low) if low.strip() else -np.inf
            hi = lo if not colon else float(high) if high.strip() else np.inf
        except ValueError:
            return None
        if not colon and not low.strip():
            return None
        ranges.append((lo, hi))
    return ranges


def _is_region(text: str) -> bool:
    names = _SHAPE.findall(text)
    return bool(names) and text.count("(") == text.count(")") and all(n.lower() in SHAPES for n in names)


@dataclass
class SubspaceKeys:
    """The DS keywords of one HDU.

    Attributes
    ----------
    types, forms : dict
        Descriptor number to DSTYP and DSFORM.
    values, references : dict
        (component, descriptor number) to DSVAL and DSREF.
    """

    types: dict[int, str] = field(default_factory=dict)
    forms: dict[int, str] = field(default_factory=dict)
    values: dict[tuple[int, int], str] = field(default_factory=dict)
    references: dict[tuple[int, int], str] = field(default_factory=dict)

    @classmethod
    def of(cls, part: Part) -> SubspaceKeys:
        """Collect the keywords of an HDU."""
        found = cls()
        for keyword, value in part.keys.items():
            match = _KEY.match(keyword)
            if not match or value is None:
                continue
            component, number = int(match[1] or 1), int(match[3])
            text = str(value).strip()
            if match[2] == "TYP":
                found.types[number] = text
            elif match[2] == "FORM":
                found.forms[number] = text
            elif match[2] == "VAL":
                found.values[component, number] = text
            elif match[2] == "REF":
                found.references[component, number] = text
        return found

    @cached_property
    def blocks(self) -> dict[tuple[int, int], str]:
        """(component, descriptor number) to the block of this file that DSREF names."""
        return {at: text[1:].strip() for at, text in self.references.items() if text.startswith(":")}

    def number(self, name: str) -> int | None:
        """Return the number of the descriptor of that name (any case), or None."""
        return next((n for n, text in self.types.items() if text.lower() == name), None)

    def union(self, number: int) -> Ranges | None:
        """Return the ranges of a descriptor in all components together; None where some component has none."""
        components = {c for c, _ in (*self.values, *self.references)}
        ranges: Ranges = []
        for component in sorted(components):
            parsed = parse_ranges(self.values.get((component, number), ""))
            if parsed is None:
                return None
            ranges += [r for r in parsed if r not in ranges]
        return ranges


def _label(component: int, stem: str, number: int) -> str:
    return f"{component if component > 1 else ''}{stem}{number}"


def subspace_rules(product: Product, part: Part) -> Iterator[Finding]:
    """Check DSS-1, DSS-2, DSS-3 of one HDU, and the chips of the components (DSS-5)."""
    keys = SubspaceKeys.of(part)
    names = {p.name.lower(): p for p in product.parts} | {p.info.extname.lower(): p for p in product.parts}
    for at, block in keys.blocks.items():
        if block.lower() not in names:
            yield part.find("DSS-1", ERROR, f"{_label(at[0], 'DSREF', at[1])} names {block}, which is not in the file")
    for (component, n), text in keys.values.items():
        label = _label(component, "DSVAL", n)
        if n not in keys.types:
            yield part.find("DSS-2", ERROR, f"{label} without DSTYP{n}")
        elif text.upper() == "TABLE":
            if (component, n) not in keys.references:
                yield part.find("DSS-2", ERROR, f"{label} is TABLE without {_label(component, 'DSREF', n)}")
            elif component > 1:
                yield part.find("DSS-3", NOTE, f"{label} = TABLE is written out")
        elif not _is_value(text, keys.forms.get(n, "")):
            yield part.find("DSS-2", ERROR, f"{label} = {text[:40]!r} is neither ranges nor a region")
    yield from _component_chips(part, keys, names)


def _is_value(text: str, form: str) -> bool:
    """Tell whether a DSVAL can be read: ranges, a region, bits, or the text of a text column."""
    return parse_ranges(text) is not None or _is_region(text) or bool(_BITS.match(text)) or form.upper().endswith("A")


def _component_chips(part: Part, keys: SubspaceKeys, names: dict[str, Part]) -> Iterator[Finding]:
    """Check that the good times of a component are those of its chip."""
    chip = keys.number("ccd_id")
    time = keys.number("time")
    if chip is None or time is None:
        return
    for (component, n), block in keys.blocks.items():
        ranges = parse_ranges(keys.values.get((component, chip), ""))
        other = names.get(block.lower())
        ccd = other.keys.get("CCD_ID") if other is not None else None
        if n == time and ranges and isinstance(ccd, int) and not any(lo <= ccd <= hi for lo, hi in ranges):
            text = keys.values[component, chip]
            yield part.find(
                "DSS-5", ERROR, f"component {component} is for ccd_id {text}, its good times {block} for CCD {ccd}"
            )


def gti_reference_rules(product: Product) -> Iterator[Finding]:
    """Check DSS-4: every GTI block is named by a subspace, where the file has any subspace at all."""
    named = {block.lower() for part in product.parts for block in SubspaceKeys.of(part).blocks.values()}
    if not named:
        return
    for gti in product.gtis:
        if not {gti.part.name.lower(), gti.part.info.extname.lower()} & named:
            yield gti.part.find("DSS-4", WARNING, "no DSREF names this block")


def subspace_row_rules(product: Product, part: Part, judged: set[str]) -> Iterator[BadRows]:
    """Return the tests of DSS-5 on the rows of an event list: values outside all ranges of their column.

    Values outside TLMIN:TLMAX are RNG-1's, and columns in `judged` (upper case) another rule's: one fault, one finding.
    """
    if not product.is_events or part.extname != "EVENTS":
        return
    keys = SubspaceKeys.of(part)
    for n, name in keys.types.items():
        column = part.scalar(name)
        if column is None or column.form.letter not in NUMBERS or name.upper() in judged:
            continue
        ranges = keys.union(n)
        if not ranges:
            continue
        limits = tuple(column.keys.get(stem, (None,))[0] for stem in ("TLMIN", "TLMAX"))
        null = column.keys.get("TNULL", (None,))[0]
        test = _Outside(column.name.upper(), ranges, limits, null)
        shown = ",".join(f"{lo:.15g}:{hi:.15g}" for lo, hi in ranges[:6]) + (",..." if len(ranges) > 6 else "")
        yield BadRows(part, "DSS-5", ERROR, (test.name,), test, f"{column.name} outside the subspace {shown}")


@dataclass(frozen=True)
class _Outside:
    """Rows outside all ranges of a column and inside its limits."""

    name: str
    ranges: Ranges
    limits: tuple[object, ...]
    null: object

    def __call__(self, rows: Columns) -> Array:
        values = rows[self.name]
        exact = values.dtype.kind in "iu"
        outside = np.ones(len(values), bool)
        for lo, hi in self._merged():
            slack = 0.0 if exact else REAL_ACCURACY * max(abs(v) if np.isfinite(v) else 0.0 for v in (lo, hi))
            outside &= (values < lo - slack) | (values > hi + slack)
        low, high = self.limits
        if isinstance(low, (int, float)):
            outside &= values >= low
        if isinstance(high, (int, float)):
            outside &= values <= high
        if exact and isinstance(self.null, int):
            outside &= values != self.null
        return outside

    def _merged(self) -> Ranges:
        """Join ranges that touch or overlap, so that hundreds of frames in a row cost one comparison."""
        merged: Ranges = []
        for lo, hi in sorted(self.ranges):
            if merged and lo <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(hi, merged[-1][1]))
            else:
                merged.append((lo, hi))
        return merged
