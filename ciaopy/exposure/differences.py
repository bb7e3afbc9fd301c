"""Exposure maps by differences: the sums of `ciaopy.exposure.shifts`, from the few places where a map is not linear.

An instrument map is a sum of layers: a smooth field, linear between nodes, times a rough map (windows, bad pixels,
blocks of QEU). Its second differences along both axes are 0 but at nodes and at edges of the rough map. Every
displacement moves these few, and two sums along each axis give what all displaced maps add up to: the same numbers as
adding the maps themselves, but for rounding, below 1e-6 of the greatest value. Where two tiles meet, each uses its own
displacements up to the seam, and `shifts` draws a line between them: they may differ by what `TILE_ERROR` allows. All
bands share the displacements and the places of the differences; no number of one band is used for another.

What no displacement brings onto the rough map is 0: that is counted in whole numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ciaopy.exposure.projection import apply
from ciaopy.exposure.shifts import ShiftPlan
from ciaopy.kernels import exposure_differences as kernels
from ciaopy.kernels import map_blocks

if TYPE_CHECKING:
    from ciaopy.exposure.instrument_map import InstrumentMap, Layer

__all__ = ["SkyPart", "difference_maps"]

FloatArray = NDArray[np.float64]
Image32 = NDArray[np.float32]
Tile = tuple[int, int, int, int]

# A layer with differences at more than this share of its pixels is not worth the trouble.
MOST_PLACES = 0.1
# Differences below this share of the greatest value are rounding: a stencil of 16 times the last digit.
ROUNDING = 4e-15


@dataclass(frozen=True)
class SkyPart:
    """Part of a sky grid.

    Attributes
    ----------
    shape : (int, int)
        Pixels, rows and columns.
    sub : int
        Positions per pixel and axis.
    xs, ys : float64 arrays, shapes (columns sub,), (rows sub,)
        Sky positions.
    """

    shape: tuple[int, int]
    sub: int
    xs: FloatArray
    ys: FloatArray


def difference_maps(
    maps: Sequence[InstrumentMap], duration: FloatArray, plan: ShiftPlan, part: SkyPart, nproc: int | None = None
) -> dict[int, Image32]:
    """Return exposure maps on a part of the sky, by the place of their map.

    Parameters
    ----------
    maps : sequence of InstrumentMap
        Those without layers, and those with too many differences, are left out.
    duration : float64 array, shape (n,)
        Weight of every attitude.
    plan : ShiftPlan
        Made for these attitudes and the shape of the maps.
    part : SkyPart
    nproc : int, optional
        Threads. The result does not depend on it.

    Returns
    -------
    dict of int to float32 array, shape ``part.shape``
    """
    families: dict[tuple[tuple[int, int], ...], list[int]] = {}
    for band, instmap in enumerate(maps):
        if instmap.layers:
            families.setdefault(tuple(layer.rough_key for layer in instmap.layers), []).append(band)
    done: dict[int, Image32] = {}
    for bands in families.values():
        layers = [
            _Layer.of([maps[b].layers[k] for b in bands], maps[bands[0]]) for k in range(len(maps[bands[0]].layers))
        ]
        found = [layer for layer in layers if layer is not None]
        if len(found) == len(layers):
            results = [np.zeros(part.shape, np.float32) for _ in bands]
            _lay(_Job(found, duration, plan, part), results, nproc)
            done.update(zip(bands, results, strict=True))
    return done


def _lay(job: _Job, results: list[Image32], nproc: int | None) -> None:
    """Add what the tiles of a job give to the maps of its bands, in order of the tiles."""
    tiles = job.tiles()
    step = max(2 * (nproc or 1), 4)
    for start in range(0, len(tiles), step):
        group = tiles[start : start + step]
        for rows, columns, data in map_blocks(partial(job.run, group), len(group), nproc, 1):
            for image, piece in zip(results, data, strict=True):
                image[rows, columns] += piece


@dataclass(frozen=True)
class _Layer:
    """Fields of several bands times one rough map, with the differences of the products.

    Attributes
    ----------
    fields, rough, node_y, part_y, node_x, part_x, least, rows, place, value
        As the kernels take them.
    """

    fields: FloatArray
    rough: Image32
    node_y: NDArray[np.int64]
    part_y: FloatArray
    node_x: NDArray[np.int64]
    part_x: FloatArray
    least: FloatArray
    rows: NDArray[np.int64]
    place: NDArray[np.int64]
    value: FloatArray

    @classmethod
    def of(cls, layers: Sequence[Layer], instmap: InstrumentMap) -> _Layer | None:
        """Make it of layers with one rough map; None where it has too many differences."""
        rough = np.ascontiguousarray(layers[0].rough(instmap.grid), np.float32)
        fields = np.ascontiguousarray(np.stack([layer.smooth for layer in layers]), np.float64)
        (ny, nx), (nodes_y, nodes_x) = rough.shape, fields.shape[1:]
        common = (fields, rough, *_between(ny, nodes_y), *_between(nx, nodes_x))
        least = ROUNDING * np.abs(fields).max(axis=(1, 2)) * max(float(np.abs(rough).max(initial=0.0)), 0.0)
        room = int(MOST_PLACES * rough.size) + 16 * (nx + ny)
        rows, place, value = np.empty(ny + 3, np.int64), np.empty(room, np.int64), np.empty((room, len(fields)))
        count = kernels.differences(*common, least, rows, place, value)
        return None if count < 0 else cls(*common, least, rows, place[:count].copy(), value[:count].copy())

    @property
    def arrays(self) -> tuple[NDArray[np.generic], ...]:
        """What the kernels of differences take, in order."""
        common = (self.fields, self.rough, self.node_y, self.part_y, self.node_x, self.part_x)
        return (*common, self.least, self.rows, self.place, self.value)

    def within(self, window: tuple[int, int, int, int]) -> tuple[NDArray[np.int64], FloatArray]:
        """Return places (n, 2) and values (n, bands) of the differences of what begins with a window."""
        row0, row1, column0, column1 = window
        room = int(self.rows[max(row1, row0)] - self.rows[row0]) + 2 * (row1 - row0 + column1 - column0) + 16
        found, amount = np.empty((room, 2), np.int64), np.empty((room, len(self.fields)))
        count = kernels.within(*self.arrays, window, found, amount)
        return found[:count], amount[:count]


def _between(count: int, nodes: int) -> tuple[NDArray[np.int64], FloatArray]:
    """Return the node before each pixel's centre, and its distance from that node."""
    place = (np.arange(count) + 0.5) / count * (nodes - 1)
    node = np.minimum(place.astype(np.int64), nodes - 2)
    return node, place - node


