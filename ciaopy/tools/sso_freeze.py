"""Follow a solar-system object: event positions relative to it, and the aspect solution in its frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ciaopy.datamodel.syntax import file_of, parse
from ciaopy.errors import DataError, NoDataError, ParameterError, UserError
from ciaopy.events import FrozenEvents, object_aspect
from ciaopy.fits import Block, Dataset, Table, TableWriter
from ciaopy.response import check_same_obsid, obsid
from ciaopy.tools.dmmerge import lookup_rules

if TYPE_CHECKING:
    from types import TracebackType

    from ciaopy.coords import Ephemeris, ObjectTrack
    from ciaopy.datamodel import OpenFile, Selection, Workspace
    from ciaopy.fits import Header
    from ciaopy.param import ParameterSet

# Tables of at least so many rows go from file to file without being held in memory.
STREAM_ROWS = 100_000


def run(par: ParameterSet, ws: Workspace) -> int:
    """Add ocx, ocy and PathLength to the events of `infile`; returns the number of events.

    In ocx, ocy the object stands at the reference pixel of x, y. `scale` 0: pixels are angles as those of x, y; else
    km per pixel at the object. Several event files give one table; x, y of those with another tangent point are carried
    to that of the first. `asolfile` and `ocsolfile` (both or neither): an aspect solution in the object's frame.

    Raises
    ------
    UserError, DataError
        Parameters or files are not as they should be, see `ciaopy.coords.Ephemeris` and `ciaopy.events.sky_plane`; the
        events have the columns already, or none lies within the ephemerides.
    """
    job = _Job.of(par, ws)
    made = [_freeze_one(job)] if len(job.infiles) == 1 else _freeze_several(job)
    for one in made:
        for text in one.warnings():
            ws.console.warn(text, 0)
    if _is_stream(job.logfile):
        for one in made:
            for line in one.places(job.title):
                ws.console.say(line, 1)
    rows = sum(one.found.rows for one in made)
    ws.console.say(f"{job.outfile}: {rows} events", 1)
    return rows


@dataclass
class _Job:
    """What the parameters ask for, checked before any work."""

    par: ParameterSet
    ws: Workspace
    infiles: list[str]
    outfile: str
    scale: float
    spacecraft: Ephemeris
    body: Ephemeris
    asolfiles: list[str]
    ocsolfile: str
    logfile: str
    rules: dict[str, str] | None

    @classmethod
    def of(cls, par: ParameterSet, ws: Workspace) -> _Job:
        """Check parameters and outputs, and read the ephemerides.

        Raises
        ------
        UserError, DataError
        """
        from ciaopy.coords import Ephemeris

        infiles, orbit, body = (_stack(par, n) for n in ("infile", "scephemfile", "ssoephemfile"))
        aspect = _stack(par, "asolfile", needed=False)
        outfile, ocsol, log = par["outfile"].strip(), _given(par["ocsolfile"]), _given(par["logfile"])
        scale = float(par["scale"] or 0.0)
        _check_choices(scale, aspect, ocsol)
        outputs = [outfile, *(n for n in (ocsol, "" if _is_stream(log) else log) if n)]
        if len({Path(file_of(n)).absolute() for n in outputs}) < len(outputs):
            raise UserError("outfile, ocsolfile and logfile are to be different files")
        for name in outputs:
            ws.check_output(name, par["clobber"], (*infiles, *orbit, *body, *aspect))
        rules = lookup_rules(str(par["lookuptab"] or ""))
        spacecraft, target = Ephemeris.read(orbit, ws, "scephemfile"), Ephemeris.read(body, ws, "ssoephemfile")
        job = cls(par, ws, infiles, outfile, scale, spacecraft, target, aspect, ocsol, log, rules)
        for one in (spacecraft, target):
            if one.unitless:
                ws.console.warn(
                    f"{one.name}: columns without unit (TUNIT): positions are taken in m, velocities in m/s", 0
                )
        ws.console.say(f"{target.name}: {job.light}", 1)
        return job

    @property
    def light(self) -> str:
        """What is done about the time of light, for the user."""
        if self.body.geometric:
            return "true positions (PLEPHEM): the time that light takes is taken out"
        return "taken as apparent positions (no PLEPHEM=JPL-DE...): no time of light is taken out"

    @property
    def title(self) -> str:
        """Names the ephemerides, for the log."""
        orbit, body = (_base_names(e.sources) for e in (self.spacecraft, self.body))
        return f"object      {body}: {self.light}\nspacecraft  {orbit}"

    def track(self, name: str, header: Header) -> ObjectTrack:
        """Return the way of the object in the clock of an event file.

        Raises
        ------
        DataError
            Their times do not count alike.
        """
        from ciaopy.coords import ObjectTrack

        spacecraft, body = (_in_clock(e, name, header) for e in (self.spacecraft, self.body))
        zero = header.get("MJDREF")
        return ObjectTrack.of(spacecraft, body, float(zero) if isinstance(zero, int | float) else 50814.0)

    def note(self, header: Header) -> None:
        """Write into a header what is known before the events are read, in place; the object's place as zeros."""
        header["SSOEPHEM"] = (_base_names(self.body.sources), "ephemeris of the object")
        header["SCEPHEM"] = (_base_names(self.spacecraft.sources), "ephemeris of the spacecraft")
        for key in ("OC_RA", "OC_DEC", "OC_DIST"):
            header[key] = (0.0, "")
        header["OC_LTCOR"] = (self.body.geometric, "time of light taken out?")
        header["OC_SCALE"] = (self.scale, "[km/pixel] scale of ocx, ocy; 0: angular")


