"""The native back end: tools run in this process, files handed from step to step in memory."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ciaopy.console import Console
from ciaopy.engine.run import load_tool
from ciaopy.engine.step import Recipe, Step
from ciaopy.param import ParameterSet, ParFile, check_values, system_par_dir

if TYPE_CHECKING:
    from ciaopy.datamodel import Workspace


#: Files of these kinds are handed on in memory; lists and parameter files go through the disk.
MEMORY_SUFFIXES = frozenset({".fits", ".img", ".expmap", ".instmap", ".asphist", ".psfmap"})


def bind(tool: str, values: Mapping[str, str]) -> ParameterSet:
    """Return the parameters of a step: the values given over the system's defaults; no user file is read or written.

    Raises
    ------
    ParameterError
        A value is not what the parameter file allows.
    """
    file = ParFile.read(system_par_dir() / f"{tool}.par")
    checked = check_values(file, dict(values))
    return ParameterSet(file, tool, checked, given=tuple(checked))


class NativeBackend:
    """Runs steps with ciaopy's own tools.

    Parameters
    ----------
    workspace : Workspace
        Holds the files between steps.
    keep : bool
        Write intermediates to disk too (cleanup=no).
    """

    name = "native"

    def __init__(self, workspace: Workspace, keep: bool) -> None:
        self.workspace, self.keep = workspace, keep

    def prepare(self, recipe: Recipe) -> None:
        """Mark every file that a FITS step makes as kept in memory until `finish`."""
        for path in (p for s in recipe.steps for p in s.makes):
            if path.suffix in MEMORY_SUFFIXES and path not in recipe.on_disk:
                self.workspace.keep_in_memory(path)

    def run(self, step: Step, console: Console) -> None:
        """Run one step."""
        ws = self.workspace.for_step(console)
        if step.action is not None:
            step.action(ws)
            return
        load_tool(step.tool).run(bind(step.tool, step.parameters), ws)

    def release(self, path: Path, product: bool) -> None:
        """A file has been used for the last time: write it if it is to stay, and let go of the memory."""
        dataset = self.workspace.in_memory(path)
        if dataset is None:
            return
        if product:
            return
        if self.keep:
            self._write(path)
        self.workspace.forget(path)

    def close(self) -> None:
        """Nothing to give up."""

    def finish(self, recipe: Recipe) -> list[Path]:
        """Write the products; return the intermediates that lie on disk."""
        for path in recipe.products:
            if self.workspace.in_memory(path) is not None:
                self._write(path)
                self.workspace.forget(path)
        return [p for p in recipe.intermediates if p.exists()]

    def _write(self, path: Path) -> None:
        from ciaopy.fits import write_dataset

        dataset = self.workspace.in_memory(path)
        if dataset is not None:
            write_dataset(path, dataset.blocks, clobber=True)
