"""chandra_repro with a grating: zero order, orders, level 2, spectra, responses; between the steps of the detector."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from ciaopy.engine import Message, Recipe, Step
from ciaopy.errors import CalibrationError
from ciaopy.gratings import arms_of
from ciaopy.hrc import HrcDetector
from ciaopy.observation import EventFile
from ciaopy.pipelines.repro import acis, common, hrc, moving
from ciaopy.pipelines.repro.common import Stage, io, says
from ciaopy.pipelines.repro.grating_spectra import (
    check_orders,
    extract_spectra,
    make_responses,
    products,
    response_orders,
)
from ciaopy.pipelines.repro.job import Job
from ciaopy.pipelines.repro.zero_order import check_position, find_zero_order, sources

__all__ = ["acis_recipe", "carried_over", "hrc_recipe"]


def acis_recipe(job: Job) -> Recipe:
    """Return the step list of a grating observation with the ACIS.

    Raises
    ------
    DataError, ParameterError
        What `check` finds wrong.
    """
    check(job)
    events = job.options.process_events
    table = [
        Stage(common.copy_inputs),
        Stage(common.update_aspect),
        Stage(moving.drop_object_columns, when=job.was_frozen),
        Stage(acis.reset_status),
        Stage(acis.find_bad_pixels, when=job.makes_bad_pixels),
        Stage(acis.process_events, when=events),
        *_dispersion(job, acis.align_good_times, _filter_acis),
        Stage(common.write_records, when=events),
        Stage(common.field_of_view, when=events),
        Stage(common.set_ardlib, when=job.options.set_ardlib),
    ]
    return _recipe(job, table)


def hrc_recipe(job: Job) -> Recipe:
    """Return the step list of a grating observation with the HRC.

    Raises
    ------
    DataError, ParameterError, UserError
        What `check` finds wrong; `pix_adj` is a method of the ACIS.
    """
    imaging = hrc.recipe(job)
    check(job)
    events = job.options.process_events
    table = [
        Stage(common.copy_inputs),
        Stage(common.update_aspect),
        *hrc.level1_stages(job),
        *_dispersion(job, hrc.good_times, lambda j: [*_filter_hrc(j), *hrc.dead_time(j)]),
        Stage(common.write_records, when=events),
        Stage(common.field_of_view, when=events),
        Stage(hrc.set_ardlib, when=job.options.set_ardlib),
    ]
    return _recipe(job, table, imaging.products)


def carried_over(events: EventFile) -> tuple[str, str]:
    """Return, for a run without CALDB, what is computed anew and what the archive's own processing leaves."""
    made, kept = (acis if events.instrument == "ACIS" else hrc).carried_over(events)
    sorting = (
        "orders (windows solved from archive data: 99 % of CIAO's), " if events.instrument == "ACIS" else "orders, "
    )
    return (f"{made}, grating coordinates, {sorting}spectra, responses (areas about 10 %, line shapes 10 %)", kept)


def _recipe(job: Job, table: list[Stage], more: tuple[Path, ...] = ()) -> Recipe:
    made = common.as_recipe(job, table, [*more, *products(job)])
    if not job.options.process_events:
        return made
    # the companions of mktgresp are looked for on disk
    on_disk = (*made.on_disk, job.bad_pixels) if job.makes_bad_pixels else made.on_disk
    return replace(made, on_disk=on_disk)


def _dispersion(job: Job, good_times: Callable[[Job], list[Step]], level2: Callable[[Job], list[Step]]) -> list[Stage]:
    """Return the stages between the new level-1 events and the responses."""
    events = job.options.process_events
    return [
        Stage(find_zero_order, when=events),
        Stage(resolve_events, when=events),
        Stage(good_times, when=events),
        Stage(moving.freeze_events, when=events),
        Stage(level2, when=events),
        Stage(append_region, when=events),
        Stage(extract_spectra, when=events),
        Stage(make_responses, when=events and response_orders(job) is not None),
    ]


def check(job: Job) -> None:
    """Refuse, before any work, what cannot be done.

    Raises
    ------
    DataError
        tg_zo_position=evt2 without an evt2 file or without its REGION block; an unknown grating.
    ParameterError
        A position or orders that are none; a position off the sky.
    """
    arms_of(job.obs.events.grating, str(job.obs.events.path))
    if not job.options.process_events:
        return
    check_orders(job)
    sources(job)
    check_position(job)


