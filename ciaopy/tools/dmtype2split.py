"""Split a spectrum file of type II into files of type I, one per row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ciaopy.errors import DataError, UserError
from ciaopy.fits import Table

if TYPE_CHECKING:
    from ciaopy.datamodel import Workspace
    from ciaopy.param import ParameterSet


def run(par: ParameterSet, ws: Workspace) -> None:
    """Write each row of `infile` (filters such as [#row=3] or [tg_m=-1,tg_part=2] choose them) to a name of `outfile`.

    Raises
    ------
    UserError
        As many names as rows are needed.
    DataError
        Not a table with vector columns.
    """
    from ciaopy.datamodel import parse, renamed
    from ciaopy.gratings import type_one
    from ciaopy.stack import build

    infile = par["infile"].strip()
    names = [n for n in build(par["outfile"]) if n.strip()]
    table = ws.read(infile)
    if not isinstance(table, Table):
        raise DataError(f"{infile}: an image, not a spectrum file of type II")
    if len(names) != table.nrows:
        raise UserError(
            f"outfile names {len(names)} files and {infile} has {table.nrows} rows; give as many names, or choose rows "
            "with a filter such as [#row=3]"
        )
    for name in names:
        ws.check_output(name, par["clobber"], (infile,))
    for row, name in enumerate(names):
        one = type_one(table, row)
        block = parse(name).block
        ws.write(name, renamed(one, block) if isinstance(block, str) and block else one, par, par["clobber"])
    ws.console.say(f"{infile}: {len(names)} spectra", 1)
