"""The text of a Slurm job array: one index for each few observations, no daemon, no connection."""

from __future__ import annotations

import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

__all__ = ["ArrayOptions", "array_script"]


@dataclass(frozen=True)
class ArrayOptions:
    """What the queue is asked for, as sbatch takes it; None leaves it to the queue.

    Attributes
    ----------
    time, mem, partition, account : str or None
    cpus, max_running : int or None
        For each index; most indexes at once.
    """

    time: str | None = None
    mem: str | None = None
    cpus: int | None = None
    partition: str | None = None
    account: str | None = None
    max_running: int | None = None


def array_script(survey: Path, indexes: int, options: ArrayOptions) -> str:
    """Return the script of a job array with the indexes 0 to `indexes` - 1; it runs as a plain script as well."""
    most = f"%{options.max_running}" if options.max_running else ""
    asked = [
        ("job-name", f"ciaopy-{survey.name}"),
        ("array", f"0-{indexes - 1}{most}"),
        ("time", options.time),
        ("mem", options.mem),
        ("cpus-per-task", options.cpus),
        ("partition", options.partition),
        ("account", options.account),
        ("output", f"{survey}/slurm/%A_%a.log"),
        ("signal", "B:TERM@60"),
    ]
    lines = [f"#SBATCH --{name}={shlex.quote(str(value))}" for name, value in asked if value is not None]
    command = shlex.join([sys.executable, "-m", "ciaopy.cli", "batch", "task", str(survey)])
    return "\n".join(["#!/bin/bash", *lines, f'exec {command} "$SLURM_ARRAY_TASK_ID"', ""])
