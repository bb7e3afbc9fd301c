"""Rules on the columns that a table declares: present, type, unit, TNULL, limits, order, spelling."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Any

from ciaopy.conformance.findings import ERROR, NOTE, WARNING, Finding
from ciaopy.conformance.layouts import ColumnLayout, HduLayout
from ciaopy.conformance.product import Part, number
from ciaopy.fits import ColumnInfo

__all__ = ["column_rules", "form_fits", "form_text"]

#: Limits are compared to this relative accuracy: reals are written with 8 digits by some versions.
LIMIT_ACCURACY = 1e-6


def form_text(column: ColumnInfo) -> str:
    """Return a TFORM as the table spells it: `1D`, `32X`, and `PI` for arrays of variable length."""
    form = column.form
    return form.letter + form.element if form.is_variable else f"{form.repeat}{form.letter}"


def form_fits(column: ColumnInfo, layout: ColumnLayout) -> bool:
    """Tell whether the type and count of a column are among those of its layout."""
    text = form_text(column)
    return any(text == want or (want[0] == "*" and _of_any_count(column, want[1:])) for want in layout.tform)


def _of_any_count(column: ColumnInfo, letter: str) -> bool:
    """`*E` is any count of E, variable-length arrays included."""
    form = column.form
    return form.element == letter if form.is_variable else form.letter == letter


def column_rules(part: Part) -> Iterator[Finding]:
    """Check COL-1 to COL-9 of one table."""
    layout = part.layout
    if layout is None or not layout.columns or part.info.kind != "table" or part.info.unusual:
        return
    yield from _presence(part, layout)
    for column in part.columns.values():
        known = layout.column(column.name)
        if known is not None:
            yield from _one_column(part, column, known)
    yield from _order(part, layout)


def _presence(part: Part, layout: HduLayout) -> Iterator[Finding]:
    """Check COL-1 (missing) and COL-8 (not known)."""
    known = {c.name for c in layout.columns}
    extra = [c.name for name, c in part.columns.items() if name not in known]
    for wanted in layout.columns:
        if wanted.name in part.columns or wanted.need == "o":
            continue
        near = difflib.get_close_matches(wanted.name, [name.upper() for name in extra], 1, 0.6)
        spelt = next((name for name in extra if near and name.upper() == near[0]), "")
        advice = f"; {spelt} is not known: is it meant?" if spelt else ""
        severity = ERROR if wanted.need == "r" else WARNING
        yield part.find("COL-1", severity, f"no column {wanted.name}{advice}")
    for name in extra:
        yield part.find("COL-8", NOTE, f"column {name} is in neither guide nor files")


def _one_column(part: Part, column: ColumnInfo, known: ColumnLayout) -> Iterator[Finding]:
    """Check COL-2 to COL-6 and COL-9 of one column."""
    if not form_fits(column, known):
        rule = "COL-3" if all(form.endswith("X") for form in known.tform) else "COL-2"
        expected = " or ".join(known.tform)
        yield part.find(rule, ERROR, f"{column.name} is {column.form_text}, expected {expected}")
    unit = column.unit.strip()
    if unit not in known.unit:
        expected = " or ".join(repr(u) if u else "none" for u in known.unit)
        wrong = bool(unit) and known.unit != ("",)
        found = repr(unit) if unit else "none"
        yield part.find("COL-4", ERROR if wrong else WARNING, f"{column.name}: unit {found}, expected {expected}")
    yield from _null(part, column, known)
    yield from _limits(part, column, known)
    if column.name != known.spelt:
        yield part.find("COL-9", NOTE, f"column {column.name} is spelt {known.spelt} by CIAO")


def _null(part: Part, column: ColumnInfo, known: ColumnLayout) -> Iterator[Finding]:
    """Check COL-5."""
    found = column.keys.get("TNULL", (None,))[0]
    expected = " or ".join(str(v) for v in known.tnull) or "none"
    if found is None and known.tnull:
        yield part.find("COL-5", NOTE, f"{column.name}: no TNULL, expected {expected}")
    elif found is not None and found not in known.tnull:
        severity = WARNING if known.tnull else NOTE
        yield part.find("COL-5", severity, f"{column.name}: TNULL {found}, expected {expected}")


def _limits(part: Part, column: ColumnInfo, known: ColumnLayout) -> Iterator[Finding]:
    """Check COL-6."""
    if not known.limits:
        return
    found = tuple(column.keys.get(stem, (None,))[0] for stem in ("TLMIN", "TLMAX"))
    if any(_same_limit(found[0], lo) and _same_limit(found[1], hi) for lo, hi in known.limits):
        return
    expected = " or ".join(f"{_limit_text(lo)}:{_limit_text(hi)}" for lo, hi in known.limits)
    severity = NOTE if found == (None, None) else WARNING
    shown = f"{_limit_text(found[0])}:{_limit_text(found[1])}"
    yield part.find("COL-6", severity, f"{column.name}: limits {shown}, expected {expected}")


def _same_limit(found: Any, wanted: float | None) -> bool:
    if found is None or wanted is None:
        return found is None and wanted is None
    value = number(found)
    return value is not None and abs(value - wanted) <= LIMIT_ACCURACY * max(abs(wanted), 1e-30)


def _limit_text(value: Any) -> str:
    return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _order(part: Part, layout: HduLayout) -> Iterator[Finding]:
    """Check COL-7 on the columns that the table knows."""
    wanted = [c.name for c in layout.columns if c.name in part.columns]
    found = [name for name in part.columns if layout.column(name) is not None]
    if found != wanted:
        k = next(i for i, (a, b) in enumerate(zip(found, wanted, strict=True)) if a != b)
        yield part.find("COL-7", NOTE, f"order of columns: {found[k]} stands where CIAO has {wanted[k]}")
