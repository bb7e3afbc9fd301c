"""Renew the range (TLMIN, TLMAX) of columns of a table from its data, in place."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ciaopy.datamodel import Range, column_range, outwards, set_range
from ciaopy.errors import DataError, NoDataError, UserError
from ciaopy.fits import Table
from ciaopy.messages import enumerated

if TYPE_CHECKING:
    from ciaopy.datamodel import Workspace
    from ciaopy.param import ParameterSet


def run(par: ParameterSet, ws: Workspace) -> dict[str, Range]:
    """Renew the ranges of `columns` (names, or vectors such as sky); returns them.

    Raises
    ------
    UserError, DataError
        A filter on the file, an unknown column, a column that is no number.
    NoDataError
        The table has no rows.
    """
    from ciaopy.datamodel import OpenFile, parse

    infile = par["infile"].strip()
    vfile = parse(infile)
    if vfile.filters or vfile.binning is not None:
        raise UserError(f"{infile}: the file is changed in place; give it without filters")
    with OpenFile(vfile, ws) as opened:
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
                raise DataError(f"{infile}: no column {name} in block {table.name}; it has {enumerated(table.names)}")
            if table[name].dtype.kind not in "iuf" or table[name].ndim != 1:
                raise DataError(f"{infile}: column {name} is no column of numbers; it has no range")
            names.append(name.lower())
    if not names:
        raise UserError("columns is empty; name columns, or vectors such as sky")
    return names
