"""Exposure maps by differences: the numbers of the plain sums, at every kind of edge, and of each band alone."""

from __future__ import annotations

import numpy as np
import pytest
from exposure_helpers import CHIP_GRID, histogram, view
from test_exposure_map import around

from ciaopy.exposure import (
    AspectHistogram,
    ExposureMaps,
    InstrumentMap,
    PixelGrid,
    exposure_map,
    parse_pixelgrid,
    parse_xygrid,
)
from ciaopy.exposure.instrument_map import NODES, Layer
from ciaopy.exposure.shifts import TILE_ERROR


def bilinear(nodes: np.ndarray, grid: PixelGrid) -> np.ndarray:
    """Return values at pixel centres, linear between nodes."""
    rows, columns = ((np.arange(n) + 0.5) / n * (NODES - 1) for n in grid.shape)
    at = np.arange(NODES)
    along_x = np.stack([np.interp(columns, at, line) for line in nodes])
    return np.stack([np.interp(rows, at, along_x[:, k]) for k in range(along_x.shape[1])], axis=1)


def made(grid: PixelGrid, layers: list[Layer]) -> InstrumentMap:
    data = sum(bilinear(layer.smooth, grid) * layer.rough(grid) for layer in layers)
    return InstrumentMap(3, grid, np.asarray(data, np.float32), tuple(layers))


def smooth(seed: int, kink: float = 0.1) -> np.ndarray:
    """Return a field with slopes, a cone and some noise: nothing of it is a polynomial."""
    y, x = np.mgrid[:NODES, :NODES] / (NODES - 1)
    rng = np.random.default_rng(seed)
    cone = kink * np.hypot(x - 0.4, y - 0.55)
    return 300.0 * (1 - 0.2 * x + 0.1 * y * x - cone + 1e-3 * rng.normal(size=(NODES, NODES)))


def holes(grid: PixelGrid, bad: int = 300) -> np.ndarray:
    """Return a rough map: window, columns, bad pixels, a region read out every third time."""
    factor = np.ones(grid.shape, np.float32)
    ny, nx = grid.shape
    factor[:2], factor[-1:], factor[:, :1], factor[:, -3:] = 0, 0, 0, 0
    factor[:, nx // 3], factor[:, nx // 2 : nx // 2 + 7], factor[ny // 2 :, nx // 5] = 0, 0, 0
    factor[ny // 4 : ny // 3, nx // 4 : nx // 3] = np.float32(1 / 3)
    rng = np.random.default_rng(8)
    factor[rng.integers(0, ny, bad), rng.integers(0, nx, bad)] = 0
    return factor


def both(m: InstrumentMap, grid: PixelGrid, h: AspectHistogram | None = None) -> tuple[np.ndarray, np.ndarray]:
    results = [exposure_map([m], h or histogram(), view(), grid, way) for way in ("shift", "differences")]
    assert [r.method for r in results] == ["shift", "differences"]
    return results[0].full(), results[1].full()


def check(m: InstrumentMap, grid: PixelGrid) -> None:
    """The same numbers but for rounding, zeros included; at the seams of tiles, what a tile may be off."""
    plain, mine = both(m, grid)
    apart = np.abs(mine - plain) / plain.max()
    assert np.median(apart[plain > 0]) < 3e-7
    assert np.percentile(apart, 99) < 2e-6
    assert apart.max() < TILE_ERROR / 4
    assert mine.sum(dtype=float) == pytest.approx(plain.sum(dtype=float), rel=1e-6)
    np.testing.assert_array_equal(mine == 0, plain == 0)
    assert (mine >= 0).all()


@pytest.mark.parametrize("place", [(340.0, 400.0), (515.0, 700.0), (1.0, 600.0), (1024.0, 1024.0), (300.0, 300.0)])
def test_fine_pixels(place: tuple[float, float]) -> None:
    check(made(CHIP_GRID, [Layer(smooth(1), None, (0, 0), holes(CHIP_GRID))]), parse_xygrid(around(*place, half=70)))


def test_the_whole_chip_in_wide_pixels() -> None:
    grid = parse_xygrid("0.5:8192.5:#1024,0.5:8192.5:#1024")
    check(made(CHIP_GRID, [Layer(smooth(1), None, (0, 0), holes(CHIP_GRID))]), grid)


def test_blocks_of_uniformity_and_several_layers() -> None:
    blocks = 0.9 + 0.1 * np.random.default_rng(2).random((2, 32, 16))
    factor = holes(CHIP_GRID)
    layers = [Layer(smooth(k), block, (1024, 1024), factor) for k, block in enumerate(blocks)]
    check(made(CHIP_GRID, layers), parse_xygrid(around(515.0, 700.0, half=70)))


def test_binned_chip_maps_without_holes() -> None:
    grid = parse_pixelgrid("1:1024:#512,1:1024:#512")
    check(made(grid, [Layer(smooth(4), None, (0, 0), None)]), parse_xygrid(around(1.0, 1.0, half=60, width=2.0)))


def test_away_from_seams_only_rounding_is_left() -> None:
    m = made(CHIP_GRID, [Layer(smooth(1), None, (0, 0), holes(CHIP_GRID))])
    plain, mine = both(m, parse_xygrid(around(340.0, 360.0, half=60)))
    assert np.abs(mine - plain).max() < 2e-6 * plain.max()


def test_a_band_does_not_know_of_the_others() -> None:
    factor = holes(CHIP_GRID)
    maps = [
        made(CHIP_GRID, [Layer(smooth(k, kink), None, (0, 0), factor)]) for k, kink in ((1, 0.1), (2, 0.3), (3, 0.0))
    ]
    maps.append(InstrumentMap(3, CHIP_GRID, maps[0].data))  # of unknown layers
    for grid in (parse_xygrid(around(515.0, 700.0)), parse_xygrid(around(1.0, 600.0, width=8.0))):
        together = exposure_map(maps, histogram(), view(), grid, "differences")
        for band, alone in enumerate(maps):
            truth = exposure_map([alone], histogram(), view(), grid, "differences")
            assert truth.data[0].max() > 0
            np.testing.assert_array_equal(together.full(band), truth.full())


def test_threads_and_grids_do_not_change_the_numbers() -> None:
    m = made(CHIP_GRID, [Layer(smooth(1), None, (0, 0), holes(CHIP_GRID))])

    def result(half: int, nproc: int) -> ExposureMaps:
        return exposure_map([m], histogram(), view(), parse_xygrid(around(300, 400, half)), "differences", nproc)

    a, b, wider = result(60, 1).full(), result(60, 3).full(), result(80, 2).full()
    np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(a, wider[20:-20, 20:-20])


def test_noise_is_no_layer() -> None:
    rough = np.random.default_rng(6).random(CHIP_GRID.shape).astype(np.float32)
    m = made(CHIP_GRID, [Layer(smooth(1), None, (0, 0), rough)])
    assert exposure_map([m], histogram(), view(), parse_xygrid(around(500, 500)), "differences").method == "shift"


def test_many_attitudes_are_summed_by_differences_and_few_are_not() -> None:
    m = made(CHIP_GRID, [Layer(smooth(1), None, (0, 0), None)])
    grid = parse_xygrid("0.5:8192.5:#1024,0.5:8192.5:#1024")
    h = histogram()
    few = AspectHistogram(h.x_off[:20], h.y_off[:20], h.roll_off[:20], h.duration[:20])
    assert [exposure_map([m], w, view(), grid).method for w in (h, few)] == ["differences", "shift"]
