"""Photons of the sources: spectrum and mirror, point spread, dither, efficiency of the chip where they land.

A photon is drawn from the spectrum times the area of the mirror on its axis, and kept with the probability
vignetting x quantum efficiency x uniformity x contamination x surviving area at its place and energy, all of the
embedded calibration: what an exposure map of the same calibration divides out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import cast

import numpy as np
from numpy.typing import NDArray

from ciaopy.caldb import Contamination, DeadArea, MirrorArea, PsfRadius, QeUniformity, QuantumEfficiency, Vignetting
from ciaopy.caldb.lite import product
from ciaopy.coords import Attitude, ChipPosition, FocalPlane, SkyFrame
from ciaopy.gratings import HC_KEV_ANGSTROM
from ciaopy.simulation.charges import KINDS, Charges, fill, join
from ciaopy.simulation.setup import SPECTRUM, TRANSFER, Setup, Source
from ciaopy.simulation.spectrograph import Spectrograph
from ciaopy.simulation.timeline import FloatArray, Timeline

#: Photons that are followed at once.
BLOCK = 1 << 18

#: Blur by the aspect solution, radius of 50 %, arcsec.
ASPECT_BLUR = 0.2

#: Exponent of the wings: enclosed fraction 1 - (1 + (r/r0)**2)**-KING.
KING = 2.0

#: Share of photons whose charge is spread over so many pixels that the grade is a bad one. They come on top: the
#: quantum efficiency of the calibration counts good grades alone.
BAD_GRADES = 0.06
WIDE_CLOUD = 0.45


@dataclass(frozen=True)
class Response:
    """The embedded calibration for one observation."""

    mirror: MirrorArea
    vignetting: Vignetting
    efficiency: QuantumEfficiency
    uniformity: QeUniformity
    contamination: Contamination
    dead_area: DeadArea
    psf: PsfRadius
    time: float
    exposure: float
    first_row: int

    @classmethod
    def of(cls, setup: Setup) -> Response:
        """Read the tables."""
        header = {"INSTRUME": "ACIS", "DETNAM": setup.detnam, "TSTART": setup.start}
        names = ("AXEFFA", "VIGNET", "QE", "QEU", "CONTAM", "DEAD_AREA", "REEF")
        made = [product(name, header) for name in names]
        return cls(
            cast(MirrorArea, made[0]),
            cast(Vignetting, made[1]),
            cast(QuantumEfficiency, made[2]),
            cast(QeUniformity, made[3]),
            cast(Contamination, made[4]),
            cast(DeadArea, made[5]),
            cast(PsfRadius, made[6]),
            setup.start,
            setup.frame_exposure,
            setup.window[0],
        )

    def share(
        self, ccd_id: int, position: tuple[FloatArray, FloatArray], det: tuple[FloatArray, FloatArray], keV: FloatArray
    ) -> FloatArray:
        """Return the part of the mirror's area on axis that counts at chip pixels of one chip.

        Parameters
        ----------
        ccd_id : int
        position : (chipx, chipy), float64 arrays, shape (n,)
        det : (theta, phi), float64 arrays, shape (n,)
            Off-axis angle, arcmin, and azimuth of the vignetting table, degrees.
        keV : float64 array, shape (n,)
        """
        x, y = position
        seen = self.vignetting.at(keV, *det) * self.efficiency.at(keV, ccd_id)
        seen = seen * self.uniformity.at(keV, x, y, ccd_id)
        seen = seen * self.contamination.transmission(keV, self.time, x, y, ccd_id)
        return np.asarray(seen * self.dead_area.at(y, ccd_id, self.exposure, self.first_row))

    def half_light(self, theta: float) -> float:
        """Return the radius of 50 % at 1.5 keV with the blur of the aspect, arcsec."""
        return math.hypot(float(self.psf.at(1.5, theta, 0.5)), ASPECT_BLUR)


@dataclass(frozen=True)
class View:
    """From the sky to the chips; `moving` holds SKY x, y of a moving object for each frame, shape (nframes,) each."""

    plane: FocalPlane
    frame: SkyFrame
    attitudes: Attitude
    moving: tuple[FloatArray, FloatArray] | None = None

    def place(self, source: Source, frame: NDArray[np.int64]) -> tuple[FloatArray, FloatArray]:
        """Return SKY pixels of a source in frames, each shape (n,): its own, or those of the object that is followed.

        `frame` is int64, shape (n,).
        """
        if self.moving is not None:
            return self.moving[0][frame], self.moving[1][frame]
        x, y = self.frame.plane.world_to_pixel(source.ra, source.dec)
        return np.broadcast_to(x, frame.shape), np.broadcast_to(y, frame.shape)

    def at(self, index: NDArray[np.int64]) -> Attitude:
        """Return the attitudes of the photons of some frames; `index` int64, shape (n,)."""
        a = self.attitudes
        return Attitude(*(getattr(a, k)[index] for k in ("ra", "dec", "roll", "dy", "dz", "dtheta")))

    def nominal(self, setup: Setup) -> Attitude:
        """Return the nominal pointing."""
        return Attitude.of(setup.ra, setup.dec, setup.roll)

    def angles(self, x: FloatArray, y: FloatArray, attitude: Attitude) -> tuple[FloatArray, FloatArray]:
        """Return the off-axis angle (arcmin) and the azimuth of the vignetting table of SKY positions; shapes (n,)."""
        detx, dety = self.plane.sky_to_det(x, y, attitude, self.frame)
        theta, _ = self.plane.off_axis(detx, dety)
        ref = self.plane.detector.ref
        return theta, Vignetting.azimuth(detx - ref, dety - ref)


def off_axis_angle(source: Source, setup: Setup, view: View) -> float:
    """Return the off-axis angle of a source at the nominal pointing, arcmin."""
    x, y = view.frame.plane.world_to_pixel(source.ra, source.dec)
    return float(view.angles(np.atleast_1d(x), np.atleast_1d(y), view.nominal(setup))[0][0])


def source_charges(
    setup: Setup, timeline: Timeline, view: View, sources: tuple[Source, ...], rng: np.random.Generator
) -> Charges:
    """Return the charges of all sources; dead pixels and dropped frames are not yet taken out."""
    response = Response.of(setup)
    through = Spectrograph(setup.grating, view.plane, view.frame) if setup.grating != "NONE" else None
    parts = [empty_charges()]
    for number, source in enumerate(sources, 1):
        energies = _Spectrum(source, response.mirror)
        share = 1.0 + TRANSFER / setup.frame_exposure
        mean = energies.rate * setup.frame_exposure * timeline.nframes * share * (1.0 + BAD_GRADES)
        total = int(rng.poisson(mean))
        for start in range(0, total, BLOCK):
            n = min(BLOCK, total - start)
            sight = view if number == 1 else replace(view, moving=None)
            one = _follow(setup, timeline, sight, response, (source, energies.draw(n, rng), through), rng)
            parts.append(replace(one, source=np.full(len(one), number, np.int16)))
    return join(parts)


def empty_charges() -> Charges:
    """Return no charges."""
    i, d = np.zeros(0, np.int64), np.zeros(0)
    return fill(i, i, (d, d), d, "source")


class _Spectrum:
    """Photons of a source per second behind the mirror, and their energies."""

    def __init__(self, source: Source, mirror: MirrorArea) -> None:
        low, high = SPECTRUM
        self._edges = np.geomspace(low, high, 1500)
        middle = np.sqrt(self._edges[1:] * self._edges[:-1])
        photons = np.array([source.band_flux(float(a), float(b)) for a, b in pairwise(self._edges)])
        counts = photons * mirror.at(middle)
        self._cumulated = np.concatenate([[0.0], np.cumsum(counts)])
        self._energies = np.array([HC_KEV_ANGSTROM / lam for lam, _ in source.lines])
        strength = np.array([flux for _, flux in source.lines])
        lines = strength * mirror.at(self._energies) if source.lines else np.zeros(0)
        self._with_lines = self._cumulated[-1] + np.cumsum(np.concatenate([[0.0], lines]))
        self.rate = float(self._with_lines[-1])

    def draw(self, n: int, rng: np.random.Generator) -> FloatArray:
        """Return n energies, keV."""
        at = rng.random(n) * self.rate
        drawn = np.interp(at, self._cumulated, self._edges)
        if self._energies.size:
            line = np.searchsorted(self._with_lines, at, side="right") - 1
            drawn = np.where(line >= 0, self._energies[np.clip(line, 0, self._energies.size - 1)], drawn)
        return drawn


def _follow(
    setup: Setup,
    timeline: Timeline,
    view: View,
    response: Response,
    light: tuple[Source, FloatArray, Spectrograph | None],
    rng: np.random.Generator,
) -> Charges:
    """Follow the photons of one source to the chips; returns those that are seen."""
    source, keV, through = light
    n = len(keV)
    frame = rng.integers(0, timeline.nframes, n)
    sx, sy = view.place(source, frame)
    radius = _point_spread(n, response.half_light(off_axis_angle(source, setup, view)), setup.psf, rng)
    angle = rng.random(n) * 2 * np.pi
    pixel = view.plane.detector.scale
    x, y = sx + radius * np.cos(angle) / pixel, sy + radius * np.sin(angle) / pixel
    attitude = view.at(frame)
    chip = view.plane.sky_to_chip(x, y, attitude, view.frame)
    theta, phi = view.angles(x, y, attitude)
    branch = np.zeros(n, np.int64)
    if through is not None:
        branch = _disperse(through, (float(sx[0]), float(sy[0])), keV, attitude, chip, rng)
    chance, late = rng.random(n), rng.random(n) < TRANSFER / (setup.frame_exposure + TRANSFER)
    order, keep = np.full(n, -1, np.int64), np.zeros(n, bool)
    chip.chip_id[branch < 0] = -1
    for place, ccd in enumerate(setup.chips):
        k = np.flatnonzero(chip.chip_id == ccd)
        order[k] = place
        keep[k] = chance[k] < response.share(ccd, (chip.chipx[k], chip.chipy[k]), (theta[k], phi[k]), keV[k])
    row = np.where(late, rng.uniform(1.5, 1023.5, n), chip.chipy)
    wide = rng.random(n) < BAD_GRADES / (1.0 + BAD_GRADES)
    charges = fill(frame, order, (chip.chipx, row), keV, "source")
    kind = np.where(late, KINDS["out_of_time"], KINDS["source"]).astype(np.int16)
    charges = replace(charges, kind=kind, spread=np.where(wide, WIDE_CLOUD, 0.0))
    if through is not None:
        parts, orders = (np.array([getattr(b, a) for b in through.branches], np.int16) for a in ("part", "order"))
        charges = replace(charges, part=parts[branch], diffraction=orders[branch])
    return charges.take(keep)


def _disperse(
    through: Spectrograph,
    zero: tuple[float, float],
    keV: FloatArray,
    attitude: Attitude,
    chip: ChipPosition,
    rng: np.random.Generator,
) -> NDArray[np.int64]:
    """Move photons of the dispersed orders to where they land, in place; return the branch of each, -1 if lost."""
    branch = through.choose(keV, rng)
    for number, way in enumerate(through.branches):
        k = np.flatnonzero(branch == number)
        if way.arm is None or not k.size:
            continue
        one = Attitude(*(getattr(attitude, c)[k] for c in ("ra", "dec", "roll", "dy", "dz", "dtheta")))
        found = through.land(way, zero, keV[k], one, rng)
        chip.chip_id[k], chip.chipx[k], chip.chipy[k] = found.chip_id, found.chipx, found.chipy
    return branch


def _point_spread(n: int, half_light: float, shape: str, rng: np.random.Generator) -> FloatArray:
    """Return distances from the source, arcsec."""
    u = rng.random(n)
    if shape == "gauss":
        return half_light * np.sqrt(-2.0 * np.log1p(-u)) / math.sqrt(2.0 * math.log(2.0))
    scale = half_light / math.sqrt(2.0 ** (1.0 / KING) - 1.0)
    return np.asarray(scale * np.sqrt((1.0 - u) ** (-1.0 / KING) - 1.0))


def enclosed_fraction(radius: float, half_light: float, shape: str) -> float:
    """Return the part of a source's photons within `radius` (arcsec) of its place."""
    if shape == "gauss":
        return float(1.0 - 2.0 ** -((radius / half_light) ** 2))
    scale = half_light / math.sqrt(2.0 ** (1.0 / KING) - 1.0)
    return float(1.0 - (1.0 + (radius / scale) ** 2) ** -KING)


