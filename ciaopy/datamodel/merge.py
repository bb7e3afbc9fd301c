"""Merge tables: rows one after the other, headers by rules, the union of the subspaces.

Header rules are those of CIAO's lookup tables: one keyword and its rules per line, joined by `;`:
`Skip`, `Fail`, `WarnFirst`, `WarnOmit[-tolerance]`, `Merge[-value]`, `Default[-value]`, `Force[-value]`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ciaopy.datamodel.joining import check_same_meaning, common_null
from ciaopy.datamodel.livetime import update_livetime
from ciaopy.datamodel.subspace import KEY, Component, Ranges, Subspace, TimeTable, Value
from ciaopy.datamodel.timeframe import require_one_time
from ciaopy.datamodel.wcs import vector_columns
from ciaopy.errors import DataError, UserError
from ciaopy.fits import Array, Column, Table
from ciaopy.streams import read_text

if TYPE_CHECKING:
    from ciaopy.fits import Header

RULES = ("skip", "fail", "warnfirst", "warnomit", "warnprefer", "merge", "default", "force", "calcmin", "calcmax")
# Where nothing else is said: extremes of times, one word for what names an observation, quiet on bookkeeping.
BUILT_IN = {
    "TSTART": "calcmin", "TSTOP": "calcmax", "DATE-OBS": "calcmin", "DATE-END": "calcmax", "MJD-OBS": "calcmin",
    "MJD_OBS": "calcmin", "STARTMJF": "calcmin", "STOPMJF": "calcmax", "CHECKSUM": "skip", "DATASUM": "skip",
    "OBS_ID": "merge-Merged", "SEQ_NUM": "merge-Merged", "OBJECT": "merge-Merged", "TITLE": "merge-Merged",
    "OBSERVER": "merge-Merged", "DS_IDENT": "merge-Merged", "DATE": "calcmax", "HISTNUM": "calcmax",
}  # fmt: skip
EXPOSURES = ("ONTIME", "LIVETIME", "EXPOSURE", "LIVTIME", "EXPOSUR")


@dataclass
class MergeReport:
    """Keywords that differed, for one warning."""

    kept_first: list[str] = field(default_factory=list)
    omitted: list[str] = field(default_factory=list)


def read_rules(path: Path) -> dict[str, str]:
    """Read a lookup table of header rules.

    Raises
    ------
    DataError, UserError
        The file cannot be read, or a rule is unknown.
    """
    try:
        lines = read_text(path).splitlines()
    except DataError as problem:
        raise DataError(f"header rules cannot be read: {problem}") from None
    rules = {}
    for number, line in enumerate(lines, 1):
        words = line.partition("#")[0].split(None, 1)
        if not words:
            continue
        text = words[1].strip() if len(words) > 1 else "WarnFirst"
        for rule in text.split(";"):
            if rule.strip().partition("-")[0].lower() not in RULES:
                raise UserError(f"{path}: line {number}: unknown rule {rule.strip()}; known are {', '.join(RULES)}")
        rules[words[0].upper()] = text
    return rules


def merge_headers(headers: Sequence[Header], rules: dict[str, str] | None = None) -> tuple[Header, MergeReport]:
    """Merge headers in the order of the first; HISTORY and COMMENT come from the first alone.

    Parameters
    ----------
    headers : sequence of Header
    rules : dict, optional
        Keyword to rules; what is not listed follows the built-in rules, then WarnFirst.

    Raises
    ------
    DataError
        A keyword with the rule Fail differs.
    """
    merged, report = headers[0].copy(), MergeReport()
    names = [k for h in headers for k in h if k not in ("COMMENT", "HISTORY", "") and not KEY.match(k)]
    for key in dict.fromkeys(names):
        if key.startswith(EXPOSURES):
            continue
        text = (rules or {}).get(key, BUILT_IN.get(key, "warnfirst"))
        values = [h[key] for h in headers if key in h]
        comment = next(h.comments[key] for h in headers if key in h)
        _apply(merged, key, text, values, len(values) < len(headers), report)
        if key in merged and not merged.comments[key]:
            merged.comments[key] = comment
    return merged, report


def _apply(merged: Header, key: str, text: str, values: list[Any], missing: bool, report: MergeReport) -> None:
    """Apply the rules of one keyword."""
    for rule in text.split(";"):
        name, _, argument = rule.strip().partition("-")
        name = name.lower()
        differ = any(v != values[0] for v in values[1:])
        if name == "skip":
            merged.remove(key, ignore_missing=True)
            return
        if name == "force":
            merged[key] = _typed(argument)
        elif name == "default" and missing and not differ:
            merged[key] = values[0] if not argument else _typed(argument)
        elif name in ("calcmin", "calcmax"):
            merged[key] = (min if name == "calcmin" else max)(values, key=lambda v: (str(type(v)), v))
        elif name == "merge" and differ:
            merged[key] = argument or "Merged"
        elif name == "fail" and differ:
            raise DataError(f"header keyword {key} differs between the files ({values[0]!r}, ...) and must not")
        elif name == "warnfirst":
            merged[key] = values[0]
            if differ:
                report.kept_first.append(key)
        elif name == "warnprefer" and differ:
            merged[key] = _typed(argument)
            report.kept_first.append(key)
        elif name == "warnomit" and differ and not _close(values, argument):
            merged.remove(key, ignore_missing=True)
            report.omitted.append(key)
            return


def _close(values: list[Any], tolerance: str) -> bool:
    try:
        numbers = [float(v) for v in values]
        return max(numbers) - min(numbers) <= float(tolerance or 0)
    except (TypeError, ValueError):
        return False


def _typed(text: str) -> Any:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def merge_subspaces(spaces: Sequence[Subspace]) -> Subspace:
    """Return the union: components of different files that differ in one thing, but not the chip, are joined.

    Exposure numbers count time like `time` does, so components of one chip that differ in both are joined as well.
    """
    merged = Subspace()
    for space in spaces:
        for descriptor in space.descriptors:
            if merged.descriptor(descriptor.key) is None:
                merged.declare(descriptor)
        earlier = len(merged.components)
        for component in space.components:
            for i, old in enumerate(merged.components[:earlier]):
                joined = _joined(old, component)
                if joined is not None:
                    merged.components[i] = joined
                    break
            else:
                merged.components.append(dict(component))
    return merged


def _joined(a: Component, b: Component) -> Component | None:
    if a.keys() != b.keys():
        return None
    differing = [k for k in a if not _equal(a[k], b[k])]
    if not differing:
        return a
    if "ccd_id" in differing or (len(differing) > 1 and set(differing) - {"time", "expno"}):
        return None
    result = dict(a)
    for key in differing:
        both = _union(a[key], b[key])
        if both is None:
            return None
        result[key] = both
    return result


def _equal(a: Value, b: Value) -> bool:
    if isinstance(a, TimeTable) and isinstance(b, TimeTable):
        return a.gti == b.gti
    return str(a) == str(b) if type(a) is type(b) else False


def _union(a: Value, b: Value) -> Value | None:
    if isinstance(a, TimeTable) and isinstance(b, TimeTable):
        return TimeTable(a.name, a.gti | b.gti, a.table)
    if isinstance(a, Ranges) and isinstance(b, Ranges):
        return a | b
    return None


def common_columns(tables: Sequence[Table], listed: str = "") -> list[str]:
    """Return the lower-case names of the columns that all tables have, in the order of the first.

    Parameters
    ----------
    listed : str
        `a,b` keeps these, `-a,-b` drops these; a vector (`sky`) stands for its columns.

    Raises
    ------
    UserError
        Nothing is left, or a name to keep is missing somewhere.
    """
    names = [n for n in tables[0].columns if all(n in t for t in tables[1:])]
    words = [w.strip().lower() for w in listed.split(",") if w.strip()]
    dropped = {c for w in words if w.startswith("-") for c in _columns_of(tables[0], w[1:].strip())}
    kept = [c for w in words if not w.startswith("-") for c in _columns_of(tables[0], w)]
    for name in kept:
        if name not in names:
            raise UserError(f"column {name} is not in every table to merge; common are {', '.join(names)}")
    names = [n for n in (kept or names) if n not in dropped]
    if not names and any(t.columns for t in tables):
        raise UserError("the tables to merge have no column in common")
    return names


def _columns_of(table: Table, word: str) -> tuple[str, ...]:
    """Return the columns that a word of a list names: those of a vector, or the word itself."""
    return (word,) if word in table else vector_columns(table, word) or (word,)


def merge_tables(
    tables: Sequence[Table], listed: str = "", rules: dict[str, str] | None = None, files: Sequence[str] = ()
) -> tuple[Table, MergeReport]:
    """Merge tables: common columns, rows in order, headers by rules, the union of the subspaces.

    Parameters
    ----------
    tables : sequence of Table
    listed : str
        Columns to keep or to drop, see `common_columns`.
    rules : dict, optional
        Of the headers.
    files : sequence of str
        Their names, for messages.

    Raises
    ------
    UserError, DataError
        No common column, types that cannot be joined, a keyword that must not differ; times that count from different
        moments, columns in different units or sky planes.
    """
    files = files or [f"table {i}" for i in range(1, len(tables) + 1)]
    require_one_time([(f, t.header) for f, t in zip(files, tables, strict=True)])
    names = common_columns(tables, listed)
    columns = {n: _stacked([(f, t.column(n)) for f, t in zip(files, tables, strict=True)]) for n in names}
    header, report = merge_headers([t.header for t in tables], rules)
    spaces = [Subspace.from_header(t.header, t.companions) for t in tables]
    space = merge_subspaces(spaces)
    if len(tables) > 1:
        update_livetime(header, Subspace(), space)
    limits = [("TLMIN", min), ("TLMAX", max)]
    for name, column in columns.items():
        for key, choose in limits:
            values = [t.column(name).key(key) for t in tables]
            if all(isinstance(v, int | float) for v in values):
                column.keys[key] = (choose(values), column.keys[key][1])
    base = tables[0]
    vectors = [
        v
        for v in base.vectors
        if not any(c in base for c in v.components) or all(c.lower() in names for c in v.components)
    ]
    merged = Table(base.name, columns, header, vectors)
    merged.companions = space.to_header(header)
    return merged, report


def _stacked(named: list[tuple[str, Column]]) -> Column:
    parts = [p for _, p in named]
    first = parts[0]
    shapes = {p.data.shape[1:] for p in parts}
    if len(shapes) > 1 or len({p.data.dtype.kind in "SO" for p in parts}) > 1:
        raise DataError(f"column {first.name}: the tables to merge hold it in different shapes or types")
    check_same_meaning(first.name, named)
    data: Array = np.concatenate(common_null(first.name, named))
    new = first.with_data(data)
    if data.dtype != first.data.dtype:
        new.form = ""
    null = next((p.keys["TNULL"] for p in parts if "TNULL" in p.keys), None)
    if null is not None and data.dtype.kind in "iu":
        new.keys["TNULL"] = null
    return new
