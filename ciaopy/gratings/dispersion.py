"""From chip positions to dispersion angles and wavelengths, and back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ciaopy.coords import Attitude, ChipPosition, FloatArray, FocalPlane, SkyFrame
from ciaopy.gratings.arms import Arm, arm_table
from ciaopy.kernels import gratings as kernels

__all__ = ["Dispersion", "angle_of", "wavelength_of"]


def wavelength_of(arm: Arm, tg_r: ArrayLike) -> FloatArray:
    """Return m lambda (Angstrom, signed): period sin(tg_r), tg_r in degrees."""
    return np.asarray(arm.period * np.sin(np.deg2rad(np.asarray(tg_r, float))))


def angle_of(arm: Arm, mlam: ArrayLike) -> FloatArray:
    """Return tg_r (deg) of m lambda (Angstrom, signed); NaN beyond the period."""
    ratio = np.asarray(mlam, float) / arm.period
    return np.asarray(np.rad2deg(np.arcsin(np.where(np.abs(ratio) <= 1.0, ratio, np.nan))))


@dataclass(frozen=True)
class Dispersion:
    """The grating frame of one arm about a zero order.

    Attributes
    ----------
    plane : FocalPlane
        The detector at its SIM position.
    frame : SkyFrame
        System of the zero order's SKY position.
    arm : Arm
    zero : (float, float)
        SKY position of the zero order, pixels.
    """

    plane: FocalPlane
    frame: SkyFrame
    arm: Arm
    zero: tuple[float, float]

    def of_chip(
        self, chip_id: ArrayLike, chipx: ArrayLike, chipy: ArrayLike, attitude: Attitude
    ) -> tuple[FloatArray, FloatArray]:
        """Return tg_r, tg_d (deg) of chip positions, for one attitude or one for each; NaN on no chip.

        Integer pixels are taken as they stand: CIAO's grating coordinates are those of the pixel's centre (ObsIDs
        13839 and 1011 to 1e-7 deg), never of a sub-pixel or random position.
        """
        (ids, x, y), index, records, shape = self._prepared(attitude, chip_id, chipx, chipy)
        out = np.empty((2, x.size))
        plane, arms = self.plane, self._arms()
        kernels.chip_to_grating(
            ids.astype(np.int64), x, y, index, *self.zero, plane.chips, records, plane.optics, arms, 0, *out
        )
        return out[0].reshape(shape), out[1].reshape(shape)

    def to_chip(
        self, tg_r: ArrayLike, tg_d: ArrayLike, attitude: Attitude, chip_id: ArrayLike = -1, inside: bool = True
    ) -> ChipPosition:
        """Return where the light of dispersion angles (deg) lands: the inverse of `of_chip`.

        Parameters
        ----------
        tg_r, tg_d : array_like, shape (n,)
        attitude : Attitude
            One, or one for each.
        chip_id : array_like of int
            The chip wanted (its edges do not matter then), or -1 for the one that holds the point.
        inside : bool
            With chip_id = -1 and no chip there: -1 and NaN (True), or the nearest chip's coordinates (False).
        """
        (want, r, d), index, records, shape = self._prepared(attitude, chip_id, tg_r, tg_d)
        plane, n = self.plane, r.size
        want = want.astype(np.int64)
        ids, x, y = np.empty(n, np.int64), np.empty(n), np.empty(n)
        kernels.grating_to_chip(
            *(r, d, want, index, *self.zero, plane.chips, plane.sizes, records, plane.optics, self._arms(), 0),
            *(ids, x, y),
        )
        if inside:
            size = plane.sizes[np.clip(ids, 0, None)]
            off = (want < 0) & ~((x >= 0.5) & (x <= size[:, 0] + 0.5) & (y >= 0.5) & (y <= size[:, 1] + 0.5))
            ids[off], x[off], y[off] = -1, np.nan, np.nan
        return ChipPosition(ids.reshape(shape), x.reshape(shape), y.reshape(shape))

    def _arms(self) -> FloatArray:
        return arm_table((self.arm,), self.plane.detector.name)

    def _prepared(
        self, attitude: Attitude, *values: ArrayLike
    ) -> tuple[list[FloatArray], NDArray[np.int64], FloatArray, tuple[int, ...]]:
        """Return flat contiguous float64 arrays of one shape, the record of each position, the records, the shape."""
        arrays = np.broadcast_arrays(*(np.asarray(v, np.float64) for v in values))
        if arrays[0].size == 1 and attitude.size != 1:
            arrays = tuple(np.broadcast_to(a.reshape(()), attitude.ra.shape) for a in arrays)
        n = arrays[0].size
        if attitude.size not in (1, n):
            raise ValueError(f"{attitude.size} attitudes for {n} positions; give one, or one for each position")
        index = np.zeros(n, np.int64) if attitude.size == 1 else np.arange(n, dtype=np.int64)
        records = attitude.records(self.frame.ra_nom, self.frame.dec_nom)
        return [np.ascontiguousarray(a).ravel() for a in arrays], index, records, arrays[0].shape
