"""The log file of a process: what was run, what it said, warned and failed with, and when, line by line.

`--log FILE` of every command, or `$CIAOPY_LOG`, opens it. Lines are added at the end, each written at once: many runs
and many processes can share a file. It has the messages up to verbose 2 whatever is on the screen, and more where
`verbose` asks for more.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from ciaopy.errors import UserError

__all__ = ["LEVEL", "VARIABLE", "LogFile", "close_log", "current_log", "open_log"]

VARIABLE = "CIAOPY_LOG"
#: Messages of this level and below are kept at any verbosity.
LEVEL = 2


class LogFile:
    """A file that lines with time, process and kind are added to.

    Parameters
    ----------
    path : Path
    name : str
        Of the command.

    Raises
    ------
    UserError
        The file cannot be opened for writing.
    """

    def __init__(self, path: Path, name: str) -> None:
        self.path, self.name = path, name
        try:
            self._fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        except OSError as problem:
            raise UserError(f"{path}: the log file cannot be written: {problem.strerror}; name another") from None
        self._started = time.monotonic()

    def write(self, kind: str, text: str) -> None:
        """Add a line for each line of a text; what cannot be written (a full disk) does not end the run."""
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S%z")
        head = f"{stamp} {self.name}[{os.getpid()}] {kind:<7} "
        lines = "".join(f"{head}{line}".rstrip() + "\n" for line in text.splitlines() if line.strip())
        try:
            os.write(self._fd, lines.encode("utf-8", "backslashreplace"))
        except OSError:
            return

    def end(self, status: int) -> None:
        """Write how the process ends, and close."""
        self.write("END", f"status {status} after {time.monotonic() - self._started:.1f} s")
        os.close(self._fd)


class _Current:
    """The log of this process."""

    log: LogFile | None = None


def current_log() -> LogFile | None:
    """Return the log of this process, None where none is asked for."""
    return _Current.log


def open_log(path: str, name: str, words: list[str]) -> LogFile:
    """Open the log of this process and write the command line, the folder and the version.

    Raises
    ------
    UserError
        The file cannot be written.
    """
    from shlex import join

    from ciaopy.version import __version__

    _Current.log = LogFile(Path(path).expanduser(), name)
    _Current.log.write("START", join([name, *words]))
    _Current.log.write("START", f"ciaopy {__version__} in {Path.cwd()}")
    return _Current.log


def close_log(status: int) -> None:
    """Write the exit status and close the log, where there is one."""
    if _Current.log is not None:
        log, _Current.log = _Current.log, None
        log.end(status)
