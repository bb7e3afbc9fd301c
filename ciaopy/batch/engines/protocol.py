"""What an engine is: somewhere to run tasks. It decides nothing and writes no ledger."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from ciaopy.errors import CiaopyError

__all__ = ["Engine", "EngineLostError", "Handle", "Task"]

Task = dict[str, Any]
#: Whatever an engine knows a running task by.
Handle = Any


class EngineLostError(CiaopyError):
    """The engine cannot run anything any more (its scheduler is gone); what was done is kept."""


class Engine(Protocol):
    """Somewhere to run tasks.

    Attributes
    ----------
    name : str
        As it stands in the ledger.
    local : bool
        Jobs run on this machine, so that its memory bounds them.
    """

    name: str
    local: bool

    def slots(self) -> int:
        """Return how many tasks may be handed over at once."""

    def threads(self) -> int | None:
        """Return the threads for each task, None where the supervisor shares out the cores."""

    def submit(self, task: Task) -> Handle:
        """Start a task; OSError where it cannot be."""

    def wait(self, timeout: float | None) -> Sequence[tuple[Handle, dict[str, Any]]]:
        """Return the records of tasks that have ended, after at most `timeout` seconds."""

    def stop(self, handle: Handle) -> None:
        """Ask for the end of a task; its record comes through `wait`."""

    def close(self) -> None:
        """End everything."""
