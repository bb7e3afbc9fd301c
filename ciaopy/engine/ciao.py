"""The CIAO back end: the same steps on an installed CIAO's own programs.

Programs are called with argument lists (no shell), with a parameter folder of their own, so that the user's parameter
files are neither read nor changed.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from ciaopy.console import Console
from ciaopy.engine.native import bind
from ciaopy.engine.run import is_available, load_tool
from ciaopy.engine.step import Recipe, Step
from ciaopy.errors import ExternalToolError, UserError

if TYPE_CHECKING:
    from ciaopy.datamodel import Workspace


def find_ciao(folder: Path | None) -> Path:
    """Return the folder of the CIAO installation: as given, else `$ASCDS_INSTALL`.

    Raises
    ------
    UserError
        There is none, or it has no `bin`.
    """
    where = folder or (Path(os.environ["ASCDS_INSTALL"]) if os.environ.get("ASCDS_INSTALL") else None)
    if where is None:
        raise UserError(
            "tools=ciao needs CIAO: start it (so that ASCDS_INSTALL is set) or name its folder by --ciao DIR"
        )
    if not (where / "bin").is_dir():
        raise UserError(f"{where}: no CIAO installation: it has no folder bin (from --ciao or ASCDS_INSTALL)")
    return where


class CiaoBackend:
    """Runs steps with CIAO's programs.

    Parameters
    ----------
    root : Path
        The CIAO installation.
    workspace : Workspace
        For actions that are not a tool's, and for tools that the installation lacks.
    """

    name = "ciao"

    def __init__(self, root: Path, workspace: Workspace) -> None:
        self.root, self.workspace = root, workspace
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
        program = self._program(step.tool)
        if program is None:
            if not is_available(step.tool):
                raise ExternalToolError(
                    f"{step.tool} is not in {self.root / 'bin'}, and ciaopy does not have it either"
                )
            console.say(f"{step.tool} is not in {self.root / 'bin'}: done by ciaopy itself", 0)
            load_tool(step.tool).run(bind(step.tool, step.parameters), ws)
            return
        for path in step.makes:
            if path not in step.reads:
                path.unlink(missing_ok=True)
        words = [str(program), *(f"{k}={v}" for k, v in step.parameters.items()), "mode=hl"]
        self._call(step, words, console)

    def _program(self, tool: str) -> Path | None:
        for folder in ("bin", "contrib/bin"):
            path = self.root / folder / tool
            if path.is_file() and os.access(path, os.X_OK):
                return path
        return None

    def _call(self, step: Step, words: list[str], console: Console) -> None:
        system = [str(p) for p in (self.root / "param", self.root / "contrib/param") if p.is_dir()]
        environment = {**os.environ, "PFILES": f"{self._parameters.name};{':'.join(system) or self._parameters.name}"}
        try:
            done = subprocess.run(
                words,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                env=environment,
                check=False,
            )
        except OSError as e:
            raise ExternalToolError(f"{words[0]} cannot be run: {e}") from e
        text = done.stdout.strip()
        if done.returncode != 0:
            indented = "".join(f"\n  {line}" for line in text.splitlines())
            raise ExternalToolError(
                f"an error occurred while running '{step.tool}' (status {done.returncode}):{indented}"
            )
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
