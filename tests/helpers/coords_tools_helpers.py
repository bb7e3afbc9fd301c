"""Running the coordinate tools in this process, as the command line does; files made by hand."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits

from ciaopy.console import Console
from ciaopy.engine.run import run_tool
from ciaopy.param import ParameterSet, open_parameters


@dataclass
class Ran:
    par: ParameterSet
    out: str
    warnings: list[str]


def run(tool: str, *arguments: object) -> Ran:
    par = open_parameters(tool, [str(a) for a in arguments], query=False)
    stream = io.StringIO()
    console = Console(1, stream, io.StringIO())
    run_tool(par, console)
    return Ran(par, stream.getvalue(), console.warnings)


HEADER: dict[str, Any] = {
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
    "TSTOP": 1020.0,
    "DATE-OBS": "2001-01-01T00:00:00",
}


def write_blocks(path: Path, *blocks: tuple[str, dict[str, Any], dict[str, Any]]) -> Path:
    """Write (name, header, columns) tables to a FITS file."""
    formats = {"f": "D", "i": "J", "S": "16A"}
    hdus = [fits.PrimaryHDU()]
    for name, header, columns in blocks:
        cols = []
        for key, values in columns.items():
            array = np.asarray(values)
            width = "" if array.ndim == 1 else str(array.shape[1])
            kind = "E" if array.dtype == np.float32 else formats[array.dtype.kind]
            cols.append(fits.Column(key, width + kind, array=array))
        hdu = fits.BinTableHDU.from_columns(cols, name=name)
        hdu.header["HDUNAME"] = name
        hdu.header.update(header)
        hdus.append(hdu)
    fits.HDUList(hdus).writeto(path, overwrite=True)
    return path


def write_events(path: Path, n: int = 10, **header: Any) -> Path:
    values = {k: v for k, v in (HEADER | header).items() if v is not None}
    columns = {
        "time": np.linspace(1000.0, 1019.0, n),
        "ccd_id": np.arange(n) % 4,
        "chipx": np.arange(n) + 100,
        "chipy": np.arange(n) + 200,
    }
    return write_blocks(path, ("EVENTS", values, columns))


def aspect_columns(n: int = 120, start: float = 995.0, **values: Any) -> dict[str, Any]:
    time = start + 0.25625 * np.arange(n)
    base = {"ra": 150.1, "dec": 2.2, "roll": 57.9} | {k: v for k, v in values.items() if k in ("ra", "dec", "roll")}
    columns: dict[str, Any] = {"time": time}
    for k, v in base.items():
        columns[k] = np.broadcast_to(np.asarray(v, float), time.shape).copy()
    for k in ("dy", "dz", "dtheta"):
        columns[k] = np.broadcast_to(np.asarray(values.get(k, 0.0), np.float32), time.shape).copy()
    return columns


def write_aspect(path: Path, header: dict[str, Any] | None = None, **values: Any) -> Path:
    return write_blocks(path, ("ASPSOL", {"CONTENT": "ASPSOL"} | (header or {}), aspect_columns(**values)))


def write_mask(path: Path, chips: dict[int, tuple[tuple[int, int], tuple[int, int], int]]) -> Path:
    return write_blocks(
        path,
        *(
            (
                f"MASK{c}",
                {"CCD_ID": c},
                {
                    "SHAPE": np.array([b"rectangle"]),
                    "CHIPX": np.array([x], np.int32),
                    "CHIPY": np.array([y], np.int32),
                    "SAMP_CYC": np.array([cycle]),
                },
            )
            for c, (x, y, cycle) in chips.items()
        ),
    )
