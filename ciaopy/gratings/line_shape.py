"""Line shapes and response matrices of dispersed spectra.

MEG's first order is the shape of a real matrix (acismeg1D1999-07-22rmfN0002). The rest follows from it, or from
published numbers, where no matrix was at hand:

* HEG: the same blur in angle, so half of MEG's width at twice the wavelength.
* Order m: the same blur in angle at the same angle: width / |m| at |m| times the wavelength.
* LEG: a Moffat profile (exponent 2.5) of 0.05 Angstrom FWHM, at all wavelengths.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ciaopy.caldb import LineSpread
from ciaopy.caldb.lite import meg_line_shape
from ciaopy.gratings.arms import Arm

__all__ = ["ResponseMatrix", "diagonal_matrix", "enclosed", "light_within", "response_matrix", "spread_matrix"]

FloatArray = NDArray[np.float64]

# Share of the light within the usual width across the dispersion: MARX, +-2.39 arcsec; LETG an estimate.
_LIGHT = {"HEG": 0.984, "MEG": 0.976, "LEG": 0.9}
_MOFFAT_FWHM, _MOFFAT_EXPONENT = 0.05, 2.5
# The matrix is cut off at this distance from a line, first-order Angstrom of MEG (twice that of LEG's profile).
_REACH = {"HEG": 0.0375, "MEG": 0.075, "LEG": 0.6}


def enclosed(arm: Arm, order: int, wavelength: FloatArray, distance: FloatArray) -> FloatArray:
    """Return the share of a line's light within `distance` of it (both Angstrom; broadcast), odd in the distance.

    0 at distance 0, 1 far away, negative for negative distances: the share between a and b is half the difference.
    """
    m = abs(order)
    lam, d = np.abs(np.asarray(wavelength, np.float64)) * m, np.asarray(distance, np.float64) * m
    if arm.name == "LEG":
        return _moffat(d)
    scale = 2.0 if arm.name == "HEG" else 1.0
    return _meg(lam * scale, d * scale)


def _moffat(d: FloatArray) -> FloatArray:
    """Share within +-d of (1 + (d/g)^2)^-2.5: the integral is t (3 + 2 t^2) / (2 (1 + t^2)^1.5) with t = d/g."""
    g = 0.5 * _MOFFAT_FWHM / np.sqrt(2.0 ** (1.0 / _MOFFAT_EXPONENT) - 1.0)
    t = d / g
    return np.asarray(t * (3.0 + 2.0 * t * t) / (2.0 * (1.0 + t * t) ** 1.5))


@cache
def _meg_table() -> tuple[FloatArray, FloatArray, FloatArray]:
    wavelength, width, inside = meg_line_shape()
    return (
        wavelength,
        np.concatenate([[0.0], width]),
        np.concatenate([np.zeros((len(wavelength), 1)), inside], axis=1),
    )


def _meg(lam: FloatArray, d: FloatArray) -> FloatArray:
    """Share within +-d of a MEG line, linear in the table's wavelengths (ends held) and distances."""
    wavelength, width, inside = _meg_table()
    lam, d = np.broadcast_arrays(lam, d)
    w = np.clip(lam, wavelength[0], wavelength[-1])
    i = np.clip(np.searchsorted(wavelength, w, side="right") - 1, 0, len(wavelength) - 2)
    f = (w - wavelength[i]) / (wavelength[i + 1] - wavelength[i])
    a = np.abs(d)
    j = np.clip(np.searchsorted(width, a, side="right") - 1, 0, len(width) - 2)
    g = np.minimum((a - width[j]) / (width[j + 1] - width[j]), 1.0)
    low = (1 - g) * inside[i, j] + g * inside[i, j + 1]
    high = (1 - g) * inside[i + 1, j] + g * inside[i + 1, j + 1]
    return np.asarray(np.sign(d) * ((1 - f) * low + f * high))


def light_within(arm: Arm, half_width: float, usual: float) -> float:
    """Return the share of the light within +-half_width (deg of tg_d).

    Known for the usual width; for another one the light outside is taken to go as 1 / width, which holds for the
    scattering wings (inferred).
    """
    return float(np.clip(1.0 - (1.0 - _LIGHT[arm.name]) * usual / half_width, 0.0, 1.0))