def default_sources(
    setup: Setup, timeline: Timeline, view: View, rng: np.random.Generator, share: float = 0.3
) -> tuple[Source, ...]:
    """Return 9 sources on the chips within 9 arcmin of the axis, bright enough together for `share` of the events.

    The brightest lies at the aimpoint; the fluxes go as 1/rank.
    """
    response, places = Response.of(setup), _places(setup, view, rng)
    flux = 1.0 / np.arange(1.0, len(places) + 1.0)
    gamma = rng.uniform(1.3, 2.2, len(places))
    counts = 0.0
    for (ra, dec, ccd, x, y), f, g in zip(places, flux, gamma, strict=True):
        trial = _Spectrum(Source(ra, dec, f, g), response.mirror)
        keV = trial.draw(2000, np.random.default_rng(setup.seed))
        sky = view.frame.plane.world_to_pixel(ra, dec)
        theta, phi = view.angles(np.atleast_1d(sky[0]), np.atleast_1d(sky[1]), view.nominal(setup))
        position = (np.full(2000, x), np.full(2000, y))
        seen = response.share(ccd, position, (np.full(2000, theta[0]), np.full(2000, phi[0])), keV)
        counts += trial.rate * float(seen.mean()) * setup.frame_exposure * timeline.nframes
    scale = share * setup.events / counts
    return tuple(Source(p[0], p[1], float(f * scale), float(g)) for p, f, g in zip(places, flux, gamma, strict=True))


