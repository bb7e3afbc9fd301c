"""PI of an event: gain images (HRC-I, exact on ObsID 2886) and the time-dependent gain (HRC-S)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ciaopy.caldb import HrcGainImage, HrcGainTime
from ciaopy.errors import CalibrationError
from ciaopy.hrc.detector import HrcDetector
from ciaopy.hrc.pulse_height import TapBlock

__all__ = ["SAMP_NORM", "GainRules", "scaled_sums"]

#: SAMPNORM of the gain images, which turns the scaled sum of the amplifiers into the SAMP column.
SAMP_NORM = 148.0
# Greatest channels: since SUMAMPS is used, and before.
_LAST, _LAST_OF_PHA = 1023, 255

FloatArray = NDArray[np.float64]


def scaled_sums(sums: NDArray[np.int32], scale: NDArray[np.int16], norm: float = SAMP_NORM) -> FloatArray:
    """Return SAMP = SUMAMPS 2^(AMP_SF-1) / norm, float64, shape (n,)."""
    return np.asarray(sums * np.exp2(scale.astype(np.float64) - 1.0) / norm)


@dataclass(frozen=True, eq=False)
class GainRules:
    """One gain, as the kernels take it: an image of factors, or offsets and slopes at the time of the observation.

    Attributes
    ----------
    image : HrcGainImage or None
    offset, slope : float64 array, shape (ny, nx)
    rawx, rawy : float64 array, shape (nx,), (ny,)
        Lower edges of the cells of `offset` and `slope`.
    """

    image: HrcGainImage | None
    offset: FloatArray
    slope: FloatArray
    rawx: FloatArray
    rawy: FloatArray

    @classmethod
    def of_image(cls, image: HrcGainImage, detector: HrcDetector) -> GainRules:
        """Return the rules of a gain image.

        Raises
        ------
        CalibrationError
            It covers the other detector.
        """
        size = (image.cell_x * image.gain.shape[1], image.cell_y * image.gain.shape[0])
        if size != detector.raw_size:
            raise CalibrationError(
                f"{image.source}: a gain of {size[0]:g} x {size[1]:g} raw pixels; the events are of the "
                f"{detector.name}, which has {detector.raw_size[0]} x {detector.raw_size[1]}"
            )
        none = np.zeros((0, 0))
        return cls(image, none, none, none[0:0, 0:0].ravel(), none.ravel())

    @classmethod
    def of_time(cls, gain: HrcGainTime, mjd: float) -> GainRules:
        """Return the rules of a time-dependent gain at a modified Julian date."""
        offset, slope = gain.at(gain.rawx[None, :], gain.rawy[:, None], mjd)
        return cls(None, np.ascontiguousarray(offset), np.ascontiguousarray(slope), gain.rawx, gain.rawy)

    @property
    def norm(self) -> float:
        """What the scaled sum is divided by for SAMP."""
        return self.image.norm if self.image is not None and self.image.norm is not None else SAMP_NORM

    def channels(self, block: TapBlock, pha: NDArray[np.int16], status: NDArray[np.uint32]) -> NDArray[np.int32]:
        """Return PI, int32, shape (n,), and set or clear status bit 7 in place."""
        from ciaopy.kernels import hrc_events as kernels

        pi = np.empty(len(status), np.int32)
        if self.image is None:
            kernels.gain_in_time(
                block.sums, block.scale, block.raw, self.offset, self.slope, self.rawx, self.rawy, _LAST, pi, status
            )
            return pi
        image = self.image
        if image.norm is None:
            kernels.gain_of_pha(pha, block.place, image.gain, image.cell_x, image.cell_y, _LAST_OF_PHA, pi, status)
        else:
            kernels.gain_image(
                *(block.sums, block.scale, block.place, image.gain, image.cell_x, image.cell_y, image.norm, _LAST),
                pi,
                status,
            )
        return pi
