"""chandra_repro with a grating: zero order, orders, level 2, spectra, responses; between the steps of the detector."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ciaopy.coords import FocalPlane, SkyFrame
from ciaopy.engine import Recipe, Step
from ciaopy.errors import CalibrationError, DataError, NoDataError, NotAvailableError, ParameterError, UserError
from ciaopy.gratings import SpectrumId, arms_of, default_orders, names_of
from ciaopy.hrc import HrcDetector
from ciaopy.observation import EventFile, zero_order_position
from ciaopy.pipelines.repro import acis, common, hrc
from ciaopy.pipelines.repro.common import Stage, io, says
from ciaopy.pipelines.repro.job import Job
from ciaopy.response import order_list
from ciaopy.stack import join

if TYPE_CHECKING:
    from ciaopy.datamodel import Workspace
    from ciaopy.fits import Table

__all__ = ["acis_recipe", "carried_over", "hrc_recipe"]

_ACIS_GOOD = "[status=0,grade=0,2,3,4,6]"


def acis_recipe(job: Job) -> Recipe:
    """Return the step list of a grating observation with the ACIS.

    Raises
    ------
    DataError, ParameterError
        What `check` finds wrong.
    NotAvailableError
        Continuous clocking.
    """
    if job.obs.events.continuous and job.options.process_events:
        raise NotAvailableError(
            f"{job.obs.events.path}: gratings in continuous clocking are not reprocessed by ciaopy yet; "
            "nothing was done"
        )
    check(job)
    events = job.options.process_events
    table = [
        Stage(common.copy_inputs),
        Stage(common.update_aspect),
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
        *_dispersion(job, hrc.good_times, _filter_hrc),
        Stage(hrc.dead_time, when=events),
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
    made = common.as_recipe(job, table, [*more, *_products(job)])
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
    response_orders(job)
    _sources(job)
    where = zero_order_position(job.options.tg_zo_position)
    if isinstance(where, tuple):
        _sky_position(job.obs.events, where)


def _method(job: Job) -> str | tuple[float, float]:
    """Return how the zero order is found; with a new boresight the archive's position is not valid any more."""
    where = zero_order_position(job.options.tg_zo_position)
    return "detect" if where == "evt2" and job.updates_aspect else where


def _archive_region(job: Job) -> Table:
    """Return the REGION block of the archive's level-2 events.

    Raises
    ------
    DataError
        There is no such file, or no such block in it.
    """
    from ciaopy.fits import Table, open_fits

    way_out = "set tg_zo_position=detect, or give the position of the zero order"
    if "evt2" not in job.obs:
        raise DataError(
            f"{job.obs.layout.primary}: no *{job.obs.events.tag}evt2.fits*, whose REGION block "
            f"tg_zo_position=evt2 takes; {way_out}"
        )
    path = job.obs["evt2"]
    with open_fits(path) as file:
        if not any(h.name.upper() == "REGION" for h in file.hdus):
            raise DataError(f"{path}: no REGION block with the zero order and the arms; {way_out}")
        block = file.read("REGION")
    if not isinstance(block, Table) or "SOURCE" not in block:
        raise DataError(f"{path}: the REGION block is no grating mask; {way_out}")
    return block


def _sources(job: Job) -> list[int]:
    """Return the numbers of the sources that will be in the spectra."""
    if _method(job) != "evt2":
        return [1]
    return list(dict.fromkeys(int(n) for n in _archive_region(job)["SOURCE"]))


def _sky_position(events: EventFile, at: tuple[float, float]) -> None:
    """Refuse a position off the sky of the observation.

    Raises
    ------
    ParameterError
        It is not within the range of SKY.
    """
    header, where = events.header, str(events.path)
    frame = SkyFrame.from_header(header, where=where)
    x, y = (float(v) for v in frame.plane.world_to_pixel(*at))
    low, high = frame.detector.det_range
    if not (low <= x <= high and low <= y <= high):
        raise ParameterError(
            f"tg_zo_position={at[0]:.5f},{at[1]:.5f}: the position is off the sky of {where} "
            f"(tangent point {frame.ra_nom:.4f}, {frame.dec_nom:.4f}); check RA and Dec"
        )
    _on_a_chip(header, where, (x, y), at)


def _on_a_chip(header: Mapping[str, object], where: str, sky: tuple[float, float], at: tuple[float, float]) -> None:
    """Refuse a position that falls on no chip that was on.

    Raises
    ------
    ParameterError
        It does not.
    """
    from ciaopy.coords import Attitude

    plane, frame = FocalPlane.from_header(header, where=where), SkyFrame.from_header(header, where=where)
    place = plane.sky_to_chip(*sky, Attitude.from_header(header, where), frame)
    detnam = str(header.get("DETNAM", ""))
    on = {int(c) for c in detnam.partition("-")[2] if c.isdigit()} if plane.detector.name == "ACIS" else None
    if int(place.chip_id) < 0 or (on and int(place.chip_id) not in on):
        raise ParameterError(
            f"tg_zo_position={at[0]:.5f},{at[1]:.5f}: the position is on no chip of {detnam} in {where}; "
            "check RA and Dec"
        )


