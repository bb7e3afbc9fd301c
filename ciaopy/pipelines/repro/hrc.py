"""chandra_repro for the HRC without grating: what runs, in which order, with which parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ciaopy.engine import Recipe, Step
from ciaopy.errors import CiaopyError, UserError
from ciaopy.hrc import HrcDetector
from ciaopy.observation import EventFile
from ciaopy.pipelines.repro import common, files, moving
from ciaopy.pipelines.repro.common import Stage, io, says, stacked
from ciaopy.pipelines.repro.job import Job

if TYPE_CHECKING:
    from ciaopy.datamodel import Workspace

__all__ = ["can_make_bad_pixels", "carried_over", "level1_stages", "recipe", "stages"]

# Half-width of the shift inside a pixel that `pix_adj` of chandra_repro stands for; the tool's default is none.
_SHIFTS = {"default": "", "none": "", "randomize": "0.5"}


def stages(job: Job) -> list[Stage]:
    """Return the step table of an HRC imaging dataset."""
    events = job.options.process_events
    return [
        Stage(common.copy_inputs),
        Stage(common.update_aspect),
        *level1_stages(job),
        Stage(good_times, when=events),
        Stage(moving.freeze_events, when=events),
        Stage(filter_events, when=events),
        Stage(dead_time, when=events),
        Stage(common.write_records, when=events),
        Stage(common.field_of_view, when=events),
        Stage(set_ardlib, when=job.options.set_ardlib),
    ]


def level1_stages(job: Job) -> list[Stage]:
    """Return the stages that make new level-1 events, with a grating and without."""
    events = job.options.process_events
    return [
        Stage(moving.drop_object_columns, when=job.was_frozen),
        Stage(find_bad_pixels, when=job.makes_bad_pixels),
        Stage(patch_rates, when=events and _patches(job)),
        Stage(add_range_level, when=events and _lacks_range_level(job)),
        Stage(process_events, when=events),
    ]


def recipe(job: Job) -> Recipe:
    """Return the whole step list of one dataset.

    Raises
    ------
    UserError
        `pix_adj` is a method of the ACIS.
    DataError
        The detector is unknown.
    """
    if job.options.pix_adj not in _SHIFTS:
        raise UserError(
            f"pix_adj={job.options.pix_adj} is for ACIS; for the HRC give {', '.join(_SHIFTS)} ({job.obs.events.path})"
        )
    HrcDetector.of_header(job.obs.events.header, str(job.obs.events.path))
    more = []
    if job.options.process_events:
        more.append(job.file("repro_dtfstats.fits"))
        if _patches(job):
            more.append(job.file("repro_dtf1.fits"))
    return common.as_recipe(job, stages(job), more)


def carried_over(events: EventFile) -> tuple[str, str]:
    """Return, for a run without CALDB, what is computed anew and what the archive's own processing leaves."""
    return (
        "amplifier scale, ringing, flags, positions (TDET, DET, SKY), filters, good times, dead time",
        "CHIPX and CHIPY (degap), PI (gain), the bad pixel file",
    )


def can_make_bad_pixels(events: EventFile) -> bool:
    """Return True where the user's CALDB has the list of bad regions and a degap correction that is understood."""
    from ciaopy.caldb import load
    from ciaopy.engine import bind
    from ciaopy.response import load_degap

    par = bind("hrc_build_badpix", {"infile": "CALDB", "outfile": "x", "obsfile": "x", "degapfile": "CALDB"})
    try:
        detector = HrcDetector.of_header(events.header, str(events.path))
        load("BADPIX", "CALDB", events.header)
        return load_degap(par, events.header, detector)[0] is not None
    except CiaopyError:
        return False


def _own(job: Job) -> tuple[Path, ...]:
    """Return the level-1 events where a step makes them."""
    return (job.level1,) if job.was_frozen else ()


