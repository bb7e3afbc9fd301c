"""Background flares of EPIC exposures: a light curve, and the times that are quiet.

Outline from the documents of SAS's espfilt; the numbers marked (inferred) were chosen here and are measured on
simulated exposures in docs/accuracy.md. A light curve in bins of 1 s, corrected for the good time of the central CCD,
is smoothed by a running mean and then binned. (SAS's page bins first; a boxcar of 51 s on bins of 60 s would do
nothing.) `histogram` fits a Gaussian to the distribution of rates; `ratio` compares the field of view with the
corners, which flares of soft protons do not reach.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ciaopy.datamodel import Gti
from ciaopy.errors import NoDataError

__all__ = ["Fit", "FlareCurve", "FlareSettings", "Quiet", "quiet_by_histogram", "quiet_by_ratio"]

F64 = NDArray[np.float64]

# Bins of the light curve with less good time than this share are left out.
FEWEST_EXPOSURE = 0.5
# Fewer binned rates than this say nothing about their distribution.
FEWEST_BINS = 20
# Good intervals shorter than this many bins are dropped (inferred).
FEWEST_GOOD = 2
# Width of the histogram of rates: this share of the expected spread, at least FINEST counts/s (inferred).
HISTOGRAM_SHARE = 0.2
FINEST = 0.001
_ITERATIONS = 200


@dataclass(frozen=True)
class FlareSettings:
    """What decides which times are quiet.

    Attributes
    ----------
    smooth : float
        Width of the running mean, s; 0: none.
    bin_size : float
        Bins that are judged, s; 1 s where no binning is wanted.
    ratio : float
        Highest ratio of field of view to corners (`ratio`).
    sigma : float
        Rates this many sigma about the mean are good (`histogram`).
    range_scale : float
        Width of the fitted part of the histogram, in units of the expected spread.
    limits : (float, float)
        Least and greatest sigma of the fit, in units of the expected spread.
    """

    smooth: float = 51.0
    bin_size: float = 60.0
    ratio: float = 1.2
    sigma: float = 3.0
    range_scale: float = 6.0
    limits: tuple[float, float] = (0.1, 6.5)


@dataclass(frozen=True)
class Fit:
    """A Gaussian fitted to the histogram of rates: height, mean and sigma in counts/s, and where it peaks."""

    height: float
    mean: float
    sigma: float
    peak: float


@dataclass(frozen=True)
class Quiet:
    """The outcome.

    Attributes
    ----------
    gti : Gti
        Quiet times within the good times.
    time : ndarray, shape (n,)
        Lower edge of each bin, s.
    rate : ndarray, shape (n,)
        counts/s, or the ratio of the two areas' rates (`ratio`); NaN where there is no exposure.
    good : ndarray of bool, shape (n,)
    edges, histogram : ndarray, shape (m + 1,), (m,)
        Histogram of rates; empty for `ratio`.
    fit : Fit or None
    """

    gti: Gti
    time: F64
    rate: F64
    good: NDArray[np.bool_]
    edges: F64
    histogram: NDArray[np.int64]
    fit: Fit | None


class FlareCurve:
    """Counts of one area in bins of 1 s over the good time of the central CCD.

    Parameters
    ----------
    gti : Gti
        Good time; the first bin begins with it.

    Raises
    ------
    NoDataError
        There is no good time.
    """

    def __init__(self, gti: Gti) -> None:
        if not len(gti) or not np.isfinite([gti.start[0], gti.stop[-1]]).all():
            raise NoDataError("no good time is left in the event list; there is nothing to search for flares")
        self.gti = gti
        self.start = float(gti.start[0])
        count = max(1, math.ceil(float(gti.stop[-1]) - self.start))
        edges = self.start + np.arange(count + 1, dtype=np.float64)
        self.exposure = gti.overlap(edges[:-1], edges[1:])
        self.counts = np.zeros(count, dtype=np.int64)

    def add(self, time: F64) -> None:
        """Count events; those outside the good time are not counted.

        Parameters
        ----------
        time : ndarray, shape (n,)
            s.
        """
        inside = self.gti.filter(time)
        index = np.floor(time[inside] - self.start).astype(np.int64)
        self.counts += np.bincount(np.clip(index, 0, len(self.counts) - 1), minlength=len(self.counts))

    def binned(self, smooth: float, bin_size: float) -> tuple[F64, F64]:
        """Return lower edges (s) and rates (counts/s) of bins, smoothed first; NaN without enough exposure."""
        valid = self.exposure >= FEWEST_EXPOSURE
        rate = np.where(valid, self.counts / np.where(valid, self.exposure, 1.0), 0.0)
        width = round(smooth)
        if width > 1:
            rate, valid = _running_mean(rate, valid, width), valid
        size = max(1, round(bin_size))
        bins = -(-len(rate) // size)
        padded_rate, padded_valid = np.zeros(bins * size), np.zeros(bins * size, dtype=bool)
        padded_rate[: len(rate)], padded_valid[: len(rate)] = np.where(valid, rate, 0.0), valid
        number = padded_valid.reshape(bins, size).sum(axis=1)
        total = padded_rate.reshape(bins, size).sum(axis=1)
        enough = number >= FEWEST_EXPOSURE * size
        edges = self.start + size * np.arange(bins, dtype=np.float64)
        return edges, np.where(enough, total / np.maximum(number, 1), np.nan)


def _running_mean(rate: F64, valid: NDArray[np.bool_], width: int) -> F64:
    """Return the mean over `width` bins about each bin, of the valid ones."""
    left, right = width // 2, width - width // 2
    total = np.concatenate([[0.0], np.cumsum(np.where(valid, rate, 0.0))])
    number = np.concatenate([[0], np.cumsum(valid)])
    low = np.maximum(np.arange(len(rate)) - left, 0)
    high = np.minimum(np.arange(len(rate)) + right, len(rate))
    count = number[high] - number[low]
    return np.asarray((total[high] - total[low]) / np.maximum(count, 1), np.float64)


def quiet_by_histogram(curve: FlareCurve, settings: FlareSettings) -> Quiet:
    """Return the times whose rate lies about the peak of the distribution of rates.

    With s = sqrt(median rate / bin size), the histogram has bins of max(s/5, 0.001 counts/s); a Gaussian is fitted to
    it within range_scale * s / 2 of the fullest bin, its sigma held between the limits times s. Good:
    |rate - mean| <= sigma of the settings * sigma of the fit.

    Raises
    ------
    NoDataError
        No counts, too few bins, or a distribution without a peak.
    """
    time, rate = curve.binned(settings.smooth, settings.bin_size)
    known = rate[np.isfinite(rate)]
    if not curve.counts.any() or not known.size or known.max() <= 0:
        raise NoDataError("no counts in the light curve (noCounts): energies, patterns or flags leave no events")
    if known.size < FEWEST_BINS:
        raise NoDataError(
            f"only {known.size} bins in the light curve (noCounts); {FEWEST_BINS} are needed: take a smaller binsize"
        )
    typical = float(np.median(known)) or float(known.mean())
    spread = math.sqrt(typical / max(1, round(settings.bin_size)))
    width = max(HISTOGRAM_SHARE * spread, FINEST)
    edges = (
        np.arange(0.0, known.max() + 2 * width, width)
        if known.max() / width < 1e6
        else np.linspace(0.0, known.max() + width, 1_000_000)
    )
    histogram = np.histogram(known, edges)[0].astype(np.int64)
    fit = _fit_peak(edges, histogram, spread, settings)
    good = np.abs(rate - fit.mean) <= settings.sigma * fit.sigma
    return Quiet(_intervals(time, good, settings.bin_size, curve.gti), time, rate, good, edges, histogram, fit)


def _fit_peak(edges: F64, histogram: NDArray[np.int64], spread: float, settings: FlareSettings) -> Fit:
    middle = 0.5 * (edges[:-1] + edges[1:])
    smoothed = np.convolve(histogram, np.ones(3), mode="same")
    peak = int(np.argmax(smoothed))
    near = np.abs(middle - middle[peak]) <= 0.5 * settings.range_scale * spread
    x, n = middle[near], histogram[near].astype(np.float64)
    low, high = settings.limits[0] * spread, settings.limits[1] * spread
    height, mean, sigma = _fit_gaussian(x, n, float(middle[peak]), (low, high), spread)
    inside = x[0] - (edges[1] - edges[0]) <= mean <= x[-1] + (edges[1] - edges[0])
    if not (math.isfinite(height) and math.isfinite(mean) and height > 0 and inside):
        raise NoDataError(
            "the histogram of rates has no peak that a Gaussian fits (noCounts): look at the light curve, or take "
            "other energies or bins"
        )
    return Fit(height, mean, sigma, float(middle[peak]))


def _fit_gaussian(
    x: F64, n: F64, peak: float, limits: tuple[float, float], spread: float
) -> tuple[float, float, float]:
    """Fit height, mean and sigma by weighted least squares (weights 1/max(n, 1)), sigma kept within limits."""
    weight = 1.0 / np.maximum(n, 1.0)
    p = np.array([max(float(n.max()), 1.0), peak, min(max(0.7 * spread, limits[0]), limits[1])])

    def model(q: F64) -> tuple[F64, F64]:
        z = (x - q[1]) / q[2]
        shape = np.exp(-0.5 * z * z)
        return q[0] * shape, np.stack([shape, q[0] * shape * z / q[2], q[0] * shape * z * z / q[2]])

    value, slope = model(p)
    cost, damping = float(np.sum(weight * (n - value) ** 2)), 1e-3
    for _ in range(_ITERATIONS):
        normal = (slope * weight) @ slope.T
        right = (slope * weight) @ (n - value)
        step = np.linalg.lstsq(normal + damping * np.diag(np.maximum(np.diag(normal), 1e-30)), right, rcond=None)[0]
        trial = p + step
        trial[2] = min(max(trial[2], limits[0]), limits[1])
        trial[1] = min(max(trial[1], x[0]), x[-1])
        new_value, new_slope = model(trial)
        new_cost = float(np.sum(weight * (n - new_value) ** 2))
        if new_cost <= cost:
            settled = np.all(np.abs(trial - p) <= 1e-8 * np.maximum(np.abs(p), 1e-30))
            p, value, slope, cost, damping = trial, new_value, new_slope, new_cost, damping * 0.3
            if settled:
                break
        else:
            damping *= 10.0
            if damping > 1e12:
                break
    return float(p[0]), float(p[1]), float(p[2])


def quiet_by_ratio(
    field: FlareCurve, corners: FlareCurve, area_field: float, area_corners: float, settings: FlareSettings
) -> Quiet:
    """Return the times when the field of view is not brighter than the corners times a factor, per area.

    Corner counts are summed over the whole exposure: single bins have few.

    Parameters
    ----------
    field, corners : FlareCurve
        Same good time.
    area_field, area_corners : float
        Number of pixels of the two areas.

    Raises
    ------
    NoDataError
        An area or its counts are zero.
    """
    if not field.counts.any():
        raise NoDataError("no counts in the field of view (noCounts): energies, patterns or flags leave no events")
    if not corners.counts.any() or area_corners <= 0 or area_field <= 0:
        raise NoDataError(
            "no counts outside the field of view (noCounts): the list is already cut to it; use method=histogram"
        )
    time, rate = field.binned(settings.smooth, settings.bin_size)
    quiet_level = corners.counts.sum() / corners.exposure.sum() / area_corners
    ratio = rate / area_field / quiet_level
    good = ratio <= settings.ratio
    none = np.zeros(0)
    gti = _intervals(time, good, settings.bin_size, field.gti)
    return Quiet(gti, time, ratio, good, none, np.zeros(0, np.int64), None)


def _intervals(time: F64, good: NDArray[np.bool_], bin_size: float, gti: Gti) -> Gti:
    """Join good bins that touch, drop short runs, and cut by the good times.

    Raises
    ------
    NoDataError
        Nothing is left.
    """
    size = max(1, round(bin_size))
    change = np.diff(np.concatenate([[False], good, [False]]).astype(np.int8))
    first, last = np.flatnonzero(change == 1), np.flatnonzero(change == -1)
    long_enough = last - first >= min(FEWEST_GOOD, len(time))
    begin = time[first[long_enough]]
    quiet = Gti(begin, time[last[long_enough] - 1] + size) & gti
    if not len(quiet):
        raise NoDataError("no good time is left: every bin of the light curve is flaring or too short")
    return quiet