def _places(setup: Setup, view: View, rng: np.random.Generator) -> list[tuple[float, float, int, float, float]]:
    """Return (ra, dec, chip, chipx, chipy) of up to 9 places, 40 pixels off the chip edges and apart, axis first."""
    first, rows = setup.window
    margin = min(40.0, rows / 4.0)
    n = 400
    ccd = np.asarray(setup.chips)[rng.integers(0, len(setup.chips), n)]
    x, y = rng.uniform(40, 984, n), rng.uniform(first + margin, first + rows - 1 - margin, n)
    nominal = view.nominal(setup)
    on_axis = view.plane.sky_to_chip(*view.frame.plane.world_to_pixel(setup.ra, setup.dec), nominal, view.frame)
    if int(on_axis.chip_id) in setup.chips and first + margin / 2 < float(on_axis.chipy) < first + rows - margin / 2:
        ccd[0], x[0], y[0] = int(on_axis.chip_id), float(on_axis.chipx), float(on_axis.chipy)
    sx, sy = view.plane.chip_to_sky(ccd, x, y, nominal, view.frame)
    theta, _ = view.angles(sx, sy, nominal)
    limit = max(9.0, float(theta.min()) + 6.0)
    chosen: list[int] = []
    for i in np.flatnonzero(theta < limit):
        if all(math.hypot(sx[i] - sx[j], sy[i] - sy[j]) > 120.0 for j in chosen):
            chosen.append(int(i))
        if len(chosen) == 9:
            break
    ra, dec = view.frame.plane.pixel_to_world(sx, sy)
    return [(float(ra[i]), float(dec[i]), int(ccd[i]), float(x[i]), float(y[i])) for i in chosen]