def _check_choices(scale: float, aspect: list[str], ocsol: str) -> None:
    """Refuse values that do not go together.

    Raises
    ------
    ParameterError
    """
    if not (scale >= 0 and np.isfinite(scale)):
        raise ParameterError(f"scale={scale:g}: give km per pixel, or 0 for angles")
    if bool(aspect) != bool(ocsol):
        raise ParameterError(
            "asolfile and ocsolfile: give both, for an aspect solution in the object's frame, or neither"
        )
    if ocsol and scale:
        raise ParameterError("ocsolfile goes with scale=0 only: with km per pixel there is no attitude")


def _given(text: str) -> str:
    name = text.strip()
    return "" if name.lower() == "none" else name


def _is_stream(name: str) -> bool:
    return name.lower() in ("stdout", "stderr")


def _base_names(names: Sequence[str]) -> str:
    return ",".join(Path(file_of(n)).name for n in names)


def _stack(par: ParameterSet, name: str, needed: bool = True) -> list[str]:
    """Return the files of a parameter.

    Raises
    ------
    UserError
        There is none, and one is needed.
    """
    from ciaopy.coords import stack_names

    names = stack_names(str(par[name]))
    if not names and needed:
        raise UserError(f"sso_freeze: {name} names no file")
    return names


def _in_clock(ephemeris: Ephemeris, name: str, header: Header) -> Ephemeris:
    """Return an ephemeris in the clock of events: TIMEZERO brought over; another MJDREF or TIMESYS is refused.

    Raises
    ------
    DataError
    """
    from ciaopy.datamodel import TimeFrame

    own, events = TimeFrame.of(ephemeris.headers[0]), TimeFrame.of(header)
    text = replace(own, offset_s=0.0).difference(replace(events, offset_s=0.0))
    if text:
        raise DataError(f"{ephemeris.name}: its times do not count as those of {name} ({text}); convert it first")
    return ephemeris.shifted(own.offset_s - events.offset_s)


def _freeze_one(job: _Job) -> FrozenEvents:
    """Freeze one file: all its blocks stay, in their order."""
    from ciaopy.datamodel import OpenFile, note_tool, open_selection, require_table

    infile, target = job.infiles[0], parse(job.outfile)
    vfile = parse(infile)
    with OpenFile(vfile, job.ws) as opened:
        info = opened.find(vfile.block)
        require_table(opened, info)
        selection = open_selection(opened, info, vfile, job.ws)
        template = selection.template()
        one = FrozenEvents.of(infile, template, job.track(infile, template.header), job.scale)
        before, after = _other_blocks(opened, selection, template)
        job.note(template.header)
        note_tool(template.header, job.par)
        note_tool(before[0].header, job.par, history=False)
        in_memory = info.nrows < STREAM_ROWS or job.ws.wants_memory(target.path)
        if in_memory or target.rename or target.block is not None:
            table = selection.table()
            table.header, table.companions = template.header, []
            one.freeze(table, job.ws.nproc)
            one.write_place(table.header)
            with _Companions(job) as companions:
                companions.write([one])
                job.ws.write(job.outfile, Dataset([*before, table, *after]), None, job.par["clobber"])
        else:
            _stream(job, one, selection, template, before, after)
    return one


def _other_blocks(opened: OpenFile, selection: Selection, template: Table) -> tuple[list[Block], list[Block]]:
    """Return the other blocks of the file, before and behind the events; good times as the filters leave them."""
    from ciaopy.datamodel import empty_primary

    filtered = {b.name.lower(): b for b in template.companions}
    dropped = {b.name.lower() for b in selection.source.companions} - filtered.keys()
    before: list[Block] = []
    after: list[Block] = []
    for other in opened.infos:
        name = other.name.lower()
        if other.index == selection.info.index or name in dropped:
            continue
        place = before if other.index < selection.info.index else after
        place.append(filtered.pop(name) if name in filtered else opened.read(other))
    template.companions = []
    return before or [empty_primary(template.header)], after + list(filtered.values())


