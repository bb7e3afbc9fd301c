"""Find the zero order of an ACIS grating observation where the read-out streak crosses a dispersed arm."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ciaopy.datamodel import Workspace
    from ciaopy.param import ParameterSet


def run(par: ParameterSet, ws: Workspace) -> None:
    """Write the table of the zero order found; no row where streak or arm cannot be seen.

    Raises
    ------
    DataError
        No event table with sky positions, not ACIS, no grating, or a guess on no chip.
    """
    from ciaopy.response import by_streak, read_field, source_table
    from ciaopy.tools.tgdetect import say

    ws.check_output(par["outfile"], par["clobber"], (par["infile"],))
    field = read_field(par, ws)
    found = by_streak(field)
    ws.write(par["outfile"], source_table(field, found), par, par["clobber"])
    say(par, ws, found, "with a read-out streak and an arm to cross it")