@dataclass(frozen=True)
class _Stamp:
    """The displacements, in whole pixels, from the lattice points of one phase.

    Attributes
    ----------
    phase : (int, int)
        Row and column of the lattice points within a map pixel.
    low : (int, int)
        Smallest displacement, rows and columns.
    weight : float64 array, shape (rows, columns)
        Time at each displacement, the largest one first: turned by half a turn.
    there : int32 array, shape (rows, columns)
        1 where there is time.
    """

    phase: tuple[int, int]
    low: tuple[int, int]
    weight: FloatArray
    there: NDArray[np.int32]

    @classmethod
    def of(cls, down: FloatArray, right: FloatArray, duration: FloatArray, phase: tuple[int, int]) -> _Stamp:
        """Make it of displacements from the lower edge of the pixel that holds the point."""
        whole = [np.floor(d).astype(np.int64) for d in (down, right)]
        low = (int(whole[0].min()), int(whole[1].min()))
        rows, columns = (int(d.max()) - a + 1 for d, a in zip(whole, low, strict=True))
        key = (whole[0] - low[0]) * columns + whole[1] - low[1]
        weight = np.bincount(key, duration, rows * columns).reshape(rows, columns)[::-1, ::-1]
        return cls(phase, low, np.ascontiguousarray(weight), np.ascontiguousarray(weight > 0, np.int32))


