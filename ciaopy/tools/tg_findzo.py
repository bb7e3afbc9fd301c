"""Find the zero order of an ACIS grating observation: where the read-out streak crosses an arm, or the peak column."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ciaopy.datamodel import Workspace
    from ciaopy.param import ParameterSet

# Of the peak along the columns, in continuous clocking.
LEAST_SNR = 5.0


def run(par: ParameterSet, ws: Workspace) -> None:
    """Write the table of the zero order found; no row where streak or arm, or the peak of the columns, cannot be seen.

    In continuous clocking the columns tell one coordinate alone; the other is that of the guess.

    Raises
    ------
    DataError
        No event table with sky positions, not ACIS, no grating, or a guess on no chip.
    """
    from ciaopy.response import by_column, by_streak, read_field, source_table
    from ciaopy.tools.tgdetect import say

    ws.check_output(par["outfile"], par["clobber"], (par["infile"],))
    field = read_field(par, ws)
    found = by_column(field, LEAST_SNR) if field.clocked else by_streak(field)
    ws.write(par["outfile"], source_table(field, found), par, par["clobber"])
    say(
        par,
        ws,
        found,
        "with a peak along the columns" if field.clocked else "with a read-out streak and an arm to cross it",
    )
