"""One attempt of a job: from a task to a supervised program, and from its end to products and a record.

A *task* is a dictionary of JSON values that holds all that an attempt needs, so that any engine can carry it anywhere
where the survey's folder is seen. `build` makes a `Program` of it, `work` is what runs in the child;
what follows is in `ciaopy.batch.publish`.
"""

from __future__ import annotations

import errno
import json
import os
import socket
import tempfile
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ciaopy.batch.supervise import Program, load_function
from ciaopy.errors import (
    CalibrationError,
    DataError,
    ExternalToolError,
    NoDataError,
    NotAvailableError,
    SASNotFoundError,
    SASVersionError,
    UserError,
)

__all__ = ["CAUSES", "FULL", "Job", "Made", "SkipJobError", "build", "work"]

#: Causes of failure, as they stand in the ledger.
CAUSES = (
    "data", "calibration", "user", "missing", "timeout", "memory", "lost", "io", "disk", "bug", "cancelled", "command",
)  # fmt: skip
#: What the system says of a full disk.
FULL = (errno.ENOSPC, errno.EDQUOT)
_THREADS = ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


class SkipJobError(Exception):
    """Raised by the work where there is nothing to do, with the reason: the job is skipped, not failed."""


@dataclass(frozen=True)
class Job:
    """What the work of a stage is given.

    Attributes
    ----------
    survey, folder, out : Path
        The survey; the observation's folder, never written to; the private folder for what is made.
    ident, obs_id : str
    parameters, fields : dict
        Of the stage; of the ident (see `Facts`).
    upstream : dict
        Stage -> its extra information, paths absolute.
    threads : int
    task : dict
        The whole task.
    """

    survey: Path
    folder: Path
    out: Path
    ident: str
    obs_id: str
    parameters: dict[str, Any]
    fields: dict[str, Any]
    upstream: dict[str, dict[str, Any]]
    threads: int
    task: Mapping[str, Any]

    @property
    def place(self) -> str:
        """Where the products of the observation go, below the survey."""
        return f"processed_data/{self.task['mission']}/{self.obs_id}"


@dataclass
class Made:
    """What the work of a stage has made.

    Attributes
    ----------
    products : dict
        Name below `Job.out` -> path below the survey.
    links : dict
        Path of a symbolic link below the survey -> path below the survey of what it points to.
    shared : set of str
        Products that a job of another stage may replace by its own: they are not missed afterwards.
    paths, values : dict
        Extra information: paths below the survey (text, or list of texts), and other JSON values.
    notes : list of str
        What the user should know: warnings, approximations.
    skipped : str
        Why there is nothing to do; the extra information is kept all the same.
    """

    products: dict[str, str] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    shared: set[str] = field(default_factory=set)
    paths: dict[str, Any] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    skipped: str = ""


def build(task: Mapping[str, Any]) -> Program:
    """Make the private folder of an attempt and return the program to run.

    Raises
    ------
    OSError
        The folder cannot be made.
    """
    survey = Path(task["survey"])
    (survey / "work").mkdir(exist_ok=True)
    private = Path(tempfile.mkdtemp(prefix=f"{task['ident']}_{task['stage']}_{task['attempt']}_", dir=survey / "work"))
    (private / "owner").write_text(f"{socket.gethostname()} {os.getpid()}\n")
    for name in ("pfiles", "tmp", "out"):
        (private / name).mkdir()
    payload = {**task, "private": str(private)}
    words = {**task.get("placeholders", {}), "out": str(private / "out"), "threads": str(task["threads"])}
    return Program(
        argv=tuple(fill(word, words) for word in task["argv"]),
        call="" if task["argv"] else "ciaopy.batch.attempt:work",
        argument=payload,
        conclude="ciaopy.batch.publish:conclude",
        environ=_environment(private, task),
        folder=str(survey if task["argv"] else private),
        log=str(survey / task["log"]),
        timeout=task["timeout"],
        memory=task["memory"],
    )