def response_orders(job: Job) -> list[int] | None:
    """Return the orders that responses are made for; None where there are none to be made.

    Raises
    ------
    ParameterError
        tg_orders is no list of orders.
    """
    text = job.options.tg_orders.strip()
    if text.lower() in ("none", ""):
        return None
    if text.lower() in ("default", "indef"):
        events = job.obs.events
        many = events.grating == "LETG" and events.detector.startswith("HRC-S")
        return [*range(-8, 0), *range(1, 9)] if many else [-1, 1]
    return order_list(text, "tg_orders")


def _products(job: Job) -> list[Path]:
    """Return the files that stay, beside those of imaging."""
    if not job.options.process_events:
        return []
    made = [job.file("evt1a.fits"), job.file("repro_pha2.fits")]
    if _method(job) == "evt2":
        made.append(job.file("tgmask.fits"))
    orders = response_orders(job)
    if orders is None:
        return made
    events = job.obs.events
    arms = arms_of(events.grating)
    spectra = [
        SpectrumId(0, a.part, m, s) for s in _sources(job) for a in arms for m in default_orders(a, events.detector)
    ]
    responses = [SpectrumId(0, a.part, m, s) for s in _sources(job) for a in arms for m in orders]
    made += [Path(f"{root}{end}") for _, root in names_of(spectra, _root(job)) for end in (".pha", "_bkg.pha")]
    made += [Path(f"{root}{end}") for _, root in names_of(responses, _root(job)) for end in (".arf", ".rmf")]
    return made


def _root(job: Job) -> str:
    """Return the start of the names of spectra and responses."""
    return str(job.out / "tg" / f"{job.root}_repro")


def find_zero_order(job: Job) -> list[Step]:
    """Return the steps that make the mask of zero order and arms."""
    method, mask = _method(job), job.file("tgmask.fits")
    if method == "evt2":
        text = says("Zero order and arms: the REGION block of the archive's level=2 events.")
        return [Step("dmcopy", io(f"{job.obs['evt2']}[REGION]", mask, clobber=job.clobber), (), (mask,), text)]
    if method == "detect":
        return _detect(job, mask)
    assert isinstance(method, tuple)
    events = job.file("repro_evt1.fits")
    parameters = {"infile": str(events), "outfile": str(mask), "input_pos_tab": "", "use_user_pars": "yes"}
    parameters |= {"last_source_toread": "A", "sA_zero_x": "X", "sA_zero_y": "Y", "sA_zero_rad": "0"}
    parameters |= {"sA_width_heg": "0", "sA_width_meg": "0", "sA_width_leg": "0", "clobber": "yes"}
    text = says(f"Zero order: the position {method[0]:.6f}, {method[1]:.6f}.")
    late = _place(events, method, ("sA_zero_x", "sA_zero_y"))
    return [Step("tg_create_mask", parameters, (events,), (mask,), text, late=late)]


def _place(
    events: Path, at: tuple[float, float] | None, names: tuple[str, str]
) -> Callable[[Workspace], Mapping[str, str]]:
    """Return what gives a position (None: the target) as SKY of the new events, when they are there."""

    def late(ws: Workspace) -> Mapping[str, str]:
        from ciaopy.datamodel import block_without_rows

        header = block_without_rows(str(events), ws).header
        ra, dec = at or (header.get("RA_TARG"), header.get("DEC_TARG"))
        if not isinstance(ra, (int, float)) or not isinstance(dec, (int, float)):
            raise DataError(f"{events}: no RA_TARG and DEC_TARG to look for the zero order about; set tg_zo_position")
        x, y = SkyFrame.from_header(header, where=str(events)).plane.world_to_pixel(float(ra), float(dec))
        return dict(zip(names, (repr(float(x)), repr(float(y))), strict=True))

    return late


