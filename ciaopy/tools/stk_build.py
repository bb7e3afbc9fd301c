"""Expand a stack, one entry per line."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ciaopy.stack import build

if TYPE_CHECKING:
    from ciaopy.datamodel import Workspace
    from ciaopy.param import ParameterSet


def run(par: ParameterSet, ws: Workspace) -> None:
    """Write the entries of `infile` to the screen or to the file `outfile`.

    Raises
    ------
    StackError
        The stack cannot be built.
    OutputExistsError
        The file exists and clobber=no.
    """
    entries = build(par["infile"])
    outfile = par["outfile"] or "stdout"
    if outfile == "stdout":
        for entry in entries:
            ws.console.output(entry)
    elif outfile == "stderr":
        _write_lines(entries)
    else:
        ws.check_output(outfile, par["clobber"])
        from ciaopy.param import write_atomic

        text = "".join(entry + "\n" for entry in entries)
        write_atomic(Path(outfile), text.encode("utf-8", "surrogateescape"))
        ws.console.say(f"{len(entries)} entries written to {outfile}", level=1)


def _write_lines(entries: list[str]) -> None:
    """Write to the error stream."""
    for entry in entries:
        sys.stderr.write(entry + "\n")
