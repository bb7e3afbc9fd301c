"""DEGAP: coefficients of the HRC fine position."""

from __future__ import annotations

import numpy as np

from ciaopy.caldb.products_hrc import Degap
from ciaopy.caldb.readers.access import CalibrationSource
from ciaopy.caldb.readers.by_axis import axis_names

COLUMNS = ("LA", "LB", "RA", "RB")
# HRC-S has 192 taps along V; no detector has more.
LARGEST_TAP = 255


def read(file: CalibrationSource) -> Degap:
    """Read AXIS, TAP, LA, LB, RA, RB; names as in the specification, no CALDB file was at hand.

    Raises
    ------
    CalibrationError
        Columns missing, values not finite, taps out of range, or an axis without rows.
    """
    table = file.table_with("AXIS", "TAP", *COLUMNS)
    axes = np.array(axis_names(table))
    tap = table.integers("TAP").ravel()
    if len(tap) != len(axes) or np.any((tap < 0) | (tap > LARGEST_TAP)):
        table.fail(f"TAP outside 0..{LARGEST_TAP}")
    values = np.stack([table.scalars(c) for c in COLUMNS], axis=1)
    out = {}
    for axis in "UV":
        rows = axes == axis
        if not rows.any():
            table.fail(f"no rows for AXIS {axis}")
        out[axis] = np.tile(np.array([1.0, 0.0, 1.0, 0.0]), (int(tap[rows].max()) + 1, 1))
        out[axis][tap[rows]] = values[rows]
    return Degap(source=file.source, axis=out)
