"""Steps of a pipeline: data that can be printed, run natively, or run on CIAO's tools."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ciaopy.datamodel import Workspace


@dataclass(frozen=True)
class Message:
    """A line for the user at a verbose level."""

    level: int
    text: str


@dataclass(frozen=True)
class Step:
    """One step: a tool with the parameters that are set, or an action of ciaopy itself.

    Attributes
    ----------
    tool : str
        Name of the tool; of an action, what it does in a word or two.
    parameters : mapping of str to str
        Parameters set, in order; all others keep the tool's defaults.
    reads, makes : tuple of Path
        Files the step reads and writes (a file changed in place is in both).
    says : tuple of Message
        Lines printed before the step.
    action : callable, optional
        Does the step inside ciaopy whatever the back end; takes the workspace.
    echo : bool
        Print the tool's own messages at verbose 0 (acis_process_events).
    late : callable, optional
        Returns parameters to change, from what earlier steps made; called just before the step.
    optional : str
        What follows where the step fails: it is warned of, what it makes is taken away, and the run goes on. Blank: a
        failure ends the run. Optional steps that need what has failed are left out.
    """

    tool: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    reads: tuple[Path, ...] = ()
    makes: tuple[Path, ...] = ()
    says: tuple[Message, ...] = ()
    action: Callable[[Workspace], object] | None = None
    echo: bool = False
    late: Callable[[Workspace], Mapping[str, str]] | None = None
    optional: str = ""

    def settled(self, ws: Workspace) -> Step:
        """Return the step with its late parameters."""
        if self.late is None:
            return self
        return replace(self, parameters={**self.parameters, **self.late(ws)}, late=None)


@dataclass(frozen=True)
class Recipe:
    """A list of steps and what becomes of the files they make.

    Attributes
    ----------
    steps : tuple of Step
    products : tuple of Path
        Files that stay; all others that steps make are intermediates.
    on_disk : tuple of Path
        Files that are written at once and not kept in memory.
    """

    steps: tuple[Step, ...]
    products: tuple[Path, ...]
    on_disk: tuple[Path, ...] = ()

    @property
    def intermediates(self) -> tuple[Path, ...]:
        """Files made on the way, in order."""
        made = dict.fromkeys(p for s in self.steps for p in s.makes)
        return tuple(p for p in made if p not in self.products)

    def last_use(self) -> dict[Path, int]:
        """Return, for each file, the index of the last step that reads or makes it."""
        last: dict[Path, int] = {}
        for i, step in enumerate(self.steps):
            for path in (*step.reads, *step.makes):
                last[path] = i
        return last


def command_line(step: Step) -> str:
    """Return a step as the command line a user would type; values with blanks or brackets are quoted."""
    words = [step.tool]
    for name, value in step.parameters.items():
        quote = '"' if any(c in value for c in ' ["();') or not value else ""
        words.append(f"{name}={quote}{value}{quote}")
    return " ".join(words)
