"""Print or store one entry of a stack."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ciaopy.errors import StackError
from ciaopy.stack import build

if TYPE_CHECKING:
    from ciaopy.datamodel import Workspace
    from ciaopy.param import ParameterSet


def run(par: ParameterSet, ws: Workspace) -> None:
    """Store entry `num` (from 1) of `infile` in `outelement`; print it with echo=yes.

    Raises
    ------
    StackError
        The stack cannot be built, or has no such entry.
    """
    entries = build(par["infile"])
    number = par["num"]
    if number is None or not 1 <= number <= len(entries):
        raise StackError(f"num={par.text('num')}: the stack '{par['infile']}' has entries 1 to {len(entries)}")
    par.put("outelement", entries[number - 1])
    if par["echo"]:
        ws.console.output(entries[number - 1])
