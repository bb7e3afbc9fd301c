"""AXEFFA: on-axis effective area of the mirror."""

from __future__ import annotations

from ciaopy.caldb.products_area import MirrorArea
from ciaopy.caldb.products_base import ALL_SHELLS, SHELLS, FloatArray, interpolate
from ciaopy.caldb.readers.access import CalBlock, CalibrationSource


def shell_of(block: CalBlock) -> str:
    """Return the shell code of an HDU: keyword SHELL or the boundary condition; `1111` if it says nothing."""
    text = block.text("SHELL") or block.boundary("SHELL") or ALL_SHELLS
    code = text.zfill(4)
    if code not in (*SHELLS, ALL_SHELLS):
        block.fail(f"shell code {text}")
    return code


def read(file: CalibrationSource) -> MirrorArea:
    """Read ENERG_LO, ENERG_HI (or ENERGY) and EFFAREA, one HDU per shell code; rows of scalars or one row of vectors.

    The layout is from memory of the public documentation, no CALDB file was at hand. If the whole mirror is missing,
    it is the sum of the four pairs.

    Raises
    ------
    CalibrationError
        Columns missing, values not finite, negative or not ascending, or neither the whole mirror nor all pairs.
    """
    energy: dict[str, FloatArray] = {}
    area: dict[str, FloatArray] = {}
    for table in file.tables():
        if table.find("EFFAREA", "EFF_AREA", "AREA") is None:
            continue
        shell = shell_of(table)
        energy[shell], area[shell] = table.energy_curve(), table.curve("EFFAREA", "EFF_AREA", "AREA")
        if len(energy[shell]) != len(area[shell]) or area[shell].min(initial=0.0) < 0:
            table.fail("energies and areas differ in number, or an area is negative")
    if not area:
        file.fail("no table with columns ENERG_LO, ENERG_HI, EFFAREA")
    if ALL_SHELLS not in area:
        if any(s not in area for s in SHELLS):
            file.fail(f"the whole mirror (SHELL 1111) is missing, and so are some pairs; found {', '.join(area)}")
        grid = energy[SHELLS[0]]
        energy[ALL_SHELLS] = grid
        area[ALL_SHELLS] = sum((interpolate(grid, energy[s], area[s]) for s in SHELLS), grid * 0.0)
    return MirrorArea(source=file.source, energy=energy, area=area)
