"""Maps of the size of the point-spread function over an image."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ciaopy.caldb import PsfRadius
from ciaopy.coords import Attitude, FocalPlane, SkyFrame
from ciaopy.exposure.grids import PixelGrid
from ciaopy.exposure.spectrum import Spectrum

__all__ = ["psf_map"]

FloatArray = NDArray[np.float64]


def psf_map(
    radius: PsfRadius,
    spectrum: Spectrum,
    ecf: float,
    plane: FocalPlane,
    pointing: tuple[SkyFrame, Attitude],
    grid: PixelGrid,
) -> NDArray[np.float32]:
    """Return the radius (arcsec) that holds a fraction of the light of a source at each pixel.

    Off-axis angle and azimuth are those of the pixel centre at the mean pointing, dy, dz, dtheta left out. A spectrum
    gives the mean of the radii, weighted.

    Parameters
    ----------
    radius : PsfRadius
        CALDB REEF or the embedded table.
    spectrum : Spectrum
    ecf : float
        Enclosed fraction, 0 to 1.
    plane : FocalPlane
    pointing : (SkyFrame, Attitude)
        Sky frame of the image, and the mean pointing.
    grid : PixelGrid
        Sky pixels.

    Returns
    -------
    float32 array, shape of the grid

    Raises
    ------
    CalibrationError
        The fraction is outside the table.
    """
    frame, attitude = pointing
    still = Attitude.of(attitude.ra, attitude.dec, attitude.roll)
    out = np.empty(grid.shape, np.float32)
    x = grid.x.centres()
    weight = spectrum.weight / spectrum.weight.sum()

    def mean(theta: FloatArray, phi: FloatArray) -> FloatArray:
        total = np.zeros(theta.shape)
        for energy, share in zip(spectrum.energy, weight, strict=True):
            total += share * radius.at(energy, theta, ecf, phi)
        return total

    # A table without azimuth is a curve, and a fine copy of it is faster to look up.
    curve = np.unique(np.concatenate([np.linspace(0.0, float(radius.theta[-1]), 2000), radius.theta]))
    values = mean(curve, np.zeros(curve.shape)) if len(radius.phi) == 1 else None
    step = max(1, 2_000_000 // max(x.size, 1))
    for start in range(0, grid.y.count, step):
        y = grid.y.centres()[start : start + step]
        detx, dety = plane.sky_to_det(*np.meshgrid(x, y), still, frame)
        theta, phi = plane.off_axis(detx, dety)
        out[start : start + step] = mean(theta, phi) if values is None else np.interp(theta, curve, values)
    return out
