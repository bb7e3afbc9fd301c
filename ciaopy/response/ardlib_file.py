"""The user's ardlib.par: which bad pixel file each chip has."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ciaopy.acis import ccd_of
from ciaopy.errors import DataError, UserError

if TYPE_CHECKING:
    from ciaopy.datamodel import Workspace

__all__ = ["set_bad_pixels", "store"]


def set_bad_pixels(ws: Workspace, name: str, absolute: bool = True, ardlib: str = "ardlib") -> dict[str, str]:
    """Name a bad pixel file of ACIS in the user's ardlib.par; chips that it does not list take the CALDB's.

    Parameters
    ----------
    ws : Workspace
    name : str
        Bad pixel file, `CALDB` or `NONE`.
    absolute : bool
        Store the whole path.
    ardlib : str
        Name of the parameter file.

    Returns
    -------
    dict
        The parameters set.

    Raises
    ------
    UserError
        The name is blank, or there is no such file.
    DataError
        It has no bad pixel blocks.
    """
    if not name:
        raise UserError("acis_set_ardlib: badpixfile is empty; name the bad pixel file of the observation")
    chips: list[int] = []
    if name.upper() not in {"CALDB", "NONE"}:
        if not ws.exists(name):
            raise UserError(f"{name}: no such file (parameter badpixfile)")
        chips = [ccd_of(t) for t in ws.dataset(name).tables("BADPIX")]
        if not chips:
            raise DataError(f"{name}: no BADPIX block; give a bpix1 file")
    path = str(Path(name).absolute()) if absolute and chips else name
    plain = name.upper() if not chips else "CALDB"
    values = {f"AXAF_ACIS{n}_BADPIX_FILE": f"{path}[BADPIX{n}]" if n in chips else plain for n in range(10)}
    where = store(ardlib, values)
    ws.console.say(f"Updated ardlib parameter file: {where}", 1)
    for key, value in values.items():
        ws.console.say(f"  {key} -> {value}", 1)
    return values


def store(ardlib: str, values: dict[str, str]) -> Path:
    """Write parameters into the user's copy of an ardlib parameter file and return its path."""
    from ciaopy.param import locate, save

    return save(locate(ardlib), {(name, "value"): value for name, value in values.items()})
