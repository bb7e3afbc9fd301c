"""Virtual files, filters, binning, regions, the data subspace."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ciaopy.datamodel.gti import Gti
from ciaopy.datamodel.subspace import Subspace
from ciaopy.datamodel.syntax.parser import parse
from ciaopy.datamodel.syntax.virtualfile import VirtualFile
from ciaopy.datamodel.workspace import Workspace

if TYPE_CHECKING:
    from pathlib import Path

    from ciaopy.fits.blocks import Image, Table

__all__ = ["Gti", "Subspace", "VirtualFile", "Workspace", "parse", "read"]


def read(vfile: str | Path, ws: Workspace | None = None) -> Table | Image:
    """Return the block that a virtual file describes.

    Parameters
    ----------
    vfile : str or Path
        `path[block][filter]...[bin ...]`.
    ws : Workspace, optional
        Where to look first (names kept in memory) and to report.

    Returns
    -------
    Table or Image
        With header, companions (GTIs) and subspace updated.
    """
    return (ws if ws is not None else Workspace()).read(vfile)
