"""Wavelength grids of grating spectra: channel 1 is the longest wavelength; order m has the first order's edges / |m|.

Checked on the PHA2 files of ObsIDs 14392, 1318, 1597, 13864 (HETG) and 11387, 24781 (LETG/HRC-S).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ciaopy.coords import FloatArray
from ciaopy.errors import ParameterError
from ciaopy.gratings.arms import Arm

__all__ = ["WavelengthGrid", "default_grid", "default_orders"]


@dataclass(frozen=True)
class WavelengthGrid:
    """Equal bins of wavelength, for the first order.

    Attributes
    ----------
    low : float
        Shortest wavelength, Angstrom.
    width : float
        Of a bin, Angstrom.
    bins : int
    """

    low: float
    width: float
    bins: int

    @property
    def high(self) -> float:
        """Longest wavelength, Angstrom."""
        return self.low + self.bins * self.width

    def edges(self, order: int) -> FloatArray:
        """Return the ascending edges (Angstrom) of order `order`, shape (bins + 1,)."""
        return np.asarray((self.low + np.arange(self.bins + 1) * self.width) / abs(order))

    def channels(self, order: int) -> tuple[FloatArray, FloatArray]:
        """Return BIN_LO, BIN_HI (Angstrom) of channels 1, 2, ...: descending; shape (bins,) each."""
        edges = self.edges(order)[::-1]
        return np.ascontiguousarray(edges[1:]), np.ascontiguousarray(edges[:-1])


_DEFAULTS = {
    ("HEG", "ACIS"): WavelengthGrid(1.0, 0.0025, 8192),
    ("MEG", "ACIS"): WavelengthGrid(1.0, 0.005, 8192),
    ("LEG", "ACIS"): WavelengthGrid(1.0, 0.0125, 8192),
    ("LEG", "HRC"): WavelengthGrid(1.0, 0.0125, 16384),
}


def default_grid(arm: Arm, detector: str) -> WavelengthGrid:
    """Return CIAO's grid of an arm on `ACIS`, `HRC-I` or `HRC-S`."""
    return _DEFAULTS.get((arm.name, detector[:3]), _DEFAULTS[(arm.name, "ACIS")])


def default_orders(arm: Arm, detector: str) -> tuple[int, ...]:
    """Return the orders that are extracted by default: -1, 1 of LETG on the HRC, else -3 to 3 without 0."""
    if arm.name == "LEG" and detector.startswith("HRC"):
        return (-1, 1)
    return (-3, -2, -1, 1, 2, 3)


def chosen_grid(
    usual: WavelengthGrid, low: float | None, high: float | None, width: float | None, bins: int | None, name: str
) -> WavelengthGrid:
    """Return a grid of numbers that a user gave (Angstrom), the others being computed or usual.

    Raises
    ------
    ParameterError
        Sizes that are not positive, or four numbers that contradict each other.
    """
    start = usual.low if low is None else low
    if width is None:
        width = (high - start) / bins if high is not None and bins else usual.width
    if bins is None:
        bins = usual.bins if high is None else round((high - start) / width)
    if not (start > 0 and width > 0 and bins >= 1):
        raise ParameterError(
            f"the {name} grid: min_bin={start:g}, bin_size={width:g}, num_bins={bins}: all must be above 0"
        )
    grid = WavelengthGrid(start, width, int(bins))
    if high is not None and abs(grid.high - high) > 1e-6 * high + 1e-3 * width:
        raise ParameterError(
            f"the {name} grid: min_bin={start:g} plus {bins} bins of {width:g} ends at {grid.high:g}, not at "
            f"max_bin={high:g}; leave one of the four at compute"
        )
    return grid
