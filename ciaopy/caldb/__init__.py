"""Calibration: index, queries, readers, the embedded approximation.

Names are looked up when first used, so that importing the room loads no more than is asked for; but for `load`, which
the module of the same name would hide once that is imported by somebody.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ciaopy.caldb.load import load, read_product

if TYPE_CHECKING:
    from ciaopy.caldb.query import Caldb, CalFile, LiteFile, resolve
    from ciaopy.caldb.version import caldb_version

__all__ = ["CalFile", "Caldb", "LiteFile", "caldb_version", "load", "read_product", "resolve"]

_HOMES = {
    "CalFile": "query",
    "Caldb": "query",
    "LiteFile": "query",
    "caldb_version": "version",
    "resolve": "query",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
