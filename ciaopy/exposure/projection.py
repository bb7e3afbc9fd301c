"""From the sky to a chip, exactly, as one 3 x 3 matrix per attitude.

Sky pixels are a tangent plane and a chip is a plane, so at one attitude the way from one to the other is a projective
map: ``(q, r) = (h0 . v, h1 . v) / (h2 . v)`` with v = (X, Y, 1). Nothing is approximated; the gap between chips, their
tilt and the curvature of the tangent projection are in it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ciaopy.coords import Attitude, FocalPlane, SkyFrame
from ciaopy.exposure.aspect_histogram import AspectHistogram
from ciaopy.exposure.grids import PixelGrid

__all__ = ["SkyView", "apply"]

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class SkyView:
    """A detector in the focal plane and the sky frame that it looks at.

    Attributes
    ----------
    plane : FocalPlane
        Chips at their SIM position.
    frame : SkyFrame
        Tangent point and pixels of the sky.
    """

    plane: FocalPlane
    frame: SkyFrame

    def map_to_sky(self, chip: int, grid: PixelGrid, attitude: Attitude) -> FloatArray:
        """Return the matrices from map positions (q, r, 1) on a chip to sky pixels (X w, Y w, w).

        Parameters
        ----------
        chip : int
            CCD_ID or CHIP_ID.
        grid : PixelGrid
            Grid of the map on the chip; q and r count its pixels from the lower outer edges.
        attitude : Attitude
            One or many; with zero dy, dz, dtheta.

        Returns
        -------
        float64 array, shape (attitude.size, 3, 3)
        """
        detector = self.plane.detector
        detector.chip(chip)
        row = self.plane.chips[chip]
        origin = row[:3] - np.array([detector.focal_length, 0.0, 0.0])
        a, b = row[3:6] * grid.x.step, row[6:9] * grid.y.step
        start = origin + row[3:6] * (grid.x.low - 0.5) + row[6:9] * (grid.y.low - 0.5)
        body = attitude.records(self.frame.ra_nom, self.frame.dec_nom)[:, 4:].reshape(-1, 3, 3)
        inverse = 1.0 / detector.scale_rad
        pixels = np.array([[detector.ref, -inverse, 0.0], [detector.ref, 0.0, inverse], [1.0, 0.0, 0.0]])
        return np.asarray(pixels @ body @ np.stack([a, b, start], axis=1))

    def sky_to_map(self, chip: int, grid: PixelGrid, attitude: Attitude) -> FloatArray:
        """Return the matrices from sky pixels (X, Y, 1) to map positions, shape (attitude.size, 3, 3)."""
        return np.ascontiguousarray(np.linalg.inv(self.map_to_sky(chip, grid, attitude)))

    def histogram_matrices(self, chip: int, grid: PixelGrid, histogram: AspectHistogram) -> tuple[FloatArray, ...]:
        """Return `sky_to_map` of every bin (n, 3, 3), of the mean pointing (3, 3), and `map_to_sky` of the latter."""
        mean = histogram.mean().attitudes(self.frame)
        forward = self.map_to_sky(chip, grid, mean)[0]
        every = self.sky_to_map(chip, grid, histogram.attitudes(self.frame))
        return every, np.ascontiguousarray(np.linalg.inv(forward)), forward


def apply(matrix: FloatArray, x: ArrayLike, y: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Apply projective maps to points.

    Parameters
    ----------
    matrix : float64 array, shape (..., 3, 3)
    x, y : array_like
        Broadcast against the leading dimensions of `matrix`.
    """
    m = np.moveaxis(matrix, (-2, -1), (0, 1))
    u, v = np.asarray(x, np.float64), np.asarray(y, np.float64)
    w = m[2, 0] * u + m[2, 1] * v + m[2, 2]
    return (m[0, 0] * u + m[0, 1] * v + m[0, 2]) / w, (m[1, 0] * u + m[1, 1] * v + m[1, 2]) / w