def find_bad_pixels(job: Job) -> list[Step]:
    """Return the steps that make a new bad pixel file from the CALDB's list of bad regions."""
    events, par, made = job.level1, job.file("obs.par"), job.file("repro_bpix1.fits")
    text = says("Running hrc_build_badpix for a new bad pixel file.")
    built = io("CALDB", made, obsfile=str(par), degapfile="CALDB", clobber=job.clobber)
    return [
        Step(
            "dmmakepar", {"input": f"{events}[EVENTS]", "output": str(par), "clobber": "yes"}, _own(job), (par,), text
        ),
        Step("hrc_build_badpix", built, (par,), (made,)),
    ]


def _patches(job: Job) -> bool:
    """True where corrupt rates are looked for: the user asks for it, and the files it needs are there."""
    return job.options.patch_hrc_ssc and "mtl1" in job.obs


def _patched(job: Job) -> tuple[Path, Path, Path]:
    """Return the events, good times and dead times that patch_hrc_ssc makes where rates are corrupt."""
    return job.file("dtffix_evt1.fits"), job.file("patch_flt1.fits"), job.file("repro_dtf1.fits")


def patch_rates(job: Job) -> list[Step]:
    """Return the steps that look for corrupt rates and repair what depends on them."""
    events, times, rates = _patched(job)
    parameters = {
        "dtf_infile": str(job.copy_of(job.obs["dtf1"])),
        "mtl_infile": str(job.copy_of(job.obs["mtl1"])),
        "evt_infile": str(job.level1),
        "evt_outfile": str(events),
        "gti_outfile": str(times),
        "dtf_outfile": str(rates),
        "clobber": "yes",
    }
    return [
        Step("forget old repairs", {"file": times.name}, action=lambda ws: _forget(events, times, rates)),
        Step(
            "patch_hrc_ssc",
            parameters,
            _own(job),
            (events, times, rates),
            says("Checking for corruption of the secondary science rates."),
        ),
        Step(
            "tell",
            {"file": times.name},
            (times,),
            echo=True,
            action=lambda ws: None if ws.exists(times) else ws.console.say("No corruption detected.", 1),
        ),
    ]


def _forget(*repaired: Path) -> None:
    """Delete what an earlier run made: that a repaired file exists means that corruption was found."""
    for path in repaired:
        path.unlink(missing_ok=True)


def _repaired(job: Job, kind: int, otherwise: Path) -> Callable[[Workspace], Path]:
    """Return what finds the repaired file of a kind (0 events, 1 good times, 2 dead times), or the other one."""
    path = _patched(job)[kind]
    return lambda ws: path if _patches(job) and ws.exists(path) else otherwise


def _infile(found: Callable[[Workspace], str]) -> Callable[[Workspace], Mapping[str, str]]:
    """Return what sets `infile` when the step runs."""
    return lambda ws: {"infile": found(ws)}


def _lacks_range_level(job: Job) -> bool:
    return "RANGELEV" not in job.obs.events.header


def add_range_level(job: Job) -> list[Step]:
    """Return the steps that copy the events and add RANGELEV, which old files lack, as it was at their date."""
    header, target = job.obs.events.header, job.file("rangelev_evt1.fits")
    detector = HrcDetector.of_header(header, str(job.obs.events.path))
    source = _repaired(job, 0, job.level1)
    edit = {
        "infile": str(target),
        "filelist": "",
        "operation": "add",
        "key": "RANGELEV",
        "value": str(int(detector.range_switch_level(header))),
        "datatype": "long",
        "comment": "range_switch_level",
    }
    return [
        Step(
            "copy",
            {"file": str(job.level1), "to": str(target)},
            (*_own(job), *(_patched(job)[:1] if _patches(job) else ())),
            (target,),
            says(f"The events have no RANGELEV: {edit['value']} is used."),
            lambda ws: files.copy_events(ws, source(ws), target),
        ),
        Step("dmhedit", edit, (target,), (target,)),
    ]


