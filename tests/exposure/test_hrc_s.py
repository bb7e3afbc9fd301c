"""Exposure maps of the three plates of the HRC-S: the sum across a dithered gap, plates that were not read out."""

from __future__ import annotations

import numpy as np
import pytest

from ciaopy.coords import AspectSolution, FocalPlane, SkyFrame
from ciaopy.datamodel import Gti
from ciaopy.exposure import (
    Axis,
    InstrumentMap,
    LiveFraction,
    MaskWindow,
    PixelGrid,
    SkyView,
    aspect_histogram,
    exposure_map,
    mask_factor,
)

# Active areas of ObsID 22793 (msk1): chip to x and y limits.
ACTIVE = {1: (575, 3513, 1633, 16399), 2: (575, 3513, 609, 15711), 3: (571, 3509, 50, 14702)}
RA, DEC, ROLL = 40.0, 30.0, 25.0
SECONDS, STEP = 2000.0, 0.25625


@pytest.fixture(scope="module")
def aspect() -> AspectSolution:
    """A Lissajous dither of 20 arcsec, as the HRC has it."""
    time = np.arange(0.0, SECONDS, STEP)
    swing = 20.0 / 3600.0
    return AspectSolution(
        time=time,
        ra=RA + swing * np.sin(2 * np.pi * time / 1087.0) / np.cos(np.deg2rad(DEC)),
        dec=DEC + swing * np.sin(2 * np.pi * time / 768.0),
        roll=np.full(time.size, ROLL),
        dy=np.zeros(time.size),
        dz=np.zeros(time.size),
        dtheta=np.zeros(time.size),
        content=("ASPSOLOBI",),
    )


def chip_map(chip: int, sampled: int = 1) -> InstrumentMap:
    """One square cm wherever a plate was read out, in blocks of 32 x 8 chip pixels."""
    grid = PixelGrid(Axis(0.5, 4096.5, 128), Axis(0.5, 16456.5, 2057))
    windows = [MaskWindow((ACTIVE[chip],), (), sampled)]
    return InstrumentMap(chip, grid, mask_factor(windows, grid).astype(np.float32))


def gap(plane: FocalPlane, frame: SkyFrame, aspect: AspectSolution) -> PixelGrid:
    """Sky pixels of 64 on the gap between plates 2 and 3, at the mean pointing."""
    mean = aspect.mean()
    x, y = plane.chip_to_sky([2, 3], [2044.0, 2040.0], [15711.0, 50.0], mean, frame)
    axes = (Axis(float(v.mean()) - 768.0, float(v.mean()) + 768.0, 24) for v in (x, y))
    return PixelGrid(*axes)


def test_the_sum_over_a_gap_is_that_of_a_monte_carlo(aspect):
    plane = FocalPlane.of("HRC-S")
    frame = SkyFrame(RA, DEC, ROLL, plane.detector)
    live = 0.9
    histogram = aspect_histogram(
        aspect, Gti([0.0], [SECONDS]), frame, LiveFraction.constant(live), (1.0, 600.0), 10000.0
    )
    grid = gap(plane, frame, aspect)
    total = np.zeros(grid.shape)
    for chip in ACTIVE:
        exposure_map([chip_map(chip)], histogram, SkyView(plane, frame), grid).add_to(total)
    rng = np.random.default_rng(4)
    n = 1_000_000
    x, y = (rng.uniform(a.low, a.high, n) for a in (grid.x, grid.y))
    where = plane.sky_to_chip(x, y, aspect.at(rng.uniform(0.0, SECONDS - STEP, n)), frame)
    seen = np.zeros(n, bool)
    for chip, (x_lo, x_hi, y_lo, y_hi) in ACTIVE.items():
        inside = (abs(where.chipx - (x_lo + x_hi) / 2) <= (x_hi - x_lo + 1) / 2) & (
            abs(where.chipy - (y_lo + y_hi) / 2) <= (y_hi - y_lo + 1) / 2
        )
        seen |= (where.chip_id == chip) & inside
    edges = [a.low + np.arange(a.count + 1) * a.step for a in (grid.y, grid.x)]
    all_, hit = (np.histogram2d(y[k], x[k], edges)[0] for k in (slice(None), seen))
    share = hit / all_
    want = live * SECONDS * share
    error = live * SECONDS * np.sqrt(np.maximum(share * (1 - share), 0.002) / all_)
    assert share.min() == 0.0 and share.max() == 1.0 and ((share > 0.1) & (share < 0.9)).sum() > 100
    # 5 sigma of the Monte Carlo, and 0.7 % for the bins of the aspect and of the maps
    assert np.all(abs(total - want) < 5 * error + 0.007 * live * SECONDS)
    assert abs(total.mean() / want.mean() - 1) < 0.002


def test_plates_that_were_not_read_out_have_no_exposure():
    assert not chip_map(1, sampled=0).data.any()
    assert chip_map(1).data.max() == 1.0
    assert chip_map(2).data.sum() * 32 * 8 == pytest.approx((3513 - 575 + 1) * (15711 - 609 + 1), rel=1e-6)
