"""Put the columns of several tables side by side.

`dmpaste evt2.fits colours.fits out.fits`
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ciaopy.datamodel import require_one_time
from ciaopy.errors import DataError
from ciaopy.fits import Column, Table, Vector

if TYPE_CHECKING:
    from ciaopy.datamodel import Workspace
    from ciaopy.param import ParameterSet


def run(par: ParameterSet, ws: Workspace) -> Table:
    """Write `infile` with the columns of every file of the stack `pastefile` added, row by row.

    A column whose name is taken gets a number (`pi_2`), with a warning.

    Raises
    ------
    UserError, DataError
        Tables of different length, an image, an empty stack, an output that exists; times that count from different
        moments.
    """
    from ciaopy.stack import build

    infile, outfile = str(par["infile"]), str(par["outfile"])
    stack = build(str(par["pastefile"]))
    ws.check_output(outfile, bool(par["clobber"]), (infile, *stack))
    table = read_table(infile, ws)
    result = Table(table.name, dict(table.columns), table.header, list(table.vectors), table.companions)
    for name in stack:
        other = read_table(name, ws)
        if other.nrows != table.nrows:
            raise DataError(f"{name}: has {other.nrows} rows, {infile} has {table.nrows}; they must be equal")
        if has_times(other):
            require_one_time([(infile, table.header), (name, other.header)])
        for new, old in add_columns(result, list(other.columns.values()), other.vectors):
            ws.console.warn(f"{name}: column {old} is called {new} in {outfile}: the name is taken")
    ws.write(outfile, result, par, bool(par["clobber"]))
    return result


def has_times(table: Table) -> bool:
    """Return whether a table has a column of times: `time`, `start`, `stop`, or one whose name begins with `time`."""
    return any(name in ("start", "stop") or name.startswith("time") for name in table.columns)


def read_table(text: str, ws: Workspace) -> Table:
    """Return the table of a virtual file.

    Raises
    ------
    DataError
        It is an image.
    """
    block = ws.read(text)
    if not isinstance(block, Table):
        raise DataError(f"{text}: is an image; a table is needed")
    return block


def add_columns(table: Table, columns: list[Column], vectors: list[Vector]) -> list[tuple[str, str]]:
    """Add columns to a table in place, renaming those whose name is taken; vectors come along if nothing was renamed.

    Returns
    -------
    list of (new, old)
        The names that were changed.
    """
    renamed = []
    for column in columns:
        name, number = column.name, 2
        while name in table:
            name, number = f"{column.name}_{number}", number + 1
        if name != column.name:
            renamed.append((name, column.name))
        table.columns[name.lower()] = Column(
            name, column.data, column.form, column.unit, column.comment, dict(column.keys)
        )
    if not renamed:
        added = {c.name.lower() for c in columns}
        for vector in vectors:
            if table.vector(vector.name) is None and all(c.lower() in added for c in vector.components):
                table.vectors.append(vector)
    return renamed
