"""Compute columns of a table from expressions on its columns, header keys and row numbers."""

from __future__ import annotations

from collections import ChainMap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ciaopy.datamodel.syntax import Assignment, parse_assignments
from ciaopy.errors import DataError, UserError
from ciaopy.fits import Array, Column, Table

if TYPE_CHECKING:
    from ciaopy.datamodel import Workspace
    from ciaopy.param import ParameterSet


def run(par: ParameterSet, ws: Workspace) -> None:
    """Add or replace columns; names are columns first, then header keys; `#row` is the 1-based row number.

    Raises
    ------
    UserError, DataError
        The input is an image, or an expression cannot be parsed or computed.
    """
    infile, outfile = str(par["infile"]), str(par["outfile"])
    ws.check_output(outfile, bool(par["clobber"]), (infile,))
    assignments = parse_assignments(_text(str(par["expression"] or "")))
    table = ws.read(infile)
    if not isinstance(table, Table):
        raise UserError(f"{infile}: block {table.name} is an image; use dmimgcalc")
    ws.write(outfile, with_columns(table, assignments), par, bool(par["clobber"]))
    ws.console.say(f"{outfile}: {table.nrows} rows; computed {', '.join(a.name for a in assignments)}", 1)


def _text(expression: str) -> str:
    """Return the expressions; `@file` reads them from a file, one per line, `#` lines being comments."""
    if not expression.startswith("@"):
        return expression
    path = Path(expression[1:])
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as problem:
        raise DataError(f"{path}: cannot be read: {problem.strerror}") from None
    return "\n".join(s for s in lines if not s.lstrip().startswith("# ") and s.strip() != "#")


def with_columns(table: Table, assignments: list[Assignment]) -> Table:
    """Return the table with columns computed in order; later expressions see the results of earlier ones.

    A new column has the type of its expression (whole numbers: 32 bits where they fit); an existing one keeps its own
    type, unit and keys; a cast `(type)name=` decides otherwise.

    Raises
    ------
    UserError
        An expression asks for random numbers.
    """
    result = Table(table.name, dict(table.columns), table.header.copy(), list(table.vectors), list(table.companions))
    keys = {c.keyword.lower(): c.value for c in table.header.cards if c.keyword not in ("COMMENT", "HISTORY", "")}
    rows = {"#row": np.arange(1, table.nrows + 1, dtype=np.int64)}
    for one in assignments:
        if "#trand" in one.expression.names or "#rand" in one.expression.names:
            raise UserError("dmtcalc: random numbers in expressions are not supported: results must be repeatable")
        columns: dict[str, Any] = {k: c.data for k, c in result.columns.items()}
        value = one.expression.evaluate(ChainMap(columns, rows, keys))
        old = result.columns.get(one.name.lower())
        data = _as_column(value, table.nrows, one, old)
        new = old.with_data(data) if old is not None else Column(one.name, data)
        if old is not None and (one.dtype is not None or data.dtype != old.data.dtype):
            new.form = ""
        result.columns[one.name.lower()] = new
    return result


def _as_column(value: Array, nrows: int, one: Assignment, old: Column | None) -> Array:
    if value.ndim == 0:
        value = np.full(nrows, value)
    if len(value) != nrows:
        raise UserError(f"dmtcalc: {one.name}: {len(value)} values for {nrows} rows")
    if one.dtype is not None:
        from ciaopy.datamodel.syntax import cast_values

        return np.ascontiguousarray(cast_values(value, one.dtype))
    if old is not None and old.data.dtype.kind in "iufb" and old.data.shape == value.shape:
        return _kept_type(value, old.data.dtype)
    if value.dtype == np.int64 and (not value.size or bool((np.abs(value) < 2**31).all())):
        return np.ascontiguousarray(value.astype(np.int32))
    return np.ascontiguousarray(value)


def _kept_type(value: Array, dtype: np.dtype[Any]) -> Array:
    """Return the values in the type of the column they replace, or in their own where that would lose something."""
    if dtype.kind in "iu" and value.dtype.kind in "iufb" and value.size:
        limits = np.iinfo(dtype)
        whole = value.dtype.kind != "f" or bool((value == np.floor(value)).all())
        if not whole or value.min() < limits.min or value.max() > limits.max:
            return np.ascontiguousarray(value)
    return np.ascontiguousarray(value.astype(dtype))
