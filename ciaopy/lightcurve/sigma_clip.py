"""Quiet times by clipping again and again."""

from __future__ import annotations

import numpy as np

from ciaopy.datamodel import Gti
from ciaopy.errors import NoDataError, ParameterError
from ciaopy.lightcurve.curve import BoolArray, LightCurve, QuietTimes, run_times, runs, within

__all__ = ["lc_sigma_clip"]


def lc_sigma_clip(curve: LightCurve, sigma: float = 3.0, minlength: int = 3) -> QuietTimes:
    """Find the bins that are left when outliers are clipped until none is found.

    Beginning with all rates above 0: mean and population standard deviation of the bins kept; those further than
    `sigma` standard deviations off are dropped; again, until none is. The limits are those of the last round. Runs of
    fewer than `minlength` consecutive good bins are left out of the times (not of `good`). This is the rule of
    lc_sigma_clip in CIAO.

    Parameters
    ----------
    curve : LightCurve
    sigma : float
        Standard deviations.
    minlength : int
        Bins.

    Returns
    -------
    QuietTimes
        `intervals` is set if a run was left out, or if the limits do not give all good bins back (a constant rate,
        where both limits are that rate).

    Raises
    ------
    ParameterError
        sigma is not above 0, or minlength below 1.
    NoDataError
        No bin has a rate above 0, or no run is long enough.
    """
    if not sigma > 0:
        raise ParameterError(f"nsigma={sigma:g} must be above 0")
    if minlength < 1:
        raise ParameterError(f"minlength={minlength} must be at least 1")
    good = curve.require_valid().copy()
    while True:
        kept = curve.rate[good]
        if not kept.size:
            raise NoDataError(f"{curve.name}: no bin is left after clipping at {sigma:g} standard deviations")
        mean, deviation = float(np.mean(kept)), float(np.std(kept))
        outlier = good & (np.abs(curve.rate - mean) > sigma * deviation) if deviation > 0 else np.zeros_like(good)
        if not outlier.any():
            break
        good &= ~outlier
    limits = (mean - sigma * deviation, mean + sigma * deviation)
    return QuietTimes(good, limits, mean, _intervals(curve, good, limits, minlength), "lc_sigma_clip")


def _intervals(curve: LightCurve, good: BoolArray, limits: tuple[float, float], minlength: int) -> Gti | None:
    """Return the times of the runs that are long enough; None where the limits alone give the same."""
    found = runs(good)
    long_enough = found[found[:, 1] - found[:, 0] + 1 >= minlength]
    if not len(long_enough):
        longest = int((found[:, 1] - found[:, 0] + 1).max())
        raise NoDataError(
            f"{curve.name}: the longest run of good bins has {longest}, and minlength is {minlength}; "
            "make minlength smaller, or bin more finely"
        )
    by_limits = bool(within(curve.rate, limits)[good].all())
    if by_limits and len(long_enough) == len(found):
        return None
    return run_times(curve, long_enough)
