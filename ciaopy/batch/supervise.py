"""Watch one program: its limits, its descendants, the death of whoever asked for it.

A *watcher* is a small process of its own, forked for one attempt (see `ciaopy.batch.server`). It starts the worker in
a session of its own, with stdout and stderr in a log file and nothing to read, and ends it and all its descendants
when the time or the memory is used up, when told so, or when the other end of its control socket is closed, which is
what happens when the process that asked for the attempt dies, however it dies.

Descendants that leave the process group, or whose parents have died, are found because the watcher is the reaper of
orphans below it (Linux); elsewhere they are listed from the watcher down before each signal.

Nothing here knows of observations: a program is an argument list or a function of a module.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import json
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NoReturn

__all__ = ["Outcome", "Program", "die_with", "load_function", "watch", "watch_socket"]

#: Seconds between SIGTERM and SIGKILL.
GRACE = 2.0
#: Seconds between two looks at the memory.
MEMORY_TICK = 0.1
#: Longest wait for killed processes to vanish, s (a process in an uninterruptible call stays).
_VANISH = 3.0
#: A longer log loses its middle, bytes.
LOG_LIMIT, _LOG_HEAD, _LOG_TAIL = 64 << 20, 1 << 20, 8 << 20
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36


@dataclass(frozen=True)
class Program:
    """What to run, and within which limits.

    Attributes
    ----------
    argv : tuple of str
        Program and arguments, or empty where `call` is given.
    call : str
        `module:function`, called with `argument` in a process that has the modules of the server.
    argument : dict
        For `call` and `conclude`; JSON values.
    conclude : str
        `module:function`, called by the watcher as f(argument, outcome as dict) after the end; it returns what is sent
        back. Empty: the outcome itself.
    environ : dict
        The whole environment.
    folder, log : str
        Working folder, file that stdout and stderr are appended to.
    timeout : float or None
        Limit, s.
    memory : int or None
        Limit of the resident memory of the worker and its descendants, bytes.
    grace : float
        Seconds between SIGTERM and SIGKILL.
    """

    argv: tuple[str, ...] = ()
    call: str = ""
    argument: dict[str, Any] = field(default_factory=dict)
    conclude: str = ""
    environ: dict[str, str] = field(default_factory=dict)
    folder: str = "."
    log: str = os.devnull
    timeout: float | None = None
    memory: int | None = None
    grace: float = GRACE

    def to_json(self) -> bytes:
        """Return one line."""
        return json.dumps(asdict(self)).encode() + b"\n"

    @classmethod
    def from_json(cls, line: bytes) -> Program:
        """Read what `to_json` wrote."""
        values = json.loads(line)
        return cls(**{**values, "argv": tuple(values["argv"])})


@dataclass
class Outcome:
    """How a program ended.

    Attributes
    ----------
    reason : str
        Why it was ended: `timeout`, `memory`, `stopped` (told to), `orphaned` (nobody is left who asked for it); empty
        where it ended by itself.
    exit_status : int or None
        Of the worker; the number of the signal, negative, where one killed it.
    seconds, cpu_seconds : float
        Wall time; user and system time of the worker and of every descendant that was reaped.
    peak_memory : int
        Bytes: the largest resident memory of one of them, or the largest sum that was sampled.
    started, ended : float
        Unix time.
    pid : int
        Of the worker.
    """

    reason: str = ""
    exit_status: int | None = None
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_memory: int = 0
    started: float = 0.0
    ended: float = 0.0
    pid: int = 0


def load_function(name: str) -> Callable[..., Any]:
    """Return the function `module:function`."""
    module, _, function = name.partition(":")
    found: Callable[..., Any] = getattr(importlib.import_module(module), function)
    return found


def watch_socket(control: socket.socket) -> None:
    """Read a `Program` from a control socket, run it, and send back one line of JSON."""
    line = b""
    while not line.endswith(b"\n"):
        piece = control.recv(1 << 16)
        if not piece:
            return
        line += piece
    program = Program.from_json(line)
    outcome = asdict(watch(program, control))
    answer = load_function(program.conclude)(program.argument, outcome) if program.conclude else outcome
    with contextlib.suppress(OSError):  # nobody is left to read it; the record on disk tells
        control.setblocking(True)
        control.sendall(json.dumps(answer).encode() + b"\n")


def watch(program: Program, control: socket.socket) -> Outcome:
    """Run a program to its end, or to the end of its limits; afterwards nothing of it is left.

    Parameters
    ----------
    program : Program
    control : socket
        Anything that arrives on it stops the program; so does its end.
    """
    return _Watch(program, control).run()


class _Watch:
    """The state of one watch."""

    def __init__(self, program: Program, control: socket.socket) -> None:
        self.program, self.control = program, control
        self.outcome = Outcome(started=time.time())
        self.deadline = None if program.timeout is None else time.monotonic() + program.timeout
        self.wake, self.wake_end = os.pipe()
        self.orphaned = False
        self.childless = False

    def run(self) -> Outcome:
        """Start, wait, clear up."""
        clock = time.monotonic()
        _prctl(_PR_SET_CHILD_SUBREAPER, 1)
        for descriptor in (self.wake, self.wake_end):
            os.set_blocking(descriptor, False)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        signal.set_wakeup_fd(self.wake_end, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        Path(self.program.log).parent.mkdir(parents=True, exist_ok=True)
        log = os.open(self.program.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.dup2(log, 2)
        own = os.getpid()
        self.outcome.pid = os.fork()
        if not self.outcome.pid:
            _become(self.program, log, own, (self.control.fileno(), self.wake, self.wake_end))
        os.close(log)
        self.outcome.reason = self._wait()
        self.outcome.seconds = time.monotonic() - clock
        self._end_all(self.program.grace if self.outcome.reason in ("timeout", "stopped") else 0.0)
        if self.outcome.reason:
            self.outcome.seconds = time.monotonic() - clock
        self.outcome.ended = time.time()
        _shorten(Path(self.program.log))
        return self.outcome

    def _wait(self) -> str:
        """Wait for the worker's end; return the reason to end it, empty if it has ended by itself."""
        while True:
            if self._reap():
                return ""
            ready = self._sleep(self._pause())
            if self._reap():
                return ""
            if self.control in ready:
                self.orphaned = not self.control.recv(64)
                return "orphaned" if self.orphaned else "stopped"
            if self.deadline is not None and time.monotonic() >= self.deadline:
                return "timeout"
            if self.program.memory is not None and self._resident() > self.program.memory:
                return "memory"

    def _pause(self) -> float | None:
        left = None if self.deadline is None else max(self.deadline - time.monotonic(), 0.0)
        if self.program.memory is None:
            return left
        return MEMORY_TICK if left is None else min(left, MEMORY_TICK)

    def _sleep(self, seconds: float | None) -> list[Any]:
        """Sleep until a child ends, the control socket says something, or the time is over."""
        sources: list[Any] = [self.wake] if self.orphaned else [self.control, self.wake]
        ready, _, _ = select.select(sources, [], [], seconds)
        if self.wake in ready:
            with contextlib.suppress(BlockingIOError):
                while os.read(self.wake, 512):
                    pass
        return ready

    def _reap(self) -> bool:
        """Take the dead; return True once the worker is among them (or was)."""
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                self.childless = sys.platform.startswith("linux")  # what was orphaned below is a child too
                break
            if not pid:
                break
            self.outcome.cpu_seconds += usage.ru_utime + usage.ru_stime
            unit = 1 if sys.platform == "darwin" else 1024
            self.outcome.peak_memory = max(self.outcome.peak_memory, usage.ru_maxrss * unit)
            if pid == self.outcome.pid:
                self.outcome.exit_status = os.waitstatus_to_exitcode(status)
        return self.outcome.exit_status is not None

    def _resident(self) -> int:
        """Return the resident memory of the worker and its descendants, bytes."""
        import psutil

        total = 0
        for process in _descendants():
            with contextlib.suppress(psutil.Error):
                total += process.memory_info().rss
        self.outcome.peak_memory = max(self.outcome.peak_memory, total)
        return total

    def _end_all(self, grace: float) -> None:
        """End every descendant: SIGTERM and a time of grace, then SIGKILL until none is left."""
        if not self._reap() and not grace:
            with contextlib.suppress(OSError):  # at once; the looks at every process that follow take a while
                os.killpg(self.outcome.pid, signal.SIGKILL)
        left = [] if self.childless else _descendants()
        if left and grace:
            _signal(left, signal.SIGTERM)
            stop = time.monotonic() + grace
            while left and not self.orphaned and (rest := stop - time.monotonic()) > 0:
                if self.control in self._sleep(min(rest, 0.2)):
                    self.orphaned = not self.control.recv(64)
                self._reap()
                left = _descendants(left)
        stop = time.monotonic() + _VANISH
        while left and time.monotonic() < stop:
            _signal(left, signal.SIGKILL)
            self._sleep_briefly()
            self._reap()
            left = _descendants(left)
        self._reap()

    def _sleep_briefly(self) -> None:
        select.select([self.wake], [], [], 0.02)
        with contextlib.suppress(BlockingIOError):
            while os.read(self.wake, 512):
                pass


