"""A job on a suite of external programs: calls in order in one private folder, and what must come out.

The caller supervises: a job runs in the process group it is started in, so that whoever ends the group ends the job's
programs.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from ciaopy.engine.external import Installation, LogLine, execute
from ciaopy.errors import CiaopyError, ExternalToolError
from ciaopy.messages import reason

__all__ = ["Call", "Job", "JobResult", "run_job"]

#: Lines of output that a message about a silent failure shows.
_TAIL = 5


@dataclass(frozen=True)
class Call:
    """One program with the parameters that are set, in order.

    Attributes
    ----------
    program : str
    parameters : mapping of str to str
        Become `name=value`.
    words : tuple of str
        Other arguments, before those.
    """

    program: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    words: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Job:
    """Calls in one folder.

    Attributes
    ----------
    folder : Path
        Private to the job, and its working folder; it exists. Parameter files go to `pfiles` in it.
    calls : tuple of Call
        In order; the first that fails ends the job.
    expected : mapping of str to str
        A word for each file that must come out, and the pattern of its name (`*-gti.fits`), below `folder`.
    environment : mapping of str to str
        Variables of this job.
    """

    folder: Path
    calls: tuple[Call, ...]
    expected: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class JobResult:
    """What a job made.

    Attributes
    ----------
    files : mapping of str to Path
        Under the words of `Job.expected`.
    warnings : tuple of LogLine
        In order.
    """

    files: Mapping[str, Path]
    warnings: tuple[LogLine, ...]


def run_job(installation: Installation, job: Job, log: IO[bytes] | None = None) -> JobResult:
    """Run the calls of a job and find what they made.

    A call has succeeded where its exit status is 0 and its output holds no line that the suite marks as an error; the
    job where all have and every pattern is met by one readable file.

    Parameters
    ----------
    installation : Installation
    job : Job
    log : binary file, optional
        Open for reading and writing; all output is added to it as it comes.

    Raises
    ------
    ExternalToolError
        A program is missing or failed, or what was expected is not there once; the message says which.
    """
    paths = [installation.require(call.program) for call in job.calls]
    parameters = job.folder / "pfiles"
    parameters.mkdir(exist_ok=True)
    environment = installation.environment(parameters, job.environment)
    warnings: list[LogLine] = []
    for path, call in zip(paths, job.calls, strict=True):
        program, *rest = installation.argument_list(path, call.parameters)
        status, text = execute([program, *call.words, *rest], environment, job.folder, log)
        lines = installation.suite.read_log(text)
        warnings += [line for line in lines if not line.is_error]
        errors = [line for line in lines if line.is_error]
        if errors or status != 0:
            raise ExternalToolError(_failure(call.program, status, errors, text))
    return JobResult(files={w: _only(job.folder, w, p) for w, p in job.expected.items()}, warnings=tuple(warnings))


def _failure(program: str, status: int, errors: list[LogLine], text: str) -> str:
    if errors:
        return "; ".join(dict.fromkeys(str(line) for line in errors))
    how = f"was ended by signal {-status}" if status < 0 else f"failed with exit status {status}"
    tail = "".join(f"\n  {line}" for line in text.splitlines()[-_TAIL:])
    return f"{program} {how}" + (f" and said at its end:{tail}" if tail else " and said nothing")


def _only(folder: Path, word: str, pattern: str) -> Path:
    """Return the one file that meets a pattern.

    Raises
    ------
    ExternalToolError
        There is none, there are several, or it cannot be read.
    """
    names = sorted(p.name for p in folder.iterdir() if p.name != "pfiles")
    found = [name for name in names if fnmatch.fnmatchcase(name, pattern)]
    if len(found) != 1:
        how = "none" if not found else f"{len(found)} ({', '.join(found)})"
        there = ", ".join(names) or "nothing"
        raise ExternalToolError(f"{word}: one file {pattern} was expected, there is {how}; the folder holds {there}")
    path = folder / found[0]
    _check_whole(path, word)
    return path


def _check_whole(path: Path, word: str) -> None:
    """Refuse an empty file, and a FITS file with a part missing."""
    try:
        with path.open("rb") as file:
            start = file.read(9)
        if start == b"SIMPLE  =":
            from ciaopy.fits import open_fits

            with open_fits(path) as fits:
                fits.hdus  # noqa: B018 - finds a header or data that are cut short
    except (OSError, CiaopyError) as e:
        raise ExternalToolError(f"{word}: {path.name} cannot be read: {reason(e)}") from e
    if not start:
        raise ExternalToolError(f"{word}: {path.name} is empty")
