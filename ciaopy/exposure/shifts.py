"""Sums of a chip map over displacements, tile by tile: the inner part of method `shift` of exposure maps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ciaopy.exposure.projection import apply
from ciaopy.kernels import exposure as kernels
from ciaopy.kernels import map_blocks

__all__ = ["ShiftPlan", "shifted_lattices"]

FloatArray = NDArray[np.float64]
Image32 = NDArray[np.float32]

# How far (map pixels) the displacement may change from the middle of a tile to its corner.
TILE_ERROR = 0.04
WIDEST_TILE = 256


@dataclass(frozen=True)
class ShiftPlan:
    """Displacements of a map at every attitude, as the mean attitude sees it.

    Attributes
    ----------
    shape : (int, int)
        Of the map, (ny, nx).
    margin : int
        Map pixels around the map that its displaced copies may reach.
    tile : int
        Width of a tile, map pixels.
    matrices, matrix, forward : float64 arrays, shapes (n, 3, 3), (3, 3), (3, 3)
        Sky to map per attitude and for the mean one, and the inverse of the latter.
    """

    shape: tuple[int, int]
    margin: int
    tile: int
    matrices: FloatArray
    matrix: FloatArray
    forward: FloatArray

    @classmethod
    def make(cls, matrices: FloatArray, matrix: FloatArray, forward: FloatArray, shape: tuple[int, int]) -> ShiftPlan:
        """Measure the displacements at the middle, edges and corners of a map, and choose the tiles.

        Parameters
        ----------
        matrices : float64 array, shape (bins, ...)
            Projections of each aspect bin.
        matrix, forward : float64 arrays
            Projections of the mean pointing: sky to map, map to sky.
        shape : (int, int)
            Rows and columns of the map.
        """
        ny, nx = shape
        u, v = (a.ravel() for a in np.meshgrid(np.linspace(0, nx, 3), np.linspace(0, ny, 3)))
        x, y = apply(forward, u, v)
        q, r = apply(matrices[:, None], x[None], y[None])
        du, dv = q - u, r - v
        margin = int(np.ceil(max(np.abs(du).max(), np.abs(dv).max()))) + 2
        # Change of the displacement per map pixel, from one side of the map to the other.
        slope = max(float(np.ptp(d, axis=1).max()) for d in (du, dv)) / max(min(nx, ny), 1)
        tile = WIDEST_TILE if slope == 0 else int(min(max(np.sqrt(2.0) * TILE_ERROR / slope, 1.0), WIDEST_TILE))
        return cls(shape, margin, tile, matrices, matrix, forward)

    @property
    def reach(self) -> float:
        """Largest displacement, map pixels, rounded up."""
        return float(self.margin)

    @property
    def cells(self) -> int:
        """Additions of method `shift` on a lattice of whole map pixels."""
        return (self.shape[0] + 2 * self.margin) * (self.shape[1] + 2 * self.margin) * len(self.matrices)

    def displacements(self, u: float, v: float) -> tuple[FloatArray, FloatArray]:
        """Return the displacement at every attitude of the map position (u, v), map pixels."""
        x, y = apply(self.forward, u, v)
        q, r = apply(self.matrices, x, y)
        return q - u, r - v


def shifted_lattices(
    maps: Sequence[Image32], duration: FloatArray, plan: ShiftPlan, per_pixel: int, nproc: int | None = None
) -> list[Image32]:
    """Return the sums of maps over all attitudes on a lattice in their plane; the displacements are computed once.

    Parameters
    ----------
    maps : sequence of float32 arrays, shape (ny, nx)
        Constant within a pixel, 0 outside.
    duration : float64 array, shape (n,)
        Weight of every attitude.
    plan : ShiftPlan
        Made for these attitudes and that shape.
    per_pixel : int
        Lattice points per map pixel and axis.
    nproc : int, optional
        Threads.

    Returns
    -------
    list of float32 arrays, shape ((ny + 2 margin) per_pixel, (nx + 2 margin) per_pixel)
        Per map. Point l stands at the map position ``(l + 0.5) / per_pixel - margin``.
    """
    margin, (ny, nx) = plan.margin, plan.shape
    padded = [np.pad(data, 2 * margin) for data in maps]
    rows, columns = ny + 2 * margin, nx + 2 * margin
    lattices = [np.empty((rows * per_pixel, columns * per_pixel), np.float32) for _ in maps]
    tiles = [(i, j) for i in range(0, rows, plan.tile) for j in range(0, columns, plan.tile)]

    def task(part: slice) -> None:
        for i, j in tiles[part]:
            height, width = min(plan.tile, rows - i), min(plan.tile, columns - j)
            du, dv = plan.displacements(j + width / 2 - margin, i + height / 2 - margin)
            out = np.empty((height, width), np.float32)
            for pv, pu in np.ndindex(per_pixel, per_pixel):
                down, right, weight = _whole(dv + (pv + 0.5) / per_pixel, du + (pu + 0.5) / per_pixel, duration)
                for source, lattice in zip(padded, lattices, strict=True):
                    kernels.shifted_sum(source, i + margin, j + margin, down, right, weight, out)
                    target = lattice[i * per_pixel + pv : (i + height) * per_pixel : per_pixel]
                    target[:, j * per_pixel + pu : (j + width) * per_pixel : per_pixel] = out

    map_blocks(task, len(tiles), nproc, 1)
    return lattices


def _whole(
    dv: FloatArray, du: FloatArray, weight: FloatArray
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
    """Return the displacements in whole pixels, equal ones joined, in order of row and column."""
    down, right = np.floor(dv).astype(np.int64), np.floor(du).astype(np.int64)
    low_down, low_right = int(down.min()), int(right.min())
    width = int(right.max()) - low_right + 1
    key = (down - low_down) * width + right - low_right
    total = np.bincount(key, weight)
    there = np.flatnonzero(total)
    return there // width + low_down, there % width + low_right, total[there].astype(np.float32)
