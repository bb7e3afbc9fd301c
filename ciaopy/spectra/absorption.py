"""Photoelectric absorption by cold interstellar gas.

Cross-section per hydrogen atom: ``(c0 + c1 E + c2 E^2) / E^3`` in 1e-24 cm2, E in keV, with the coefficients of table 2
of Morrison & McCammon (1983), ApJ 270, 119 (abundances of Anders & Ebihara 1982). XSPEC's `wabs` is the same.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["cross_section", "transmission"]

FloatArray = NDArray[np.float64]

# Lower energy of each interval (keV), c0, c1, c2: Morrison & McCammon (1983), table 2; it ends at 10 keV.
COEFFICIENTS = np.array(
    [
        (0.030, 17.3, 608.1, -2150.0),
        (0.100, 34.6, 267.9, -476.1),
        (0.284, 78.1, 18.8, 4.3),
        (0.400, 71.4, 66.8, -51.4),
        (0.532, 95.5, 145.8, -61.1),
        (0.707, 308.9, -380.6, 294.0),
        (0.867, 120.6, 169.3, -47.7),
        (1.303, 141.3, 146.8, -31.5),
        (1.840, 202.7, 104.7, -17.0),
        (2.471, 342.7, 18.7, 0.0),
        (3.210, 352.2, 18.7, 0.0),
        (4.038, 433.9, -2.4, 0.75),
        (7.111, 629.0, 30.9, 0.0),
        (8.331, 701.2, 25.2, 0.0),
    ]
)
LOWEST, HIGHEST = 0.030, 10.0


def cross_section(energy: ArrayLike) -> FloatArray:
    """Return the cross-section per hydrogen atom in cm2 at energies in keV; any shape.

    Below 0.03 and above 10 keV it goes on as E^-3.
    """
    e = np.asarray(energy, np.float64)
    inside = np.clip(e, LOWEST, HIGHEST)
    row = np.searchsorted(COEFFICIENTS[:, 0], inside, side="right") - 1
    c0, c1, c2 = (COEFFICIENTS[row, k] for k in (1, 2, 3))
    return np.asarray((c0 + c1 * inside + c2 * inside**2) * 1e-24 / e**3)


def transmission(energy: ArrayLike, nh: float) -> FloatArray:
    """Return the share of photons that pass a column of `nh` 1e22 hydrogen atoms per cm2."""
    return np.asarray(np.exp(-nh * 1e22 * cross_section(energy)))
