"""The external back end: the steps of a recipe on the programs of an installed suite."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from ciaopy.console import Console
from ciaopy.engine.external import Installation, execute
from ciaopy.engine.native import bind
from ciaopy.engine.run import is_available, load_tool
from ciaopy.engine.step import Recipe, Step
from ciaopy.errors import ExternalToolError

if TYPE_CHECKING:
    from ciaopy.datamodel import Workspace

__all__ = ["ExternalBackend"]


class ExternalBackend:
    """Runs steps with the programs of a suite.

    Parameters
    ----------
    installation : Installation
    workspace : Workspace
        For actions that are not a tool's, and for tools that the installation lacks.
    """

    def __init__(self, installation: Installation, workspace: Workspace) -> None:
        self.installation, self.workspace = installation, workspace
        self.name = installation.suite.name
        self._parameters = tempfile.TemporaryDirectory(prefix="ciaopy-pfiles-")

    def prepare(self, recipe: Recipe) -> None:
        """Nothing to do: all files are on disk."""

    def run(self, step: Step, console: Console) -> None:
        """Run one step.

        Raises
        ------
        ExternalToolError
            The program cannot be started, or failed; the message holds its output.
        """
        ws = self.workspace.for_step(console)
        if step.action is not None:
            step.action(ws)
            return
        program = self.installation.find(step.tool)
        if program is None:
            where = self.installation.programs
            if not is_available(step.tool):
                raise ExternalToolError(f"{step.tool} is not in {where}, and ciaopy does not have it either")
            console.say(f"{step.tool} is not in {where}: done by ciaopy itself", 0)
            load_tool(step.tool).run(bind(step.tool, step.parameters), ws)
            return
        for path in step.makes:
            if path not in step.reads:
                path.unlink(missing_ok=True)
        self._call(step, program, console)

    def _call(self, step: Step, program: Path, console: Console) -> None:
        words = self.installation.argument_list(program, step.parameters)
        status, text = execute(words, self.installation.environment(Path(self._parameters.name)))
        errors = [line for line in self.installation.suite.read_log(text) if line.is_error]
        if status != 0 or errors:
            indented = "".join(f"\n  {line}" for line in text.splitlines())
            raise ExternalToolError(f"an error occurred while running '{step.tool}' (status {status}):{indented}")
        if text:
            # a step console shows at level n what the user sees at verbose n + 2
            console.say(f"{step.tool} said:\n{text}", 0 if step.echo else 3)

    def release(self, path: Path, product: bool) -> None:
        """Nothing to do: intermediates are deleted at the end."""

    def close(self) -> None:
        """Give up the parameter folder."""
        self._parameters.cleanup()

    def finish(self, recipe: Recipe) -> list[Path]:
        """Return the intermediates that lie on disk."""
        return [p for p in recipe.intermediates if p.exists()]
