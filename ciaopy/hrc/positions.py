"""From taps to chip positions, and the sub-pixel part that an archived file holds in its DET columns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ciaopy.caldb import Degap
from ciaopy.hrc.detector import PLATE_ENDS, HrcDetector

__all__ = [
    "LARGEST_SHIFT",
    "SUBPIXEL_LIMIT",
    "ChipRules",
    "belongs",
    "chip_of_taps",
    "sample_rows",
    "subpixel_parts",
    "whole",
]

FloatArray = NDArray[np.float64]

#: A position recovered from DET belongs to the pixel of the file if it is no further away than this, pixels.
SUBPIXEL_LIMIT = 1.0
#: The ringing correction moves a raw position by less than this, pixels; beyond, RAW and CHIP of a file are strangers.
LARGEST_SHIFT = 16
# DET was made with this aspect solution if nine tenths of the events lie within their pixel (and the noise of the
# aspect), without bias.
_ROUNDING, _SHARE, _MEAN_LIMIT = 0.6, 0.9, 0.05
_SAMPLE = 100_000


@dataclass(frozen=True, eq=False)
class ChipRules:
    """How raw positions become chip positions.

    Attributes
    ----------
    detector : HrcDetector
    table_u, table_v : float64 array, shape (4, ntap, 4)
        By CHIP_ID and coarse tap: LA, LB, RA, RB.
    """

    detector: HrcDetector
    table_u: FloatArray
    table_v: FloatArray

    @classmethod
    def of_coefficients(cls, detector: HrcDetector, u: tuple[float, float], v: tuple[float, float]) -> ChipRules:
        """Return rules with one pair of coefficients per axis: f' = c1 f + c2 sign(f) f^2; (1, 0) is no correction."""
        return cls(detector, *(np.tile([c1, c2, c1, c2], (4, 1, 1)) for c1, c2 in (u, v)))

    @classmethod
    def of_degap(cls, detector: HrcDetector, degap: Degap) -> ChipRules:
        """Return rules with the coefficients of each tap."""
        return cls(detector, degap.axis["U"], degap.axis["V"])

    def __post_init__(self) -> None:
        for name in ("table_u", "table_v"):
            table = getattr(self, name)
            taps = self.detector.taps[0 if name == "table_u" else 1]
            if table.shape[1] == 1 and taps > 1:
                table = np.broadcast_to(table, (4, taps, 4))
            object.__setattr__(self, name, np.ascontiguousarray(table, np.float64))

    def __call__(
        self, coarse: tuple[NDArray[np.int16], NDArray[np.int16]], fine: FloatArray, chip_id: NDArray[np.int16]
    ) -> FloatArray:
        """Return unrounded chip positions, shape (2, n), of coarse and fine positions."""
        from ciaopy.kernels.hrc_events import chip_positions

        out = np.empty((2, len(chip_id)))
        offsets = (self.detector.offset_x, self.detector.offset_y)
        for k, table in enumerate((self.table_u, self.table_v)):
            chip_positions(coarse[k], fine[k], chip_id, table, np.array(offsets[k]), out[k])
        return out


def chip_of_taps(detector: HrcDetector, crsv: NDArray[np.int16]) -> NDArray[np.int16]:
    """Return CHIP_ID of coarse V positions: 0 on the HRC-I, 1 to 3 on the HRC-S."""
    from ciaopy.kernels.hrc_events import chips_of_taps

    chip_id = np.zeros(len(crsv), np.int16)
    if len(detector.chips) > 1:
        chips_of_taps(crsv, PLATE_ENDS, chip_id)
    return chip_id


def whole(place: FloatArray) -> FloatArray:
    """Return the pixel of unrounded positions: floor(p + 0.5)."""
    return np.asarray(np.floor(place + 0.5), np.float64)


def subpixel_parts(recovered: FloatArray, chip: FloatArray) -> FloatArray:
    """Return what to add to integer chip positions, shape (2, n): the recovered part, 0 where it is too far off.

    Parameters
    ----------
    recovered : float64 array, shape (2, n)
        Chip positions of the file's DET through the aspect in force; NaN where there is none.
    chip : float64 array, shape (2, n)
        CHIPX, CHIPY of the file.
    """
    part = recovered - chip
    good = (np.abs(part) <= SUBPIXEL_LIMIT).all(axis=0)
    return np.where(good, part, 0.0)


def sample_rows(n: int) -> slice:
    """Return evenly spaced rows, at most about 100,000, to judge by whether DET belongs to an aspect solution."""
    return slice(0, n, max(n // _SAMPLE, 1))


def belongs(recovered: FloatArray, chip: FloatArray) -> bool:
    """Return whether positions recovered from DET are those that were rounded to `chip`: unbiased, nine tenths inside.

    False says that the file's DET was made with another aspect solution, or is not filled.
    """
    part = recovered - chip
    known = np.isfinite(part).all(axis=0)
    if not known.any():
        return False
    inside = (np.abs(part) <= _ROUNDING).all(axis=0)
    if inside.sum() < _SHARE * known.sum():
        return False
    return bool(np.all(np.abs(part[:, inside].mean(axis=1)) < max(_MEAN_LIMIT, 2.0 / np.sqrt(inside.sum()))))
