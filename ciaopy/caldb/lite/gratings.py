"""Gratings in the embedded calibration: order-sorting windows, the size of the zero order.

The tables were solved from archive products (five HETG observations on ACIS-S); their headers say how.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ciaopy.caldb.lite import tables
from ciaopy.caldb.products_base import ACIS_SIZE, ChipCurves, ChipRegions, FloatArray, interpolate
from ciaopy.caldb.products_hrc import OrderSorting

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
    energy = np.append(np.arange(1000.0 * t[0, 0], _LAST, _STEP), _LAST)
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
