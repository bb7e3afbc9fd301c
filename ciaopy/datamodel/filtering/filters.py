"""Filters of a virtual file bound to a table: which rows they keep, and the data subspace that results."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ciaopy.datamodel.filtering.binder import Binder, kind_of
from ciaopy.datamodel.filtering.predicate import AllOf, Always, Not, Predicate
from ciaopy.datamodel.filtering.restriction import Restrictor, column_limits
from ciaopy.datamodel.subspace import Subspace
from ciaopy.datamodel.syntax import Filter

if TYPE_CHECKING:
    from ciaopy.datamodel.datasource import DataSource
    from ciaopy.fits import Table

__all__ = ["Bound", "bind", "column_limits", "kind_of"]


@dataclass(frozen=True)
class Bound:
    """A filter ready to run: which rows it keeps, and the subspace that it leaves."""

    predicate: Predicate
    subspace: Subspace


def bind(filters: tuple[Filter, ...], table: Table, subspace: Subspace, ws: DataSource, text: str = "") -> Bound:
    """Bind filters, in order, to a table.

    Parameters
    ----------
    filters : tuple of Filter
        All must hold.
    table : Table
        The block; only its column descriptions, vectors and header count.
    subspace : Subspace
        That of the block; not modified.
    ws : DataSource
        Finds region, mask and time files.
    text : str
        The virtual file as typed, for messages.

    Raises
    ------
    VirtualFileError, RegionError, DataError
        Unknown column, value of the wrong type, empty range; a region or file that cannot be read.
    """
    binder = Binder(table, ws, text)
    restrictor = Restrictor(binder)
    parts: list[Predicate] = []
    after = subspace.copy()
    for one in filters:
        predicate = binder.predicate(one.expression)
        parts.append(Not(predicate) if one.exclude else predicate)
        after = restrictor.exclude(one.expression, after) if one.exclude else restrictor.restrict(one.expression, after)
    if not parts:
        return Bound(Always(), after)
    return Bound(parts[0] if len(parts) == 1 else AllOf(tuple(parts)), after)
