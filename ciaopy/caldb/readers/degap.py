"""DEGAP: coefficients of the HRC fine position."""

from __future__ import annotations

import numpy as np

from ciaopy.caldb.products_hrc import Degap
from ciaopy.caldb.readers.access import CalibrationSource, CalTable
from ciaopy.caldb.readers.by_axis import axis_names

COLUMNS = ("LA", "LB", "RA", "RB")
TAP = ("TAPNUM", "TAP")
# HRC-S has 192 taps along V; no detector has more.
LARGEST_TAP = 255
CHIPS = 4
# V taps of the plates of the HRC-S are numbered through; a file that counts them per plate ends here.
LAST_TAP_OF_PLATE = 65


def is_degap(table: CalTable) -> bool:
    """Return whether a table has the columns of degap coefficients."""
    return table.has("AXIS", *COLUMNS) and table.find(*TAP) is not None


def read(file: CalibrationSource) -> Degap:
    """Read AXIS, TAPNUM (or TAP), LA, LB, RA, RB and, if it is there, CHIP_ID; no CALDB file was at hand.

    Raises
    ------
    CalibrationError
        Columns missing, values not finite, taps or chips out of range, an axis without rows, or V taps that are
        counted anew on each plate.
    """
    table = file.table_with("AXIS", *COLUMNS)
    if table.find(*TAP) is None:
        table.fail("no column TAPNUM or TAP")
    axes = np.array(axis_names(table))
    tap = table.integers(*TAP).ravel()
    if len(tap) != len(axes) or np.any((tap < 0) | (tap > LARGEST_TAP)):
        table.fail(f"TAP outside 0..{LARGEST_TAP}")
    chip = table.integers("CHIP_ID").ravel() if table.has("CHIP_ID") else np.full(len(axes), -1)
    if np.any(chip >= CHIPS):
        table.fail(f"CHIP_ID outside 0..{CHIPS - 1}")
    late = (axes == "V") & (chip > 1)
    if late.any() and tap[late].max() < LAST_TAP_OF_PLATE:
        table.fail("V taps of chips 2 and 3 that are counted from 0 on each plate; that numbering is not known here")
    values = np.stack([table.scalars(c) for c in COLUMNS], axis=1)
    out = {}
    for axis in "UV":
        rows = np.flatnonzero(axes == axis)
        if not len(rows):
            table.fail(f"no rows for AXIS {axis}")
        out[axis] = np.tile(np.array([1.0, 0.0, 1.0, 0.0]), (CHIPS, int(tap[rows].max()) + 1, 1))
        for row in rows:
            out[axis][slice(None) if chip[row] < 0 else chip[row], tap[row]] = values[row]
    return Degap(source=file.source, axis=out)
