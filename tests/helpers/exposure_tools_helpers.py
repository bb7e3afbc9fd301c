"""Files of a made observation for asphist, mkinstmap, mkexpmap and mkpsfmap."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from astropy.io import fits
from coords_tools_helpers import HEADER

KEYS = {**HEADER, "TSTART": 1000.0, "TSTOP": 3000.0, "DTCOR": 0.98, "MJDREF": 50814.0, "EXPTIME": 3.2}


def asol(path: Path, n: int = 2000) -> Path:
    t = 1000.0 + np.arange(n)
    values = {
        "time": t,
        "ra": 150.1 + 8 / 3600 * np.sin(t / 159.0),
        "dec": 2.2 + 8 / 3600 * np.sin(t / 112.0),
        "roll": 57.9 + 0 * t,
        "dy": 0 * t,
        "dz": 0 * t,
        "dtheta": 0 * t,
    }
    hdu = fits.BinTableHDU.from_columns([fits.Column(k, "D", array=v) for k, v in values.items()], name="ASPSOL")
    hdu.header["CONTENT"] = "ASPSOL"
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(path)
    return path


def events(path: Path, **keys: object) -> Path:
    """Write events with good times 1100..1900 on chip 2 and 1000..3000 on chip 3."""
    ccd = fits.Column("ccd_id", "I", array=np.array([2, 3]))
    hdu = fits.BinTableHDU.from_columns([fits.Column("time", "D", array=[1200.0, 1300.0]), ccd], name="EVENTS")
    hdu.header.update({**KEYS, **keys})
    subspace = {"DSTYP1": "TIME", "DSTYP2": "CCD_ID", "DSVAL1": "TABLE", "DSREF1": ":GTI2", "DSVAL2": "2:2"}
    hdu.header.update(
        subspace | {"DSFORM1": "D", "DSUNIT1": "s", "2DSVAL1": "TABLE", "2DSREF1": ":GTI3", "2DSVAL2": "3:3"}
    )
    blocks = [fits.PrimaryHDU(), hdu]
    for chip, (start, stop) in {2: (1100.0, 1900.0), 3: (1000.0, 3000.0)}.items():
        columns = [fits.Column("START", "D", array=[start]), fits.Column("STOP", "D", array=[stop])]
        gti = fits.BinTableHDU.from_columns(columns, name=f"GTI{chip}")
        gti.header["HDUNAME"] = f"GTI{chip}"
        blocks.append(gti)
    fits.HDUList(blocks).writeto(path)
    return path


def image(path: Path) -> tuple[np.ndarray, fits.Header]:
    with fits.open(path) as hdus:
        found = next(h for h in hdus if h.data is not None and h.data.ndim == 2 and not isinstance(h, fits.BinTableHDU))
        return found.data.astype(float), found.header.copy()
