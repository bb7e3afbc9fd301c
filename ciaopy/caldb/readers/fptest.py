"""FPTEST: hyperbolic test of the HRC."""

from __future__ import annotations

from ciaopy.caldb.products_hrc import HyperbolicTest
from ciaopy.caldb.readers.access import CalibrationSource
from ciaopy.caldb.readers.by_axis import coefficients

COLUMNS = {"a": "HYPER_A", "b": "HYPER_B", "h": "HYPER_H", "delta_h": "HYPER_DELTAH", "c": "HYPER_C"}
SHORT = {"a": "A", "b": "B", "h": "H", "delta_h": "DELTAH", "c": "C"}


def read(file: CalibrationSource) -> HyperbolicTest:
    """Read HYPER_A, B, H, DELTAH, C (or the same without HYPER_) for AXIS U and V.

    Names as in the specification, which leaves open whether HYPER_ stands before each; no CALDB file was at hand.
    CalibrationError as in `coefficients`.
    """
    names = dict(COLUMNS)
    for table in file.tables():
        for name, long in COLUMNS.items():
            if not table.has(long) and table.has(SHORT[name]):
                names[name] = SHORT[name]
    return HyperbolicTest(source=file.source, axis=coefficients(file, names))
