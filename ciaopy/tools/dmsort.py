"""Sort the rows of a table by one or more columns.

`dmsort evt2.fits sorted.fits keys="ccd_id,-energy"`
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ciaopy.errors import DataError, UserError
from ciaopy.fits import Array, Dataset, Table

if TYPE_CHECKING:
    from ciaopy.datamodel import Workspace
    from ciaopy.param import ParameterSet


def run(par: ParameterSet, ws: Workspace) -> Table:
    """Write `infile` with its rows in the order of `keys` (`-name`: descending); other blocks with `copyall`.

    The sort is stable; rows with NaN come last.

    Raises
    ------
    UserError, DataError
        No keys, an unknown or unsortable column, an image, an output that exists.
    """
    infile, outfile = str(par["infile"]), str(par["outfile"])
    keys = str(par["keys"] or "").replace(",", " ").split()
    if not keys:
        raise UserError("no column to sort by; set keys, for example keys=time or keys=ccd_id,-energy")
    ws.check_output(outfile, bool(par["clobber"]), (infile,))
    table = ws.read(infile)
    if not isinstance(table, Table):
        raise DataError(f"{infile}: is an image; dmsort needs a table")
    result = table.take(order(table, keys))
    content: Table | Dataset = result
    if par["copyall"]:
        content = _with_others(ws.dataset(infile), result)
    ws.write(outfile, content, par, bool(par["clobber"]))
    return result


def _with_others(dataset: Dataset, result: Table) -> Dataset:
    """Return the dataset with its first block of that name replaced."""
    index = next(i for i, b in enumerate(dataset.blocks) if b.name.lower() == result.name.lower())
    blocks = list(dataset.blocks)
    blocks[index] = result
    return Dataset(blocks, dataset.path)


def order(table: Table, keys: list[str]) -> Array:
    """Return the row numbers, int64 of shape (n,), that sort a table; the first key is the slowest.

    Raises
    ------
    DataError
        No such column, or one that has no order (vectors, variable length).
    """
    ranks = []
    for key in keys:
        values = table[key.lstrip("+-")]
        if values.ndim != 1 or values.dtype.kind not in "biufS":
            raise DataError(f"column {key.lstrip('+-')}: arrays cannot be sorted by")
        rank = np.unique(values, return_inverse=True)[1].astype(np.int64)
        if key.startswith("-"):
            rank = -rank
        if values.dtype.kind == "f":
            rank[np.isnan(values)] = len(values)
        ranks.append(rank)
    return np.lexsort(ranks[::-1])
