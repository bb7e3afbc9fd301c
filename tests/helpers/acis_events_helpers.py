"""Small ACIS observations written with astropy, for tests of acis_process_events."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

START, FRAME = 500_000_000.0, 3.24104
FORMS = {
    "time": "D", "expno": "J", "ccd_id": "I", "node_id": "I", "chipx": "I", "chipy": "I", "phas": "9I", "pha": "J",
    "pha_ro": "J", "energy": "E", "pi": "J", "fltgrade": "I", "grade": "I", "status": "32X", "corn_pha": "I",
}  # fmt: skip
HEADER = {
    "TELESCOP": "CHANDRA", "INSTRUME": "ACIS", "DETNAM": "ACIS-0123", "DATAMODE": "FAINT", "READMODE": "TIMED",
    "GRATING": "NONE", "DATE-OBS": "2013-11-05T00:00:00", "OBS_ID": "99001", "TIMEDEL": FRAME, "EXPTIME": 3.2,
    "RA_NOM": 150.1163, "DEC_NOM": 2.2058, "ROLL_NOM": 68.8, "RA_PNT": 150.1163, "DEC_PNT": 2.2058, "ROLL_PNT": 68.8,
    "SIM_X": -0.78234819833843, "SIM_Y": 0.0, "SIM_Z": -233.59246309, "CONTENT": "EVT1", "FIRSTROW": 1, "NROWS": 1024,
}  # fmt: skip


def make_columns(n: int, islands: bool = True) -> dict[str, NDArray[Any]]:
    """Columns of n events; PHA and grades are wrong on purpose, ENERGY is not that of any gain."""
    rng = np.random.default_rng(7)
    expno = np.sort(rng.integers(3, 300, n))
    chipx = rng.integers(2, 1024, n)
    phas = rng.integers(-4, 40, (n, 9))
    phas[:, 4] = rng.integers(60, 2500, n)
    out = {
        "time": START + expno * FRAME, "expno": expno, "ccd_id": rng.integers(0, 4, n), "node_id": (chipx - 1) // 256,
        "chipx": chipx, "chipy": rng.integers(2, 1024, n), "phas": phas, "pha": np.full(n, 77),
        "pha_ro": np.full(n, 66),
        "energy": rng.uniform(300, 9000, n), "pi": np.full(n, 5), "fltgrade": np.full(n, 255), "grade": np.full(n, 7),
        "status": np.zeros((n, 32), bool),
    }  # fmt: skip
    if not islands:
        del out["phas"]
        out["corn_pha"] = rng.integers(-3, 3, n)
    return out


def write_events(path: Path, columns: dict[str, NDArray[Any]], **keys: Any) -> Path:
    """Write an event file with a GTI per chip."""
    hdu = fits.BinTableHDU.from_columns(
        [fits.Column(n, _form(n, v), array=v, dim=_dim(v)) for n, v in columns.items()], name="EVENTS"
    )
    hdu.header.update(HEADER | {"HDUNAME": "EVENTS"} | keys)
    hdu.header.update(
        {"DSTYP1": "time", "DSVAL1": "TABLE", "DSFORM1": "D", "DSREF1": ":GTI3", "DSTYP2": "ccd_id", "DSVAL2": "3:3"}
    )
    gti = fits.BinTableHDU.from_columns(
        [fits.Column("START", "D", array=[START]), fits.Column("STOP", "D", array=[START + 1000])], name="GTI"
    )
    gti.header.update({"HDUNAME": "GTI3", "CCD_ID": 3})
    fits.HDUList([fits.PrimaryHDU(), hdu, gti]).writeto(path, overwrite=True)
    return path


def _form(name: str, values: NDArray[Any]) -> str:
    return "25I" if name == "phas" and values.ndim == 3 else FORMS.get(name, "E")


def _dim(values: NDArray[Any]) -> str | None:
    return None if values.ndim < 2 or values.dtype == bool else "(5,5)" if values.ndim == 3 else "(3,3)"


def write_aspect(path: Path, start: float = START - 20, stop: float = START + 1000) -> Path:
    """Write an aspect solution with a slow dither."""
    time = np.arange(start, stop, 0.25625)
    zero = np.zeros(len(time))
    values = {
        "time": time, "ra": 150.1163 + 2e-3 * np.sin(time / 160), "dec": 2.2058 + 2e-3 * np.cos(time / 110),
        "roll": zero + 68.8, "dy": zero, "dz": zero, "dtheta": zero,
    }  # fmt: skip
    hdu = fits.BinTableHDU.from_columns([fits.Column(n, "D", array=v) for n, v in values.items()], name="ASPSOL")
    hdu.header.update({"CONTENT": "ASPSOLOBI", "HDUNAME": "ASPSOL", "OBS_ID": "99001"})
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(path, overwrite=True)
    return path


def write_bad_pixels(path: Path, rows: list[tuple[int, int, int, float, float, int]], obsid: str = "99001") -> Path:
    """Write a bad pixel file: rows (ccd, chipx, chipy, time, time_stop, status), single pixels."""
    hdus: list[Any] = [fits.PrimaryHDU()]
    for ccd in range(4):
        chosen = [r for r in rows if r[0] == ccd]
        bits = np.array([[bool(r[5] >> (31 - k) & 1) for k in range(32)] for r in chosen], bool).reshape(-1, 32)
        columns = [
            fits.Column("SHAPE", "16A", array=["point"] * len(chosen)),
            fits.Column("CHIPX", "2I", array=np.array([[r[1], r[1]] for r in chosen]).reshape(-1, 2)),
            fits.Column("CHIPY", "2I", array=np.array([[r[2], r[2]] for r in chosen]).reshape(-1, 2)),
            fits.Column("TIME", "D", array=np.array([r[3] for r in chosen], float)),
            fits.Column("TIME_STOP", "D", array=np.array([r[4] for r in chosen], float)),
            fits.Column("STATUS", "32X", array=bits),
        ]
        hdu = fits.BinTableHDU.from_columns(columns, name="BADPIX")
        hdu.header.update({"CCD_ID": ccd, "HDUNAME": f"BADPIX{ccd}", "OBS_ID": obsid})
        hdus.append(hdu)
    fits.HDUList(hdus).writeto(path, overwrite=True)
    return path


def write_timeline(path: Path, **columns: NDArray[Any]) -> Path:
    """Write a mission timeline with the columns given besides TIME."""
    time = np.arange(START, START + 1000, 3.2)
    made = [fits.Column("TIME", "D", array=time)]
    made += [fits.Column(n, "D", array=np.broadcast_to(v, time.shape)) for n, v in columns.items()]
    hdu = fits.BinTableHDU.from_columns(made, name="MTL")
    hdu.header["HDUNAME"] = "MTL"
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(path, overwrite=True)
    return path


def write_calibration(folder: Path) -> dict[str, Path]:
    """Write a gain (4 eV per adu), a gain drift (1% of PHA at the start, 3% later) and a CTI model of CCDs 0 to 3."""
    ccd = np.arange(4)
    place = [fits.Column("CCD_ID", "J", array=ccd)]
    for name, value in (("CHIPX_MIN", 1), ("CHIPX_MAX", 1024), ("CHIPY_MIN", 1), ("CHIPY_MAX", 1024), ("NPOINTS", 2)):
        place.append(fits.Column(name, "J", array=np.full(4, value)))
    pha = np.tile([10.0, 4000.0], (4, 1))
    place.append(fits.Column("PHA", "2E", array=pha))
    tables = {
        "gain": ([("ENERGY", pha * 4.0)], "AXAF_DETGAIN", {}),
        "tgain": ([("DELTPHA1", pha * 0.01), ("DELTPHA2", pha * 0.03)], "AXAF_TGAIN",
                  {"EPOCH1": START, "EPOCH2": START + 500 * FRAME}),
        "cti": ([("VOLUME_Y", pha**0.7), ("FRCTRLY", pha * 0 + 0.4), ("TCTIY", pha[:, :1] * 0 + 0.02)], "AXAF_CTI",
                {"FP_TEMP": 153.5}),
    }  # fmt: skip
    paths = {}
    for name, (curves, block, keys) in tables.items():
        made = [fits.Column(n, f"{v.shape[1]}E", array=v) for n, v in curves]
        hdu = fits.BinTableHDU.from_columns([*place, *made], name=block)
        hdu.header.update(keys)
        hdus = [fits.PrimaryHDU(), hdu]
        for c in ccd if name == "cti" else ():
            rows = np.linspace(0.0, 0.3, 1024, dtype=np.float32)
            hdus.append(fits.ImageHDU(np.repeat(rows[:, None], 1024, axis=1), name="TRAPDENSY"))
            hdus[-1].header["CCD_ID"] = int(c)
        paths[name] = folder / f"{name}.fits"
        fits.HDUList(hdus).writeto(paths[name])
    return paths


def status_words(table: Any) -> NDArray[np.uint32]:
    """STATUS of an event table read with astropy, as integers."""
    return np.packbits(np.asarray(table["status"]).astype(bool), axis=1).view(">u4").ravel().astype(np.uint32)
