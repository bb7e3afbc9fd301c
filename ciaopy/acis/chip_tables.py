"""Calibration curves of several chips, stacked into arrays that a kernel can take."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ciaopy.caldb import ChipCurves

__all__ = ["ChipTables", "CurveTables", "stack_pair", "stack_rows"]

CCDS = 10


class ChipTables(NamedTuple):
    """Where the rows of each chip start, and which row serves which cell of a chip.

    `cells[start[ccd] + (chipy - 1) // cell_y[ccd] * nx[ccd] + (chipx - 1) // cell_x[ccd]]` is a row number, -1 for
    none; `start[ccd]` is -1 for a chip without rows.
    """

    cells: NDArray[np.int32]
    start: NDArray[np.int64]
    nx: NDArray[np.int64]
    ny: NDArray[np.int64]
    cell_x: NDArray[np.int64]
    cell_y: NDArray[np.int64]


class CurveTables(NamedTuple):
    """`ChipTables` (flattened) with up to two curves y1(x), y2(x) per row; `npoints` valid points each."""

    cells: NDArray[np.int32]
    start: NDArray[np.int64]
    nx: NDArray[np.int64]
    ny: NDArray[np.int64]
    cell_x: NDArray[np.int64]
    cell_y: NDArray[np.int64]
    npoints: NDArray[np.int64]
    x: NDArray[np.float64]
    y1: NDArray[np.float64]
    y2: NDArray[np.float64]


def stack_rows(chips: Mapping[int, ChipCurves]) -> ChipTables:
    """Stack the region indexes of all chips; rows are numbered through, chips in the mapping's order.

    Parameters
    ----------
    chips : mapping of int to ChipCurves
        Per CCD_ID, 0 to 9.
    """
    start = np.full(CCDS, -1, dtype=np.int64)
    nx, ny = np.zeros(CCDS, np.int64), np.zeros(CCDS, np.int64)
    cell_x, cell_y = np.ones(CCDS, np.int64), np.ones(CCDS, np.int64)
    parts: list[NDArray[np.int32]] = [np.zeros(0, np.int32)]
    count = rows = 0
    for ccd, curves in chips.items():
        region = curves.regions
        start[ccd] = count
        ny[ccd], nx[ccd] = region.index.shape
        cell_x[ccd], cell_y[ccd] = region.cell_x, region.cell_y
        flat = region.index.ravel()
        parts.append(np.where(flat >= 0, flat + rows, -1).astype(np.int32))
        count += len(flat)
        rows += len(curves.npoints)
    return ChipTables(np.concatenate(parts), start, nx, ny, cell_x, cell_y)


def stack_columns(arrays: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Stack arrays of shape (rows, points) on each other, padded with zeros to the widest."""
    width = max((a.shape[1] for a in arrays), default=1)
    padded = [np.pad(a, ((0, 0), (0, width - a.shape[1]))) for a in arrays]
    return np.ascontiguousarray(np.concatenate(padded) if padded else np.zeros((0, width)), dtype=np.float64)


def stack_pair(chips: Mapping[int, ChipCurves], first: str, second: str) -> CurveTables:
    """Stack two curves of all chips, named as in `ChipCurves.y`; `first` and `second` may be the same."""
    tables = stack_rows(chips)
    curves = list(chips.values())
    npoints = np.concatenate([np.zeros(0, np.int64), *(c.npoints.astype(np.int64) for c in curves)])
    x = stack_columns([c.x for c in curves])
    y1, y2 = stack_columns([c.y[first] for c in curves]), stack_columns([c.y[second] for c in curves])
    return CurveTables(*tables, npoints, x, y1, y2)
