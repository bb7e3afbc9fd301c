"""chandra_repro for ACIS without grating: what runs, in which order, with which parameters."""

from __future__ import annotations

from pathlib import Path

from ciaopy.engine import Recipe, Step
from ciaopy.errors import DataError
from ciaopy.observation import EventFile, plain_name
from ciaopy.pipelines.repro import common, files, moving
from ciaopy.pipelines.repro.common import Stage, io, says, stacked
from ciaopy.pipelines.repro.job import Job

__all__ = ["calibrate", "carried_over", "event_definition", "position_parameter", "recipe", "stages"]

LEVEL2_FILTER = "[EVENTS][grade=0,2,3,4,6,status=0,x=:,y=:]"
FIRST_BITFLAG = "00000000000000120021100020022222"
SECOND_BITFLAG = "00000000000000122221100020022222"
STATFILT = "0" * 32
VFAINT_TRAIL = "0.027"


def stages(job: Job) -> list[Stage]:
    """Return the step table of an ACIS dataset: imaging or continuous clocking, no grating."""
    events = job.options.process_events
    return [
        Stage(common.copy_inputs),
        Stage(common.update_aspect),
        Stage(moving.drop_object_columns, when=job.was_frozen),
        Stage(reset_status),
        Stage(find_bad_pixels, when=job.makes_bad_pixels),
        Stage(process_events, when=events),
        Stage(align_good_times, when=events),
        Stage(moving.freeze_events, when=events),
        Stage(lambda j: common.filter_events(j, LEVEL2_FILTER, STATFILT), when=events),
        Stage(common.write_records, when=events),
        Stage(common.field_of_view, when=events),
        Stage(common.set_ardlib, when=job.options.set_ardlib),
    ]


def recipe(job: Job) -> Recipe:
    """Return the whole step list of one dataset.

    Raises
    ------
    DataError
        No event definition is known for its mode.
    """
    return common.as_recipe(job, stages(job))


def carried_over(events: EventFile) -> tuple[str, str]:
    """Return, for a run without CALDB, what is computed anew and what the archive's own processing leaves."""
    corrected = events.header.get("CTI_CORR") in {True, "T"}
    made = "" if corrected else "grades and pulse heights, "
    kept = "FLTGRADE, GRADE, PHA and ENERGY" if corrected else "ENERGY"
    return (
        f"{made}positions (CHIP to SKY), sub-pixel offsets, status bits, filters",
        f"{kept}, calibration rows of the bad pixel file",
    )


def reset_status(job: Job) -> list[Step]:
    """Return the steps that clear status bits of earlier processing and flag the streaks of CCD 8."""
    reset = job.file("reset_evt1.fits")
    streaks = job.options.destreak and 8 in job.obs.events.ccds
    first = job.file("dsk_evt1.fits") if streaks else reset
    steps = [
        common.copy_events(job, first, says("Resetting afterglow status bits.")),
        Step("acis_clear_status_bits", {"evtfile": str(first)}, (first,), (first,)),
    ]
    if streaks:
        parameters = {"infile": str(first), "outfile": str(reset), "ccd_id": "8", "filter": "no", "mask": "None"}
        text = says("Running destreak: CCD 8 was on.")
        steps.append(Step("destreak", {**parameters, "clobber": "yes"}, (first,), (reset,), text))
    return steps


def find_bad_pixels(job: Job) -> list[Step]:
    """Return the steps that make a new bad pixel file: calibration and bias first, then afterglows and hot pixels."""
    events, par, bias = job.file("reset_evt1.fits"), job.file("obs.par"), job.file("bias0.lis")
    abb, glow, final = (job.file(f"{n}_bpix1.fits") for n in ("abb1", "aglow", "repro"))
    listed, steps = job.file("calib_bpix1.fits"), []
    if not job.options.caldb:
        steps.append(_calibration_list(job, listed))
    first = {"calibfile": "CALDB" if job.options.caldb else str(listed), "biasfile": f"@{stacked(bias)}"}
    second = {"calibfile": str(glow), "biasfile": "NONE", "procbias": "no"}
    afterglow = {
        "infile": stacked(events),
        "outfile": str(glow),
        "badpixfile": str(abb),
        "maskfile": str(job.copy_of(job.obs["msk1"])),
        "statfile": str(job.copy_of(job.obs["stat1"])),
        "clobber": job.clobber,
    }
    return [
        *steps,
        Step(
            "dmmakepar",
            {"input": f"{events}[EVENTS]", "output": str(par), "clobber": "yes"},
            (events,),
            (par,),
            says("Running acis_build_badpix and acis_find_afterglow for a new bad pixel file."),
        ),
        _build_bad_pixels(job, abb, FIRST_BITFLAG, first, (par, bias, *(() if job.options.caldb else (listed,)))),
        Step("acis_find_afterglow", afterglow, (events, abb), (glow,)),
        _build_bad_pixels(job, final, SECOND_BITFLAG, second, (par, glow)),
    ]


