"""Add the columns of another table, interpolated at the values of a common column.

`dmjoin evt2.fits asol1.fits out.fits join=time interpolate=linear`
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ciaopy.datamodel import require_one_time
from ciaopy.errors import DataError, UserError
from ciaopy.fits import Array, Column, Table
from ciaopy.tools.dmpaste import add_columns, has_times, read_table

if TYPE_CHECKING:
    from ciaopy.datamodel import Workspace
    from ciaopy.param import ParameterSet


def run(par: ParameterSet, ws: Workspace) -> Table:
    """Write `infile` with the other columns of `joinfile`, found at the values of the column `join`.

    Raises
    ------
    UserError, DataError
        No such column, one that is no number, an empty `joinfile`, an output that exists.
    """
    infile, joinfile, outfile = str(par["infile"]), str(par["joinfile"]), str(par["outfile"])
    name = str(par["join"] or "").strip()
    if not name:
        raise UserError("no column to join on; set join, for example join=time")
    ws.check_output(outfile, bool(par["clobber"]), (infile, joinfile))
    table, other = read_table(infile, ws), read_table(joinfile, ws)
    for source, text in ((table, infile), (other, joinfile)):
        if source[name].ndim != 1 or source[name].dtype.kind not in "iuf":
            raise DataError(f"{text}: column {name} is not a column of numbers")
    if name.lower().startswith("time") or has_times(other):
        require_one_time([(infile, table.header), (joinfile, other.header)])
    if not other.nrows:
        raise DataError(f"{joinfile}: has no rows to join")
    columns = joined(other, name, table.column(name).values.astype(np.float64), str(par["interpolate"]))
    result = Table(table.name, dict(table.columns), table.header, list(table.vectors), table.companions)
    for new, old in add_columns(result, columns, other.vectors):
        ws.console.warn(f"{joinfile}: column {old} is called {new} in {outfile}: the name is taken")
    ws.write(outfile, result, par, bool(par["clobber"]))
    return result


def joined(other: Table, name: str, at: Array, method: str) -> list[Column]:
    """Return the columns of `other` but `name`, evaluated where column `name` has the values `at`.

    A value that a row of `other` has exactly gives that row. Between rows a < x < b, `first` is the row at a, `last`
    the row at b, `closest` and `furthest` are by distance (a where equal), `minimum` and `maximum` by value, `linear`
    interpolates; integers are rounded, and what has no arithmetic (strings, logicals, bits) takes the closest row.
    Outside the range reals become NaN, integers TNULL (0 where there is none), others empty.

    Parameters
    ----------
    other : Table
        With at least one row, in any order; rows with NaN in `name` are left out.
    name : str
        Column to join on.
    at : ndarray of float64, shape (n,)
    method : str
        `linear first last closest furthest minimum maximum`.

    Raises
    ------
    DataError
        No row has a finite value to join on.
    """
    known = other.column(name).values.astype(np.float64)
    rows = np.argsort(known, kind="stable")
    rows = rows[np.isfinite(known[rows])]
    if not len(rows):
        raise DataError(f"column {name}: no finite values to join on")
    known = known[rows]
    high = np.clip(np.searchsorted(known, at, side="left"), 0, len(rows) - 1)
    low = np.where((known[high] == at) | (high == 0), high, high - 1)
    outside = ~((at >= known[0]) & (at <= known[-1]))
    gap = known[high] - known[low]
    share = np.divide(at - known[low], gap, out=np.zeros(len(at)), where=gap > 0)
    share[outside] = 0
    pairs = rows[low], rows[high], share
    return [
        _evaluated(column, pairs, outside, method)
        for key, column in other.columns.items()
        if key != name.lower() and column.data.dtype.kind != "O"
    ]


def _evaluated(column: Column, pairs: tuple[Array, Array, Array], outside: Array, method: str) -> Column:
    low, high, share = pairs
    data, nearest = column.data, np.where(share > 0.5, high, low)
    numbers = data.dtype.kind in "iuf" and not column.form.strip().upper().endswith("X")
    if method in ("first", "last"):
        values = data[low if method == "first" else high]
    elif method == "furthest":
        values = data[np.where(share > 0.5, low, high)]
    elif method == "closest" or not numbers:
        values = data[nearest]
    elif method in ("minimum", "maximum"):
        values = (np.minimum if method == "minimum" else np.maximum)(data[low], data[high])
    else:
        weight = share.reshape((-1, *(1,) * (data.ndim - 1)))
        a, b = data[low].astype(np.float64), data[high].astype(np.float64)
        values = np.where(weight == 0, a, a + weight * (b - a))
        values = np.rint(values) if data.dtype.kind in "iu" else values
    values = np.array(values.astype(data.dtype))
    if column.null is not None and method in ("linear", "minimum", "maximum"):
        part = share.reshape((-1, *(1,) * (data.ndim - 1)))
        unknown = ((data[low] == column.null) & (part < 1)) | ((data[high] == column.null) & (part > 0))
        values[unknown] = column.null
    null = np.nan if data.dtype.kind == "f" else column.key("TNULL", 0) if numbers else np.zeros((), data.dtype)
    values[outside] = null
    return column.with_data(values)
