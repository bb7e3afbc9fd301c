"""Small EPIC event lists, made by code."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits

OBS_ID = "0123456701"
T0 = 2.0e8
FRAME = 2.6
FORMS = {
    "TIME": "D", "RAWX": "I", "RAWY": "I", "DETX": "I", "DETY": "I", "X": "J", "Y": "J", "PHA": "I", "PI": "I",
    "FLAG": "J", "PATTERN": "B", "CCDNR": "B",
}  # fmt: skip
TYPES = {"D": "f8", "I": "i2", "J": "i4", "B": "u1"}
NULL = -99999999


def cards(inst: str, exposure: str, obs_id: str = OBS_ID) -> dict[str, Any]:
    """The keywords that tools look at."""
    return {
        "TELESCOP": "XMM", "INSTRUME": inst, "DATAMODE": "IMAGING", "OBS_ID": obs_id, "EXPIDSTR": exposure,
        "OBS_MODE": "POINTING", "SUBMODE": "PrimeFullWindow", "FILTER": "Thin1", "DATE-OBS": "2004-05-03T00:00:00",
        "DATE-END": "2004-05-03T06:00:00", "MJDREF": 50814.0, "TIMESYS": "TT", "REVOLUT": 800,
        "REFXCRPX": 25921, "REFYCRPX": 25921, "REFXCRVL": 150.0, "REFYCRVL": -11.0, "REFXCDLT": -1 / 72000,
        "REFYCDLT": 1 / 72000,
    }  # fmt: skip


def event_list(
    path: Path,
    rows: Mapping[str, Any],
    inst: str = "EMOS1",
    exposure: str = "S001",
    *,
    t0: float = T0,
    duration: float = 20000.0,
    ccds: Iterable[int] = range(1, 8),
    without: Iterable[str] = (),
    bad: Mapping[int, list[tuple[int, int, int]]] | None = None,
    header: Mapping[str, Any] | None = None,
    gti: list[tuple[float, float]] | None = None,
) -> Path:
    """Write an event list: the rows given, frames of 2.6 s, one STDGTI for each CCD.

    `without` names tables (EXPOSU, STDGTI) or keywords (XMMEA) that are left out.
    """
    n = len(rows["TIME"])
    base = {
        "RAWX": np.full(n, 300), "RAWY": np.full(n, 300), "DETX": np.zeros(n), "DETY": np.zeros(n),
        "X": np.full(n, 25921), "Y": np.full(n, 25921), "PHA": np.full(n, 100), "PI": np.full(n, 1000),
        "FLAG": np.zeros(n), "PATTERN": np.zeros(n), "CCDNR": np.ones(n),
    } | dict(rows)  # fmt: skip
    columns = []
    for name, form in FORMS.items():
        data = np.asarray(base[name]).astype(TYPES[form])
        columns.append(fits.Column(name, form, array=data, null=NULL if form == "J" and name in "XY" else None))
    events = fits.BinTableHDU.from_columns(columns, name="EVENTS")
    for axis, name in ((6, "X"), (7, "Y")):
        place = {"TCTYP": "RA---TAN" if name == "X" else "DEC--TAN", "TCRPX": 25921, "TCUNI": "deg"}
        place |= {"TCRVL": 150.0 if name == "X" else -11.0, "TCDLT": (-1 if name == "X" else 1) / 72000}
        for key, value in (place | {"TLMIN": 1, "TLMAX": 51840}).items():
            events.header[f"{key}{axis}"] = value
    hdus: list[Any] = [fits.PrimaryHDU(), events]
    frames = t0 + FRAME / 2 + FRAME * np.arange(int(duration / FRAME))
    spans = gti if gti is not None else [(t0, t0 + duration)]
    for ccd in ccds:
        events.header[f"ONTIME{ccd:02d}"] = sum(b - a for a, b in spans)
        events.header[f"LIVETI{ccd:02d}"] = float(0.99 * 2.594 * len(frames))
        if "EXPOSU" not in without:
            hdus.append(_table(f"EXPOSU{ccd:02d}", TIME=frames, TIMEDEL=np.full(len(frames), 2.594, "f4"),
                               FRACEXP=np.full(len(frames), 0.99, "f4")))  # fmt: skip
        if bad and ccd in bad:
            x, y, extent = (np.array([b[k] for b in bad[ccd]], "i2") for k in range(3))
            hdus.append(_table(f"BADPIX{ccd:02d}", RAWX=x, RAWY=y, TYPE=np.ones(len(x), "i2"), YEXTENT=extent,
                               BADFLAG=np.ones(len(x), "i2")))  # fmt: skip
        if "STDGTI" not in without:
            hdus.append(
                _table(f"STDGTI{ccd:02d}", START=np.array([s[0] for s in spans]), STOP=np.array([s[1] for s in spans]))
            )
    macros = {"XMMEA_EM": "(FLAG & 0x766ba000) == 0"} if inst != "EPN" else {"XMMEA_EP": "(FLAG & 0xcfa0000) == 0"}
    told = cards(inst, exposure) | ({} if "XMMEA" in without else macros) | dict(header or {})
    for hdu in hdus[:2]:
        for key, value in told.items():
            hdu.header[key] = value
    fits.HDUList(hdus).writeto(path, overwrite=True)
    return path


def _table(name: str, **columns: Any) -> fits.BinTableHDU:
    forms = {"f": {8: "D", 4: "E"}, "i": {2: "I", 4: "J"}, "u": {1: "B"}}
    made = [fits.Column(k, forms[v.dtype.kind][v.dtype.itemsize], array=v) for k, v in columns.items()]
    return fits.BinTableHDU.from_columns(made, name=name)


def write_gti(path: Path, pairs: list[tuple[float, float]], **cards: Any) -> Path:
    """Write a good time file."""
    hdu = _table("STDGTI", START=np.array([p[0] for p in pairs], "f8"), STOP=np.array([p[1] for p in pairs], "f8"))
    hdu.header.update(cards)
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(path, overwrite=True)
    return path


def run(name: str, **parameters: Any) -> Any:
    """Run a tool from its system parameters; returns what it printed, raises the tool's own error."""
    from ciaopy.runtool import ToolError, make_tool

    values = {k: str(v) if isinstance(v, Path) else v for k, v in parameters.items()}
    try:
        return make_tool(name)(**values)
    except ToolError as error:
        assert error.__cause__ is not None
        raise error.__cause__ from None


