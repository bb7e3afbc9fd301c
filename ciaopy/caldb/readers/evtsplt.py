"""EVTSPLT: split thresholds."""

from __future__ import annotations

import numpy as np

from ciaopy.caldb.products_acis import SplitThreshold
from ciaopy.caldb.readers.access import CalibrationSource, CalTable


def _threshold_column(table: CalTable) -> str | None:
    """Return the one column whose name speaks of a split threshold (SPLIT..., SPLT..., else ...THR...)."""
    for part in ("SPL", "THR"):
        found = [key for key in table.block.columns if part in key.upper()]
        if len(found) == 1:
            return found[0]
        if found:
            table.fail(f"several columns could be the split threshold: {', '.join(found)}")
    return None


def read(file: CalibrationSource) -> SplitThreshold:
    """Read thresholds by CCD_ID and NODE_ID, or by CCD_ID with one value or one per node.

    The layout is unknown: the threshold is the only column whose name contains SPL, or else THR.

    Raises
    ------
    CalibrationError
        No such column or several; chips, nodes or thresholds out of range.
    """
    adu = np.full((10, 4), np.nan)
    for table in file.tables():
        name = _threshold_column(table)
        if name is None:
            continue
        values = table.finite(name)
        values = values.reshape(len(values), -1)
        ccd = table.chip_column(len(values))
        if np.any((ccd < 0) | (ccd > 9)) or np.any(values < 0) or values.shape[1] not in (1, 4):
            table.fail("CCD_ID outside 0..9, a negative threshold, or neither 1 nor 4 values in a row")
        if table.has("NODE_ID") and values.shape[1] == 1:
            node = table.integers("NODE_ID").ravel()
            if len(node) != len(ccd) or np.any((node < 0) | (node > 3)):
                table.fail("NODE_ID outside 0..3")
            adu[ccd, node] = values[:, 0]
        else:
            adu[ccd] = values
    if np.all(np.isnan(adu)):
        file.fail("no table with a split threshold")
    return SplitThreshold(source=file.source, adu=adu)
