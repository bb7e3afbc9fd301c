"""GREFF: grating efficiencies."""

from __future__ import annotations

from ciaopy.caldb.products_area import GratingEfficiency, GratingTable
from ciaopy.caldb.readers.access import CalibrationSource, CalTable
from ciaopy.caldb.readers.axeffa import shell_of

# Orders of the columns of EFF: HETG -11..11, LETG -25..25.
PART_OF_SHELL = {"1000": "MEG", "0100": "MEG", "0010": "HEG", "0001": "HEG"}


def _grating(table: CalTable) -> str:
    """Return HETG or LETG: keyword GRATING or GRATTYPE, else by the number of orders (HETG 23, LETG 51)."""
    text = table.text("GRATING") + table.text("GRATTYPE")
    for name, arms in (("HETG", ("HETG", "HEG", "MEG")), ("LETG", ("LETG", "LEG"))):
        if any(a in text for a in arms):
            return name
    return "LETG" if table.finite("EFF").shape[-1] > 23 else "HETG"


def read(file: CalibrationSource) -> GratingEfficiency:
    """Read ENERGY (keV) and EFF[n], one HDU per shell; the middle column is order 0.

    Checked on hetgD1996-11-01greffpr001N0007 (23 orders) and letgD1996-11-01greffpr001N0007 (51).

    Raises
    ------
    CalibrationError
        Columns missing, an even number of orders, values not finite, or HDUs of both gratings.
    """
    found: dict[str, GratingTable] = {}
    gratings = set()
    for table in file.tables():
        if not table.has("EFF"):
            continue
        grating, shell = _grating(table), shell_of(table)
        energy, efficiency = table.energy_curve(), table.finite("EFF")
        if efficiency.ndim == 3 and len(efficiency) == 1:
            efficiency = efficiency[0]
        if efficiency.ndim != 2 or len(efficiency) != len(energy) or efficiency.shape[1] % 2 == 0:
            table.fail("EFF is not a vector of an odd number of orders per energy")
        half = efficiency.shape[1] // 2
        part = table.text("GRATTYPE") or ("LEG" if grating == "LETG" else PART_OF_SHELL.get(shell, "ALL"))
        found[shell] = GratingTable(part, shell, energy, tuple(range(-half, half + 1)), efficiency)
        gratings.add(grating)
    if len(gratings) != 1:
        file.fail("no table with columns ENERGY, EFF" if not gratings else "efficiencies of both gratings in one file")
    return GratingEfficiency(source=file.source, grating=gratings.pop(), tables=tuple(found.values()))
