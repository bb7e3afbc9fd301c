"""Transforms between pixels and the sky: of a vector column of a table, and of an image.

A `SkyTransform` is linear (a 2 x 2 matrix in degrees per pixel about a reference pixel) followed by the tangent plane.
Formula: FITS WCS Paper II (Calabretta & Greisen 2002), equations 12-17 and 54-55, for the TAN projection.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ciaopy.errors import DataError
from ciaopy.fits import Header

if TYPE_CHECKING:
    from ciaopy.fits import Image, Table, Vector

F64 = NDArray[np.float64]


@dataclass(frozen=True)
class SkyTransform:
    """Pixel to sky and back, tangent plane.

    Attributes
    ----------
    crval : tuple of float
        RA and Dec of the tangent point, degrees.
    crpix : tuple of float
        Pixel (physical coordinates for tables and for `image_wcs`) of the tangent point.
    matrix : ((a, b), (c, d))
        Degrees per pixel: intermediate x = a dx + b dy, y = c dx + d dy.
    to_physical : tuple of float
        (offset_x, step_x, offset_y, step_y): physical = offset + step * logical. Identity for tables.
    """

    crval: tuple[float, float]
    crpix: tuple[float, float]
    matrix: tuple[tuple[float, float], tuple[float, float]]
    to_physical: tuple[float, float, float, float] = (0.0, 1.0, 0.0, 1.0)

    @cached_property
    def _inverse(self) -> F64:
        return np.asarray(np.linalg.inv(np.array(self.matrix)), dtype=np.float64)

    @property
    def scale(self) -> float:
        """Degrees per physical pixel (square root of the pixel area)."""
        (a, b), (c, d) = self.matrix
        return float(np.sqrt(abs(a * d - b * c)))

    @property
    def logical_scale(self) -> float:
        """Physical pixels per image pixel."""
        return float(np.sqrt(abs(self.to_physical[1] * self.to_physical[3])))

    def logical_to_physical(self, x: float, y: float) -> tuple[float, float]:
        """Turn image pixels (1-based, centre of the first pixel is 1) into physical pixels."""
        return self.to_physical[0] + self.to_physical[1] * x, self.to_physical[2] + self.to_physical[3] * y

    def pixel_to_sky(self, x: ArrayLike, y: ArrayLike) -> tuple[F64, F64]:
        """Return RA in [0, 360) and Dec, degrees, of physical pixels; shapes broadcast."""
        dx, dy = np.asarray(x, np.float64) - self.crpix[0], np.asarray(y, np.float64) - self.crpix[1]
        (a, b), (c, d) = self.matrix
        xi, eta = np.radians(a * dx + b * dy), np.radians(c * dx + d * dy)
        dec0 = np.radians(self.crval[1])
        along = np.cos(dec0) - eta * np.sin(dec0)
        ra = self.crval[0] + np.degrees(np.arctan2(xi, along))
        dec = np.degrees(np.arctan2(np.sin(dec0) + eta * np.cos(dec0), np.hypot(xi, along)))
        return np.mod(ra, 360.0), dec

    def sky_to_pixel(self, ra: ArrayLike, dec: ArrayLike) -> tuple[F64, F64]:
        """Return physical pixels of RA, Dec in degrees; NaN on the far side of the sky."""
        da = np.radians(np.asarray(ra, np.float64) - self.crval[0])
        delta, dec0 = np.radians(np.asarray(dec, np.float64)), np.radians(self.crval[1])
        depth = np.sin(delta) * np.sin(dec0) + np.cos(delta) * np.cos(dec0) * np.cos(da)
        depth = np.where(depth > 0, depth, np.nan)
        xi = np.degrees(np.cos(delta) * np.sin(da) / depth)
        eta = np.degrees((np.sin(delta) * np.cos(dec0) - np.cos(delta) * np.sin(dec0) * np.cos(da)) / depth)
        (a, b), (c, d) = self._inverse.tolist()
        return self.crpix[0] + a * xi + b * eta, self.crpix[1] + c * xi + d * eta

    def world_to_pixel(self, ra_deg: float, dec_deg: float) -> tuple[float, float]:
        """Return the physical pixel of one sky position, degrees."""
        x, y = self.sky_to_pixel(ra_deg, dec_deg)
        return float(x), float(y)


def vector_columns(table: Table, name: str) -> tuple[str, str] | None:
    """Return the two columns of a vector (`sky`), lower case, or None where it is not a pair of columns."""
    vector = table.vector(name)
    if vector is None or len(vector.components) != 2 or not all(c in table for c in vector.components):
        return None
    return vector.components[0].lower(), vector.components[1].lower()


def table_wcs(table: Table, name: str = "sky") -> SkyTransform | None:
    """Return the transform of a vector column, or None where its columns carry no celestial tangent plane.

    Parameters
    ----------
    table : Table
        TCTYP, TCRVL, TCRPX and TCDLT are taken from the columns' keys.
    name : str
        A vector (`sky`, `det`).
    """
    pair = vector_columns(table, name)
    return None if pair is None else columns_wcs(table, pair)


def columns_wcs(table: Table, pair: tuple[str, str]) -> SkyTransform | None:
    """Return the transform of two columns, or None; see `table_wcs`."""
    x, y = (table.column(c) for c in pair)
    types = [str(_key(c, "TCTYP", "")).strip() for c in (x, y)]
    if not (types[0].startswith("RA--") and types[1].startswith("DEC-")) or not types[0].endswith("TAN"):
        return None
    value = [[float(_key(c, k, 0.0)) for c in (x, y)] for k in ("TCRVL", "TCRPX", "TCDLT")]
    if not (value[2][0] and value[2][1]):
        return None
    return SkyTransform(
        (value[0][0], value[0][1]), (value[1][0], value[1][1]), ((value[2][0], 0.0), (0.0, value[2][1]))
    )


def _key(column: Any, name: str, default: Any) -> Any:
    short = {"TCTYP": "TCTY", "TCRVL": "TCRV", "TCRPX": "TCRP", "TCDLT": "TCDE"}[name]
    value = column.key(name)
    value = column.key(short) if value is None else value
    return default if value is None else value


@dataclass(frozen=True)
class PhysicalAxis:
    """Physical coordinate of one image axis: ``value = crval + (pixel - crpix) * cdelt``, pixels 1-based.

    `name` is the coordinate (`x`); empty where the image has none.
    """

    name: str
    crval: float
    crpix: float
    cdelt: float

    def from_logical(self, pixel: ArrayLike) -> F64:
        """Return physical values of 1-based pixel coordinates."""
        return np.asarray(self.crval + (np.asarray(pixel, np.float64) - self.crpix) * self.cdelt)

    def to_logical(self, value: ArrayLike) -> F64:
        """Return 1-based pixel coordinates of physical values."""
        return np.asarray((np.asarray(value, np.float64) - self.crval) / self.cdelt + self.crpix)


def physical_axis(header: Header, axis: int) -> PhysicalAxis:
    """Return the physical coordinate of image axis 1, 2, ...: CTYPEnP and its like, else LTV/LTM, else pixels."""
    name = str(header.get(f"CTYPE{axis}P", "")).strip()
    if f"CDELT{axis}P" in header:
        values = [float(header.get(f"{k}{axis}P", d)) for k, d in (("CRVAL", 0.0), ("CRPIX", 0.0), ("CDELT", 1.0))]
        return PhysicalAxis(name, *values)
    if f"LTM{axis}_{axis}" in header:
        step = 1.0 / float(header[f"LTM{axis}_{axis}"])
        return PhysicalAxis(name, 0.0, float(header.get(f"LTV{axis}", 0.0)), step)
    return PhysicalAxis(name, 0.0, 0.0, 1.0)


def image_wcs(image: Image | Header) -> SkyTransform | None:
    """Return the transform from physical pixels of an image to the sky, or None where it has no tangent plane.

    CDELT with CROTA2 or PC, and CD matrices are understood.

    Raises
    ------
    DataError
        The celestial axes have a projection other than TAN.
    """
    header = image if isinstance(image, Header) else image.header
    types = [str(header.get(f"CTYPE{i}", "")).strip() for i in (1, 2)]
    if not (types[0].startswith("RA--") and types[1].startswith("DEC-")):
        return None
    if types[0].endswith("-TAN-SIP") or not types[0].endswith("TAN"):
        raise DataError(f"image: sky projection {types[0]} is not supported; only RA---TAN, DEC--TAN")
    matrix = _matrix(header)
    axes = [physical_axis(header, i) for i in (1, 2)]
    crpix = [float(axes[i].from_logical(float(header.get(f"CRPIX{i + 1}", 0.0)))) for i in (0, 1)]
    matrix = matrix / np.array([axes[0].cdelt, axes[1].cdelt])
    offsets = [a.crval - a.crpix * a.cdelt for a in axes]
    return SkyTransform(
        (float(header["CRVAL1"]), float(header["CRVAL2"])),
        (crpix[0], crpix[1]),
        ((float(matrix[0, 0]), float(matrix[0, 1])), (float(matrix[1, 0]), float(matrix[1, 1]))),
        (offsets[0], axes[0].cdelt, offsets[1], axes[1].cdelt),
    )


def _matrix(header: Header) -> F64:
    if "CD1_1" in header:
        return np.array([[float(header.get(f"CD{i}_{j}", 0.0)) for j in (1, 2)] for i in (1, 2)])
    delta = np.array([float(header.get("CDELT1", 1.0)), float(header.get("CDELT2", 1.0))])
    if any(f"PC{i}_{j}" in header for i in (1, 2) for j in (1, 2)):
        pc = np.array([[float(header.get(f"PC{i}_{j}", float(i == j))) for j in (1, 2)] for i in (1, 2)])
        return np.asarray(delta[:, None] * pc, dtype=np.float64)
    turn = np.radians(float(header.get("CROTA2", 0.0)))
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return np.asarray(rotation * delta[None, :], dtype=np.float64)


def world_vector(table: Table, pair: tuple[str, str]) -> Vector | None:
    """Return the vector of world coordinates (`EQPOS`: RA,DEC; `MSC`: PHI,THETA) that belongs to a pair of columns.

    Its component names are those of TCNAM (TCNA), or begin TCTYP.
    """
    names = []
    for column in (table.column(c) for c in pair):
        named = column.key("TCNAM") or column.key("TCNA")
        names.append(str(named or str(column.key("TCTYP") or column.key("TCTY") or "").split("-")[0]).strip().upper())
    if not all(names):
        return None
    return next((v for v in table.vectors if [c.upper() for c in v.components] == names), None)
