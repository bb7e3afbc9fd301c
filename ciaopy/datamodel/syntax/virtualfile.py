"""A virtual file, as parsed, before any file is opened: a file name and what its brackets ask for (`terms.py`).

`parse` (in `parser.py`) makes a `VirtualFile`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ciaopy.datamodel.syntax.terms import Binning, ColumnItem, Filter, SubspaceEdit


@dataclass(frozen=True)
class VirtualFile:
    """A file name and what its brackets ask for.

    Attributes
    ----------
    path : str
        The file as typed, without brackets.
    block : str or int or None
        Block name, or 1-based number (1 is the primary HDU), or None for the default block.
    filters : tuple of Filter
        In the order given; all must hold.
    columns : tuple of ColumnItem
        Empty: all columns.
    binning : Binning or None
    options : dict
        `[opt name=value]`, lower-case names; a bare option has the value "yes".
    subspace : tuple of SubspaceEdit
    rename : str
        New block name (last bracket).
    text : str
        All of it as typed.
    """

    path: str
    block: str | int | None = None
    filters: tuple[Filter, ...] = ()
    columns: tuple[ColumnItem, ...] = ()
    binning: Binning | None = None
    options: dict[str, str] = field(default_factory=dict)
    subspace: tuple[SubspaceEdit, ...] = ()
    rename: str = ""
    text: str = ""

    @property
    def is_plain(self) -> bool:
        """True where the text names a file, or a block of it, and asks for nothing else."""
        return not (self.filters or self.columns or self.binning or self.subspace or self.options or self.rename)
