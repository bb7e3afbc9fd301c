"""The values that the names of an expression have in a table: columns, vectors, single bits, header keywords."""

from __future__ import annotations

from typing import Any

import numpy as np

from ciaopy.datamodel.syntax import bit_name, bit_of
from ciaopy.datamodel.wcs import vector_columns
from ciaopy.errors import UserError
from ciaopy.fits import Array, Table

__all__ = ["operand", "vector_values"]


def operand(table: Table, name: str, nulls: bool = False) -> Any:
    """Return the value of a name, or None where the table has none of that name.

    Parameters
    ----------
    table : Table
    name : str
        A column; a vector (`sky`: shape (rows, 2)); a bit (`status__bit3`, see `syntax.bits`); `#row`, the 1-based row
        number; a header keyword. Looked up in this order, without regard to case.
    nulls : bool
        Integer columns that hold null values (TNULL) come as doubles with NaN in their place.

    Raises
    ------
    UserError
        A column has no such bit.
    """
    if name in table:
        return table.column(name).values if nulls else table[name]
    vector = vector_values(table, name, nulls)
    if vector is not None:
        return vector
    bit = bit_name(name)
    if bit is not None and bit[0] in table:
        column = table.column(bit[0])
        try:
            return bit_of(column.data, column.form, bit[1])
        except UserError as problem:
            raise UserError(f"column {column.name} of block {table.name}: {problem}") from None
    if name == "#row":
        return np.arange(1, table.nrows + 1, dtype=np.int64)
    if name.upper() in ("COMMENT", "HISTORY", ""):
        return None
    return table.header.get(name)


def vector_values(table: Table, name: str, nulls: bool = False) -> Array | None:
    """Return the components of a vector of two columns, shape (rows, 2), or None where there is no such vector."""
    pair = vector_columns(table, name)
    return None if pair is None else np.stack([table.column(c).values if nulls else table[c] for c in pair], axis=-1)
