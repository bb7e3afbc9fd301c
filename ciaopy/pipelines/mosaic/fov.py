"""Fields of view of several observations in one region file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ciaopy.errors import DataError
from ciaopy.fits import Column, Table

if TYPE_CHECKING:
    from ciaopy.datamodel import Workspace
    from ciaopy.param import ParameterSet

__all__ = ["union_of_fields"]


def union_of_fields(paths: Sequence[Path], target: Path, ws: Workspace, par: ParameterSet) -> None:
    """Write the polygons of field-of-view files as one region: its shapes joined by OR, CCD_ID left out.

    The sky transform is kept where all files have the same.

    Raises
    ------
    DataError
        A file is no field of view.
    """
    from ciaopy.datamodel import merge_headers
    from ciaopy.pipelines.mosaic.merge_events import MERGE_RULES

    tables = [_read(path, ws) for path in paths]
    width = max(t["x"].shape[1] for t in tables)
    count = sum(t.nrows for t in tables)
    columns = {}
    first = tables[0]
    for name in ("x", "y"):
        data = np.full((count, width), np.nan)
        row = 0
        for table in tables:
            part = table[name]
            data[row : row + len(part), : part.shape[1]] = part
            row += len(part)
        keys = [t.column(name).keys for t in tables]
        same = all({k: v[0] for k, v in k_.items()} == {k: v[0] for k, v in keys[0].items()} for k_ in keys)
        columns[name] = Column(first.column(name).name, data, f"{width}D", "pixel", "Position", keys[0] if same else {})
    for name in ("shape", "r", "rotang"):
        columns[name] = first.column(name).with_data(np.concatenate([t[name] for t in tables]))
    columns["component"] = Column("COMPONENT", np.arange(1, count + 1, dtype=np.int32), "1J", "", "Component number")
    header, _ = merge_headers([t.header for t in tables], MERGE_RULES)
    for key in ("CCD_ID", "HISTNUM"):
        header.remove(key, ignore_missing=True)
    header.remove("HISTORY", ignore_missing=True, remove_all=True)
    header["HDUCLAS2"], header["CONTENT"] = "FOV", "FOV"
    ws.write(str(target), Table(first.name, columns, header, list(first.vectors)), par, clobber=True)


def _read(path: Path, ws: Workspace) -> Table:
    block = ws.read(str(path))
    if not isinstance(block, Table) or not all(c in block for c in ("x", "y", "shape", "r", "rotang")):
        raise DataError(f"{path}: not a field of view (no table with X, Y, SHAPE)")
    if block["x"].ndim != 2:
        raise DataError(f"{path}: X holds single numbers, not polygons")
    return block
