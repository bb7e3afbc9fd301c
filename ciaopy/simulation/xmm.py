"""A small XMM-Newton observation made up: event lists of MOS1 (two sub-exposures), MOS2 and pn, with their truth.

Sources, particle background, flares, an anomalous CCD (MOS2 CCD 5), bad pixels, a gap in the good times, out-of-time
events of pn. The lists look as an archive delivers them, before any selection. Spectra are power laws and the response
is left out: energies are good for selecting, not for fitting.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ciaopy.errors import UserError
from ciaopy.fits import Column, Image, Table, new_header, write_dataset
from ciaopy.simulation.xmm_layout import CCDS, det_to_sky, raw_of, raw_to_det
from ciaopy.xmm import geometry, vignetting

__all__ = ["XmmSetup", "XmmSimulated", "simulate_xmm"]

F64 = NDArray[np.float64]
# Parts of an event, in truth: source number from 1, else one of these.
BACKGROUND, FLARE, ANOMALY, OUT_OF_TIME = 0, -1, -2, -3
# RA and Dec offsets [arcmin] and counts/s of the sources in one MOS on axis.
SOURCES = ((0.0, 0.0, 0.10), (4.0, 3.0, 0.05), (-6.0, 2.0, 0.05))
_FRAME = {"EMOS1": 2.6, "EMOS2": 2.6, "EPN": 5.0}  # pn: rows of frames, not single ones
_BAD_PIXELS = {1: [(300, 120, 1), (410, 1, 600)], 3: [(100, 200, 4)]}
_GAP = 100.0  # s without good time
_SIGMA = 120.0  # of the point spread, units of 0.05 arcsec
_NULL = -99999999
_FORMS = {
    "TIME": "D", "RAWX": "I", "RAWY": "I", "DETX": "I", "DETY": "I", "X": "J", "Y": "J", "PHA": "I", "PI": "I",
    "FLAG": "J", "PATTERN": "B", "CCDNR": "B",
}  # fmt: skip
_TYPES = {"D": np.float64, "I": np.int16, "J": np.int32, "B": np.uint8}


@dataclass(frozen=True)
class XmmSetup:
    """What to make.

    Attributes
    ----------
    obs_id : str
        Ten digits.
    exposure : float
        Length of the whole observation, s.
    quiet_rate : float
        Quiet background between 2.5 and 8.5 keV in the field of view of one MOS, counts/s.
    flares : tuple of (float, float, float)
        Start and length as parts of the exposure, and how many times the quiet rate.
    position_angle : float
        Degrees.
    seed : int

    Raises
    ------
    UserError
        A value makes no observation.
    """

    obs_id: str = "0190010101"
    exposure: float = 20000.0
    quiet_rate: float = 0.8
    flares: tuple[tuple[float, float, float], ...] = ((0.20, 0.03, 8.0), (0.72, 0.05, 4.0))
    position_angle: float = 60.0
    seed: int = 1
    ra: float = 150.0
    dec: float = -11.0
    start: float = 2.0e8

    def __post_init__(self) -> None:
        if not (len(self.obs_id) == 10 and self.obs_id.isdecimal()) or self.obs_id.startswith("9"):
            raise UserError(f"ObsID {self.obs_id!r}: ten digits are needed, not beginning with 9 (slews)")
        if not 2000 <= self.exposure <= 1e6:
            raise UserError(f"exposure of {self.exposure:g} s: from 2000 to 1e6 s")
        if self.seed < 0 or self.quiet_rate <= 0:
            raise UserError("the seed must be 0 or more, the quiet rate above 0")


@dataclass(frozen=True)
class XmmSimulated:
    """What was made: the folder, and for each list its path and the number of events of each part."""

    folder: Path
    lists: Mapping[str, Path] = field(default_factory=dict)
    counts: Mapping[str, Mapping[int, int]] = field(default_factory=dict)


# name of the list -> (INSTRUME, exposure, first and last part of the observation)
_LISTS = {
    "M1S001MI": ("EMOS1", "S001", 0.0, 0.45),
    "M1U002MI": ("EMOS1", "U002", 0.5, 1.0),
    "M2S003MI": ("EMOS2", "S003", 0.0, 1.0),
    "PNS004PI": ("EPN", "S004", 0.0, 1.0),
    "PNS004OO": ("EPN", "S004", 0.0, 1.0),
}


def simulate_xmm(setup: XmmSetup, folder: str | Path, clobber: bool = False) -> XmmSimulated:
    """Write event lists, attitude and truth into a folder.

    Parameters
    ----------
    setup : XmmSetup
    folder : str or Path
        Made if it is not there.
    clobber : bool
        Replace files.

    Raises
    ------
    UserError
        The folder is not empty and `clobber` is false, or cannot be written.
    """
    folder = Path(folder)
    if folder.exists() and any(folder.iterdir()) and not clobber:
        raise UserError(f"{folder}: the folder is not empty; name another, or add --clobber")
    (folder / "truth").mkdir(parents=True, exist_ok=True)
    lists, counts = {}, {}
    for number, (name, (instrument, exposure, first, last)) in enumerate(_LISTS.items()):
        rng = np.random.default_rng([setup.seed, number])
        begin, end = setup.start + first * setup.exposure, setup.start + last * setup.exposure
        rows = _events(setup, instrument, name.endswith("OO"), (begin, end), rng)
        path = folder / f"P{setup.obs_id}{name}EVLI0000.FIT"
        _write_list(path, setup, instrument, exposure, (begin, end), rows, clobber)
        kind = Column("PART", rows["PART"].astype(np.int16), "I")
        write_dataset(folder / "truth" / f"{name}.fits", Table("TRUTH", {"part": kind}, new_header()), clobber)
        lists[name] = path
        values, number_of = np.unique(rows["PART"], return_counts=True)
        counts[name] = dict(zip(values.tolist(), number_of.tolist(), strict=True))
    _write_attitude(folder / f"P{setup.obs_id}OBX000ATTTSR0000.FIT", setup, clobber)
    _write_truth(folder / "truth", setup)
    return XmmSimulated(folder, lists, counts)


# ---------------------------------------------------------------- events
def _events(
    setup: XmmSetup, instrument: str, out_of_time: bool, span: tuple[float, float], rng: np.random.Generator
) -> dict[str, NDArray[Any]]:
    """Return the events of one list in order of time."""
    length = span[1] - span[0]
    scale = 3.0 if instrument == "EPN" else 1.0
    parts = [_background(setup, instrument, scale, length, rng)]
    parts += [_source(setup, instrument, k, scale, length, rng) for k in range(len(SOURCES))]
    parts += _flares(setup, instrument, scale, span, rng)
    if instrument == "EMOS2":
        parts.append(_anomaly(instrument, length, rng))
    time, energy, detx, dety, part = (np.concatenate([p[k] for p in parts]) for k in range(5))
    ccd, rawx, rawy = raw_of(instrument, detx, dety)
    # a gap of 100 s in the middle
    keep = (ccd > 0) & (energy >= 150) & (energy <= 15000) & ((time < length / 2) | (time >= length / 2 + _GAP))
    if out_of_time:
        rawy = rng.integers(1, geometry.RAW_SIZE[instrument][1] + 1, len(rawy))
        part = np.full_like(part, OUT_OF_TIME)
    elif instrument == "EPN":
        smeared = rng.random(len(rawy)) < 0.063
        rawy = np.where(smeared, rng.integers(1, geometry.RAW_SIZE[instrument][1] + 1, len(rawy)), rawy)
        part = np.where(smeared, OUT_OF_TIME, part)
    order = np.flatnonzero(keep)[np.argsort(time[keep], kind="stable")]
    rows = {"CCDNR": ccd[order], "RAWX": rawx[order], "RAWY": rawy[order], "PART": part[order]}
    rows["TIME"] = span[0] + time[order]
    return _finished(setup, instrument, rows, energy[order], rng)


def _background(
    setup: XmmSetup, instrument: str, scale: float, length: float, rng: np.random.Generator
) -> tuple[F64, ...]:
    """Particles all over the CCDs: flat in position; 2.5 to 8.5 keV are 60% of the counts."""
    columns, rows = geometry.RAW_SIZE[instrument]
    ccds = CCDS[instrument]
    # the field of view is a part of the CCDs' area
    count = rng.poisson(setup.quiet_rate * scale / 0.6 * 1.3 * length)
    which = rng.choice(len(ccds), count)
    x, y = rng.uniform(0.5, columns + 0.5, count), rng.uniform(0.5, rows + 0.5, count)
    detx, dety = np.zeros(count), np.zeros(count)
    for k, ccd in enumerate(ccds):
        on = which == k
        detx[on], dety[on] = raw_to_det(instrument, ccd)(x[on], y[on])
    energy = np.where(rng.random(count) < 0.6, rng.uniform(2500, 8500, count), rng.uniform(200, 2500, count))
    return rng.uniform(0, length, count), energy, detx, dety, np.full(count, BACKGROUND)


def _source(
    setup: XmmSetup, instrument: str, number: int, scale: float, length: float, rng: np.random.Generator
) -> tuple[F64, ...]:
    east, north, rate = SOURCES[number]
    x, y = 25921 - east * 1200.0, 25921 + north * 1200.0
    to_det = det_to_sky(instrument, setup.position_angle).inverse()
    u, v = to_det(np.array([x]), np.array([y]))
    seen = float(vignetting.law(instrument, 1.25).at(u, v)[0])
    count = rng.poisson(rate * scale * seen * length)
    detx, dety = to_det(x + rng.normal(0, _SIGMA, count), y + rng.normal(0, _SIGMA, count))
    energy = 500.0 * (1.0 - rng.random(count)) ** -0.9
    return rng.uniform(0, length, count), energy, detx, dety, np.full(count, number + 1)


def _flares(
    setup: XmmSetup, instrument: str, scale: float, span: tuple[float, float], rng: np.random.Generator
) -> list[tuple[F64, ...]]:
    """Soft protons: in the field of view only, hard."""
    x0, y0, radius = geometry.FIELD_OF_VIEW[instrument]
    found: list[tuple[F64, ...]] = []
    for begin, part, factor in setup.flares:
        first = max(setup.start + begin * setup.exposure, span[0])
        last = min(setup.start + (begin + part) * setup.exposure, span[1])
        if last <= first:
            continue
        count = rng.poisson(setup.quiet_rate * scale * (factor - 1) * (last - first))
        r, angle = radius * np.sqrt(rng.random(count)), rng.uniform(0, 2 * np.pi, count)
        time = rng.uniform(first, last, count) - span[0]
        energy = rng.uniform(2500, 8500, count)
        found.append((time, energy, x0 + r * np.cos(angle), y0 + r * np.sin(angle), np.full(count, FLARE)))
    return found


def _anomaly(instrument: str, length: float, rng: np.random.Generator) -> tuple[F64, ...]:
    """Soft noise all over CCD 5."""
    columns, rows = geometry.RAW_SIZE[instrument]
    count = rng.poisson(0.3 * length)
    detx, dety = raw_to_det(instrument, 5)(rng.uniform(1, columns, count), rng.uniform(1, rows, count))
    return rng.uniform(0, length, count), rng.uniform(300, 900, count), detx, dety, np.full(count, ANOMALY)


def _finished(
    setup: XmmSetup, instrument: str, rows: dict[str, NDArray[Any]], energy: F64, rng: np.random.Generator
) -> dict[str, NDArray[Any]]:
    """Add positions, energies, flags and patterns."""
    count = len(energy)
    detx, dety = np.zeros(count), np.zeros(count)
    for ccd in CCDS[instrument]:
        on = rows["CCDNR"] == ccd
        spread = rng.uniform(-0.5, 0.5, (2, int(on.sum())))
        detx[on], dety[on] = raw_to_det(instrument, ccd)(rows["RAWX"][on] + spread[0], rows["RAWY"][on] + spread[1])
    rows["DETX"], rows["DETY"] = np.rint(detx), np.rint(dety)
    x, y = det_to_sky(instrument, setup.position_angle)(detx, dety)
    rows["X"], rows["Y"] = np.rint(x), np.rint(y)
    rows["PI"] = np.rint(energy)
    rows["PHA"] = np.minimum(np.rint(energy / 3.4), 4095)
    rows["PATTERN"] = rng.choice(32 if instrument != "EPN" else 13, count, p=_patterns(instrument))
    rows["FLAG"] = _flags(instrument, rows)
    return rows


def _patterns(instrument: str) -> F64:
    size = 32 if instrument != "EPN" else 13
    share = np.full(size, 0.02 / (size - 5))
    share[0], share[1:5] = 0.70, 0.07
    return np.asarray(share / share.sum(), np.float64)


def _flags(instrument: str, rows: Mapping[str, NDArray[Any]]) -> NDArray[np.int64]:
    """Return FLAG: out of the field of view, close to the border, on and close to bad pixels."""
    x0, y0, radius = geometry.FIELD_OF_VIEW[instrument]
    columns, high = geometry.RAW_SIZE[instrument]
    flag = np.where((rows["DETX"] - x0) ** 2 + (rows["DETY"] - y0) ** 2 > radius**2, 1 << 16, 0)
    x, y = rows["RAWX"], rows["RAWY"]
    flag |= np.where((x == 1) | (x == columns) | (y == 1) | (y == high), 1 << 1, 0)
    for ccd, pixels in _BAD_PIXELS.items() if instrument != "EPN" else ():
        for column, row, extent in pixels:
            here = (rows["CCDNR"] == ccd) & (y >= row) & (y < row + extent)
            near = (rows["CCDNR"] == ccd) & (y >= row - 1) & (y <= row + extent) & (np.abs(x - column) <= 1)
            flag |= np.where(here & (x == column), 1 << 21, 0) | np.where(near, 1 << 8, 0)
    return flag


# ---------------------------------------------------------------- files
def _cards(setup: XmmSetup, instrument: str, exposure: str, span: tuple[float, float]) -> dict[str, Any]:
    return {
        "TELESCOP": "XMM", "INSTRUME": instrument, "DATAMODE": "IMAGING", "OBS_ID": setup.obs_id, "EXPIDSTR": exposure,
        "EXP_ID": f"{setup.obs_id}{exposure[1:]}", "OBS_MODE": "POINTING", "SUBMODE": "PrimeFullWindow",
        "FILTER": "Thin1", "OBJECT": "SIMULATED FIELD", "DATE-OBS": "2004-05-03T19:33:20",
        "DATE-END": "2004-05-04T01:06:40", "REVOLUT": 806,
        "TSTART": span[0], "TSTOP": span[1], "MJDREF": 50814.0, "TIMESYS": "TT", "TIMEUNIT": "s", "TIMEREF": "LOCAL",
        "TASSIGN": "SATELLITE", "TIMEZERO": 0.0, "CLOCKAPP": True, "RADECSYS": "FK5", "EQUINOX": 2000.0,
        "RA_PNT": setup.ra, "DEC_PNT": setup.dec, "PA_PNT": setup.position_angle, "REFXCTYP": "RA---TAN",
        "REFXCRPX": 25921, "REFXCRVL": setup.ra, "REFXCDLT": -1 / 72000, "REFYCTYP": "DEC--TAN", "REFYCRPX": 25921,
        "REFYCRVL": setup.dec, "REFYCDLT": 1 / 72000, "CREATOR": "ciaopy simulate --mission xmm",
    }  # fmt: skip


def _table(name: str, columns: Mapping[str, tuple[Any, str]], cards: Mapping[str, Any] | None = None) -> Table:
    header = new_header()
    header["EXTNAME"] = name
    for key, value in (cards or {}).items():
        header[key] = value
    return Table(name, {n.lower(): Column(n, np.asarray(v), form) for n, (v, form) in columns.items()}, header)


def _write_list(
    path: Path, setup: XmmSetup, instrument: str, exposure: str, span: tuple[float, float],
    rows: Mapping[str, NDArray[Any]], clobber: bool,
) -> None:  # fmt: skip
    cards = _cards(setup, instrument, exposure, span)
    macro = ("XMMEA_EP", "(FLAG & 0xcfa0000) == 0") if instrument == "EPN" else ("XMMEA_EM", "(FLAG & 0x766ba000) == 0")
    events = _table(
        "EVENTS", {n: (rows[n].astype(_TYPES[f]), f) for n, f in _FORMS.items()}, cards | {macro[0]: macro[1]}
    )
    for name, kind, value, step in (("x", "RA---TAN", setup.ra, -1), ("y", "DEC--TAN", setup.dec, 1)):
        column = events.columns[name]
        place = {"TCTYP": kind, "TCRVL": value, "TCRPX": 25921, "TCDLT": step / 72000, "TCUNI": "deg"}
        column.keys.update({k: (v, "") for k, v in (place | {"TLMIN": 1, "TLMAX": 51840, "TNULL": _NULL}).items()})
    size = _FRAME[instrument]
    middle: F64 = span[0] + size * (0.5 + np.arange(int((span[1] - span[0]) / size))).astype(np.float64)
    gap = 0.5 * (span[0] + span[1])
    good = np.array([[span[0], gap], [gap + _GAP, span[1]]])
    blocks: list[Table | Image] = [Image("PRIMARY", None, _primary(cards)), events]
    whole = np.count_nonzero((middle + size / 2 <= gap) | (middle - size / 2 >= gap + _GAP))
    live = float(np.float32(size)) * float(np.float32(0.99)) * whole
    for ccd in CCDS[instrument]:
        events.header[f"ONTIME{ccd:02d}"] = float((good[:, 1] - good[:, 0]).sum())
        events.header[f"LIVETI{ccd:02d}"] = live
        blocks += _ccd_tables(instrument, ccd, middle, good)
    write_dataset(path, blocks, clobber)


def _ccd_tables(instrument: str, ccd: int, middle: F64, good: F64) -> list[Table]:
    """Return frames, bad pixels and good times of a CCD."""
    size, share = (np.full(len(middle), v, np.float32) for v in (_FRAME[instrument], 0.99))
    frames = {"TIME": (middle, "D"), "TIMEDEL": (size, "E"), "FRACEXP": (share, "E")}
    found = [_table(f"EXPOSU{ccd:02d}", frames, {"CCDID": ccd})]
    if instrument != "EPN" and ccd in _BAD_PIXELS:
        bad = np.array(_BAD_PIXELS[ccd], np.int16)
        ones = np.ones(len(bad), np.int16)
        columns = {"RAWX": bad[:, 0], "RAWY": bad[:, 1], "TYPE": ones, "YEXTENT": bad[:, 2], "BADFLAG": ones}
        found.append(_table(f"BADPIX{ccd:02d}", {n: (v, "I") for n, v in columns.items()}))
    times = {"START": (good[:, 0], "D"), "STOP": (good[:, 1], "D")}
    return [*found, _table(f"STDGTI{ccd:02d}", times, {"CCDID": ccd})]


def _primary(cards: Mapping[str, Any]) -> Any:
    header = new_header()
    for key, value in cards.items():
        header[key] = value
    return header


def _write_attitude(path: Path, setup: XmmSetup, clobber: bool) -> None:
    time = setup.start - 100.0 + np.arange(int(setup.exposure) + 200, dtype=np.float64)
    steady = np.ones(len(time))
    columns = {"TIME": (time, "D"), "AHFRA": (setup.ra * steady, "D"), "AHFDEC": (setup.dec * steady, "D"),
               "AHFPA": (setup.position_angle * steady, "D")}  # fmt: skip
    table = _table("ATTHK", columns, {"TELESCOP": "XMM", "OBS_ID": setup.obs_id})
    write_dataset(path, [Image("PRIMARY", None, new_header()), table], clobber)


def _write_truth(folder: Path, setup: XmmSetup) -> None:
    lines = ["# east [arcmin] north [arcmin] rate of one MOS on axis [count/s]"]
    lines += [f"{e} {n} {r}" for e, n, r in SOURCES]
    (folder / "sources.txt").write_text("\n".join(lines) + "\n")
    lines = ["# start [s] stop [s] times the quiet rate"]
    for begin, part, factor in setup.flares:
        first = setup.start + begin * setup.exposure
        lines.append(f"{first!r} {first + part * setup.exposure!r} {factor}")
    (folder / "flares.txt").write_text("\n".join(lines) + "\n")
