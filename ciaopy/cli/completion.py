"""`ciaopy completion SHELL`: the script that lets a shell complete commands, parameters and their values."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from ciaopy.cli import run
from ciaopy.cli.command import ParameterCommand, app
from ciaopy.console import Console

#: Commands that complete besides `ciaopy` itself: those that pip installs.
INSTALLED = ("chandra_repro", "fluximage")
#: Line of click's script for bash, and what keeps bash from a blank after `name=`.
BASH_ADD = "COMPREPLY+=($value)"
BASH_NO_BLANK = "; [[ $value == *= ]] && compopt -o nospace"


def script(shell: str, names: tuple[str, ...]) -> str:
    """Return the completion script of `shell` for the commands `names`."""
    cls = get_completion_class(shell)
    if cls is None:
        raise click.UsageError(f"no completion for {shell}")
    parts = []
    for name in names:
        cli = app if name == "ciaopy" else ParameterCommand(name)
        parts.append(cls(cli, {}, name, f"_{name.upper()}_COMPLETE").source())
    return "\n".join(parts).replace(BASH_ADD, BASH_ADD + BASH_NO_BLANK)


@click.command("completion", short_help=run.SUBCOMMANDS["completion"])
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.argument("names", nargs=-1, metavar="[TOOL]...")
def command(shell: str, names: tuple[str, ...]) -> None:
    """Print the completion script of SHELL for ciaopy, chandra_repro, fluximage and the TOOLs (shims) named.

    For bash, put this into ~/.bashrc:  eval "$(ciaopy completion bash)"
    """
    Console().output(script(shell, ("ciaopy", *dict.fromkeys((*INSTALLED, *names)))))
