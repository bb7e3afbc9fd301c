"""Small grating observations written with astropy: photons sent through `Dispersion`, with the truth known."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits

from ciaopy.console import Console
from ciaopy.coords import AspectSolution, Attitude, FocalPlane, SkyFrame
from ciaopy.engine.run import run_tool
from ciaopy.gratings import Dispersion, arms_of
from ciaopy.param import open_parameters

START = 500_000_000.0
POINTING = {"RA": 83.85, "DEC": -5.4, "ROLL": 301.3}
HEADER = {
    "TELESCOP": "CHANDRA", "INSTRUME": "ACIS", "DETNAM": "ACIS-456789", "DATAMODE": "GRADED", "READMODE": "TIMED",
    "GRATING": "HETG", "DATE-OBS": "2013-11-05T00:00:00", "DATE-END": "2013-11-05T01:00:00", "OBS_ID": "99002",
    "TIMEDEL": 3.24104, "EXPTIME": 3.2, "SIM_X": -0.6828, "SIM_Y": 0.0, "SIM_Z": -190.14, "CONTENT": "EVT1",
    "TSTART": START, "TSTOP": START + 1000.0, "ONTIME": 1000.0, "LIVETIME": 987.0, "EXPOSURE": 987.0, "DTCOR": 0.987,
    "MJDREF": 50814.0, "TIMEZERO": 0.0, "ASPTYPE": "KALMAN", "RA_TARG": 83.85, "DEC_TARG": -5.4,
    **{f"{k}_{kind}": v for k, v in POINTING.items() for kind in ("NOM", "PNT")},
    **{f"ONTIME{c}": 1000.0 - c for c in range(4, 10)},
}  # fmt: skip
LETG_HRC = {"INSTRUME": "HRC", "DETNAM": "HRC-S", "GRATING": "LETG", "SIM_X": -1.43, "SIM_Z": 250.456}


def observation_header(**keys: Any) -> dict[str, Any]:
    """Header of the observation, with overrides."""
    return HEADER | keys


def dispersions(header: dict[str, Any], zero: tuple[float, float]) -> dict[str, Dispersion]:
    """The frame of each arm."""
    plane, frame = FocalPlane.from_header(header), SkyFrame.from_header(header)
    return {a.name: Dispersion(plane, frame, a, zero) for a in arms_of(header["GRATING"])}


def write_aspect(path: Path, start: float = START - 20, stop: float = START + 1020, step: float = 1.025) -> Path:
    """Write an aspect solution with dither."""
    time = np.arange(start, stop, step)
    zero = np.zeros(len(time))
    values = {
        "time": time, "ra": POINTING["RA"] + 2e-3 * np.sin(time / 160),
        "dec": POINTING["DEC"] + 2e-3 * np.cos(time / 110),
        "roll": zero + POINTING["ROLL"], "dy": zero, "dz": zero, "dtheta": zero,
    }  # fmt: skip
    hdu = fits.BinTableHDU.from_columns([fits.Column(n, "D", array=v) for n, v in values.items()], name="ASPSOL")
    hdu.header.update({"CONTENT": "ASPSOLOBI", "HDUNAME": "ASPSOL", "OBS_ID": "99002"})
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(path, overwrite=True)
    return path


def write_level_1(
    path: Path, aspect: Path, zero: tuple[float, float], photons: int = 2000, clocked: bool = False, **keys: Any
) -> dict[str, Any]:
    """Write events of a zero order and first-order light at random wavelengths; return their truth.

    Truth: part (0, 1, 2, 3), order, mlam, row (CHIPY, pixels) of each event in the file. With `clocked`, CHIPY tells
    nothing and sky positions are those on the row of the zero order, as in continuous clocking.
    """
    keys = {"READMODE": "CONTINUOUS", "DATAMODE": "CC33_GRADED", "TIMEDEL": 0.00285} | keys if clocked else keys
    header = observation_header(**keys)
    rng = np.random.default_rng(3)
    spectra = dispersions(header, zero)
    time = np.sort(rng.uniform(START, START + 1000, photons))
    attitude = AspectSolution.read(path_text(aspect)).at(time)
    names = list(spectra)
    which = rng.integers(0, len(names) + 1, photons)
    lam = rng.uniform(2.0, 12.0, photons)
    sign = rng.choice([-1, 1], photons)
    first = next(iter(spectra.values()))
    chip = np.full(photons, -1)
    x, y = np.zeros(photons), np.zeros(photons)
    for k, name in enumerate(names):
        rows = which == k + 1
        spread = rng.normal(0.0, 1e-4, int(rows.sum()))
        angle = np.rad2deg(np.arcsin(sign[rows] * lam[rows] / spectra[name].arm.period))
        chip[rows], x[rows], y[rows] = spectra[name].to_chip(angle, spread, _of(attitude, rows))
    rows = which == 0
    chip[rows], x[rows], y[rows] = first.plane.sky_to_chip(*zero, _of(attitude, rows), first.frame)
    keep = chip >= 0
    size = first.plane.sizes[chip[keep]]
    cx = np.clip(np.rint(x[keep]), 1, size[:, 0]).astype(int)
    cy = np.clip(np.rint(y[keep]), 1, size[:, 1]).astype(int)
    if clocked:
        cy = first.plane.sky_to_chip(*zero, _of(attitude, keep), first.frame, chip[keep]).chipy
    sky = first.plane.chip_to_sky(chip[keep], cx, cy, _of(attitude, keep), first.frame)
    det = first.plane.chip_to_det(chip[keep], cx, cy, _of(attitude, keep))
    tdet = first.plane.chip_to_tdet(chip[keep], cx, np.rint(cy))
    if clocked:
        cy = rng.integers(1, 1025, int(keep.sum()))
    energy = np.where(which[keep] == 0, 3000.0, 12398.42 / lam[keep])
    columns: dict[str, Any] = {
        "time": time[keep], "expno": np.arange(keep.sum()), "chipx": cx, "chipy": cy,
        "tdetx": tdet[0], "tdety": tdet[1],
        "detx": det[0], "dety": det[1], "x": sky[0], "y": sky[1], first.plane.detector.id_column: chip[keep],
        "pha": energy / 4, "pi": np.minimum(energy / 14.6 + 1, 1023), "energy": energy, "grade": 0 * cx,
        "fltgrade": 0 * cx, "node_id": (cx - 1) // 256,
    }  # fmt: skip
    forms = {"time": "D", "expno": "J", "pha": "J", "energy": "E", "detx": "E", "dety": "E", "x": "E", "y": "E"}
    if header["INSTRUME"] == "HRC":
        forms |= {"tdetx": "J", "tdety": "J"}
        columns = {k: v for k, v in columns.items() if k not in ("expno", "energy", "grade", "fltgrade", "node_id")}
    made = [fits.Column(n, forms.get(n, "I"), array=v) for n, v in columns.items()]
    made.append(fits.Column("status", "32X", array=np.zeros((int(keep.sum()), 32), bool)))
    hdu = fits.BinTableHDU.from_columns(made, name="EVENTS")
    hdu.header.update(header | {"HDUNAME": "EVENTS"})
    hdu.header.update({"MTYPE1": "sky", "MFORM1": "x,y"})
    for i, kind in ((made_index(made, "x"), "RA---TAN"), (made_index(made, "y"), "DEC--TAN")):
        sign_of = -1 if kind.startswith("RA") else 1
        scale, ref = first.plane.detector.scale / 3600.0, first.plane.detector.ref
        value = POINTING["RA" if sign_of < 0 else "DEC"]
        hdu.header.update({f"TCTYP{i}": kind, f"TCRVL{i}": value, f"TCRPX{i}": ref, f"TCDLT{i}": sign_of * scale})
        hdu.header.update({f"TCUNI{i}": "deg", f"TLMIN{i}": 0.5, f"TLMAX{i}": 2 * ref - 0.5})
    gti = fits.BinTableHDU.from_columns(
        [fits.Column("START", "D", array=[START]), fits.Column("STOP", "D", array=[START + 1000])], name="GTI"
    )
    gti.header.update({"HDUNAME": "GTI"})
    hdu.header.update({"DSTYP1": "time", "DSVAL1": "TABLE", "DSFORM1": "D", "DSREF1": ":GTI"})
    fits.HDUList([fits.PrimaryHDU(), hdu, gti]).writeto(path, overwrite=True)
    parts = np.array([0] + [spectra[n].arm.part for n in names])[which[keep]]
    order = np.where(which[keep] == 0, 0, sign[keep])
    return {
        "part": parts,
        "order": order,
        "mlam": np.where(which[keep] == 0, 0.0, sign[keep] * lam[keep]),
        "row": y[keep],
    }


def made_index(columns: list[Any], name: str) -> int:
    """1-based number of a column."""
    return [c.name for c in columns].index(name) + 1


def path_text(path: Path) -> str:
    """The path as text."""
    return str(path)


def _of(attitude: Attitude, rows: np.ndarray) -> Attitude:
    return Attitude(*(getattr(attitude, c)[rows] for c in ("ra", "dec", "roll", "dy", "dz", "dtheta")))


def run(tool: str, *arguments: object, **named: object) -> str:
    """Run a tool as a user would; return what it printed."""
    words = [str(a) for a in arguments] + [f"{k}={_word(v)}" for k, v in named.items()] + ["mode=h"]
    out = io.StringIO()
    run_tool(open_parameters(tool, words), Console(1, out, out))
    return out.getvalue()


def _word(value: object) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def make_mask(events: Path, out: Path, zero: tuple[float, float], **keys: Any) -> Path:
    """Run tg_create_mask for one position."""
    run(
        "tg_create_mask",
        events,
        out,
        "",
        use_user_pars=True,
        sA_zero_x=zero[0],
        sA_zero_y=zero[1],
        clobber=True,
        **keys,
    )
    return out


def resolve(events: Path, out: Path, mask: Path, aspect: Path, **keys: Any) -> Path:
    """Run tg_resolve_events."""
    run("tg_resolve_events", events, out, mask, aspect, clobber=True, **keys)
    return out
