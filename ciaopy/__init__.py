"""ciaopy: Chandra X-ray data reduction with CIAO's commands, parameters and products, done natively.

Importing the package is cheap: numerical libraries are loaded by the function that needs them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from ciaopy.datamodel import read
    from ciaopy.fits import Image, Table

__all__ = ["Image", "Table", "__version__", "read"]


def __getattr__(name: str) -> Any:
    """Load the public names of the data model on first use."""
    if name == "read":
        from ciaopy.datamodel import read

        return read
    if name in {"Table", "Image"}:
        from ciaopy import fits

        return getattr(fits, name)
    raise AttributeError(f"module 'ciaopy' has no attribute {name!r}")
