"""Copy a file, or the part of it that a virtual file describes: filtered, with chosen columns, binned to an image.

`dmcopy "evt2.fits[EVENTS][energy=500:7000,ccd_id=0:3][bin sky=::2]" img.fits`
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ciaopy.datamodel import OpenFile, copy, parse
from ciaopy.errors import NotAvailableError

if TYPE_CHECKING:
    from ciaopy.datamodel import Workspace
    from ciaopy.param import ParameterSet

OPTIONS = ("", "image", "table", "all")


def run(par: ParameterSet, ws: Workspace) -> None:
    """Copy `infile` to `outfile`; `option=all` copies the other blocks of the file too.

    Raises
    ------
    UserError, DataError
        See `ciaopy.datamodel.copying.copy`.
    """
    option = str(par["option"] or "").strip().lower()
    if option not in OPTIONS:
        raise NotAvailableError(f"dmcopy: option={option} is not known; use all, or nothing")
    kernel = str(par["kernel"] or "default").strip().lower()
    outfile = str(par["outfile"])
    if kernel not in ("default", "fits", ""):
        outfile += f"[opt kernel={kernel}]"
    infile = str(par["infile"])
    clobber = bool(par["clobber"])
    written = copy(infile, outfile, ws, par, clobber=clobber, everything=option == "all")
    if not written and _has_rows(infile, ws):
        ws.console.warn(f"{infile}: no rows match; {par['outfile']} has an empty table", level=0)
    ws.console.say(f"{par['outfile']}: {written} rows or pixels", level=1)


def _has_rows(infile: str, ws: Workspace) -> bool:
    """Return True where the input block has rows or pixels before any filter; only its header is read."""
    vfile = parse(infile)
    with OpenFile(vfile, ws) as opened:
        info = opened.find(vfile.block)
    return info.nrows > 0 or info.kind == "image"