def _descendants(known: list[Any] | None = None) -> list[Any]:
    """Return the live processes below this one, and those of `known` that are still there."""
    import psutil

    found = {p.pid: p for p in psutil.Process().children(recursive=True)}
    for process in known or ():
        found.setdefault(process.pid, process)
    alive = []
    for process in found.values():
        with contextlib.suppress(psutil.Error):
            if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                alive.append(process)
    return alive


def _signal(processes: list[Any], number: int) -> None:
    import psutil

    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.send_signal(number)


def _prctl(option: int, value: int) -> None:
    """Ask Linux for something about this process; other systems do without."""
    if sys.platform.startswith("linux"):
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


def die_with(parent: int) -> None:
    """Let Linux kill this process as soon as the thread that forked it ends; leave where that has happened already."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(70)


def _become(program: Program, log: int, watcher: int, descriptors: tuple[int, ...]) -> NoReturn:
    """Turn a fork of the watcher into the worker; never returns."""
    status = 70
    try:
        os.setsid()
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD, signal.SIGPIPE):
            signal.signal(number, signal.SIG_DFL)
        die_with(watcher)
        for descriptor in descriptors:
            os.close(descriptor)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.dup2(log, 1)
        os.dup2(log, 2)
        for descriptor in (nothing, log):
            if descriptor > 2:
                os.close(descriptor)
        os.chdir(program.folder)
        os.environ.clear()
        os.environ.update(program.environ)
        status = _execute(program) if program.argv else _call(program)
    except SystemExit as leave:
        status = leave.code if isinstance(leave.code, int) else 1
    except BaseException:  # noqa: BLE001 - the last frame of a process: told in the log, and in the exit status
        import traceback

        traceback.print_exc()
    finally:
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status & 0xFF)


def _execute(program: Program) -> int:
    """Replace this process; return the shell's exit status for a program that cannot be started."""
    try:
        os.execvpe(program.argv[0], list(program.argv), program.environ)
    except OSError as error:
        os.write(2, f"{program.argv[0]}: cannot be started: {error.strerror}\n".encode())
        return 127 if isinstance(error, FileNotFoundError) else 126


def _call(program: Program) -> int:
    """Call the function of a program in this process; return its exit status."""
    import tempfile

    tempfile.tempdir = None
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - for the rest of the process
    sys.stdout = open(1, "w", buffering=1, encoding="utf-8", errors="replace", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, encoding="utf-8", errors="replace", closefd=False)  # noqa: SIM115
    status = load_function(program.call)(program.argument)
    return status if isinstance(status, int) else 0


def _shorten(log: Path) -> None:
    """Cut the middle out of a log that is too long to keep."""
    try:
        size = log.stat().st_size
    except OSError:
        return
    if size <= LOG_LIMIT or not log.is_file():
        return
    with log.open("r+b") as file:
        file.seek(size - _LOG_TAIL)
        tail = file.read(_LOG_TAIL)
        file.seek(_LOG_HEAD)
        file.write(f"\n... {size - _LOG_HEAD - _LOG_TAIL} bytes of output are left out here ...\n".encode())
        file.write(tail)
        file.truncate()
