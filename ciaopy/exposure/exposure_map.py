"""Exposure maps: the instrument maps of one chip, moved over the sky with the telescope.

``E(X) = sum_a duration_a I(chip position of X at attitude a)``, I constant within a chip pixel and 0 off the chip; the
mean over the pixel where the pixels of the sky grid are wider than those of the chip. Three ways:

* *gather*: the sum as it stands, every sky position at every attitude through the exact projection.
* *shift*: the sum in the plane of the chip as the mean attitude sees it. Within a tile of the chip an attitude is a
  displacement, so that each one adds the map moved by whole pixels; tiles are so small that roll and distortion change
  the displacement by less than `TILE_ERROR` pixels inside them. The result stands on a lattice of half chip pixels
  (whole ones for sky pixels of 2 chip pixels and more) and is laid on the sky through the exact projection. It differs
  from gathering by the interpolation in the lattice alone: at edges, by a fraction of what one bin adds.

* *differences*: the sums of *shift* for maps whose layers are known, from the few places where they are not linear
  (`ciaopy.exposure.differences`): the same numbers but for rounding, and a further band costs half as much.

Several bands of one chip share the projections and the displacements; no band sees another, so that its map is the
same, bit by bit, whichever bands are made with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ciaopy.errors import DataError
from ciaopy.exposure.aspect_histogram import AspectHistogram
from ciaopy.exposure.differences import SkyPart, difference_maps
from ciaopy.exposure.grids import PixelGrid
from ciaopy.exposure.instrument_map import InstrumentMap
from ciaopy.exposure.projection import SkyView, apply
from ciaopy.exposure.shifts import ShiftPlan, shifted_lattices
from ciaopy.kernels import exposure as kernels
from ciaopy.kernels import map_blocks

__all__ = ["ExposureMaps", "exposure_map"]

FloatArray = NDArray[np.float64]
Image32 = NDArray[np.float32]

# Rows of the sky grid per task.
ROWS = 64
# Cost of one step of each way, in the same unit (measured: benchmarks/exposure.py).
GATHER_COST, SHIFT_COST = 30.0, 1.0
# From so many attitudes on the differences of a map are cheaper than the map; the same for any number of bands.
MANY_ATTITUDES = 32
# Smallest tile (chip pixels) worth shifting.
LEAST_TILE = 16


@dataclass(frozen=True)
class ExposureMaps:
    """Exposure maps of one chip, one per band, on the part of the sky grid that the chip reaches.

    Attributes
    ----------
    grid : PixelGrid
        The whole sky grid.
    first_row, first_column : int
        Place of the part in the grid, from 0.
    data : tuple of float32 arrays, shape (rows, columns)
        Per band; unit of the instrument map times s. Shape (0, 0) where the chip misses the grid.
    method : str
        What was done: `gather`, `shift`, `differences` (one band at least), or `none` (no overlap).
    exposure : float
        Sum of the durations, s.
    """

    grid: PixelGrid
    first_row: int
    first_column: int
    data: tuple[Image32, ...]
    method: str
    exposure: float

    def full(self, band: int = 0) -> Image32:
        """Return one band on the whole grid."""
        image = np.zeros(self.grid.shape, np.float32)
        image[self._place(band)] = self.data[band]
        return image

    def add_to(self, image: NDArray[np.floating], band: int = 0) -> None:
        """Add one band to an image of the shape of the whole grid, in place."""
        image[self._place(band)] += self.data[band]

    def _place(self, band: int) -> tuple[slice, slice]:
        rows, columns = self.data[band].shape
        return (
            slice(self.first_row, self.first_row + rows),
            slice(self.first_column, self.first_column + columns),
        )

    def normalized(self) -> ExposureMaps:
        """Return the maps divided by the exposure time."""
        parts = tuple(np.asarray(d / np.float32(self.exposure), np.float32) for d in self.data)
        return ExposureMaps(self.grid, self.first_row, self.first_column, parts, self.method, self.exposure)


@dataclass(frozen=True)
class _Target:
    """The part of the sky grid to fill: sub-sampled positions and the projection to the map at the mean pointing."""

    rows: slice
    columns: slice
    sub: int
    xs: FloatArray
    ys: FloatArray
    matrix: FloatArray

    @property
    def shape(self) -> tuple[int, int]:
        return self.rows.stop - self.rows.start, self.columns.stop - self.columns.start


def exposure_map(
    maps: Sequence[InstrumentMap],
    histogram: AspectHistogram,
    view: SkyView,
    grid: PixelGrid,
    method: str = "auto",
    nproc: int | None = None,
) -> ExposureMaps:
    """Make the exposure maps of one chip in one or several bands.

    Parameters
    ----------
    maps : sequence of InstrumentMap
        Same chip, same grid.
    histogram : AspectHistogram
        Of that chip (its good times).
    view : SkyView
        Focal plane and sky frame.
    grid : PixelGrid
        Sky pixels, any range and width.
    method : {'auto', 'gather', 'shift', 'differences'}
        `auto` gathers few attitudes, and large ones in roll; shifts for some, differences for many. Maps that are not
        known to be made of layers, or are nowhere linear, are summed by shifts even so.
    nproc : int, optional
        Threads. The result does not depend on it.

    Returns
    -------
    ExposureMaps

    Raises
    ------
    DataError
        No map, maps of different chips or grids, or an empty histogram.
    """
    chip, chip_grid = _common(maps)
    if not (len(histogram) and histogram.total > 0):
        raise DataError("exposure map: the aspect histogram holds no time")
    matrices, matrix, forward = view.histogram_matrices(chip, chip_grid, histogram)
    plan = ShiftPlan.make(matrices, matrix, forward, chip_grid.shape)
    target = _target(grid, view, histogram, chip, chip_grid, matrix)
    if target is None:
        nothing = tuple(np.zeros((0, 0), np.float32) for _ in maps)
        return ExposureMaps(grid, 0, 0, nothing, "none", histogram.total)
    if method == "auto":
        positions = target.xs.size * target.ys.size * len(histogram)
        lattice = plan.cells * (4 if target.sub == 1 else 1)
        cheap = positions * GATHER_COST < lattice * SHIFT_COST
        many = "differences" if len(histogram) >= MANY_ATTITUDES else "shift"
        method = "gather" if cheap or plan.tile < LEAST_TILE else many
    if method == "gather":
        data = _gathered(maps, matrices, histogram, plan, target, nproc)
    else:
        method, data = _summed(maps, histogram, plan, target, method, nproc)
    return ExposureMaps(grid, target.rows.start, target.columns.start, data, method, histogram.total)


def _common(maps: Sequence[InstrumentMap]) -> tuple[int, PixelGrid]:
    if not maps:
        raise DataError("exposure map: no instrument map given")
    if any(m.chip != maps[0].chip or m.grid != maps[0].grid for m in maps):
        raise DataError("exposure map: the instrument maps are of different chips or grids; make one call per chip")
    return maps[0].chip, maps[0].grid


def _target(
    grid: PixelGrid,
    view: SkyView,
    histogram: AspectHistogram,
    chip: int,
    chip_grid: PixelGrid,
    matrix: FloatArray,
) -> _Target | None:
    """Return the part of the grid that the chip reaches at some attitude, or None."""
    ny, nx = chip_grid.shape
    corners = np.array([(0.0, 0.0), (nx, 0.0), (nx, ny), (0.0, ny)])
    outward = view.map_to_sky(chip, chip_grid, histogram.attitudes(view.frame))
    x, y = apply(outward[:, None], corners[None, :, 0], corners[None, :, 1])
    spans = []
    for axis, values in ((grid.x, x), (grid.y, y)):
        low, high = ((v - axis.low) / axis.step for v in (values.min(), values.max()))
        start, stop = max(int(np.floor(low)), 0), min(int(np.ceil(high)), axis.count)
        if stop <= start:
            return None
        spans.append(slice(start, stop))
    columns, rows = spans
    wide = np.sqrt(grid.x.step * grid.y.step / abs(np.linalg.det(_jacobian(outward[0], nx, ny))))
    sub = 1 if wide < 1.25 else int(np.ceil(wide - 0.05))
    part_x, part_y = grid.x.slice(columns.start, columns.stop), grid.y.slice(rows.start, rows.stop)
    fine = [type(a)(a.low, a.high, a.count * sub).centres() for a in (part_x, part_y)]
    return _Target(rows, columns, sub, fine[0], fine[1], matrix)


def _jacobian(matrix: FloatArray, nx: int, ny: int) -> FloatArray:
    """Return the change of the sky position per map pixel at the middle of the map, shape (2, 2)."""
    u, v = nx / 2 + np.array([0.0, 1.0, 0.0]), ny / 2 + np.array([0.0, 0.0, 1.0])
    x, y = apply(matrix, u, v)
    return np.array([[x[1] - x[0], x[2] - x[0]], [y[1] - y[0], y[2] - y[0]]])


def _gathered(
    maps: Sequence[InstrumentMap],
    matrices: FloatArray,
    histogram: AspectHistogram,
    plan: ShiftPlan,
    target: _Target,
    nproc: int | None,
) -> tuple[Image32, ...]:
    stack = np.ascontiguousarray(np.stack([m.data for m in maps], axis=-1), np.float32)
    out = np.empty((*target.shape, len(maps)), np.float32)

    def task(rows: slice) -> None:
        ys = target.ys[rows.start * target.sub : rows.stop * target.sub]
        kernels.gather(
            stack, matrices, histogram.duration, target.matrix, plan.reach, target.xs, ys, target.sub, out[rows]
        )

    map_blocks(task, target.shape[0], nproc, ROWS)
    return tuple(np.ascontiguousarray(out[:, :, b]) for b in range(len(maps)))


def _summed(
    maps: Sequence[InstrumentMap],
    histogram: AspectHistogram,
    plan: ShiftPlan,
    target: _Target,
    method: str,
    nproc: int | None,
) -> tuple[str, tuple[Image32, ...]]:
    """Return what was done and the maps: by differences those that can be, the others by shifts."""
    done: dict[int, Image32] = {}
    if method == "differences":
        part = SkyPart(target.shape, target.sub, target.xs, target.ys)
        done = difference_maps(maps, histogram.duration, plan, part, nproc)
    made = "differences" if done else "shift"
    rest = [b for b in range(len(maps)) if b not in done]
    if rest:
        done.update(zip(rest, _shifted([maps[b] for b in rest], histogram, plan, target, nproc), strict=True))
    return made, tuple(done[b] for b in range(len(maps)))


def _shifted(
    maps: Sequence[InstrumentMap], histogram: AspectHistogram, plan: ShiftPlan, target: _Target, nproc: int | None
) -> tuple[Image32, ...]:
    per_pixel = 2 if target.sub == 1 else 1
    lattices = shifted_lattices([m.data for m in maps], histogram.duration, plan, per_pixel, nproc)
    results = [np.empty(target.shape, np.float32) for _ in maps]

    def task(rows: slice) -> None:
        ys = target.ys[rows.start * target.sub : rows.stop * target.sub]
        for lattice, out in zip(lattices, results, strict=True):
            kernels.lay_on_sky(lattice, plan.margin, per_pixel, target.matrix, target.xs, ys, target.sub, out[rows])

    map_blocks(task, target.shape[0], nproc, ROWS)
    return tuple(results)
