"""ciaopy: Chandra X-ray data reduction with CIAO's commands, parameters and products, done natively.

Importing the package is cheap: a public name is loaded by its first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ciaopy.faces import lazy_face
from ciaopy.version import __version__

if TYPE_CHECKING:
    from ciaopy.datamodel import read
    from ciaopy.fits import Image, Table

__all__ = ["Image", "Table", "__version__", "read"]

if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy_face(__name__, {"datamodel": "read", "fits": "Image Table"})