def resolve_events(job: Job) -> list[Step]:
    """Return the steps that give the events grating coordinates and orders.

    With the HETG in continuous clocking there are three: a first pass tells the row where each photon fell, by which
    the events are calibrated again, and a second pass assigns the orders by their energies.
    """
    seen, final = job.obs.events, job.file("evt1a.fits")
    events = job.file("repro_evt1.fits")
    text = says("Assigning grating arms and orders.", f"The new level=1.5 event file is {final}")
    if not (seen.continuous and seen.grating == "HETG"):
        none = seen.instrument == "HRC" or seen.continuous
        return [_resolve(job, events, final, {"osipfile": "none"} if none else {}, text)]
    first, again = job.file("ccmode_evt1a.fits"), job.file("repro_cc_evt1.fits")
    told = says("Continuous clocking: the rows are told from a first pass, and the events calibrated again with them.")
    return [
        _resolve(job, events, first, {"osipfile": "none", "clobber": "yes"}, told),
        *acis.calibrate(job, first, again, _definition(job)),
        _resolve(job, again, final, {"osipfile": "CALDB"}, text),
    ]


def _resolve(job: Job, events: Path, made: Path, more: Mapping[str, str], text: tuple[Message, ...]) -> Step:
    mask = job.file("tgmask.fits")
    parameters = {
        "infile": str(events),
        "outfile": str(made),
        "regionfile": str(mask),
        "acaofffile": f"@{common.stacked(job.aspect_list)}",
        "eventdef": _definition(job),
        "clobber": job.clobber,
        **more,
    }
    return Step("tg_resolve_events", parameters, (events, mask, job.aspect_list), (made,), text)


def _definition(job: Job) -> str:
    """Return the parameter `eventdef` of level 1.5."""
    events = job.obs.events
    if events.instrument == "HRC":
        return ")stdlev1_HRC"
    if events.continuous:
        return ")ccgrdlev1a" if events.graded else ")cclev1a"
    return ")stdlev1_ACIS"


def _filter_acis(job: Job) -> list[Step]:
    return common.filter_events(
        job, acis.LEVEL2_FILTER, acis.STATFILT, job.file("reprofilt_evt1a.fits"), source=job.file("evt1a.fits")
    )


def _hrc_mask(job: Job) -> str:
    return HrcDetector.of_header(job.obs.events.header, str(job.obs.events.path)).status_mask


def _filter_hrc(job: Job) -> list[Step]:
    """Return the steps to level 2 with the HRC: the background filter of pulse heights where there is one."""
    mask, source = _hrc_mask(job), job.file("evt1a.fits")
    steps = []
    events = job.obs.events
    if job.options.pi_filter and events.grating == "LETG" and events.detector.startswith("HRC-S"):
        name = _pulse_height_filter(events)
        if name is None:
            text = "No background filter of pulse heights (TGPIMASK2) for this observation; it is skipped."
            steps.append(Step("pi_filter", {"use": "none"}, says=says(text), action=lambda ws: None))
        else:
            filtered = job.file("repro_bgfilt_evt1a.fits")
            infile, reads, late = common.source_of(job, source, f"[EVENTS][(tg_mlam,pi)=region({name})]")
            text = f"Filtering the background on pulse heights: {Path(name).name}"
            steps.append(Step("dmcopy", io(infile, filtered, clobber="yes"), reads, (filtered,), says(text), late=late))
            source = filtered
    return steps + common.filter_events(
        job,
        f"[EVENTS][status={mask}][x=:,y=:]",
        mask,
        intermediate=job.file("repro_filt_evt1a.fits"),
        text="Filtering the events on status.",
        source=source,
    )


def _pulse_height_filter(events: EventFile) -> str | None:
    """Return the CALDB file of the background filter; None where there is none for the observation.

    Raises
    ------
    CalibrationError
        Several fit.
    """
    from ciaopy.caldb import Caldb

    caldb = Caldb.open()
    if caldb is None:
        return None
    try:
        found = caldb.find("TGPIMASK2", events.header)
    except CalibrationError as error:
        if "several" in str(error) or "ambiguous" in str(error):
            raise
        return None
    return str(found.path)


def append_region(job: Job) -> list[Step]:
    """Return the step that puts the mask behind the level-2 events."""
    source, final = job.file("evt1a.fits"), job.file("repro_evt2.fits")
    parameters = {"infile": f"{source}[REGION][subspace -time]", "outfile": str(final)}
    return [Step("dmappend", parameters, (source, final), (final,))]
