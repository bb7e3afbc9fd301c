"""Join event lists of one camera into one list: sub-exposures of an observation, or parts of one exposure."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from ciaopy.coords import TangentPlane
from ciaopy.datamodel import Gti
from ciaopy.errors import DataError, UserError
from ciaopy.fits import Column, Dataset, Image, Table, open_fits
from ciaopy.xmm.eventlist import EventList
from ciaopy.xmm.subspace import Subspace
from ciaopy.xmm.times import central_ccd

if TYPE_CHECKING:
    from astropy.io.fits import Header

__all__ = ["merge_lists"]

Warn = Callable[[str], None]
# Tangent points nearer than this are the same, degrees.
SAME_PLANE = 1e-9
_EXPOSURE_TABLE = re.compile(r"(EXPOSU|STDGTI|BADPIX)(\d\d)$")


def merge_lists(lists: Sequence[EventList], warn: Warn) -> Dataset:
    """Return the merged list: events by time (ties in the order of the lists), exposures added CCD by CCD.

    Parameters
    ----------
    lists : sequence of EventList
        Two or more, of one camera.
    warn : callable
        Takes a message.

    Raises
    ------
    UserError
        The lists are of different cameras, or their exposures overlap in time.
    DataError
        Their columns differ.
    """
    _check(lists, warn)
    first = lists[0]
    gtis = _joined_gtis(lists)
    header = _merged_header(lists, gtis)
    space = Subspace.from_header(header)
    names = space.set_gtis(gtis) if gtis else {}
    space.to_header(header)
    events = _merged_events(lists, header)
    blocks: list[Table | Image] = [first.primary, events, *_merged_tables(lists, header)]
    old = set(first.subspace.gti_names().values())
    blocks = [b for b in blocks if b.name not in old]
    for ccd in sorted(gtis):
        table = _template_gti(lists, names[ccd])
        blocks.append(_with_times(table, names[ccd], ccd, gtis[ccd]))
    return Dataset(blocks)


def _check(lists: Sequence[EventList], warn: Warn) -> None:
    first = lists[0]
    for other in lists[1:]:
        if other.instrument != first.instrument:
            raise UserError(
                f"{first.path} is of {first.instrument}, {other.path} of {other.instrument}; only lists of one camera "
                f"can be merged"
            )
        if list(other.template.columns) != list(first.template.columns):
            raise DataError(
                f"{first.path} has the columns {', '.join(first.template.names)}, {other.path} has "
                f"{', '.join(other.template.names)}; they must be the same"
            )
        for key in ("FILTER", "SUBMODE"):
            one, two = (str(e.header.get(key, "")).strip() for e in (first, other))
            if one != two:
                warn(f"{key} is {one} in {first.path.name} and {two} in {other.path.name}; the first is kept")
        if len(first.subspace.filters) != len(other.subspace.filters):
            warn(
                f"{other.path.name}: selected otherwise than {first.path.name}; the merged subspace tells of the first"
            )
    for early, late in combinations(lists, 2):
        for ccd in sorted(set(early.gtis) & set(late.gtis)):
            common = (early.gtis[ccd] & late.gtis[ccd]).duration
            if common > 0:
                raise UserError(
                    f"{early.path} and {late.path}: {common:.1f} s of CCD {ccd} are in both; exposures that "
                    f"overlap in time cannot be merged"
                )


def _joined_gtis(lists: Sequence[EventList]) -> dict[int, Gti]:
    ccds = sorted({ccd for e in lists for ccd in e.gtis})
    return {ccd: Gti.union([e.gtis[ccd] for e in lists if ccd in e.gtis]) for ccd in ccds}


def _sum_of(lists: Sequence[EventList], key: str) -> float | None:
    values = [e.header[key] for e in lists if isinstance(e.header.get(key), (int, float))]
    return float(sum(values)) if values else None


def _merged_header(lists: Sequence[EventList], gtis: dict[int, Gti]) -> Header:
    header = lists[0].header.copy()
    ontime: dict[int, float] = {}
    live: dict[int, float] = {}
    for ccd in range(1, 18):
        for stem, comment, found in (
            ("ONTIME", "Sum of GTIs for a particular CCD", ontime),
            ("LIVETI", "Live time for a particular CCD", live),
        ):
            total = _sum_of(lists, f"{stem}{ccd:02d}")
            if total is not None:
                header[f"{stem}{ccd:02d}"] = (total, comment)
                found[ccd] = total
    if ontime:
        centre = central_ccd(lists[0].instrument, ontime)
        header["ONTIME"] = (ontime[centre], f"Sum of GTIs for CCD {centre}")
        if centre in live:
            header["LIVETIME"] = (live[centre], f"Live time for CCD {centre}")
    for key, choose in (("TSTART", min), ("TSTOP", max), ("DATE-OBS", min), ("DATE-END", max)):
        values = [e.header[key] for e in lists if key in e.header]
        if values:
            header[key] = choose(values)
    exposures = [e.exposure for e in lists]
    for number, name in enumerate(exposures, 1):
        header[f"EXPID{number:03d}"] = (name, "exposure that was merged")
    if len(set(exposures)) > 1:
        header["EXPIDSTR"] = ("ALL", "several exposures, see EXPIDnnn")
    return header


def _merged_events(lists: Sequence[EventList], header: Header) -> Table:
    tables = []
    for events in lists:
        with open_fits(events.path) as file:
            table = file.read("EVENTS")
        assert isinstance(table, Table)
        tables.append(_on_plane(table, lists[0], events))
    columns: dict[str, Column] = {}
    time = np.concatenate([t["TIME"] for t in tables])
    order = np.argsort(time, kind="stable")
    for name, column in lists[0].template.columns.items():
        columns[name] = column.with_data(np.concatenate([t.columns[name].data for t in tables])[order])
    return Table("EVENTS", columns, header, lists[0].template.vectors)


def _plane(events: EventList) -> TangentPlane | None:
    keys = ("REFXCRVL", "REFYCRVL", "REFXCRPX", "REFYCRPX", "REFYCDLT")
    if any(k not in events.header for k in keys):
        return None
    return TangentPlane(*(float(events.header[k]) for k in keys))


def _on_plane(table: Table, first: EventList, own: EventList) -> Table:
    """Return the events with X, Y on the tangent plane of the first list."""
    here, there = _plane(own), _plane(first)
    if here is None or there is None or "x" not in table or "y" not in table:
        return table
    same = abs(here.ra - there.ra) < SAME_PLANE and abs(here.dec - there.dec) < SAME_PLANE
    if same and (here.x0, here.y0, here.scale) == (there.x0, there.y0, there.scale):
        return table
    x, y = there.world_to_pixel(*here.pixel_to_world(table["x"].astype(np.float64), table["y"].astype(np.float64)))
    result = table.take(slice(None))
    for name, values in (("x", x), ("y", y)):
        column = table.column(name)
        null = column.key("TNULL")
        whole = column.data.dtype.kind in "iu"
        moved = np.rint(values).astype(column.data.dtype) if whole else values.astype(column.data.dtype)
        if null is not None:
            moved = np.where(column.data == null, column.data, moved)
        result[name] = np.ascontiguousarray(moved)
    return result


def _merged_tables(lists: Sequence[EventList], header: Header) -> list[Table | Image]:
    """Return the tables beside the events: frames and times joined, bad pixels united, the rest of the first list."""
    names = list(dict.fromkeys(b.name for e in lists for b in e.others))
    merged: list[Table | Image] = []
    for name in names:
        found = [b for e in lists for b in e.others if b.name == name]
        match = _EXPOSURE_TABLE.fullmatch(name)
        tables = [b for b in found if isinstance(b, Table)]
        if match is None or len(tables) < 2:
            merged.append(found[0])
        elif match[1] == "EXPOSU":
            merged.append(_by_time(tables))
        elif match[1] == "STDGTI":
            gti = Gti.union([Gti.from_table(t) for t in tables])
            merged.append(_with_times(tables[0], name, int(match[2]), gti))
        else:
            merged.append(_united(tables, header))
    return merged


def _stacked(tables: Sequence[Table]) -> dict[str, Column]:
    return {
        name: column.with_data(np.concatenate([t[name] for t in tables])) for name, column in tables[0].columns.items()
    }


def _by_time(tables: Sequence[Table]) -> Table:
    joined = Table(tables[0].name, _stacked(tables), tables[0].header)
    return joined.take(np.argsort(joined["TIME"], kind="stable"))


def _united(tables: Sequence[Table], header: Header) -> Table:
    """Return all bad pixels once; HISTORY says if one is bad in one exposure only."""
    columns = _stacked(tables)
    rows = np.stack([np.asarray(c.data, np.int64) for c in columns.values()], axis=1)
    unique, first, counts = np.unique(rows, axis=0, return_index=True, return_counts=True)
    if len(unique) and (counts < len(tables)).any():
        header.add_history(
            f"{tables[0].name}: {int((counts < len(tables)).sum())} pixels are bad in some exposures only"
        )
    return Table(tables[0].name, columns, tables[0].header).take(np.sort(first))


def _template_gti(lists: Sequence[EventList], name: str) -> Table | None:
    return next((t for t in (e.table(name) for e in lists) if t is not None), None)


def _with_times(like: Table | None, name: str, ccd: int, gti: Gti) -> Table:
    """Return a table of good times, with the header of an earlier one where there is one."""
    from ciaopy.fits import new_header

    header: Any = like.header.copy() if like is not None else new_header()
    header["EXTNAME"] = (name, "name of this table")
    header["CCDID"] = (ccd, "CCD ID")
    header["HDUCLASS"], header["HDUCLAS1"] = "OGIP", "GTI"
    header["ONTIME"] = (gti.duration, "[s] sum of all Good Time Intervals")
    if len(gti):
        header["TSTART"], header["TSTOP"] = float(gti.start[0]), float(gti.stop[-1])
    columns = [Column(n, np.array(v), "D", "s") for n, v in (("START", gti.start), ("STOP", gti.stop))]
    return Table(name, {c.name.lower(): c for c in columns}, header)
