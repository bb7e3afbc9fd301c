"""Gratings in the embedded calibration: order-sorting windows, extraction regions, the size of the zero order.

The tables were solved from archive products (five HETG observations on ACIS-S); their headers say how.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ciaopy.caldb.lite import tables
from ciaopy.caldb.products_base import ACIS_SIZE, ChipCurves, ChipRegions, FloatArray, interpolate
from ciaopy.caldb.products_hrc import GratingRegions, OrderSorting, RegionShape
from ciaopy.errors import CalibrationError

#: Share of the response inside the windows.
FRACTION = 0.975

# The windows end at this photon energy, eV (no resolved event of ObsID 13839 lies below 1.1000 Angstrom).
_LAST = 11271.0
# Spacing of the points, eV: the table's windows are linear relative to the energy, a file's are linear themselves.
_STEP = 10.0
_FRONT_ILLUMINATED = 8


def order_sorting(header: Mapping[str, Any], constraints: Mapping[str, Any]) -> OrderSorting:
    """Return the windows of every chip, as CALDB OSIP; chips 0-4, which were not measured, have those of chip 8."""
    name = "osip.csv"
    t, names = tables.array(name), tables.labels(name)
    knots = np.round(1000.0 * t[:, 0], 6)
    energy = np.unique(np.concatenate([np.arange(knots[0], _LAST, _STEP), knots[knots < _LAST], [_LAST]]))
    limits = np.array([[1, ACIS_SIZE, 1, ACIS_SIZE]], dtype=np.int64)
    chips = {}
    for ccd in range(10):
        column = names.index(f"lo{ccd if ccd > 4 else _FRONT_ILLUMINATED}")
        low, high = (interpolate(energy / 1000.0, t[:, 0], t[:, column + k]) for k in (0, 1))
        curves = {
            "low": energy * (1.0 - low),
            "high": energy * (1.0 + high),
            "fraction": np.full_like(energy, FRACTION),
        }
        chips[ccd] = ChipCurves(
            ChipRegions.from_limits(limits),
            np.array([energy.size], np.int32),
            energy[None, :],
            {k: v[None, :] for k, v in curves.items()},
        )
    return OrderSorting(source=tables.source(name), is_lite=True, chips=chips)


def zero_order_size(theta: ArrayLike) -> FloatArray:
    """Return the one-sigma size (ACIS sky pixels) of a zero order `theta` arcmin off axis; the ends are held."""
    t = tables.array("zero_order_size.csv")
    return interpolate(theta, t[:, 0], t[:, 1])


def letg_hrcs_area(wavelength: ArrayLike, side: int) -> FloatArray:
    """Return the first-order area (cm2) of LETG/HRC-S without chip gaps, +1 or -1, of ObsID 16375 (2014).

    0 beyond the table (1.2 to 177 Angstrom). 10 % higher in 2002, 3-10 % lower in 2021.
    """
    t = tables.array("letg_hrcs.csv")
    lam = np.asarray(wavelength, np.float64)
    inside = (lam >= t[0, 0]) & (lam <= t[-1, 0])
    return np.where(inside, interpolate(lam, t[:, 0], t[:, 1 if side > 0 else 2]), 0.0)


def meg_line_shape() -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return wavelengths (Angstrom, n), half widths (Angstrom, m) and the share of a MEG line within them, (n, m)."""
    t, names = tables.array("meg_line_shape.csv"), tables.labels("meg_line_shape.csv")
    return np.array([float(n[1:]) for n in names[1:]]), t[:, 0], np.ascontiguousarray(t[:, 1:].T)


# LETG/HRC-S extraction regions of letgD1999-07-22regN0002: |tg_r| of the vertices and tg_d of each region, deg.
_REGION_R = (0.0057804, 0.29866999, 1.15489995, 1.15489995, 0.29866999, 0.0057804, 0.0057804)
_REGION_D = {
    "SOURCE": ((0.000531, 0.000531, 0.002114, -0.002114, -0.000531, -0.000531, 0.000531), 1.0),
    "BACKGROUND_UP": ((0.00731, 0.00731, 0.02314, 0.002, 0.002, 0.002, 0.00731), 5.0),
    "BACKGROUND_DOWN": ((-0.00731, -0.00731, -0.02314, -0.002, -0.002, -0.002, -0.00731), 5.0),
}


def grating_regions(header: Mapping[str, Any], constraints: Mapping[str, Any]) -> GratingRegions:
    """Return the extraction regions of LETG/HRC-S, as CALDB TGMASK2: the file's own numbers.

    Raises
    ------
    CalibrationError
        The header is not of LETG.
    """
    grating = str(constraints.get("grating", header.get("GRATING", ""))).strip().upper()
    if grating != "LETG":
        raise CalibrationError(
            f"TGMASK2: there are extraction regions for LETG, not for GRATING={grating or 'missing'}; "
            "set inregion_file=none"
        )
    shapes = tuple(
        RegionShape(name, "polygon", sign * np.array(_REGION_R), np.array(d), 3, sign, 1, scale)
        for sign in (-1, 1)
        for name, (d, scale) in _REGION_D.items()
    )
    return GratingRegions(source=tables.source("tgmask2"), is_lite=True, axes=("tg_r", "tg_d"), shapes=shapes)
