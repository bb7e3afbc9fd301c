"""Afterglow and hot pixel search on simulated exposures with known truth."""

import math

import numpy as np
import pytest

from ciaopy.acis.afterglow import AfterglowSettings, Frames, find_bad_pixels
from ciaopy.kernels.afterglow import poisson_tail

NFRAMES = 4000
FRAME = 3.24104
GOOD = np.zeros((1024, 1024), bool)
GOOD[1:1023, 1:1023] = True


def frames(n=NFRAMES):
    expno = np.arange(3, 3 + n)
    start = 1e8 + FRAME * expno
    return Frames(expno.astype(np.int64), start, start + FRAME)


def background(rng, per_frame, n=NFRAMES):
    size = rng.poisson(per_frame * n)
    return rng.integers(2, 1024, size), rng.integers(2, 1024, size), rng.integers(3, 3 + n, size)


def dithering_source(rng, per_frame, sigma=0.6, n=NFRAMES):
    """A point source moving as Chandra dithers: 16" peak to peak, 1000 s and 707 s."""
    size = rng.poisson(per_frame * n)
    k = rng.integers(3, 3 + n, size)
    t = k * FRAME
    x = 500 + 16 * np.sin(2 * np.pi * t / 1000.0) + rng.normal(0, sigma, size)
    y = 400 + 16 * np.sin(2 * np.pi * t / 707.0) + rng.normal(0, sigma, size)
    return np.round(x).astype(int), np.round(y).astype(int), k


def injected(rng, counts, n=NFRAMES):
    """Afterglows of `counts` events in at most 10 consecutive frames, on pixels apart from each other."""
    x, y, k, where = [], [], [], []
    for i, c in enumerate(counts):
        px, py = 10 + 20 * (i % 50), 10 + 20 * (i // 50)
        first = rng.integers(3, 3 + n - 10)
        x += [px] * c
        y += [py] * c
        k += list(first + np.sort(rng.integers(0, 10, c)))
        where.append((px, py))
    return (np.array(x, int), np.array(y, int), np.array(k, int)), where


def together(*parts):
    return tuple(np.concatenate(p) for p in zip(*parts, strict=True))


def pixels(found, bit):
    k = (found.status >> bit & 1).astype(bool)
    return list(zip(found.x[k].tolist(), found.y[k].tolist(), strict=True))


@pytest.mark.parametrize(("n", "mu"), [(1, 0.3), (4, 1e-5), (7, 12.0), (30, 20.0), (3, 3.0)])
def test_poisson_tail_is_the_sum_of_the_terms(n, mu):
    terms = [math.exp(k * math.log(mu) - mu - math.lgamma(k + 1)) for k in range(200)]
    assert poisson_tail(n, mu, 1e-15) == pytest.approx(sum(terms[n:]), rel=1e-9, abs=1e-14)


@pytest.mark.parametrize("per_frame", [2.0, 20.0])
def test_injected_afterglows_are_found_and_nothing_else(per_frame):
    rng = np.random.default_rng(int(per_frame))
    glow, where = injected(rng, rng.integers(6, 15, 400))
    found = find_bad_pixels(*together(background(rng, per_frame), glow), frames(), GOOD, AfterglowSettings())
    got = pixels(found, 15)
    assert len(set(where) & set(got)) >= 0.99 * len(where)
    assert not set(got) - set(where)
    assert not pixels(found, 14)


def test_time_range_is_that_of_the_frames_of_the_excess():
    rng = np.random.default_rng(3)
    x, y, k = np.full(7, 300), np.full(7, 200), np.arange(100, 107)
    found = find_bad_pixels(*together(background(rng, 1.0), (x, y, k)), frames(), GOOD, AfterglowSettings())
    assert (found.x[0], found.y[0], len(found)) == (300, 200, 1)
    assert found.time[0] == pytest.approx(1e8 + 100 * FRAME, abs=1e-6)
    assert found.time_stop[0] == pytest.approx(1e8 + 107 * FRAME, abs=1e-6)


def test_clean_exposures_give_false_detections_at_the_chosen_rate():
    rng = np.random.default_rng(11)
    settings = AfterglowSettings(probthresh=0.1)
    chips = [len(find_bad_pixels(*background(rng, 6.0), frames(), GOOD, settings)) for _ in range(12)]
    # at 10 % for each of two searches the expectation is below 2.4; the trials are counted conservatively
    assert sum(chips) <= 6


@pytest.mark.parametrize("per_frame", [0.03, 0.3, 1.0, 3.0])
def test_dithering_sources_are_not_flagged(per_frame):
    rng = np.random.default_rng(int(per_frame * 100))
    events = together(background(rng, 3.0), dithering_source(rng, per_frame))
    found = find_bad_pixels(*events, frames(), GOOD, AfterglowSettings())
    assert len(found) == 0


def test_hot_pixels_last_the_whole_observation():
    rng = np.random.default_rng(5)
    n = 60
    hot = (np.full(n, 700), np.full(n, 650), rng.integers(3, 3 + NFRAMES, n))
    found = find_bad_pixels(*together(background(rng, 3.0), hot), frames(), GOOD, AfterglowSettings())
    assert pixels(found, 14) == [(700, 650)]
    assert (found.time[0], found.time_stop[0]) == (frames().start[0], frames().stop[-1])
    off = AfterglowSettings(runhotpix=False)
    assert not pixels(find_bad_pixels(*together(background(rng, 3.0), hot), frames(), GOOD, off), 14)


def test_pixels_that_are_bad_already_are_not_searched():
    rng = np.random.default_rng(6)
    glow, where = injected(rng, [9])
    good = GOOD.copy()
    good[where[0][1] - 1, where[0][0] - 1] = False
    assert len(find_bad_pixels(*glow, frames(), good, AfterglowSettings())) == 0


def test_events_outside_the_frames_and_empty_input_are_harmless():
    none = np.zeros(0, int)
    assert len(find_bad_pixels(none, none, none, frames(), GOOD, AfterglowSettings())) == 0
    empty = Frames(none.astype(np.int64), np.zeros(0), np.zeros(0))
    assert len(find_bad_pixels(np.full(9, 5), np.full(9, 5), np.arange(9), empty, GOOD, AfterglowSettings())) == 0
