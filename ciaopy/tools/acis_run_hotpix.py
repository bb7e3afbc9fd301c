"""Search ACIS events for hot pixels and afterglows: the old name of acis_find_afterglow, which does the work."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ciaopy.errors import UserError
from ciaopy.tools import acis_find_afterglow

if TYPE_CHECKING:
    from ciaopy.datamodel import Workspace
    from ciaopy.param import ParameterSet


def run(par: ParameterSet, ws: Workspace) -> None:
    """Run acis_find_afterglow with the parameters of acis_run_hotpix; `biasfile` and `pbkfile` are not needed.

    Raises
    ------
    UserError
        No exposure statistics (statfile): the old tool did without, the new search cannot.
    DataError
        As acis_find_afterglow raises it.
    """
    if not par["statfile"].strip():
        raise UserError("acis_run_hotpix: give statfile, the exposure statistics (stat1); acis_find_afterglow needs it")
    for name in ("biasfile", "pbkfile"):
        if par[name].strip().lower() not in {"", "none"}:
            ws.console.warn(f"{name} is not used: bias maps and parameter blocks are acis_build_badpix's")
    acis_find_afterglow.run(par, ws)
