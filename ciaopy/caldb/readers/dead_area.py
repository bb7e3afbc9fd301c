"""DEAD_AREA: cosmic-ray loss per second."""

from __future__ import annotations

import numpy as np

from ciaopy.caldb.products_area import DeadArea
from ciaopy.caldb.readers.access import CalibrationSource, CalTable

# A chip cannot lose more than this share per second; 0.0065 is the published value.
LARGEST_RATE = 0.1


def _coefficient(table: CalTable) -> str | None:
    """Return the only real-valued scalar column besides limits of position and energy, or None."""
    found = [
        key
        for key, column in table.block.columns.items()
        if column.data.dtype.kind == "f"
        and column.data.size == table.block.nrows
        and not key.upper().startswith(("CCD", "CHIP", "ENERG", "TIME"))
        and "ERR" not in key.upper()
    ]
    return found[0] if len(found) == 1 else None


def read(file: CalibrationSource) -> DeadArea:
    """Read one coefficient per chip: the share lost per second (CXC page "ACIS Dead Area Correction").

    The column name is unknown; it is the only real number of each row, beside CCD_ID.

    Raises
    ------
    CalibrationError
        No or several such columns, no chip, or a rate outside 0..0.1 per second.
    """
    rates: dict[int, float] = {}
    for table in file.tables():
        name = _coefficient(table)
        if name is None:
            continue
        values = table.scalars(name)
        ccd = table.chip_column(len(values))
        if np.any((ccd < 0) | (ccd > 9)) or np.any((values < 0) | (values > LARGEST_RATE)):
            table.fail("CCD_ID outside 0..9, or a rate outside 0..0.1 per second")
        rates |= {int(c): float(v) for c, v in zip(ccd, values, strict=True)}
    if not rates:
        file.fail("no table with one coefficient per CCD_ID")
    return DeadArea(source=file.source, rate=rates)
