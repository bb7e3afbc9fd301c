"""Models that ciaopy has itself, under the names that Sherpa gives them.

An additive component returns photon/cm2/s in each bin, a multiplicative one the mean factor in it. Energies in keV.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import erf, pi, sqrt

import numpy as np
from numpy.typing import NDArray

from ciaopy.spectra.absorption import transmission

__all__ = ["BUILT_IN", "Component", "Parameter"]

FloatArray = NDArray[np.float64]
Values = Mapping[str, float]

# Nodes and weights on [0, 1]: exact for polynomials of degree 11.
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(6)
_NODES, _WEIGHTS = (_NODES + 1) / 2, _WEIGHTS / 2


@dataclass(frozen=True)
class Parameter:
    """A parameter: name, default, and the smallest value that makes sense."""

    name: str
    default: float
    minimum: float = -np.inf


@dataclass(frozen=True)
class Component:
    """A kind of model.

    Attributes
    ----------
    name : str
        As Sherpa calls it.
    additive : bool
        Gives photons; otherwise a factor.
    parameters : tuple of Parameter
    evaluate : callable
        (lower edges, upper edges, values) to one number per bin.
    note : str
        How it differs from Sherpa's or XSPEC's; empty where it does not.
    """

    name: str
    additive: bool
    parameters: tuple[Parameter, ...]
    evaluate: Callable[[FloatArray, FloatArray, Values], FloatArray]
    note: str = ""


def mean(density: Callable[[FloatArray], FloatArray], lo: FloatArray, hi: FloatArray) -> FloatArray:
    """Return the mean of a function over each bin (Gauss-Legendre, six points); shapes (n,)."""
    energy = lo[:, None] + (hi - lo)[:, None] * _NODES
    return np.asarray(density(energy) @ _WEIGHTS)


def _power(lo: FloatArray, hi: FloatArray, index: float) -> FloatArray:
    """Return the integral of E^-index."""
    if index == 1.0:
        return np.asarray(np.log(hi / lo))
    return np.asarray((hi ** (1 - index) - lo ** (1 - index)) / (1 - index))


def power_law(lo: FloatArray, hi: FloatArray, v: Values) -> FloatArray:
    """Return ampl (E / ref)^-gamma, integrated; shape (n,)."""
    scale: float = v["ampl"] * v["ref"] ** v["gamma"]
    return scale * _power(lo, hi, v["gamma"])


def xs_power_law(lo: FloatArray, hi: FloatArray, v: Values) -> FloatArray:
    """Return norm E^-phoindex, integrated; shape (n,)."""
    return v["norm"] * _power(lo, hi, v["phoindex"])


def _planck(energy: FloatArray, kt: float) -> FloatArray:
    return np.asarray(energy**2 / np.expm1(np.minimum(energy / kt, 700.0)))


def black_body(lo: FloatArray, hi: FloatArray, v: Values) -> FloatArray:
    """Return ampl E^2 / (exp(E / kT) - 1), integrated; shape (n,)."""
    return v["ampl"] * (hi - lo) * mean(lambda e: _planck(e, v["kt"]), lo, hi)


def xs_black_body(lo: FloatArray, hi: FloatArray, v: Values) -> FloatArray:
    """Return norm 8.0525 E^2 / (kT^4 (exp(E / kT) - 1)), integrated (XSPEC manual, bbody); shape (n,)."""
    return v["norm"] * 8.0525 / v["kt"] ** 4 * (hi - lo) * mean(lambda e: _planck(e, v["kt"]), lo, hi)


def bessel_k0(x: FloatArray) -> FloatArray:
    """Return exp(x) K0(x) for x > 0, same shape: the trapezoidal rule on its integral over exp(x - x cosh t)."""
    x = np.asarray(x, np.float64)
    top = np.arccosh(1.0 + 740.0 / np.maximum(x, 1e-8))
    t = np.linspace(0.0, 1.0, 161)
    grid = top[..., None] * t
    values = np.exp(-2.0 * x[..., None] * np.sinh(grid / 2) ** 2)
    values[..., 0] *= 0.5
    values[..., -1] *= 0.5
    return np.asarray(values.sum(-1) * top * t[1])


def bremsstrahlung(lo: FloatArray, hi: FloatArray, v: Values) -> FloatArray:
    """Return norm 3.02e-15 g exp(-E / kT) / (E sqrt(kT)), integrated; shape (n,).

    g = sqrt(3) / pi exp(u / 2) K0(u / 2), u = E / kT, is the Gaunt factor in the Born approximation (Rybicki &
    Lightman, Radiative Processes in Astrophysics, section 5.2).
    """
    kt = v["kt"]

    def density(energy: FloatArray) -> FloatArray:
        u = energy / kt
        gaunt = sqrt(3.0) / pi * bessel_k0(u / 2)
        return np.asarray(gaunt * np.exp(-np.minimum(u, 700.0)) / energy)

    return v["norm"] * 3.02e-15 / sqrt(kt) * (hi - lo) * mean(density, lo, hi)


def _normal(lo: FloatArray, hi: FloatArray, centre: float, sigma: float) -> FloatArray:
    """Return the integral of a normal distribution; a sigma of 0 puts all into one bin."""
    if sigma <= 0:
        return np.asarray((lo <= centre) & (centre < hi), np.float64)
    edges = np.concatenate([lo, hi[-1:]])
    below = np.array([0.5 * erf((e - centre) / (sigma * sqrt(2.0))) for e in edges.tolist()])
    return np.diff(below)


def gaussian(lo: FloatArray, hi: FloatArray, v: Values) -> FloatArray:
    """Return a Gaussian of height ampl at pos with full width fwhm, integrated; shape (n,)."""
    sigma = v["fwhm"] / sqrt(8.0 * np.log(2.0))
    return v["ampl"] * sigma * sqrt(2.0 * pi) * _normal(lo, hi, v["pos"], sigma)


def xs_gaussian(lo: FloatArray, hi: FloatArray, v: Values) -> FloatArray:
    """Return a line of norm photons at linee with standard deviation sigma, integrated; shape (n,)."""
    return v["norm"] * _normal(lo, hi, v["linee"], v["sigma"])


def absorption(lo: FloatArray, hi: FloatArray, v: Values) -> FloatArray:
    """Return the mean transmission of a column nh (1e22 per cm2); shape (n,)."""
    return mean(lambda e: transmission(e, v["nh"]), lo, hi)


def constant(lo: FloatArray, hi: FloatArray, v: Values) -> FloatArray:
    """Return the factor; shape (n,)."""
    return np.full(lo.shape, v["factor"])


_MM83 = "cross-sections of Morrison & McCammon (1983) with their abundances; abund and xsect are not used"
_NH = (Parameter("nh", 1.0, 0.0),)
_POWER = (Parameter("phoindex", 1.0), Parameter("norm", 1.0, 0.0))

#: Kind of model by name.
BUILT_IN: dict[str, Component] = {
    c.name: c
    for c in (
        Component(
            "powlaw1d", True, (Parameter("gamma", 1.0), Parameter("ref", 1.0, 1e-12), Parameter("ampl", 1.0)), power_law
        ),
        Component("xspowerlaw", True, _POWER, xs_power_law),
        Component("bbody", True, (Parameter("kt", 1.0, 1e-4), Parameter("ampl", 1.0)), black_body),
        Component("xsbbody", True, (Parameter("kt", 3.0, 1e-4), Parameter("norm", 1.0, 0.0)), xs_black_body),
        Component(
            "xsbremss",
            True,
            (Parameter("kt", 7.0, 1e-4), Parameter("norm", 1.0, 0.0)),
            bremsstrahlung,
            "Gaunt factor in the Born approximation",
        ),
        Component(
            "gauss1d", True, (Parameter("fwhm", 10.0, 1e-12), Parameter("pos", 0.0), Parameter("ampl", 1.0)), gaussian
        ),
        Component(
            "xsgaussian",
            True,
            (Parameter("linee", 6.5), Parameter("sigma", 0.1, 0.0), Parameter("norm", 1.0, 0.0)),
            xs_gaussian,
        ),
        Component("xswabs", False, _NH, absorption),
        Component("xsphabs", False, _NH, absorption, _MM83),
        Component("xstbabs", False, _NH, absorption, _MM83),
        Component("xsconstant", False, (Parameter("factor", 1.0),), constant),
    )
}
