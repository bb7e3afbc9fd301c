"""ciaopy: Chandra X-ray data reduction with CIAO's commands, parameters and products, done natively.

Importing the package is cheap: a public name is loaded by its first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ciaopy.version import __version__

if TYPE_CHECKING:
    from ciaopy.datamodel import read
    from ciaopy.fits import Image, Table

__all__ = ["Image", "Table", "__version__", "read"]

#: The room whose face has a public name.
_HOMES = {"Image": "ciaopy.fits", "Table": "ciaopy.fits", "read": "ciaopy.datamodel"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
