"""Products of a simulated observation held against its truth."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ciaopy.errors import DataError
from ciaopy.simulation.charges import KINDS
from ciaopy.simulation.event_table import GOOD_GRADES
from ciaopy.simulation.photons import Response, View, enclosed_fraction
from ciaopy.simulation.setup import BANDS, SPECTRUM, Setup, Source

if TYPE_CHECKING:
    from ciaopy.fits import Image, Table

__all__ = ["Check", "FluxRow", "ListedSource", "check_events", "flux_rows", "listed_sources", "matched_rows"]

FloatArray = NDArray[np.float64]

# Sub-pixel positions scatter by less than this about the truth, pixels per axis; whole pixels by 0.289.
SCATTER = 0.27

#: Least radius of an aperture, arcsec: 2.5 pixels of the images of `ciaopy demo`.
LEAST_APERTURE = 10.0

#: Part of a flux that the comparison cannot tell, besides counting noise: one energy per band, energy resolution at
#: the edges of the band, the interpolation of the exposure map.
FLUX_SYSTEMATIC = 0.05


@dataclass(frozen=True)
class Check:
    """One comparison: what, what was found, what was wanted, and whether that will do."""

    what: str
    found: str
    wanted: str
    passed: bool


@dataclass(frozen=True)
class ListedSource:
    """One line of truth/sources.txt: the source, its off-axis angle (arcmin) and radius of 50 % (arcsec)."""

    number: int
    source: Source
    theta: float
    half_light: float
    events: int


@dataclass(frozen=True)
class FluxRow:
    """A source in one band: flux in the image, its error, and the simulated one; photons per cm2 and s."""

    number: int
    band: str
    flux: float
    error: float
    truth: float

    @property
    def passed(self) -> bool:
        """True within four errors, at the counts that are found or expected, and what the comparison cannot tell."""
        more = max(self.truth / self.flux, 1.0) if self.flux > 0 else 1.0
        allowed = 4.0 * self.error * math.sqrt(more) + FLUX_SYSTEMATIC * self.truth
        return abs(self.flux - self.truth) <= allowed


def listed_sources(folder: Path) -> tuple[ListedSource, ...]:
    """Read truth/sources.txt of a simulated observation.

    Raises
    ------
    DataError
        The file is not there.
    """
    path = folder / "truth" / "sources.txt"
    if not path.is_file():
        raise DataError(f"{path}: no such file; give the folder of a simulated observation")
    rows = [[float(w) for w in line.split()] for line in path.read_text().splitlines() if not line.startswith("#")]
    return tuple(
        ListedSource(int(r[0]), Source(r[1], r[2], r[4], r[3]), theta=r[8], half_light=r[9], events=int(r[10]))
        for r in rows
    )


def matched_rows(events: Table, level1: Table) -> NDArray[np.int64]:
    """Return, for each event, its row in the level-1 table: same exposure, chip and pixel.

    Two events of one pixel and exposure go to the first of them.

    Raises
    ------
    DataError
        An event is not in the level-1 table.
    """
    keys, wanted = _keys(level1), _keys(events)
    order = np.argsort(keys, kind="stable")
    place = np.searchsorted(keys[order], wanted)
    rows = order[np.minimum(place, len(order) - 1)]
    if not np.array_equal(keys[rows], wanted):
        raise DataError("the event lists are not of one observation: an event of level 2 is not in level 1")
    return np.asarray(rows, np.int64)


def _keys(t: Table) -> NDArray[np.int64]:
    frame, ccd, x, y = (t[c].astype(np.int64) for c in ("expno", "ccd_id", "chipx", "chipy"))
    return np.asarray(((frame * 16 + ccd) * 2048 + x) * 2048 + y, np.int64)


def check_events(level2: Table, level1: Table, simulated2: Table, truth: Table) -> list[Check]:
    """Compare the level-2 events of a run with the truth.

    Parameters
    ----------
    level2 : Table
        Made by chandra_repro.
    level1, simulated2 : Table
        The simulation's evt1 and evt2.
    truth : Table
        Rows as in `level1`.
    """
    if not level2.nrows:
        return [Check("events", "none", f"{simulated2.nrows}", False)]
    rows = matched_rows(level2, level1)
    kind = truth["KIND"]
    kept = np.bincount(kind[rows], minlength=len(KINDS))
    artificial = kind >= KINDS["afterglow"]
    good = matched_rows(simulated2, level1)
    expected = good[~artificial[good]]
    share = np.isin(expected, rows).mean() if len(expected) else 1.0
    checks = [
        Check("good events kept", f"{100 * share:.2f} %", "99 % or more", bool(share >= 0.99)),
        Check("events that are good ones", f"{100 * np.isin(rows, good).mean():.2f} %", "99.9 % or more",
              bool(np.isin(rows, good).mean() >= 0.999)),
    ]  # fmt: skip
    candidates = np.isin(level1["grade"], GOOD_GRADES)
    for name in ("afterglow", "hot_pixel", "streak"):
        there = int((candidates & (kind == KINDS[name])).sum())
        if there:
            found = 1.0 - kept[KINDS[name]] / there
            text = f"{name.replace('_', ' ')} events found"
            checks.append(Check(text, f"{100 * found:.1f} % of {there}", "90 % or more", found >= 0.9))
    return checks + _position_checks(level2, truth, rows, kind)


def _position_checks(level2: Table, truth: Table, rows: NDArray[np.int64], kind: NDArray[np.int16]) -> list[Check]:
    """Return the checks of sky positions, on photons of the sources."""
    own = kind[rows] == KINDS["source"]
    n = int(own.sum())
    if n < 100:
        return []
    dx = (level2["x"].astype(np.float64) - truth["X_TRUE"][rows])[own]
    dy = (level2["y"].astype(np.float64) - truth["Y_TRUE"][rows])[own]
    mean = float(np.hypot(dx.mean(), dy.mean()))
    scatter = float(np.sqrt((dx.var() + dy.var()) / 2.0))
    limit = 0.01 + 4.0 * 0.3 / np.sqrt(n)
    return [
        Check("sky positions, mean offset", f"{mean:.4f} pixel", f"below {limit:.3f}", mean < limit),
        Check("sky positions, scatter", f"{scatter:.3f} pixel", f"below {SCATTER}", scatter < SCATTER),
    ]


def flux_rows(
    setup: Setup, view: View, sources: tuple[ListedSource, ...], band: tuple[str, float], images: tuple[Image, Image]
) -> list[FluxRow]:
    """Measure the sources in a flux image.

    Parameters
    ----------
    setup : Setup
        For the effective area.
    view : View
        From the sky to the chips.
    sources : tuple of ListedSource
    band : (str, float)
        Name, and the energy (keV) at which the exposure map was made.
    images : (Image, Image)
        Flux (photons/cm2/s per pixel) and counts, on one grid.

    Returns
    -------
    list of FluxRow
        Sources whose aperture lies on the image, has 20 counts, and holds no other source. The truth is the simulated
        flux, times the spectrum's mean area in the band over the area at that energy.

    Raises
    ------
    DataError
        An image has no pixels.
    """
    from ciaopy.datamodel import physical_axis

    flux, counts = images
    if flux.data is None or counts.data is None:
        raise DataError("a flux image without pixels")
    ny, nx = flux.data.shape
    px = physical_axis(flux.header, 1).from_logical(np.arange(1.0, nx + 1.0))[None, :]
    py = physical_axis(flux.header, 2).from_logical(np.arange(1.0, ny + 1.0))[:, None]
    response = Response.of(setup)
    places = [view.frame.plane.world_to_pixel(s.source.ra, s.source.dec) for s in sources]
    rows = []
    for k, listed in enumerate(sources):
        radius = max(4.0 * listed.half_light, LEAST_APERTURE)
        distance = np.hypot(px - places[k][0], py - places[k][1]) * view.plane.detector.scale
        near = [np.hypot(p[0] - places[k][0], p[1] - places[k][1]) for j, p in enumerate(places) if j != k]
        inside, around = distance <= radius, (distance > 2.0 * radius) & (distance <= 4.0 * radius)
        if min(near, default=1e9) * view.plane.detector.scale < 5.0 * radius or not around.any():
            continue
        n = float(counts.data[inside].sum())
        ratio = _spectral_ratio(setup, response, view, listed.source, band)
        if n < 20 or ratio is None:
            continue
        level = float(np.mean(flux.data[around])) * inside.sum()
        total = float(flux.data[inside].sum())
        part = enclosed_fraction(radius, listed.half_light, setup.psf)
        measured = (total - level) / part
        error = total / n * np.sqrt(n) / part if n else 0.0
        truth = listed.source.band_flux(*BANDS[band[0]]) * ratio
        rows.append(FluxRow(listed.number, band[0], measured, error, truth))
    return rows


def _spectral_ratio(
    setup: Setup, response: Response, view: View, source: Source, band: tuple[str, float]
) -> float | None:
    """Return the mean area for a source's photons in a band over the area at one energy; None off the chips."""
    low, high = BANDS[band[0]]
    edges = np.geomspace(max(low, SPECTRUM[0]), min(high, SPECTRUM[1]), 200)
    energy = np.append(np.sqrt(edges[1:] * edges[:-1]), band[1])
    x, y = (np.atleast_1d(v) for v in view.frame.plane.world_to_pixel(source.ra, source.dec))
    nominal = view.nominal(setup)
    chip = view.plane.sky_to_chip(x, y, nominal, view.frame)
    if int(chip.chip_id[0]) not in setup.chips:
        return None
    theta, phi = view.angles(x, y, nominal)
    n = len(energy)
    place = (np.full(n, chip.chipx[0]), np.full(n, chip.chipy[0]))
    det = (np.full(n, theta[0]), np.full(n, phi[0]))
    area = response.mirror.at(energy) * response.share(int(chip.chip_id[0]), place, det, energy)
    photons = np.array([source.band_flux(float(a), float(b)) for a, b in pairwise(edges)])
    return float((photons * area[:-1]).sum() / photons.sum() / area[-1])
