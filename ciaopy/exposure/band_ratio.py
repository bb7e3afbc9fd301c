"""Further bands of an exposure map from the first one: ratios of instrument maps on cells of the chip.

With I_b = R I_1 and R smooth, ``E_b = sum_a d_a R(c_a) I_1(c_a)`` is E_1 times the mean of R over the dither, weighted
with d_a I_1(c_a). That mean needs no fine grid: it is the ratio of the two sums made of maps on cells of a few pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ciaopy.exposure.aspect_histogram import AspectHistogram
from ciaopy.exposure.shifts import ShiftPlan
from ciaopy.kernels import exposure as kernels

__all__ = ["CELL", "RATIO_ERROR", "RatioFields", "ratio_fields"]

FloatArray = NDArray[np.float64]
Image32 = NDArray[np.float32]

# Width of a cell, map pixels.
CELL = 4
# Largest difference between a map and the smooth ratio times the first one, relative to its peak, at any pixel. The
# dither averages it: exposure maps of the embedded calibration are within 7e-4 of the peak of those made band by band.
RATIO_ERROR = 2e-3


@dataclass(frozen=True)
class RatioFields:
    """Ratios of bands to the first one in the plane of the chip.

    Attributes
    ----------
    fields : tuple of float32 arrays or None
        Mean ratio over the dither, per band, on cells; None where the ratio of the maps is not smooth.
    offset : float
        Cell (i, j) has its centre at the map position ``(j + 0.5) CELL - offset``.
    """

    fields: tuple[Image32 | None, ...]
    offset: float


def ratio_fields(
    first: Image32, others: list[Image32], histogram: AspectHistogram, plan: ShiftPlan, nproc: int | None = None
) -> RatioFields:
    """Return the ratio of each further band to the first one, as the exposure map needs it.

    Parameters
    ----------
    first, others : float32 arrays, shape (ny, nx)
        Instrument maps.
    histogram : AspectHistogram
    plan : ShiftPlan
        For these attitudes.
    nproc : int, optional
        Threads.
    """
    coarse = _cell_sums(first)
    border = -(-plan.margin // CELL) + 1
    weights = _cell_shifts(histogram.duration, plan)
    total = _moved(coarse, weights, border)
    fields: list[Image32 | None] = []
    for other in others:
        cells = _cell_sums(other)
        smooth = _fits(first, other, _ratio(coarse, cells))
        fields.append(_ratio(total, _moved(cells, weights, border)).astype(np.float32) if smooth else None)
    return RatioFields(tuple(fields), float(border * CELL))


def _cell_sums(image: Image32) -> FloatArray:
    ny, nx = image.shape
    rows, columns = -(-ny // CELL), -(-nx // CELL)
    if (rows * CELL, columns * CELL) != (ny, nx):
        image = np.pad(image, ((0, rows * CELL - ny), (0, columns * CELL - nx)))
    return np.asarray(image.reshape(rows, CELL, columns, CELL).sum(axis=(1, 3), dtype=np.float64))


def _ratio(first: FloatArray, other: FloatArray) -> FloatArray:
    """Return other / first, and next to what is known the mean of its neighbours, where first is 0."""
    known = first > 0
    ratio = np.where(known, other / np.where(known, first, 1.0), 0.0)
    while known.any() and not known.all():
        sums, counts = np.zeros_like(ratio), np.zeros_like(ratio)
        value = np.pad(np.where(known, ratio, 0.0), 1)
        there = np.pad(known.astype(np.float64), 1)
        for i, j in ((0, 1), (2, 1), (1, 0), (1, 2)):
            part = slice(i, i + ratio.shape[0]), slice(j, j + ratio.shape[1])
            sums += value[part]
            counts += there[part]
        new = ~known & (counts > 0)
        ratio[new] = sums[new] / counts[new]
        known |= new
    return ratio


def _fits(first: Image32, other: Image32, ratio: FloatArray) -> bool:
    """Tell whether the ratio, interpolated, gives the band from the first one."""
    rows, columns = (_interpolation(n, cells) for n, cells in zip(first.shape, ratio.shape, strict=True))
    model = rows @ ratio.astype(np.float32) @ columns.T
    model *= first
    model -= other
    return max(float(model.max()), -float(model.min())) <= RATIO_ERROR * float(other.max())


def _interpolation(n: int, cells: int) -> Image32:
    """Return the matrix (n, cells) that interpolates cell values linearly at pixel centres, ends continued."""
    if cells == 1:
        return np.ones((n, 1), np.float32)
    place = (np.arange(n) + 0.5) / CELL - 0.5
    low = np.clip(np.floor(place).astype(np.int64), 0, cells - 2)
    matrix = np.zeros((n, cells), np.float32)
    matrix[np.arange(n), low] = 1.0 - (place - low)
    matrix[np.arange(n), low + 1] = place - low
    return matrix


def _cell_shifts(duration: FloatArray, plan: ShiftPlan) -> dict[tuple[int, int], float]:
    """Return the time at each displacement in whole cells (down, right); those between are shared out linearly.

    The displacements are those of the middle of the map: fractions of a pixel do not matter to a smooth ratio.
    """
    du, dv = plan.displacements(plan.shape[1] / 2, plan.shape[0] / 2)
    right, down = np.floor(du / CELL).astype(np.int64), np.floor(dv / CELL).astype(np.int64)
    f, g = du / CELL - right, dv / CELL - down
    shifts: dict[tuple[int, int], float] = {}
    for i, j, share in ((0, 0, (1 - f) * (1 - g)), (0, 1, f * (1 - g)), (1, 0, (1 - f) * g), (1, 1, f * g)):
        pairs, place = np.unique(np.stack([down + i, right + j]), axis=1, return_inverse=True)
        sums = np.bincount(place.ravel(), duration * share)
        for (row, column), time in zip(pairs.T.tolist(), sums.tolist(), strict=True):
            shifts[row, column] = shifts.get((row, column), 0.0) + time
    return shifts


def _moved(cells: FloatArray, shifts: dict[tuple[int, int], float], border: int) -> FloatArray:
    """Return the sum of a map on cells over displacements, with `border` cells around it."""
    ny, nx = (n + 2 * border for n in cells.shape)
    padded = np.pad(cells.astype(np.float32), 2 * border)
    down, right = np.array(list(shifts), np.int64).T.copy()
    out = np.empty((ny, nx), np.float32)
    kernels.shifted_sum(padded, border, border, down, right, np.array(list(shifts.values()), np.float32), out)
    return out.astype(np.float64)
