"""GRDIMG: mean charge image of each flight grade."""

from __future__ import annotations

import numpy as np

from ciaopy.caldb.products_acis import GradeImages
from ciaopy.caldb.readers.access import CalibrationSource


def read(file: CalibrationSource) -> GradeImages:
    """Read 3x3 images by FLTGRADE and, where there is such a column, by pulse height PHA (or PHA_MIN).

    The layout is unknown (release notes: 256 images of 3x3 pixels): the images are the only column with 9 values in a
    row; without FLTGRADE the rows count from 0.

    Raises
    ------
    CalibrationError
        No or several columns of 9 values; flight grades missing; pulse-height bins that differ between grades.
    """
    for table in file.tables():
        nine = [k for k, c in table.block.columns.items() if c.data.dtype.kind in "iuf" and c.data[:1].size == 9]
        if len(nine) == 1:
            break
        if nine:
            table.fail("several columns with 9 values in a row")
    else:
        file.fail("no table with a column of 3x3 images")
    images = table.finite(nine[0]).reshape(-1, 3, 3)
    rows = len(images)
    grade = table.integers("FLTGRADE").ravel() if table.has("FLTGRADE") else np.arange(rows)
    pha = table.scalars("PHA", "PHA_MIN") if table.find("PHA", "PHA_MIN") else np.zeros(rows)
    edges = np.unique(pha)
    order = np.lexsort((pha, grade))
    wanted = np.repeat(np.arange(256), len(edges))
    if rows != len(wanted) or not np.array_equal(grade[order], wanted):
        table.fail("the rows are not the 256 flight grades on the same pulse-height bins")
    if not np.array_equal(pha[order], np.tile(edges, 256)):
        table.fail("the pulse-height bins differ between flight grades")
    return GradeImages(source=file.source, image=images[order].reshape(256, len(edges), 3, 3), pha=edges)
