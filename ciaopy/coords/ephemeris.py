"""Ephemerides: where the spacecraft and an object of the solar system are, row by row, and between the rows.

Files (`orbitf...eph1.fits`, `solarf...`, `jupiterf...`) hold Time [s], X, Y, Z [m] and Vx, Vy, Vz [m/s]: geocentric
equatorial vectors in FK5 or ICRS (0.03 arcsec apart, taken as one). Measured on the real orbit, Sun and Moon files of
ObsIDs 1230, 22772 and 22793: rows every 300.0 s, velocities the derivatives of the positions, and the vector from the
spacecraft to the object is **object - spacecraft** (`anglesf*` of 22772 agrees to 1e-6 arcsec).

Between rows the curve is the cubic with the positions and velocities of both ends (Hermite): leaving out every second
row of a real orbit it misses by 0.01 m (164 m at perigee), a straight line by 1.3 km (68 km).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ciaopy.coords.aspect import Stack, stack_names
from ciaopy.coords.geometry import FloatArray
from ciaopy.errors import DataError, NoDataError
from ciaopy.kernels import moving as kernels

if TYPE_CHECKING:
    from ciaopy.datamodel import Workspace
    from ciaopy.fits import Block, Header, Table

__all__ = ["AU_M", "EARTH_RADIUS_M", "Ephemeris"]

# IAU 2012 resolution B2.
AU_M = 149597870700.0
# Polar radius of the Earth (WGS 84) less its highest error margin: nothing that is observed, or observes, is below.
EARTH_RADIUS_M = 6.35e6
# Chandra's apogee is about 1.5e8 m; the Moon, the nearest object, stays beyond 3.5e8 m.
HIGHEST_ORBIT_M = 3.0e8
# An interval of more than so many usual ones is a gap: the cubic's error grows with its fourth power.
GAP_STEPS = 3.5
POSITIONS, VELOCITIES = ("x", "y", "z"), ("vx", "vy", "vz")
_LENGTHS = {"": 1.0, "m": 1.0, "km": 1e3, "au": AU_M}
_SPEEDS = {"": 1.0, "m/s": 1.0, "km/s": 1e3, "au/d": AU_M / 86400.0, "au/day": AU_M / 86400.0}
_GEOCENTRIC_FRAMES = ("", "FK5", "ICRS", "J2000", "GCRS")


@dataclass(frozen=True)
class Ephemeris:
    """Position and velocity of a body against time, geocentric equatorial.

    Attributes
    ----------
    knots : ndarray, shape (n, 7), float64
        Time [s, of the events' clock], position [m], velocity [m/s]; times increase strictly.
    until : ndarray, shape (n,), float64
        Last time, inclusive, at which the piece that begins at a knot holds; the knot itself before a gap.
    geometric : bool
        The positions are those at the time stamp (PLEPHEM begins with JPL-DE); else apparent ones.
    content : str
        CONTENT of the (first) file.
    sources : tuple of str
        File names, for messages.
    headers : tuple of Header
        Header of each file's table.
    unitless : bool
        A column of some file has no unit: m and m/s were taken.
    """

    knots: FloatArray
    until: FloatArray
    geometric: bool = False
    content: str = ""
    sources: tuple[str, ...] = ()
    headers: tuple[Header, ...] = field(default=(), repr=False, compare=False)
    unitless: bool = False

    @classmethod
    def read(cls, stack: Stack, ws: Workspace, what: str) -> Ephemeris:
        """Read a stack of files; joined in time, later files before earlier ones.

        Parameters
        ----------
        stack : str, Path or iterable
            `a.fits`, `a.fits,b.fits`, `@list`; virtual files.
        ws : Workspace
        what : str
            The parameter that named them, for messages.

        Raises
        ------
        NoDataError
            No file is named.
        DataError
            A file is not an ephemeris, see `from_tables`.
        """
        names = stack_names(stack)
        if not names:
            raise NoDataError(f"{what}: no ephemeris file given")
        return cls.from_tables([(name, _ephemeris_block(name, ws)) for name in names])

    @classmethod
    def from_tables(cls, tables: Iterable[tuple[str, Table]]) -> Ephemeris:
        """Make an ephemeris of (name, table) pairs; where they overlap, the later one counts.

        Raises
        ------
        DataError
            Columns are missing or of unknown units, fewer than two rows, values that are not finite, times that do not
            increase, velocities that are not the derivatives of the positions, another frame of coordinates; files
            that do not go together.
        """
        parts = [_checked(name, table) for name, table in tables]
        if not parts:
            raise NoDataError("ephemeris: no file given")
        _check_together(parts)
        joined = parts[0]
        for later in parts[1:]:
            joined = _joined(joined, later)
        return joined

    @property
    def name(self) -> str:
        """The file names, for messages."""
        return ", ".join(self.sources) or "ephemeris"

    @property
    def time(self) -> FloatArray:
        """Times of the rows, s."""
        return self.knots[:, 0]

    @property
    def span(self) -> tuple[float, float]:
        """First and last time, s."""
        return float(self.knots[0, 0]), float(self.knots[-1, 0])

    def at(self, times: ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Return position [m] and velocity [m/s], shape (n, 3), at times [s]; NaN outside and in gaps."""
        t = np.ascontiguousarray(times, np.float64).ravel()
        value, rate = np.empty((t.size, 3)), np.empty((t.size, 3))
        kernels.curve_at(t, self.knots, self.until, value, rate)
        return value, rate

    def covers(self, times: ArrayLike) -> NDArray[np.bool_]:
        """Tell for each time, s, whether the ephemeris has a position there."""
        t = np.asarray(times, np.float64)
        k = np.searchsorted(self.time, t, side="right") - 1
        return np.asarray((k >= 0) & (t <= self.until[np.maximum(k, 0)]))

    def shifted(self, seconds: float) -> Ephemeris:
        """Return the same with `seconds` added to all times."""
        if not seconds:
            return self
        knots = self.knots.copy()
        knots[:, 0] += seconds
        return replace(self, knots=knots, until=self.until + seconds)

    def check_spacecraft(self) -> None:
        """Refuse what cannot be the orbit of Chandra.

        Raises
        ------
        DataError
            Another body's file, or distances from the Earth's centre that no orbit has.
        """
        if self.content.startswith(("SOLAREPHEM", "LUNAREPHEM", "SSOEPHEM")):
            raise DataError(f"{self.name}: CONTENT={self.content}: not the orbit of the spacecraft; {_EXCHANGED}")
        radius = np.linalg.norm(self.knots[:, 1:4], axis=1)
        if radius.max() > HIGHEST_ORBIT_M:
            raise DataError(
                f"{self.name}: not the orbit of the spacecraft: it reaches {radius.max() / 1e3:.6g} km from the Earth; "
                f"{_EXCHANGED}"
            )
        if radius.min() < EARTH_RADIUS_M:
            raise DataError(
                f"{self.name}: the spacecraft would be {radius.min() / 1e3:.6g} km from the Earth's centre, below the "
                "surface; check the file and the units of its columns (TUNIT)"
            )

    def check_object(self) -> None:
        """Refuse what cannot be an object of the solar system.

        Raises
        ------
        DataError
            It is the orbit of the spacecraft, or lies below the Earth's surface.
        """
        if self.content.startswith("ORBITEPHEM"):
            raise DataError(
                f"{self.name}: CONTENT={self.content}: the orbit of the spacecraft, no object; {_EXCHANGED}"
            )
        radius = np.linalg.norm(self.knots[:, 1:4], axis=1)
        if radius.min() < EARTH_RADIUS_M:
            raise DataError(
                f"{self.name}: the object would be {radius.min() / 1e3:.6g} km from the Earth's centre, below the "
                "surface; check the file and the units of its columns (TUNIT)"
            )


_EXCHANGED = "scephemfile takes orbitf*eph1.fits, ssoephemfile the object's"


def _ephemeris_block(name: str, ws: Workspace) -> Table:
    """Return the table of a file that holds the ephemeris: the block asked for, or the first with the columns.

    Raises
    ------
    DataError
        There is none.
    """
    from ciaopy.datamodel import parse
    from ciaopy.fits import Table

    vfile = parse(name)
    blocks: list[Block] = list(ws.dataset(name)) if vfile.is_plain and vfile.block is None else [ws.read(name)]
    tables = [b for b in blocks if isinstance(b, Table)]
    found = next((t for t in tables if all(c in t for c in ("time", *POSITIONS))), None)
    if found is not None:
        return found
    seen = "; ".join(f"{t.name}: {', '.join(t.names)}" for t in tables) or "no table"
    raise DataError(f"{name}: not an ephemeris: no block has the columns Time, X, Y, Z; it has {seen[:300]}")


def _checked(name: str, table: Table) -> Ephemeris:
    """Return one file's rows, or say what is wrong with it."""
    header = table.header
    _check_frame(name, header)
    present = [c for c in VELOCITIES if c in table]
    if present and len(present) < 3:
        raise DataError(f"{name}: velocities are not complete: block {table.name} has only {', '.join(present)}")
    lengths = [_numbers(name, table, c, _LENGTHS, "a length: m, km, AU") for c in POSITIONS]
    time = _numbers(name, table, "time", {"": 1.0, "s": 1.0, "sec": 1.0}, "seconds")
    if time.size < 2:
        raise DataError(f"{name}: {time.size} rows: an ephemeris needs two at least")
    back = np.flatnonzero(~(np.diff(time) > 0))
    if back.size:
        raise DataError(
            f"{name}: times do not increase: row {back[0] + 2} has {time[back[0] + 1]!r} after {time[back[0]]!r} s; "
            "sort the table, and keep one row for each time"
        )
    knots = np.column_stack([time, *lengths, np.zeros((time.size, 3))])
    until = _until(time)
    if present:
        knots[:, 4:] = np.column_stack([_numbers(name, table, c, _SPEEDS, "a speed: m/s, km/s") for c in VELOCITIES])
        _check_velocities(name, knots, until)
    else:
        _fill_velocities(knots, until)
    units = [table.column(c).unit.strip() for c in (*POSITIONS, *present)]
    return Ephemeris(
        np.ascontiguousarray(knots),
        until,
        geometric=str(header.get("PLEPHEM", "")).strip().upper().startswith("JPL-DE"),
        content=str(header.get("CONTENT", "")).strip().upper(),
        sources=(name,),
        headers=(header,),
        unitless=not all(units),
    )


def _check_frame(name: str, header: Header) -> None:
    frame = str(header.get("RADECSYS") or header.get("RADESYS") or "").strip().upper()
    equinox = header.get("EQUINOX", 2000.0)
    if frame not in _GEOCENTRIC_FRAMES or (isinstance(equinox, int | float) and abs(equinox - 2000.0) > 1e-6):
        raise DataError(
            f"{name}: RADECSYS={frame or 'blank'}, EQUINOX={equinox}: vectors are needed in FK5 (J2000) or ICRS; "
            "convert the file first"
        )


def _numbers(name: str, table: Table, column: str, units: dict[str, float], needs: str) -> FloatArray:
    """Return a column in SI units.

    Raises
    ------
    DataError
        No numbers, a unit that is not known, values that are not finite.
    """
    found = table.column(column)
    data: NDArray[Any] = np.asarray(found.values)
    if data.ndim != 1 or data.dtype.kind not in "fiu":
        raise DataError(f"{name}: column {found.name} is not a plain number column; is it an ephemeris?")
    unit = found.unit.strip().lower().replace(" ", "").replace("**", "^")
    unit = {"ms^-1": "m/s", "ms-1": "m/s", "kms^-1": "km/s", "kms-1": "km/s", "meter": "m", "metre": "m"}.get(
        unit, unit
    )
    if unit not in units:
        raise DataError(f"{name}: column {found.name} has the unit {found.unit!r}, not {needs}; correct TUNIT")
    values = data.astype(np.float64) * units[unit]
    bad = np.flatnonzero(~np.isfinite(values))
    if bad.size:
        raise DataError(
            f"{name}: {bad.size} of {values.size} rows have no finite {found.name} (first: row {bad[0] + 1}); "
            "repair or drop them"
        )
    return np.ascontiguousarray(values)


def _until(time: FloatArray) -> FloatArray:
    """Return until when each piece holds: the next row, or the row itself before a gap and at the end."""
    step = np.diff(time)
    gap = step > GAP_STEPS * np.median(step)
    return np.append(np.where(gap, time[:-1], time[1:]), time[-1])


def _check_velocities(name: str, knots: FloatArray, until: FloatArray) -> None:
    """Refuse velocities that are not the derivatives of the positions: other units, or another frame.

    Raises
    ------
    DataError
    """
    whole = until[:-1] >= knots[1:, 0]
    if not whole.any():
        return
    moved = np.linalg.norm((np.diff(knots[:, 1:4], axis=0) / np.diff(knots[:, :1], axis=0))[whole], axis=1)
    change = np.diff(knots[:, 1:4], axis=0) / np.diff(knots[:, :1], axis=0)
    mean = (knots[1:, 4:] + knots[:-1, 4:]) / 2
    off = np.linalg.norm((change - mean)[whole], axis=1)
    speed = np.maximum(moved, np.linalg.norm(mean[whole], axis=1))
    if np.median(off) > 0.1 * np.median(speed) + 1.0:
        raise DataError(
            f"{name}: the velocities are not the change of the positions (median {np.median(moved):.6g} m/s from the "
            f"positions, {np.median(np.linalg.norm(mean[whole], axis=1)):.6g} m/s as given); check the units (TUNIT)"
        )


def _fill_velocities(knots: FloatArray, until: FloatArray) -> None:
    """Set the velocities to those of the cubic spline through the positions, in place; gaps are not spanned."""
    ends = [0, *(np.flatnonzero(until[:-1] < knots[1:, 0]) + 1).tolist(), len(knots)]
    for first, stop in pairwise(ends):
        slope = np.empty((stop - first, 3))
        time, value = (np.ascontiguousarray(knots[first:stop, c]) for c in (0, slice(1, 4)))
        kernels.spline_slopes(time, value, slope)
        knots[first:stop, 4:] = slope


def _check_together(parts: list[Ephemeris]) -> None:
    """Refuse files of different bodies, kinds or clocks.

    Raises
    ------
    DataError
    """
    from ciaopy.datamodel import require_one_time

    first = parts[0]
    require_one_time([(p.name, p.headers[0]) for p in parts])
    for other in parts[1:]:
        if other.geometric != first.geometric:
            one, two = (p.name for p in sorted((first, other), key=lambda p: p.geometric))
            raise DataError(
                f"{two} has true positions (PLEPHEM), {one} apparent ones: they cannot be joined; give one kind"
            )
        if first.content and other.content and other.content != first.content:
            raise DataError(
                f"{other.name} (CONTENT={other.content}) and {first.name} (CONTENT={first.content}) are of different "
                "bodies or kinds; give files of one"
            )


def _joined(first: Ephemeris, later: Ephemeris) -> Ephemeris:
    """Return both in one: rows of the first at times that the later one covers are dropped."""
    keep = ~later.covers(first.time)
    knots = np.concatenate([first.knots[keep], later.knots])
    until = np.concatenate([first.until[keep], later.until])
    order = np.argsort(knots[:, 0], kind="stable")
    knots, until = np.ascontiguousarray(knots[order]), until[order]
    steps = np.diff(knots[:, 0])
    usual = np.concatenate([np.full(int(keep.sum()), _usual(first)), np.full(len(later.knots), _usual(later))])[order]
    # a piece holds to the next row: its own file's, or the other's where that begins within the usual distance
    reach = GAP_STEPS * np.maximum(usual[:-1], usual[1:])
    until[:-1] = np.where(steps <= reach, knots[1:, 0], knots[:-1, 0])
    until[-1] = knots[-1, 0]
    return replace(
        first,
        knots=knots,
        until=until,
        sources=first.sources + later.sources,
        headers=first.headers + later.headers,
        unitless=first.unitless or later.unitless,
    )


def _usual(ephemeris: Ephemeris) -> float:
    """Return the usual time between rows, s."""
    return float(np.median(np.diff(ephemeris.time)))