@dataclass(frozen=True, eq=False)
class ResponseMatrix:
    """A response matrix, one group of channels per row.

    Attributes
    ----------
    first : int32 array, shape (n,)
        First channel of each row, from 1.
    rows : list of float32 arrays
        Shares of the channels from there on.
    """

    first: NDArray[np.int32]
    rows: list[NDArray[np.float32]]

    def fold(self, counts: FloatArray) -> FloatArray:
        """Return what the counts of each row become in the channels, shape as given."""
        out = np.zeros(len(self.rows))
        for i, row in enumerate(self.rows):
            k = int(self.first[i]) - 1
            out[k : k + row.size] += counts[i] * row
        return out


def response_matrix(
    arm: Arm, order: int, low: FloatArray, high: FloatArray, light: float, threshold: float
) -> ResponseMatrix:
    """Return the matrix of an order on a grid: row k is the light of wavelengths low[k] .. high[k], in all channels.

    Rows are cut below `threshold`, then scaled to `light`, but for what falls off the ends of the grid.

    Parameters
    ----------
    low, high : float64 arrays, shape (n,)
        BIN_LO, BIN_HI of the channels (Angstrom), descending.
    """
    n = low.size
    centre = 0.5 * (low + high)
    width = float(np.median(high - low))
    reach = max(int(np.ceil(_REACH[arm.name] / abs(order) / width)), 1)
    offset = np.arange(-reach, reach + 1)
    channel = np.arange(n)[:, None] + offset[None, :]
    inside = (channel >= 0) & (channel < n)
    safe = np.clip(channel, 0, n - 1)
    edges = [enclosed(arm, order, centre[:, None], e[safe] - centre[:, None]) for e in (low, high)]
    share = np.where(inside, 0.5 * (edges[1] - edges[0]), 0.0)
    total = share.sum(axis=1)
    kept = np.where(share >= threshold, share, 0.0)
    kept *= (light * total / np.maximum(kept.sum(axis=1), 1e-30))[:, None]
    first, rows = np.ones(n, np.int32), []
    for i in range(n):
        used = np.flatnonzero(kept[i])
        if not used.size:
            rows.append(np.zeros(1, np.float32))
            first[i] = i + 1
            continue
        first[i] = channel[i, used[0]] + 1
        rows.append(kept[i, used[0] : used[-1] + 1].astype(np.float32))
    return ResponseMatrix(first, rows)


def spread_matrix(
    spread: LineSpread, low: FloatArray, high: FloatArray, width: float, threshold: float
) -> ResponseMatrix:
    """Return the matrix of a calibration's line shapes on a grid, as `response_matrix`.

    Rows hold the channels about the peak down to `threshold`, scaled to the share of the light within `width`.

    Parameters
    ----------
    low, high : float64 arrays, shape (n,)
        BIN_LO, BIN_HI of the channels (Angstrom), descending.
    width : float
        Full width across the dispersion, deg.
    """
    from ciaopy.kernels.line_shapes import shape_rows

    light, gaussians, lorentzians = spread.at(0.5 * (low + high), width)
    n = low.size
    first, length = np.zeros(n, np.int64), np.zeros(n, np.int64)
    size = 256 * n
    while True:
        values = np.empty(size)
        used = shape_rows(
            np.ascontiguousarray(low, np.float64),
            np.ascontiguousarray(high, np.float64),
            np.ascontiguousarray(light),
            gaussians,
            lorentzians,
            threshold,
            first,
            length,
            values,
        )
        if used >= 0:
            break
        size *= 4
    edges = np.concatenate([[0], np.cumsum(length)])
    rows = [values[a:b].astype(np.float32) for a, b in pairwise(edges)]
    return ResponseMatrix((first + 1).astype(np.int32), rows)


def diagonal_matrix(n: int) -> ResponseMatrix:
    """Return the matrix that leaves every channel as it is."""
    return ResponseMatrix(np.arange(1, n + 1, dtype=np.int32), [np.ones(1, np.float32)] * n)
