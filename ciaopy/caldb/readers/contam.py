"""CONTAM: contaminant on the ACIS filters."""

from __future__ import annotations

import numpy as np

from ciaopy.caldb.products_area import Contamination, ContamLayer
from ciaopy.caldb.products_base import FloatArray
from ciaopy.caldb.readers.access import CalibrationSource, CalTable


def _vectors(table: CalTable, names: tuple[str, ...], count: str) -> list[list[FloatArray]]:
    """Return per row the first `count` values of each column; the first column must ascend."""
    columns = [table.numbers(n) for n in names]
    rows = table.block.nrows
    if any(c.ndim != 2 or c.shape != columns[0].shape for c in columns):
        table.fail(f"{', '.join(names)} are not vectors of the same length")
    width = columns[0].shape[1]
    counts = table.integers(count).ravel() if table.has(count) else np.full(rows, width)
    out = []
    for row in range(rows):
        n = int(counts[row])
        cells = [c[row, :n] for c in columns]
        if not 1 <= n <= width or not all(np.all(np.isfinite(c)) for c in cells) or np.any(np.diff(cells[0]) < 0):
            table.fail(f"row {row + 1}: {names[0]} has {n} of {width} points, not finite or not ascending")
        out.append(cells)
    return out


def _layers(table: CalTable) -> tuple[ContamLayer, ...]:
    rows = table.block.nrows
    if rows == 0:
        table.fail("the table has no rows")
    spectra = _vectors(table, ("ENERGY", "MU"), "N_ENERGY")
    history = _vectors(table, ("TIME", "TAU0", "TAU1"), "N_TIME")
    pattern = table.finite("FXY")
    if pattern.ndim == 2:
        side = round(pattern.shape[1] ** 0.5)
        pattern = pattern.reshape(rows, side, -1) if side * side == pattern.shape[1] else pattern
    if pattern.ndim != 3 or 0 in pattern.shape:
        table.fail("FXY is not an image (TDIM)")
    component = table.integers("COMPONENT").ravel() if table.has("COMPONENT") else np.zeros(rows, dtype=np.int64)
    weight = table.scalars("WEIGHT") if table.has("WEIGHT") else np.ones(rows)
    scale = table.energy_scale("ENERGY")
    return tuple(
        ContamLayer(int(component[k]), float(weight[k]), e * scale, mu, t, tau0, tau1, np.ascontiguousarray(f))
        for k, ((e, mu), (t, tau0, tau1), f) in enumerate(zip(spectra, history, pattern, strict=True))
    )


def read(file: CalibrationSource) -> Contamination:
    """Read one HDU per chip, one row per layer.

    Columns COMPONENT, WEIGHT, N_ENERGY, ENERGY[], MU[], N_TIME, TIME[] (s), TAU0[], TAU1[], FXY (image); checked on
    MARX's re-format of acisD1999-08-13contamN0007 (64 or 128 blocks a side; CALDB has all 1024).

    Raises
    ------
    CalibrationError
        Columns missing, values not finite or not ascending, or no chip. Older files without FXY are not understood.
    """
    chips: dict[int, tuple[ContamLayer, ...]] = {}
    for table in file.tables():
        if not table.has("MU", "TAU0"):
            continue
        named = table.chips()
        if len(named) != 1:
            table.fail("the block does not say its chip (keyword CCD_ID)")
        if file.constraints.get("ccd_id") is None or str(file.constraints["ccd_id"]) == str(named[0]):
            chips[named[0]] = _layers(table)
    if not chips:
        file.fail("no table with columns ENERGY, MU, TIME, TAU0, TAU1, FXY for the chip")
    return Contamination(source=file.source, chips=chips)
