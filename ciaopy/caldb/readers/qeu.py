"""QEU: uniformity of the quantum efficiency over a chip."""

from __future__ import annotations

import re

import numpy as np

from ciaopy.caldb.products_area import QeuChip, QeUniformity
from ciaopy.caldb.products_base import ACIS_SIZE, FloatArray
from ciaopy.caldb.readers.access import CalBlock, CalibrationSource, CalTable

# Raw size of a chip (x, y), by DETNAM.
SIZES = {"HRC-I": (16384, 16384), "HRC-S": (4096, 16456)}


def _chip(block: CalBlock) -> tuple[int, int, int]:
    """Return chip number and its size in pixels."""
    detector = next((d for d in SIZES if d in block.text("DETNAM")), "ACIS")
    number = re.search(r"(\d+)$", block.info.name)
    named = block.chip()
    if named is None and detector == "HRC-S" and number:
        named = int(number.group(1))
    if named is None and detector == "ACIS":
        block.fail("the block does not say its chip (keyword CCD_ID)")
    return (named or 0), *SIZES.get(detector, (ACIS_SIZE, ACIS_SIZE))


def _cube(table: CalTable) -> tuple[FloatArray, FloatArray]:
    """Return energies (keV), shape (n,), and factors, shape (n, ny, nx)."""
    factor = table.finite("QEU")
    if factor.ndim == 4 and len(factor) == 1:
        factor = factor[0]
    if factor.ndim != 3:
        table.fail("QEU is not an image per energy (TDIM)")
    energy = table.energy_curve()
    if len(energy) != len(factor):
        table.fail(f"{len(factor)} images for {len(energy)} energies")
    return energy, factor


def read(file: CalibrationSource) -> QeUniformity:
    """Read image cells QEU with their energies: one row per energy, or one row with a cube.

    The layout is only partly known (blocks AXAF_QEUn, image cells in a column QEU); energies are taken from ENERGY or
    ENERG_LO, ENERG_HI, and the blocks of the image are assumed to cover the chip evenly.

    Raises
    ------
    CalibrationError
        Columns missing, images that are not, values not finite, or no chip.
    """
    chips: dict[int, QeuChip] = {}
    for table in file.tables():
        if not table.has("QEU"):
            continue
        chip, size_x, size_y = _chip(table)
        energy, factor = _cube(table)
        if 0 in factor.shape:
            table.fail("QEU has no pixels")
        chips[chip] = QeuChip(energy, np.ascontiguousarray(factor), size_x, size_y)
    if not chips:
        file.fail("no table with a column QEU")
    return QeUniformity(source=file.source, chips=chips)
