"""VIGNET: relative area off axis."""

from __future__ import annotations

import numpy as np

from ciaopy.caldb.products_area import Vignetting, VignettingCube
from ciaopy.caldb.readers.access import CalibrationSource, CalTable
from ciaopy.caldb.readers.axeffa import shell_of


def _cube(table: CalTable) -> VignettingCube:
    energy, theta, phi = table.energy_curve(), table.axis("THETA"), table.axis("PHI")
    shape = (len(phi), len(theta), len(energy))
    value = table.finite("VIGNET")
    if value.size != int(np.prod(shape)) or (value.ndim == 4 and value.shape[1:] != shape):
        table.fail(f"VIGNET has shape {value.shape[1:]}, expected (phi, theta, energy) = {shape}")
    return VignettingCube(energy, theta, phi, np.ascontiguousarray(value.reshape(shape)))


def read(file: CalibrationSource) -> Vignetting:
    """Read one row per shell: ENERG_LO[], ENERG_HI[] (keV), THETA[] (arcmin), PHI[] (deg), VIGNET cube (E fastest).

    Checked on hrmaD1996-12-20vignetN0003 (100 x 10 x 12, five shell codes).

    Raises
    ------
    CalibrationError
        Columns missing, axes that do not ascend, a cube of another size, or no table for the whole mirror.
    """
    shells = {shell_of(table): _cube(table) for table in file.tables() if table.has("VIGNET", "THETA", "PHI")}
    if "1111" not in shells:
        file.fail("no table with THETA, PHI, VIGNET for SHELL 1111")
    return Vignetting(source=file.source, shells=shells)
