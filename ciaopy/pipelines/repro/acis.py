"""The steps of chandra_repro for ACIS: what runs, in which order, with which parameters."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ciaopy.engine.step import Message, Recipe, Step
from ciaopy.errors import DataError
from ciaopy.observation.archive import Observation, plain_name
from ciaopy.observation.aspect_choice import AspectChoice
from ciaopy.pipelines.repro import files as files

if TYPE_CHECKING:
    from ciaopy.datamodel import Workspace

LEVEL2_FILTER = "[EVENTS][grade=0,2,3,4,6,status=0,x=:,y=:]"
FIRST_BITFLAG = "00000000000000120021100020022222"
SECOND_BITFLAG = "00000000000000122221100020022222"
STATFILT = "0" * 32
VFAINT_TRAIL = "0.027"
#: Stands in a plan for the times of the aspect solution, which are read when the step runs.
_ASPECT_SPAN = "[time=TMIN:TMAX]"


@dataclass(frozen=True)
class Wishes:
    """The user's choices for one dataset (parameters of chandra_repro).

    `caldb` is False where ciaopy itself does the work and the user has no CALDB: the calibration rows of the archive's
    bad pixel file then stand for the CALDB's list.
    """

    badpixel: bool
    process_events: bool
    destreak: bool
    set_ardlib: bool
    check_vf_pha: bool
    pix_adj: str
    asol_update: bool
    cleanup: bool
    clobber: bool
    caldb: bool = True
    recorded: tuple[tuple[str, str], ...] = ()
    program: str = ""


@dataclass(frozen=True)
class Job:
    """One dataset with everything that the step list depends on."""

    obs: Observation
    out: Path
    root: str
    wishes: Wishes
    aspect: AspectChoice

    def file(self, tail: str) -> Path:
        """Return `<out>/<root>_<tail>`."""
        return self.out / f"{self.root}_{tail}"

    def copy_of(self, path: Path) -> Path:
        """Return where the copy of an input file goes."""
        return self.out / plain_name(path)

    @property
    def make_bad_pixels(self) -> bool:
        """True where a new bad pixel file is made."""
        return self.wishes.badpixel and not self.obs.events.continuous

    @property
    def bad_pixels(self) -> Path:
        """The bad pixel file that later steps use: the new one, else the copy of the archive's."""
        return self.file("repro_bpix1.fits") if self.make_bad_pixels else self.copy_of(self.obs["bpix1"])

    @property
    def aspect_list(self) -> Path:
        """The list of aspect solutions."""
        return self.file("asol1.lis")

    @property
    def aspect_copies(self) -> tuple[Path, ...]:
        """The copies of the aspect solutions that are used."""
        return tuple(self.copy_of(p) for p in self.aspect.paths)

    @property
    def updates_aspect(self) -> bool:
        """True where old aspect solutions are brought up to date."""
        return self.aspect.kind == "ASPSOL" and self.wishes.asol_update

    @property
    def clobber(self) -> str:
        """`yes` or `no`, for the tools."""
        return "yes" if self.wishes.clobber else "no"

    @property
    def new_aspect(self) -> Path:
        """The updated aspect solution."""
        return self.out / f"pcadf{files.obsid(self.obs):05d}_repro_asol1.fits"

    @property
    def pointing(self) -> Path:
        """The parameter file with the updated pointing."""
        return self.out / f"pcadf{files.obsid(self.obs):05d}_repro_obs.par"


def recipe(job: Job) -> Recipe:
    """Return the whole step list of one ACIS dataset."""
    steps = [*_gather(job), *_aspect(job), *_reset(job)]
    if job.make_bad_pixels:
        steps += _bad_pixels(job)
    if job.wishes.process_events:
        steps += [*_process(job), *_good_times(job), *_level2(job), *_records(job), *_field_of_view(job)]
    if job.wishes.set_ardlib:
        steps.append(_ardlib(job))
    return Recipe(tuple(steps), _products(job), (job.new_aspect,) if job.updates_aspect else ())


def _products(job: Job) -> tuple[Path, ...]:
    made = [job.copy_of(p) for p in files.copied(job.obs, job.wishes.process_events)]
    made.append(job.aspect_list)
    if job.updates_aspect:
        made.append(job.new_aspect)
    if job.make_bad_pixels:
        made.append(job.file("repro_bpix1.fits"))
    if job.wishes.process_events:
        made += [job.file(f"repro_{kind}.fits") for kind in ("evt2", "flt2", "fov1")]
    return tuple(dict.fromkeys(made))


