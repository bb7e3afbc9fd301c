"""What a command line asks of a pipeline besides its parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class RunOptions:
    """Options of one run of a pipeline.

    What a pipeline offers follows from what it declares: `--plan` from a function `plan(par, ws)` that gives recipes,
    `--json` from `document(par, ws)`, `--ciao DIR` from a parameter `tools` that may be `ciao`.

    Attributes
    ----------
    plan : bool
        Print the steps and run none (`--plan`).
    json : bool
        Print what the tool's `document(par, ws)` gives, as JSON, instead of running it (`--json`).
    roots : mapping of str to Path
        Folders of suites, by their names: the work of tools=ciao is done by that of `ciao` (`--ciao DIR`). A suite that
        is not among them is where its environment variable says.
    """

    plan: bool = False
    json: bool = False
    roots: Mapping[str, Path] = field(default_factory=dict)
