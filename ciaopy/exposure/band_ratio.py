"""Further bands of an exposure map from the first one: ratios of instrument maps on cells of the chip.

With I_b = R I_1 and R smooth over the dither, ``sum_a d_a I_b(c_a) = sum_a d_a R(c_a) I_1(c_a)`` is R at the mean
position, weighted with d_a I_1(c_a), times the sum of I_1: exact up to R'' times the variance of the positions / 2.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ciaopy.exposure.aspect_histogram import AspectHistogram
from ciaopy.exposure.shifts import ShiftPlan

__all__ = ["CELL", "RATIO_ERROR", "RatioFields", "ratio_fields"]

FloatArray = NDArray[np.float64]
Image32 = NDArray[np.float32]

# Width of a cell, map pixels.
CELL = 8
# Largest error of a ratio, relative to the band's peak, that is accepted.
RATIO_ERROR = 5e-4


@dataclass(frozen=True)
class RatioFields:
    """Ratios of bands to the first one in the plane of the chip.

    Attributes
    ----------
    fields : tuple of float32 arrays or None
        Ratio at the exposure-weighted mean position, per band, on cells; None where it is not smooth.
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
    border = -(-plan.margin // CELL)
    mean_u, mean_v, spread = _mean_positions(coarse, histogram.duration, plan, border)
    fields: list[Image32 | None] = []
    for other in others:
        ratio = _ratio(coarse, _cell_sums(other))
        peak = float(other.max())
        if not (peak > 0) or not (_fits(first, other, ratio) and _bend(coarse, ratio, spread) * first.max() <= peak):
            fields.append(None if peak > 0 else np.zeros_like(mean_u, dtype=np.float32))
            continue
        fields.append(_bilinear(ratio, mean_u, mean_v).astype(np.float32))
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


def _bend(first: FloatArray, ratio: FloatArray, spread: float) -> float:
    """Return the error that the curvature of the ratio makes over the dither, in units of `RATIO_ERROR`."""
    reach = max(2, round(np.sqrt(spread) / CELL))
    worst = 0.0
    for r, known in ((ratio, first > 0), (ratio.T, first.T > 0)):
        if len(r) > 2 * reach:
            seen = known[: -2 * reach] & known[reach:-reach] & known[2 * reach :]
            second = np.abs(r[: -2 * reach] - 2 * r[reach:-reach] + r[2 * reach :])
            worst = max(worst, float(second[seen].max(initial=0.0)))
    return float(worst / (reach * CELL) ** 2 * spread / 2 / RATIO_ERROR)


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


def _mean_positions(
    coarse: FloatArray, duration: FloatArray, plan: ShiftPlan, border: int
) -> tuple[FloatArray, FloatArray, float]:
    """Return the exposure-weighted mean position seen from every cell of the plane, in cells, and the variance (px^2).

    The displacements are those of the middle of the map: half a pixel of error does not matter to a smooth ratio.
    """
    ny, nx = coarse.shape
    du, dv = plan.displacements(plan.shape[1] / 2, plan.shape[0] / 2)
    spread = float(max(np.average(d**2, weights=duration) for d in (du, dv)))
    padded = np.pad(coarse, 2 * border + 1)
    total, sum_u, sum_v = (np.zeros((ny + 2 * border, nx + 2 * border)) for _ in range(3))
    right, down = (np.floor(d / CELL + 0.5).astype(np.int64) for d in (du, dv))
    for key in np.unique(down * 100003 + right):
        same = down * 100003 + right == key
        i, j = int(down[same][0]), int(right[same][0])
        weight = duration[same]
        part = padded[
            border + 1 + i : border + 1 + i + total.shape[0], border + 1 + j : border + 1 + j + total.shape[1]
        ]
        total += weight.sum() * part
        sum_u += (weight @ du[same]) * part
        sum_v += (weight @ dv[same]) * part
    seen = np.where(total > 0, total, 1.0)
    rows, columns = np.arange(total.shape[0])[:, None] - border, np.arange(total.shape[1])[None, :] - border
    return columns + sum_u / seen / CELL, rows + sum_v / seen / CELL, spread


def _bilinear(field: FloatArray, u: FloatArray, v: FloatArray) -> FloatArray:
    """Return a field of cells at (u, v) in cells; continued by half a cell at the ends, then held."""
    ny, nx = field.shape
    u, v = np.clip(u, -0.5, nx - 0.5), np.clip(v, -0.5, ny - 0.5)
    j, i = (np.clip(np.floor(w).astype(np.int64), 0, max(n - 2, 0)) for w, n in ((u, nx), (v, ny)))
    f, g = u - j, v - i
    j1, i1 = np.minimum(j + 1, nx - 1), np.minimum(i + 1, ny - 1)
    low = field[i, j] * (1 - f) + field[i, j1] * f
    high = field[i1, j] * (1 - f) + field[i1, j1] * f
    return np.asarray(low * (1 - g) + high * g)
