"""chandra_repro for a moving target: the events frozen in the frame of a planet or comet, and its aspect solution."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ciaopy.engine import Step
from ciaopy.fits import Dataset, Table, open_fits
from ciaopy.pipelines.repro.common import says, stacked
from ciaopy.stack import join

if TYPE_CHECKING:
    from ciaopy.datamodel import Workspace
    from ciaopy.pipelines.repro.job import Job

__all__ = ["drop_object_columns", "freeze_events", "has_object_columns"]

_COLUMNS = ("ocx", "ocy", "pathlength")
_KEYWORDS = ("SSOEPHEM", "SCEPHEM", "OC_RA", "OC_DEC", "OC_DIST", "OC_LTCOR", "OC_SCALE")
NOT_FROZEN = "the events are not frozen"


def has_object_columns(path: Path) -> bool:
    """Tell whether someone has run sso_freeze on an event file."""
    with open_fits(path) as file:
        for hdu in file.scan():  # what is behind the events is not looked at: all of a packed file would be inflated
            if any(c.name.lower() in _COLUMNS[:2] for c in hdu.columns):
                return True
            if hdu.name.upper() == "EVENTS":
                return False
    return False


def drop_object_columns(job: Job) -> list[Step]:
    """Return the step that copies events that were frozen before without what that added."""
    source, target = job.obs.events.path, job.level1
    text = f"{source.name} has ocx, ocy already (sso_freeze): the columns are dropped and made anew"
    return [
        Step(
            "drop columns",
            {"file": str(source), "to": str(target), "columns": ",".join(_COLUMNS)},
            makes=(target,),
            says=says(f"NOTE: {text}." if job.freezes else f"NOTE: {text.replace(' and made anew', '')}."),
            action=lambda ws: _drop(ws, source, target),
        )
    ]


def _drop(ws: Workspace, source: Path, target: Path) -> None:
    """Write events without the columns, the vector and the keywords of sso_freeze."""
    blocks = []
    for block in ws.dataset(source).blocks:
        if not isinstance(block, Table) or not any(c in block for c in _COLUMNS):
            blocks.append(block)
            continue
        header = block.header.copy()
        for key in _KEYWORDS:
            header.remove(key, ignore_missing=True)
        kept = {k: c for k, c in block.columns.items() if k not in _COLUMNS}
        vectors = [v for v in block.vectors if not any(c.lower() in _COLUMNS for c in v.components)]
        blocks.append(Table(block.name, kept, header, vectors, block.companions))
    ws.write(target, Dataset(blocks), clobber=True)


def freeze_events(job: Job) -> list[Step]:
    """Return the steps that freeze the events of a moving target; none for other targets."""
    target = job.moving
    if target is None:
        return []
    name = str(job.obs.events.header.get("OBJECT", "")).strip() or target.name
    events = job.file("repro_evt1.fits" if job.obs.events.grating == "NONE" else "evt1a.fits")
    made = job.frozen_of(events)
    if made is None:
        text = f"moving target {name}: {target.problem}; {NOT_FROZEN}"
        return [Step("freeze", {"use": "none"}, action=lambda ws: ws.console.warn(text, 0))]
    aspect, centred = job.file("tmp_asol1.fits"), job.object_aspect
    merge = {"infile": f"@{stacked(job.aspect_list)}", "outfile": str(aspect), "clobber": "yes"}
    reads = (job.aspect_list, job.new_aspect) if job.updates_aspect else (job.aspect_list,)
    freeze = {
        "infile": stacked(events),
        "scephemfile": join(map(str, target.orbits)),
        "ssoephemfile": join(map(str, target.objects)),
        "outfile": str(made),
        "asolfile": stacked(aspect),
        "ocsolfile": str(centred),
        "clobber": "yes",
        "verbose": str(job.options.verbose),
    }
    text = f"Moving target {name}: freezing the events in its frame (sso_freeze)."
    return [
        Step("dmmerge", merge, reads, (aspect,), optional=NOT_FROZEN),
        Step("sso_freeze", freeze, (events, aspect), (made, centred), says(text), optional=NOT_FROZEN),
    ]
