"""What the coordinate tests share: tables and headers made by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits

from ciaopy.coords import AspectSolution
from ciaopy.fits.blocks import Column, Table


def make_table(name: str, header: dict[str, Any] | None = None, **columns: Any) -> Table:
    return Table(
        name, {k.lower(): Column(k, np.asarray(v)) for k, v in columns.items()}, fits.Header(dict(header or {}).items())
    )


def aspect_columns(time: Any, **values: Any) -> dict[str, Any]:
    t = np.array(time, float)
    base = {"ra": 10.0, "dec": 20.0, "roll": 30.0, "dy": 0.0, "dz": 0.0, "dtheta": 0.0} | values
    return {"time": t} | {k: np.broadcast_to(np.asarray(v, float), t.shape).copy() for k, v in base.items()}


def make_aspect(time: Any, **values: Any) -> AspectSolution:
    return AspectSolution.from_tables([("asol", make_table("ASPSOL", None, **aspect_columns(time, **values)))])


def write_table(path: Path, name: str, header: dict[str, Any], **columns: Any) -> Path:
    formats = {"f": "D", "i": "J", "u": "J", "S": "16A", "U": "16A"}
    cols = []
    for key, values in columns.items():
        array = np.asarray(values)
        width = "" if array.ndim == 1 else str(array.shape[1])
        cols.append(fits.Column(key, width + formats[array.dtype.kind], array=array))
    hdu = fits.BinTableHDU.from_columns(cols, name=name)
    hdu.header["HDUNAME"] = name
    hdu.header.update(header)
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(path, overwrite=True)
    return path


ACIS_HEADER: dict[str, Any] = {
    "TELESCOP": "CHANDRA",
    "INSTRUME": "ACIS",
    "DETNAM": "ACIS-0123",
    "SIM_X": -0.78234819833843,
    "SIM_Y": 0.0,
    "SIM_Z": -233.59246309,
    "RA_NOM": 150.1,
    "DEC_NOM": 2.2,
    "ROLL_NOM": 57.9,
    "RA_PNT": 150.1,
    "DEC_PNT": 2.2,
    "ROLL_PNT": 57.9,
    "OBS_ID": "1",
    "TSTART": 1000.0,
    "TSTOP": 2000.0,
}
