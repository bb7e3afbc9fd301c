"""One position in every coordinate system: what `dmcoords` computes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike

from ciaopy.coords.attitude import Attitude
from ciaopy.coords.focalplane import FocalPlane, angles_to_det
from ciaopy.coords.geometry import FloatArray
from ciaopy.coords.tangent import SkyFrame
from ciaopy.errors import DataError, NoDataError

__all__ = ["Observation", "Position", "SkyMap"]


class SkyMap(Protocol):
    """A file's own transform between SKY pixels and degrees (`ciaopy.datamodel.wcs.SkyTransform`)."""

    def pixel_to_sky(self, x: ArrayLike, y: ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Return RA, Dec in degrees."""
        ...

    def sky_to_pixel(self, ra: ArrayLike, dec: ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Return SKY pixels."""
        ...


@dataclass(frozen=True)
class Position:
    """One position. Pixels, degrees; theta in arcmin. NaN (chip_id -1) for systems that the observation lacks.

    `on_chip` is False where the chip coordinates are those of the nearest chip, outside its pixels.
    """

    ra: float
    dec: float
    x: float
    y: float
    detx: float = np.nan
    dety: float = np.nan
    theta: float = np.nan
    phi: float = np.nan
    chip_id: int = -1
    chipx: float = np.nan
    chipy: float = np.nan
    tdetx: float = np.nan
    tdety: float = np.nan
    on_chip: bool = False


@dataclass(frozen=True)
class Observation:
    """What is needed to convert positions at one attitude.

    Attributes
    ----------
    sky : SkyMap
        SKY to RA, Dec.
    plane : FocalPlane or None
        None for files of other telescopes: only ra, dec, x, y then.
    frame : SkyFrame or None
    attitude : Attitude or None
    """

    sky: SkyMap
    plane: FocalPlane | None = None
    frame: SkyFrame | None = None
    attitude: Attitude | None = None

    def from_cel(self, ra: float, dec: float) -> Position:
        """Return the position of (ra, dec), degrees.

        Raises
        ------
        NoDataError
            It is 90 degrees or more from the pointing.
        """
        x, y = (float(v) for v in self.sky.sky_to_pixel(ra, dec))
        if not np.isfinite([x, y]).all():
            raise NoDataError(f"the position {ra:.5f}, {dec:.5f} deg is more than 90 degrees from the pointing")
        return self.from_sky(x, y)

    def from_sky(self, x: float, y: float) -> Position:
        """Return the position of SKY pixel (x, y)."""
        if self.plane is None:
            return self._complete(x, y)
        plane, frame, attitude = self._detector()
        detx, dety = (float(v) for v in plane.sky_to_det(x, y, attitude, frame))
        return self._complete(x, y, detx, dety)

    def from_det(self, detx: float, dety: float, chip: tuple[int, float, float] | None = None) -> Position:
        """Return the position of DET pixel (detx, dety); `chip`: where it is known to be."""
        plane, frame, attitude = self._detector()
        x, y = (float(v) for v in plane.det_to_sky(detx, dety, attitude, frame))
        return self._complete(x, y, detx, dety, chip)

    def from_msc(self, theta: float, phi: float) -> Position:
        """Return the position at off-axis angle theta (arcmin) and azimuth phi (deg).

        Raises
        ------
        NoDataError
            The angle is 90 degrees or more.
        """
        detx, dety = (float(v) for v in angles_to_det(self._detector()[0].detector, theta, phi))
        if not np.isfinite([detx, dety]).all():
            raise NoDataError(f"theta = {theta:g} arcmin is 90 degrees or more off axis: no detector position")
        return self.from_det(detx, dety)

    def from_chip(self, chip_id: int, chipx: float, chipy: float) -> Position:
        """Return the position of a chip pixel.

        Raises
        ------
        DataError
            The detector has no such chip.
        """
        plane, _, attitude = self._detector()
        plane.detector.chip(chip_id)
        detx, dety = (float(v) for v in plane.chip_to_det(chip_id, chipx, chipy, attitude))
        return self.from_det(detx, dety, (chip_id, chipx, chipy))

    def from_tdet(self, tdetx: float, tdety: float) -> Position:
        """Return the position of tiled detector pixel (tdetx, tdety).

        Raises
        ------
        NoDataError
            No chip is there.
        """
        plane = self._detector()[0]
        chip = plane.tdet_to_chip(tdetx, tdety)
        if chip.chip_id < 0:
            raise NoDataError(f"TDET {tdetx:g}, {tdety:g} is on no chip of {plane.detector.name}")
        return self.from_chip(int(chip.chip_id), float(chip.chipx), float(chip.chipy))

    def _detector(self) -> tuple[FocalPlane, SkyFrame, Attitude]:
        if self.plane is None or self.frame is None or self.attitude is None:
            raise DataError("the file is not of a Chandra detector: only cel, sky and logical coordinates are known")
        return self.plane, self.frame, self.attitude

    def _complete(
        self,
        x: float,
        y: float,
        detx: float = np.nan,
        dety: float = np.nan,
        chip: tuple[int, float, float] | None = None,
    ) -> Position:
        ra, dec = (float(v) for v in self.sky.pixel_to_sky(x, y))
        if self.plane is None or not np.isfinite([detx, dety]).all():
            return Position(ra, dec, x, y)
        plane, _, attitude = self._detector()
        theta, phi = (float(v) for v in plane.off_axis(detx, dety))
        if chip is None:
            found = plane.det_to_chip(detx, dety, attitude, nearest=True)
            chip = int(found.chip_id), float(found.chipx), float(found.chipy)
        nx, ny = plane.detector.chip(chip[0]).size
        on_chip = 0.5 <= chip[1] <= nx + 0.5 and 0.5 <= chip[2] <= ny + 0.5
        tdetx, tdety = (float(v) for v in plane.chip_to_tdet(*chip))
        return Position(ra, dec, x, y, detx, dety, theta, phi, *chip, tdetx, tdety, on_chip)
