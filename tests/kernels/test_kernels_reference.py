"""Kernels against slow references, in plain Python or numpy, and the same from eight threads."""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from ciaopy.datamodel.regions import parse_region
from ciaopy.kernels import acis_events, afterglow, binning, coords, exposure, filters, grating_spectra, map_blocks
from ciaopy.kernels.image_filter import filter_rows
from ciaopy.kernels.regrid import regrid_rows

RNG = np.random.default_rng(20260101)
THREADS = 8


def from_threads(task: Callable[[], np.ndarray]) -> np.ndarray:
    """Run a task in eight threads at once; return its result if all agree to the last bit."""
    with ThreadPoolExecutor(THREADS) as pool:
        results = [f.result() for f in [pool.submit(task) for _ in range(THREADS)]]
    for other in results[1:]:
        np.testing.assert_array_equal(results[0], other)
    return results[0]


def test_row_blocks_come_back_in_order_from_eight_threads():
    parts = map_blocks(lambda rows: np.arange(rows.start, rows.stop), 100_003, nproc=THREADS, block=1000)
    np.testing.assert_array_equal(np.concatenate(parts), np.arange(100_003))


# ---- binning and filters


@pytest.mark.parametrize("compiled", [False, True])
def test_cells_of_a_grid(compiled, monkeypatch):
    monkeypatch.setattr(binning, "FEW_ROWS", 0 if compiled else 10**9)
    x = np.concatenate([RNG.uniform(-1, 9, 2000), [0.0, 8.0, np.nextafter(8.0, 0), np.nan, np.inf, -np.inf, -0.0]])
    weights = RNG.normal(size=len(x))

    def task() -> np.ndarray:
        index = binning.new_index(len(x))
        binning.axis_index(x, 0.0, 2.0, 4, 1, index)
        counts, sums = np.zeros(4, np.int64), np.zeros(4)
        binning.add_counts(counts, index)
        binning.add_weights(sums, index, weights)
        return np.concatenate([counts, sums])

    counts, sums = [0] * 4, [0.0] * 4
    for value, weight in zip(x.tolist(), weights.tolist(), strict=True):
        if 0.0 <= value < 8.0:
            counts[int(value // 2.0)] += 1
            sums[int(value // 2.0)] += weight
    got = from_threads(task)
    assert got[:4].tolist() == counts
    np.testing.assert_allclose(got[4:], sums, rtol=1e-12)


def test_an_index_outside_the_grid_is_refused():
    with pytest.raises(ValueError, match="outside the grid"):
        binning.add_counts(np.zeros(3, np.int64), np.array([3]))
    with pytest.raises(ValueError, match=r"weights for .* rows"):
        binning.add_weights(np.zeros(3), np.array([1]), np.ones(2))


@pytest.mark.parametrize("many", [3, 60])
@pytest.mark.parametrize("kind", ["f4", "f8", "i4"])
def test_values_in_any_of_the_ranges(kind, many):
    values = (RNG.uniform(-50, 50, 3000)).astype(kind)
    ends = np.sort(RNG.uniform(-60, 60, (many, 2)), axis=1)
    closed = kind == "i4"
    lo, hi = (e.astype(np.int64 if closed else np.float64) for e in ends.T)
    want = [any(a <= v <= b if closed else a <= v < b for a, b in zip(lo, hi, strict=True)) for v in values.tolist()]
    assert from_threads(lambda: filters.in_spans(values, lo, hi, closed)).tolist() == want


def test_ranges_need_two_ends():
    with pytest.raises(ValueError, match="2 lower ends but 1 upper ends"):
        filters.in_spans(np.zeros(1), np.zeros(2), np.zeros(1), False)


def test_bit_patterns():
    words = RNG.integers(0, 2**32, 2000, dtype=np.uint32)
    mask, value = np.array([0b101, 0xF0], np.uint32), np.array([0b001, 0x30], np.uint32)
    want = [any(w & int(m) == int(v) for m, v in zip(mask, value, strict=True)) for w in words.tolist()]
    assert from_threads(lambda: filters.match_bits(words, mask, value)).tolist() == want


# ---- events


def splitmix(z: int) -> int:
    """Finaliser of SplitMix64 on Python integers."""
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB % 2**64
    return z ^ (z >> 31)


def test_random_numbers_are_those_of_splitmix():
    keys, golden = RNG.integers(0, 2**63, 500).astype(np.uint64), 0x9E3779B97F4A7C15
    want = [(splitmix((splitmix((k + golden * 3) % 2**64) + golden) % 2**64) >> 11) / 2**53 for k in keys.tolist()]

    def task() -> np.ndarray:
        out = np.empty(len(keys))
        acis_events.fill_uniform(keys, 3, out)
        return out

    assert from_threads(task).tolist() == want


def test_channels_of_energies():
    energy = np.concatenate([RNG.uniform(-20, 2e4, 500), [14.6, 0.0, np.nan, np.inf, -np.inf]]).astype(np.float32)
    want = []
    for e in energy.tolist():
        if math.isfinite(e):
            want.append(min(max(math.floor(e / 14.6) + 1, 1), 1024))
        else:
            want.append(1024 if e > 0 else 0)

    def task() -> np.ndarray:
        pi = np.empty(len(energy), np.int32)
        acis_events.channels(energy, 14.6, 1024, pi)
        return pi

    assert from_threads(task).tolist() == want


def test_sums_are_rounded_half_up_within_limits():
    total = np.array([-3.2, 0.5, 1.49, 1.5, 2.5, 40000.0])
    pha = np.empty(len(total), np.int32)
    acis_events.round_sums(total, 0.0, 36855.0, pha)
    assert pha.tolist() == [0, 1, 1, 2, 3, 36855]


@pytest.mark.parametrize(("n", "mu"), [(0, 2.0), (1, 0.0), (3, 0.7), (5, 12.0), (40, 8.0), (2, 1e-6)])
def test_poisson_tail(n, mu):
    below = math.fsum(math.exp(-mu) * mu**k / math.factorial(k) for k in range(n))
    above = math.fsum(math.exp(-mu + k * math.log(mu) - math.lgamma(k + 1)) for k in range(n, n + 200)) if mu else 0.0
    assert afterglow.poisson_tail(n, mu, 1e-14) == pytest.approx(above if mu < n else 1.0 - below, rel=1e-10)


def test_events_in_order_of_pixel_and_frame():
    n = 3000
    x, y = (RNG.integers(-2, 12, n).astype(np.int32) for _ in "xy")
    expno = RNG.integers(5, 60, n).astype(np.int32)
    lookup = np.arange(50, dtype=np.int32)
    lookup[7] = -1
    want = sorted(
        ((b - 1) * 1024 + a - 1, int(lookup[e - 10]))
        for a, b, e in zip(x.tolist(), y.tolist(), expno.tolist(), strict=True)
        if a >= 1 and b >= 1 and 10 <= e < 60 and lookup[e - 10] >= 0
    )

    def task() -> np.ndarray:
        first, frame = np.zeros(1024 * 1024 + 1, np.int32), np.zeros(n, np.int32)
        kept = afterglow.order_events(x, y, expno, (10, lookup), first, frame)
        pixels = np.repeat(np.arange(1024 * 1024), np.diff(first))
        return np.stack([pixels, frame[:kept]])

    assert from_threads(task).T.tolist() == [list(pair) for pair in want]


# ---- coordinates


def test_the_record_of_a_time():
    start = np.array([0.0, 1.0, 2.5, 4.0])
    until = np.array([1.0, 2.0, 4.0, 5.0])
    times = np.concatenate([RNG.uniform(-1, 6, 500), np.sort(RNG.uniform(-1, 6, 500)), start, until, [np.nan]])
    want = []
    for t in times.tolist():
        k = max((i for i in range(4) if start[i] <= t), default=-1)
        want.append(k if k >= 0 and t < until[k] else -1)

    def task() -> np.ndarray:
        index = np.empty(len(times), np.int64)
        outside = coords.record_index(times, start, until, 0.0, index)
        assert outside == (index == -1).sum()
        return index

    assert from_threads(task).tolist() == want


def test_tiled_detector_positions():
    rules = RNG.normal(size=(3, 6))
    ids = np.array([0, 1, 2, -1, 3, 1])
    chipx, chipy = RNG.uniform(1, 1024, (2, len(ids)))
    tdetx, tdety = np.empty(len(ids)), np.empty(len(ids))
    coords.chip_to_tdet(ids, chipx, chipy, rules, tdetx, tdety)
    for i, c in enumerate(ids.tolist()):
        if not 0 <= c < 3:
            assert np.isnan([tdetx[i], tdety[i]]).all()
            continue
        origin, matrix = rules[c, :2], rules[c, 2:].reshape(2, 2)
        np.testing.assert_allclose([tdetx[i], tdety[i]], origin + matrix @ [chipx[i], chipy[i]], rtol=1e-13)


def test_no_point_lies_below_the_convex_chain():
    points = RNG.normal(size=(300, 2))
    x, y = points[np.lexsort((points[:, 1], points[:, 0]))].T.copy()
    chain = np.empty(len(x), np.int64)
    chain = chain[: coords.convex_chain(x, y, chain)]
    assert {chain[0], chain[-1]} == {0, len(x) - 1}
    assert (y >= np.interp(x, x[chain], y[chain]) - 1e-12).all()
    slopes = np.diff(y[chain]) / np.diff(x[chain])
    assert (np.diff(slopes) > 0).all()


# ---- images and regions


def test_a_shifted_grid_keeps_flux_and_shares_pixels_by_area():
    image = RNG.poisson(3.0, (12, 14)).astype(float)
    affine = np.array([[1.0, 0.0, 0.25], [0.0, 1.0, 0.5]])
    edges = np.arange(-2.0, 18.0), np.arange(-2.0, 16.0)
    got = from_threads(lambda: regrid_rows(image, edges, affine, 0, slice(0, len(edges[1]) - 1)))
    padded = np.pad(image, ((2, 4), (2, 4)))
    low = padded[:-1] * 0.5 + padded[1:] * 0.5
    want = low[:, :-1] * 0.75 + low[:, 1:] * 0.25
    np.testing.assert_allclose(got[: want.shape[0], : want.shape[1]], want[: got.shape[0], : got.shape[1]], atol=1e-12)
    assert got.sum() == pytest.approx(image.sum(), rel=1e-12)


@pytest.mark.parametrize(("name", "slow"), [("mean", np.mean), ("median", np.median), ("max", np.max), ("min", np.min)])
def test_statistics_under_a_mask(name, slow):
    image = RNG.normal(size=(17, 19))
    image[3, 4] = np.nan
    dy, dx = (g.ravel().astype(np.int64) for g in np.mgrid[-1:2, -1:2])
    got = from_threads(lambda: filter_rows(image[None], (dy, dx), name, slice(0, 17)))
    for row, column in ((0, 0), (3, 4), (2, 5), (16, 18), (9, 9)):
        part = image[max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2]
        part = part[~np.isnan(part)]
        if name == "median" and len(part) % 2 == 0:
            assert np.sort(part)[len(part) // 2 - 1] <= got[row, column] <= np.sort(part)[len(part) // 2]
        else:
            assert got[row, column] == pytest.approx(slow(part), rel=1e-13)


def test_points_in_regions():
    x, y = RNG.uniform(-10, 10, (2, 4000))
    angle = np.degrees(np.arctan2(y, x)) % 360
    radius = np.hypot(x, y)
    cases = {
        "circle(0,0,5)": radius <= 5,
        "annulus(0,0,3,6)": (radius >= 3) & (radius <= 6),
        "pie(0,0,2,8,30,120)": (radius >= 2) & (radius <= 8) & (angle >= 30) & (angle <= 120),
        "rectangle(-3,-2,4,5)": (x >= -3) & (x <= 4) & (y >= -2) & (y <= 5),
        "polygon(0,0,8,0,0,8)": (x >= 0) & (y >= 0) & (x + y <= 8),
        "circle(0,0,5)-circle(1,0,2)": (radius <= 5) & (np.hypot(x - 1, y) > 2),
    }
    for text, want in cases.items():
        region = parse_region(text)
        np.testing.assert_array_equal(from_threads(lambda region=region: region.inside(x, y)), want, err_msg=text)


def test_polygons_of_orders():
    vertices = np.array([[0.0, 0.0], [4.0, 1.0], [3.0, 4.0], [1.0, 2.0]])
    region = parse_region("polygon(0,0,4,1,3,4,1,2)")
    for x, y in RNG.uniform(-1, 5, (500, 2)).tolist():
        assert bool(grating_spectra.in_polygon(x, y, vertices, 4)) == bool(region.inside(x, y))


def test_a_flat_lattice_lays_a_flat_sky():
    lattice, out = np.full((20, 20), 2.5), np.empty((4, 4))
    xs = ys = np.linspace(2.0, 8.0, 8)
    exposure.lay_on_sky(lattice, 5.0, 1.0, np.eye(3), xs, ys, 2, out)
    np.testing.assert_allclose(out, 2.5, rtol=1e-14)
    ramp = np.broadcast_to(np.arange(20.0), (20, 20)).copy()
    exposure.lay_on_sky(ramp, 5.0, 1.0, np.eye(3), xs, ys, 2, out)
    want = (xs + 5.0 - 0.5).reshape(4, 2).mean(axis=1)
    np.testing.assert_allclose(out, np.broadcast_to(want, (4, 4)), rtol=1e-13)
