"""Move the offsets dy, dz, dtheta of an aspect solution into its ra, dec, roll (what `asp_offaxis_corr` does).

The offsets shift and turn the detector in the focal plane. To first order in dy/F (about 1e-4) that is a rotation of
the telescope: the new optical axis is the direction that STF = (0, 0, 0) sees, and the new Y axis is where +y of STF
points. With the new attitude and zero offsets every chip position keeps its place on the sky; what is left is of order
theta^2 dy/F and x dy/F^2, with x the height of the chip above the focal plane: below 0.01 ACIS pixel for dy = 1 mm.
"""

from __future__ import annotations

import numpy as np

from ciaopy.coords.attitude import Attitude, attitude_matrix, matrix_angles
from ciaopy.coords.geometry import FloatArray

__all__ = ["absorb_offsets", "body_rotation"]


def body_rotation(dy: FloatArray, dz: FloatArray, dtheta: FloatArray, focal_length: float) -> FloatArray:
    """Return the rotations from the new body axes to the old ones.

    An object at r = (x - F, y, z) in the focal plane lies in the body direction -r, so X' = (F, -dy, -dz)/|...|,
    Y' = (0, cos dtheta, -sin dtheta) made orthogonal to it, Z' = X' x Y'.

    Parameters
    ----------
    dy, dz : ndarray, shape (n,)
        mm.
    dtheta : ndarray, shape (n,)
        Degrees.
    focal_length : float
        mm.

    Returns
    -------
    ndarray, shape (n, 3, 3)
        Columns X', Y', Z' in old body components.
    """
    theta = np.deg2rad(dtheta)
    zero = np.zeros_like(theta)
    x = np.stack([zero + focal_length, -dy, -dz], axis=-1)
    x /= np.linalg.norm(x, axis=-1, keepdims=True)
    y = np.stack([zero, np.cos(theta), -np.sin(theta)], axis=-1)
    y -= np.sum(x * y, axis=-1, keepdims=True) * x
    y /= np.linalg.norm(y, axis=-1, keepdims=True)
    return np.stack([x, y, np.cross(x, y)], axis=-1)


def absorb_offsets(attitude: Attitude, focal_length: float) -> Attitude:
    """Return the attitude with zero offsets that sees every chip position where the old one does.

    Parameters
    ----------
    attitude : Attitude
        One or many.
    focal_length : float
        mm.

    Returns
    -------
    Attitude
        ra and roll in [0, 360); dy = dz = dtheta = 0.
    """
    old = attitude_matrix(attitude.ra, attitude.dec, attitude.roll)
    turn = body_rotation(attitude.dy, attitude.dz, attitude.dtheta, focal_length)
    return Attitude.of(*matrix_angles(old @ turn))