def _stream(
    job: _Job,
    one: FrozenEvents,
    selection: Selection,
    template: Table,
    before: Sequence[Block],
    after: Sequence[Block],
) -> None:
    """Freeze from file to file: where all columns stay, rows are copied as bytes, with three numbers more each."""
    one.frame.add_columns(template)
    clobber, nproc = job.par["clobber"], job.ws.nproc
    with (
        _Companions(job) as companions,
        TableWriter(file_of(job.outfile), template, clobber, before=before, nproc=nproc) as writer,
    ):
        writer.after = list(after)
        if selection.copies_rows:
            for rows in one.raw_rows(selection):
                writer.append_rows(rows)
        else:
            for part in one.pieces(selection):
                writer.append(part)
        one.write_place(writer.header)
        companions.write([one])


def _freeze_several(job: _Job) -> list[FrozenEvents]:
    """Freeze several files to one table: rows in their order, good times joined, headers by the rules.

    Raises
    ------
    UserError, DataError
        A file is an image, or the tables do not go together.
    """
    from ciaopy.datamodel import merge_tables, note_tool

    ones: list[FrozenEvents] = []
    tables = []
    for infile in job.infiles:
        block = job.ws.read(infile)
        if not isinstance(block, Table):
            raise UserError(f"{infile}: block {block.name} is an image; give an event file")
        one = FrozenEvents.of(infile, block, job.track(infile, block.header), job.scale)
        made = Table(block.name, dict(block.columns), block.header.copy(), list(block.vectors), block.companions)
        one.freeze(made, job.ws.nproc)
        ones.append(one)
        if one.carry(made, ones[0]):
            job.ws.console.say(f"{infile}: x, y carried to the tangent point of {ones[0].infile}", 1)
        tables.append(made)
    merged, report = merge_tables(tables, "", job.rules, job.infiles)
    for text, keys in (("the value of the first file is kept", report.kept_first), ("left out", report.omitted)):
        if keys:
            job.ws.console.warn(f"these keywords differ ({text}): {', '.join(keys)}")
    job.note(merged.header)
    for one in reversed(ones):  # all are asked, so that one without a position is found; the first one's stays
        one.write_place(merged.header)
    note_tool(merged.header, job.par)
    with _Companions(job) as companions:
        companions.write(ones)
        job.ws.write(job.outfile, merged, None, job.par["clobber"])
    return ones


class _Companions:
    """The aspect solution and the log, written with the events: if these fail, they are taken away again."""

    def __init__(self, job: _Job) -> None:
        self._job = job
        self._made: list[str] = []

    def __enter__(self) -> _Companions:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name in self._made if kind is not None else ():
            if self._job.ws.in_memory(file_of(name)) is None:
                Path(file_of(name)).unlink(missing_ok=True)

    def write(self, ones: Sequence[FrozenEvents]) -> None:
        """Write both, where they are asked for."""
        from ciaopy.fits import AtomicFile

        job = self._job
        if job.ocsolfile:
            job.ws.write(job.ocsolfile, _aspect(job, ones), job.par, job.par["clobber"])
            self._made.append(job.ocsolfile)
        if job.logfile and not _is_stream(job.logfile):
            text = "\n".join(line for one in ones for line in one.places(job.title))
            with AtomicFile(job.logfile, job.par["clobber"]) as file:
                file.write(f"{text}\n".encode())
            self._made.append(job.logfile)


def _aspect(job: _Job, ones: Sequence[FrozenEvents]) -> Table:
    """Return the aspect solution in the object's frame.

    Raises
    ------
    DataError
        A file is no aspect solution, or of another observation.
    NoDataError
        The solution does not overlap the events.
    """
    from ciaopy.coords import AspectSolution
    from ciaopy.datamodel import merge_tables, require_one_time

    first, tables = ones[0], []
    for name in job.asolfiles:
        block = job.ws.read(name)
        if not isinstance(block, Table):
            raise DataError(f"{name}: an image, not an aspect solution; give the asol1 file")
        require_one_time([(first.infile, first.template.header), (name, block.header)])
        if obsid(block.header) not in {obsid(one.template.header) for one in ones}:
            check_same_obsid(name, block.header, first.infile, first.template.header)
        tables.append(block)
    solution = AspectSolution.from_tables(zip(job.asolfiles, tables, strict=True))
    for one in ones:
        if not solution.overlaps(*one.span):
            raise NoDataError(
                f"{solution.name}: aspect {solution.time[0]:.2f}..{solution.until[-1]:.2f} s does not overlap the "
                f"events of {one.infile}; give the asol files of this observation"
            )
    whole = merge_tables(tables, "", job.rules, job.asolfiles)[0] if len(tables) > 1 else tables[0]
    time = np.asarray(whole["time"])
    order = np.argsort(time, kind="stable")
    order = order[np.concatenate([[True], np.diff(time[order]) > 0])]
    return object_aspect(whole.take(order), first.frame.track, first.frame.sky.crval)
