"""What `write` and `to_astropy` of a block call. Blocks know no writer: the face of the room connects them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from os import PathLike

    from ciaopy.fits.blocks import Block

__all__ = ["connect_outlets", "outlets"]


class _Outlets:
    """The functions behind the methods of blocks."""

    write: Callable[[str | PathLike[str], Block, bool], None]
    to_astropy: Callable[[Block], Any]


outlets = _Outlets()


def connect_outlets(write: Callable[[str | PathLike[str], Block, bool], None], convert: Callable[[Block], Any]) -> None:
    """Say what `Table.write`, `Image.write` and `to_astropy` call.

    Parameters
    ----------
    write : callable
        Takes a path, the block, and whether to replace an existing file.
    convert : callable
        Takes the block and returns the astropy object.
    """
    outlets.write, outlets.to_astropy = write, convert
