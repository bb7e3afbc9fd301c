"""What every recipe of chandra_repro is made of: stages, and the steps that all instruments share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ciaopy.engine import Message, Recipe, Step
from ciaopy.filenames import filter_file
from ciaopy.pipelines.repro import files
from ciaopy.pipelines.repro.good_times import settle_good_times
from ciaopy.pipelines.repro.job import Job
from ciaopy.stack import join, quote

if TYPE_CHECKING:
    from ciaopy.datamodel import Workspace

__all__ = [
    "ASPECT_SPAN", "Stage", "as_recipe", "copy_events", "copy_inputs", "cut_good_times", "during_aspect", "edit",
    "field_of_view", "filter_events", "io", "says", "set_ardlib", "source_of", "stacked", "update_aspect",
    "write_records",
]  # fmt: skip

#: Stands in a plan for the times of the aspect solution, which are read when the step runs.
ASPECT_SPAN = "[time=TMIN:TMAX]"


@dataclass(frozen=True)
class Stage:
    """One line of an instrument's step table.

    Attributes
    ----------
    steps : callable
        Returns the steps of a job.
    when : bool
        False where the job does without them.
    """

    steps: Callable[[Job], Sequence[Step]]
    when: bool = True


def as_recipe(job: Job, stages: Sequence[Stage], more_products: Sequence[Path] = ()) -> Recipe:
    """Return the recipe of a step table.

    Parameters
    ----------
    job : Job
    stages : sequence of Stage
        In order; those that do not apply are left out.
    more_products : sequence of Path
        Files that stay, besides the copies, the bad pixels, the events with their good times and the field of view.
    """
    steps = tuple(step for stage in stages if stage.when for step in stage.steps(job))
    products = tuple(dict.fromkeys([*_products(job), *more_products]))
    return Recipe(steps, products, (job.new_aspect,) if job.updates_aspect else ())


def _products(job: Job) -> tuple[Path, ...]:
    made = [job.copy_of(p) for p in files.copied(job.obs, job.options.process_events)]
    made.append(job.aspect_list)
    if job.updates_aspect:
        made.append(job.new_aspect)
    if job.makes_bad_pixels:
        made.append(job.file("repro_bpix1.fits"))
    if job.freezes:
        made.append(job.object_aspect)
    if job.options.process_events:
        made += [job.file(f"repro_{kind}.fits") for kind in ("evt2", "flt2", "fov1")]
    return tuple(dict.fromkeys(made))


def stacked(path: Path) -> str:
    """Return a path for a parameter that takes a stack: separators in it are escaped."""
    return quote(path)


def says(*texts: str, level: int = 1) -> tuple[Message, ...]:
    """Return messages of one verbose level, to be printed before a step."""
    return tuple(Message(level, t) for t in texts)


def io(infile: str, outfile: Path, **more: str) -> dict[str, str]:
    """Return the parameters `infile`, `outfile` and more."""
    return {"infile": infile, "outfile": str(outfile), **more}


def edit(path: Path, key: str, value: str, comment: str) -> Step:
    """Return the step that sets a keyword of text in the header of a file."""
    parameters = {
        "infile": str(path),
        "filelist": "",
        "operation": "add",
        "key": key,
        "value": value,
        "datatype": "string",
        "comment": comment,
    }
    return Step("dmhedit", parameters, (path,), (path,))


def copy_inputs(job: Job) -> list[Step]:
    """Return the steps that copy the input files beside the products and write the lists of them."""
    copied = files.copied(job.obs, job.options.process_events)
    targets = tuple(job.copy_of(p) for p in copied)
    steps = [
        Step(
            "copy",
            {"files": f"{len(copied)} files of {job.obs.layout.folder}", "to": str(job.out)},
            makes=targets,
            action=lambda ws: files.copy_all(copied, targets),
        ),
    ]
    if not job.updates_aspect:
        steps.append(files.list_step(job.aspect_list, job.aspect_copies))
    if job.makes_bad_pixels and job.obs.events.instrument == "ACIS":
        steps.append(files.list_step(job.file("bias0.lis"), job.obs.companions.bias))
    return steps


def update_aspect(job: Job) -> list[Step]:
    """Return the steps that bring an old aspect solution (ASPSOL) up to date; one that only says so for others."""
    if job.aspect.kind != "ASPSOL":
        text = f"The aspect solution ({job.aspect.kind}) needs no boresight update."
        return [Step("aspect", {"use": job.aspect.kind}, says=says(text), action=_nothing)]
    if not job.options.asol_update:
        text = "The aspect solution is an old one (ASPSOL); its boresight is not updated (asol_update=no)."
        return [Step("aspect", {"use": "ASPSOL"}, says=says(text), action=_nothing)]
    start, stop = files.time_range(job.obs["flt1"])
    new, span = job.new_aspect, f"[time={start!r}:{stop!r}]"
    return [
        Step(
            "dmmerge",
            {
                "infile": join(f"{p}{span}" for p in job.aspect_copies),
                "outfile": str(new),
                "clobber": job.clobber,
            },
            makes=(new,),
            says=says("Bringing the boresight of the aspect solution up to date."),
        ),
        Step("asp_offaxis_corr", {"infile": str(new), "instrume": job.obs.events.instrument.lower()}, (new,), (new,)),
        Step("edit header", {"file": str(new)}, (new,), (new,), action=lambda ws: files.finish_aspect(ws, new)),
        Step(
            "write pointing",
            {"file": str(job.pointing)},
            (new,),
            (job.pointing,),
            action=lambda ws: files.write_pointing(ws, job.obs.events.header, new, job.pointing),
        ),
        files.list_step(job.aspect_list, (new,)),
    ]


def _nothing(ws: Workspace) -> None:
    """Stand for a step that only says something."""


def copy_events(job: Job, target: Path, text: tuple[Message, ...]) -> Step:
    """Return the step that copies the level-1 events to where later steps change them."""
    source = job.level1
    return Step(
        "copy",
        {"file": str(source), "to": str(target)},
        reads=(source,) if job.was_frozen else (),
        makes=(target,),
        says=text,
        action=lambda ws: files.copy_events(ws, source, target),
    )


def cut_good_times(job: Job, cut: Path) -> list[Step]:
    """Return the steps that make the good times, cut to the aspect solution, and without guide stars found anew."""
    if not job.obs.events.kalman:
        return _recovered_times(job, cut)
    filled = job.file("addcol_flt1.fits")
    return [
        Step("dmtcalc", io(str(job.obs["flt1"]), filled, expression="time=0", clobber="yes"), (), (filled,)),
        Step(
            "dmcopy",
            io(f"{filled}{ASPECT_SPAN}", cut, clobber="yes"),
            (filled,),
            (cut,),
            late=during_aspect(job, "infile", str(filled)),
        ),
    ]


def during_aspect(job: Job, parameter: str, path: str) -> Callable[[Workspace], Mapping[str, str]]:
    """Return what cuts a file to the times of the aspect solution, known when its copy has been made."""

    def late(ws: Workspace) -> Mapping[str, str]:
        low, high = files.aspect_range(ws, (job.new_aspect,) if job.updates_aspect else job.aspect_copies)
        return {parameter: f"{path}[time={low!r}:{high!r}]"}

    return late


def _recovered_times(job: Job, cut: Path) -> list[Step]:
    """Return the steps that make good times without guide stars, from the mission time line."""
    limits = job.file("obc_lim1.fits")
    mtl = job.copy_of(job.obs["mtl1"])
    limited = {"infile": f"{mtl}[LIMITS]", "outfile": str(limits)}
    found = io(str(mtl), cut, mtlfile="", userlimit="", lkupfile=str(limits), clobber="yes")
    return [
        Step("write limits", limited, (), (limits,), action=lambda ws: files.write_limits(ws, mtl, limits)),
        Step("dmgti", found, (limits,), (cut,)),
        Step("good time", {"file": str(cut)}, (cut,), echo=True, action=lambda ws: files.report_good_time(ws, cut)),
    ]


def filter_events(
    job: Job,
    row_filter: str,
    status_filter: str,
    intermediate: Path | None = None,
    text: str = "Filtering the events on grade and status.",
    source: Path | None = None,
) -> list[Step]:
    """Return the steps from the new level-1 events to level 2.

    Parameters
    ----------
    job : Job
    row_filter : str
        Brackets that choose the events, `[EVENTS][grade=...]`.
    status_filter : str
        Value of STATFILT, one character for each status bit.
    intermediate : Path, optional
        The events before the good times are applied.
    text : str
        What the user is told.
    source : Path, optional
        The events to filter; default: the new level-1 events.
    """
    made, final = source or job.file("repro_evt1.fits"), job.file("repro_evt2.fits")
    filtered = intermediate or job.file("reprofilt_evt1.fits")
    times = job.file("repro_flt2.fits")
    infile, reads, late = source_of(job, made, row_filter)
    return [
        Step("dmcopy", io(infile, filtered, clobber="yes"), reads, (filtered,), says(text), late=late),
        edit(filtered, "STATFILT", status_filter, "Status bit filter applied"),
        _settle_good_times(job, filtered, made),
        Step(
            "dmcopy",
            io(f"{filtered}[EVENTS][{filter_file(times)}]", final, clobber=job.clobber),
            (filtered, times),
            (final,),
            says("Applying the good time intervals."),
        ),
        edit(final, "CONTENT", "EVT2", "What data product"),
        edit(final, "HDUCLAS2", "ACCEPTED", ""),
        edit(final, "FLTFILE", times.name, "Good time filter"),
    ]


def _settle_good_times(job: Job, filtered: Path, level1: Path) -> Step:
    """Return the step that makes the good times of the events fit those of flt2."""
    timed = job.obs.events.instrument == "ACIS" and not job.obs.events.continuous
    statistics = job.copy_of(job.obs["stat1"]) if timed else None
    return Step(
        "own good times",
        {"file": str(filtered)},
        (filtered, level1),
        (filtered,),
        action=lambda ws: settle_good_times(ws, filtered, level1, statistics),
    )


def source_of(
    job: Job, events: Path, tail: str
) -> tuple[str, tuple[Path, ...], Callable[[Workspace], Mapping[str, str]] | None]:
    """Return what a step reads: of a moving target's new events the frozen ones, where freezing has not failed.

    Parameters
    ----------
    job : Job
    events : Path
        The events before freezing.
    tail : str
        Brackets behind the name.

    Returns
    -------
    infile : str
    reads : tuple of Path
    late : callable or None
        Settles `infile` when the step runs.
    """
    frozen = job.frozen_of(events)
    if frozen is None:
        return f"{events}{tail}", (events,), None

    def late(ws: Workspace) -> Mapping[str, str]:
        return {} if ws.exists(frozen) else {"infile": f"{events}{tail}"}

    return f"{frozen}{tail}", (events, frozen), late


def write_records(job: Job) -> list[Step]:
    """Return the step that records program and parameters in the new events."""
    final, made = job.file("repro_evt2.fits"), job.provenance
    return [
        Step(
            "write records",
            {"file": str(final)},
            (final,),
            (final,),
            says(f"The new level=2 event file is {final}", "Adding HISTORY record."),
            lambda ws: files.write_records(ws, final, made.program, made.parameters),
        ),
        _calibration_record(final),
    ]


def _calibration_record(events: Path) -> Step:
    """Return the step that names the calibration in a COMMENT, and so in HISTORY, where scripts look for it."""
    comment = {"filelist": "", "operation": "add", "key": "COMMENT"}
    return Step(
        "dmhedit",
        {"infile": str(events), **comment, "value": "chandra_repro was run with CALDB VERSION"},
        (events,),
        (events,),
        late=lambda ws: {"value": f"chandra_repro was run with CALDB {files.calibration_version()}"},
    )


def field_of_view(job: Job) -> list[Step]:
    """Return the step that makes the field of view, over the good part of the aspect solution."""
    final, fov = job.file("repro_evt2.fits"), job.file("repro_fov1.fits")
    aspect = f"@{stacked(job.aspect_list)}"
    parameters = {
        "infile": str(final),
        "outfile": str(fov),
        "mskfile": str(job.copy_of(job.obs["msk1"])),
        "aspect": f"{aspect}[{filter_file(final)}]",
        "method": "convexhull" if job.updates_aspect else job.aspect.method,
        "clobber": job.clobber,
    }
    text = says("Creating the field-of-view file.")
    late = _without_filter_if_empty(final, aspect)
    return [Step("skyfov", parameters, (final, job.aspect_list), (fov,), text, late=late)]


def _without_filter_if_empty(events: Path, aspect: str) -> Callable[[Workspace], Mapping[str, str]]:
    def late(ws: Workspace) -> Mapping[str, str]:
        if ws.read(f"{events}[EVENTS]").header.number("ONTIME", 1.0) > 0:
            return {}
        ws.console.say(f"WARNING: {events} has no good time; the field of view covers the whole aspect solution", 0)
        return {"aspect": aspect}

    return late


def set_ardlib(job: Job) -> list[Step]:
    """Return the step that names the bad pixel file in the user's ardlib.par."""
    path = str(job.bad_pixels.absolute())
    return [
        Step(
            "acis_set_ardlib",
            {"badpixfile": path, "absolutepath": "yes"},
            (job.bad_pixels,),
            (),
            says("Setting the bad pixel file in ardlib.par."),
            lambda ws: files.set_ardlib(ws, path),
        )
    ]
