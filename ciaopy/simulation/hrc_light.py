"""What hits the plates of the HRC: sources, their dispersed light, background; and where."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from ciaopy.caldb import GratingEfficiency
from ciaopy.caldb.lite import letg_hrcs_area, product
from ciaopy.coords import AspectSolution, EventTransform
from ciaopy.gratings import HC_KEV_ANGSTROM, Arm, Dispersion, arms_of, default_windows, light_within
from ciaopy.simulation.hrc_setup import LIVE, HrcSetup
from ciaopy.simulation.spectrograph import NO_ORDER, blur

__all__ = ["HRC_LINES", "KINDS", "DispersedSource", "HrcLight", "hrc_light"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

#: Kinds of events in the truth.
KINDS = {"background": 0, "source": 1, "off_hyperbola": 2, "saturated": 3}

#: Lines of the source behind the LETG, Angstrom; each has 3 % of the photons of the continuum.
HRC_LINES = (15.014, 24.781, 33.734, 44.05, 93.923)
LINE_SHARE = 0.03

_PARTS = (0.02, 0.02)
# Share of the source: without and with a grating.
_SOURCE_SHARE = {"NONE": 0.4, "LETG": 0.6}
_ORDERS = (0, -3, -2, -1, 1, 2, 3)
# Wavelengths of the continuum, Angstrom; sigma of the zero order and of spectra across the dispersion, arcsec.
_RANGE, _BLUR, _CORE = (2.0, 175.0), 0.4, 0.45
# Across the dispersion: the core ends inside CALDB's source region everywhere, the wings lie beyond its background but
# inside the mask; deg of tg_d (letgD1999-07-22regN0002).
_CORE_END, _WINGS = 0.0005, (0.0232, 0.0242)


@dataclass(frozen=True, eq=False)
class HrcLight:
    """One row per event, in order of time.

    Attributes
    ----------
    kind, source : int16 arrays, shape (n,)
        See `KINDS`; number of the source, 0 without.
    chip_id : int64 array, shape (n,)
    chip : float64 array, shape (2, n)
        Unrounded chip position, pixels.
    sky : float64 array, shape (2, n)
        Place of a source's photon on the sky (of a dispersed one: of its source), pixels; NaN without.
    part, order : int16 arrays, shape (n,)
        TG_PART and order; 99 for what did not come through a grating.
    wavelength : float64 array, shape (n,)
        Angstrom; 0 without.
    """

    kind: NDArray[np.int16]
    source: NDArray[np.int16]
    chip_id: IntArray
    chip: FloatArray
    sky: FloatArray
    part: NDArray[np.int16]
    order: NDArray[np.int16]
    wavelength: FloatArray


class DispersedSource:
    """The source behind the LETG: an even spectrum per Angstrom from 2 to 175, and lines.

    The areas of the orders are those of the embedded LETG/HRC-S curve, higher orders by the ratio of the efficiencies;
    for the HRC-I, too. `density` (photons per cm2, s and Angstrom) and `line` (photons per cm2 and s) are such that
    the source makes its share of the events.
    """

    def __init__(self, setup: HrcSetup) -> None:
        self.arm: Arm = arms_of("LETG")[0]
        efficiency = cast(GratingEfficiency, product("GREFF", {"INSTRUME": "HRC", "GRATING": "LETG"}))
        edges = np.linspace(*_RANGE, 7000)
        middle, width = 0.5 * (edges[1:] + edges[:-1]), np.diff(edges)
        lines = np.array(HRC_LINES)
        strength = LINE_SHARE * (_RANGE[1] - _RANGE[0])
        lam = np.concatenate([middle, lines])
        photons = np.concatenate([width, np.full(lines.size, strength)])
        self._lam, self._spread = lam, np.concatenate([width, np.zeros(lines.size)])
        rates = np.stack([photons * _area(efficiency, lam, m) for m in _ORDERS])
        self._cumulated = np.cumsum(rates.ravel())
        wanted = _SOURCE_SHARE["LETG"] * setup.events
        self.density = float(wanted / (LIVE * setup.duration * self._cumulated[-1]))
        self.line = strength * self.density

    def draw(self, n: int, rng: np.random.Generator) -> tuple[NDArray[np.int16], FloatArray]:
        """Return orders and wavelengths (Angstrom) of n photons."""
        at = np.searchsorted(self._cumulated, rng.random(n) * self._cumulated[-1], side="right")
        row, column = np.divmod(np.minimum(at, self._cumulated.size - 1), self._lam.size)
        lam = self._lam[column] + self._spread[column] * (rng.random(n) - 0.5)
        return np.array(_ORDERS, np.int16)[row], lam


def _area(efficiency: GratingEfficiency, lam: FloatArray, order: int) -> FloatArray:
    """Return the area (cm2) of an order: that of the first on its side, times the ratio of the efficiencies."""
    side = 1 if order >= 0 else -1
    area = letg_hrcs_area(lam, side)
    if abs(order) == 1:
        return area
    keV = HC_KEV_ANGSTROM / lam
    if order == 0:  # the image: as bright as the first order, which suits a test of both
        return 0.2 * area
    return area * efficiency.at(keV, order, "LEG") / np.maximum(efficiency.at(keV, side, "LEG"), 1e-9)


def hrc_light(
    setup: HrcSetup, transform: EventTransform, aspect: AspectSolution, time: FloatArray, rng: np.random.Generator
) -> HrcLight:
    """Return the light and the background of an observation.

    Photons that fall beside the active areas become background.

    Parameters
    ----------
    setup : HrcSetup
    transform : EventTransform
    aspect : AspectSolution
    time : float64 array, shape (n,)
        s.
    rng : numpy Generator
    """
    n = len(time)
    draw = rng.random(n)
    kind = np.full(n, KINDS["background"], np.int16)
    kind[draw < _SOURCE_SHARE[setup.grating]] = KINDS["source"]
    kind[draw > 1.0 - sum(_PARTS)] = KINDS["off_hyperbola"]
    kind[draw > 1.0 - _PARTS[1]] = KINDS["saturated"]
    chip_id, chip = _anywhere(setup, n, rng)
    none = np.full(n, NO_ORDER, np.int16)
    light = HrcLight(
        kind, np.zeros(n, np.int16), chip_id, chip, np.full((2, n), np.nan), none, none.copy(), np.zeros(n)
    )
    k = np.flatnonzero(kind == KINDS["source"])
    if setup.grating == "NONE":
        _images(setup, transform, aspect, time, light, k, rng)
    else:
        _spectrum(setup, transform, aspect, time, light, k, rng)
    return light


def _anywhere(setup: HrcSetup, n: int, rng: np.random.Generator) -> tuple[IntArray, FloatArray]:
    """Return chips and positions evenly spread over the active areas."""
    areas = np.array([p.area for p in setup.plates])
    which = rng.choice(len(areas), n, p=areas / areas.sum()) if len(areas) > 1 else np.zeros(n, np.int64)
    low, high = (np.array([(p.x[k], p.y[k]) for p in setup.plates], float)[which] for k in (0, 1))
    u = rng.random((2, n)).T
    ids = np.array([p.chip_id for p in setup.plates])[which]
    return ids.astype(np.int64), np.ascontiguousarray((low + u * (high - low)).T)


def _put(setup: HrcSetup, light: HrcLight, rows: IntArray, chip_id: IntArray, chip: FloatArray) -> None:
    """Put photons where they land, in place; those beside the active areas become background."""
    seen = np.zeros(rows.size, bool)
    for plate in setup.plates:
        seen |= (
            (chip_id == plate.chip_id)
            & (chip[0] >= plate.x[0]) & (chip[0] <= plate.x[1]) & (chip[1] >= plate.y[0]) & (chip[1] <= plate.y[1])
        )  # fmt: skip
    light.chip_id[rows[seen]], light.chip[:, rows[seen]] = chip_id[seen], chip[:, seen]
    lost = rows[~seen]
    light.kind[lost], light.source[lost], light.sky[:, lost] = KINDS["background"], 0, np.nan
    light.part[lost], light.order[lost], light.wavelength[lost] = NO_ORDER, NO_ORDER, 0.0


def _images(
    setup: HrcSetup,
    transform: EventTransform,
    aspect: AspectSolution,
    time: FloatArray,
    light: HrcLight,
    rows: IntArray,
    rng: np.random.Generator,
) -> None:
    """Fill the rows with photons of point sources."""
    light.source[rows] = rng.integers(1, setup.sources + 1, len(rows))
    radius, angle = rng.uniform(1.0, 8.0, setup.sources), rng.uniform(0, 2 * np.pi, setup.sources)
    radius[0] = 0.0
    pixel = transform.plane.detector.scale
    middle = transform.frame.plane.world_to_pixel(setup.ra, setup.dec)
    for row, turn in ((0, np.cos(angle)), (1, np.sin(angle))):
        centre = float(middle[row]) + 60.0 * radius * turn / pixel
        light.sky[row, rows] = centre[light.source[rows] - 1] + rng.normal(0.0, _BLUR / pixel, len(rows))
    found = transform.plane.sky_to_chip(light.sky[0, rows], light.sky[1, rows], aspect.at(time[rows]), transform.frame)
    _put(setup, light, rows, found.chip_id, np.stack([found.chipx, found.chipy]))


def _spectrum(
    setup: HrcSetup,
    transform: EventTransform,
    aspect: AspectSolution,
    time: FloatArray,
    light: HrcLight,
    rows: IntArray,
    rng: np.random.Generator,
) -> None:
    """Fill the rows with the photons of one source behind the grating."""
    through = DispersedSource(setup)
    zero = tuple(float(v) for v in transform.frame.plane.world_to_pixel(setup.ra, setup.dec))
    spectrum = Dispersion(transform.plane, transform.frame, through.arm, (zero[0], zero[1]))
    order, lam = through.draw(rows.size, rng)
    light.source[rows], light.order[rows], light.wavelength[rows] = 1, order, lam
    light.part[rows] = np.where(order == 0, 0, through.arm.part)
    light.sky[:, rows] = np.array(zero)[:, None]
    for m in _ORDERS:
        k = rows[order == m]
        attitude = aspect.at(time[k])
        if m == 0:
            pixel = transform.plane.detector.scale
            light.sky[:, k] += rng.normal(0.0, _BLUR / pixel, (2, k.size))
            found = transform.plane.sky_to_chip(light.sky[0, k], light.sky[1, k], attitude, transform.frame)
        else:
            seen = light.wavelength[k] + blur(through.arm, m, light.wavelength[k], rng)
            angle = np.rad2deg(np.arcsin(m * seen / through.arm.period))
            found = spectrum.to_chip(angle, _across(through.arm, k.size, rng), attitude)
        _put(setup, light, k, found.chip_id, np.stack([found.chipx, found.chipy]))


def _across(arm: Arm, n: int, rng: np.random.Generator) -> FloatArray:
    """Return angles across the dispersion (deg): as much light in the core as mkgrmf says lies in the region."""
    half = default_windows(arm.grating).source[1]
    core = np.clip(rng.normal(0.0, _CORE / 3600.0, n), -_CORE_END, _CORE_END)
    wings = rng.choice([-1.0, 1.0], n) * rng.uniform(*_WINGS, n)
    return np.where(rng.random(n) < light_within(arm, half, half), core, wings)