def _calibration_list(job: Job, target: Path) -> Step:
    """Return the step that takes the calibration rows of the archive's file, where there is no CALDB."""
    archive = job.obs["bpix1"]
    return Step(
        "calibration list",
        {"infile": str(archive), "outfile": str(target)},
        makes=(target,),
        says=says(f"No CALDB: calibration rows are taken from the archive's {plain_name(archive)}."),
        action=lambda ws: files.write_calibration_list(ws, archive, target),
    )


def _build_bad_pixels(job: Job, target: Path, bitflag: str, sources: dict[str, str], reads: tuple[Path, ...]) -> Step:
    parameters = {
        "pbkfile": str(job.copy_of(job.obs["pbk0"])),
        "berrfile": "none",
        **sources,
        "outfile": str(target),
        "bitflag": bitflag,
        "evt0file": "none",
        "obsfile": str(job.file("obs.par")),
        "clobber": job.clobber,
    }
    return Step("acis_build_badpix", parameters, reads, (target,))


def process_events(job: Job) -> list[Step]:
    """Return the steps that process the events anew and bring their header up to date."""
    header = job.obs.events
    definition = event_definition(header.readmode, header.datamode)
    return calibrate(job, job.file("reset_evt1.fits"), job.file("repro_evt1.fits"), definition)


def calibrate(job: Job, events: Path, made: Path, definition: str) -> list[Step]:
    """Return the steps that calibrate an event file, with the columns of `definition`, and update its header."""
    header = job.obs.events
    mode = header.datamode
    parameters = {
        "infile": stacked(events),
        "outfile": str(made),
        "acaofffile": f"@{stacked(job.aspect_list)}",
        "badpixfile": str(job.bad_pixels),
        "mtlfile": stacked(job.copy_of(job.obs["mtl1"])),
        "eventdef": definition,
        "apply_tgain": "yes",
        "apply_cti": "yes",
        "clobber": job.clobber,
        **position_parameter(job.options.pix_adj, header.continuous, header.graded),
    }
    if mode == "VFAINT" and job.options.check_vf_pha:
        parameters |= {"check_vf_pha": "yes", "trail": VFAINT_TRAIL}
    reads = [events, job.bad_pixels, job.aspect_list]
    if job.updates_aspect:
        parameters["obsfile"] = str(job.pointing)
        reads += [job.pointing, job.new_aspect]
    texts = ["Running acis_process_events to reprocess the event file."]
    if job.options.pix_adj == "centroid" and header.graded:
        texts.insert(0, "WARNING: graded events have no centroid: pix_adj=none is used.")
    if header.continuous:
        texts.insert(0, "Continuous clocking: sky positions rest on RA_TARG and DEC_TARG; check them in the header.")
    update = {
        "infile": str(made),
        "pbkfile": str(job.obs["pbk0"]) if "pbk0" in job.obs else "",
        "asolfile": f"@{stacked(job.aspect_list)}",
    }
    return [
        Step("acis_process_events", parameters, tuple(reads), (made,), says(*texts), echo=True),
        Step("r4_header_update", update, (made, job.aspect_list), (made,)),
    ]


def align_good_times(job: Job) -> list[Step]:
    """Return the steps that make the good times; of timed exposures they begin and end with a frame."""
    cut, aligned = job.file("repro_flt1.fits"), job.file("repro_flt2.fits")
    steps = common.cut_good_times(job, cut)
    if job.obs.events.continuous:
        return [*steps, Step("dmcopy", io(str(cut), aligned, clobber=job.clobber), (cut,), (aligned,))]
    stat = str(job.copy_of(job.obs["stat1"]))
    span = f"{stat}{common.ASPECT_SPAN}"
    times = {"times": str(cut), "statfile": span, "outfile": str(aligned), "clobber": job.clobber}
    late = common.during_aspect(job, "statfile", stat)
    return [*steps, Step("gti_align", times, (cut,), (aligned,), late=late)]


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
