"""Renew the range (TLMIN, TLMAX) of columns of a table from its data, in place."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ciaopy.errors import DataError, NoDataError, UserError
from ciaopy.fits.blocks import Table

if TYPE_CHECKING:
    from astropy.io.fits import Header

    from ciaopy.datamodel.opened import BlockInfo, Opened
    from ciaopy.datamodel.workspace import Workspace
    from ciaopy.param import ParameterSet

Range = tuple[float, float]


def run(par: ParameterSet, ws: Workspace) -> dict[str, Range]:
    """Renew the ranges of `columns` (names, or vectors such as sky); returns them.

    Raises
    ------
    UserError, DataError
        A filter on the file, an unknown column, a column that is no number.
    NoDataError
        The table has no rows.
    """
    from ciaopy.datamodel.opened import Opened
    from ciaopy.datamodel.syntax.parser import parse

    infile = par["infile"].strip()
    vfile = parse(infile)
    if vfile.filters or vfile.binning is not None:
        raise UserError(f"{infile}: the file is changed in place; give it without filters")
    with Opened(vfile, ws) as opened:
        info = opened.find(vfile.block)
        names = _names(opened.template(info), par["columns"], infile)
        found = column_range(opened, info, names)
    if not found:
        raise NoDataError(f"{infile}: no finite values in {', '.join(names)}; the range stays as it is")
    wanted = {name: outwards(r) if par["round"] else r for name, r in found.items()}
    from ciaopy.fits import edit_header

    edit_header(Path(vfile.path), info.index, lambda header: set_range(header, wanted))
    for name, (low, high) in wanted.items():
        ws.console.say(f"{infile}: {name} {low:g} to {high:g}", 1)
    return wanted


def _names(table: Table, text: str, infile: str) -> list[str]:
    names: list[str] = []
    for word in text.replace(",", " ").split():
        vector = table.vector(word)
        for name in vector.components if vector is not None else (word,):
            if name not in table:
                raise DataError(f"{infile}: no column {name} in block {table.name}; it has {', '.join(table.names)}")
            if table[name].dtype.kind not in "iuf" or table[name].ndim != 1:
                raise DataError(f"{infile}: column {name} is no column of numbers; it has no range")
            names.append(name.lower())
    if not names:
        raise UserError("columns is empty; name columns, or vectors such as sky")
    return names


def column_range(opened: Opened, info: BlockInfo, names: list[str]) -> dict[str, Range]:
    """Return lowest and highest finite value of columns, row block by row block; nothing for those without any."""
    from ciaopy.datamodel.filtering.predicate import Rows
    from ciaopy.fits.blocks import Array

    def task(rows: Rows, raw: Array | None) -> dict[str, Range]:
        part = {}
        for name in names:
            values = rows.columns[name]
            good = values[np.isfinite(values)] if values.dtype.kind == "f" else values
            if good.size:
                part[name] = (float(good.min()), float(good.max()))
        return part

    found: dict[str, Range] = {}
    for part in opened.scan(info, names, task):
        for name, (low, high) in part.items():
            old = found.get(name, (low, high))
            found[name] = (min(low, old[0]), max(high, old[1]))
    return found


def outwards(limits: Range) -> Range:
    """Return the range widened to pixel edges (whole numbers and a half)."""
    return float(np.floor(limits[0] - 0.5) + 0.5), float(np.ceil(limits[1] - 0.5) + 0.5)


def set_range(header: Header, ranges: dict[str, Range]) -> None:
    """Write TLMINn and TLMAXn of columns (lower-case names) into a whole header, in place."""
    for key in [k for k in header if k.startswith("TTYPE") and k[5:].isdigit()]:
        limits = ranges.get(str(header[key]).strip().lower())
        if limits is None:
            continue
        whole = str(header.get(f"TFORM{key[5:]}", "")).strip().lstrip("1")[:1] in ("I", "J", "B", "K")
        low, high = (int(v) if whole else v for v in limits)
        for word, value in (("TLMIN", low), ("TLMAX", high)):
            if f"{word}{key[5:]}" in header:
                header[f"{word}{key[5:]}"] = value
            else:
                header.insert(key, (f"{word}{key[5:]}", value), after=True)
