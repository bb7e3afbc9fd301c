"""Kernel of line shapes that are sums of Gaussians and Lorentzians: a response matrix, row by row."""

from __future__ import annotations

import math

import numpy as np

from ciaopy.kernels.jit import njit


@njit(cache=True, nogil=True)
def gaussian_share(low, high, sigma, centre):
    """Return the share of a normalised Gaussian of width `sigma` between two wavelengths."""
    scale = 1.0 / (sigma * math.sqrt(2.0))
    return 0.5 * (math.erf((high - centre) * scale) - math.erf((low - centre) * scale))


@njit(cache=True, nogil=True)
def lorentzian_share(low, high, fwhm, centre):
    """Return the share of a normalised Lorentzian of full width `fwhm` between two wavelengths."""
    return (math.atan(2.0 * (high - centre) / fwhm) - math.atan(2.0 * (low - centre) / fwhm)) / math.pi


@njit(cache=True, nogil=True)
def shape_rows(low, high, light, gaussians, lorentzians, threshold, first, length, values):
    """Fill the rows of a matrix; return how many values there are, or -1 where `values` is too short.

    `low`, `high` (n) are the bins of the channels (Angstrom, descending); row k is the light of channel k's middle.
    `gaussians`, `lorentzians` (m, n, 3): amplitude, sigma or full width, position minus wavelength (Angstrom). A row is
    their sum over the sum of the amplitudes, cut to the channels about the peak that hold at least `threshold`, then
    scaled so that it sums to `light` times the share of the shape that lies within the channels. `first`, `length` (n):
    first channel from 0, and number; values of all rows one after the other.
    """
    n = low.size
    row = np.empty(n)
    place = 0
    for k in range(n):
        lam = 0.5 * (low[k] + high[k])
        total = 0.0
        for c in range(gaussians.shape[0]):
            total += gaussians[c, k, 0]
        for c in range(lorentzians.shape[0]):
            total += lorentzians[c, k, 0]
        left, right = k, k
        row[k] = _share(low[k], high[k], lam, k, gaussians, lorentzians) / total
        kept = row[k]
        while left > 0:
            share = _share(low[left - 1], high[left - 1], lam, k, gaussians, lorentzians) / total
            if not (share >= threshold):
                break
            left -= 1
            row[left] = share
            kept += share
        while right < n - 1:
            share = _share(low[right + 1], high[right + 1], lam, k, gaussians, lorentzians) / total
            if not (share >= threshold):
                break
            right += 1
            row[right] = share
            kept += share
        inside = _share(low[n - 1], high[0], lam, k, gaussians, lorentzians) / total
        scale = light[k] * inside / kept if kept > 0.0 else 0.0
        first[k], length[k] = left, right - left + 1
        if place + length[k] > values.size:
            return -1
        for j in range(left, right + 1):
            values[place] = row[j] * scale
            place += 1
    return place


@njit(cache=True, nogil=True, inline="always")
def _share(low, high, lam, k, gaussians, lorentzians):
    """Return the weighted share of row k's shape between two wavelengths."""
    out = 0.0
    for c in range(gaussians.shape[0]):
        out += gaussians[c, k, 0] * gaussian_share(low, high, gaussians[c, k, 1], lam + gaussians[c, k, 2])
    for c in range(lorentzians.shape[0]):
        out += lorentzians[c, k, 0] * lorentzian_share(low, high, lorentzians[c, k, 1], lam + lorentzians[c, k, 2])
    return out
