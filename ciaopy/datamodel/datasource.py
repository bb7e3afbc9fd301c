"""What reading a virtual file needs of the house above it: a Protocol that the Workspace fulfils."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from ciaopy.console import Console
    from ciaopy.fits import Dataset, FitsFile, Image, Table

__all__ = ["DataSource"]


class DataSource(Protocol):
    """Gives blocks and datasets by name, from memory or from disk.

    Attributes
    ----------
    nproc : int
        Threads that a driver may use.
    console : Console
        Where warnings go.
    """

    nproc: int
    console: Console

    def read(self, vfile: str | Path) -> Table | Image:
        """Return the block that a virtual file describes."""
        ...

    def dataset(self, path: str | Path) -> Dataset:
        """Return all blocks of a file."""
        ...

    def in_memory(self, path: str | Path) -> Dataset | None:
        """Return the dataset kept in memory under that name, or None."""
        ...

    def exists(self, path: str | Path) -> bool:
        """Tell whether the name can be read."""
        ...

    def open_file(self, path: str | Path) -> FitsFile | None:
        """Return a file that is kept open for all reads, or None."""
        ...
