"""Runs a recipe on a back end: messages, timing, cleanup."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ciaopy.console import Console, StepConsole
from ciaopy.engine.outputs import check_outputs
from ciaopy.engine.step import Recipe, Step, command_line
from ciaopy.errors import CiaopyError

if TYPE_CHECKING:
    from ciaopy.activity import Task
    from ciaopy.datamodel import Workspace


class Backend(Protocol):
    """What runs the steps."""

    name: str
    workspace: Workspace

    def prepare(self, recipe: Recipe) -> None:
        """Called once before the first step."""

    def run(self, step: Step, console: Console) -> None:
        """Run one step."""

    def release(self, path: Path, product: bool) -> None:
        """Called after the last step that uses a file."""

    def finish(self, recipe: Recipe) -> list[Path]:
        """Called after the last step; returns the intermediates that lie on disk."""

    def close(self) -> None:
        """Called at the very end, also after a failure."""


@dataclass(frozen=True)
class Timing:
    """Seconds that a step took."""

    tool: str
    seconds: float


def show_plan(recipe: Recipe, console: Console) -> None:
    """Print the steps without running any."""
    for number, step in enumerate(recipe.steps, 1):
        console.output(f"{number:3d}  {command_line(step)}")
    console.output("products:")
    for path in recipe.products:
        console.output(f"     {path}")


def check_products(recipe: Recipe, clobber: bool, inputs: Iterable[Path] = ()) -> None:
    """Refuse, before any work, to replace products without clobber, and to write over an input at all.

    Parameters
    ----------
    recipe : Recipe
    clobber : bool
        Products that exist may be replaced.
    inputs : iterable of Path
        Files that no step may write, intermediates included.

    Raises
    ------
    OutputExistsError, UserError
        As `check_outputs`.
    """
    made = {p for s in recipe.steps for p in s.makes}
    read = {p.resolve() for p in inputs}
    check_outputs([p for p in made if p.resolve() in read], clobber, inputs=read, parameter="outdir")
    check_outputs([p for p in recipe.products if p in made], clobber, parameter="outdir")


def run_recipe(recipe: Recipe, backend: Backend, console: Console, cleanup: bool = True) -> list[Timing]:
    """Run all steps, then write the products and delete the intermediates.

    Parameters
    ----------
    recipe : Recipe
    backend : Backend
    console : Console
    cleanup : bool
        Delete intermediates.

    Returns
    -------
    list of Timing
        One for each step.
    """
    try:
        with console.task(console.what, len(recipe.steps) + 1) as progress:
            return _run(recipe, backend, console, cleanup, progress)
    except Exception:
        _tell_what_is_left(recipe, console)
        raise
    except BaseException:  # an interrupt: nothing of the run's own is left in view
        for path in recipe.intermediates if cleanup else ():
            path.unlink(missing_ok=True)
        raise
    finally:
        backend.close()


def _run(recipe: Recipe, backend: Backend, console: Console, cleanup: bool, progress: Task) -> list[Timing]:
    timings: list[Timing] = []
    backend.prepare(recipe)
    last = recipe.last_use()
    lost: set[Path] = set()
    for index, planned in enumerate(recipe.steps):
        progress.show(step_label(planned), index)
        for message in planned.says:
            console.say(message.text, message.level)
        if planned.optional and lost & set(planned.reads):
            lost |= set(planned.makes)
            continue
        step = planned.settled(backend.workspace)
        if step.action is None:
            console.say(f"Running tool {step.tool}", 2)
            console.say(f">>> {command_line(step)}", 2)
        for name, value in step.parameters.items():
            console.say(f"    {name} = {value}", 4)
        console.say(f"started {_now()}", 4)
        start = time.perf_counter()
        lost |= _run_step(backend, step, console)
        timings.append(Timing(step.tool, time.perf_counter() - start))
        console.say(f"ended {_now()}, status {int(bool(lost & set(step.makes)))}", 4)
        console.say(f"{step.tool}: {timings[-1].seconds:.2f} s", 2)
        for path in (p for p, use in last.items() if use == index):
            backend.release(path, path in recipe.products)
    progress.show("writing products", len(recipe.steps))
    start = time.perf_counter()
    left = backend.finish(recipe)
    timings.append(Timing("writing products", time.perf_counter() - start))
    console.say(f"writing products: {timings[-1].seconds:.2f} s", 2)
    for path in recipe.products:
        if path not in lost:
            console.say(f"created {path}", 2)
    if cleanup:
        console.say("Cleaning up intermediate files.", 1)
        for path in left:
            path.unlink(missing_ok=True)
            console.say(f"deleted {path}", 2)
    return timings


def step_label(step: Step) -> str:
    """Return a step for a line of progress: the tool and what it makes, which names the chip and the band."""
    return f"{step.tool} {step.makes[-1].name}" if step.makes else step.tool


def _run_step(backend: Backend, step: Step, console: Console) -> set[Path]:
    """Run a step; return what it should have made and has not, where it is optional and fails."""
    try:
        backend.run(step, StepConsole(console, step.echo))
    except CiaopyError as problem:
        if not step.optional:
            raise
        console.warn(f"{step.tool}: {problem}; {step.optional}", 0)
        for path in step.makes:
            backend.workspace.drop(path)
        return set(step.makes)
    return set()


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S")


def _tell_what_is_left(recipe: Recipe, console: Console) -> None:
    made = dict.fromkeys(p for s in recipe.steps for p in s.makes)
    left = [str(p) for p in made if p.exists()]
    if left:
        console.say(f"The run stopped; these files were made and are left: {', '.join(left)}", 1)
