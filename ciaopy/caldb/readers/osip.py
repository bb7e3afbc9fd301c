"""OSIP: windows of pulse height that separate grating orders."""

from __future__ import annotations

import numpy as np

from ciaopy.caldb.products_base import ChipCurves, FloatArray
from ciaopy.caldb.products_hrc import OrderSorting
from ciaopy.caldb.readers.access import CalibrationSource, CalTable


def _grouped(table: CalTable) -> tuple[FloatArray, dict[str, FloatArray]]:
    """Return energies and windows (eV) per row, shape (nrow, m)."""
    energy = table.numbers("ENERGY")
    fraction = table.numbers("FRACRESP") if table.has("FRACRESP") else np.ones_like(energy)
    curves = {"low": table.numbers("ENERG_LO"), "high": table.numbers("ENERG_HI"), "fraction": fraction}
    if energy.ndim != 2 or any(c.shape != energy.shape for c in curves.values()):
        table.fail("ENERGY, ENERG_LO, ENERG_HI and FRACRESP are not vectors of the same length")
    scale = 1000.0 * table.energy_scale("ENERGY")
    edges = 1000.0 * table.energy_scale("ENERG_HI")
    curves["low"], curves["high"] = curves["low"] * edges, curves["high"] * edges
    return energy * scale, curves


def read(file: CalibrationSource) -> OrderSorting:
    """Read CCD_ID, CHIPX/CHIPY limits, NPOINTS, ENERGY[], ENERG_LO[], ENERG_HI[], FRACRESP[].

    The layout is unknown (names from the specification, energies in eV or keV by unit, one row of vectors per chip
    region); a file with one energy per row is refused with the columns seen.

    Raises
    ------
    CalibrationError
        Columns missing, no vectors, values not finite or not ascending, a window upside down, or no chip.
    """
    chips: dict[int, ChipCurves] = {}
    for table in file.tables():
        if not table.has("ENERGY", "ENERG_LO", "ENERG_HI"):
            continue
        energy, curves = _grouped(table)
        ccd = table.chip_column(len(energy))
        if ccd.min() < 0:
            table.fail("rows without a chip (column or keyword CCD_ID)")
        found = table.chip_curves(energy, curves, ccd)
        for chip in found.values():
            valid = np.arange(chip.x.shape[1]) < chip.npoints[:, None]
            if np.any((chip.y["high"] < chip.y["low"]) & valid):
                table.fail("a window whose upper limit is below its lower limit")
        chips |= found
    if not chips:
        file.fail("no table with columns ENERGY, ENERG_LO, ENERG_HI")
    return OrderSorting(source=file.source, chips=chips)
