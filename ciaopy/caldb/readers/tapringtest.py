"""TAPRINGTEST: tap-ringing correction of the HRC."""

from __future__ import annotations

from ciaopy.caldb.products_hrc import TapRing
from ciaopy.caldb.readers.access import CalibrationSource
from ciaopy.caldb.readers.by_axis import coefficients

COLUMNS = {
    "a": "TRING_A",
    "b": "TRING_B",
    "c": "TRING_C",
    "d": "TRING_D",
    "beta": "BETA",
    "gamma": "GAMMA",
    "threshold": "THRESH12",
    "offset": "OFFSET",
}


def read(file: CalibrationSource) -> TapRing:
    """Read TRING_A, B, C, D, BETA, GAMMA, THRESH12 and OFFSET (0 if absent) for AXIS U and V.

    The last four stand with TRING_ before them or without. CalibrationError as in `coefficients`.
    """
    names = dict(COLUMNS)
    for table in file.tables():
        names |= {n: f"TRING_{c}" for n, c in COLUMNS.items() if not table.has(c) and table.has(f"TRING_{c}")}
    return TapRing(source=file.source, axis=coefficients(file, names, optional=("offset",)))