def sky_of_mos(detx: Any, dety: Any) -> tuple[Any, Any]:
    """A DET to SKY transform: turned by 30 degrees about the centre of the field."""
    angle = np.radians(30.0)
    return (
        25921 + np.cos(angle) * detx - np.sin(angle) * dety,
        25921 + np.sin(angle) * detx + np.cos(angle) * dety,
    )


def spread(
    seed: int, n: int, inst: str = "EMOS1", ccds: Iterable[int] = range(1, 8), duration: float = 20000.0
) -> dict[str, Any]:
    """Events all over the CCDs, with consistent RAW, DET and SKY."""
    from ciaopy.xmm.geometry import default_raw_to_det

    g = np.random.default_rng(seed)
    ccd = g.choice(list(ccds), n)
    rawx, rawy = g.integers(1, 601, n), g.integers(1, 601, n)
    detx, dety = np.zeros(n), np.zeros(n)
    for number in np.unique(ccd):
        place = default_raw_to_det(inst, int(number))
        assert place is not None
        k = ccd == number
        detx[k], dety[k] = place(rawx[k] + g.uniform(-0.5, 0.5, k.sum()), rawy[k] + g.uniform(-0.5, 0.5, k.sum()))
    x, y = sky_of_mos(detx, dety)
    return {
        "TIME": np.sort(T0 + g.uniform(0, duration, n)), "RAWX": rawx, "RAWY": rawy, "DETX": np.rint(detx),
        "DETY": np.rint(dety), "X": np.rint(x), "Y": np.rint(y), "PI": g.integers(300, 10000, n),
        "PATTERN": g.integers(0, 13, n), "CCDNR": ccd,
    }  # fmt: skip
