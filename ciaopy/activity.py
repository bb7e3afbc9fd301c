"""What a terminal shows while a run goes on: one line per task, with a bar where there is something to count.

Nothing is shown where the error stream is no terminal, at verbose=0, and before a run has lasted two seconds; the lines
go away when it ends. What the run says meanwhile appears above them. rich is imported only when something is shown.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from types import TracebackType
from typing import Any

__all__ = ["QUIET", "Activity", "Task", "TerminalActivity", "open_activity"]

#: Seconds before anything is shown.
DELAY = 2.0


class Task:
    """A piece of work that is shown while its `with` block runs; `total` steps, None where they cannot be counted."""

    def __init__(self, text: str, total: int | None = None, owner: TerminalActivity | None = None) -> None:
        self.text, self.total, self.done = text, total, 0
        self.began = time.monotonic()
        self.now = ""
        self._owner = owner

    def __enter__(self) -> Task:
        if self._owner is not None:
            self._owner.begin(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._owner is not None:
            self._owner.end(self)

    def show(self, now: str, done: int | None = None) -> None:
        """Say what is being done, and how many steps have been."""
        self.now = now
        self.done = self.done if done is None else done
        self._changed()

    def advance(self, steps: int = 1) -> None:
        """Count steps that are done."""
        self.done += steps
        self._changed()

    def _changed(self) -> None:
        if self._owner is not None:
            self._owner.update(self)


class Activity:
    """Shows nothing."""

    def task(self, text: str, total: int | None = None) -> Task:
        """Return a task, to be used as a context manager."""
        return Task(text, total)

    def stop(self) -> None:
        """Show nothing any more."""


#: For consoles without a terminal.
QUIET = Activity()


class TerminalActivity(Activity):
    """Shows tasks on the terminal of the error stream, by rich.

    Parameters
    ----------
    delay : float
        Seconds before anything is shown.
    """

    def __init__(self, delay: float = DELAY) -> None:
        self._lock = threading.RLock()
        self._tasks: dict[Task, Any] = {}
        self._live: Any = None
        self._timer: threading.Timer | None = threading.Timer(delay, self._start)
        self._timer.daemon = True
        self._timer.start()

    def task(self, text: str, total: int | None = None) -> Task:
        """Return a task of this terminal."""
        return Task(text, total, self)

    def begin(self, task: Task) -> None:
        """Show a task from now on."""
        with self._lock:
            self._tasks[task] = self._live.add_task(**_row(task)) if self._live is not None else None

    def update(self, task: Task) -> None:
        """Show how far a task is."""
        with self._lock:
            if self._live is not None and self._tasks.get(task) is not None:
                row = _row(task)
                self._live.update(self._tasks[task], completed=task.done, total=row["total"], now=row["now"])

    def end(self, task: Task) -> None:
        """Take a task away."""
        with self._lock:
            number = self._tasks.pop(task, None)
            if self._live is not None and number is not None:
                self._live.remove_task(number)

    def stop(self) -> None:
        """Take everything away; nothing is shown any more."""
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            live, self._live = self._live, None
        if live is not None:
            live.stop()

    def _start(self) -> None:
        """Begin to show the tasks that there are."""
        with self._lock:
            if self._timer is None:
                return
            self._live = _make_live()
            for task in self._tasks:
                self._tasks[task] = self._live.add_task(**_row(task))
            self._live.start()


def _row(task: Task) -> dict[str, Any]:
    """Return a task as rich has it."""
    return {"description": task.text, "total": task.total, "completed": task.done, "now": task.now, "began": task.began}


def _make_live() -> Any:
    """Return rich's display: spinner, what, bar and count where there is a total, what now, time since it began."""
    from rich.console import Console
    from rich.progress import Progress, ProgressColumn, SpinnerColumn, TextColumn
    from rich.progress_bar import ProgressBar
    from rich.table import Column
    from rich.text import Text

    class Count(ProgressColumn):
        """Bar and `3/12`, or nothing."""

        def render(self, task: Any) -> Any:
            if task.total is None:
                return Text("")
            return ProgressBar(total=task.total, completed=task.completed, width=12)

    class Numbers(ProgressColumn):
        """`3/12`, or nothing."""

        def render(self, task: Any) -> Any:
            return Text("" if task.total is None else f"{int(task.completed)}/{int(task.total)}")

    class Elapsed(ProgressColumn):
        """Time since the task began, `1:05`."""

        def render(self, task: Any) -> Any:
            minutes, seconds = divmod(int(time.monotonic() - task.fields["began"]), 60)
            return Text(f"{minutes}:{seconds:02d}", style="progress.elapsed")

    return Progress(
        SpinnerColumn("line"),
        TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis", ratio=1)),
        Count(),
        Numbers(),
        TextColumn("{task.fields[now]}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis", ratio=2)),
        Elapsed(),
        console=Console(stderr=True),
        transient=True,
        expand=True,
        redirect_stdout=sys.stdout.isatty(),
    )


def open_activity(verbose: int) -> Activity:
    """Return what suits the process: a display on a terminal at verbose 1 and above, nothing elsewhere."""
    stream = sys.stderr
    if verbose < 1 or stream is None or os.environ.get("TERM", "dumb") == "dumb" or not stream.isatty():
        return QUIET
    return TerminalActivity()
