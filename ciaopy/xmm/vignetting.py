"""The light vignetting law of the three EPIC telescopes, for exposure maps without the calibration files.

Derived from the archived exposure maps of 0201903501 (SAS 14, both bands) and tried on two other observations; what
comes of it is measured in docs/accuracy.md. It is no calibration: the shadow of the gratings is one exponential
gradient per MOS camera, and energies other than 1.25 and 6 keV are interpolated.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

__all__ = ["CALDBVER", "OPTICAL_AXIS", "Law", "law"]

CALDBVER = "ciaopy-lite xmm 1"
# keV at which the tables hold
ENERGIES = (1.25, 6.0)
# Optical axis in DETX, DETY: XCEN, YCEN of the archived maps (MOS); pn: centre of its field of view (inferred).
OPTICAL_AXIS: Mapping[str, tuple[float, float]] = MappingProxyType(
    {"EMOS1": (200.0, 450.0), "EMOS2": (240.0, -1200.0), "EPN": (-2200.0, -1110.0)}
)
# DET units in an arc minute: 0.05 arcsec each
UNITS_PER_ARCMIN = 1200.0

# Share of the on-axis area at 0, 1, ..., 16 arcmin.
_MOS = (
    (1, .990, .956, .916, .865, .813, .755, .687, .627, .570, .520, .476, .429, .387, .352, .320, .289),
    (1, .989, .951, .904, .846, .784, .716, .640, .571, .507, .452, .402, .354, .313, .278, .249, .220),
)  # fmt: skip
_PN = (
    (1, .990, .955, .917, .868, .815, .762, .701, .641, .583, .532, .486, .436, .387, .351, .32, .29),
    (1, .988, .950, .906, .850, .788, .726, .656, .588, .522, .465, .414, .362, .312, .278, .25, .22),
)  # fmt: skip
_TABLES = {"EMOS1": _MOS, "EMOS2": _MOS, "EPN": _PN}
# (gx, gy) per arcmin at the two energies.
_GRADIENTS = {
    "EMOS1": ((-0.001, 0.0094), (-0.0011, 0.0087)),
    "EMOS2": ((-0.0120, -0.0003), (-0.0118, -0.0003)),
    "EPN": ((0.0, 0.0), (0.0, 0.0)),
}


@dataclass(frozen=True)
class Law:
    """Vignetting of one camera at one energy: V(theta) exp(gx dx + gy dy).

    Attributes
    ----------
    axis : (float, float)
        Optical axis, DETX and DETY.
    table : ndarray of float64, shape (17,)
        V at 0, 1, ..., 16 arcmin; constant beyond.
    gradient : (float, float)
        gx, gy per arcmin along DETX and DETY.
    """

    axis: tuple[float, float]
    table: NDArray[np.float64]
    gradient: tuple[float, float]

    def at(self, detx: NDArray[np.float64], dety: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the share of the on-axis area at positions in DETX, DETY."""
        dx, dy = (detx - self.axis[0]) / UNITS_PER_ARCMIN, (dety - self.axis[1]) / UNITS_PER_ARCMIN
        radial = np.interp(np.hypot(dx, dy), np.arange(len(self.table)), self.table)
        return np.asarray(radial * np.exp(self.gradient[0] * dx + self.gradient[1] * dy), np.float64)


def law(instrument: str, energy_kev: float) -> Law:
    """Return the vignetting law of a camera at an energy, linear between 1.25 and 6 keV, constant outside.

    Parameters
    ----------
    instrument : str
        EMOS1, EMOS2 or EPN.
    energy_kev : float
        keV.
    """
    low, high = ENERGIES
    share = min(max((energy_kev - low) / (high - low), 0.0), 1.0)
    first, second = (np.array(t, np.float64) for t in _TABLES[instrument])
    g, h = _GRADIENTS[instrument]
    gradient = (g[0] + share * (h[0] - g[0]), g[1] + share * (h[1] - g[1]))
    return Law(OPTICAL_AXIS[instrument], first + share * (second - first), gradient)
