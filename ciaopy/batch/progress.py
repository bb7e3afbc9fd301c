"""What a run shows while it works: a line per job, or a live table on a terminal, or nothing."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ciaopy.batch.graph import Node, Plan

__all__ = ["Lines", "LiveTable", "Progress", "make_progress"]

Table = tuple[dict[str, dict[str, int]], list[tuple[str, str, float, int]]]


class Progress:
    """Shows nothing."""

    per_observation = 1

    def begin(self, observations: int, per_observation: int) -> None:
        """Tell how many observations there are, and how many jobs each is likely to have."""
        self.per_observation = per_observation

    def tell(self, text: str) -> None:
        """Tell something in words, if there is something."""

    def finished(self, plan: Plan, node: Node, record: Mapping[str, Any], number: int, total: int) -> None:
        """Tell that a job has ended for good."""

    def given_up(self, plan: Plan, node: Node) -> None:
        """Tell that a job will not be tried."""

    def forget(self, plan: Plan) -> None:
        """Tell that an observation is through."""

    def tick(self, table: Callable[[], Table]) -> None:
        """Look at the state of affairs, often."""

    def end(self) -> None:
        """Tell that the run is over."""


def duration(seconds: float) -> str:
    """Return a time in the unit that suits it."""
    if seconds < 120.0:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200.0 else f"{seconds / 3600:.1f} h"


def describe(record: Mapping[str, Any]) -> str:
    """Return how a job ended, in a few words."""
    if record["state"] == "done":
        return f"done {record['seconds']:.1f} s"
    why = f" ({record['cause']})" if record["cause"] else ""
    return f"{record['state']}{why}: {record['message']}"


class Lines(Progress):
    """Writes one line per finished job."""

    def __init__(self, stream: IO[str] | None = None) -> None:
        self.stream = stream or sys.stderr

    def tell(self, text: str) -> None:
        """Write it."""
        if text:
            self.stream.write(f"{text}\n")
            self.stream.flush()

    def finished(self, plan: Plan, node: Node, record: Mapping[str, Any], number: int, total: int) -> None:
        """Write the line."""
        width = len(str(total))
        self.stream.write(f"[{number:{width + 1}d}/{total}] {node.ident} {node.stage.name} {describe(record)}\n")
        self.stream.flush()


class LiveTable(Progress):
    """A table of stages and states on a terminal, drawn by rich at most four times a second."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.live import Live

        self._live = Live(console=Console(stderr=True), refresh_per_second=4, transient=True)
        self._started = self._last = time.monotonic()
        self._number = self._total = 0
        self._table: Table = ({}, [])

    def begin(self, observations: int, per_observation: int) -> None:
        """Begin to draw."""
        self.per_observation = per_observation
        self._started = time.monotonic()
        self._live.start()

    def tell(self, text: str) -> None:
        """Write it above the table."""
        if text:
            self._live.console.print(text, markup=False, highlight=False)

    def finished(self, plan: Plan, node: Node, record: Mapping[str, Any], number: int, total: int) -> None:
        """Count, and write a line above the table for a failure."""
        self._number, self._total = number, total
        if record["state"] not in ("done", "skipped"):
            self._live.console.print(
                f"{node.ident} {node.stage.name} {describe(record)}", markup=False, highlight=False
            )

    def tick(self, table: Callable[[], Table]) -> None:
        """Draw anew, at most four times a second."""
        now = time.monotonic()
        if now - self._last >= 0.25:
            self._last = now
            self._table = table()
            self._live.update(self.drawing())

    def drawing(self) -> Any:
        """Return the table."""
        from rich import box
        from rich.console import Group
        from rich.table import Table as RichTable
        from rich.text import Text

        counts, jobs = self._table
        states = ("done", "running", "waiting", "failed", "skipped", "blocked")
        colours = ("green", "cyan", "yellow", "red", "blue", "magenta")
        table = RichTable(box=box.SIMPLE_HEAD, pad_edge=False)
        table.add_column("stage")
        for state, colour in zip(states, colours, strict=True):
            table.add_column(state, justify="right", style=colour)
        for stage, own in counts.items():
            table.add_row(stage, *(str(own.get(s) or "") for s in states))
        running = RichTable(box=box.SIMPLE_HEAD, pad_edge=False)
        for name in ("running", "stage", "age", "expected memory"):
            running.add_column(name, justify="left" if name in ("running", "stage") else "right")
        for ident, stage, age, memory in jobs[:16]:
            running.add_row(ident, stage, f"{age:.0f} s", f"{memory / 1e6:.0f} MB")
        return Group(table, running, Text(self._outlook()))

    def _outlook(self) -> str:
        seconds = time.monotonic() - self._started
        text = f"{self._number} of {self._total} jobs, {seconds:.0f} s"
        if self._number and self._total > self._number:
            left = seconds / self._number * (self._total - self._number)
            text += f"; {self._number / seconds * 60:.1f} a minute, about {duration(left)} left"
        return text

    def end(self) -> None:
        """Take the table away."""
        self._live.stop()


def make_progress(disabled: bool, stream: IO[str] | None = None) -> Progress:
    """Return what suits where a run is shown: nothing, a live table on a terminal, lines elsewhere."""
    if disabled:
        return Progress()
    out = stream or sys.stderr
    return LiveTable() if out.isatty() and stream is None else Lines(out)
