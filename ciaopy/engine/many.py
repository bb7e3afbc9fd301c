"""Many datasets at once: one runner for all pipelines that have several.

Results and messages come in the order of the datasets, whatever ends first. Warnings come at the end, on the error
stream, each once with the datasets that it is of.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic, TypeVar

from ciaopy.activity import Task
from ciaopy.console import Console
from ciaopy.datamodel import Workspace
from ciaopy.errors import CiaopyError

__all__ = ["DatasetTask", "Outcome", "run_many", "values"]

T = TypeVar("T")


@dataclass(frozen=True)
class DatasetTask(Generic[T]):
    """Work on one dataset.

    Attributes
    ----------
    label : str
        What the user calls it; stands before its warnings.
    work : callable
        Gets a workspace of its own.
    group : hashable, optional
        Tasks of one group run one after another (they write to one folder); None: it goes with no other.
    """

    label: str
    work: Callable[[Workspace], T]
    group: Hashable = None


@dataclass(frozen=True)
class Outcome(Generic[T]):
    """How one dataset ended: with a value, or with an error."""

    label: str
    value: T | None = None
    error: CiaopyError | None = None


class _DatasetConsole(Console):
    """The console of one dataset: its warnings say so; what it prints can be kept until its turn.

    Parameters
    ----------
    parent : Console
    label : str
        Blank for no mark.
    is_kept : bool
        Keep what is printed until `release`.
    """

    def __init__(self, parent: Console, label: str, is_kept: bool) -> None:
        self._printed: list[tuple[str, str]] = []
        streams = (_Kept("out", self._printed), _Kept("err", self._printed)) if is_kept else (parent._out, parent._err)
        super().__init__(parent.verbose, *streams)
        self._parent, self.label = parent, label
        self.told: list[str] = []
        self.activity, self.what = parent.activity, short_label(label) or parent.what

    def warn(self, text: str, level: int = 1) -> None:
        """Record a warning; print it, or keep it for `tell_warnings` where there are several datasets."""
        if not self.label:
            super().warn(text, level)
            return
        if level <= self.verbose and text not in self.warnings:
            self.told.append(text)
        self.warnings.append(text)
        self._log("WARNING", f"{self.label}: {text}", 0)

    def release(self) -> None:
        """Print what was kept, each line on its own stream, and hand the warnings on."""
        for name, text in self._printed:
            stream = self._parent.out if name == "out" else self._parent.err
            stream.write(text)
            stream.flush()
        self._printed.clear()
        self._parent.warnings += self.warnings


def _tell_warnings(consoles: Sequence[_DatasetConsole], parent: Console) -> None:
    """Print every warning once, with the datasets that it is of."""
    of: dict[str, list[str]] = {}
    for console in consoles:
        for text in console.told:
            of.setdefault(text, []).append(console.label)
    for text, labels in of.items():
        named = len(labels) == 1 and text.startswith(labels[0])
        mark = "" if named else f"{', '.join(labels)}: "
        parent.err.write(f"WARNING: {mark}{text}\n")
    parent.err.flush()


def short_label(label: str) -> str:
    """Return the name of a dataset for a line of progress: without folder, FITS suffix and version."""
    return label.rstrip("/").rpartition("/")[2].partition(".fits")[0]


class _Kept:
    """A stream that keeps what is written, in order with its fellow."""

    def __init__(self, name: str, printed: list[tuple[str, str]]) -> None:
        self._name, self._list = name, printed

    def write(self, text: str) -> int:
        """Keep a piece of text."""
        self._list.append((self._name, text))
        return len(text)

    def flush(self) -> None:
        """Nothing to do."""

    def isatty(self) -> bool:
        """It is no terminal."""
        return False


def run_many(tasks: Sequence[DatasetTask[T]], ws: Workspace, workers: int | None = None) -> list[Outcome[T]]:
    """Run tasks, several at a time, and return how each ended, in their order.

    Parameters
    ----------
    tasks : sequence of DatasetTask
    ws : Workspace
        Its console is spoken to; its threads are shared out among the tasks that run at a time.
    workers : int, optional
        Tasks at a time; default: the threads of `ws`.

    Returns
    -------
    list of Outcome
        A task that raised a `CiaopyError` has it as its `error`; others go on. Other exceptions are raised.
    """
    groups: dict[Hashable, list[int]] = {}
    for index, task in enumerate(tasks):
        groups.setdefault((task.group,) if task.group is not None else index, []).append(index)
    workers = max(min(workers or ws.nproc, len(groups)), 1)
    threads = max(ws.nproc // workers, 1)
    is_kept = workers > 1
    consoles = [_DatasetConsole(ws.console, task.label if len(tasks) > 1 else "", is_kept) for task in tasks]

    def run(index: int) -> Outcome[T]:
        task = tasks[index]
        datasets.show(short_label(task.label))
        try:
            return Outcome(task.label, value=task.work(Workspace(consoles[index], threads)))
        except CiaopyError as problem:
            return Outcome(task.label, error=problem)
        finally:
            datasets.advance()

    with ws.console.task("datasets", len(tasks)) if len(tasks) > 1 else Task("datasets") as datasets:
        try:
            return _run_groups(run, list(groups.values()), consoles, workers if is_kept else 0)
        finally:
            _tell_warnings(consoles, ws.console)


def _run_groups(
    run: Callable[[int], Outcome[T]], groups: Sequence[list[int]], consoles: Sequence[_DatasetConsole], workers: int
) -> list[Outcome[T]]:
    """Run all tasks, one after another without workers; print what each said in its turn."""
    outcomes: list[Outcome[T]] = []
    if not workers:
        for index, console in enumerate(consoles):
            outcomes.append(run(index))
            console.release()
        return outcomes
    ended: list[Future[Outcome[T]]] = [Future() for _ in consoles]

    def run_group(members: list[int]) -> None:
        for index in members:
            try:
                ended[index].set_result(run(index))
            except BaseException as problem:  # noqa: BLE001 - raised again where the result is asked for
                ended[index].set_exception(problem)

    with ThreadPoolExecutor(workers) as pool:
        for members in groups:
            pool.submit(run_group, members)
        for future, console in zip(ended, consoles, strict=True):
            try:
                outcomes.append(future.result())
            finally:
                console.release()
    return outcomes


def values(outcomes: Sequence[Outcome[T]]) -> list[T]:
    """Return the values of all outcomes.

    Raises
    ------
    CiaopyError
        The first error, in the order of the datasets.
    """
    found: list[T] = []
    for outcome in outcomes:
        if outcome.error is not None:
            raise outcome.error
        found.append(outcome.value)  # type: ignore[arg-type]
    return found
