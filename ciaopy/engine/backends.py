"""Which back end runs a recipe: ciaopy's own tools, or those of a suite."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ciaopy.engine.external import find_installation
from ciaopy.engine.external_steps import ExternalBackend
from ciaopy.engine.runner import Backend
from ciaopy.engine.suites import SUITES

if TYPE_CHECKING:
    from ciaopy.datamodel import Workspace

__all__ = ["NATIVE", "choose_backend"]

#: What `tools` holds for ciaopy's own tools.
NATIVE = "native"


def choose_backend(
    tools: str, workspace: Workspace, roots: Mapping[str, Path], native: Callable[[Workspace], Backend]
) -> Backend:
    """Return the back end that a pipeline's parameter `tools` asks for.

    Parameters
    ----------
    tools : str
        `native`, or the name of a suite.
    workspace : Workspace
    roots : mapping of str to Path
        Folders of suites from the command line, by name.
    native : callable
        Makes the back end of ciaopy's own tools.

    Raises
    ------
    CiaopyError
        The suite is not installed.
    """
    if tools == NATIVE:
        return native(workspace)
    return ExternalBackend(find_installation(SUITES[tools], roots.get(tools)), workspace)
