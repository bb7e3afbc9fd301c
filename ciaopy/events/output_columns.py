"""The columns that event processing makes: those computed, and those carried over from the input."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from ciaopy.errors import DataError
from ciaopy.events.event_definition import DefinedColumn
from ciaopy.fits import Array

__all__ = ["OutputColumns", "as_type"]


def as_type(values: Array, dtype: np.dtype[Any], null: int = 0) -> Array:
    """Return values as another type; numbers become the nearest integer within its limits.

    Parameters
    ----------
    values : array, shape (n, ...)
    dtype : numpy dtype
    null : int
        Stands in integer columns for what is not a number.

    Returns
    -------
    array of `dtype`, same shape; `values` itself where it is of that type
    """
    if dtype.kind not in "iu" or values.dtype.kind != "f":
        return values.astype(dtype, copy=False)
    limits = np.iinfo(dtype)
    whole = np.clip(np.floor(values + 0.5), limits.min, limits.max)
    return np.where(np.isfinite(values), whole, null).astype(dtype)


class OutputColumns:
    """Arrays for the columns of an event definition; blocks of rows are filled in any order, from any thread.

    Parameters
    ----------
    columns : mapping of str to array, shape (n, ...)
        Input columns by lower-case name. Not modified.
    definition : tuple of DefinedColumn
        Columns wanted, in order.
    computed : collection of str
        Columns that the steps fill; all others of the definition are carried over.
    nrows : int
    advice : str
        What to do where a column is missing, for the message.
    nulls : mapping of str to int
        Value of integer columns for what is not a number; 0 for columns not named.

    Attributes
    ----------
    arrays : dict of str to array, shape (nrows, ...)
        In the order and of the types of the definition. A column carried over that is of the type wanted is the
        input's own array: nothing of it is copied.
    carried : frozenset of str

    Raises
    ------
    DataError
        A column is neither in the input nor computed.
    """

    def __init__(
        self,
        columns: Mapping[str, Array],
        definition: tuple[DefinedColumn, ...],
        computed: Collection[str],
        nrows: int,
        advice: str,
        nulls: Mapping[str, int] | None = None,
    ) -> None:
        self.carried = frozenset(c.name for c in definition if c.name not in computed)
        self.arrays: dict[str, Array] = {}
        self._columns, self._nulls = columns, nulls or {}
        self._shared: set[str] = set()
        for column in definition:
            if column.name in self.carried and column.name not in columns:
                raise DataError(
                    f"column {column.name} of the event definition is neither in the input nor computed here; "
                    f"leave it out of eventdef, or {advice}"
                )
            if column.name in self.carried and _is_ready(columns[column.name], column.dtype, nrows):
                self._shared.add(column.name)
                self.arrays[column.name] = columns[column.name]
                continue
            shape = columns[column.name].shape[1:] if column.name in columns else ()
            self.arrays[column.name] = np.zeros((nrows, *shape), column.dtype)

    def store(self, name: str, rows: slice, values: Array) -> None:
        """Fill a block of a computed column from an array, shape (rows, ...); others are left alone."""
        if name in self.arrays and name not in self.carried:
            self._set(name, rows, values)

    def carry(self, rows: slice) -> None:
        """Fill a block of every column that is carried over and not shared."""
        for name in self.carried - self._shared:
            self._set(name, rows, self._columns[name][rows])

    def _set(self, name: str, rows: slice, values: Array) -> None:
        out = self.arrays[name]
        out[rows] = as_type(values, out.dtype, self._nulls.get(name, 0))


def _is_ready(values: Array, dtype: np.dtype[Any], nrows: int) -> bool:
    """Tell whether a column can be handed on as it is."""
    return values.dtype == dtype and len(values) == nrows and bool(values.flags.c_contiguous)
