"""Add effective areas of the chips of one detector."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ciaopy.errors import DataError, UserError

if TYPE_CHECKING:
    from ciaopy.datamodel import Workspace
    from ciaopy.fits import Table
    from ciaopy.param import ParameterSet


def run(par: ParameterSet, ws: Workspace) -> None:
    """Add SPECRESP and FRACEXPO of the files of the stack `infile`, which must be on one energy grid.

    Raises
    ------
    UserError
        No file.
    DataError
        Not effective areas, or grids that differ.
    """
    from ciaopy.gratings import added_areas
    from ciaopy.stack import build

    names = [n for n in build(par["infile"]) if n.strip()]
    if not names:
        raise UserError("infile: no effective area files given")
    ws.check_output(par["outfile"], par["clobber"], tuple(names))
    total = added_areas([(name, _area(name, ws)) for name in names])
    ws.write(par["outfile"], total, par, par["clobber"])
    ws.console.say(f"{par['outfile']}: sum of {len(names)} effective areas", 1)


def _area(name: str, ws: Workspace) -> Table:
    from ciaopy.fits import Table

    table = ws.read(name)
    if not isinstance(table, Table):
        raise DataError(f"{name}: an image, not an effective area")
    return table
