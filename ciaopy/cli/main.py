"""Entry points: `main` is the command `ciaopy`, `console_tool` every other command, named by its own file name.

Both are light: numerical libraries are loaded by the tool that is run, click only where `ciaopy` itself is asked.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from ciaopy.cli import run, signals
from ciaopy.cli.arguments import DEBUG_FLAGS, wants_debug
from ciaopy.cli.logs import with_log
from ciaopy.cli.reporting import interrupted, run_guarded
from ciaopy.cli.streams import leave, prepare_streams

#: Objects made before the collector looks for circles: libraries make hundreds of thousands while they are loaded, none
#: of them garbage, and looking took a tenth of a small run.
GARBAGE_THRESHOLD = 200_000


def main(words: Sequence[str] | None = None) -> NoReturn:
    """Run `ciaopy WORDS` (default: the process's own) and exit with its status."""
    words = sys.argv[1:] if words is None else words
    gc.set_threshold(GARBAGE_THRESHOLD)
    prepare_streams()
    _end(words[0] if words and run.is_command(words[0]) else "ciaopy", lambda: run_application(words))


def _end(name: str, action: Callable[[], int]) -> NoReturn:
    """Do the work and exit with its status; a signal that comes before it has begun, or behind it, ends it too."""
    try:
        signals.install(name)
        status = action()
        signals.finish()
    except BaseException as error:  # an import makes other errors of an interrupt
        if not signals.received() and not isinstance(error, KeyboardInterrupt):
            raise
        status = interrupted(name)
        signals.finish()
    leave(status)


def console_tool() -> NoReturn:
    """Run the tool or parameter command that this program is called as, and exit with its status."""
    name = os.path.basename(sys.argv[0])  # noqa: PTH119 - starts faster than pathlib
    if is_completing(name):
        complete(name)
    gc.set_threshold(GARBAGE_THRESHOLD)
    prepare_streams()
    if name in run.SUBCOMMANDS:
        _end(name, lambda: run_application([name, *sys.argv[1:]]))
    _end(name, lambda: run.run_command(name, sys.argv[1:]))


def is_completing(name: str) -> bool:
    """True where a shell asks what could follow: nothing must run then."""
    return f"_{name.upper()}_COMPLETE" in os.environ


def complete(name: str) -> NoReturn:
    """Print what could follow on the command line of a tool or parameter command, which the environment describes."""
    from ciaopy.cli.command import ParameterCommand

    ParameterCommand(name).main([], prog_name=name)
    raise SystemExit(0)


def run_application(words: Sequence[str]) -> int:
    """Run `ciaopy WORDS` and return the exit status.

    A tool or a parameter command gets its words untouched; everything else goes through click.
    """
    words = list(words)
    if words and not is_completing("ciaopy") and run.is_command(words[0]):
        if is_completing(words[0]):  # a shim: `python -m ciaopy.cli dmcopy ...`
            complete(words[0])
        return run.run_command(words[0], words[1:])
    debug = wants_debug(words)
    kept = [word for word in words if word not in DEBUG_FLAGS]
    return with_log("ciaopy", kept, lambda rest: run_guarded("ciaopy", lambda: _run_click(rest or ["--help"]), debug))


def _run_click(words: list[str]) -> int:
    """Run a subcommand; click's own errors become ours."""
    import click

    from ciaopy.cli.command import app
    from ciaopy.errors import UsageError

    if "_CIAOPY_COMPLETE" in os.environ:
        app.main(words, prog_name="ciaopy")
    try:
        with app.make_context("ciaopy", words) as context:
            status = app.invoke(context)
    except click.exceptions.Exit as done:
        return done.exit_code
    except click.Abort as error:
        raise KeyboardInterrupt from error
    except click.ClickException as error:
        raise UsageError(error.format_message()) from error
    return status if isinstance(status, int) else 0
