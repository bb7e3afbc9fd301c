"""Start watchers quickly: a process that has the modules of the work already, and forks one watcher for each attempt.

The server is single-threaded and runs nothing else, which is what makes forking safe. `python -m ciaopy.batch.server
DESCRIPTOR OWNER [MODULE ...]` is started by `Server`; the descriptor is its end of a socket pair. Each request is the
descriptor of a new control socket, over which the watcher then gets its program (`ciaopy.batch.supervise`). When the
socket pair is closed the server ends, be it in the middle of loading modules; its watchers notice the same about their
own sockets. Where the thread that started it lives as long as its process, OWNER is that process, and Linux ends the
server with it.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from types import FrameType
from typing import Any

from ciaopy.batch.supervise import Program, die_with, watch_socket

__all__ = ["Attempt", "Server"]

#: Seconds between two looks at the other end while modules are loaded.
_LOADING_TICK = 0.05


class Attempt:
    """A program that runs under a watcher.

    Attributes
    ----------
    connection : socket
        Readable when the answer, or the watcher's death, is there to be read.
    """

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self._text = b""

    def fileno(self) -> int:
        """Return the descriptor to wait for."""
        return self.connection.fileno()

    def stop(self) -> None:
        """Ask for the end of the program; the answer comes as always."""
        with contextlib.suppress(OSError):
            self.connection.send(b"stop\n")

    def read(self) -> tuple[bool, dict[str, Any] | None]:
        """Read what is there; returns (whether it is over, the answer or None where the watcher died without one)."""
        try:
            piece = self.connection.recv(1 << 20)
        except ConnectionError:
            piece = b""
        self._text += piece
        if self._text.endswith(b"\n"):
            answer: dict[str, Any] = json.loads(self._text)
            return True, answer
        return not piece, None

    def wait(self) -> dict[str, Any] | None:
        """Wait for the answer."""
        over, answer = False, None
        while not over:
            over, answer = self.read()
        self.close()
        return answer

    def close(self) -> None:
        """Let go of the program; one that still runs is killed by its watcher."""
        self.connection.close()


class Server:
    """Starts attempts; may be used by several threads.

    Parameters
    ----------
    modules : sequence of str
        Loaded once; every attempt has them.
    environ : dict, optional
        Environment of the server itself; an attempt has its own.
    """

    def __init__(self, modules: Sequence[str] = (), environ: dict[str, str] | None = None) -> None:
        self._modules, self._environ = tuple(modules), environ
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None

    def start(self, program: Program) -> Attempt:
        """Start a program.

        Raises
        ------
        OSError
            No process can be started.
        """
        here, there = socket.socketpair()
        with there:
            self._hand_over(there.fileno())
        attempt = Attempt(here)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # told by the missing answer
            here.sendall(program.to_json())
        return attempt

    def _hand_over(self, descriptor: int) -> None:
        """Give a control socket to the server, to a new one where the old one has died."""
        with self._lock:
            for fresh in (False, True):
                if fresh or self._control is None:
                    self._launch()
                assert self._control is not None
                try:
                    socket.send_fds(self._control, [b"+"], [descriptor])
                    return
                except (BrokenPipeError, ConnectionResetError):
                    if fresh:
                        raise
                    self._close()

    def _launch(self) -> None:
        here, there = socket.socketpair()
        lasting = threading.current_thread() is threading.main_thread()  # Linux looks at the thread, not the process
        owner = os.getpid() if lasting else 0
        with there:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "ciaopy.batch.server", str(there.fileno()), str(owner), *self._modules],
                pass_fds=(there.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env=self._environ,
                start_new_session=True,
            )
        self._control = here

    def _close(self) -> None:
        if self._control is not None:
            self._control.close()
            self._control = None
        if self._process is not None:
            self._process.wait()
            self._process = None

    def close(self) -> None:
        """End the server; what still runs is ended when its `Attempt` is closed."""
        with self._lock:
            self._close()


def serve(control: socket.socket, modules: Sequence[str]) -> None:
    """Load modules, then fork a watcher for each descriptor that arrives, until the other end is closed."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN if number != signal.SIGTERM else signal.SIG_DFL)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    with _ending_with(control):
        for module in ("psutil", *modules):
            with contextlib.suppress(ImportError):  # the attempt that needs it fails with this error, in its log
                importlib.import_module(module)
    gc.collect()
    gc.freeze()
    while True:
        readable, _, _ = select.select([control], [], [], 5.0)
        _bury()
        if not readable:
            continue
        word, descriptors, _, _ = socket.recv_fds(control, 1, 1)
        if not word:
            return
        for descriptor in descriptors:
            _fork_watcher(control, descriptor)


@contextlib.contextmanager
def _ending_with(control: socket.socket) -> Iterator[None]:
    """End this process as soon as the other end is closed, whatever it is at: loading takes a second and more."""
    other_end = select.poll()
    other_end.register(control, select.POLLHUP)

    def look(number: int, frame: FrameType | None) -> None:
        if other_end.poll(0):
            os._exit(0)

    signal.signal(signal.SIGALRM, look)
    signal.setitimer(signal.ITIMER_REAL, _LOADING_TICK, _LOADING_TICK)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)


def _bury() -> None:
    """Take the watchers that have ended."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _fork_watcher(control: socket.socket, descriptor: int) -> None:
    if os.fork():
        os.close(descriptor)
        return
    status = 1
    try:
        os.setsid()
        control.close()
        with socket.socket(fileno=descriptor) as own:
            watch_socket(own)
        status = 0
    except BaseException:  # noqa: BLE001 - the last frame of a process: told in the log, and by the missing answer
        import traceback

        traceback.print_exc()
    finally:
        os._exit(status)


if __name__ == "__main__":
    if int(sys.argv[2]):
        die_with(int(sys.argv[2]))
    with socket.socket(fileno=int(sys.argv[1])) as _control:
        serve(_control, sys.argv[3:])
