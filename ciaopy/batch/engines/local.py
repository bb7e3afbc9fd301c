"""Run tasks on this machine, each under a watcher of its own."""

from __future__ import annotations

import selectors
from collections.abc import Sequence
from typing import Any

from ciaopy.batch.attempt import build
from ciaopy.batch.engines.protocol import Task
from ciaopy.batch.publish import lost_record
from ciaopy.batch.server import Attempt, Server

__all__ = ["LocalEngine"]


class LocalEngine:
    """Runs tasks on this machine.

    Parameters
    ----------
    slots : int
        Most tasks at once.
    modules : sequence of str
        What the work imports: loaded once, before the first task that is no command of the user's.
    name : str
        As it stands in the records.
    """

    local = True

    def __init__(self, slots: int, modules: Sequence[str] = (), name: str = "local") -> None:
        self.name = name
        self._slots = slots
        self._light = Server()
        self._full = Server(modules) if modules else self._light
        self._selector = selectors.DefaultSelector()

    def slots(self) -> int:
        """Return how many tasks may run at once."""
        return self._slots

    def threads(self) -> int | None:
        """Return None: the supervisor shares out the cores."""
        return None

    def submit(self, task: Task) -> Attempt:
        """Start a task."""
        task["engine"], task["worker"] = self.name, "local"
        server = self._light if task["argv"] else self._full
        attempt = server.start(build(task))
        self._selector.register(attempt, selectors.EVENT_READ, task)
        return attempt

    def wait(self, timeout: float | None) -> Sequence[tuple[Attempt, dict[str, Any]]]:
        """Return the records of tasks that have ended."""
        ended = []
        for key, _ in self._selector.select(timeout):
            attempt = key.fileobj
            assert isinstance(attempt, Attempt)
            over, record = attempt.read()
            if over:
                self._selector.unregister(attempt)
                attempt.close()
                ended.append((attempt, record or lost_record(key.data, "its watcher died")))
        return ended

    def stop(self, handle: Attempt) -> None:
        """Ask for the end of a task."""
        handle.stop()

    def close(self) -> None:
        """End everything: what still runs is killed by its watcher."""
        for key in list(self._selector.get_map().values()):
            assert isinstance(key.fileobj, Attempt)
            key.fileobj.close()
        self._selector.close()
        for server in {self._light, self._full}:
            server.close()
