"""`[cols ...]`: which columns come out, in which order, under which names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ciaopy.datamodel.filtering.predicate import Rows
from ciaopy.datamodel.syntax import ColumnItem
from ciaopy.datamodel.wcs import WorldColumn, vector_columns, world_columns, world_vector
from ciaopy.errors import VirtualFileError
from ciaopy.fits import Array, Column, Table, Vector
from ciaopy.messages import enumerated


@dataclass(frozen=True)
class Output:
    """One column of the output.

    Attributes
    ----------
    source : str
        Lower-case name in the input.
    name : str
        Name in the output, as it will be written.
    world : WorldColumn or None
        For a column computed from the sky position.
    """

    source: str
    name: str
    world: WorldColumn | None = None

    @property
    def needs(self) -> tuple[str, ...]:
        """Input columns that it is made of."""
        return (self.source,) if self.world is None else self.world.pair

    def data(self, rows: Rows) -> Array:
        """Return the values for a block of rows."""
        if self.world is None:
            return rows.columns[self.source]
        x, y = self.world.pair
        return self.world.values(rows.columns[x], rows.columns[y])


def select(items: Sequence[ColumnItem], table: Table, text: str = "") -> list[Output]:
    """Return the columns that `[cols ...]` asks for.

    Names come out in the order listed; a vector brings its components; `-name` alone drops from all; `#n` is the n-th
    column (1-based); `*` is all not yet listed. `ra` and `dec` (or the name of the world vector, `eqpos`) are computed
    from the sky columns where the table has no such columns.

    Raises
    ------
    VirtualFileError
        A name that the table does not have; the message lists those there are.
    """
    if not items:
        return [Output(k, c.name) for k, c in table.columns.items()]
    dropped = {n for i in items if i.kind == "drop" for n in _names(i, table, text)}
    kept = [i for i in items if i.kind != "drop"]
    if not kept:
        return [Output(k, c.name) for k, c in table.columns.items() if k not in dropped]
    out: list[Output] = []
    for item in kept:
        if item.kind == "rest":
            have = {o.source for o in out}
            out += [Output(k, c.name) for k, c in table.columns.items() if k not in have]
            continue
        world = _world(item, table)
        if world:
            out += world
            continue
        names = _names(item, table, text)
        if item.new and len(names) > 1:
            problem = f"{item.name} is a vector of {len(names)} columns: rename its components one by one"
            raise VirtualFileError(problem, text, item.position if text else None)
        out += [Output(n, item.new or table.column(n).name) for n in names]
    unique: dict[str, Output] = {}
    for one in out:
        unique.setdefault(one.name.lower(), one)
    return [o for o in unique.values() if o.source not in dropped]


def _names(item: ColumnItem, table: Table, text: str) -> list[str]:
    if item.kind == "number":
        number = int(item.name) if item.name.isdecimal() else 0
        if not 1 <= number <= len(table.columns):
            problem = f"no column #{item.name}: block {table.name} has {len(table.columns)} columns"
            raise VirtualFileError(problem, text, item.position if text else None)
        return [list(table.columns)[number - 1]]
    if item.kind == "vector":
        return [n for c in item.components for n in _names(ColumnItem("keep", c, position=item.position), table, text)]
    if item.name in table:
        return [item.name.lower()]
    pair = vector_columns(table, item.name)
    if pair is not None:
        return list(pair)
    problem = f"block {table.name} has no column {item.name}; it has {enumerated(table.names) or 'no columns'}"
    raise VirtualFileError(problem, text, item.position if text else None)


def _world(item: ColumnItem, table: Table) -> list[Output]:
    """Return the computed columns for `ra`, `dec` or `eqpos`; empty where they exist or cannot be computed."""
    if item.kind != "keep" or item.name in table:
        return []
    asked = item.name.lower()
    for vector in table.vectors:
        pair = vector_columns(table, vector.name)
        columns = world_columns(table, pair) if pair is not None else []
        if pair is None or not columns:
            continue
        world = world_vector(table, pair)
        if world is not None and asked == world.name.lower():
            chosen = columns[:2]
            new = [c.name for c in chosen]
        else:
            chosen = [c for c in columns if c.name.lower() == asked][:1]
            new = [item.new or c.name for c in chosen]
        for column in chosen:
            column.check()
        if chosen:
            return [Output(c.name.lower(), n, c) for c, n in zip(chosen, new, strict=True)]
    return []


def output_template(outputs: Sequence[Output], table: Table) -> Table:
    """Return the table without rows that the output begins with: columns renamed, vectors kept where complete."""
    columns: dict[str, Column] = {}
    renamed = {o.source: o.name.lower() for o in reversed(outputs) if o.world is None}
    for one in outputs:
        if one.world is None:
            old = table.column(one.source)
            keys = {_renamed_stem(stem, renamed): value for stem, value in old.keys.items()}
            columns[one.name.lower()] = Column(one.name, old.data[:0], old.form, old.unit, old.comment, keys)
        else:
            columns[one.name.lower()] = Column(one.name, np.zeros(0), "1D", "deg", "")
    header = table.header.copy()
    gone = set(table.columns) - {o.source for o in outputs}
    for name in gone:
        for card in [c.keyword for c in header.cards if re.fullmatch(rf"{name}_\w+", c.keyword.lower())]:
            header.remove(card, ignore_missing=True)
    return Table(table.name, columns, header, _vectors(outputs, table))


def _renamed_stem(stem: str, renamed: dict[str, str]) -> str:
    """Return a per-column keyword with the new name of the other column that it is about (`TPC_@y`)."""
    head, mark, other = stem.partition("_@")
    return f"{head}{mark}{renamed.get(other, other)}" if mark else stem


def _vectors(outputs: Sequence[Output], table: Table) -> list[Vector]:
    """Return the vectors whose columns are all there, under their new names, and the world vectors on them."""
    renamed = {o.source: o.name for o in reversed(outputs) if o.world is None}
    kept: list[Vector] = []
    worlds: list[Vector] = []
    for vector in table.vectors:
        parts = [c.lower() for c in vector.components]
        if all(p in table and p in renamed for p in parts):
            kept.append(Vector(vector.name, tuple(renamed[p] for p in parts)))
            world = world_vector(table, (parts[0], parts[1])) if len(parts) == 2 else None
            worlds += [world] if world is not None else []
    others = [v for v in table.vectors if not any(c in table for c in v.components)]
    attached = {v.name for pair in _pairs(table) if (v := world_vector(table, pair)) is not None}
    return kept + [v for v in others if v in worlds or v.name not in attached]


def _pairs(table: Table) -> list[tuple[str, str]]:
    return [p for v in table.vectors if (p := vector_columns(table, v.name)) is not None]
