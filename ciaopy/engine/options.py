"""What a command line asks of a pipeline besides its parameters."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class RunOptions:
    """Options of one run of a pipeline.

    `run_tool` hands them to a pipeline whose function is `run(par, ws, options)`.

    Attributes
    ----------
    plan : bool
        Print the steps and run none (`--plan`).
    ciao : Path or None
        Folder of the CIAO installation whose tools do the work with tools=ciao (`--ciao DIR`); None: `$ASCDS_INSTALL`.
    """

    plan: bool = False
    ciao: Path | None = None
