"""Make images and tables, and run tools on them, for the tests of the image tools."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits

from ciaopy.console import Console
from ciaopy.engine.run import run_tool
from ciaopy.param import ParameterSet, open_parameters

#: Physical and sky coordinates of a binned Chandra image: pixels of 8, lower edge (2000.5, 3000.5).
WCS: dict[str, Any] = {
    **{"CTYPE1P": "x", "CRPIX1P": 0.5, "CRVAL1P": 2000.5, "CDELT1P": 8.0},
    **{"CTYPE2P": "y", "CRPIX2P": 0.5, "CRVAL2P": 3000.5, "CDELT2P": 8.0},
    **{"CTYPE1": "RA---TAN", "CRVAL1": 10.0, "CRPIX1": 20.0, "CDELT1": -0.00109},
    **{"CTYPE2": "DEC--TAN", "CRVAL2": 20.0, "CRPIX2": 15.0, "CDELT2": 0.00109},
}


def write_image(path: Path, data: Any, **keys: Any) -> str:
    """Write an image with coordinates and return its name."""
    hdu = fits.PrimaryHDU(np.asarray(data))
    hdu.header.update({**WCS, **keys})
    hdu.writeto(path)
    return str(path)


def write_table(path: Path, columns: list[fits.Column], name: str = "DATA", **keys: Any) -> str:
    """Write a table and return its name."""
    hdu = fits.BinTableHDU.from_columns(columns, name=name)
    hdu.header.update(keys)
    hdu.writeto(path)
    return str(path)


def run(tool: str, *arguments: object) -> tuple[ParameterSet, str]:
    """Run a tool as a user would; return its parameters, and what it printed."""
    par = open_parameters(tool, [str(a) for a in arguments], mode="h")
    out = io.StringIO()
    run_tool(par, Console(1, out, out))
    return par, out.getvalue()


def pixels_of(path: Path) -> Any:
    """Return the pixels of an image that a tool wrote."""
    return fits.getdata(path)
