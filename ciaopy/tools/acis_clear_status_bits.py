"""Clear the status bits that acis_process_events and the bad pixel tools will set again, in place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ciaopy.acis.status_bits import CLSTBITS, clear_status
from ciaopy.errors import DataError
from ciaopy.fits.blocks import Table

if TYPE_CHECKING:
    from ciaopy.datamodel import Workspace
    from ciaopy.param import ParameterSet


def run(par: ParameterSet, ws: Workspace) -> None:
    """Run acis_clear_status_bits on `evtfile`.

    Raises
    ------
    DataError
        The file has no event table with a STATUS column.
    """
    path = par["evtfile"]
    dataset = ws.dataset(path)
    table = next((b for b in dataset.blocks if isinstance(b, Table) and "status" in b), None)
    if table is None:
        raise DataError(f"{path}: no table with a STATUS column; give an ACIS event file")
    changed = cleared(table)
    dataset.blocks = [changed if b is table else b for b in dataset.blocks]
    ws.write(path, dataset, par=par, clobber=True)
    ws.console.say(f"{path}: status bits cleared ({CLSTBITS})", 1)


def cleared(table: Table) -> Table:
    """Return the event table with cleared status bits and the keyword CLSTBITS; the input is not changed."""
    header = table.header.copy()
    header["CLSTBITS"] = (CLSTBITS, "0 means clear STATUS bit")
    columns = dict(table.columns)
    columns["status"] = table.column("status").with_data(clear_status(table["status"]))
    return Table(table.name, columns, header, table.vectors, table.companions)