def process_events(job: Job) -> list[Step]:
    """Return the steps that process the events anew and bring their header up to date."""
    made = job.file("repro_evt1.fits")
    source = job.file("rangelev_evt1.fits") if _lacks_range_level(job) else job.level1
    parameters = {
        "infile": stacked(source),
        "outfile": str(made),
        "badpixfile": str(job.bad_pixels),
        "acaofffile": f"@{stacked(job.aspect_list)}",
        "badfile": "NONE",
        "do_amp_sf_cor": "yes",
        "clobber": job.clobber,
    }
    if _SHIFTS[job.options.pix_adj]:
        parameters["rand_pix_size"] = _SHIFTS[job.options.pix_adj]
    reads = [job.bad_pixels, job.aspect_list, *_own(job)]
    late = None
    if _lacks_range_level(job):
        reads.append(source)
    elif _patches(job):
        reads += _patched(job)[:1]
        events = _repaired(job, 0, source)
        late = _infile(lambda ws: stacked(events(ws)))
    if job.updates_aspect:
        parameters["obsfile"] = str(job.pointing)
        reads += [job.pointing, job.new_aspect]
    text = says("Running hrc_process_events to reprocess the event file.")
    update = {"infile": str(made), "pbkfile": "", "asolfile": f"@{stacked(job.aspect_list)}"}
    return [
        Step("hrc_process_events", parameters, tuple(reads), (made,), text, echo=True, late=late),
        Step("r4_header_update", update, (made, job.aspect_list), (made,)),
    ]


def good_times(job: Job) -> list[Step]:
    """Return the steps that make the good times, cut to the aspect solution."""
    cut, final = job.file("repro_flt1.fits"), job.file("repro_flt2.fits")
    if not _patches(job) or not job.obs.events.kalman:
        steps = common.cut_good_times(job, cut)
    else:
        times = _repaired(job, 1, job.obs["flt1"])
        first, *rest = common.cut_good_times(job, cut)
        late = _infile(lambda ws: str(times(ws)))
        reads = (*first.reads, _patched(job)[1])
        steps = [Step(first.tool, first.parameters, reads, first.makes, first.says, late=late), *rest]
    return [*steps, Step("dmcopy", io(str(cut), final, clobber=job.clobber), (cut,), (final,))]


def filter_events(job: Job) -> list[Step]:
    """Return the steps from the new level-1 events to level 2."""
    mask = HrcDetector.of_header(job.obs.events.header, str(job.obs.events.path)).status_mask
    return common.filter_events(
        job,
        f"[EVENTS][status={mask}][x=:,y=:]",
        mask,
        intermediate=job.file("repro_filt_evt1.fits"),
        text="Filtering the events on status.",
    )


def dead_time(job: Job) -> list[Step]:
    """Return the steps that average the dead time over the good times of level 2 and write it into the events."""
    final, statistics = job.file("repro_evt2.fits"), job.file("repro_dtfstats.fits")
    times, rates = job.file("repro_flt2.fits"), job.copy_of(job.obs["dtf1"])
    found = _repaired(job, 2, rates)

    def late(ws: Workspace) -> Mapping[str, str]:
        changed = {"infile": str(found(ws))}
        if files.good_time(ws, times) == 0:
            changed["gtifile"] = f"{times}[FILTER]"
        return changed

    parameters = io(str(rates), statistics, gtifile=f"{final}[GTI]", clobber=job.clobber)
    reads = (final, times, *(_patched(job)[2:] if _patches(job) else ()))
    return [
        Step("hrc_dtfstats", parameters, reads, (statistics,), says("Recomputing the dead time (DTCOR)."), late=late),
        Step(
            "write DTCOR",
            {"file": str(final), "from": str(statistics)},
            (final, statistics),
            (final,),
            action=lambda ws: files.write_dead_time(ws, final, statistics),
        ),
    ]


def set_ardlib(job: Job) -> list[Step]:
    """Return the step that names the bad pixel file in the user's ardlib.par."""
    path = str(job.bad_pixels.absolute())
    detector = HrcDetector.of_header(job.obs.events.header, str(job.obs.events.path)).name
    name = f"AXAF_{detector}_BADPIX_FILE"
    return [
        Step(
            "pset",
            {"paramfile": "ardlib", name: path},
            (job.bad_pixels,),
            (),
            says("Setting the bad pixel file in ardlib.par."),
            lambda ws: files.set_ardlib_value(name, path),
        )
    ]
