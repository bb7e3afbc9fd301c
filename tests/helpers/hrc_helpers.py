"""Synthetic HRC events: amplifiers whose centroid is a wanted raw position, and files of a small observation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

START = 700_000_000.0
FORMS = {
    "time": "D", "crsv": "I", "crsu": "I", "amp_sf": "I", "rawx": "J", "rawy": "J", "chipx": "I", "chipy": "I",
    "tdetx": "J", "tdety": "J", "detx": "E", "dety": "E", "x": "E", "y": "E", "pha": "I", "pi": "I", "sumamps": "I",
    "chip_id": "I", "status": "32X", **{f"a{a}{k}": "I" for a in "uv" for k in (1, 2, 3)},
}  # fmt: skip
HEADER = {
    "TELESCOP": "CHANDRA", "INSTRUME": "HRC", "DETNAM": "HRC-I", "GRATING": "NONE", "DATE-OBS": "2020-03-08T00:00:00",
    "MJD_OBS": 58916.0, "OBS_ID": "99014", "RA_NOM": 150.1, "DEC_NOM": 2.2, "ROLL_NOM": 68.8, "RA_PNT": 150.1,
    "DEC_PNT": 2.2, "ROLL_PNT": 68.8, "SIM_X": -1.0388663562383, "SIM_Y": 0.0, "SIM_Z": 126.98549430529,
    "CONTENT": "EVT1", "RANGELEV": 115, "WIDTHRES": 2, "TIMEDEL": 1.5625e-05, "TSTART": START, "TSTOP": START + 1000.0,
}  # fmt: skip


def amplifiers(fine: NDArray[np.float64], axis: str = "u", total: int = 1000) -> tuple[NDArray[np.int64], ...]:
    """Three whole amplifiers of sum `total` with (a3 - a1) / sum nearest to `fine`, on the hyperbola of real events."""
    a, b, h = (0.311, 0.303, 1.058) if axis == "u" else (0.305, 0.273, 1.1)
    difference = np.rint(fine * total).astype(np.int64)
    rest = total - np.rint(total * (h - a * np.sqrt(1.0 + (fine / b) ** 2))).astype(np.int64)
    rest += (rest - difference) % 2
    return (rest - difference) // 2, total - rest, (rest + difference) // 2


def made_columns(n: int, hrc_s: bool = False, seed: int = 3) -> dict[str, NDArray[Any]]:
    """Columns of n level-1 events, positions 0 and flags clear; AMP_SF 1, PHA as the sums give it."""
    rng = np.random.default_rng(seed)
    taps = (16, 192) if hrc_s else (64, 64)
    out = {"time": START + np.sort(rng.uniform(0, 900, n)), "amp_sf": np.ones(n, np.int16)}
    for axis, count in (("u", taps[0]), ("v", taps[1])):
        out[f"crs{axis}"] = rng.integers(1, count - 1, n).astype(np.int16)
        parts = amplifiers(rng.uniform(-0.15, 0.15, n), axis)
        out |= {f"a{axis}{k}": part.astype(np.int16) for k, part in enumerate(parts, 1)}
    out |= {name: np.zeros(n, np.int32) for name in ("rawx", "rawy", "tdetx", "tdety")}
    out |= {name: np.zeros(n, np.int16) for name in ("chipx", "chipy", "pi", "sumamps", "chip_id")}
    out |= {name: np.zeros(n, np.float32) for name in ("detx", "dety", "x", "y")}
    out["pha"] = np.full(n, 14, np.int16)
    out["status"] = np.zeros((n, 32), bool)
    return out


def write_events(path: Path, columns: dict[str, NDArray[Any]], **keys: Any) -> Path:
    """Write an event file with one GTI."""
    forms = FORMS | {"vetostt": "8X", "e_trig": "8X"}
    hdu = fits.BinTableHDU.from_columns([fits.Column(n, forms[n], array=v) for n, v in columns.items()], name="EVENTS")
    hdu.header.update(HEADER | {"HDUNAME": "EVENTS"})
    for key, value in keys.items():
        if value is None:
            hdu.header.remove(key.replace("_OBS", "-OBS") if key == "DATE_OBS" else key, ignore_missing=True)
        else:
            hdu.header["DATE-OBS" if key == "DATE_OBS" else key] = value
    hdu.header.update({"DSTYP1": "time", "DSVAL1": "TABLE", "DSFORM1": "D", "DSREF1": ":GTI"})
    gti = fits.BinTableHDU.from_columns(
        [fits.Column("START", "D", array=[START]), fits.Column("STOP", "D", array=[START + 900.0])], name="GTI"
    )
    fits.HDUList([fits.PrimaryHDU(), hdu, gti]).writeto(path, overwrite=True)
    return path


def write_aspect(path: Path, start: float = START - 1, stop: float = START + 1001, gap: bool = False) -> Path:
    """Write a dithered aspect solution, a record each 0.25625 s; with `gap`, 100 s are missing."""
    time = np.arange(start, stop, 0.25625)
    if gap:
        time = time[(time < START + 300) | (time > START + 400)]
    phase = (time - START) / 150.0
    values = {
        "time": time, "ra": 150.1 + 0.004 * np.sin(phase), "dec": 2.2 + 0.004 * np.cos(phase),
        "roll": 68.8 + 0 * time, "dy": 0.1 + 0.0001 * np.sin(phase), "dz": -0.2 + 0 * time, "dtheta": 0.004 + 0 * time,
    }  # fmt: skip
    hdu = fits.BinTableHDU.from_columns([fits.Column(n, "D", array=v) for n, v in values.items()], name="ASPSOL")
    hdu.header.update({"CONTENT": "ASPSOLOBI", "OBS_ID": "99014"})
    hdu.writeto(path, overwrite=True)
    return path


def write_bad_pixels(path: Path, rows: list[tuple[int, int, int, int, int]], detnam: str = "HRC-I") -> Path:
    """Write rectangles (chip, x from, to, y from, to) as a bpix1 file."""
    chip, x0, x1, y0, y1 = (np.array(c) for c in zip(*rows, strict=True))
    hdu = fits.BinTableHDU.from_columns(
        [
            fits.Column("CHIP_ID", "I", array=chip),
            fits.Column("SHAPE", "16A", array=np.array(["RECTANGLE"] * len(rows))),
            fits.Column("COMPONENT", "I", array=np.ones(len(rows))),
            fits.Column("CHIPX", "2I", array=np.stack([x0, x1], axis=1)),
            fits.Column("CHIPY", "2I", array=np.stack([y0, y1], axis=1)),
            fits.Column("STATUS", "8X", array=np.tile([False, True] + [False] * 6, (len(rows), 1))),
        ],
        name="BADPIX",
    )
    hdu.header.update({"INSTRUME": "HRC", "DETNAM": detnam, "OBS_ID": "99014", "CONTENT": "BADPIX"})
    hdu.writeto(path, overwrite=True)
    return path


def write_rates(path: Path, count: np.ndarray | None = None, **keys: Any) -> Path:
    n = 450
    time = START + 2.0 * np.arange(n)
    values = {"TIME": time, "DTF": 0.98 + 0.01 * np.sin(np.arange(n)), "DTF_ERR": np.full(n, 0.002)}
    columns = [fits.Column(k, "D", array=v) for k, v in values.items()]
    columns.append(fits.Column("TOTAL_EVT_COUNT", "J", array=np.full(n, 300) if count is None else count))
    hdu = fits.BinTableHDU.from_columns(columns, name="DTF")
    hdu.header.update({"OBS_ID": "99014", "DTF_RLEN": 2.05, "TIMEDEL": 2.0, "CONTENT": "DTF", "INSTRUME": "HRC"} | keys)
    hdu.writeto(path, overwrite=True)
    return path


def write_timeline(path: Path, voltage_bad: Any) -> Path:
    """A timeline of 900 s in steps of 2 s; the voltage reads wrong in `voltage_bad`."""
    n = 450
    time = START + 2.0 * np.arange(n) + 1.0
    level = np.full(n, 80)
    level[voltage_bad] = 0
    factor = np.full(n, 0.98)
    columns = [
        fits.Column("TIME", "D", array=time),
        fits.Column("IMHVLV", "J", array=level),
        fits.Column("DTF", "D", array=factor),
    ]
    bits = np.stack([np.zeros(n, bool), level != 80], axis=1)
    mtl = fits.BinTableHDU.from_columns(columns, name="MTL")
    smooth = fits.BinTableHDU.from_columns([*columns, fits.Column("limit_status", "2X", array=bits)], name="MTL_S")
    limits = fits.BinTableHDU.from_columns(
        [fits.Column("gti_limits", "64A", array=["(DTF:1>=0.5)", "(fabs(IMHVLV-80)<=1)"])], name="LIMITS"
    )
    for hdu in (mtl, smooth):
        hdu.header.update({"TIMEDEL": 2.0, "TIMEPIXR": 0.5, "OBS_ID": "99014"})
    fits.HDUList([fits.PrimaryHDU(), mtl, smooth, limits]).writeto(path, overwrite=True)
    return path


def status_words(table: Any) -> NDArray[np.uint32]:
    """STATUS as 32-bit words."""
    return np.packbits(np.asarray(table["status"]).astype(bool), axis=1).view(">u4").ravel().astype(np.uint32)
