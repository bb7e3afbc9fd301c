"""Virtual files, filters, binning, regions, the data subspace."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ciaopy.datamodel.gti import Gti
from ciaopy.datamodel.subspace import Subspace
from ciaopy.datamodel.syntax.parser import parse
from ciaopy.datamodel.syntax.virtualfile import VirtualFile
from ciaopy.datamodel.workspace import Workspace, read

if TYPE_CHECKING:
    from pathlib import Path

    from ciaopy.fits.blocks import Image, Table

__all__ = ["Gti", "Subspace", "VirtualFile", "Workspace", "parse", "read"]
