"""GAPLOOKUP: look-up table of the HRC degap correction."""

from __future__ import annotations

from ciaopy.caldb.products_hrc import Degap
from ciaopy.caldb.readers import degap
from ciaopy.caldb.readers.access import CalibrationSource


def read(file: CalibrationSource) -> Degap:
    """Read a file of degap coefficients; refuse a look-up table, whose layout is unknown.

    The CXC's degap page only says that the table "gives the degap correction for each raw position", and later ones
    depend on AMP_SF. The message lists the columns, so that a report is enough to write the reader.

    Raises
    ------
    CalibrationError
        The file has no coefficients LA, LB, RA, RB.
    """
    if not any(degap.is_degap(t) for t in file.tables()):
        file.fail(
            "the layout of the degap look-up table is not known here; please report the columns, "
            "and meanwhile use a DEGAP coefficient file or degapfile=NONE"
        )
    return degap.read(file)
