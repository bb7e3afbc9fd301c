"""What `write`, `to_astropy` and `wcs` of a block call. Blocks know no writer: the face of the room connects them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from os import PathLike

    from ciaopy.fits.blocks import Block, Image

__all__ = ["connect_outlets", "outlets"]


class _Outlets:
    """The functions behind the methods of blocks."""

    write: Callable[[str | PathLike[str], Block, bool], None]
    to_astropy: Callable[[Block], Any]
    wcs: Callable[[Image], Any]


outlets = _Outlets()


def connect_outlets(
    write: Callable[[str | PathLike[str], Block, bool], None],
    convert: Callable[[Block], Any],
    wcs: Callable[[Image], Any],
) -> None:
    """Say what `Table.write`, `Image.write`, `to_astropy` and `Image.wcs` call.

    Parameters
    ----------
    write : callable
        Takes a path, the block, and whether to replace an existing file.
    convert : callable
        Takes the block and returns the astropy object.
    wcs : callable
        Takes an image and returns its `astropy.wcs.WCS`.
    """
    outlets.write, outlets.to_astropy, outlets.wcs = write, convert, wcs
