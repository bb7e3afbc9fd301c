"""Attitudes: right ascension, declination, roll; matrices and quaternions.

Body axes on the sky (coordinates memo; MARX and the archive's q_att agree to 4e-16): X_b points at (ra, dec),
Y_b = cos(roll) E + sin(roll) N, Z_b = -sin(roll) E + cos(roll) N, with E and N the directions of East and North there.
Angles are in degrees at the interface.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ciaopy.coords.geometry import FloatArray
from ciaopy.errors import DataError
from ciaopy.kernels.coords import RECORD_WIDTH

__all__ = [
    "Attitude",
    "attitude_matrix",
    "matrix_angles",
    "matrix_quaternion",
    "quaternion",
    "quaternion_matrix",
    "tangent_axes",
]


def tangent_axes(ra: ArrayLike, dec: ArrayLike) -> FloatArray:
    """Return the unit vectors P (pointing), E (East), N (North) at (ra, dec).

    Parameters
    ----------
    ra, dec : array_like, shape (...)
        Degrees.

    Returns
    -------
    ndarray, shape (..., 3, 3), float64
        Rows P, E, N.
    """
    a, d = np.deg2rad(np.asarray(ra, float)), np.deg2rad(np.asarray(dec, float))
    ca, sa, cd, sd = np.cos(a), np.sin(a), np.cos(d), np.sin(d)
    zero = np.zeros_like(ca * cd)
    rows = [(cd * ca, cd * sa, sd + zero), (-sa + zero, ca + zero, zero), (-sd * ca, -sd * sa, cd + zero)]
    return np.stack([np.stack(r, axis=-1) for r in rows], axis=-2)


def attitude_matrix(ra: ArrayLike, dec: ArrayLike, roll: ArrayLike) -> FloatArray:
    """Return the matrices that turn body components into celestial ones.

    Parameters
    ----------
    ra, dec, roll : array_like, shape (...)
        Degrees.

    Returns
    -------
    ndarray, shape (..., 3, 3), float64
        Columns X_b, Y_b, Z_b in celestial Cartesian components.
    """
    ra, dec, roll = np.broadcast_arrays(*(np.asarray(v, float) for v in (ra, dec, roll)))
    axes = tangent_axes(ra, dec)
    p, e, n = axes[..., 0, :], axes[..., 1, :], axes[..., 2, :]
    r = np.deg2rad(roll)[..., None]
    return np.stack([p, np.cos(r) * e + np.sin(r) * n, -np.sin(r) * e + np.cos(r) * n], axis=-1)


def matrix_angles(matrix: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return (ra, dec, roll) in degrees, ra and roll in [0, 360), of attitude matrices of shape (..., 3, 3).

    At a celestial pole, where only ra and roll together have a meaning, the direction of X_b decides as far as it can.
    """
    x, y = matrix[..., :, 0], matrix[..., :, 1]
    ra = np.arctan2(x[..., 1], x[..., 0])
    dec = np.arctan2(x[..., 2], np.hypot(x[..., 0], x[..., 1]))
    axes = tangent_axes(np.rad2deg(ra), np.rad2deg(dec))
    roll = np.arctan2(np.sum(y * axes[..., 2, :], -1), np.sum(y * axes[..., 1, :], -1))
    return np.rad2deg(ra) % 360.0, np.rad2deg(dec), np.rad2deg(roll) % 360.0


def quaternion(ra: ArrayLike, dec: ArrayLike, roll: ArrayLike) -> FloatArray:
    """Return attitude quaternions, vector part first (`q_att` of the aspect solution), shape (..., 4).

    With a = ra/2, d = -dec/2, r = roll/2: q = q_z(ra) q_y(-dec) q_x(roll). The overall sign is that of the half
    angles as given: q4 is not forced to be positive.
    """
    a, d, r = (np.deg2rad(np.asarray(v, float)) / 2 for v in (ra, dec, roll))
    d = -d
    ca, sa, cd, sd, cr, sr = np.cos(a), np.sin(a), np.cos(d), np.sin(d), np.cos(r), np.sin(r)
    return np.stack(
        [
            ca * cd * sr - sa * sd * cr,
            ca * sd * cr + sa * cd * sr,
            sa * cd * cr - ca * sd * sr,
            ca * cd * cr + sa * sd * sr,
        ],
        axis=-1,
    )