@dataclass(frozen=True)
class _Job:
    """The layers of some bands, to be summed and laid on the sky tile by tile."""

    layers: list[_Layer]
    duration: FloatArray
    plan: ShiftPlan
    part: SkyPart

    def tiles(self) -> list[Tile]:
        """Return the tiles (row, column, height, width) that cover the map and its margin, map pixels."""
        margin, (ny, nx), tile = self.plan.margin, self.plan.shape, self.plan.tile
        return [
            (i, j, min(tile, ny + margin - i), min(tile, nx + margin - j))
            for i in range(-margin, ny + margin, tile)
            for j in range(-margin, nx + margin, tile)
        ]

    def run(self, tiles: list[Tile], which: slice) -> tuple[slice, slice, Image32]:
        """Return the sky pixels (rows, columns) that one tile touches, and what it gives to them, per band."""
        tile, sub = tiles[which.start], self.part.sub
        rows, columns = self._under(tile)
        data = np.zeros((len(self.layers[0].fields), rows.stop - rows.start, columns.stop - columns.start), np.float32)
        if data.size:
            per_pixel = 2 if sub == 1 else 1
            lattice = self._lattice(tile, per_pixel)
            xs, ys = (
                self.part.xs[columns.start * sub : columns.stop * sub],
                self.part.ys[rows.start * sub : rows.stop * sub],
            )
            kernels.lay_tile(lattice, tile, per_pixel, self.plan.matrix, xs, ys, sub, data)
        return rows, columns, data

    def _lattice(self, tile: Tile, per_pixel: int) -> Image32:
        """Return the sums on a lattice that is one map pixel wider than a tile on all sides."""
        row, column, height, width = tile
        stamps = self._stamps(tile, per_pixel)
        low = [min(s.low[k] for s in stamps) for k in (0, 1)]
        high = [max(s.low[k] + s.weight.shape[k] - 1 for s in stamps) for k in (0, 1)]
        window = self._window(tile, low, high)
        places = [layer.within(window) for layer in self.layers]
        shape = (height + 2 + high[0] - low[0], width + 2 + high[1] - low[1])
        out = np.zeros(((height + 2) * per_pixel, (width + 2) * per_pixel, len(self.layers[0].fields)), np.float32)
        work, count, ramp = np.empty(shape), np.empty(shape, np.int32), np.empty((2, shape[1]))
        for stamp in stamps:
            # A displacement takes a difference back by it; the work image begins where the largest one takes the first.
            start = [
                a - 1 + low[k] + stamp.low[k] + stamp.weight.shape[k] - 1 - high[k] for k, a in enumerate((row, column))
            ]
            for found, amount in places:
                kernels.summed(found, amount, *start, stamp.weight, work, ramp, out, *stamp.phase, per_pixel)
            kernels.reached(self.support, *start, stamp.there, window, count, out, *stamp.phase, per_pixel)
        return out

    @cached_property
    def support(self) -> Image32:
        """Not 0 where any layer is not."""
        if len(self.layers) == 1:
            return self.layers[0].rough
        return np.asarray(np.any([layer.rough != 0 for layer in self.layers], axis=0), np.float32)

    def _stamps(self, tile: Tile, per_pixel: int) -> list[_Stamp]:
        """Return the displacements of a tile from each kind of lattice point."""
        row, column, height, width = tile
        du, dv = self.plan.displacements(column + width / 2, row + height / 2)
        return [
            _Stamp.of(dv + (pv + 0.5) / per_pixel, du + (pu + 0.5) / per_pixel, self.duration, (pv, pu))
            for pv, pu in np.ndindex(per_pixel, per_pixel)
        ]

    def _window(self, tile: Tile, low: list[int], high: list[int]) -> tuple[int, int, int, int]:
        """Return the rows and columns of differences that matter to a tile: from, to, from, to."""
        spans = []
        for start, size, count, k in (
            (tile[0], tile[2], self.plan.shape[0], 0),
            (tile[1], tile[3], self.plan.shape[1], 1),
        ):
            first = min(max(start - 1 + low[k], 0), count + 2)
            spans += [first, max(min(start + 1 + size + high[k], count + 2), first)]
        return spans[0], spans[1], spans[2], spans[3]

    def _under(self, tile: Tile) -> tuple[slice, slice]:
        """Return the rows and columns of sky pixels that a tile touches."""
        row, column, height, width = tile
        q = np.array([column, column + width, column, column + width], np.float64)
        r = np.array([row, row, row + height, row + height], np.float64)
        found = []
        for values, fine in zip(apply(self.plan.forward, q, r), (self.part.xs, self.part.ys), strict=True):
            step = fine[1] - fine[0] if fine.size > 1 else 1.0
            count, sub = fine.size // self.part.sub, self.part.sub
            low, high = ((v - fine[0]) / step for v in (values.min(), values.max()))
            start = min(max(int(np.floor(low)) // sub - 1, 0), count)
            found.append(slice(start, min(max(int(np.ceil(high)) // sub + 2, start), count)))
        return found[1], found[0]
