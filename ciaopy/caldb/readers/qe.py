"""QE: quantum efficiency of ACIS chips and of the HRC."""

from __future__ import annotations

import re

import numpy as np

from ciaopy.caldb.products_area import QeCurve, QuantumEfficiency
from ciaopy.caldb.readers.access import CalibrationSource, CalTable


def _curves(table: CalTable) -> list[QeCurve]:
    """Return the curves of one HDU: one of scalar rows, or one per row of vectors (HRC-S filter regions)."""
    number = re.search(r"(\d+)$", table.info.name)
    named = table.chip()
    chip = named if named is not None else (int(number.group(1)) if number and "HRC-S" in table.text("DETNAM") else 0)
    qe = table.finite("QE")
    if qe.ndim == 1 or len(qe) == 1:
        curves = [(0, "", table.energy_curve(), table.curve("QE"))]
    else:
        energy = table.finite("ENERGY") * table.energy_scale("ENERGY")
        if energy.shape != qe.shape:
            table.fail("ENERGY and QE are not vectors of the same length")
        if np.any(np.diff(energy, axis=1) < 0):
            table.fail("ENERGY does not ascend")
        region = table.integers("REGIONID").ravel() if table.has("REGIONID") else np.arange(len(qe))
        filters = table.texts("FILTER") if table.has("FILTER") else [""] * len(qe)
        curves = [(int(r), f, e, q) for r, f, e, q in zip(region, filters, energy, qe, strict=True)]
    if any(len(e) != len(q) for _, _, e, q in curves):
        table.fail("ENERGY and QE differ in length")
    return [QeCurve(chip, region, name, energy, q) for region, name, energy, q in curves]


def read(file: CalibrationSource) -> QuantumEfficiency:
    """Read ENERGY and QE: one HDU per chip (ACIS: keyword CCD_ID; HRC-S: CHIP_ID, one row per filter region).

    Checked on acisD1997-04-17qeN0006, hrciD1999-07-22qeN0008 and hrcsD1999-07-22qeN0011.

    Raises
    ------
    CalibrationError
        Columns missing, values not finite, energies that do not ascend.
    """
    found: dict[tuple[int, int], QeCurve] = {}
    for table in file.tables():
        if table.has("QE"):
            found |= {(c.chip, c.region): c for c in _curves(table)}
    if not found:
        file.fail("no table with columns ENERGY, QE")
    return QuantumEfficiency(source=file.source, curves=tuple(found[k] for k in sorted(found)))