def _stacked(path: Path) -> str:
    """Return a path for a parameter that takes a stack: separators in it are escaped."""
    return re.sub(r"([ ,;])", r"\\\1", str(path))


def _says(*texts: str, level: int = 1) -> tuple[Message, ...]:
    return tuple(Message(level, t) for t in texts)


def _gather(job: Job) -> list[Step]:
    copied = files.copied(job.obs, job.wishes.process_events)
    targets = tuple(job.copy_of(p) for p in copied)
    steps = [
        Step(
            "copy",
            {"files": f"{len(copied)} files of {job.obs.folder}", "to": str(job.out)},
            makes=targets,
            action=lambda ws: files.copy_all(copied, targets),
        ),
        files.list_step(job.aspect_list, job.aspect_copies),
    ]
    if job.make_bad_pixels:
        steps.append(files.list_step(job.file("bias0.lis"), job.obs.bias))
    return steps


def _aspect(job: Job) -> list[Step]:
    if job.aspect.kind != "ASPSOL":
        text = f"The aspect solution ({job.aspect.kind}) needs no boresight update."
        return [Step("aspect", {"use": job.aspect.kind}, says=_says(text), action=_nothing)]
    if not job.wishes.asol_update:
        text = "The aspect solution is an old one (ASPSOL); its boresight is not updated (asol_update=no)."
        return [Step("aspect", {"use": "ASPSOL"}, says=_says(text), action=_nothing)]
    start, stop = files.time_range(job.obs["flt1"])
    new, span = job.new_aspect, f"[time={start!r}:{stop!r}]"
    return [
        Step(
            "dmmerge",
            {
                "infile": ",".join(f"{_stacked(p)}{span}" for p in job.aspect_copies),
                "outfile": str(new),
                "clobber": job.clobber,
            },
            makes=(new,),
            says=_says("Bringing the boresight of the aspect solution up to date."),
        ),
        Step("asp_offaxis_corr", {"infile": str(new), "instrume": "acis"}, (new,), (new,)),
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


def _has_chip8(job: Job) -> bool:
    return 8 in job.obs.events.chips


def _reset(job: Job) -> list[Step]:
    reset = job.file("reset_evt1.fits")
    streaks = job.wishes.destreak and _has_chip8(job)
    first = job.file("dsk_evt1.fits") if streaks else reset
    source = job.obs.events.path
    steps = [
        Step(
            "copy",
            {"file": str(source), "to": str(first)},
            makes=(first,),
            says=_says("Resetting afterglow status bits."),
            action=lambda ws: files.copy_events(ws, source, first),
        ),
        Step("acis_clear_status_bits", {"evtfile": str(first)}, (first,), (first,)),
    ]
    if streaks:
        parameters = {"infile": str(first), "outfile": str(reset), "ccd_id": "8", "filter": "no", "mask": "None"}
        text = _says("Running destreak: CCD 8 was on.")
        steps.append(Step("destreak", {**parameters, "clobber": "yes"}, (first,), (reset,), text))
    return steps


def _bad_pixels(job: Job) -> list[Step]:
    events, par = job.file("reset_evt1.fits"), job.file("obs.par")
    abb, glow, final = (job.file(f"{n}_bpix1.fits") for n in ("abb1", "aglow", "repro"))
    block, bias = str(job.copy_of(job.obs["pbk0"])), job.file("bias0.lis")
    listed = job.file("calib_bpix1.fits")
    calibration = "CALDB" if job.wishes.caldb else str(listed)
    common = {"pbkfile": block, "berrfile": "none"}
    rest = {"evt0file": "none", "obsfile": str(par), "clobber": job.clobber}
    archive = job.obs["bpix1"]
    own_list = Step(
        "calibration list",
        {"infile": str(archive), "outfile": str(listed)},
        makes=(listed,),
        says=_says(f"No CALDB: calibration rows are taken from the archive's {plain_name(archive)}."),
        action=lambda ws: files.write_calibration_list(ws, archive, listed),
    )
    return [
        *([] if job.wishes.caldb else [own_list]),
        Step(
            "dmmakepar",
            {"input": f"{events}[EVENTS]", "output": str(par), "clobber": "yes"},
            (events,),
            (par,),
            _says("Running acis_build_badpix and acis_find_afterglow for a new bad pixel file."),
        ),
        Step(
            "acis_build_badpix",
            {
                **common,
                "calibfile": calibration,
                "biasfile": f"@{_stacked(bias)}",
                "outfile": str(abb),
                "bitflag": FIRST_BITFLAG,
                **rest,
            },
            (par, bias, *(() if job.wishes.caldb else (listed,))),
            (abb,),
        ),
        Step(
            "acis_find_afterglow",
            {
                "infile": _stacked(events),
                "outfile": str(glow),
                "badpixfile": str(abb),
                "maskfile": str(job.copy_of(job.obs["msk1"])),
                "statfile": str(job.copy_of(job.obs["stat1"])),
                "clobber": job.clobber,
            },
            (events, abb),
            (glow,),
        ),
        Step(
            "acis_build_badpix",
            {
                **common,
                "calibfile": str(glow),
                "biasfile": "NONE",
                "procbias": "no",
                "outfile": str(final),
                "bitflag": SECOND_BITFLAG,
                **rest,
            },
            (par, glow),
            (final,),
        ),
    ]


def event_definition(readmode: str, datamode: str) -> str:
    """Return the parameter `eventdef` for a mode.

    Raises
    ------
    DataError
        No definition is known for it.
    """
    if readmode == "TIMED" and datamode in {"FAINT", "VFAINT", "FAINT_BIAS"}:
        return ")stdlev1"
    if readmode == "TIMED" and datamode == "GRADED":
        return ")grdlev1"
    if readmode == "CONTINUOUS" and datamode.startswith("CC"):
        if datamode.endswith("FAINT"):
            return ")cclev1"
        if datamode.endswith("GRADED"):
            return ")ccgrdlev1"
    raise DataError(
        f"READMODE={readmode} DATAMODE={datamode}: no event definition for this mode; check the header of evt1"
    )


def position_parameter(pix_adj: str, continuous: bool, graded: bool = False) -> dict[str, str]:
    """Return what `pix_adj` of chandra_repro sets for acis_process_events: nothing where the tool's default serves.

    Graded events have no island to take a centroid of: CENTROID becomes NONE.
    """
    if pix_adj == "default":
        return {"pix_adj": "NONE"} if continuous else {}
    if pix_adj == "centroid" and graded:
        return {"pix_adj": "NONE"}
    return {"pix_adj": pix_adj.upper()}


def _process(job: Job) -> list[Step]:
    events, made = job.file("reset_evt1.fits"), job.file("repro_evt1.fits")
    header = job.obs.events
    mode = header.key("DATAMODE")
    parameters = {
        "infile": _stacked(events),
        "outfile": str(made),
        "acaofffile": f"@{_stacked(job.aspect_list)}",
        "badpixfile": str(job.bad_pixels),
        "mtlfile": _stacked(job.copy_of(job.obs["mtl1"])),
        "eventdef": event_definition(header.key("READMODE"), mode),
        "apply_tgain": "yes",
        "apply_cti": "yes",
        "clobber": job.clobber,
        **position_parameter(job.wishes.pix_adj, header.continuous, mode.endswith("GRADED")),
    }
    if mode == "VFAINT" and job.wishes.check_vf_pha:
        parameters |= {"check_vf_pha": "yes", "trail": VFAINT_TRAIL}
    reads = [events, job.bad_pixels, job.aspect_list]
    if job.updates_aspect:
        parameters["obsfile"] = str(job.pointing)
        reads += [job.pointing, job.new_aspect]
    says = ["Running acis_process_events to reprocess the event file."]
    if job.wishes.pix_adj == "centroid" and mode.endswith("GRADED"):
        says.insert(0, "WARNING: graded events have no centroid: pix_adj=none is used.")
    if header.continuous:
        says.insert(0, "Continuous clocking: sky positions rest on RA_TARG and DEC_TARG; check them in the header.")
    update = {
        "infile": str(made),
        "pbkfile": str(job.obs.files.get("pbk0", "")),
        "asolfile": f"@{_stacked(job.aspect_list)}",
    }
    return [
        Step("acis_process_events", parameters, tuple(reads), (made,), _says(*says), echo=True),
        Step("r4_header_update", update, (made, job.aspect_list), (made,)),
    ]


def _good_times(job: Job) -> list[Step]:
    filled, cut, aligned = job.file("addcol_flt1.fits"), job.file("repro_flt1.fits"), job.file("repro_flt2.fits")
    if job.obs.events.kalman:
        flt = str(job.obs["flt1"])
        steps = [
            Step("dmtcalc", _io(flt, filled, expression="time=0", clobber="yes"), (), (filled,)),
            Step(
                "dmcopy",
                _io(f"{filled}{_ASPECT_SPAN}", cut, clobber="yes"),
                (filled,),
                (cut,),
                late=_during_aspect(job, "infile", str(filled)),
            ),
        ]
    else:
        steps = _recovered_times(job, cut)
    if job.obs.events.continuous:
        steps.append(Step("dmcopy", _io(str(cut), aligned, clobber=job.clobber), (cut,), (aligned,)))
        return steps
    stat = str(job.copy_of(job.obs["stat1"]))
    times = {"times": str(cut), "statfile": f"{stat}{_ASPECT_SPAN}", "outfile": str(aligned), "clobber": job.clobber}
    late = _during_aspect(job, "statfile", stat)
    steps.append(Step("gti_align", times, (cut,), (aligned,), late=late))
    return steps


def _during_aspect(job: Job, parameter: str, path: str) -> Callable[[Workspace], Mapping[str, str]]:
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
    found = _io(str(mtl), cut, mtlfile="", userlimit="", lkupfile=str(limits), clobber="yes")
    return [
        Step("write limits", limited, (), (limits,), action=lambda ws: files.write_limits(ws, mtl, limits)),
        Step("dmgti", found, (limits,), (cut,)),
        Step("good time", {"file": str(cut)}, (cut,), echo=True, action=lambda ws: files.report_good_time(ws, cut)),
    ]


def _io(infile: str, outfile: Path, **more: str) -> dict[str, str]:
    return {"infile": infile, "outfile": str(outfile), **more}


def _edit(path: Path, key: str, value: str, comment: str) -> Step:
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


def _level2(job: Job) -> list[Step]:
    made, filtered, final = job.file("repro_evt1.fits"), job.file("reprofilt_evt1.fits"), job.file("repro_evt2.fits")
    times = job.file("repro_flt2.fits")
    return [
        Step(
            "dmcopy",
            _io(f"{made}{LEVEL2_FILTER}", filtered, clobber="yes"),
            (made,),
            (filtered,),
            _says("Filtering the events on grade and status."),
        ),
        _edit(filtered, "STATFILT", STATFILT, "Status bit filter applied"),
        Step(
            "dmcopy",
            _io(f"{filtered}[EVENTS][@{times}]", final, clobber=job.clobber),
            (filtered, times),
            (final,),
            _says("Applying the good time intervals."),
        ),
        _edit(final, "CONTENT", "EVT2", "What data product"),
        _edit(final, "HDUCLAS2", "ACCEPTED", ""),
        _edit(final, "FLTFILE", times.name, "Good time filter"),
    ]


def _records(job: Job) -> list[Step]:
    final, wishes = job.file("repro_evt2.fits"), job.wishes
    return [
        Step(
            "write records",
            {"file": str(final)},
            (final,),
            (final,),
            _says(f"The new level=2 event file is {final}", "Adding HISTORY record."),
            lambda ws: files.write_records(ws, final, wishes.program, wishes.recorded),
        )
    ]


def _field_of_view(job: Job) -> list[Step]:
    final, fov = job.file("repro_evt2.fits"), job.file("repro_fov1.fits")
    aspect = f"@{_stacked(job.aspect_list)}"
    parameters = {
        "infile": str(final),
        "outfile": str(fov),
        "mskfile": str(job.copy_of(job.obs["msk1"])),
        "aspect": f"{aspect}[@{final}]",
        "method": "convexhull" if job.updates_aspect else job.aspect.method,
        "clobber": job.clobber,
    }
    says = _says("Creating the field-of-view file.")
    late = _without_filter_if_empty(final, aspect)
    return [Step("skyfov", parameters, (final, job.aspect_list), (fov,), says, late=late)]


def _without_filter_if_empty(events: Path, aspect: str) -> Callable[[Workspace], Mapping[str, str]]:
    def late(ws: Workspace) -> Mapping[str, str]:
        if float(ws.read(f"{events}[EVENTS]").header.get("ONTIME", 1.0)) > 0:
            return {}
        ws.console.say(f"WARNING: {events} has no good time; the field of view covers the whole aspect solution", 0)
        return {"aspect": aspect}

    return late


def _ardlib(job: Job) -> Step:
    path = str(job.bad_pixels.absolute())
    return Step(
        "acis_set_ardlib",
        {"badpixfile": path, "absolutepath": "yes"},
        (job.bad_pixels,),
        (),
        _says("Setting the bad pixel file in ardlib.par."),
        lambda ws: files.set_ardlib(ws, path),
    )
