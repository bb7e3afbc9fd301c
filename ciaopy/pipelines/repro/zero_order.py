"""Where the zero order of a grating observation is, for chandra_repro: in the archive's mask, found, or given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ciaopy.coords import FocalPlane, SkyFrame
from ciaopy.engine import Step
from ciaopy.errors import DataError, NoDataError, ParameterError
from ciaopy.filenames import filter_file
from ciaopy.hrc import HrcDetector
from ciaopy.observation import EventFile, zero_order_position
from ciaopy.pipelines.repro.common import io, says
from ciaopy.pipelines.repro.job import Job

if TYPE_CHECKING:
    from ciaopy.datamodel import Workspace
    from ciaopy.fits import Table

__all__ = ["check_position", "find_zero_order", "keeps_mask", "sources"]

_ACIS_GOOD = "[status=0,grade=0,2,3,4,6]"


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


def sources(job: Job) -> list[int]:
    """Return the numbers of the sources that will be in the spectra."""
    if not keeps_mask(job):
        return [1]
    return list(dict.fromkeys(int(n) for n in _archive_region(job)["SOURCE"]))


def keeps_mask(job: Job) -> bool:
    """Return True where the mask is the archive's own, which is kept."""
    return _method(job) == "evt2"


def check_position(job: Job) -> None:
    """Refuse a position that is none, or off the sky of the observation.

    Raises
    ------
    ParameterError
        It cannot be read, or is not within the range of SKY, or on no chip that was on.
    """
    where = zero_order_position(job.options.tg_zo_position)
    if isinstance(where, tuple):
        _sky_position(job.obs.events, where)


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
    on = {int(c) for c in detnam.partition("-")[2] if c.isdecimal()} if plane.detector.name == "ACIS" else None
    if int(place.chip_id) < 0 or (on and int(place.chip_id) not in on):
        raise ParameterError(
            f"tg_zo_position={at[0]:.5f},{at[1]:.5f}: the position is on no chip of {detnam} in {where}; "
            "check RA and Dec"
        )


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
    chosen = (
        _ACIS_GOOD
        if is_acis
        else f"[status={HrcDetector.of_header(job.obs.events.header, str(job.obs.events.path)).status_mask}]"
    )
    search = io(str(timed), found, zo_pos_x="X", zo_pos_y="Y", temproot=str(job.out / job.root), clobber="yes")
    texts = ["Zero order: the brightest source near the target is looked for."]
    if zero_order_position(job.options.tg_zo_position) == "evt2":
        texts.insert(0, "WARNING: the aspect solution was updated: the archive's zero order is not used, but detected.")
    return [
        Step("dmcopy", io(f"{events}{chosen}", good, clobber="yes"), (events,), (good,), says(*texts)),
        Step("dmcopy", io(f"{good}[{filter_file(job.obs['flt1'])}]", timed, clobber="yes"), (good,), (timed,)),
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
