"""Point ardlib.par to the bad pixel file of an ACIS observation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ciaopy.response import set_bad_pixels

if TYPE_CHECKING:
    from ciaopy.datamodel import Workspace
    from ciaopy.param import ParameterSet


def run(par: ParameterSet, ws: Workspace) -> dict[str, str]:
    """Run acis_set_ardlib; returns the parameters set.

    Raises
    ------
    UserError
        The bad pixel file does not exist.
    DataError
        It has no bad pixel blocks.
    """
    return set_bad_pixels(ws, par["badpixfile"].strip(), par["absolutepath"], par["ardlibfile"])
