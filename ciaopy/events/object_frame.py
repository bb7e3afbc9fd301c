"""Event positions and aspect in the frame of a moving object: the columns ocx, ocy, PathLength, and the block ocsol."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ciaopy.coords import (
    Attitude,
    FloatArray,
    ObjectTrack,
    matrix_quaternion,
    object_centred,
    object_centred_attitudes,
    tangent_axes,
)
from ciaopy.coords import attitude_matrix as body_axes
from ciaopy.datamodel import TangentTransform, columns_wcs, vector_columns
from ciaopy.errors import DataError
from ciaopy.fits import Array, Column, Table, Vector
from ciaopy.kernels import map_blocks

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ASPECT_BLOCK", "OBJECT_COLUMNS", "Frozen", "ObjectFrame", "object_aspect", "sky_plane"]

#: Columns that an object's frame adds to events.
OBJECT_COLUMNS = ("ocx", "ocy", "PathLength")
#: Name of the block with an aspect solution in an object's frame.
ASPECT_BLOCK = "ocsol"
# Keywords of x, y that do not hold for ocx, ocy.
_OWN = frozenset({"TNULL", "TDIM", "TDISP", "TSCAL", "TZERO", "TDMIN", "TDMAX"})


def sky_plane(table: Table, where: str) -> tuple[tuple[str, str], TangentTransform]:
    """Return the names of x, y of events (lower case) and their tangent plane.

    Raises
    ------
    DataError
        There is none, or not a plain one; the times or the units are not those of Chandra events.
    """
    header = table.header
    instrument = str(header.get("INSTRUME", "")).strip().upper()
    if instrument not in ("ACIS", "HRC"):
        raise DataError(f"{where}: INSTRUME={instrument or 'blank'}: events of ACIS or HRC are needed")
    pair = vector_columns(table, "sky") or ("x", "y")
    missing = [c for c in ("time", *pair) if c not in table]
    if missing:
        raise DataError(f"{where}: block {table.name} has no column {', '.join(missing)}; give an event file")
    for name, allowed in (("time", ("", "s", "sec")), (pair[0], ("", "pixel", "pix")), (pair[1], ("", "pixel", "pix"))):
        column = table.column(name)
        if column.unit.strip().lower() not in allowed:
            raise DataError(f"{where}: column {column.name} has the unit {column.unit!r}, not {allowed[1]}")
    if str(header.get("TIMEREF", "")).strip().upper().startswith("SOLAR") or header.get("TIMESYS") == "TDB":
        raise DataError(
            f"{where}: its times are corrected to the Sun (TIMEREF, TIMESYS); ephemerides hold for those at the "
            "spacecraft: use the events as they were before axbary"
        )
    wcs = columns_wcs(table, pair)
    if not isinstance(wcs, TangentTransform):
        raise DataError(
            f"{where}: {', '.join(pair)} of block {table.name} have no plain tangent plane (RA---TAN, DEC--TAN, ICRS)"
        )
    return pair, wcs


@dataclass
class Frozen:
    """What came of the events, gathered block by block.

    Attributes
    ----------
    rows, outside : int
        Events, and those at times without ephemeris.
    first, last : float
        Times of the first and last event with a position, s; infinite where there is none.
    lost_first, lost_last : float
        The same for the others.
    low, high : ndarray, shape (2,), float64
        Range of ocx, ocy, pixels.
    """

    rows: int = 0
    outside: int = 0
    first: float = np.inf
    last: float = -np.inf
    lost_first: float = np.inf
    lost_last: float = -np.inf
    low: FloatArray = field(default_factory=lambda: np.full(2, np.inf))
    high: FloatArray = field(default_factory=lambda: np.full(2, -np.inf))

    def add(self, other: Frozen) -> None:
        """Take in the results of further rows."""
        self.rows += other.rows
        self.outside += other.outside
        self.first, self.last = min(self.first, other.first), max(self.last, other.last)
        self.lost_first, self.lost_last = min(self.lost_first, other.lost_first), max(self.lost_last, other.lost_last)
        self.low, self.high = np.minimum(self.low, other.low), np.maximum(self.high, other.high)


@dataclass(frozen=True)
class ObjectFrame:
    """The frame of an object for one event table.

    Attributes
    ----------
    track : ObjectTrack
        In the clock of the events.
    pair : tuple of str
        Columns x, y, lower case.
    sky : TangentTransform
        Of these columns.
    scale : float
        km per pixel; 0: angular.
    """

    track: ObjectTrack
    pair: tuple[str, str]
    sky: TangentTransform
    scale: float = 0.0

    @property
    def plane(self) -> FloatArray:
        """The plane of x, y as the kernel takes it, shape (13,)."""
        step = np.radians(self.sky.step)
        return np.concatenate([self.sky.crpix, step, tangent_axes(*self.sky.crval).ravel()])

    def positions(self, rows: Mapping[str, Array]) -> tuple[tuple[FloatArray, FloatArray, FloatArray], Frozen]:
        """Return ocx, ocy [pixel] and PathLength [km] of rows with the columns time and x, y; and what came of them."""
        time = np.ascontiguousarray(rows["time"], np.float64)
        x, y = (np.ascontiguousarray(rows[c], np.float64) for c in self.pair)
        ocx, ocy, length, outside = object_centred(self.track, time, x, y, self.plane, self.scale)
        made = Frozen(time.size, outside)
        if outside:
            lost = time[np.isnan(length)]
            made.lost_first, made.lost_last = float(np.fmin.reduce(lost)), float(np.fmax.reduce(lost))
            time = time[~np.isnan(length)]
        if time.size:
            made.first, made.last = float(time.min()), float(time.max())
            with np.errstate(invalid="ignore"):
                ends = [(np.fmin.reduce(v), np.fmax.reduce(v)) for v in (ocx, ocy)]
            made.low = np.array([a if np.isfinite(a) else np.inf for a, _ in ends])
            made.high = np.array([b if np.isfinite(b) else -np.inf for _, b in ends])
        return (ocx, ocy, length), made

    def table_positions(self, table: Table, nproc: int) -> tuple[tuple[FloatArray, FloatArray, FloatArray], Frozen]:
        """Return the same for a table in memory, row block by row block."""
        columns = {c: table.column(c) for c in ("time", *self.pair)}
        result = tuple(np.empty(table.nrows) for _ in OBJECT_COLUMNS)

        def task(rows: slice) -> Frozen:
            part = {n: replace(c, data=c.data[rows]).values for n, c in columns.items()}
            made, found = self.positions(part)
            for whole, values in zip(result, made, strict=True):
                whole[rows] = values
            return found

        total = Frozen()
        for found in map_blocks(task, table.nrows, nproc):
            total.add(found)
        return (result[0], result[1], result[2]), total

    def add_columns(self, table: Table, values: tuple[Array, Array, Array] | None = None) -> None:
        """Add the columns and the vector `oc` behind all others, in place; without values for no rows."""
        empty = np.empty(0)
        for i, name in enumerate(OBJECT_COLUMNS):
            data = empty if values is None else values[i]
            table.columns[name.lower()] = Column(name, data, "D", "km", "Distance from Chandra to the object")
        for i, (name, source) in enumerate(zip(OBJECT_COLUMNS[:2], self.pair, strict=True)):
            column = table.columns[name]
            column.unit = "pixel"
            column.comment = f"object-centred sky {'xy'[i]}"
            column.keys = self._keys(table.column(source), i)
        table.vectors = [*table.vectors, Vector("oc", OBJECT_COLUMNS[:2])]

    def _keys(self, source: Column, axis: int) -> dict[str, tuple[Any, str]]:
        keys = {k: v for k, v in source.keys.items() if k not in _OWN and "_" not in k}
        if not self.scale:
            return keys
        known = {k: keys[k] for k in ("TLMIN", "TLMAX", "TDBIN") if k in keys}
        step = self.scale * float(np.sign(self.sky.step[axis]))
        words = {"TCTYP": "LINEAR", "TCRVL": 0.0, "TCRPX": self.sky.crpix[axis], "TCDLT": step, "TCUNI": "km"}
        return known | {k: (v, "") for k, v in words.items()}


def object_aspect(table: Table, track: ObjectTrack, tangent: tuple[float, float]) -> Table:
    """Return an aspect solution in the object's frame, as a block `ocsol`.

    Parameters
    ----------
    table : Table
        The aspect solution, in order of time; not modified. Its angles are those of the sky.
    track : ObjectTrack
    tangent : tuple of float
        RA and Dec of the tangent point of the events, degrees.

    Returns
    -------
    Table
        Columns and header of the aspect solution; ra, dec, roll, q_att in the object's frame (NaN where its place is
        not known), and oc_ra, oc_dec [deg], PathLength [km].
    """
    from ciaopy.datamodel import renamed

    time = np.asarray(table["time"], np.float64)
    old = Attitude.of(table["ra"], table["dec"], table["roll"], table["dy"], table["dz"], table["dtheta"])
    new = object_centred_attitudes(track, time, old, tangent)
    made = renamed(table, ASPECT_BLOCK)
    assert isinstance(made, Table)
    made = Table(made.name, dict(made.columns), made.header, list(made.vectors), list(made.companions))
    made.header["OC_RANOM"] = (tangent[0], "[deg] RA at which the object is held")
    made.header["OC_DENOM"] = (tangent[1], "[deg] Dec at which the object is held")
    for name, values in (("ra", new.ra), ("dec", new.dec), ("roll", new.roll)):
        made.columns[name] = replace(made.column(name).with_data(values), form="D")
    if "q_att" in made:
        q = matrix_quaternion(body_axes(new.ra, new.dec, new.roll))
        # a quaternion and its negative are one attitude: the sign of the file is kept
        flip = np.sum(q * np.asarray(table["q_att"], np.float64), axis=1) < 0
        made.columns["q_att"] = replace(made.column("q_att").with_data(np.where(flip[:, None], -q, q)), form="4D")
    ra, dec, length = track.directions(time)
    for name, values, unit, text in (
        ("oc_ra", ra, "deg", "RA of the object seen from Chandra"),
        ("oc_dec", dec, "deg", "Dec of the object seen from Chandra"),
        ("PathLength", length, "km", "Distance from Chandra to the object"),
    ):
        made.columns[name.lower()] = Column(name, np.asarray(values), "D", unit, text)
    return made
