"""The face of a room: its public names, each loaded from its module by its first use.

A room's `__init__` lists its names three times, each for one reader: `__all__` for people and `import *`, imports under
`TYPE_CHECKING` for type checkers, and a table for `lazy_face`. tests/test_layers.py proves that they agree.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

from ciaopy.spelling import did_you_mean

__all__ = ["lazy_face"]


def lazy_face(package: str, homes: dict[str, str]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return `__getattr__` and `__dir__` of a package whose names are loaded when they are first asked for.

    Parameters
    ----------
    package : str
        `__name__` of the package.
    homes : dict
        Module of the package ("" for names that are modules themselves) to the names that it gives, blanks between.
        No name may be that of a module of the package: the module would take its place once it is imported.

    Returns
    -------
    getattr, dir : callable
        To be bound to `__getattr__` and `__dir__` of the package; an unknown name is an AttributeError.
    """
    home_of = {name: module for module, names in homes.items() for name in names.split()}

    def load(name: str) -> Any:
        if name not in home_of:
            alike = "" if name.startswith("_") else did_you_mean(name, home_of)
            raise AttributeError(f"module {package!r} has no attribute {name!r}{alike}")
        module = home_of[name]
        return getattr(import_module(f"{package}.{module}"), name) if module else import_module(f"{package}.{name}")

    def listed() -> list[str]:
        return sorted(sys.modules[package].__all__)

    return load, listed