def quaternion_matrix(q: FloatArray) -> FloatArray:
    """Return the attitude matrices of quaternions (vector part first), shape (..., 4) -> (..., 3, 3)."""
    q = q / np.linalg.norm(q, axis=-1, keepdims=True)
    x, y, z, w = (q[..., i] for i in range(4))
    rows = [
        (1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)),
        (2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)),
        (2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)),
    ]
    return np.stack([np.stack(r, axis=-1) for r in rows], axis=-2)


def matrix_quaternion(matrix: FloatArray) -> FloatArray:
    """Return the quaternions (vector part first, q4 >= 0) of attitude matrices, shape (..., 3, 3) -> (..., 4)."""
    q = quaternion(*matrix_angles(matrix))
    return np.where(q[..., 3:] < 0, -q, q)


@dataclass(frozen=True)
class Attitude:
    """Pointing and detector offsets: one, or one per event.

    Attributes
    ----------
    ra, dec, roll : ndarray, shape () or (n,), float64
        Degrees; NaN where no aspect solution holds.
    dy, dz : ndarray, same shape, float64
        Shift of the STF frame in the FC frame, mm.
    dtheta : ndarray, same shape, float64
        Its rotation, degrees.
    """

    ra: FloatArray
    dec: FloatArray
    roll: FloatArray
    dy: FloatArray
    dz: FloatArray
    dtheta: FloatArray

    @classmethod
    def of(
        cls,
        ra: ArrayLike,
        dec: ArrayLike,
        roll: ArrayLike,
        dy: ArrayLike = 0.0,
        dz: ArrayLike = 0.0,
        dtheta: ArrayLike = 0.0,
    ) -> Attitude:
        """Make an attitude from numbers or arrays, broadcast against each other."""
        values = np.broadcast_arrays(*(np.asarray(v, np.float64) for v in (ra, dec, roll, dy, dz, dtheta)))
        return cls(*(np.ascontiguousarray(v).reshape(v.shape) for v in values))

    @classmethod
    def from_header(cls, header: Mapping[str, Any], where: str = "header") -> Attitude:
        """Return the mean pointing of a header: RA_PNT, DEC_PNT, ROLL_PNT with DY_AVG, DZ_AVG, DTH_AVG (0 if absent).

        RA_NOM, DEC_NOM, ROLL_NOM stand in where the _PNT keywords are missing.

        Raises
        ------
        DataError
            Neither is there, or a value is not a number.
        """
        pointing = []
        for axis in ("RA", "DEC", "ROLL"):
            value = header.get(f"{axis}_PNT", header.get(f"{axis}_NOM"))
            if value is None:
                raise DataError(f"{where}: neither {axis}_PNT nor {axis}_NOM to tell the pointing by")
            pointing.append(keyword_number(value, f"{axis}_PNT", where))
        offsets = [keyword_number(header.get(k, 0.0), k, where) for k in ("DY_AVG", "DZ_AVG", "DTH_AVG")]
        return cls.of(*pointing, *offsets)

    @property
    def size(self) -> int:
        """Number of attitudes."""
        return int(self.ra.size)

    def records(self, ra_nom: float, dec_nom: float) -> FloatArray:
        """Return the attitudes as the kernels take them, for the tangent point (ra_nom, dec_nom) in degrees.

        Returns
        -------
        ndarray, shape (size, 13), float64
            See `ciaopy.kernels.coords`.
        """
        out = np.empty((self.size, RECORD_WIDTH))
        theta = np.deg2rad(self.dtheta.ravel())
        out[:, 0], out[:, 1] = np.cos(theta), np.sin(theta)
        out[:, 2], out[:, 3] = self.dy.ravel(), self.dz.ravel()
        body = attitude_matrix(self.ra.ravel(), self.dec.ravel(), self.roll.ravel())
        out[:, 4:] = (tangent_axes(ra_nom, dec_nom) @ body).reshape(-1, 9)
        return out


def keyword_number(value: Any, name: str, where: str) -> float:
    """Return a header value as a finite float; a `DataError` that names the keyword for any other."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = np.nan
    if not np.isfinite(number):
        raise DataError(f"{where}: keyword {name} is {value!r}, not a number")
    return float(number)