def fill(word: str, values: Mapping[str, str]) -> str:
    """Return a word of a command with its placeholders replaced; other braces stay."""
    for name, value in values.items():
        word = word.replace("{" + name + "}", value)
    return word


def _environment(private: Path, task: Mapping[str, Any]) -> dict[str, str]:
    from ciaopy.param import system_par_dir

    environ = dict(os.environ)
    environ["PFILES"] = f"{private / 'pfiles'};{system_par_dir()}"
    environ["TMPDIR"] = environ["ASCDS_WORK_PATH"] = str(private / "tmp")
    for name in _THREADS:
        environ[name] = str(task["threads"])
    for name, value in task.get("environ", {}).items():
        environ.pop(name, None)
        if value is not None:
            environ[name] = value
    return environ


# ---------------------------------------------------------------- in the child
def work(task: Mapping[str, Any]) -> int:
    """Do the work of a task in this process and write `result.json` into its private folder; returns 0 or 1."""
    private = Path(task["private"])
    job = Job(
        Path(task["survey"]),
        Path(task["folder"]),
        private / "out",
        task["ident"],
        task["obs_id"],
        task["parameters"],
        task["fields"],
        task["upstream"],
        task["threads"],
        task,
    )
    result: dict[str, Any]
    try:
        made: Made = load_function(task["work"])(job)
        for name in made.products:
            _check_product(job.out / name)
        result = {
            "products": made.products,
            "links": made.links,
            "shared": sorted(made.shared),
            "extra": {"paths": made.paths, "values": made.values},
            "notes": list(dict.fromkeys(made.notes)),
            "skipped": made.skipped,
        }
        if made.skipped:
            print(f"skipped: {made.skipped}", flush=True)  # noqa: T201 - the log of the attempt
    except Exception as error:  # noqa: BLE001 - whatever it is, it becomes the record of a failure
        state, cause, message = classify(error)
        if cause == "bug":
            traceback.print_exc()
        print(f"{state}: {message}", flush=True)  # noqa: T201 - the log of the attempt
        result = {"state": state, "cause": cause, "message": message}
    (private / "result.json").write_text(json.dumps(result))
    return 0 if "products" in result else 1


def _check_product(path: Path) -> None:
    """Raise DataError where a FITS product does not open."""
    if not path.is_file():
        raise DataError(f"{path.name} was not made")
    if path.suffix == ".fits" or path.name.endswith(".fits.gz"):
        from ciaopy.fits import open_fits

        with open_fits(path) as file:
            if not file.hdus:
                raise DataError(f"{path.name}: no HDU in it")


def classify(error: BaseException) -> tuple[str, str, str]:
    """Return (state, cause, message) of an error: state `failed` or `skipped`, one of `CAUSES`, one line."""
    message = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, SkipJobError):
        return "skipped", "data", message
    if isinstance(error, NotAvailableError):
        return "skipped", "not yet", f"not yet: {message}"
    if isinstance(error, NoDataError):
        return "skipped", "data", message
    system = _system_error(error)
    if system is not None and system.errno in FULL:
        return "failed", "disk", message
    kinds: tuple[tuple[type | tuple[type, ...], str], ...] = (
        (CalibrationError, "calibration"),
        ((SASNotFoundError, SASVersionError), "user"),
        (ExternalToolError, "command"),
        (FileNotFoundError, "missing"),
        (DataError, "data"),
        ((ConnectionError, TimeoutError), "io"),
        (UserError, "io" if system is not None else "user"),
        (MemoryError, "memory"),
        (OSError, "io"),
    )
    for kind, cause in kinds:
        if isinstance(error, kind):
            return "failed", cause, message
    return "failed", "bug", f"{type(error).__name__}: {message}"


def _system_error(error: BaseException | None) -> OSError | None:
    """Return the error of the system behind an error, None where there is none."""
    while error is not None:
        if isinstance(error, OSError) and error.errno is not None:
            return error
        error = error.__cause__ or error.__context__
    return None
