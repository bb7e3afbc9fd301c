"""`ciaopy shims DIR`: small programs named after the tools, so that `dmcopy in out` works in a shell."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import click

from ciaopy.cli import run
from ciaopy.console import Console
from ciaopy.errors import OutputExistsError, UserError

#: Second line of every shim; a file without it is not ours and is never touched.
MARK = "# shim written by `ciaopy shims`"


def shim_text(name: str, python: str) -> str:
    """Return the program that runs tool `name` with `python`; -P keeps modules of the current folder out."""
    return f'#!/bin/sh\n{MARK}\nexec {shlex.quote(python)} -P -m ciaopy.cli {name} "$@"\n'


def is_ours(path: Path) -> bool:
    """True if `path` is a shim that ciaopy wrote."""
    try:
        with path.open("rb") as stream:
            return MARK.encode() in stream.read(500)
    except OSError:
        return False


def write_shims(folder: Path, names: list[str], python: str = sys.executable) -> list[Path]:
    """Write one shim per name.

    Parameters
    ----------
    folder : Path
        Made if it is missing.
    names : list of str
        Tools and parameter commands.
    python : str
        Interpreter that runs them.

    Returns
    -------
    list of Path
        The shims.

    Raises
    ------
    OutputExistsError
        A file of one of the names is not ciaopy's; nothing is written then.
    UserError
        The folder cannot be made or written to.
    """
    paths = [folder / name for name in names]
    foreign = [path.name for path in paths if (path.exists() or path.is_symlink()) and not is_ours(path)]
    if foreign:
        shown = " ".join(foreign[:5]) + (f" and {len(foreign) - 5} more" if len(foreign) > 5 else "")
        raise OutputExistsError(f"{folder} holds programs that are not ciaopy's ({shown}); choose another folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path in paths:
            fresh = path.with_name(f".{path.name}.new")
            fresh.write_text(shim_text(path.name, python))
            fresh.chmod(0o755)
            fresh.replace(path)
    except OSError as error:
        raise UserError(f"cannot write shims into {folder}: {error.strerror or error}") from error
    return paths


@click.command("shims", short_help=run.SUBCOMMANDS["shims"])
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
def command(folder: Path) -> None:
    """Write a small program for every tool and parameter command into DIR, and say how to put it on PATH.

    Programs in DIR that ciaopy did not write are never overwritten: CIAO's own commands may live beside these.
    """
    tools = [name for name in run.tool_names() if run.is_implemented(name)]
    folder = folder.expanduser().absolute()
    paths = write_shims(folder, [*run.parameter_commands(), *tools])
    console = Console()
    console.output(f"{len(paths)} commands in {folder}")
    console.output(f"To use them:  export PATH={shlex.quote(str(folder))}:$PATH")
