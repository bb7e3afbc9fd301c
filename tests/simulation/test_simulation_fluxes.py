"""Fluxes: counts over area and time give back what was put in, and the comparison sees what is wrong."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from astropy.io import fits

from ciaopy.errors import DataError
from ciaopy.fits.blocks import Image
from ciaopy.simulation import Setup, Source, simulate
from ciaopy.simulation.check import flux_rows, listed_sources
from ciaopy.simulation.observation import make_view
from ciaopy.simulation.photons import Response
from ciaopy.simulation.setup import BANDS

EFFECTIVE = {"soft": 0.92, "medium": 1.56, "hard": 3.8}
BIN = 4


@pytest.fixture(scope="module")
def star(tmp_path_factory):
    """A bright star on S3, 3 arcmin off the axis, with background around."""
    folder = tmp_path_factory.mktemp("flux") / "obs"
    star = Source(150.10, 2.17, 8e-4, 1.7)
    setup = Setup(events=60_000, chips=(7, 6), exposure=12_000.0, sources=(star,), flare=False, artifacts=False)
    simulate(setup, folder)
    return setup, folder


def images(setup, folder, band):
    """Counts of level 2 in a band, and counts over area and live time with the area at the star's place."""
    events = fits.getdata(next(folder.glob("primary/*evt2*")), "EVENTS")
    header = fits.getheader(next(folder.glob("primary/*evt2*")), "EVENTS")
    view, response = make_view(setup), Response.of(setup)
    source = setup.sources[0]
    x, y = (np.atleast_1d(v) for v in view.frame.plane.world_to_pixel(source.ra, source.dec))
    chip = view.plane.sky_to_chip(x, y, view.nominal(setup), view.frame)
    theta, phi = view.angles(x, y, view.nominal(setup))
    energy = np.array([EFFECTIVE[band]])
    place = (chip.chipx, chip.chipy)
    area = (response.mirror.at(energy) * response.share(7, place, (theta, phi), energy))[0]
    low, high = (1000.0 * e for e in BANDS[band])
    keep = (events["energy"] >= low) & (events["energy"] < high)
    start = (np.floor(x[0]) - 150.5, np.floor(y[0]) - 150.5)
    edges = [s + BIN * np.arange(76) for s in start]
    counts = np.histogram2d(events["y"][keep], events["x"][keep], (edges[1], edges[0]))[0]
    wcs = fits.Header()
    for axis, s in zip("12", start, strict=True):
        name = {"1": "x", "2": "y"}[axis]
        wcs[f"CTYPE{axis}P"], wcs[f"CRPIX{axis}P"] = name, 0.5
        wcs[f"CRVAL{axis}P"], wcs[f"CDELT{axis}P"] = s, float(BIN)
    return Image("F", counts / area / header["EXPOSUR7"], wcs), Image("C", counts, wcs)


@pytest.mark.parametrize("band", EFFECTIVE)
def test_the_flux_of_a_star_comes_back(star, band):
    setup, folder = star
    view, sources = make_view(setup), listed_sources(folder)
    (row,) = flux_rows(setup, view, sources, (band, EFFECTIVE[band]), images(setup, folder, band))
    assert row.passed
    assert row.flux == pytest.approx(row.truth, abs=3 * row.error + 0.04 * row.truth)
    assert row.error < 0.05 * row.truth
    flux, counts = images(setup, folder, band)
    twice = Image("F", flux.data * 1.3, flux.header)
    (wrong,) = flux_rows(setup, view, sources, (band, EFFECTIVE[band]), (twice, counts))
    assert not wrong.passed


def test_sources_without_a_clear_aperture_are_left_out(star):
    setup, folder = star
    view, (listed,) = make_view(setup), listed_sources(folder)
    pair = images(setup, folder, "medium")
    near = replace(listed, number=2, source=replace(listed.source, ra=listed.source.ra + 3.0 / 3600.0))
    assert flux_rows(setup, view, (listed, near), ("medium", 1.56), pair) == []
    far = replace(listed, source=replace(listed.source, ra=listed.source.ra + 1.0))
    assert flux_rows(setup, view, (far,), ("medium", 1.56), pair) == []


def test_pictures_without_pixels_and_folders_without_truth(star, tmp_path):
    setup, folder = star
    flux, counts = images(setup, folder, "soft")
    with pytest.raises(DataError, match="without pixels"):
        flux_rows(
            setup, make_view(setup), listed_sources(folder), ("soft", 0.92), (Image("F", None, flux.header), counts)
        )
    with pytest.raises(DataError, match="simulated observation"):
        listed_sources(tmp_path)
