"""Spherical trigonometry: directions, separations, the gnomonic projection. Degrees everywhere.

Formulas: FITS WCS Paper II (Calabretta & Greisen 2002, A&A 395, 1077), equations 12-17, 54 and 55.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["directions", "gnomonic", "gnomonic_inverse", "positions", "separation"]

F64 = NDArray[np.float64]


def directions(longitude: ArrayLike, latitude: ArrayLike) -> F64:
    """Return unit vectors, shape (..., 3), of positions in degrees; shapes broadcast."""
    lon, lat = np.radians(np.asarray(longitude, np.float64)), np.radians(np.asarray(latitude, np.float64))
    lon, lat = np.broadcast_arrays(lon, lat)
    return np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=-1)


def positions(vectors: ArrayLike) -> tuple[F64, F64]:
    """Return longitude in [0, 360) and latitude, degrees, of vectors of any length, shape (..., 3)."""
    x, y, z = np.moveaxis(np.asarray(vectors, np.float64), -1, 0)
    # twice: the remainder of a tiny negative angle rounds to 360
    longitude = np.mod(np.mod(np.degrees(np.arctan2(y, x)), 360.0), 360.0)
    return longitude, np.asarray(np.degrees(np.arctan2(z, np.hypot(x, y))))


def separation(longitude1: ArrayLike, latitude1: ArrayLike, longitude2: ArrayLike, latitude2: ArrayLike) -> F64:
    """Return the angle between positions, degrees, exact at all separations (from cross and scalar product)."""
    u, v = directions(longitude1, latitude1), directions(longitude2, latitude2)
    across = np.linalg.norm(np.cross(u, v), axis=-1)
    return np.asarray(np.degrees(np.arctan2(across, np.sum(u * v, axis=-1))))


def gnomonic(ra: ArrayLike, dec: ArrayLike, ra0: float, dec0: float) -> tuple[F64, F64]:
    """Return tangent plane coordinates (xi to the East, eta to the North; degrees) of positions.

    NaN for positions 90 degrees or more from the tangent point (ra0, dec0). Shapes broadcast.
    """
    turn = np.radians(np.asarray(ra, np.float64) - ra0)
    delta, delta0 = np.radians(np.asarray(dec, np.float64)), np.radians(dec0)
    depth = np.sin(delta) * np.sin(delta0) + np.cos(delta) * np.cos(delta0) * np.cos(turn)
    depth = np.where(depth > 0, depth, np.nan)
    xi = np.cos(delta) * np.sin(turn) / depth
    eta = (np.sin(delta) * np.cos(delta0) - np.cos(delta) * np.sin(delta0) * np.cos(turn)) / depth
    return np.degrees(xi), np.degrees(eta)


def gnomonic_inverse(xi: ArrayLike, eta: ArrayLike, ra0: float, dec0: float) -> tuple[F64, F64]:
    """Return RA in [0, 360) and Dec, degrees, of tangent plane coordinates in degrees. Shapes broadcast."""
    u, v = np.radians(np.asarray(xi, np.float64)), np.radians(np.asarray(eta, np.float64))
    delta0 = np.radians(dec0)
    along = np.cos(delta0) - v * np.sin(delta0)
    ra = np.mod(np.mod(ra0 + np.degrees(np.arctan2(u, along)), 360.0), 360.0)
    dec = np.degrees(np.arctan2(np.sin(delta0) + v * np.cos(delta0), np.hypot(u, along)))
    return ra, dec
