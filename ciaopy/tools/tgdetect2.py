"""Find the zero order of a grating observation: by its image, or by streak and arm where that is piled up."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ciaopy.datamodel import Workspace
    from ciaopy.gratings import ZeroOrder
    from ciaopy.param import ParameterSet
    from ciaopy.response import Field

# snr_thresh of tgdetect; the least of a peak along the columns, in continuous clocking.
_SNR = 40.0
LEAST_SNR = 5.0


def run(par: ParameterSet, ws: Workspace) -> None:
    """Write the table of the zero order, as tgdetect or tg_findzo finds it; no row where neither does.

    Raises
    ------
    DataError
        No event table with sky positions.
    """
    from ciaopy.response import read_field, source_table
    from ciaopy.tools.tgdetect import say

    ws.check_output(par["outfile"], par["clobber"], (par["infile"],))
    field = read_field(par, ws)
    found = _found(field, par, ws)
    ws.write(par["outfile"], source_table(field, found), par, par["clobber"])
    say(par, ws, found, f"above signal to noise {_SNR:g}, nor streak and arm")


def _found(field: Field, par: ParameterSet, ws: Workspace) -> ZeroOrder | None:
    from ciaopy.errors import ParameterError
    from ciaopy.param import locate, read_current
    from ciaopy.response import by_centroid, by_column, by_streak, is_piled_up

    if field.clocked:
        return by_column(field, LEAST_SNR)
    limit = _SNR
    if not par["unlearn_tgdetect"]:
        text = read_current(locate("tgdetect"))["snr_thresh"].default
        try:
            limit = float(text)
        except ValueError:
            raise ParameterError(f"tgdetect.snr_thresh={text}: not a number; run punlearn tgdetect") from None
    found = by_centroid(field, limit)
    if field.instrument != "ACIS":
        return found
    if found is None or is_piled_up(field, (found.x, found.y)):
        crossing = by_streak(field)
        if crossing is not None or found is None:
            return crossing
        ws.console.at(max(1, ws.console.verbose)).warn(
            f"{field.where}: the zero order is piled up, and streak or arm are too faint; its centroid is taken"
        )
    return found
