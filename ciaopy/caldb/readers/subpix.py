"""SUBPIX: EDSER offsets by flight grade and energy."""

from __future__ import annotations

import numpy as np

from ciaopy.caldb.products_acis import SubPixel
from ciaopy.caldb.products_base import FloatArray, IntArray
from ciaopy.caldb.readers.access import CalibrationSource, CalTable


def _one(table: CalTable) -> tuple[IntArray, FloatArray]:
    """Return points per flight grade, shape (256,), and (energy eV, dx, dy), shape (3, 256, m), of one HDU."""
    energy = table.numbers("ENERGY")
    dx, dy = table.numbers("CHIPX_OFFSET"), table.numbers("CHIPY_OFFSET")
    if energy.ndim != 2 or dx.shape != energy.shape or dy.shape != energy.shape:
        table.fail("ENERGY, CHIPX_OFFSET and CHIPY_OFFSET are not vectors of the same length")
    grade = table.integers("FLTGRADE").ravel()
    if len(grade) != len(energy) or np.any((grade < 0) | (grade > 255)):
        table.fail("FLTGRADE outside 0..255")
    count = table.points(energy, dx, dy)
    npoints = np.zeros(256, dtype=np.int32)
    npoints[grade] = count
    values = np.zeros((3, 256, energy.shape[1]))
    valid = np.arange(energy.shape[1]) < count[:, None]
    scale = 1000.0 * table.energy_scale("ENERGY")
    for k, column in enumerate((energy * scale, dx, dy)):
        values[k, grade] = np.where(valid, column, 0.0)
    return npoints, values


def read(file: CalibrationSource) -> SubPixel:
    """Read FLTGRADE, NPOINTS, ENERGY[], CHIPX_OFFSET[], CHIPY_OFFSET[] per chip, or per FI and BI (MARX's copy).

    Checked on MARX's re-format of the CALDB file; CALDB's own has one HDU per chip.

    Raises
    ------
    CalibrationError
        Columns missing, points that do not ascend or are not finite, or no chip.
    """
    tables: list[tuple[IntArray, FloatArray]] = []
    chosen = np.full(10, -1, dtype=np.int32)
    for table in file.tables():
        if not table.has("FLTGRADE", "CHIPX_OFFSET", "CHIPY_OFFSET"):
            continue
        chips = table.chips()
        if not chips or max(chips) > 9:
            table.fail("the block does not say its chip (keyword CCD_ID)")
        chosen[list(chips)] = len(tables)
        tables.append(_one(table))
    if not tables:
        file.fail("no table with columns FLTGRADE, ENERGY, CHIPX_OFFSET, CHIPY_OFFSET")
    width = max(v.shape[2] for _, v in tables)
    values = np.stack([np.pad(v, ((0, 0), (0, 0), (0, width - v.shape[2]))) for _, v in tables])
    return SubPixel(
        source=file.source,
        table=chosen,
        npoints=np.stack([n for n, _ in tables]),
        energy=np.ascontiguousarray(values[:, 0]),
        dx=np.ascontiguousarray(values[:, 1]),
        dy=np.ascontiguousarray(values[:, 2]),
    )