#: Wavelengths of the lines of the default source behind a grating, Angstrom, and their share of its photons each.
LINES = {"HETG": (6.18, 8.421, 12.132, 15.014, 18.967), "LETG": (6.18, 12.132, 15.014, 18.967, 24.781)}
LINE_SHARE = 0.03


def grating_source(setup: Setup, timeline: Timeline, view: View, share: float = 0.6) -> Source:
    """Return a source at the aim point with emission lines, bright enough for `share` of the events in all orders."""
    trial = Source(setup.ra % 360.0, setup.dec, 1.0, 1.7, tuple((lam, LINE_SHARE) for lam in LINES[setup.grating]))
    response = Response.of(setup)
    rng = np.random.default_rng([setup.seed, 77])
    energies = _Spectrum(trial, response.mirror)
    n = 20000
    through = Spectrograph(setup.grating, view.plane, view.frame)
    seen = _follow(setup, timeline, view, response, (trial, energies.draw(n, rng), through), rng)
    counts = len(seen) / n * energies.rate * setup.frame_exposure * timeline.nframes * (1.0 + BAD_GRADES)
    scale = share * setup.events / max(counts, 1e-9)
    lines = tuple((lam, flux * scale) for lam, flux in trial.lines)
    return replace(trial, flux=scale, lines=lines)
