"""Orbits, ephemerides and events of moving objects, made from formulas."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from ciaopy.coords import Ephemeris
from ciaopy.coords.ephemeris import AU_M
from ciaopy.fits import Column, Header, Table
from ciaopy.sphere import directions

F64 = NDArray[np.float64]
PIXEL_DEG = 0.492 / 3600
MU = 3.986004418e14
T0 = 7.02e8


def kepler(time: Any, axis: float = 8.08e7, eccentricity: float = 0.76, phase: float = 0.3) -> tuple[F64, F64]:
    """Position [m] and velocity [m/s] on an orbit like Chandra's, exactly."""
    t = np.asarray(time, np.float64) - T0
    n = np.sqrt(MU / axis**3)
    mean = n * t + 2 * np.pi * phase
    e = mean.copy()
    for _ in range(60):
        e -= (e - eccentricity * np.sin(e) - mean) / (1 - eccentricity * np.cos(e))
    b = axis * np.sqrt(1 - eccentricity**2)
    rate = n / (1 - eccentricity * np.cos(e))
    u = np.array([0.2, -0.7, 0.68]) / np.linalg.norm([0.2, -0.7, 0.68])
    w = np.cross(u, [0.9, 0.3, 0.1])
    w /= np.linalg.norm(w)
    place = np.outer(axis * (np.cos(e) - eccentricity), u) + np.outer(b * np.sin(e), w)
    speed = np.outer(-axis * np.sin(e) * rate, u) + np.outer(b * np.cos(e) * rate, w)
    return place, speed


def straight(
    time: Any, ra: float, dec: float, au: float, speed: float, angle: float, middle: float = T0
) -> tuple[F64, F64]:
    """Position and velocity of an object that stands at (ra, dec) seen from Chandra at `middle`, and moves straight."""
    t = np.asarray(time, np.float64)
    p = directions(ra, dec)
    east = np.cross([0.0, 0.0, 1.0], p)
    east /= np.linalg.norm(east)
    north = np.cross(p, east)
    way = np.cos(np.radians(angle)) * east + np.sin(np.radians(angle)) * north
    velocity = speed / 60 / 206264.80625 * au * AU_M * way
    start = au * AU_M * p + kepler(np.array([middle]))[0][0]
    return start + np.outer(t - middle, velocity), np.broadcast_to(velocity, (t.size, 3)).copy()


def grid(step: float = 300.0, days: float = 2.0) -> F64:
    """Times about T0."""
    return T0 - 86400.0 * days / 2 + np.arange(int(86400.0 * days / step) + 1) * step


def ephemeris_table(
    time: F64,
    place: F64,
    velocity: F64 | None = None,
    *,
    name: str = "SSOEPHEM",
    units: tuple[str, str] = ("m", "m/s"),
    names: tuple[str, ...] = ("Time", "X", "Y", "Z", "Vx", "Vy", "Vz"),
    **keys: Any,
) -> Table:
    """A table as ephemeris files have it."""
    header = Header()
    values: dict[str, Any] = {"EXTNAME": name, "HDUNAME": name, "CONTENT": f"{name}1", "TELESCOP": "CHANDRA"}
    values |= {"EQUINOX": 2000.0, "RADECSYS": "ICRS", "TIMESYS": "TT", "MJDREF": 50814, "TIMEZERO": 0.0}
    values |= {"TIMEUNIT": "s"}
    for key, value in (values | keys).items():
        if value is not None:
            header[key] = value
    columns = {names[0].lower(): Column(names[0], time, "D", "s")}
    for i, data in enumerate(place.T, 1):
        columns[names[i].lower()] = Column(names[i], np.ascontiguousarray(data), "D", units[0])
    for i, data in enumerate(velocity.T if velocity is not None else (), 4):
        columns[names[i].lower()] = Column(names[i], np.ascontiguousarray(data), "D", units[1])
    return Table(name, columns, header)


def orbit(time: F64 | None = None) -> Ephemeris:
    time = grid() if time is None else time
    return Ephemeris.from_tables([("orbit.fits", ephemeris_table(time, *kepler(time), name="ORBITEPHEM"))])


def body(ra: float, dec: float, au: float, speed: float, angle: float = 37.0, **keys: Any) -> Ephemeris:
    time = grid()
    return Ephemeris.from_tables(
        [("body.fits", ephemeris_table(time, *straight(time, ra, dec, au, speed, angle), **keys))]
    )


def write_orbit(path: Path, time: F64 | None = None, **more: Any) -> Path:
    time = grid() if time is None else time
    ephemeris_table(time, *kepler(time), **({"name": "ORBITEPHEM"} | more)).write(path, clobber=True)
    return path


def write_body(path: Path, au: float = 0.3, speed: float = 10.0, time: F64 | None = None, **more: Any) -> Path:
    time = grid() if time is None else time
    ephemeris_table(time, *straight(time, 123.4, -31.0, au, speed, 37.0), **more).write(path, clobber=True)
    return path


