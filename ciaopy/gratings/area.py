"""Effective areas of dispersed spectra, chip by chip.

``A(lambda) = mirror * vignetting * greff(arm, m) * QE * QEU * contaminant * dead area * FRACRESP * FRACEXPO``: the
first three at the zero order's off-axis angle, the detector's factors where the light of (lambda, m) falls at the mean
pointing, FRACEXPO the share of the exposure in which that place is an active and good pixel of the chip.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ciaopy.caldb import GratingEfficiency, MirrorArea, OrderSorting, QeUniformity, QuantumEfficiency, Vignetting
from ciaopy.coords import Attitude
from ciaopy.exposure import AspectHistogram, ChipResponse, PixelGrid
from ciaopy.gratings.arms import HC_KEV_ANGSTROM, arm_table
from ciaopy.gratings.dispersion import Dispersion
from ciaopy.kernels import gratings as kernels

__all__ = ["ArmArea", "ChipLight", "active_limits", "grating_area"]

FloatArray = NDArray[np.float64]

# Rows of the HRC-S segments that are exposed (CHIPY low <= y < high), from FRACEXPO of ObsIDs 16375 and 2584.
HRC_S_ROWS = {1: (0.5, 16400.5), 2: (602.5, 15708.5), 3: (42.5, 16456.5)}
# LETG/HRC-S: below the first the product of the embedded tables holds, above the second the measured curve; Angstrom.
# (ObsID 16375: the product is 0.95 of the real area at 10, 0.90 to 0.93 at 15, 0.86 to 0.94 at 18.)
_BLEND = (12.0, 18.0)


@dataclass(frozen=True, eq=False)
class ChipLight:
    """What lies between the sky and one chip for one order.

    Attributes
    ----------
    response : ChipResponse
        Mirror and detector, without a grating.
    efficiency : GratingEfficiency
    sorting : OrderSorting or None
        For FRACRESP; None takes 1.
    grid, good : PixelGrid and float64 array, shape of the grid, or None
        Share of every cell of the chip that windows and bad pixels leave.
    """

    response: ChipResponse
    efficiency: GratingEfficiency
    sorting: OrderSorting | None = None
    grid: PixelGrid | None = None
    good: FloatArray | None = None


@dataclass(frozen=True, eq=False)
class ArmArea:
    """Effective area on a grid.

    Attributes
    ----------
    specresp : float64 array, shape (n,)
        cm2.
    fracexpo, phafrac : float64 arrays, shape (n,)
        Share of the exposure on good pixels; share of the pulse heights in the order's window.
    """

    specresp: FloatArray
    fracexpo: FloatArray
    phafrac: FloatArray


def active_limits(detector: str, chip: int, size: tuple[float, float]) -> FloatArray:
    """Return x low, x high, y low, y high of what a chip can record: low <= position < high, chip pixels.

    ACIS loses its outermost pixels (ObsID 1597: 1.5 to 1023.5).
    """
    if detector == "ACIS":
        return np.array([1.5, size[0] - 0.5, 1.5, size[1] - 0.5])
    low, high = HRC_S_ROWS.get(chip, (0.5, size[1] + 0.5)) if detector == "HRC-S" else (0.5, size[1] + 0.5)
    return np.array([0.5, size[0] + 0.5, low, high])


def grating_area(
    spectrum: Dispersion, order: int, wavelength: FloatArray, light: ChipLight, histogram: AspectHistogram
) -> ArmArea:
    """Return the effective area of one order on one chip.

    Parameters
    ----------
    spectrum : Dispersion
        Arm and zero order.
    order : int
    wavelength : float64 array, shape (n,)
        Middle of the bins, Angstrom, monotonic.
    light : ChipLight
    histogram : AspectHistogram
        Offsets with dy, dz, dtheta folded in, as asphist makes it.
    """
    chip = light.response.chip
    mean = _mean_attitude(spectrum, histogram)
    sines = order * wavelength / spectrum.arm.period
    place = spectrum.to_chip(np.rad2deg(np.arcsin(np.clip(sines, -1, 1))), 0.0, mean, chip)
    size = spectrum.plane.sizes[chip]
    limits = active_limits(spectrum.plane.detector.name, chip, (size[0], size[1]))
    seen = _exposed(spectrum, chip, np.where(np.abs(sines) < 1, sines, np.nan), histogram, light, limits)
    energy = HC_KEV_ANGSTROM / wavelength
    chipx, chipy = np.clip(place.chipx, 1, size[0]), np.clip(place.chipy, 1, size[1])
    lit = seen > 0
    specresp, fraction = np.zeros(wavelength.size), np.ones(wavelength.size)
    if lit.any():
        e, x, y = energy[lit], chipx[lit], chipy[lit]
        if light.sorting is not None:
            fraction[lit] = _sorted_fraction(light.sorting, chip, e, x, y)
        specresp[lit] = _full_area(spectrum, order, light, mean, (e, x, y)) * fraction[lit] * seen[lit]
    return ArmArea(specresp, seen, fraction)


def _mean_attitude(spectrum: Dispersion, histogram: AspectHistogram) -> Attitude:
    mean = histogram.mean().attitudes(spectrum.frame)
    return Attitude.of(*(float(getattr(mean, k)[0]) for k in ("ra", "dec", "roll", "dy", "dz", "dtheta")))


def _exposed(
    spectrum: Dispersion,
    chip: int,
    sines: FloatArray,
    histogram: AspectHistogram,
    light: ChipLight,
    limits: FloatArray,
) -> FloatArray:
    """Return FRACEXPO of every sine of the dispersion angle on a chip."""
    out = np.zeros(sines.size)
    near = np.flatnonzero(np.isfinite(sines))
    if not near.size:
        return out
    chosen = slice(int(near[0]), int(near[-1]) + 1)
    plane = spectrum.plane
    image, grid = np.zeros((0, 0)), np.array([0.5, 1.0, 0.5, 1.0])
    if light.good is not None and light.grid is not None:
        g = light.grid
        image, grid = light.good, np.array([g.x.low, g.x.step, g.y.low, g.y.step])
    records = histogram.attitudes(spectrum.frame).records(spectrum.frame.ra_nom, spectrum.frame.dec_nom)
    part = np.zeros(near[-1] + 1 - near[0])
    kernels.exposed_share(
        np.ascontiguousarray(sines[chosen]),
        chip,
        np.ascontiguousarray(histogram.duration / histogram.total),
        *spectrum.zero,
        (plane.chips, records, plane.optics),
        arm_table((spectrum.arm,), plane.detector.name),
        0,
        limits,
        np.ascontiguousarray(image, np.float64),
        grid,
        part,
    )
    out[chosen] = part
    return out


def _sorted_fraction(sorting: OrderSorting, chip: int, energy: FloatArray, x: FloatArray, y: FloatArray) -> FloatArray:
    """Return FRACRESP at energies (keV) and chip positions; 0 where the windows end."""
    table = sorting.table(chip)
    value = table.evaluate("fraction", np.rint(x), np.rint(y), 1000.0 * energy, extrapolate=False)
    return np.where(1000.0 * energy < float(table.x.max()), np.nan_to_num(value), 0.0)


def _full_area(
    spectrum: Dispersion,
    order: int,
    light: ChipLight,
    mean: Attitude,
    at: tuple[FloatArray, FloatArray, FloatArray],
) -> FloatArray:
    """Return the area (cm2) at energies (keV) and chip positions, all exposure and pulse heights counted."""
    energy, chipx, chipy = at
    response, plane = light.response, spectrum.plane
    detx, dety = plane.sky_to_det(*spectrum.zero, mean, spectrum.frame)
    theta, _ = plane.off_axis(detx, dety)
    ref = plane.detector.ref
    phi = Vignetting.azimuth(np.asarray(detx - ref), np.asarray(dety - ref))
    mirror = response.mirror if isinstance(response.mirror, MirrorArea) else None
    area = response.area(energy, np.broadcast_to(theta, energy.shape), np.broadcast_to(phi, energy.shape))
    area = area * light.efficiency.at(energy, order, spectrum.arm.name, mirror)
    area = area * response.detection(energy, chipx, chipy)
    if isinstance(response.uniformity, QeUniformity):
        area = area * response.uniformity.at(energy, chipx, chipy, response.chip)
    return _with_measured_letg(area, spectrum, order, light, energy)


def _with_measured_letg(
    area: FloatArray, spectrum: Dispersion, order: int, light: ChipLight, energy: FloatArray
) -> FloatArray:
    """Return the area with the measured LETG/HRC-S curve in place of the embedded tables' product beyond 18 Angstrom.

    The tables lack the ultraviolet filter and the detector's efficiency below 0.4 keV (10-25 % at 30 Angstrom, a factor
    of 8 at 100). Order m has the first order's area at the photon's energy times the ratio of the efficiencies.
    """
    qe = light.response.efficiency
    lite = isinstance(qe, QuantumEfficiency) and qe.is_lite
    if not (lite and spectrum.arm.name == "LEG" and spectrum.plane.detector.name == "HRC-S"):
        return area
    from ciaopy.caldb.lite import letg_hrcs_area

    side = 1 if order > 0 else -1
    wavelength = HC_KEV_ANGSTROM / energy
    measured = letg_hrcs_area(wavelength, side)
    if abs(order) > 1:
        first = light.efficiency.at(energy, side, "LEG")
        ratio = light.efficiency.at(energy, order, "LEG") / np.maximum(first, 1e-9)
        measured = measured * ratio
    share = np.clip((wavelength - _BLEND[0]) / (_BLEND[1] - _BLEND[0]), 0.0, 1.0)
    return np.asarray((1.0 - share) * area + share * measured)
