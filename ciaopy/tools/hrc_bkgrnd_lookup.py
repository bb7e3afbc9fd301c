"""Find the HRC background file of the CALDB that goes with an observation."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ciaopy.errors import CalibrationError, DataError, UserError

if TYPE_CHECKING:
    from ciaopy.caldb import CalFile
    from ciaopy.datamodel import Workspace
    from ciaopy.param import ParameterSet

# Names of the products in the CALDB.
PRODUCTS = {"event": "BKGRND", "spectrum": "PIBGSPEC"}


def run(par: ParameterSet, ws: Workspace) -> str:
    """Print the name of the background file (at every verbosity) and store it in `outfile`.

    Raises
    ------
    DataError
        `infile` is not of the HRC.
    CalibrationError
        No CALDB, nothing in it serves, or several files do.
    """
    from ciaopy.datamodel import block_without_rows

    infile = par["infile"].strip()
    if not infile:
        raise UserError("infile is empty; give an event file of the HRC")
    par.put("outfile", "")
    found = find_background(dict(block_without_rows(infile, ws).header), infile, par["caltype"])
    name = with_block(found, par["blname"], ws)
    par.put("outfile", name)
    ws.console.output(name)
    return name


def find_background(header: dict[str, object], where: str, caltype: str = "event") -> CalFile:
    """Return the background file for a header.

    Parameters
    ----------
    header : dict
        INSTRUME, DETNAM, DATE-OBS and what else the conditions of the CALDB ask for.
    where : str
        Name of the file, for messages.
    caltype : str
        `event` or `spectrum`.

    Raises
    ------
    DataError, CalibrationError
        See `run`.
    """
    from ciaopy.caldb import Caldb

    instrument = str(header.get("INSTRUME", "")).strip().upper()
    if instrument != "HRC":
        raise DataError(f"{where}: INSTRUME is {instrument or 'missing'}; backgrounds are looked up for the HRC only")
    product = PRODUCTS[caltype]
    caldb = Caldb.open()
    if caldb is None:
        raise CalibrationError(
            f"{product}: CALDB is not set, and the embedded calibration has no HRC backgrounds; "
            "set CALDB to a folder with a Chandra CALDB"
        )
    found = caldb.search(product, header)
    if not found:
        raise CalibrationError(f"{where}: {caldb.why_not(product, header)}")
    if len(found) > 1:
        needed = ", ".join(caldb.allneeded(product, header)) or "nothing that the header could say"
        listed = ", ".join(str(f.path) for f in found[:6])
        raise CalibrationError(
            f"{where}: {len(found)} {product} files serve ({listed}); what would choose is: {needed}"
        )
    if not found[0].exists:
        raise CalibrationError(f"{found[0].path}: in the index of the CALDB, but not there; install it")
    return found[0]


def with_block(found: CalFile, blname: str, ws: Workspace) -> str:
    """Return the name of the file with its block: `none`, `name`, `number` (from 1) or `cfitsio` (from 0)."""
    if blname == "none":
        return str(found.path)
    hdu = int(found.hdu) if isinstance(found.hdu, int) else 1
    if blname == "cfitsio":
        return f"{found.path}[{hdu}]"
    if blname == "number":
        return f"{found.path}[{hdu + 1}]"
    from ciaopy.fits import open_fits

    with open_fits(Path(found.path)) as file:
        return f"{found.path}[{file.hdus[hdu].name}]"
