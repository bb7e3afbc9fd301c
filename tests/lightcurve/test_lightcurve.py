"""lc_clean and lc_sigma_clip: the formulas on hand-made curves, and what they find of injected flares."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ciaopy.errors import DataError, NoDataError, ParameterError
from ciaopy.lightcurve import LightCurve, find_sources, lc_clean, lc_sigma_clip, runs
from ciaopy.lightcurve.clean import TooFewGoodError
from ciaopy.lightcurve.curve import run_times
from ciaopy.plots import histogram_edges


def curve(rates, exposure=100.0, width=100.0):
    rate = np.asarray(rates, float)
    start = 1000.0 + width * np.arange(rate.size)
    exp = None if exposure is None else np.full(rate.size, float(exposure))
    return LightCurve(start + width / 2, rate, exp, start, start + width)


def times(c, found):
    """Good times, by whichever way `deflare` would take."""
    by_limits = (c.rate > found.limits[0]) & (c.rate < found.limits[1])
    return found.intervals if found.intervals is not None else run_times(c, runs(by_limits))


def test_clean_by_hand():
    # m0 = mean of the rates above 0 = 3.75, s0 = sqrt(3.75 / 4), 3 s0 = 2.905: all but 0 and 9 make the level
    rates = [2, 2, 3, 4, 5, 0, 9, 3, 2]
    m0 = np.mean([2, 2, 3, 4, 5, 9, 3, 2])
    s0 = np.sqrt(m0 / 4)
    kept = [r for r in rates if m0 - 3 * s0 < r < m0 + 3 * s0]
    assert 0 not in kept and 9 not in kept
    level = np.mean(kept)
    found = lc_clean(curve(rates, exposure=4), scale=1.5)
    assert found.limits == pytest.approx((level / 1.5, level * 1.5), rel=1e-15)
    assert found.good.tolist() == [level / 1.5 < r < level * 1.5 for r in rates]
    assert found.mean == pytest.approx(np.mean([r for r in rates if level / 1.5 < r < level * 1.5]))


def test_clean_counts_zero_rates_within_reach():
    """The bins that make the level are not restricted to rates above 0."""
    rates = [0, 1, 1, 1]
    found = lc_clean(curve(rates, exposure=1.0), clip=2.0, scale=10.0)
    assert found.limits == pytest.approx((0.075, 7.5))  # level = mean(0, 1, 1, 1)


def test_stddev_is_a_multiplier():
    found = lc_clean(curve([1.0, 1.0, 1.04, 2.0], exposure=400), mean=1.0, sigma=2.0)
    assert found.limits == pytest.approx((1 - 2 / 20, 1 + 2 / 20), rel=1e-15)
    assert found.good.tolist() == [True, True, True, False]


def test_limits_are_strict():
    assert lc_clean(curve([1.0, 1.2, 1.1, 1 / 1.2]), mean=1.0, scale=1.2).good.tolist() == [True, False, True, False]


def test_largest_exposure_is_the_width():
    c = curve([1.0, 1.0, 1.3])
    short = LightCurve(c.time, c.rate, np.array([100.0, 25.0, 25.0]))
    assert lc_clean(short, mean=1.0, sigma=2.0).limits == pytest.approx((0.8, 1.2))


def test_sigma_by_hand():
    rates = np.array([1.0, 1.1, 0.9, 1.0, 1.05, 0.95, 3.0, 1.0, 1.02, 0.98, 8.0, 1.0, 0.0])
    kept = rates > 0
    while True:
        mean, deviation = rates[kept].mean(), rates[kept].std()
        out = kept & (np.abs(rates - mean) / deviation > 2.0)
        if not out.any():
            break
        kept &= ~out
    found = lc_sigma_clip(curve(rates), 2.0, 1)
    assert found.good.tolist() == kept.tolist()
    assert found.limits == pytest.approx((mean - 2 * deviation, mean + 2 * deviation), rel=1e-14)
    assert found.mean == pytest.approx(mean) and found.intervals is None


def test_short_runs_are_left_out():
    rates = [1, 1.01, 0.99, 50, 1.0, 50, 1, 1.02, 0.98, 1]
    found = lc_sigma_clip(curve(rates), 1.9, 3)
    assert found.good.tolist() == [r < 2 for r in rates]
    assert list(found.intervals) == [(1000.0, 1300.0), (1600.0, 2000.0)]
    assert lc_sigma_clip(curve(rates), 1.9, 1).intervals is None
    with pytest.raises(NoDataError, match="the longest run of good bins has 4, and minlength is 5"):
        lc_sigma_clip(curve(rates), 1.9, 5)


def test_constant_rate_keeps_every_bin():
    for rate in (0.1, 0.25, 1 / 3):
        c = curve([rate] * 7)
        found = lc_sigma_clip(c, 3.0, 3)
        assert found.good.all() and list(times(c, found)) == [(1000.0, 1700.0)]
        assert lc_clean(c).good.all()


def test_without_edges_times_are_those_of_the_bins():
    c = curve([1, 1, 1, 99, 1, 1, 1, 99, 1])
    bare = LightCurve(c.time, c.rate)
    assert list(lc_sigma_clip(bare, 1.2, 3).intervals) == [(1050.0, 1250.0), (1450.0, 1650.0)]


BAD = [
    (lambda: lc_clean(curve([1, 1], exposure=None)), DataError, "no column EXPOSURE"),
    (lambda: lc_clean(curve([1, 1], exposure=0)), DataError, "no bin has any EXPOSURE"),
    (lambda: lc_clean(curve([0, 0, np.nan])), NoDataError, "no bin of the light curve has a rate above 0"),
    (lambda: lc_sigma_clip(curve([0, -1, np.nan])), NoDataError, "no bin of the light curve has a rate above 0"),
    (lambda: lc_clean(curve([1, 1]), clip=0), ParameterError, "nsigma=0 must be above 0"),
    (lambda: lc_clean(curve([1, 1]), scale=0.9), ParameterError, "scale=0.9 must be at least 1"),
    (lambda: lc_clean(curve([1, 1]), sigma=-1.0), ParameterError, "stddev=-1 must be above 0"),
    (lambda: lc_clean(curve([1, 1]), mean=-1.0), ParameterError, "mean=-1.0 is not a rate above 0"),
    (lambda: lc_clean(curve([1, 1]), mean=5.0), NoDataError, "no rate lies between"),
    (lambda: lc_clean(curve([1.0, 100.0], exposure=1e4)), NoDataError, "no rate within 3 standard deviations"),
    (lambda: lc_clean(curve([1, 9, 9, 9]), mean=1.0, minfrac=0.5), TooFewGoodError, "only 0.25 of the bins"),
    (lambda: lc_sigma_clip(curve([1, 1]), 0.0), ParameterError, "nsigma=0 must be above 0"),
    (lambda: lc_sigma_clip(curve([1, 1]), 3.0, 0), ParameterError, "minlength=0 must be at least 1"),
]


@pytest.mark.parametrize(("call", "error", "message"), BAD, ids=[b[2][:30] for b in BAD])
def test_refusals(call, error, message):
    with pytest.raises(error, match=message):
        call()


@given(st.lists(st.booleans(), max_size=60))
def test_runs_give_the_mask_back(bits):
    good = np.array(bits, bool)
    found = runs(good)
    again = np.zeros(good.size, bool)
    for first, last in found:
        assert first <= last
        again[first : last + 1] = True
    assert again.tolist() == bits
    assert all(a[1] + 1 < b[0] for a, b in pairwise(found))


@given(st.lists(st.sampled_from([0.0, 0.9, 1.0, 1.1, 7.0, float("nan")]), min_size=2, max_size=40), st.integers(1, 4))
def test_times_are_those_of_the_good_bins(rates, minlength):
    c = curve(rates)
    try:
        found = lc_sigma_clip(c, 2.0, minlength)
    except NoDataError:
        return
    good = run_times(c, np.array([r for r in runs(found.good) if r[1] - r[0] + 1 >= minlength]).reshape(-1, 2))
    gti = found.intervals if found.intervals is not None else good
    assert gti == good
    inside = gti.filter(c.time)
    assert not (inside & ~found.good).any()
    assert gti.duration == pytest.approx(100.0 * inside.sum())
    assert np.nanmax(c.rate[found.good]) <= max(found.limits[1], found.mean)


def flared(seed, level, flares, bins=400, width=200.0):
    """Poisson light curve with flares (first bin, bins, factor); returns the curve and the flared bins."""
    rng = np.random.default_rng(seed)
    rate, flare = np.full(bins, level), np.zeros(bins, bool)
    for first, length, factor in flares:
        rate[first : first + length] *= factor
        flare[first : first + length] = True
    return curve(rng.poisson(rate * width) / width, width, width), flare


#: method, level (count/s), factor of the flares -> least share found, most share of quiet time lost
TABLE = [
    ("clean", 1.0, 3.0, 1.0, 0.03),
    ("clean", 1.0, 1.5, 0.97, 0.03),
    ("clean", 0.3, 3.0, 1.0, 0.18),
    ("sigma", 1.0, 3.0, 1.0, 0.02),
    ("sigma", 1.0, 1.5, 0.9, 0.02),
    ("sigma", 0.3, 3.0, 1.0, 0.02),
    ("sigma", 0.3, 1.5, 0.4, 0.02),
]


@pytest.mark.parametrize(("method", "level", "factor", "least", "lost"), TABLE)
def test_injected_flares(method, level, factor, least, lost):
    """Two flares of 10 and 25 bins in 400: share of their bins found, share of quiet bins lost, over 20 curves."""
    hit, missed = [], []
    for seed in range(20):
        c, flare = flared(seed, level, [(60, 10, factor), (250, 25, factor)])
        found = lc_clean(c) if method == "clean" else lc_sigma_clip(c)
        kept = times(c, found).filter(c.time)
        hit.append(np.mean(~kept[flare]))
        missed.append(np.mean(~kept[~flare]))
    assert np.mean(hit) >= least
    assert np.mean(missed) <= lost


def test_histogram_bins():
    rates = np.array([1.0, 1.2, 1.4])
    edges, widened = histogram_edges(rates, (0.9, 1.5))
    assert np.diff(edges) == pytest.approx(0.01) and not widened and edges[0] == 1.0 and edges[-1] >= 1.4
    edges, widened = histogram_edges(np.array([0.0, 50.0]), (0.9, 1.5))
    assert widened and len(edges) == 1002
    edges, widened = histogram_edges(np.array([2.0, 2.0]), (2.0, 2.0))
    assert len(edges) == 2 and not widened


def test_sources_are_found_and_noise_is_not():
    rng = np.random.default_rng(5)
    image = rng.poisson(0.2, (256, 256))
    assert find_sources(image) == []
    places = [(40, 60, 30), (128, 200, 200), (220, 30, 25)]
    for x, y, counts in places:
        dx, dy = rng.normal(0, 1.0, (2, counts))
        np.add.at(image, (np.rint(y + dy).astype(int), np.rint(x + dx).astype(int)), 1)
    found = find_sources(image)
    assert len(found) == 3
    for x, y, _ in places:
        assert any(np.hypot(c.x - x, c.y - y) < c.radius for c in found)
    assert found[0].radius > 2
    assert find_sources(np.zeros((10, 10), int)) == [] == find_sources(np.zeros((0, 0), int))


def test_columns_of_different_length():
    with pytest.raises(DataError, match="different lengths"):
        LightCurve(np.arange(3.0), np.arange(4.0))
