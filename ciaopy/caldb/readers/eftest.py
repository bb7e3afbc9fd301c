"""EFTEST: flatness test of the HRC."""

from __future__ import annotations

from ciaopy.caldb.products_hrc import FlatnessTest
from ciaopy.caldb.readers.access import CalibrationSource


def read(file: CalibrationSource) -> FlatnessTest:
    """Read FLATNESS_LIMIT, a column (first row) or a keyword; names as in the specification.

    Raises
    ------
    CalibrationError
        Neither is there, or it is not positive.
    """
    for table in file.tables():
        if table.has("FLATNESS_LIMIT"):
            limit = float(table.finite("FLATNESS_LIMIT").ravel()[0])
        elif table.key("FLATNESS_LIMIT", "FLATLIM") is not None:
            limit = table.number("FLATNESS_LIMIT" if table.key("FLATNESS_LIMIT") is not None else "FLATLIM")
        else:
            continue
        if limit <= 0:
            table.fail(f"FLATNESS_LIMIT is {limit:g}")
        return FlatnessTest(source=file.source, limit=limit)
    file.fail("no column FLATNESS_LIMIT")
