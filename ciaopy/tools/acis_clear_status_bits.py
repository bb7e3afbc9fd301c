"""Clear the status bits that acis_process_events and the bad pixel tools will set again, in place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ciaopy.errors import DataError
from ciaopy.events import CLSTBITS, clear_status
from ciaopy.fits import Dataset, Table, add_history
from ciaopy.response import file_to_change

if TYPE_CHECKING:
    from ciaopy.datamodel import Workspace
    from ciaopy.param import ParameterSet


def run(par: ParameterSet, ws: Workspace) -> None:
    """Run acis_clear_status_bits on `evtfile`: the event block changes, all others stay as they are.

    Raises
    ------
    UserError
        The name is empty or has brackets.
    DataError
        The file has no event table with a STATUS column of 32 bits.
    """
    path = file_to_change(par["evtfile"], "evtfile", ws)
    dataset = ws.dataset(path)
    table = next((b for b in dataset.blocks if isinstance(b, Table) and "status" in b), None)
    if table is None:
        raise DataError(f"{path}: no table with a STATUS column; give an ACIS event file")
    changed = cleared(table)
    add_history(changed.header, par.tool, [(n, v) for n, v in par.items() if n != "mode"])
    blocks = [changed if b is table else b for b in dataset.blocks]
    ws.write(path, Dataset(blocks, path), clobber=True)
    ws.console.say(f"{path}: status bits cleared ({CLSTBITS})", 1)


def cleared(table: Table) -> Table:
    """Return the event table with cleared status bits and the keyword CLSTBITS; the input is not changed.

    Raises
    ------
    DataError
        STATUS is not a column of 32 bits.
    """
    if table["status"].dtype != np.uint32 or table["status"].ndim != 1:
        raise DataError(f"block {table.name}: STATUS is not a column of 32 bits (32X); give an ACIS event file")
    header = table.header.copy()
    header["CLSTBITS"] = (CLSTBITS, "0 means clear STATUS bit")
    columns = dict(table.columns)
    columns["status"] = table.column("status").with_data(clear_status(table["status"]))
    return Table(table.name, columns, header, table.vectors, table.companions)
