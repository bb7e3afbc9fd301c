"""The aspect solution: where the telescope looked, record by record.

ASPSOL, ASPSOLOBI and OBCSOL files have the same columns: time, ra, dec, roll, dy, dz, dtheta (q_att is not needed).

**An aspect solution is a step function.** Record k holds for t_k <= t < t_(k+1), without interpolation: for ACIS shown
by event pairs of ObsID 28229 that fall in one record or across two, and by ObsID 754 (scatter 0.0011 pixel); for HRC
by ObsIDs 2886 and 5095 (0.0008 and 0.0017 pixel). Linear interpolation costs 0.02 pixel rms (ACIS).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ciaopy.coords.attitude import Attitude
from ciaopy.coords.geometry import FloatArray
from ciaopy.coords.tangent import SkyFrame
from ciaopy.errors import DataError, NoDataError
from ciaopy.kernels import coords as kernels
from ciaopy.messages import enumerated

if TYPE_CHECKING:
    from ciaopy.datamodel import Gti, Workspace
    from ciaopy.fits import Header, Table

COLUMNS = ("time", "ra", "dec", "roll", "dy", "dz", "dtheta")
#: Degrees: RA and roll may be wrapped either way; whatever is larger is damage.
_LARGEST = {"ra": 720.0, "dec": 90.0, "roll": 720.0}
# Event times are rounded: a record counts as begun this long before its time stamp (s). ObsIDs 28229 and 754.
TIME_SLACK = 5e-6
# A record does not hold across a gap longer than this (s). Dither moves the image by up to 0.05 arcsec per second.
MAX_GAP = 10.0

Stack: TypeAlias = str | Path | Iterable[str | Path]


@dataclass(frozen=True)
class AspectSolution:
    """Records of one or several aspect files, in order of time.

    Attributes
    ----------
    time : ndarray, shape (n,), float64
        Start of each record, s (MET), strictly increasing.
    ra, dec, roll : ndarray, shape (n,), float64
        Degrees.
    dy, dz : ndarray, shape (n,), float64
        mm.
    dtheta : ndarray, shape (n,), float64
        Degrees.
    content : tuple of str
        CONTENT of each file: ASPSOL, ASPSOLOBI, OBCSOL.
    headers : tuple of Header
        Header of each file's table.
    sources : tuple of str
        Names of the files, for messages.
    """

    time: FloatArray
    ra: FloatArray
    dec: FloatArray
    roll: FloatArray
    dy: FloatArray
    dz: FloatArray
    dtheta: FloatArray
    content: tuple[str, ...] = ()
    headers: tuple[Header, ...] = ()
    sources: tuple[str, ...] = ()
    until: FloatArray = field(init=False, repr=False, compare=False)
    _cache: dict[tuple[float, float], FloatArray] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "until", _validity(self.time, self.step))
        object.__setattr__(self, "_cache", {})

    @classmethod
    def read(cls, stack: Stack, ws: Workspace | None = None) -> AspectSolution:
        """Read a stack of aspect files (`a.fits`, `a.fits,b.fits`, `@list`, virtual files, or a list of these).

        Raises
        ------
        DataError
            A file is not an aspect solution: columns missing, NaN in a record, CONTENT of another product.
        NoDataError
            No file is named, or the files hold no record.
        """
        from ciaopy.datamodel import read
        from ciaopy.fits import Table

        names = stack_names(stack)
        if not names:
            raise NoDataError("no aspect solution file given; set asolfile (or aspect) to the asol1 files")
        tables = []
        for name in names:
            block = read(name, ws)
            if not isinstance(block, Table):
                raise DataError(f"{name}: an image, not an aspect solution; give the asol1 file")
            tables.append((name, block))
        return cls.from_tables(tables)

    @classmethod
    def from_tables(cls, tables: Iterable[tuple[str, Table]]) -> AspectSolution:
        """Make the solution from (name, table) pairs: checked, joined, in order of time, repeated times dropped.

        Raises
        ------
        NoDataError
            There are no records.
        """
        parts, content, headers, sources = [], [], [], []
        for name, table in tables:
            parts.append(_checked(table, name))
            content.append(str(table.header.get("CONTENT", "")).strip().upper())
            headers.append(table.header)
            sources.append(name)
        values = {c: np.concatenate([p[c] for p in parts]) if parts else np.empty(0) for c in COLUMNS}
        if not values["time"].size:
            raise NoDataError(
                f"{', '.join(sources) or 'aspect solution'}: no aspect records; check the files and filters"
            )
        order = np.argsort(values["time"], kind="stable")
        order = order[np.concatenate([[True], np.diff(values["time"][order]) > 0])]
        arrays = {c: np.ascontiguousarray(v[order]) for c, v in values.items()}
        return cls(**arrays, content=tuple(content), headers=tuple(headers), sources=tuple(sources))

    def __len__(self) -> int:
        return int(self.time.size)

    @property
    def step(self) -> float:
        """Usual time between records, s (median; 0 for a single record)."""
        return float(np.median(np.diff(self.time))) if self.time.size > 1 else 0.0

    @property
    def name(self) -> str:
        """The file names, for messages."""
        return ", ".join(self.sources) or "aspect solution"

    @property
    def gaps(self) -> FloatArray:
        """Gaps that no record covers, shape (m, 2): start and stop, s."""
        if self.time.size < 2:
            return np.empty((0, 2))
        hole = self.until[:-1] < self.time[1:]
        return np.stack([self.until[:-1][hole], self.time[1:][hole]], axis=-1)

    def index(self, times: ArrayLike) -> NDArray[np.int64]:
        """Return the record in force at each time: the last with time <= t + 5e-6 s; -1 outside and in gaps.

        Parameters
        ----------
        times : array_like, shape (n,)
            s (MET).

        Returns
        -------
        ndarray, shape (n,), int64
        """
        t = np.ascontiguousarray(times, np.float64)
        out = np.empty(t.size, np.int64)
        kernels.record_index(t.ravel(), self.time, self.until, TIME_SLACK, out)
        return out.reshape(t.shape)

    def at(self, times: ArrayLike, interpolate: bool = False) -> Attitude:
        """Return the attitude at each time; NaN outside the solution and in its gaps.

        Parameters
        ----------
        times : array_like, shape (n,)
            s (MET).
        interpolate : bool
            False: the record in force, as CIAO does. True: linear between records, through 0/360 degrees and across the
            pole the short way (RA times cos(Dec) and roll are not kept apart: each angle is taken on its own).

        Returns
        -------
        Attitude
            Arrays of the shape of `times`. Count the events without attitude by ``np.isnan(result.ra)``.
        """
        index = self.index(times)
        outside = index < 0
        safe = np.where(outside, 0, index)
        values = {}
        for name in COLUMNS[1:]:
            column: FloatArray = getattr(self, name)
            v = column[safe]
            if interpolate:
                v = self._between(column, np.asarray(times, np.float64), safe, circular=name in ("ra", "roll"))
            values[name] = np.where(outside, np.nan, v)
        return Attitude(**values)

    def _between(self, column: FloatArray, t: FloatArray, k: NDArray[np.int64], circular: bool) -> FloatArray:
        follow = np.minimum(k + 1, self.time.size - 1)
        width = self.time[follow] - self.time[k]
        part = np.where(width > 0, (t - self.time[k]) / np.where(width > 0, width, 1.0), 0.0)
        rise = column[follow] - column[k]
        if not circular:
            return np.asarray(column[k] + part * rise)
        rise = (rise + 180.0) % 360.0 - 180.0
        return np.asarray((column[k] + part * rise) % 360.0)

    def records(self, frame: SkyFrame) -> FloatArray:
        """Return the kernel records of every aspect record for a frame, shape (n, 13), computed once per frame."""
        key = (frame.ra_nom, frame.dec_nom)
        if key not in self._cache:
            attitude = Attitude(self.ra, self.dec, self.roll, self.dy, self.dz, self.dtheta)
            self._cache[key] = attitude.records(*key)
        return self._cache[key]

    def attitudes(self) -> Attitude:
        """Return every record as an attitude."""
        return Attitude(self.ra, self.dec, self.roll, self.dy, self.dz, self.dtheta)

    def select(self, keep: NDArray[np.bool_]) -> AspectSolution:
        """Return the records of a mask, shape (n,).

        Raises
        ------
        NoDataError
            None is left.
        """
        if not keep.any():
            raise NoDataError(
                f"{self.name}: no aspect record is left; the solution does not overlap the times asked for"
            )
        return replace(self, **{c: getattr(self, c)[keep] for c in COLUMNS})

    def filter(self, gti: Gti) -> AspectSolution:
        """Return the records whose time lies in the good time intervals."""
        return self.select(gti.filter(self.time))

    def between(self, start: float, stop: float) -> AspectSolution:
        """Return the records with start <= time <= stop, s."""
        return self.select((self.time >= start) & (self.time <= stop))

    def overlaps(self, start: float, stop: float) -> bool:
        """True if a record holds at some time of [start, stop], s."""
        return bool(np.any((self.time <= stop) & (self.until > start)))

    def mean(self) -> Attitude:
        """Return the mean attitude: of directions for ra and dec, on the circle for roll, plain for dy, dz, dtheta."""
        a, d, r = np.deg2rad(self.ra), np.deg2rad(self.dec), np.deg2rad(self.roll)
        x, y, z = (float(np.mean(v)) for v in (np.cos(d) * np.cos(a), np.cos(d) * np.sin(a), np.sin(d)))
        return Attitude.of(
            np.rad2deg(np.arctan2(y, x)) % 360.0,
            np.rad2deg(np.arctan2(z, np.hypot(x, y))),
            np.rad2deg(np.arctan2(np.mean(np.sin(r)), np.mean(np.cos(r)))) % 360.0,
            *(np.mean(v, dtype=np.float64) for v in (self.dy, self.dz, self.dtheta)),
        )


def stack_names(stack: Stack) -> list[str]:
    """Return the file names of a stack given as text (`@list`, commas) or as a list of names."""
    if isinstance(stack, Path):
        return [str(stack)]
    if not isinstance(stack, str):
        return [name for item in stack for name in stack_names(item)]
    if stack.strip().lower() in ("", "none"):
        return []
    from ciaopy import stack as stacks

    return [str(name) for name in stacks.build(stack)]


def _validity(time: FloatArray, step: float) -> FloatArray:
    """Return until when each record holds: the next one's start, at most MAX_GAP; the last, one step."""
    if not time.size:
        return np.empty(0)
    last = time[-1] + max(step, TIME_SLACK)
    return np.append(np.minimum(time[1:], time[:-1] + MAX_GAP), last)


