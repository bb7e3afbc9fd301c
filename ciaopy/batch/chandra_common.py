"""What the works of the Chandra stages share: tools bound to a job, names of products, headers."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ciaopy.batch.attempt import Job
from ciaopy.console import Console
from ciaopy.errors import CalibrationError

if TYPE_CHECKING:
    from ciaopy.fits import Header

__all__ = ["begin", "event_header", "is_hrc", "kev", "notes_of", "product_name", "run_step"]


def run_step(tool: str, values: Mapping[str, object], job: Job, console: Console) -> Any:
    """Run a tool or a pipeline with the job's threads; no parameter file of the user's is read or written."""
    from ciaopy.datamodel import Workspace
    from ciaopy.engine import bind, load_tool

    texts = {k: ("yes" if v else "no") if isinstance(v, bool) else str(v) for k, v in values.items()}
    return load_tool(tool).run(bind(tool, texts), Workspace(console, job.threads))


def begin(job: Job) -> Console:
    """Name in HISTORY the places where files will lie; return the console of the job.

    Raises
    ------
    CalibrationError
        Where the job runs there is another calibration than where it was planned.
    """
    from ciaopy.caldb import caldb_version
    from ciaopy.fits import record_places

    here, planned = caldb_version(), job.task.get("calibration", "")
    if planned and here != planned:
        raise CalibrationError(
            f"the calibration here is {here}, that of the survey is {planned}; let CALDB ({os.environ.get('CALDB')})"
            " name the same database on all machines"
        )

    private = job.out.parent
    places = {str(job.out): job.place, str(private / "in"): str(job.folder), str(private): "", f"{job.survey}/": ""}
    record_places(places, ("nproc", "parallel"), str(private / "tmp"))
    return Console(1)


def product_name(job: Job, kind: str, tag: str = "") -> str:
    """Return DAXA's name of a product."""
    return f"obsid{job.obs_id}-inst{job.fields['instrument']}-subexp{job.fields['exposure']}{tag}-{kind}.fits"


def notes_of(console: Console) -> list[str]:
    """Return the warnings of a job, each once."""
    return list(dict.fromkeys(" ".join(w.split()) for w in console.warnings))


def is_hrc(job: Job) -> bool:
    """Return True for an ident of the HRC."""
    return str(job.fields["instrument"]) == "HRC"


def kev(energy: float) -> str:
    """Return an energy as DAXA writes it: a Python float."""
    return repr(float(round(energy, 9)))


def event_header(path: Path) -> Header:
    """Return the header of the block EVENTS."""
    from ciaopy.fits import read_header

    return read_header(path, "EVENTS")
