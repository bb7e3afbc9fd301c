"""What every event-processing tool is given beside the events: pointing override, aspect solution, names of files."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING

from ciaopy.datamodel.syntax import file_of

if TYPE_CHECKING:
    from ciaopy.console import Console
    from ciaopy.coords import AspectSolution, Attitude
    from ciaopy.datamodel import Workspace
    from ciaopy.fits import Header

__all__ = ["apply_obsfile", "base_name", "is_none", "read_aspect"]

# Keywords that an obsfile overrides: where the telescope pointed and where the detector stood.
_POINTING = (
    *("RA_PNT", "DEC_PNT", "ROLL_PNT", "RA_NOM", "DEC_NOM", "ROLL_NOM", "RA_TARG", "DEC_TARG"),
    *("DY_AVG", "DZ_AVG", "DTH_AVG", "SIM_X", "SIM_Y", "SIM_Z", "DEFOCUS", "FOC_LEN"),
)


def is_none(value: str) -> bool:
    """Return True where a file parameter names no file."""
    return value.strip().lower() in ("", "none")


def base_name(path: str) -> str:
    """Return the file name of a virtual file without folder, filter and `.gz`, as header keywords name files."""
    name = PurePath(file_of(path)).name
    return name[:-3] if name.endswith(".gz") else name


def apply_obsfile(header: Header, obsfile: str, ws: Workspace) -> None:
    """Override the pointing keywords of a header by those of an obsfile, in place."""
    if is_none(obsfile):
        return
    from ciaopy.response.obsfile import observation_header

    other = observation_header(obsfile, ws)
    for key in _POINTING:
        if key in other:
            header[key] = (other[key], header.comments[key] if key in header else other.comments[key])


def read_aspect(
    stack: str, header: Header, ws: Workspace, console: Console
) -> tuple[AspectSolution | Attitude, tuple[str, ...]]:
    """Return the aspect solution and the names of its files; for `NONE`, the mean pointing of the header."""
    from ciaopy.coords import AspectSolution, Attitude

    if is_none(stack):
        console.warn("acaofffile=NONE: sky positions take the mean pointing of the header, without dither")
        return Attitude.from_header(header), ()
    aspect = AspectSolution.read(stack, ws)
    return aspect, tuple(base_name(name) for name in aspect.sources)
