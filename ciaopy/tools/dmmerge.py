"""Merge tables into one: rows one after the other, headers by rules, the union of the data subspaces."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from ciaopy.datamodel import merge_tables, read_rules, renamed
from ciaopy.errors import DataError, UserError
from ciaopy.fits import Block, Table
from ciaopy.stack import expand

if TYPE_CHECKING:
    from ciaopy.datamodel import Workspace
    from ciaopy.param import ParameterSet

# The table of CIAO's own rules, which only an installation of CIAO has.
DEFAULT_TABLE = "dmmerge_header_lookup.txt"


def run(par: ParameterSet, ws: Workspace) -> None:
    """Merge a stack of tables.

    Raises
    ------
    UserError, DataError
        An input is an image, or the tables have nothing in common.
    """
    names = [n for n in expand(str(par["infile"])) if n.strip()]
    if not names:
        raise UserError("dmmerge: no input files given")
    outfile, clobber = str(par["outfile"]), bool(par["clobber"])
    ws.check_output(outfile, clobber, tuple(names))
    tables = []
    for name in names:
        block = ws.read(name)
        if not isinstance(block, Table):
            raise UserError(f"{name}: block {block.name} is an image; use dmimgcalc or reproject_image")
        tables.append(block)
    rules = lookup_rules(str(par["lookupTab"] or ""))
    merged, report = merge_tables(tables, str(par["columnList"] or ""), rules, names)
    if report.kept_first:
        text = f"these keywords differ, the value of the first file is kept: {', '.join(report.kept_first)}"
        ws.console.warn(text, level=0)
    if report.omitted:
        ws.console.warn(f"these keywords differ and are left out: {', '.join(report.omitted)}", level=0)
    block_name = str(par["outBlock"] or "").strip()
    result: Block = renamed(merged, block_name) if block_name else merged
    ws.write(outfile, result, par, clobber)
    ws.console.say(f"{outfile}: {merged.nrows} rows of {len(tables)} tables", 1)


def lookup_rules(name: str) -> dict[str, str] | None:
    """Return the rules of a lookup table; None (built-in rules) for the default name where CIAO is not installed.

    Raises
    ------
    DataError
        The file named does not exist.
    """
    path = Path(os.path.expandvars(name.strip()))
    if not name.strip() or name.strip().lower() == "none":
        return None
    if not path.is_file():
        if path.name == DEFAULT_TABLE:
            return None
        raise DataError(f"{path}: no such table of header rules; leave lookupTab at its default for the built-in ones")
    return read_rules(path)