def _checked(table: Table, name: str) -> dict[str, FloatArray]:
    """Return the columns of one aspect table as float64, or say what is wrong with it."""
    missing = [c for c in COLUMNS if c not in table]
    if missing:
        seen = enumerated(table.names)
        raise DataError(
            f"{name}: not an aspect solution: block {table.name} lacks {', '.join(missing)}; "
            f"it has {seen or 'no columns'}"
        )
    table = _with_the_object(table)
    values = {}
    for c in COLUMNS:
        data = np.asarray(table[c])
        if data.ndim != 1 or data.dtype.kind not in "fiu":
            raise DataError(f"{name}: column {c} is not a plain number column; is it an aspect solution?")
        values[c] = np.ascontiguousarray(data, np.float64)
        limit = _LARGEST.get(c, np.inf)
        finite = np.isfinite(values[c])
        good = finite & (np.abs(values[c]) <= limit)
        if not good.all():
            what, span = ("possible", f"-{limit:g}:{limit:g}") if finite.all() else ("finite", ":")
            count = f"{np.count_nonzero(~good)} of {data.size} records"
            raise DataError(f"{name}: {count} have no {what} {c}; drop them with a filter such as [{c}={span}]")
    return values


def _with_the_object(table: Table) -> Table:
    """Return the table; of an aspect in a moving object's frame (block ocsol) the records at which its place is known.

    sso_freeze writes NaN for the others.
    """
    if table.name.lower() != "ocsol" or "oc_ra" not in table:
        return table
    known = ~np.isnan(np.asarray(table["oc_ra"], np.float64))
    return table if known.all() else table.take(known)