def _detect(job: Job, mask: Path) -> list[Step]:
    """Return the steps that look for the zero order in the good events."""
    events, good = job.file("repro_evt1.fits"), job.file("goodevt1.fits")
    timed, found = job.file("goodevt1a.fits"), job.file("src1a.fits")
    is_acis = job.obs.events.instrument == "ACIS"
    chosen = _ACIS_GOOD if is_acis else f"[status={_hrc_mask(job)}]"
    search = io(str(timed), found, zo_pos_x="X", zo_pos_y="Y", temproot=str(job.out / job.root), clobber="yes")
    texts = ["Zero order: the brightest source near the target is looked for."]
    if zero_order_position(job.options.tg_zo_position) == "evt2":
        texts.insert(0, "WARNING: the aspect solution was updated: the archive's zero order is not used, but detected.")
    return [
        Step("dmcopy", io(f"{events}{chosen}", good, clobber="yes"), (events,), (good,), says(*texts)),
        Step("dmcopy", io(f"{good}[@{job.obs['flt1']}]", timed, clobber="yes"), (good,), (timed,)),
        Step("tgdetect2", search, (timed,), (found,), late=_place(timed, None, ("zo_pos_x", "zo_pos_y"))),
        Step("check detection", {"file": str(found)}, (found,), (), action=lambda ws: _check_found(ws, found)),
        Step(
            "tg_create_mask",
            {"infile": str(events), "outfile": str(mask), "input_pos_tab": str(found), "clobber": "yes"},
            (events, found),
            (mask,),
        ),
    ]


def _check_found(ws: Workspace, found: Path) -> None:
    """Refuse to go on without a zero order.

    Raises
    ------
    NoDataError
        The table has no row.
    """
    from ciaopy.fits import Table

    table = ws.read(str(found))
    if not isinstance(table, Table) or not table.nrows:
        raise NoDataError("no zero order was detected; give its position with tg_zo_position=RA,Dec")


def resolve_events(job: Job) -> list[Step]:
    """Return the step that gives the events grating coordinates and orders."""
    events, made, mask = job.file("repro_evt1.fits"), job.file("evt1a.fits"), job.file("tgmask.fits")
    parameters = {
        "infile": str(events),
        "outfile": str(made),
        "regionfile": str(mask),
        "acaofffile": f"@{common.stacked(job.aspect_list)}",
        "eventdef": ")stdlev1_ACIS" if job.obs.events.instrument == "ACIS" else ")stdlev1_HRC",
        "clobber": job.clobber,
    }
    if job.obs.events.instrument == "HRC":
        parameters["osipfile"] = "none"
    text = says("Assigning grating arms and orders.", f"The new level=1.5 event file is {made}")
    return [Step("tg_resolve_events", parameters, (events, mask, job.aspect_list), (made,), text)]


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
            parameters = io(f"{source}[EVENTS][(tg_mlam,pi)=region({name})]", filtered, clobber="yes")
            text = f"Filtering the background on pulse heights: {Path(name).name}"
            steps.append(Step("dmcopy", parameters, (source,), (filtered,), says(text)))
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


def extract_spectra(job: Job) -> list[Step]:
    """Return the step that extracts the spectra of type II."""
    final, made = job.file("repro_evt2.fits"), job.file("repro_pha2.fits")
    parameters = io(str(final), made, clobber=job.clobber)
    if job.obs.events.instrument == "HRC" and job.obs.events.grating == "LETG":
        parameters["inregion_file"] = "CALDB"
    text = says("Extracting the grating spectra.", f"The spectra are in {made}")
    return [Step("tgextract", parameters, (final,), (made,), text)]


def make_responses(job: Job) -> list[Step]:
    """Return the steps that make effective areas, response matrices and spectra of type I."""
    final, spectra, root = job.file("repro_evt2.fits"), job.file("repro_pha2.fits"), _root(job)
    orders = response_orders(job) or []
    files = [p for p in _products(job) if p.parent.name == "tg"]
    areas, matrices = (tuple(p for p in files if p.suffix == s) for s in (".arf", ".rmf"))
    parameters = {
        "infile": str(spectra),
        "evtfile": str(final),
        "outroot": root,
        "orders": ",".join(map(str, orders)),
        "asolfile": f"@{common.stacked(job.aspect_list)}",
        "bpixfile": str(job.bad_pixels),
        "mskfile": str(job.copy_of(job.obs["msk1"])),
        "clobber": job.clobber,
    }
    if "dtf1" in job.obs:
        parameters["dtffile"] = str(job.copy_of(job.obs["dtf1"]))
    split = {
        "infile": str(spectra),
        "arffile": join(map(str, areas)),
        "rmffile": join(map(str, matrices)),
        "outroot": root,
    }
    reads = (final, spectra, job.aspect_list, job.bad_pixels)
    return [
        Step("make folder", {"folder": str(job.out / "tg")}, action=lambda ws: _make_folder(job.out / "tg")),
        Step(
            "mktgresp", parameters, reads, (*areas, *matrices), says("Creating effective areas and response matrices.")
        ),
        Step(
            "tgsplit",
            {**split, "clobber": job.clobber},
            (spectra, *areas, *matrices),
            tuple(p for p in files if p.suffix == ".pha"),
        ),
    ]


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise UserError(f"{folder}: the folder cannot be made ({error.strerror})") from error
