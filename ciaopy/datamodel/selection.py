"""What a virtual file selects from a table, worked out before any row is read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from ciaopy.datamodel.filtering import Always, Bound, Output, Predicate, Rows, bind, output_template, select
from ciaopy.datamodel.livetime import update_limits, update_livetime
from ciaopy.datamodel.opened import BlockInfo, OpenFile
from ciaopy.datamodel.subspace import Subspace
from ciaopy.datamodel.syntax import Filter, VirtualFile
from ciaopy.errors import UserError
from ciaopy.fits import Array, Block, Table

if TYPE_CHECKING:
    from ciaopy.datamodel.datasource import DataSource

T = TypeVar("T")


@dataclass
class Selection:
    """Rows and columns to take from one table.

    Attributes
    ----------
    opened, info
        Where the rows are.
    vfile : VirtualFile
    source : Table
        The block without rows.
    predicate : Predicate
    outputs : list of Output
    before, subspace : Subspace
        Of the block, and of the result.
    """

    opened: OpenFile
    info: BlockInfo
    vfile: VirtualFile
    source: Table
    predicate: Predicate
    outputs: list[Output]
    before: Subspace
    subspace: Subspace

    @property
    def copies_rows(self) -> bool:
        """True where all columns come out as they stand, so that rows can be copied as bytes."""
        plain = [o.source for o in self.outputs if o.world is None and o.name == self.source.column(o.source).name]
        return plain == list(self.source.columns) and self.opened.raw_info(self.info) is not None

    @property
    def needs(self) -> list[str]:
        """Columns that the outputs are made of."""
        return list(dict.fromkeys(n for o in self.outputs for n in o.needs))

    def template(self) -> Table:
        """Return the output without rows: columns, vectors, header with subspace and exposure, companions."""
        table = output_template(self.outputs, self.source)
        finish_header(table, self)
        return table

    def pieces(self) -> Iterator[dict[str, Array]]:
        """Yield the selected rows block by block: output name (lower case) to data."""
        columns = list(dict.fromkeys([*self.needs, *self.predicate.columns]))

        def task(rows: Rows, raw: Array | None) -> dict[str, Array]:
            if not isinstance(self.predicate, Always):
                keep = np.flatnonzero(self.predicate.mask(rows))
                rows = rows.take(keep) if len(keep) < rows.count else rows
            return self._outputs_of(rows)

        yield from self.opened.scan(self.info, columns, task)

    def raw_pieces(self) -> Iterator[Array]:
        """Yield the selected rows as bytes, uint8 (n, row_bytes); only where `copies_rows`."""

        def task(rows: Rows, raw: Array | None) -> Array:
            assert raw is not None
            if isinstance(self.predicate, Always):
                return raw
            keep = self.predicate.mask(rows)
            return raw[keep]

        yield from self.opened.scan(self.info, sorted(self.predicate.columns), task, raw=True)

    def count(self) -> int:
        """Return how many rows are selected."""
        if isinstance(self.predicate, Always):
            return self.info.nrows

        def task(rows: Rows, raw: Array | None) -> int:
            return int(np.count_nonzero(self.predicate.mask(rows)))

        return sum(self.opened.scan(self.info, sorted(self.predicate.columns), task))

    def table(self) -> Table:
        """Return the selected rows as a table in memory.

        Where all rows of a block held in memory are selected, their arrays are shared, not copied.
        """
        table = self.template()
        if self.needs and (isinstance(self.predicate, Always) or self.opened.in_memory):
            pieces = [self._at_once()]
        else:
            pieces = list(self.pieces())
        for key, column in list(table.columns.items()):
            parts = [p.pop(key) for p in pieces]
            data = np.concatenate(parts) if len(parts) > 1 else parts[0] if parts else column.data
            table.columns[key] = column.with_data(np.ascontiguousarray(data))
        return table

    def _at_once(self) -> dict[str, Array]:
        """Return the selected rows of a block that is in memory, or wanted whole, without intermediate pieces."""
        whole = self.opened.read(self.info, self.needs)
        assert isinstance(whole, Table)
        rows = Rows({k: c.data for k, c in whole.columns.items()}, 0, self.info.nrows)
        if isinstance(self.predicate, Always):
            return self._outputs_of(rows)

        def task(part: Rows, raw: Array | None) -> Array:
            return np.flatnonzero(self.predicate.mask(part)) + part.first

        keep = np.concatenate(list(self.opened.scan(self.info, sorted(self.predicate.columns), task)))
        if len(keep) == self.info.nrows:
            return self._outputs_of(rows)
        return {o.name.lower(): o.data(_some(rows, o.needs, keep)) for o in self.outputs}

    def _outputs_of(self, rows: Rows) -> dict[str, Array]:
        return {o.name.lower(): o.data(rows) for o in self.outputs}


def _some(rows: Rows, names: Iterable[str], keep: Array) -> Rows:
    return Rows({n.lower(): rows.columns[n.lower()][keep] for n in names}, 0, len(keep))


def open_selection(opened: OpenFile, info: BlockInfo, vfile: VirtualFile, ws: DataSource) -> Selection:
    """Bind the filters, columns and subspace edits of a virtual file to a table.

    Raises
    ------
    VirtualFileError, RegionError, DataError
        See `filters.bind` and `columns.select`.
    """
    source = opened.template(info)
    source.companions = opened.referenced(source)
    before = Subspace.from_header(source.header, source.companions)
    bound = bind(vfile.filters, _with_rows(source, info), before, ws, vfile.text)
    subspace = edit_subspace(vfile, bound, source, ws)
    outputs = select(vfile.columns, source, vfile.text)
    return Selection(opened, info, vfile, source, bound.predicate, outputs, before, subspace)


def _with_rows(source: Table, info: BlockInfo) -> Table:
    """Return the template; a table with rows but no column `time` must not pass a time filter silently."""
    return source if info.nrows == 0 or not source.columns else _Sized(source, info.nrows)


class _Sized(Table):
    """A table without data that knows how many rows its block has."""

    def __init__(self, table: Table, nrows: int) -> None:
        super().__init__(table.name, table.columns, table.header, table.vectors, table.companions)
        self._nrows = nrows

    @property
    def nrows(self) -> int:
        """Number of rows of the block."""
        return self._nrows


def edit_subspace(vfile: VirtualFile, bound: Bound, source: Table, ws: DataSource) -> Subspace:
    """Return the subspace after the filters and the `[subspace ...]` edits."""
    subspace = bound.subspace
    for edit in vfile.subspace:
        for name in edit.delete:
            subspace.remove(name)
        if edit.expression is not None:
            subspace = bind((Filter(edit.expression),), source, subspace, ws, vfile.text).subspace
    return subspace


def finish_header(block: Block, selection: Selection) -> None:
    """Write subspace and exposure keywords into the header of an output block, and set its companions.

    With `[opt update=no]` the exposure keywords stay as they are. Companions that the subspace does not name (masks,
    other tables) are dropped.
    """
    before, after = selection.before, selection.subspace
    if selection.vfile.options.get("update", "yes").lower() not in ("no", "false"):
        update_livetime(block.header, before, after)
        update_limits(block.header, selection.vfile.filters)
    block.companions = after.to_header(block.header)
    if selection.vfile.rename:
        from ciaopy.datamodel.output import renamed

        named = renamed(block, selection.vfile.rename)
        block.name, block.header = named.name, named.header


def require_table(opened: OpenFile, info: BlockInfo) -> None:
    """Raise unless the block is a table.

    Raises
    ------
    UserError
    """
    if info.kind != "table":
        raise UserError(f"{opened.path}: block {info.name} is not a table")
