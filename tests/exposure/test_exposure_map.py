"""Exposure maps: against direct Monte Carlo, both ways against each other, bands, grids."""

from __future__ import annotations

import numpy as np
import pytest
from exposure_helpers import CHIP_GRID, histogram, solution, view

from ciaopy.coords import Attitude
from ciaopy.errors import DataError
from ciaopy.exposure import AspectHistogram, InstrumentMap, exposure_map, parse_pixelgrid, parse_xygrid
from ciaopy.exposure.projection import apply


def a_map(tilt: float = 1e-4) -> InstrumentMap:
    """Return a map with a slope, edges, a bad column, a wide gap and bad pixels."""
    y, x = np.mgrid[:1024, :1024]
    data = 400.0 * (1 - tilt * x - 2e-8 * (y - 500.0) ** 2)
    data[:1], data[-1:], data[:, :1], data[:, -1:] = 0, 0, 0, 0
    data[:, 300], data[:, 511:519] = 0, 0
    rng = np.random.default_rng(3)
    data[rng.integers(0, 1024, 300), rng.integers(0, 1024, 300)] = 0
    return InstrumentMap(3, CHIP_GRID, data.astype(np.float32))


def sky_of(u: float, v: float) -> tuple[float, float]:
    w = view()
    x, y = w.plane.chip_to_sky(3, u, v, Attitude.of(150.0, 40.0, 57.0), w.frame)
    return float(x), float(y)


def around(u: float, v: float, half: int = 40, width: float = 1.0) -> str:
    x, y = sky_of(u, v)
    x, y = round(x), round(y)
    n = round(2 * half / width)
    return f"{x - half}:{x + half}:#{n},{y - half}:{y + half}:#{n}"


def test_projection_is_the_exact_coordinate_chain() -> None:
    w, h = view(), histogram()
    attitude = h.attitudes(w.frame)
    matrix = w.map_to_sky(3, CHIP_GRID, attitude)
    truth = w.plane.chip_to_sky(3, 77.0, 990.0, attitude, w.frame)
    np.testing.assert_allclose(apply(matrix, 76.5, 989.5), truth, atol=1e-8)
    back = apply(w.sky_to_map(3, CHIP_GRID, attitude), *truth)
    np.testing.assert_allclose(back, np.broadcast_to([[76.5], [989.5]], np.shape(back)), atol=1e-7)