def write_events(
    path: Path, rows: int = 500, ra: float = 123.4, dec: float = -31.0, units: dict[str, str] | None = None, **keys: Any
) -> Path:
    """ACIS events with times, SKY positions, DET, good times and a further block."""
    rng = np.random.default_rng(4)
    span = 3000.0
    values = {
        "time": ("D", "s", np.sort(rng.uniform(T0 - span / 2, T0 + span / 2, rows))),
        "ccd_id": ("I", "", rng.integers(6, 8, rows)),
        "x": ("E", "pixel", rng.uniform(3000, 5000, rows)),
        "y": ("E", "pixel", rng.uniform(3000, 5000, rows)),
        "status": ("32X", "", rng.integers(0, 2, (rows, 32)).astype(bool)),
    }
    columns = [fits.Column(n, f, unit=(units or {}).get(n, u), array=v) for n, (f, u, v) in values.items()]
    events = fits.BinTableHDU.from_columns(columns, name="EVENTS")
    h = events.header
    h.update({"HDUNAME": "EVENTS", "TELESCOP": "CHANDRA", "INSTRUME": "ACIS", "DETNAM": "ACIS-67", "OBS_ID": "11"})
    h.update({"RA_NOM": ra, "DEC_NOM": dec, "ROLL_NOM": 70.0, "RA_PNT": ra, "DEC_PNT": dec, "ROLL_PNT": 70.0})
    h.update({"TIMESYS": "TT", "MJDREF": 50814.0, "TIMEZERO": 0.0, "TIMEUNIT": "s", "TIMEREF": "LOCAL"})
    h.update({"TSTART": T0 - span / 2, "TSTOP": T0 + span / 2, "SIM_X": -0.7, "SIM_Y": 0.0, "SIM_Z": -190.0})
    h.update({"MTYPE1": "sky", "MFORM1": "x,y", "MTYPE2": "EQPOS", "MFORM2": "RA,DEC", "ASOLFILE": "asol1.fits"})
    h.update({"DSTYP1": "time", "DSVAL1": "TABLE", "DSREF1": ":GTI", "DSFORM1": "D", "DSUNIT1": "s"})
    for n, kind, value, sign in ((3, "RA---TAN", ra, -1), (4, "DEC--TAN", dec, 1)):
        h.update({f"TCTYP{n}": kind, f"TCRVL{n}": value, f"TCRPX{n}": 4096.5, f"TCDLT{n}": sign * PIXEL_DEG})
        h.update({f"TCUNI{n}": "deg", f"TLMIN{n}": 0.5, f"TLMAX{n}": 8192.5})
    for key, value in keys.items():
        if value is None:
            del h[key]
        else:
            h[key] = value
    ends = [
        fits.Column(n, "D", unit="s", array=np.array([t])) for n, t in (("START", h["TSTART"]), ("STOP", h["TSTOP"]))
    ]
    gti = fits.BinTableHDU.from_columns(ends, name="GTI")
    gti.header["HDUNAME"] = "GTI"
    region = fits.BinTableHDU.from_columns([fits.Column("SHAPE", "8A", array=np.array(["circle"]))], name="REGION")
    region.header["HDUNAME"] = "REGION"
    fits.HDUList([fits.PrimaryHDU(), events, region, gti]).writeto(path, overwrite=True)
    return path


def write_aspect(path: Path, shift: float = 0.0, **keys: Any) -> Path:
    """An aspect solution with dither about (123.4, -31) at roll 70."""
    from ciaopy.coords import quaternion

    time = T0 - 1600.0 + shift + np.arange(3200) * 1.0
    ra = 123.4 + 8 / 3600 * np.sin(2 * np.pi * time / 1000.0) / np.cos(np.radians(-31.0))
    dec = -31.0 + 8 / 3600 * np.sin(2 * np.pi * time / 707.0)
    roll = np.full(time.size, 70.0) + 0.01 * np.sin(time / 900.0)
    values = {"time": time, "ra": ra, "dec": dec, "roll": roll}
    columns = [fits.Column(n, "D", array=v) for n, v in values.items()]
    columns += [
        fits.Column(n, "E", array=np.full(time.size, v)) for n, v in (("dy", 0.2), ("dz", -0.1), ("dtheta", 0.01))
    ]
    columns += [fits.Column("q_att", "4D", array=quaternion(ra, dec, roll)), fits.Column("ra_err", "E", array=time * 0)]
    table = fits.BinTableHDU.from_columns(columns, name="ASPSOL")
    table.header.update(
        {"HDUNAME": "ASPSOL", "CONTENT": "ASPSOLOBI", "OBS_ID": "11", "TIMESYS": "TT", "MJDREF": 50814.0}
    )
    table.header.update({"TIMEZERO": 0.0, "TIMEUNIT": "s", "TSTART": time[0], "TSTOP": time[-1], **keys})
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(path, overwrite=True)
    return path
