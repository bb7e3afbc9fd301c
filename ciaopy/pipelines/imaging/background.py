"""HRC-I: the particle background taken off the counts image."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ciaopy.console import Console
from ciaopy.engine import Message, Step
from ciaopy.errors import CalibrationError, DataError, NotAvailableError
from ciaopy.pipelines.imaging import headers as headers

if TYPE_CHECKING:
    from ciaopy.datamodel import Workspace
    from ciaopy.pipelines.imaging.inputs import FluxEvents
    from ciaopy.pipelines.imaging.job import Background, FluxJob

__all__ = ["background_steps", "locate", "status_filter"]

# Keywords of the observation that the background events take over; OBI_NUM goes where the observation has none.
CARRIED = (
    "OBJECT", "OBS_ID", "OBSERVER", "TITLE", "DS_IDENT", "SEQ_NUM", "RA_NOM", "DEC_NOM", "ROLL_NOM", "RA_PNT",
    "DEC_PNT", "ROLL_PNT", "ASPTYPE", "DATAMODE", "FOC_LEN", "BTIMDRFT", "BTIMNULL", "BTIMRATE", "OBI_NUM", "STATFILT",
)  # fmt: skip


def locate(events: FluxEvents, console: Console) -> str | None:
    """Return the background file of the CALDB for an HRC-I observation; None, and a line that says so, without one."""
    from ciaopy.caldb import Caldb

    try:
        caldb = Caldb.open()
        found = None if caldb is None else caldb.find("BKGRND", events.header)
    except (CalibrationError, NotAvailableError) as e:
        console.say(f"No HRC-I background is subtracted: {e}", 1)
        return None
    if found is None or not Path(found.path).is_file():
        console.say("No HRC-I background is subtracted: there is no CALDB with a background file", 1)
        return None
    console.say(f"HRC-I background: {found.path}", 1)
    return str(found.path)


def status_filter(events: FluxEvents, console: Console) -> str:
    """Return the filter on STATUS that the events went through: STATFILT, else that of the dmcopy in HISTORY."""
    from ciaopy.fits import parse_history

    value = events.key("STATFILT")
    if value:
        return f"[status={value}]"
    for entry in parse_history(events.header):
        if entry.tool == "dmcopy":
            match = re.search(r"\[status=[^\]]*\]", "".join(v for _, v in entry.items))
            if match:
                return match[0]
            break
    console.warn(f"{events.plain}: no status filter known; all background events are used")
    return ""


def background_steps(job: FluxJob, background: Background) -> list[Step]:
    """Return the steps that put the background on the sky, scale it and take it off."""
    tailored = job.work / "background.fits"
    made = job.names.background_events
    obsid = job.events.id

    def tailor(ws: Workspace) -> None:
        chosen = status_filter(job.events, ws.console)
        table = ws.read(f"{background.file}{chosen}")
        header = table.header.copy()
        for key in CARRIED:
            if key in job.events.header:
                header[key] = (job.events.header[key], job.events.header.comments[key])
        if "OBI_NUM" not in job.events.header:
            header.remove("OBI_NUM", ignore_missing=True)
        table.header = header
        ws.write(tailored, table, clobber=True)

    steps = [
        Step(
            "tailor background",
            {"infile": background.file, "outfile": str(tailored)},
            makes=(tailored,),
            says=(Message(1, f"Setting up the HRC-I background for obsid {obsid}"),),
            action=tailor,
        ),
        Step(
            "reproject_events",
            {
                "infile": str(tailored),
                "outfile": str(made),
                "aspect": job.aspect,
                "match": job.events.name,
                "random": str(background.seed),
                **job.common,
            },
            (tailored,),
            (made,),
        ),
    ]
    for band in job.bands:
        steps += _subtract(job, background, band.label, band.filter)
    return steps


def _subtract(job: FluxJob, background: Background, band: str, chosen: str) -> list[Step]:
    counts, raw, image = job.names.counts(band), job.names.unsubtracted(band), job.names.background(band)
    events = job.names.background_events
    copy = {"infile": str(counts), "outfile": str(raw), **job.common}
    binned = f"{events}{chosen}[bin {job.grid.binning}][opt type=i4]"

    def subtract(ws: Workspace) -> None:
        factors = scale_factors(ws, job.events.name, str(events), background)
        _subtracted(ws, (counts, raw, image), background, factors)

    return [
        Step("dmcopy", {"infile": binned, "outfile": str(image), **job.common}, (events,), (image,)),
        Step(
            "write unit",
            {"file": str(image), "unit": headers.COUNTS},
            (image,),
            (image,),
            action=lambda ws: headers.set_keys(ws, image, {"BUNIT": headers.COUNTS}),
        ),
        Step("dmcopy", copy, (counts,), (raw,)),
        Step(
            "subtract background",
            {"infile": str(raw), "background": str(image), "method": background.method, "outfile": str(counts)},
            (raw, image, events),
            (counts,),
            (Message(1, f"Subtracting the HRC-I background for obsid {job.events.id}"),),
            action=subtract,
        ),
    ]


def scale_factors(ws: Workspace, events: str, background: str, chosen: Background) -> tuple[float, float]:
    """Return numerator and denominator of the scale: exposure times, or rows that pass the filter.

    Raises
    ------
    DataError
        A number is missing or the denominator is 0.
    """
    if chosen.method == "particle":
        pair = tuple(float(getattr(ws.read(f"{n}{chosen.filter}"), "nrows", 0)) for n in (events, background))
    else:
        try:
            pair = tuple(ws.read(n).header.number("EXPOSURE") for n in (events, background))
        except (KeyError, TypeError, ValueError) as e:
            raise DataError(f"{events}, {background}: no EXPOSURE to scale the background with") from e
    if not pair[1] > 0:
        raise DataError(f"{chosen.file}: nothing to scale the background with ({chosen.method}): {pair[1]:g}")
    return pair[0], pair[1]


def _subtracted(ws: Workspace, paths: Sequence[Path], background: Background, factors: tuple[float, float]) -> None:
    """Write counts - scale * background with the record of how."""
    import numpy as np

    from ciaopy.datamodel.images import image_like, pixels, read_image

    counts, raw, image = paths
    scale = factors[0] / factors[1]
    ws.console.say(f"Background scale: {factors[0]:g} / {factors[1]:g} = {scale:g}", 2)
    source = read_image(ws, str(raw))
    result = image_like(source, np.asarray(pixels(source) - scale * pixels(read_image(ws, str(image))), np.float64))
    ws.write(counts, result, clobber=True)
    values: dict[str, object] = {
        "BEVTFILE": background.file,
        "BKGMETH": background.method,
        "BKGSCALE": scale,
        "BKGFACT1": factors[0],
        "BKGFACT2": factors[1],
    }
    if background.method == "particle":
        values["BKGPARAM"] = background.filter
    headers.set_keys(ws, counts, values)
