"""Weights of energies for an instrument map: the share of photons in each bin of a spectrum."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ciaopy.errors import DataError, ParameterError

__all__ = ["Weights", "energy_edges", "model_weights", "tabulated"]

FloatArray = NDArray[np.float64]
Model = Callable[[FloatArray, FloatArray], FloatArray]

# Each bin is cut into so many for the integration.
FINER = 8


@dataclass(frozen=True)
class Weights:
    """Weights of n bins.

    Attributes
    ----------
    edges : ndarray, shape (n + 1,)
        keV.
    weight : ndarray, shape (n,)
        Sum 1.
    """

    edges: FloatArray
    weight: FloatArray

    @property
    def energy(self) -> FloatArray:
        """Centres of the bins, keV."""
        return np.asarray((self.edges[1:] + self.edges[:-1]) / 2)


def energy_edges(emin: float | None, emax: float | None, ewidth: float | None) -> FloatArray:
    """Return emin, emin + ewidth, ... up to the first edge at or above emax, keV (as Sherpa's dataspace1d).

    Raises
    ------
    ParameterError
        A value is missing, or the range cannot be cut into at least two bins.
    """
    given = {"emin": emin, "emax": emax, "ewidth": ewidth}
    missing = [k for k, v in given.items() if v is None or not np.isfinite(v)]
    if missing or emin is None or emax is None or ewidth is None:
        raise ParameterError(f"{', '.join(missing)} must be a number (keV)")
    if not emin < emax:
        raise ParameterError(f"emin={emin:g} must be below emax={emax:g}")
    if not emin > 0:
        raise ParameterError(f"emin={emin:g} must be above 0 keV")
    if not ewidth > 0:
        raise ParameterError(f"ewidth={ewidth:g} must be above 0")
    if ewidth > emax - emin:
        raise ParameterError(f"ewidth={ewidth:g} is more than emax-emin={emax - emin:g}")
    count = int(np.ceil((emax - emin) / ewidth - 1e-9))
    if count < 2:
        raise ParameterError(
            f"emin={emin:g}, emax={emax:g}, ewidth={ewidth:g} make a single bin; at least 2 are needed"
        )
    if count > 1_000_000:
        raise ParameterError(f"ewidth={ewidth:g} makes {count} bins; choose a larger one")
    return np.asarray(emin + ewidth * np.arange(count + 1), np.float64)


def model_weights(model: Model, edges: FloatArray, what: str = "model") -> Weights:
    """Return ``s_i / sum(s)`` for the photons s_i of a model in each bin; `edges` (keV) has shape (bins + 1,).

    Raises
    ------
    ParameterError
        The model is negative or not a number somewhere, or zero everywhere.
    """
    parts = np.arange(FINER) / FINER
    fine = (edges[:-1, None] + np.diff(edges)[:, None] * parts).ravel()
    fine = np.append(fine, edges[-1])
    flux = np.asarray(model(fine[:-1], fine[1:]), np.float64).reshape(-1, FINER).sum(axis=1)
    if not np.isfinite(flux).all():
        raise ParameterError(f"{what}: not a number at some energies from {edges[0]:g} to {edges[-1]:g} keV")
    if (flux < 0).any():
        raise ParameterError(f"{what}: negative at {(edges[:-1][flux < 0])[0]:g} keV")
    total = float(flux.sum())
    if not total > 0:
        raise ParameterError(f"{what}: no photons from {edges[0]:g} to {edges[-1]:g} keV")
    return Weights(edges, flux / total)


def tabulated(energy: FloatArray, density: FloatArray, name: str) -> Model:
    """Return the model of a table: photon/cm2/s/keV at energies in keV, straight lines between, 0 outside.

    `energy` and `density` are float64 arrays, shape (rows,).

    Raises
    ------
    DataError
        Fewer than two rows, energies that do not ascend, values that are no numbers or negative.
    """
    if energy.size < 2:
        raise DataError(f"{name}: {energy.size} rows; a spectrum needs at least two")
    if not (np.isfinite(energy).all() and np.isfinite(density).all()):
        raise DataError(f"{name}: a value is not a number")
    if (np.diff(energy) <= 0).any():
        raise DataError(f"{name}: the energies (first column, keV) do not ascend")
    if (density < 0).any():
        raise DataError(f"{name}: the spectrum (second column) is negative somewhere")
    area = np.concatenate([[0.0], np.cumsum(np.diff(energy) * (density[1:] + density[:-1]) / 2)])

    def integral(edge: FloatArray) -> FloatArray:
        inside = np.clip(edge, energy[0], energy[-1])
        k = np.clip(np.searchsorted(energy, inside, side="right") - 1, 0, energy.size - 2)
        value = np.interp(inside, energy, density)
        return np.asarray(area[k] + (inside - energy[k]) * (density[k] + value) / 2)

    return lambda lo, hi: np.asarray(integral(hi) - integral(lo))
