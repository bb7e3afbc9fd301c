"""REEF: radius enclosing a fraction of the PSF."""

from __future__ import annotations

import numpy as np

from ciaopy.caldb.products_area import PsfRadius
from ciaopy.caldb.readers.access import CalibrationSource, CalTable

AXES = ("ENERGY", "THETA", "PHI", "ECF")


def _axis_order(table: CalTable, number: int) -> list[str]:
    """Return the axes of RADIUS, fastest first: nCTYPm or mCTYPn keywords, CREFm, else ECF, THETA, PHI, ENERGY."""
    names = [str(table.key(f"{k}CTYP{number}", f"{k}CTYPE{number}", default="")).upper() for k in range(1, 5)]
    if not all(names):
        names = [n.strip(" ()").upper() for n in str(table.key(f"CREF{number}", default="")).split(",")]
    names = ["ENERGY" if n.startswith("ENERG") else n for n in names]
    return names if sorted(names) == sorted(AXES) else ["ECF", "THETA", "PHI", "ENERGY"]


def read(file: CalibrationSource) -> PsfRadius:
    """Read one row with vectors ECF, THETA (arcmin), PHI (deg), ENERGY (keV) and the matrix RADIUS (arcsec).

    The layout follows the CXC's description of the enclosed-count-fraction files (OGIP memo CAL/GEN/92-020): the order
    of the axes is in the nCTYPm (or CREFm) keywords of the column; no CALDB file was at hand. The circles lie in a
    plane perpendicular to the optical axis.

    Raises
    ------
    CalibrationError
        Columns missing, axes that do not ascend, a matrix of another size, radii not positive.
    """
    table = file.table_with("RADIUS", "THETA", "ECF")
    axes = {
        "ENERGY": table.energy_curve(),
        "THETA": table.axis("THETA"),
        "PHI": table.axis("PHI") if table.has("PHI") else np.zeros(1),
        "ECF": table.axis("ECF"),
    }
    number = next(c.number for c in table.info.columns if c.name.upper() == "RADIUS")
    fastest_first = _axis_order(table, number)
    shape = tuple(len(axes[n]) for n in reversed(fastest_first))
    values = table.finite("RADIUS")
    found = tuple(n for n in values.shape[1:] if n > 1)
    if values.size != int(np.prod(shape)) or (len(found) > 1 and found != tuple(n for n in shape if n > 1)):
        table.fail(f"RADIUS has shape {values.shape[1:]}, expected {tuple(reversed(fastest_first))} = {shape}")
    cube = values.reshape(shape).transpose([list(reversed(fastest_first)).index(n) for n in AXES])
    if np.any(cube <= 0) or axes["ECF"][0] < 0 or axes["ECF"][-1] > 1:
        table.fail("radii that are not positive, or fractions outside 0..1")
    return PsfRadius(
        source=file.source,
        energy=axes["ENERGY"],
        theta=axes["THETA"],
        phi=axes["PHI"],
        ecf=axes["ECF"],
        radius=np.ascontiguousarray(cube),
    )
