"""Count the entries of a stack."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ciaopy.stack import build

if TYPE_CHECKING:
    from ciaopy.datamodel import Workspace
    from ciaopy.param import ParameterSet


def run(par: ParameterSet, ws: Workspace) -> None:
    """Store the number of entries of `infile` in `count`; print it with echo=yes.

    Raises
    ------
    StackError
        The stack cannot be built.
    """
    count = len(build(par["infile"]))
    par.put("count", count)
    if par["echo"]:
        ws.console.output(str(count))
