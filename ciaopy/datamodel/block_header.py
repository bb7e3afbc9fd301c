"""The header that a virtual file would have, without reading its rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ciaopy.errors import UserError

if TYPE_CHECKING:
    from ciaopy.datamodel.datasource import DataSource
    from ciaopy.fits import Image, Table


def block_without_rows(name: str, ws: DataSource, parameter: str = "infile") -> Table | Image:
    """Return the block of a virtual file: a table with columns, header and subspace but no rows; an image whole.

    Parameters
    ----------
    name : str
        Virtual file.
    ws : DataSource
    parameter : str
        Which parameter gave the name, for the message.

    Raises
    ------
    UserError
        No name given, or it cannot be understood.
    DataError
        The file cannot be read.
    """
    from ciaopy.datamodel.opened import OpenFile
    from ciaopy.datamodel.selection import open_selection
    from ciaopy.datamodel.syntax import parse

    if not name.strip():
        raise UserError(f"{parameter}: no file given")
    vfile = parse(name)
    with OpenFile(vfile, ws) as opened:
        info = opened.find(vfile.block)
        if info.kind == "table" and vfile.binning is None:
            return open_selection(opened, info, vfile, ws).template()
    return ws.read(name)
