"""Select events of a list: what becomes of good times, frames and headers, and one pass over the rows."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from ciaopy.datamodel import Gti
from ciaopy.errors import DataError, NoDataError, UserError
from ciaopy.fits import Column as FitsColumn
from ciaopy.fits import Image, Table, TableWriter
from ciaopy.xmm.conditions import selected_ccds, simple_filters, time_condition
from ciaopy.xmm.evaluate import Column, select
from ciaopy.xmm.eventlist import EventList, ccd_of, read_gti
from ciaopy.xmm.expressions import Selection, parse_selection
from ciaopy.xmm.images import Grid
from ciaopy.xmm.times import central_ccd

if TYPE_CHECKING:
    from astropy.io.fits import Header

__all__ = ["Curve", "Plan", "Sink", "image_block", "plan_selection", "rate_block", "run_selection"]

MAX_CCD = 17


class Sink(Protocol):
    """Something that takes selected rows, block by block."""

    def add(self, table: Table, mask: NDArray[np.bool_]) -> None:
        """Take the rows of a mask."""


@dataclass(frozen=True)
class Plan:
    """A selection of an event list, with what follows from it before a row is read.

    Attributes
    ----------
    events : EventList
    selection : Selection
    files : dict
        Good times of the files that the expression names.
    condition : Gti or None
        Common condition on time; None where the expression has none or exposures are not updated.
    gtis : dict of int to Gti
        Good times of each CCD afterwards.
    header : astropy.io.fits.Header
        Header of EVENTS afterwards.
    blocks : tuple of blocks
        Tables that follow the events.
    gti_tables : tuple of Table
        Tables of good times that go with an image.
    """

    events: EventList
    selection: Selection
    files: dict[str, Gti]
    condition: Gti | None
    gtis: dict[int, Gti]
    header: Header
    blocks: tuple[Table | Image, ...]
    gti_tables: tuple[Table, ...] = field(default=())

    @property
    def ontime(self) -> dict[int, float]:
        """ONTIMEnn afterwards, s."""
        found = {}
        for ccd in range(1, MAX_CCD + 1):
            value = self.header.get(f"ONTIME{ccd:02d}")
            if isinstance(value, (int, float)):
                found[ccd] = float(value)
        return found or {ccd: gti.duration for ccd, gti in self.gtis.items()}


def plan_selection(
    events: EventList,
    expression: str,
    *,
    update: bool = True,
    filter_frames: bool = True,
    subspace: bool = True,
    files: Mapping[str, Gti] | None = None,
) -> Plan:
    """Parse an expression for an event list and work out times, frames and headers.

    Parameters
    ----------
    events : EventList
    expression : str
    update : bool
        Update ONTIME, LIVETIME and good times (updateexposure).
    filter_frames : bool
        Keep in EXPOSUnn only the frames within the good times (filterexposure).
    subspace : bool
        Add simple conditions to the data subspace (writedss).
    files : mapping of str to Gti, optional
        Good times under the names that the expression has for them; others are read from files.

    Raises
    ------
    ExpressionError, UserError
        The expression cannot be read, names a column that is not there, or mixes time with others.
    DataError
        A good time file or what the list should hold is not as needed.
    NoDataError
        No good time is left.
    """
    selection = parse_selection(expression, events.header, events.instrument)
    _check_columns(events, selection.columns)
    known = files or {}
    gti_files = {name: known[name] if name in known else read_gti(name, events) for name in selection.files}
    condition = time_condition(selection, gti_files) if update or filter_frames else None
    gtis = dict(events.gtis)
    header = events.header.copy()
    space = type(events.subspace).from_header(header)
    blocks, tables = list(events.others), _gti_tables(events)
    if condition is not None:
        _check_times(events)
        gtis = {ccd: gti & condition for ccd, gti in events.gtis.items()}
        if not any(len(g) for g in gtis.values()):
            raise NoDataError(f"{events.path}: no good time left: the condition on time does not meet the good times")
        if update:
            new_names = space.set_gtis(gtis)
            tables = [_gti_table(events, new_names[ccd], ccd, gtis[ccd]) for ccd in sorted(gtis)]
            blocks = _with_tables(blocks, tables)
            _write_times(header, events, gtis)
        if filter_frames:
            blocks = [_kept_frames(b, gtis) for b in blocks]
    if subspace:
        for item in simple_filters(selection):
            space.add(item.column, item.value, item.form)
    space.to_header(header)
    header["SLCTEXPR"] = (selection.text, "Filtering expression used by xmm_evselect")
    return Plan(events, selection, gti_files, condition, gtis, header, tuple(blocks), tuple(tables))


def _check_columns(events: EventList, columns: Iterable[str]) -> None:
    missing = [c for c in columns if c not in events.template]
    if missing:
        names = ", ".join(events.template.names)
        raise UserError(f"{events.path}: no column {missing[0].upper()} in EVENTS; it has {names}")


def _check_times(events: EventList) -> None:
    if not events.gtis:
        raise DataError(
            f"{events.path}: no good times (STDGTInn or data subspace), so that a condition on time cannot update the "
            f"exposure; set updateexposure=no filterexposure=no"
        )
    without = [ccd for ccd in events.gtis if ccd not in events.frames and len(events.gtis[ccd])]
    if without:
        raise DataError(
            f"{events.path}: no table EXPOSU{without[0]:02d}, so that the live time of CCD {without[0]} cannot be "
            f"told; set updateexposure=no filterexposure=no"
        )


def _gti_tables(events: EventList) -> list[Table]:
    """Return the tables with the good times in force."""
    named = events.subspace.gti_names() or {ccd: f"STDGTI{ccd:02d}" for ccd in sorted(events.gtis)}
    found = (events.table(name) for name in dict.fromkeys(named.values()))
    return [t for t in found if t is not None]


def _gti_table(events: EventList, name: str, ccd: int, gti: Gti) -> Table:
    """Return the table of the good times of one CCD."""
    from ciaopy.fits import new_header

    header = new_header()
    header["EXTNAME"] = (name, "name of this table")
    header["CCDID"] = (ccd, "CCD ID")
    for key, value in (("HDUCLASS", "OGIP"), ("HDUCLAS1", "GTI"), ("HDUCLAS2", "STANDARD")):
        header[key] = value
    header["ONTIME"] = (gti.duration, "[s] sum of all Good Time Intervals")
    if len(gti):
        header["TSTART"] = (float(gti.start[0]), "[s] Lower bound of first GTI")
        header["TSTOP"] = (float(gti.stop[-1]), "[s] Upper bound of last GTI")
    for key in ("TIMEUNIT", "TIMESYS", "MJDREF", "TIMEREF", "TASSIGN", "TIMEZERO", "CLOCKAPP"):
        if key in events.header:
            header[key] = (events.header[key], events.header.comments[key])
    columns = [FitsColumn(n, np.array(v), "D", "s") for n, v in (("START", gti.start), ("STOP", gti.stop))]
    return Table(name, {c.name.lower(): c for c in columns}, header)


def _with_tables(blocks: list[Table | Image], tables: list[Table]) -> list[Table | Image]:
    """Replace blocks of the same names, and add those that are new at the end."""
    new = {t.name.upper(): t for t in tables}
    kept: list[Table | Image] = [new.pop(b.name.upper(), b) for b in blocks]
    return kept + list(new.values())


def _kept_frames(block: Table | Image, gtis: dict[int, Gti]) -> Table | Image:
    name = block.name.upper()
    if not isinstance(block, Table) or not (name.startswith("EXPOSU") and name[6:].isdecimal()):
        return block
    gti = gtis.get(int(name[6:]))
    return block if gti is None else block.take(gti.filter(block["TIME"]))


def _write_times(header: Header, events: EventList, gtis: dict[int, Gti]) -> None:
    ontime = {ccd: gti.duration for ccd, gti in gtis.items()}
    live = {ccd: events.frames[ccd].live_time(gti) if ccd in events.frames else 0.0 for ccd, gti in gtis.items()}
    for ccd in sorted(gtis):
        header[f"ONTIME{ccd:02d}"] = (ontime[ccd], "Sum of GTIs for a particular CCD")
        header[f"LIVETI{ccd:02d}"] = (live[ccd], "Live time for a particular CCD")
    centre = central_ccd(events.instrument, ontime)
    header["ONTIME"] = (ontime[centre], f"Sum of GTIs for CCD {centre}")
    header["LIVETIME"] = (live[centre], f"Live time for CCD {centre}")


class _ListSink:
    """Writes the rows of a mask to a table that is being written."""

    def __init__(self, writer: TableWriter) -> None:
        self.writer = writer

    def add(self, table: Table, mask: NDArray[np.bool_]) -> None:
        self.writer.append(table.take(mask))


class Curve:
    """Counts in bins of time, filled block by block.

    Parameters
    ----------
    column : str
        Name of the time column.
    start, size : float
        Lower edge of the first bin, and bin size, s.
    count : int
    """

    def __init__(self, column: str, start: float, size: float, count: int) -> None:
        self.column, self.start, self.size = column, start, size
        self.counts = np.zeros(count, dtype=np.int64)

    @classmethod
    def over(cls, events: EventList, column: str, size: float) -> Curve:
        """Return the empty curve from TSTART to TSTOP of the list (else its good times).

        Raises
        ------
        UserError, DataError
            The bin size is impossible, or the list tells no times.
        """
        if not (math.isfinite(size) and size > 0):
            raise UserError(f"timebinsize={size}: must be above 0")
        start, stop = events.header.get("TSTART"), events.header.get("TSTOP")
        if not isinstance(start, float) or not isinstance(stop, float) or stop <= start:
            gti = events.central_gti()
            if not len(gti):
                raise DataError(f"{events.path}: neither TSTART and TSTOP nor good times")
            start, stop = float(gti.start[0]), float(gti.stop[-1])
        count = math.ceil((stop - start) / size)
        if count > 1 << 27:
            raise UserError(f"timebinsize={size}: {count} bins are too many")
        return cls(column, start, size, count)

    def add(self, table: Table, mask: NDArray[np.bool_]) -> None:
        """Count the rows of a mask."""
        from ciaopy.kernels.binning import add_counts, axis_index, new_index

        index = new_index(len(mask), mask)
        axis_index(table[self.column], self.start, self.size, len(self.counts), 1, index)
        add_counts(self.counts, index)


def run_selection(
    plan: Plan,
    sinks: Iterable[Sink],
    columns: Sequence[str] = (),
    outfile: str | Path | None = None,
    clobber: bool = False,
    primary: Image | None = None,
) -> int:
    """Go once over the events and hand the selected rows to every sink; return how many were selected.

    Parameters
    ----------
    plan : Plan
    sinks : iterable of Sink
        Images, light curves.
    columns : sequence of str
        Columns that the sinks need. With `outfile` all are read.
    outfile : path, optional
        Write the selected rows, with the tables of the plan, under this name.
    clobber : bool
    primary : Image, optional
        Primary HDU of `outfile`; default: the list's own.

    Raises
    ------
    DataError
        Selected events lie on a CCD without good times while the exposure is to be updated.
    """
    takers = list(sinks)
    seen = np.zeros(256, dtype=np.int64)
    total = 0
    with ExitStack() as stack:
        if outfile is not None:
            template = Table("EVENTS", plan.events.template.columns, plan.header, plan.events.template.vectors)
            first = primary if primary is not None else plan.events.primary
            writer = stack.enter_context(TableWriter(outfile, template, clobber, before=[first]))
            writer.after = list(plan.blocks)
            takers.append(_ListSink(writer))
            wanted = None
        else:
            names = [*plan.selection.columns, *columns]
            if plan.condition is not None and "ccdnr" in plan.events.template:
                names.append("ccdnr")
            wanted = list(dict.fromkeys(n.lower() for n in names)) or list(plan.events.template.columns)[:1]
        for table in plan.events.rows(wanted):
            mask = select(plan.selection, _columns_of(table), plan.files)
            total += int(np.count_nonzero(mask))
            if plan.condition is not None and "ccdnr" in table:
                seen += np.bincount(table["ccdnr"][mask], minlength=256)[:256]
            for sink in takers:
                sink.add(table, mask)
        if plan.condition is not None:
            _check_ccds(plan, seen)
    return total


def _check_ccds(plan: Plan, seen: NDArray[np.int64]) -> None:
    numbers = {int(n) for n in ccd_of(np.flatnonzero(seen), plan.events.instrument)}
    lost = sorted(numbers - set(plan.gtis))
    if lost:
        raise DataError(
            f"{plan.events.path}: CCD {lost[0]} has events and no good times; leave it out (CCDNR != {lost[0]}), or "
            f"set updateexposure=no filterexposure=no"
        )


def _columns_of(table: Table) -> dict[str, Column]:
    return {name: Column(c.data, c.key("TNULL")) for name, c in table.columns.items()}


_NOT_OF_IMAGES = ("EXTNAME", "HDUNAME", "EXTVER", "EXTLEVEL")


def image_block(plan: Plan, grid: Grid, kind: str) -> Image:
    """Return the image of a grid with its header and the good times of the list.

    Parameters
    ----------
    plan : Plan
    grid : Grid
        Filled.
    kind : str
        Real64, Real32 or Int32.
    """
    dtype = {"Real64": np.float64, "Real32": np.float32, "Int32": np.int32}[kind]
    header = plan.header.copy()
    for key in [k for k in header if k in _NOT_OF_IMAGES or k.startswith("XMMEA_")]:
        header.remove(key, ignore_missing=True, remove_all=True)
    grid.write_keywords(header)
    header["HDUCLASS"], header["HDUCLAS1"], header["HDUCLAS2"] = "OGIP", "IMAGE", "TOTAL"
    ontime = plan.ontime
    ccds = selected_ccds(plan.selection)
    used = {c: t for c, t in ontime.items() if ccds is None or c in ccds}
    if used:
        header["EXPOSURE"] = (max(used.values()), "max of ONTIMEnn values")
    return Image("PRIMARY", grid.counts.astype(dtype), header, list(plan.gti_tables))


def rate_block(plan: Plan, curve: Curve, as_rate: bool) -> Table:
    """Return the table RATE of a light curve: TIME is the middle of a bin; rates are not corrected for exposure."""
    middle = curve.start + (np.arange(len(curve.counts)) + 0.5) * curve.size
    error = np.sqrt(curve.counts.astype(np.float64))
    if as_rate:
        named = [("RATE", curve.counts / curve.size, "count/s"), ("ERROR", error / curve.size, "count/s")]
    else:
        named = [("COUNTS", curve.counts.astype(np.float64), "count"), ("ERROR", error, "count")]
    columns = [FitsColumn("TIME", middle, "D", "s"), *(FitsColumn(n, v, "D", u) for n, v, u in named)]
    header = plan.header.copy()
    header["EXTNAME"] = ("RATE", "name of this table")
    header["HDUCLASS"], header["HDUCLAS1"], header["HDUCLAS2"] = "OGIP", "LIGHTCURVE", "TOTAL"
    header["TIMEDEL"] = (curve.size, "[s] bin size")
    header["TSTART"], header["TSTOP"] = curve.start, curve.start + curve.size * len(curve.counts)
    return Table("RATE", {c.name.lower(): c for c in columns}, header, [], list(plan.gti_tables))
