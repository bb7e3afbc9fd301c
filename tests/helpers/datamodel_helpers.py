"""Made event files for the tests of the Data Model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits

SKY_KEYS = {
    "TCTYP": ("RA---TAN", "DEC--TAN"),
    "TCRVL": (228.5, -59.1),
    "TCRPX": (4096.5, 4096.5),
    "TCDLT": (-0.000136666666666667, 0.000136666666666667),
    "TCUNI": ("deg", "deg"),
}
CHIPS = (3, 0)


def columns(rows: int = 500, seed: int = 3) -> dict[str, np.ndarray]:
    """Return the values of a made event list; some energies are NaN, some pi are null (-1)."""
    rng = np.random.default_rng(seed)
    energy = rng.uniform(0, 10000, rows).astype("f4")
    pi = rng.integers(0, 1024, rows).astype("i4")
    if rows > 40:
        energy[::37], pi[::41], energy[1], pi[2] = np.nan, -1, 500.0, 20
    return {
        "time": np.sort(rng.uniform(1000, 2000, rows)),
        "ccd_id": rng.choice(CHIPS, rows).astype("i2"),
        "x": rng.uniform(4000, 4200, rows).astype("f4"),
        "y": rng.uniform(4000, 4200, rows).astype("f4"),
        "energy": energy,
        "pi": pi,
        "status": rng.integers(0, 2**32, rows, dtype="u4") & np.uint32(0x8000000F),
        "flag": rng.integers(0, 2, rows).astype(bool),
        "name": rng.choice(np.array([b"abc", b"de f", b"x"]), rows).astype("S4"),
        "phas": rng.integers(0, 100, (rows, 9)).astype("i2"),
    }


def write_events(path: Path, rows: int = 500, gti: bool = True, seed: int = 3, **keys: Any) -> dict[str, np.ndarray]:
    """Write an event file with one GTI block per chip and return the values."""
    data = columns(rows, seed)
    bits = np.unpackbits(data["status"].astype(">u4").view("u1").reshape(rows, 4), axis=1).astype(bool)
    forms = {
        "time": "D",
        "ccd_id": "I",
        "x": "E",
        "y": "E",
        "energy": "E",
        "pi": "J",
        "flag": "L",
        "name": "4A",
        "phas": "9I",
    }
    made = []
    for name, values in data.items():
        if name == "status":
            made.append(fits.Column("status", "32X", array=bits))
        else:
            extra = {"null": -1} if name == "pi" else {}
            made.append(fits.Column(name, forms[name], array=values, **extra))
    events = fits.BinTableHDU.from_columns(made, name="EVENTS")
    header = events.header
    header["HDUNAME"] = "EVENTS"
    header.update({"TSTART": 990.0, "TSTOP": 2010.0, "DTCOR": 0.98, "MJDREF": 50814.0, "TELESCOP": "CHANDRA"})
    header.update({"DATE-OBS": "1998-01-01T00:16:30", "DATE-END": "1998-01-01T00:33:30"})
    for i, axis in ((3, 0), (4, 1)):
        header[f"TLMIN{i}"], header[f"TLMAX{i}"], header[f"TUNIT{i}"] = 0.5, 8192.5, "pixel"
        for key, values in SKY_KEYS.items():
            header[f"{key}{i}"] = values[axis]
    header["TLMIN6"], header["TLMAX6"] = 0, 1024
    header["MTYPE1"], header["MFORM1"] = "sky", "x,y"
    header["MTYPE2"], header["MFORM2"] = "EQPOS", "RA,DEC"
    blocks: list[Any] = [fits.PrimaryHDU(), events]
    if gti:
        header["DSTYP1"], header["DSFORM1"], header["DSTYP2"], header["DSFORM2"] = "time", "D", "ccd_id", "I"
        for k, chip in enumerate(CHIPS, 1):
            prefix = "" if k == 1 else str(k)
            header[f"{prefix}DSVAL1"], header[f"{prefix}DSREF1"] = "TABLE", f":GTI{chip}"
            header[f"{prefix}DSVAL2"] = f"{chip}:{chip}"
            total = 900.0 - chip
            header[f"ONTIME{chip}"], header[f"LIVTIME{chip}"], header[f"EXPOSUR{chip}"] = (
                total,
                total * 0.98,
                total * 0.98,
            )
            blocks.append(gti_block([(1000.0, 1400.0), (1500.0 + chip, 2000.0)], chip))
        header["ONTIME"], header["LIVETIME"], header["EXPOSURE"] = 897.0, 897.0 * 0.98, 897.0 * 0.98
    header.update(keys)
    fits.HDUList(blocks).writeto(path, overwrite=True)
    return data


def gti_block(times: list[tuple[float, float]], chip: int | None = None) -> Any:
    """Return a GTI HDU."""
    start, stop = np.array([a for a, _ in times]), np.array([b for _, b in times])
    hdu = fits.BinTableHDU.from_columns([fits.Column("START", "D", array=start), fits.Column("STOP", "D", array=stop)])
    hdu.header["EXTNAME"], hdu.header["HDUNAME"] = "GTI", "GTI" if chip is None else f"GTI{chip}"
    if chip is not None:
        hdu.header["CCD_ID"] = chip
    return hdu


def write_gti(path: Path, sets: dict[int | None, list[tuple[float, float]]]) -> None:
    """Write a file of GTI blocks by chip."""
    fits.HDUList([fits.PrimaryHDU(), *(gti_block(t, c) for c, t in sets.items())]).writeto(path, overwrite=True)
