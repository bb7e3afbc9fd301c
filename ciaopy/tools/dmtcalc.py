"""Compute columns of a table from expressions on its columns, header keys and row numbers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ciaopy.datamodel import operand, vector_columns
from ciaopy.datamodel.syntax import Assignment, parse_assignments, with_bit
from ciaopy.errors import UserError
from ciaopy.fits import Array, Column, Table

if TYPE_CHECKING:
    from ciaopy.datamodel import Workspace
    from ciaopy.param import ParameterSet


def run(par: ParameterSet, ws: Workspace) -> None:
    """Add or replace columns; names are columns and vectors first, then header keys; `#row` is the 1-based row number.

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
    _explain_bits(assignments, ws)
    ws.write(outfile, with_columns(table, assignments), par, bool(par["clobber"]))
    ws.console.say(f"{outfile}: {table.nrows} rows; computed {', '.join(a.name for a in assignments)}", 1)


def _explain_bits(assignments: list[Assignment], ws: Workspace) -> None:
    """Say how bits are counted, because CIAO's threads count from the other end."""
    numbers = [n for a in assignments for n, _ in a.bits]
    if numbers:
        listed = ", ".join(f"X{n} is the bit of value 2**{n}" for n in dict.fromkeys(numbers))
        ws.console.warn(
            f"bits count from the last one, 0: {listed}; threads of CIAO that count from the first write 31-n for a "
            "column of 32 bits (X15F there is X16F here)",
            level=0,
        )


def _text(expression: str) -> str:
    """Return the expressions; `@file` reads them from a file, one per line, `#` lines being comments."""
    if not expression.startswith("@"):
        return expression
    from ciaopy.streams import read_text

    lines = read_text(expression[1:].strip()).splitlines()
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
    for one in assignments:
        if "#trand" in one.expression.names or "#rand" in one.expression.names:
            raise UserError("dmtcalc: random numbers in expressions are not supported: results must be repeatable")
        if one.bits:
            _assign_bits(result, one)
            continue
        value = _evaluated(result, one)
        pair = vector_columns(result, one.name) if one.name.lower() not in result.columns else None
        if pair is None:
            _assign(result, one, value)
            continue
        if value.shape != (table.nrows, 2):
            raise UserError(f"dmtcalc: {one.name}: a vector of two columns needs two values a row")
        for k, name in enumerate(pair):
            _assign(result, replace(one, name=name), value[:, k])
    return result


def _evaluated(table: Table, one: Assignment) -> Array:
    """Return the value of an expression; what is made of a null value (TNULL) is NaN, and no number.

    Rows without nulls have the value that they have in a table without any: integers stay integers.
    """
    values = _values(table, one)
    value = one.expression.evaluate(values)
    known = {name: operand(table, name, nulls=True) for name in values}
    unknown = np.zeros(table.nrows, dtype=bool)
    for name in values:
        if isinstance(known[name], np.ndarray) and known[name].dtype != np.asarray(values[name]).dtype:
            unknown |= np.isnan(known[name]).reshape(table.nrows, -1).any(axis=1)
    if not unknown.any():
        return value
    careful = np.broadcast_to(one.expression.evaluate(known), value.shape)
    if value.ndim == 0 or len(value) != table.nrows:
        return np.asarray(careful)
    take = unknown.reshape(-1, *(1,) * (value.ndim - 1)) | (
        np.isnan(careful) if careful.dtype.kind == "f" else np.zeros(value.shape, dtype=bool)
    )
    if not (careful.dtype.kind == "f" and np.isnan(careful[np.broadcast_to(take, value.shape)]).any()):
        return np.where(take, careful.astype(value.dtype), value)
    return np.where(take, careful, value)


def _values(table: Table, one: Assignment) -> dict[str, Any]:
    """Return the values of the names of an expression."""
    found = {name: operand(table, name) for name in one.expression.names}
    missing = [name for name, value in found.items() if value is None]
    if missing:
        there = ", ".join([*table.names, *(v.name for v in table.vectors)])
        raise UserError(f"expression {one.expression.text!r}: no {missing[0]}; there are {there}, and header keys")
    return found


def _assign(table: Table, one: Assignment, value: Array) -> None:
    """Put a column into the table."""
    old = table.columns.get(one.name.lower())
    data = _as_column(value, table.nrows, one, old)
    new = old.with_data(data) if old is not None else Column(one.name, data)
    if old is not None and (one.dtype is not None or data.dtype != old.data.dtype):
        new.form = ""
    table.columns[one.name.lower()] = new


def _assign_bits(table: Table, one: Assignment) -> None:
    """Set and clear single bits of a column; all others stay."""
    column = table.columns.get(one.name.lower())
    if column is None:
        raise UserError(f"dmtcalc: {one.name}: no such column; bits can be set in one that exists")
    data = column.data
    try:
        for number, on in one.bits:
            data = with_bit(data, column.form, number, on)
    except UserError as problem:
        raise UserError(f"dmtcalc: {column.name}: {problem}") from None
    table.columns[one.name.lower()] = column.with_data(data)


def _as_column(value: Array, nrows: int, one: Assignment, old: Column | None) -> Array:
    if value.ndim == 0:
        value = np.full(nrows, value)
    if len(value) != nrows:
        raise UserError(f"dmtcalc: {one.name}: {len(value)} values for {nrows} rows")
    if one.dtype is not None:
        from ciaopy.datamodel.syntax import cast_values

        if np.dtype(one.dtype).kind in "iu" and value.dtype.kind == "f" and np.isnan(value).any():
            count = int(np.isnan(value).sum())
            raise UserError(f"dmtcalc: {one.name}: {count} values are null or NaN, which no integer can stand for")
        return np.ascontiguousarray(cast_values(value, one.dtype))
    if old is not None and old.data.dtype.kind in "iufb" and old.data.shape == value.shape:
        return _kept_type(value, old)
    if value.dtype == np.int64 and (not value.size or bool((np.abs(value) < 2**31).all())):
        return np.ascontiguousarray(value.astype(np.int32))
    return np.ascontiguousarray(value)


def _kept_type(value: Array, old: Column) -> Array:
    """Return the values in the type of the column they replace, or in their own where that would lose something.

    NaN becomes the null value of an integer column that has one, unless that is one of the numbers.
    """
    dtype = old.data.dtype
    if dtype.kind in "iu" and value.dtype.kind in "iufb" and value.size:
        if old.null is not None and value.dtype.kind == "f" and not (value == old.null).any():
            value = np.where(np.isnan(value), old.null, value)
        limits = np.iinfo(dtype)
        whole = value.dtype.kind != "f" or bool((value == np.floor(value)).all())
        if not whole or value.min() < limits.min or value.max() > limits.max:
            return np.ascontiguousarray(value)
    return np.ascontiguousarray(value.astype(dtype))
