"""Quiet times about a mean level that is known, or found by one clipping."""

from __future__ import annotations

import numpy as np

from ciaopy.errors import DataError, NoDataError, ParameterError
from ciaopy.lightcurve.curve import LightCurve, QuietTimes, within

__all__ = ["lc_clean"]


def lc_clean(
    curve: LightCurve,
    mean: float | None = None,
    clip: float = 3.0,
    sigma: float | None = None,
    scale: float = 1.2,
    minfrac: float = 0.1,
) -> QuietTimes:
    """Find the bins whose rate is near the quiet level.

    The level m is `mean`, or the mean of the bins within ``m0 +- clip sqrt(m0 / w)`` of the mean m0 of all rates above
    0, w being the largest EXPOSURE. A bin is good if ``m / scale < rate < m scale``, or, with `sigma`, if
    ``|rate - m| < sigma sqrt(m / w)``. This is the rule of lc_clean in CIAO.

    Parameters
    ----------
    curve : LightCurve
        With EXPOSURE.
    mean : float, optional
        Quiet level, count/s.
    clip : float
        Standard deviations within which bins count towards the level.
    sigma : float, optional
        Half width of the limits in standard deviations of one bin.
    scale : float
        Limits as a factor, if `sigma` is not given.
    minfrac : float
        Fewest good bins, as a share of the bins with a rate above 0.

    Raises
    ------
    ParameterError
        A parameter out of range.
    DataError
        No EXPOSURE column, or no bin with exposure.
    NoDataError
        No bin has a rate above 0, is near the level, or is good; or too few are good.
    """
    _check(clip, sigma, scale)
    if curve.exposure is None:
        raise DataError(f"{curve.name}: no column EXPOSURE, which method=clean needs; make it with dmextract opt=ltc1")
    valid, width = curve.require_valid(), curve.bin_width
    if not width > 0:
        raise DataError(f"{curve.name}: no bin has any EXPOSURE; check the good times of the events")
    level = _level(curve, clip, width) if mean is None else float(mean)
    if not level > 0:
        raise ParameterError(f"mean={mean} is not a rate above 0")
    if sigma is None:
        limits = (level / scale, level * scale)
    else:
        reach = sigma * float(np.sqrt(level / width))
        limits = (level - reach, level + reach)
    good = within(curve.rate, limits)
    if not good.any():
        rates = curve.rate[valid]
        span = f"(rates are {rates.min():.6g} to {rates.max():.6g}); give mean, or a larger scale"
        raise NoDataError(f"{curve.name}: no rate lies between {limits[0]:.6g} and {limits[1]:.6g} count/s {span}")
    found = QuietTimes(good, limits, float(np.mean(curve.rate[good])), None, "lc_clean")
    _check_share(found, curve, minfrac)
    return found


def _check_share(found: QuietTimes, curve: LightCurve, minfrac: float) -> None:
    """Raise where too few of the bins with a rate above 0 are good."""
    limits = found.limits
    share = int(np.count_nonzero(found.good)) / int(np.count_nonzero(curve.require_valid()))
    if share < minfrac:
        raise TooFewGoodError(
            f"{curve.name}: only {share:.3g} of the bins are between {limits[0]:.6g} and {limits[1]:.6g} count/s, "
            f"and minfrac is {minfrac:g}; give mean, a larger scale or a smaller minfrac",
            found,
        )


class TooFewGoodError(NoDataError):
    """Fewer bins are good than `minfrac` asks for; `found` is what there is, for a picture."""

    def __init__(self, message: str, found: QuietTimes) -> None:
        super().__init__(message)
        self.found = found


def _check(clip: float, sigma: float | None, scale: float) -> None:
    if not clip > 0:
        raise ParameterError(f"nsigma={clip:g} must be above 0")
    if sigma is None and not scale >= 1:
        raise ParameterError(f"scale={scale:g} must be at least 1")
    if sigma is not None and not sigma > 0:
        raise ParameterError(f"stddev={sigma:g} must be above 0")


def _level(curve: LightCurve, clip: float, width: float) -> float:
    """Return the mean rate after one clipping; bins with a rate of 0 count, if they are within the limits."""
    first = float(np.mean(curve.rate[curve.valid]))
    reach = clip * float(np.sqrt(first / width))
    near = within(curve.rate, (first - reach, first + reach))
    if not near.any():
        raise NoDataError(
            f"{curve.name}: no rate within {clip:g} standard deviations of the mean, {first:.6g} +- {reach:.3g} "
            "count/s; give the quiet level by mean"
        )
    return float(np.mean(curve.rate[near]))
