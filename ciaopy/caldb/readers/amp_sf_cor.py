"""AMP_SF_COR: correction of the HRC amplifier scale."""

from __future__ import annotations

from ciaopy.caldb.products_hrc import AmpScale
from ciaopy.caldb.readers.access import CalibrationSource

COLUMNS = ("RANGE_SWITCH_LEVEL", "RANGE_SWITCH_TOL", "PHA_1TO2", "WIDTH_1TO2", "PHA_2TO3", "WIDTH_2TO3", "GAIN")


def read(file: CalibrationSource) -> AmpScale:
    """Read one row per range-switch level; names as in the specification, no CALDB file was at hand.

    Raises
    ------
    CalibrationError
        Columns missing, values not finite, or a gain that is not positive.
    """
    table = file.table_with(*COLUMNS)
    gain = table.scalars("GAIN")
    if gain.min() <= 0:
        table.fail("a GAIN that is not positive")
    return AmpScale(
        source=file.source,
        range_level=table.scalars("RANGE_SWITCH_LEVEL"),
        tolerance=table.scalars("RANGE_SWITCH_TOL"),
        pha_12=table.scalars("PHA_1TO2"),
        width_12=table.scalars("WIDTH_1TO2"),
        pha_23=table.scalars("PHA_2TO3"),
        width_23=table.scalars("WIDTH_2TO3"),
        gain=gain,
    )
