"""What a tool says to its user: one object, levels 0 to 5, plain text unless the stream is a terminal.

Science code never talks. Tools and pipelines get a `Console` through their `Workspace` and call `say`, `warn` and
`output`; `cli/` decides on streams. rich is imported only when a terminal wants colour.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from ciaopy.activity import QUIET, Activity, Task, open_activity
from ciaopy.logfile import LEVEL, current_log


class Console:
    """Write messages for one verbosity level.

    Parameters
    ----------
    verbose : int
        0 (silent but for errors) to 5. A message is shown if its level is at most this.
    out, err : file-like, optional
        Streams for progress and results, and for warnings. Default: the process's own, looked up at each call.
    """

    def __init__(self, verbose: int = 1, out: IO[str] | None = None, err: IO[str] | None = None) -> None:
        self.verbose = verbose
        self._out, self._err = out, err
        self._deaf: list[IO[str]] = []
        self.warnings: list[str] = []
        self._out_is_data = False
        self.activity: Activity = QUIET
        self.what = "steps"

    @property
    def out(self) -> IO[str]:
        """Stream of progress messages and results."""
        if self._out is not None:
            return self._out
        return self.err if self._out_is_data else sys.stdout

    def spare_output(self) -> None:
        """Send messages to the error stream from now on: the process's standard output carries a file."""
        self._out_is_data = True

    @property
    def err(self) -> IO[str]:
        """Stream of warnings."""
        return self._err if self._err is not None else sys.stderr

    @property
    def is_terminal(self) -> bool:
        """True where colour, tables and progress bars are welcome."""
        return self.out.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"

    def at(self, verbose: int) -> Console:
        """Return a console with another verbosity on the same streams, sharing the list of warnings."""
        other = Console(verbose, self._out, self._err)
        other._out_is_data = self._out_is_data
        other.warnings, other.activity, other.what = self.warnings, self.activity, self.what
        return other

    def task(self, text: str, total: int | None = None) -> Task:
        """Return a piece of work that a terminal shows while its `with` block runs; see `ciaopy.activity`."""
        return self.activity.task(text, total)

    def say(self, text: str = "", level: int = 1) -> None:
        """Print `text` if `level` is at most the verbosity."""
        self._log("INFO", text, level)
        if level <= self.verbose:
            self._mention(self.out, text)

    def output(self, text: str) -> None:
        """Print what the user asked for (`dmlist`, `pget`): at every verbosity."""
        self.out.write(text + "\n")

    def warn(self, text: str, level: int = 1) -> None:
        """Record a warning and print it, once, on the error stream if `level` is at most the verbosity.

        Level 0 is for tools that are silent by default (`dmcopy verbose=0`) and must warn all the same.
        """
        repeated = text in self.warnings
        self.warnings.append(text)
        if not repeated:
            self._log("WARNING", text, 0)
        if level <= self.verbose and not repeated:
            self._mention(self.err, f"WARNING: {text}")

    def _log(self, kind: str, text: str, level: int) -> None:
        """Write to the log of the process, where there is one, what is of its level or on the screen."""
        log = current_log()
        if log is not None and level <= max(self.verbose, LEVEL):
            log.write(kind, text)

    def _mention(self, stream: IO[str], text: str) -> None:
        """Print what the run does not depend on: where it cannot be written any more, the run goes on without."""
        if stream in self._deaf:
            return
        try:
            stream.write(text + "\n")
            stream.flush()
        except (OSError, ValueError):
            self._deaf.append(stream)


class StepConsole(Console):
    """The console of a tool inside a pipeline: quieter than the pipeline's own, with the same warnings.

    Parameters
    ----------
    parent : Console
        The pipeline's.
    echo : bool
        Let the tool's level-1 messages through at verbose 1; otherwise they appear at verbose 3.
    """

    def __init__(self, parent: Console, echo: bool = False) -> None:
        level = parent.verbose if echo else parent.verbose - 2
        super().__init__(max(level, 0), parent._out, parent._err)
        self.warnings, self.activity, self.what = parent.warnings, parent.activity, parent.what
        self._parent = parent

    def warn(self, text: str, level: int = 1) -> None:
        """Warn through the pipeline's console."""
        self._parent.warn(text, level)


@contextmanager
def shown(console: Console, text: str) -> Iterator[None]:
    """Show on a terminal that work goes on, by the name `text`; work inside work joins the display that there is."""
    opened = console.activity is QUIET and console._err is None
    if opened:
        console.activity = open_activity(console.verbose)
    activity = console.activity
    try:
        with activity.task(text):
            yield
    finally:
        if opened:
            activity.stop()
            console.activity = QUIET
