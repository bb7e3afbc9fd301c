"""`[cols ...]`: which columns come out, in which order, under which names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ciaopy.datamodel.filtering.predicate import Rows
from ciaopy.datamodel.syntax import ColumnItem
from ciaopy.datamodel.wcs import columns_wcs, vector_columns, world_vector
from ciaopy.errors import VirtualFileError
from ciaopy.fits import Array, Column, Table, Vector

if TYPE_CHECKING:
    from ciaopy.datamodel.wcs import SkyTransform


@dataclass(frozen=True)
class Output:
    """One column of the output.

    Attributes
    ----------
    source : str
        Lower-case name in the input.
    name : str
        Name in the output, as it will be written.
    world : tuple or None
        (transform, x column, y column, 0 for RA or 1 for Dec) for a column computed from the sky position.
    """

    source: str
    name: str
    world: tuple[SkyTransform, str, str, int] | None = None

    @property
    def needs(self) -> tuple[str, ...]:
        """Input columns that it is made of."""
        return (self.source,) if self.world is None else (self.world[1], self.world[2])

    def data(self, rows: Rows) -> Array:
        """Return the values for a block of rows."""
        if self.world is None:
            return rows.columns[self.source]
        transform, x, y, which = self.world
        return transform.pixel_to_sky(rows.columns[x], rows.columns[y])[which]


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
        number = int(item.name) if item.name.isdigit() else 0
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
    problem = f"block {table.name} has no column {item.name}; it has {', '.join(table.names) or 'no columns'}"
    raise VirtualFileError(problem, text, item.position if text else None)


def _world(item: ColumnItem, table: Table) -> list[Output]:
    """Return the computed columns for `ra`, `dec` or `eqpos`; empty where they exist or cannot be computed."""
    if item.kind != "keep" or item.name in table:
        return []
    for vector in table.vectors:
        pair = vector_columns(table, vector.name)
        transform = columns_wcs(table, pair) if pair is not None else None
        if pair is None or transform is None:
            continue
        world = world_vector(table, pair)
        names = list(world.components) if world is not None else ["RA", "DEC"]
        asked = item.name.lower()
        if world is not None and asked == world.name.lower():
            return [Output(n.lower(), n, (transform, *pair, k)) for k, n in enumerate(names)]
        for k, name in enumerate(names):
            if asked == name.lower():
                return [Output(asked, item.new or name, (transform, *pair, k))]
    return []


def output_template(outputs: Sequence[Output], table: Table) -> Table:
    """Return the table without rows that the output begins with: columns renamed, vectors kept where complete."""
    columns: dict[str, Column] = {}
    for one in outputs:
        if one.world is None:
            old = table.column(one.source)
            columns[one.name.lower()] = Column(one.name, old.data[:0], old.form, old.unit, old.comment, dict(old.keys))
        else:
            columns[one.name.lower()] = Column(one.name, np.zeros(0), "1D", "deg", "")
    header = table.header.copy()
    gone = set(table.columns) - {o.source for o in outputs}
    for name in gone:
        for card in [c.keyword for c in header.cards if re.fullmatch(rf"{name}_\w+", c.keyword.lower())]:
            header.remove(card, ignore_missing=True)
    return Table(table.name, columns, header, _vectors(outputs, table))


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
