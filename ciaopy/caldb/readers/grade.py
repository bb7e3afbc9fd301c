"""GRADE: ASCA grade of each flight grade."""

from __future__ import annotations

import numpy as np

from ciaopy.caldb.products_acis import GradeTable
from ciaopy.caldb.readers.access import CalibrationSource


def read(file: CalibrationSource) -> GradeTable:
    """Read columns FLTGRADE and GRADE (256 rows); without FLTGRADE the rows count from 0.

    The names are those of the event columns; no CALDB file was at hand.

    Raises
    ------
    CalibrationError
        Not 256 different flight grades, or a grade outside 0..7.
    """
    for table in file.tables():
        name = table.find("GRADE", "ASCA_GRADE", "ASCAGRADE", "ASCA")
        if name is not None:
            break
    else:
        file.fail("no table with a column GRADE")
    grade = table.integers(name).ravel()
    fltgrade = table.integers("FLTGRADE").ravel() if table.has("FLTGRADE") else np.arange(len(grade))
    if len(grade) != 256 or len(fltgrade) != 256 or not np.array_equal(np.sort(fltgrade), np.arange(256)):
        table.fail("the rows are not the 256 flight grades")
    if np.any((grade < 0) | (grade > 7)):
        table.fail("grades outside 0..7")
    out = np.empty(256, dtype=np.int16)
    out[fltgrade] = grade
    return GradeTable(source=file.source, grade=out)
