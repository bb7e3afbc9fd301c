"""What the work of XMM-Newton stages has in common: links with plain names, runs of SAS and of our own tools."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from contextlib import chdir, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ciaopy.batch.attempt import Job, Made
from ciaopy.engine import Call, JobResult, run_job
from ciaopy.engine import Job as Calls
from ciaopy.errors import DataError

__all__ = ["Camera", "check_band", "link", "members", "place_copy", "run_sas", "run_tool", "upstream_file"]


@dataclass(frozen=True)
class Camera:
    """What images and exposure maps of a camera are made from.

    Attributes
    ----------
    final : Path
        Merged list of clean events.
    lists : tuple of Path
        Clean lists of the sub-exposures.
    attitude : Path or None
    conditions : tuple of str
        With which they were cleaned, but for energies and times.
    """

    final: Path
    lists: tuple[Path, ...]
    attitude: Path | None
    conditions: tuple[str, ...]


def link(source: Path, target: Path) -> None:
    """Make a symbolic link with a plain name, a copy where links are impossible; a link that is there is renewed."""
    target.unlink(missing_ok=True)
    try:
        target.symlink_to(Path(os.path.abspath(source)))  # noqa: PTH100 - the raw folder's own links are kept
    except OSError:
        shutil.copy2(source, target)


def place_copy(source: Path, target: Path) -> None:
    """Put a file under another name: a hard link, a copy where that is impossible. The source stays."""
    with suppress(OSError):
        os.link(source.resolve(), target)
        return
    shutil.copy2(source, target)


def upstream_file(job: Job, stage: str, key: str) -> Path:
    """Return a file that an earlier stage made.

    Raises
    ------
    FileNotFoundError
        It is not there.
    """
    value = job.upstream.get(stage, {}).get(key)
    if not value:
        raise FileNotFoundError(f"{job.ident}: {stage} has left no {key}; run it again")
    path = Path(value)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: the {key} of {stage} is not there; run it again")
    return path


def members(job: Job, stage: str) -> dict[str, dict[str, Any]]:
    """Return ident -> extra information of a stage, for a job that gathers several sub-exposures."""
    found: dict[str, dict[str, Any]] = job.upstream.get(stage, {}).get("by_ident", {})
    return dict(sorted(found.items()))


def run_sas(job: Job, made: Made, calls: Sequence[Call], expected: Mapping[str, str]) -> JobResult:
    """Run SAS programs in the private folder; notes their warnings, and what they wrote into the raw folder.

    Raises
    ------
    SASNotFoundError, ExternalToolError
        SAS is not set up, a program failed, or what was expected did not come out.
    """
    from ciaopy.engine import SUITES, find_installation

    installation = find_installation(SUITES["sas"], what=str(job.task["stage"]))
    environment = {}
    ccf, odf = job.upstream.get("cif_build", {}).get("ccf_path"), job.upstream.get("odf_ingest", {}).get("sum_path")
    if ccf:
        environment["SAS_CCF"] = str(ccf)
    if odf:
        environment["SAS_ODF"] = str(odf)
    before = _state(job.folder)
    log = job.survey / str(job.task["log"])
    log.parent.mkdir(parents=True, exist_ok=True)
    try:
        with log.open("a+b") as file:
            task = Calls(folder=job.out, calls=tuple(calls), expected=dict(expected), environment=environment)
            result = run_job(installation, task, file)
    finally:
        written = sorted(set(_state(job.folder).items()) ^ set(before.items()))
        if written:
            names = ", ".join(dict.fromkeys(name for name, _ in written))
            made.notes.append(f"{job.task['stage']} wrote into the raw folder: {names}")
            print(made.notes[-1], flush=True)  # noqa: T201 - the log of the attempt
    made.notes += [str(line) for line in result.warnings]
    return result


def _state(folder: Path) -> dict[str, tuple[int, int]]:
    """Return name -> (size, time of change) of the files of a raw folder."""
    found = {}
    with suppress(OSError):
        for path in folder.iterdir():
            status = path.stat()
            found[path.name] = (status.st_size, status.st_mtime_ns)
    return found


def run_tool(job: Job, made: Made, tool: str, parameters: Mapping[str, str]) -> Any:
    """Run one of our tools in the private folder; its warnings are noted.

    Raises
    ------
    CiaopyError
        Whatever the tool raises.
    """
    from ciaopy.console import Console
    from ciaopy.datamodel import Workspace
    from ciaopy.engine import bind, load_tool

    console = Console()
    with chdir(job.out):
        result = load_tool(tool).run(bind(tool, dict(parameters)), Workspace(console, job.threads))
    made.notes += list(dict.fromkeys(console.warnings))
    return result


def check_band(image: Any, counted: int, name: str) -> None:
    """Refuse an image without counts of a list that has events in the band.

    Raises
    ------
    DataError
        As said.
    """
    if counted and not image.any():
        raise DataError(f"{name}: no counts, but {counted} events of the list are in the band")
