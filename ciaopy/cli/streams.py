"""Standard streams that may be closed, full, or of a narrow encoding: no run is lost for want of a terminal."""

from __future__ import annotations

import gc
import os
import sys
from contextlib import suppress
from typing import IO, NoReturn

from ciaopy.streams import CLOSED

__all__ = ["flush_output", "leave", "prepare_streams", "silence"]


def prepare_streams() -> None:
    """Open what is closed (cron, daemons) on the null device; write what an encoding lacks as an escape.

    A closed standard stream leaves its number to the next file that is opened: it would get the messages.
    """
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            CLOSED.add(number)
            null = os.open(os.devnull, os.O_RDONLY if number == 0 else os.O_WRONLY)
            if null != number:
                os.dup2(null, number)
                os.close(null)
        if getattr(sys, name) is None:
            stream = open(number, mode, encoding="utf-8", closefd=False)  # noqa: SIM115
            setattr(sys, name, stream)
            setattr(sys, f"__{name}__", stream)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def silence(stream: IO[str]) -> None:
    """Let what is still to be written go nowhere: nobody reads it."""
    with suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)


def flush_output() -> None:
    """Hand over what was printed.

    Raises
    ------
    OSError
        It cannot be written: the disk is full, or the reader has gone.
    """
    sys.stdout.flush()


def leave(status: int) -> NoReturn:
    """End the process; the interpreter's own last flush must not fail after the status is known.

    What is in memory goes with the process: the interpreter need not look for circles in it once more.
    """
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            silence(stream)
    gc.freeze()
    sys.exit(status)
