"""Positions of events: the whole chain, in one pass over rows, from chip to TDET, DET and SKY."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ciaopy.coords.aspect import TIME_SLACK, AspectSolution, Stack, stack_names
from ciaopy.coords.attitude import Attitude
from ciaopy.coords.focalplane import FocalPlane
from ciaopy.coords.geometry import FloatArray, Geometry
from ciaopy.coords.tangent import SkyFrame
from ciaopy.errors import DataError, NoDataError
from ciaopy.kernels import coords as kernels
from ciaopy.kernels import map_blocks
from ciaopy.messages import enumerated

if TYPE_CHECKING:
    from ciaopy.datamodel import Workspace
    from ciaopy.fits import Table

__all__ = ["EventPositions", "EventTransform", "acis_event_positions", "event_positions"]


@dataclass(frozen=True)
class EventPositions:
    """Positions of n events, float64.

    Attributes
    ----------
    tdetx, tdety : ndarray, shape (n,)
        Tiled detector pixels, whole numbers, from the integer chip position.
    detx, dety : ndarray, shape (n,)
        DET pixels.
    x, y : ndarray, shape (n,), or None
        SKY pixels; None without an aspect solution.
    outside : int
        Events at times without aspect record: their DET, X and Y are NaN.
    """

    tdetx: FloatArray
    tdety: FloatArray
    detx: FloatArray
    dety: FloatArray
    x: FloatArray | None
    y: FloatArray | None
    outside: int


class EventTransform:
    """CHIP to SKY for one observation: tables made once, then used on any number of row blocks from any thread.

    Parameters
    ----------
    plane : FocalPlane
        The detector at its SIM position.
    frame : SkyFrame
        Tangent point.
    aspect : AspectSolution or Attitude
        The solution; or one attitude that holds at all times.
    """

    def __init__(self, plane: FocalPlane, frame: SkyFrame, aspect: AspectSolution | Attitude) -> None:
        self.plane, self.frame, self.aspect = plane, frame, aspect
        if isinstance(aspect, AspectSolution):
            self._start, self._until = aspect.time, aspect.until
            self._records = aspect.records(frame)
        else:
            if aspect.size != 1:
                raise ValueError("a transform takes an aspect solution or one attitude")
            self._start, self._until = np.array([-np.inf]), np.array([np.inf])
            self._records = aspect.records(frame.ra_nom, frame.dec_nom)
        self._tdet = plane.detector.tdet_table()

    def __call__(
        self,
        time: ArrayLike,
        chip_id: ArrayLike,
        chipx: ArrayLike,
        chipy: ArrayLike,
        integer: tuple[ArrayLike, ArrayLike] | None = None,
    ) -> EventPositions:
        """Return the positions of a block of events.

        Parameters
        ----------
        time : array_like, shape (n,)
            s (MET): ACIS mid-frame times, HRC event times.
        chip_id : array_like of int, shape (n,)
        chipx, chipy : array_like, shape (n,)
            Chip pixels, sub-pixel shift or randomisation already added.
        integer : (chipx, chipy), optional
            The whole pixels of the event file, for TDET; default: `chipx`, `chipy` rounded to the nearest.
        """
        t = np.ascontiguousarray(time, np.float64)
        out = np.empty((6, t.size))
        outside = self._fill(out, t, chip_id, chipx, chipy, integer)
        return _positions(out, outside)

    def _fill(
        self,
        out: FloatArray,
        time: FloatArray,
        chip_id: ArrayLike,
        chipx: ArrayLike,
        chipy: ArrayLike,
        integer: tuple[ArrayLike, ArrayLike] | None,
    ) -> int:
        """Fill the rows tdetx, tdety, detx, dety, x, y of `out`; return the number of events without record."""
        ids = np.ascontiguousarray(chip_id, np.int64)
        x, y = (np.ascontiguousarray(v, np.float64) for v in (chipx, chipy))
        if not time.shape == ids.shape == x.shape == y.shape or time.ndim != 1:
            raise ValueError("time, chip_id, chipx, chipy must be 1-D arrays of one length")
        index = np.empty(time.size, np.int64)
        outside = kernels.record_index(time, self._start, self._until, TIME_SLACK, index)
        kernels.chip_to_sky(ids, x, y, index, self.plane.chips, self._records, self.plane.optics, *out[2:])
        whole = (np.floor(x + 0.5), np.floor(y + 0.5)) if integer is None else integer
        wx, wy = (np.ascontiguousarray(v, np.float64) for v in whole)
        kernels.chip_to_tdet(ids, wx, wy, self._tdet, *out[:2])
        return int(outside)

    def chip_of_det(
        self, time: ArrayLike, chip_id: ArrayLike, detx: ArrayLike, dety: ArrayLike
    ) -> tuple[FloatArray, FloatArray]:
        """Return the chip positions, float64, shape (n,), of DET positions, through the attitude in force.

        The inverse of the DET part of the transformation; positions off the chip are extrapolated, those without
        attitude are NaN.

        Parameters
        ----------
        time : array_like, shape (n,)
            s (MET).
        chip_id : array_like of int, shape (n,)
            The chip of each event.
        detx, dety : array_like, shape (n,)

        Raises
        ------
        ValueError
            The arrays are not of one length.
        """
        t = np.ascontiguousarray(time, np.float64)
        ids = np.ascontiguousarray(chip_id, np.int64)
        x, y = (np.ascontiguousarray(v, np.float64) for v in (detx, dety))
        if not t.shape == ids.shape == x.shape == y.shape or t.ndim != 1:
            raise ValueError("time, chip_id, detx, dety must be 1-D arrays of one length")
        index, found = np.empty(t.size, np.int64), np.empty(t.size, np.int64)
        chipx, chipy = np.empty(t.size), np.empty(t.size)
        kernels.record_index(t, self._start, self._until, TIME_SLACK, index)
        plane = self.plane
        kernels.det_to_chip(
            *(x, y, ids, index, plane.chips, plane.sizes, self._records, plane.optics), found, chipx, chipy
        )
        return chipx, chipy

    def all(
        self, time: ArrayLike, chip_id: ArrayLike, chipx: ArrayLike, chipy: ArrayLike, nproc: int | None = 1
    ) -> EventPositions:
        """Return the positions of any number of events, in row blocks over `nproc` threads (None: all CPUs).

        Raises
        ------
        ValueError
            The arrays are not of one length.
        """
        t = np.ascontiguousarray(time, np.float64)
        ids, x, y = (np.asarray(v) for v in (chip_id, chipx, chipy))
        if not t.shape == ids.shape == x.shape == y.shape or t.ndim != 1:
            raise ValueError("time, chip_id, chipx, chipy must be 1-D arrays of one length")
        out = np.empty((6, t.size))

        def task(rows: slice) -> int:
            return self._fill(out[:, rows], t[rows], ids[rows], x[rows], y[rows], None)

        return _positions(out, sum(map_blocks(task, t.size, nproc)))


def _positions(rows: FloatArray, outside: int) -> EventPositions:
    return EventPositions(rows[0], rows[1], rows[2], rows[3], rows[4], rows[5], outside)


def acis_event_positions(
    time: ArrayLike,
    ccd_id: ArrayLike,
    chipx: ArrayLike,
    chipy: ArrayLike,
    transform: EventTransform,
    integer: tuple[ArrayLike, ArrayLike] | None = None,
) -> EventPositions:
    """Return TDET, DET and SKY of a row block of ACIS events; thread-safe.

    `transform` is made once per observation, by
    ``EventTransform(FocalPlane.from_header(header), SkyFrame.from_header(header), aspect)``.
    See `EventTransform.__call__` for the arrays.
    """
    return transform(time, ccd_id, chipx, chipy, integer)


def event_positions(
    evtfile: str | Path | Table,
    asolfile: Stack | AspectSolution | None = None,
    ws: Workspace | None = None,
    geometry: Geometry | None = None,
) -> EventPositions:
    """Return TDET, DET and, with an aspect solution, SKY of each event's integer chip position.

    Parameters
    ----------
    evtfile : str, Path or Table
        Event file (virtual files allowed): columns chipx, chipy, ccd_id or chip_id, and time with an aspect solution;
        keywords INSTRUME, DETNAM, SIM_X, SIM_Y, SIM_Z, RA_NOM, DEC_NOM.
    asolfile : stack of str or Path, or AspectSolution, optional
        Aspect solution. Without it DET takes the header's mean offsets DY_AVG, DZ_AVG, DTH_AVG and x, y are None.
    ws : Workspace, optional
        Where to read; warnings go to its console.
    geometry : Geometry, optional
        Default: the embedded one.

    Returns
    -------
    EventPositions
        Arrays of shape (n,), float64, in row order. Events at times that no aspect record covers are NaN and counted in
        `outside`, and in a warning if `ws` is given. An unknown chip number gives NaN.

    Raises
    ------
    DataError
        A column or keyword is missing, the detector is unknown, the aspect file is unusable.
    NoDataError
        The aspect solution covers no event.
    """
    table, name = _event_table(evtfile, ws)
    plane = FocalPlane.from_header(table.header, geometry, name)
    ids, chipx, chipy = _chip_columns(table, plane, name)
    if asolfile is None or (not isinstance(asolfile, AspectSolution) and not stack_names(asolfile)):
        offsets = Attitude.from_header(dict(table.header) | {"RA_PNT": 0.0, "DEC_PNT": 0.0, "ROLL_PNT": 0.0}, name)
        frame = SkyFrame(0.0, 0.0, 0.0, plane.detector)
        positions = EventTransform(plane, frame, offsets).all(np.zeros(ids.size), ids, chipx, chipy)
        return replace(positions, x=None, y=None)
    frame = SkyFrame.from_header(table.header, geometry, name)
    aspect = asolfile if isinstance(asolfile, AspectSolution) else AspectSolution.read(asolfile, ws)
    time = _column(table, "time", name)
    positions = EventTransform(plane, frame, aspect).all(time, ids, chipx, chipy, None if ws is None else ws.nproc)
    if time.size and positions.outside == time.size:
        raise NoDataError(
            f"{name}: no event falls in the aspect solution {aspect.name} "
            f"(events {np.nanmin(time):.2f}..{np.nanmax(time):.2f} s, "
            f"aspect {aspect.time[0]:.2f}..{aspect.until[-1]:.2f} s); give the asol file of this observation"
        )
    if positions.outside and ws is not None:
        ws.console.warn(
            f"{name}: {positions.outside} of {time.size} events at times without aspect solution have no position"
        )
    return positions


def _event_table(evtfile: str | Path | Table, ws: Workspace | None) -> tuple[Table, str]:
    from ciaopy.fits import Table

    if isinstance(evtfile, Table):
        return evtfile, evtfile.name
    from ciaopy.datamodel import read

    block = read(str(evtfile), ws)
    if not isinstance(block, Table):
        raise DataError(f"{evtfile}: an image, not an event table; give the event file")
    return block, str(evtfile)


def _chip_columns(table: Table, plane: FocalPlane, name: str) -> tuple[NDArray[np.int64], FloatArray, FloatArray]:
    """Return chip ids and integer chip positions of an event table."""
    id_column = plane.detector.id_column
    if id_column not in table and len(plane.detector.chips) == 1:
        ids = np.full(table.nrows, plane.detector.chips[0].id, np.int64)
    else:
        ids = _column(table, id_column, name).astype(np.int64)
    return ids, _column(table, "chipx", name), _column(table, "chipy", name)


def _column(table: Table, column: str, name: str) -> FloatArray:
    if column not in table:
        raise DataError(f"{name}: block {table.name} has no column {column}; it has {enumerated(table.names)}")
    return np.ascontiguousarray(table[column], np.float64)
