"""T_GMAP: time-dependent gain of the HRC."""

from __future__ import annotations

import numpy as np

from ciaopy.caldb.products_base import FloatArray
from ciaopy.caldb.products_hrc import HrcGainTime
from ciaopy.caldb.readers.access import CalibrationSource, CalTable


def _cells(table: CalTable, name: str, lengths: tuple[int, ...]) -> FloatArray:
    """Return the vector cell of the only row with its axes in the order of `lengths`, NaN as 0.

    Which axis of the file is which is told by its length (TDIM); axes of equal length keep their order.
    """
    values = table.numbers(name)
    if table.block.nrows != 1 or values.ndim != len(lengths) + 1 or sorted(values.shape[1:]) != sorted(lengths):
        table.fail(f"{name} has shape {values.shape}, expected one row with axes of {lengths} in any order (TDIM)")
    if np.any(np.isinf(values)):
        table.fail(f"{name} has infinite values")
    cell, there = values[0], list(values.shape[1:])
    order = []
    for length in lengths:
        order.append(there.index(length))
        there[order[-1]] = -1
    return np.ascontiguousarray(np.nan_to_num(cell.transpose(order)), dtype=np.float64)


def read(file: CalibrationSource) -> HrcGainTime:
    """Read one row: GAINMAP (2, ny, nx), TGAIN (nt, ny), RAWXGRID[nx], RAWYGRID[ny], TIMEGRID[nt] (MJD); NaN means 0.

    The columns are those that hrc_process_events uses; no CALDB file was at hand, so the axes of GAINMAP and TGAIN may
    come in any order and are told by their length.

    Raises
    ------
    CalibrationError
        Columns missing, sizes that do not fit together, grids that do not ascend.
    """
    table = file.table_with("GAINMAP", "TGAIN", "RAWXGRID", "RAWYGRID", "TIMEGRID")
    rawx, rawy, mjd = table.axis("RAWXGRID"), table.axis("RAWYGRID"), table.axis("TIMEGRID")
    return HrcGainTime(
        source=file.source,
        gain=_cells(table, "GAINMAP", (2, len(rawy), len(rawx))),
        drift=_cells(table, "TGAIN", (len(mjd), len(rawy))),
        rawx=rawx,
        rawy=rawy,
        mjd=mjd,
    )
