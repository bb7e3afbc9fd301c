"""Interrupts: SIGINT and SIGTERM end a run within two seconds, whatever it is doing, with 130 or 143.

The handler raises `Stopped` in the main thread, so that temporary files are removed on the way out. That exception can
be lost: raised within a callback it is printed and forgotten, within an import it comes out as another error. So what
came is also remembered (`received`), and whoever ends the run asks. And it can come late: Python runs no handler while
compiled code runs, and leaving a pool of threads waits for their work. A thread that the system wakes at once gives the
run `GRACE` seconds, then removes what `ciaopy.scratch` notes and ends the process.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from types import FrameType
from typing import NoReturn

from ciaopy.scratch import remove_all
from ciaopy.version import __version__

__all__ = ["GRACE", "NUMBERS", "Stopped", "describe", "finish", "install", "received"]

#: Seconds from the signal to the end of a process that does not end by itself.
GRACE = 1.2
NUMBERS = (signal.SIGINT, signal.SIGTERM)
_WHAT = {signal.SIGINT: "Keyboard interrupt (control-c)", signal.SIGTERM: "Terminated (SIGTERM)"}


class Stopped(KeyboardInterrupt):
    """The user, or the system, wants the run to end."""


class _State:
    """The signal that came, the tool that it came to, and whether the user was told."""

    number: int = 0
    tool: str = "ciaopy"
    is_told: bool = False


def install(tool: str) -> None:
    """Let SIGINT and SIGTERM end this process; one that is ignored (`nohup`, a shell's background) stays ignored.

    Parameters
    ----------
    tool : str
        Name for the last message.
    """
    _State.number, _State.tool, _State.is_told = 0, tool, False
    if threading.current_thread() is not threading.main_thread():
        return
    sys.unraisablehook = _unraisable
    heard = [number for number in NUMBERS if signal.getsignal(number) is not signal.SIG_IGN]
    for number in heard:
        signal.signal(number, _stop)
    if heard and hasattr(os, "pipe") and hasattr(signal, "set_wakeup_fd"):
        reading, writing = os.pipe()
        os.set_blocking(writing, False)
        signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
        threading.Thread(target=_watch, args=(reading,), name="signals", daemon=True).start()


def _unraisable(lost: sys.UnraisableHookArgs) -> None:
    """Say nothing of an interrupt that is lost in a callback: it is remembered, and ends the run all the same."""
    if not isinstance(lost.exc_value, Stopped):
        sys.__unraisablehook__(lost)


def finish() -> None:
    """Let a signal from now on end the process at once: the work is done, and what remains is to leave."""
    for number in NUMBERS:
        if signal.getsignal(number) is _stop:
            signal.signal(number, lambda number, frame: os._exit(128 + number))


def received() -> int:
    """Return the number of the signal that came, 0 for none."""
    return _State.number


def describe(number: int) -> str:
    """Return the message of a run that a signal ended; whoever asks will say it."""
    _State.is_told = True
    return _WHAT.get(signal.Signals(number), f"ended by signal {number}")


def _stop(number: int, frame: FrameType | None) -> NoReturn:
    """Leave by an exception; a second signal finds the way out already taken."""
    _State.number = _State.number or number
    raise Stopped


def _watch(reading: int) -> None:
    """Wait for a signal that ends the run, then for the end; make one where it does not come."""
    while True:
        numbers = os.read(reading, 64)
        ours = [n for n in numbers if n in NUMBERS and signal.getsignal(n) is _stop]
        if ours:
            break
    time.sleep(GRACE)
    remove_all()
    if not _State.is_told:
        _last_words(f"# {_State.tool} (ciaopy {__version__}): {describe(ours[0])}\n")
    os._exit(128 + ours[0])


def _last_words(text: str) -> None:
    """Write to the error stream without its buffer, which another thread may hold."""
    try:
        os.write(sys.__stderr__.fileno() if sys.__stderr__ is not None else 2, text.encode())
    except (OSError, ValueError):
        return