@pytest.mark.parametrize("place", [(1.0, 600.0), (300.0, 400.0), (515.0, 700.0), (1024.0, 1024.0)])
@pytest.mark.parametrize("method", ["gather", "shift"])
def test_edges_columns_and_gaps_as_a_monte_carlo_says(place: tuple[float, float], method: str) -> None:
    w, m, s = view(), a_map(), solution()
    grid = parse_xygrid(around(*place, half=36, width=6.0))
    result = exposure_map([m], histogram(), w, grid, method).full() / 8000.0
    rng = np.random.default_rng(11)
    n = 400_000
    x, y = (rng.uniform(a.low, a.high, n) for a in (grid.x, grid.y))
    k = rng.integers(0, len(s), n)
    each = Attitude(*(getattr(s, c)[k] for c in ("ra", "dec", "roll", "dy", "dz", "dtheta")))
    at = w.plane.sky_to_chip(x, y, each, w.frame, 3)
    u, v = (np.floor(c - 0.5).astype(int) for c in (at.chipx, at.chipy))
    on = (u >= 0) & (u < 1024) & (v >= 0) & (v < 1024)
    value = np.where(on, m.data[np.clip(v, 0, 1023), np.clip(u, 0, 1023)], 0.0)
    cell = ((y - grid.y.low) // 6).astype(int) * 12 + ((x - grid.x.low) // 6).astype(int)
    count = np.bincount(cell, minlength=144)
    truth = np.bincount(cell, value, minlength=144) / count
    error = np.sqrt(np.maximum(np.bincount(cell, value**2, minlength=144) / count - truth**2, 1.0) / count)
    pull = (result.ravel() - truth) / np.hypot(error, 0.004 * 400)
    assert np.abs(pull).max() < 4.5
    assert result.sum() == pytest.approx(truth.sum(), rel=0.005)


@pytest.mark.parametrize("place", [(150.0, 800.0), (1.0, 600.0), (300.0, 400.0), (515.0, 700.0), (1024.0, 1.0)])
def test_gathering_and_shifting_agree(place: tuple[float, float]) -> None:
    one = InstrumentMap(3, CHIP_GRID, np.where(a_map().data > 0, a_map().data, 0).astype(np.float32))
    grid = parse_xygrid(around(*place))
    a, b = (exposure_map([one], histogram(), view(), grid, method).full() for method in ("gather", "shift"))
    difference = np.abs(a - b) / a.max()
    assert np.percentile(difference, 99) < 0.01
    assert a.sum(dtype=float) == pytest.approx(b.sum(dtype=float), rel=2e-3)


def test_away_from_edges_both_ways_agree_to_a_thousandth() -> None:
    y, x = np.mgrid[:1024, :1024]
    smooth = InstrumentMap(3, CHIP_GRID, (400 - 0.1 * x - 1e-4 * (y - 300.0) ** 2).astype(np.float32))
    grid = parse_xygrid(around(200, 700))
    a, b = (exposure_map([smooth], histogram(), view(), grid, method).full() for method in ("gather", "shift"))
    assert np.abs(a - b).max() < 1e-3 * a.max()


def test_further_bands_are_what_they_would_be_alone() -> None:
    first = a_map()
    y, x = np.mgrid[:1024, :1024]
    second = InstrumentMap(3, CHIP_GRID, (first.data * (0.5 - 1e-4 * x + 5e-5 * y)).astype(np.float32))
    rough = InstrumentMap(3, CHIP_GRID, (first.data * (1 + 0.3 * ((x // 5 + y // 5) % 2))).astype(np.float32))
    for place in ((1.0, 600.0), (515.0, 700.0), (100.0, 100.0)):
        grid = parse_xygrid(around(*place))
        for method in ("shift", "gather") if place[0] == 515.0 else ("shift",):
            together = exposure_map([first, second, rough], histogram(), view(), grid, method)
            for band, alone in enumerate((first, second, rough)):
                truth = exposure_map([alone], histogram(), view(), grid, method).full()
                assert truth.max() > 0 and np.array_equal(together.full(band), truth)


def test_a_band_of_nothing_is_nothing() -> None:
    empty = InstrumentMap(3, CHIP_GRID, np.zeros((1024, 1024), np.float32))
    grid = parse_xygrid(around(500, 500))
    for maps in ([empty], [a_map(), empty], [empty, a_map()]):
        for k, m in enumerate(maps):
            data = exposure_map(maps, histogram(), view(), grid, "shift").full(k)
            assert (data.max() > 0) == (m.data.max() > 0)


def test_threads_and_grid_offsets_do_not_change_the_numbers() -> None:
    grid = parse_xygrid(around(300, 400, 60))
    a, b = (exposure_map([a_map()], histogram(), view(), grid, "shift", nproc=n).full() for n in (1, 3))
    np.testing.assert_array_equal(a, b)
    wider = exposure_map([a_map()], histogram(), view(), parse_xygrid(around(300, 400, 80)), "shift").full()
    np.testing.assert_array_equal(a, wider[20:-20, 20:-20])


def test_wide_pixels_are_means_of_narrow_ones() -> None:
    fine = exposure_map([a_map()], histogram(), view(), parse_xygrid(around(300, 400, 40)), "shift").full()
    wide = exposure_map([a_map()], histogram(), view(), parse_xygrid(around(300, 400, 40, 8.0)), "shift").full()
    np.testing.assert_allclose(wide, fine.reshape(10, 8, 10, 8).mean(axis=(1, 3)), rtol=0.004)


def test_total_exposure_is_area_times_time() -> None:
    flat = InstrumentMap(3, CHIP_GRID, np.full((1024, 1024), 2.0, np.float32))
    result = exposure_map([flat], histogram(), view(), parse_xygrid("0.5:8192.5:#1024,0.5:8192.5:#1024"))
    assert result.method == "shift"
    assert result.data[0].max() == pytest.approx(2.0 * 8000, rel=1e-5)
    assert result.normalized().data[0].max() == pytest.approx(2.0, rel=1e-5)
    # The area of the chip's outline on the sky.
    x, y = np.array([sky_of(u, v) for u, v in ((0.5, 0.5), (1024.5, 0.5), (1024.5, 1024.5), (0.5, 1024.5))]).T
    outline = 0.5 * abs(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1)))
    pixels = float(result.full().sum(dtype=float)) * 64 / (2.0 * 8000)
    assert pixels == pytest.approx(outline, rel=1e-4)


def test_one_attitude_is_gathered_and_sharp() -> None:
    flat = InstrumentMap(3, CHIP_GRID, np.ones((1024, 1024), np.float32))
    result = exposure_map([flat], histogram().mean(), view(), parse_xygrid(around(1, 600)))
    assert result.method == "gather"
    assert set(np.unique(result.full())) <= {0.0, np.float32(8000.0)}


def test_large_rolls_are_gathered() -> None:
    h = AspectHistogram(np.zeros(40), np.zeros(40), np.linspace(-20, 20, 40), np.ones(40))
    flat = InstrumentMap(3, CHIP_GRID, np.ones((1024, 1024), np.float32))
    result = exposure_map([flat], h, view(), parse_xygrid(around(512, 512, 10)))
    assert result.method == "gather"


def test_binned_chip_maps() -> None:
    fine = a_map()
    coarse = InstrumentMap(
        3, parse_pixelgrid("1:1024:#256,1:1024:#256"), fine.data.reshape(256, 4, 256, 4).mean(axis=(1, 3))
    )
    grid = parse_xygrid(around(700, 700, 40, 8.0))
    a, b = (exposure_map([m], histogram(), view(), grid).full() for m in (fine, coarse))
    np.testing.assert_allclose(a, b, rtol=0.01)


def test_errors_and_no_overlap() -> None:
    grid = parse_xygrid("1:100:#10,1:100:#10")
    result = exposure_map([a_map()], histogram(), view(), grid)
    assert result.method == "none"
    assert not result.full().any()
    with pytest.raises(DataError, match="no instrument map"):
        exposure_map([], histogram(), view(), grid)
    other = InstrumentMap(2, CHIP_GRID, a_map().data)
    with pytest.raises(DataError, match="different chips"):
        exposure_map([a_map(), other], histogram(), view(), grid)
    none = AspectHistogram(*(np.zeros(0) for _ in range(4)))
    with pytest.raises(DataError, match="no time"):
        exposure_map([a_map()], none, view(), grid)
