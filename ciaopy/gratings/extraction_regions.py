"""Region files of grating spectra as polygons: CALDB TGMASK2, and the REGION block of spectrum files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ciaopy.coords import FloatArray
from ciaopy.errors import DataError
from ciaopy.fits import Table
from ciaopy.gratings.extract import KINDS, ExtractionRegions, Polygon
from ciaopy.messages import enumerated

if TYPE_CHECKING:
    from ciaopy.caldb import GratingRegions

__all__ = ["regions_of_product", "regions_of_table"]


def regions_of_product(product: GratingRegions) -> ExtractionRegions:
    """Return the polygons of a CALDB TGMASK2 file.

    Raises
    ------
    DataError
        Axes other than tg_r or tg_lam and tg_d, or shapes that are not polygons.
    """
    if product.axes[1] != "tg_d" or product.axes[0] not in ("tg_r", "tg_lam"):
        raise DataError(f"{product.source}: regions on {' and '.join(product.axes)}; need tg_r or tg_lam, and tg_d")
    polygons = []
    for s in product.shapes:
        if s.shape != "polygon":
            raise DataError(f"{product.source}: a {s.shape}; extraction regions from the CALDB are polygons")
        in_wavelength = product.axes[0] == "tg_lam"
        sign = int(np.sign(s.tg_m)) or (0 if in_wavelength else int(np.sign(np.median(s.x))))
        factor = max(abs(s.tg_m), 1) if in_wavelength else 1
        polygons.append(Polygon(s.name.upper(), s.tg_part, sign, s.x * factor, s.y, in_wavelength, s.backscal))
    return ExtractionRegions(tuple(polygons), product.filename)


def regions_of_table(table: Table, where: str) -> ExtractionRegions:
    """Read a region table: SHAPE box or polygon on TG_R or TG_LAM and TG_D, with ROWID, TG_PART, TG_M.

    Of a spectrum file's REGION block the shapes of order +-1 are taken, whose wavelengths all orders share when
    multiplied by the order; without those, the ones of the lowest order.

    Raises
    ------
    DataError
        Columns missing, or another shape.
    """
    axis = next((a for a in ("TG_R", "TG_LAM") if a in table), None)
    missing = [c for c in ("SHAPE", "TG_D", "ROWID", "TG_PART") if c not in table]
    if axis is None or missing:
        what = ", ".join(missing) or "TG_R or TG_LAM"
        raise DataError(f"{where}: no column {what}; it has {enumerated(table.names)}")
    orders = table["TG_M"].astype(int) if "TG_M" in table else np.zeros(table.nrows, int)
    polygons: dict[tuple[str, int, int], tuple[int, Polygon]] = {}
    source_area: dict[tuple[int, int], float] = {}
    for i in range(table.nrows):
        x, y = _corners(table, axis, i, where)
        order, part = int(orders[i]), int(table["TG_PART"][i])
        sign = int(np.sign(order)) or (int(np.sign(np.median(x))) if axis == "TG_R" else 0)
        name = _text(table["ROWID"][i]).upper()
        if name not in KINDS:
            raise DataError(f"{where}: row {i + 1}: ROWID is {name!r}; expected {', '.join(KINDS)}")
        area = _area(x, y)
        if name == "SOURCE":
            source_area[part, order] = area
        scale = float(table["BACKSCAL"][i]) if "BACKSCAL" in table else area / source_area.get((part, order), area)
        factor = max(abs(order), 1) if axis == "TG_LAM" else 1
        made = Polygon(name, part, sign, x * factor, y, axis == "TG_LAM", scale)
        known = polygons.get((name, part, sign))
        if known is None or abs(order) < known[0]:
            polygons[name, part, sign] = (abs(order), made)
    return ExtractionRegions(tuple(p for _, p in polygons.values()), where)


def _text(value: object) -> str:
    return (value.decode("ascii", "replace") if isinstance(value, bytes) else str(value)).strip()


def _corners(table: Table, axis: str, row: int, where: str) -> tuple[FloatArray, FloatArray]:
    """Return the vertices of one row."""
    shape = _text(table["SHAPE"][row]).lower()
    x, y = (np.ravel(table[c][row]).astype(np.float64) for c in (axis, "TG_D"))
    if shape == "polygon":
        good = np.isfinite(x) & np.isfinite(y)
        if good.sum() < 3:
            raise DataError(f"{where}: row {row + 1}: a polygon of {int(good.sum())} vertices")
        return x[good], y[good]
    if shape == "box" and "R" in table:
        half = 0.5 * np.ravel(table["R"][row]).astype(np.float64)
        return x[0] + half[0] * np.array([-1, 1, 1, -1.0]), y[0] + half[1] * np.array([-1, -1, 1, 1.0])
    raise DataError(f"{where}: row {row + 1}: a {shape or 'shape without name'}; extraction regions are box or polygon")


def _area(x: FloatArray, y: FloatArray) -> float:
    return float(0.5 * abs(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y)))
