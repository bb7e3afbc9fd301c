"""SATTEST: saturation test of the HRC."""

from __future__ import annotations

import numpy as np

from ciaopy.caldb.products_hrc import SaturationTest
from ciaopy.caldb.readers.access import CalibrationSource

# Taps per axis: more than these can never be beyond a limit.
TAPS = 3


def read(file: CalibrationSource) -> SaturationTest:
    """Read AMP_SF, NTAPS, ADC_LOWER_LIMIT, ADC_UPPER_LIMIT; names as in the specification.

    Raises
    ------
    CalibrationError
        Columns missing, values not finite, AMP_SF outside 0..3.
    """
    table = file.table_with("AMP_SF", "NTAPS", "ADC_LOWER_LIMIT", "ADC_UPPER_LIMIT")
    scale = table.integers("AMP_SF").ravel()
    if np.any((scale < 0) | (scale > 3)):
        table.fail("AMP_SF outside 0..3")
    ntaps = np.full(4, TAPS + 1, dtype=np.int32)
    lower, upper = np.full(4, -np.inf), np.full(4, np.inf)
    ntaps[scale] = np.clip(table.integers("NTAPS").ravel(), 0, TAPS + 1)
    ntaps[ntaps < 1] = TAPS + 1
    lower[scale], upper[scale] = table.scalars("ADC_LOWER_LIMIT"), table.scalars("ADC_UPPER_LIMIT")
    return SaturationTest(source=file.source, ntaps=ntaps, lower=lower, upper=upper)
