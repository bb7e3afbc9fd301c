"""What a detector's windows and bad pixels leave of every pixel of a chip map."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ciaopy.errors import DataError
from ciaopy.exposure.grids import Axis, PixelGrid
from ciaopy.messages import enumerated

if TYPE_CHECKING:
    from ciaopy.fits import Table

__all__ = ["MaskWindow", "bad_pixel_factor", "mask_factor", "mask_windows"]

FloatArray = NDArray[np.float64]
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class MaskWindow:
    """One window of a detector.

    Attributes
    ----------
    inside, outside : tuple of (x_lo, x_hi, y_lo, y_hi)
        Rectangles that belong to it, and those cut out of it; chip pixels, limits inclusive.
    sample : int
        SAMP_CYC: every how many events of the window are kept; 0 keeps none.
    """

    inside: tuple[Box, ...]
    outside: tuple[Box, ...]
    sample: int


def mask_windows(table: Table, where: str = "mask file") -> list[MaskWindow]:
    """Return the windows of a MASK block, in order of their first row.

    Rows of one COMPONENT belong together: `rectangle` adds, `!rectangle` cuts out, the first row's SAMP_CYC holds.

    Raises
    ------
    DataError
        A column is missing, or a shape is not a rectangle.
    """
    for column in ("SHAPE", "CHIPX", "CHIPY", "SAMP_CYC"):
        if column not in table:
            raise DataError(f"{where}: block {table.name} has no column {column}; it has {enumerated(table.names)}")
    n = table.nrows
    shapes = [s.decode("ascii", "replace").strip().lower() for s in np.asarray(table["SHAPE"], "S")]
    components = np.asarray(table["COMPONENT"]) if "COMPONENT" in table else np.arange(n)
    x, y = (np.asarray(table[c], np.float64).reshape(n, -1 if n else 2) for c in ("CHIPX", "CHIPY"))
    groups: dict[int, list[int]] = {}
    for row in range(n):
        if shapes[row] not in ("rectangle", "!rectangle"):
            raise DataError(f"{where}: block {table.name}: shape {shapes[row]!r}; windows are rectangles")
        groups.setdefault(int(components[row]), []).append(row)
    boxes: list[Box] = [(*sorted((x[r, 0], x[r, -1])), *sorted((y[r, 0], y[r, -1]))) for r in range(n)]
    return [
        MaskWindow(
            tuple(boxes[r] for r in rows if shapes[r] == "rectangle"),
            tuple(boxes[r] for r in rows if shapes[r] != "rectangle"),
            int(np.asarray(table["SAMP_CYC"])[rows[0]]),
        )
        for rows in groups.values()
    ]


def mask_factor(windows: Iterable[MaskWindow], grid: PixelGrid) -> FloatArray:
    """Return the share of events that windows let through: 1 / SAMP_CYC inside, 0 outside every window.

    A pixel in several windows belongs to the first one. Pixels of the grid that a window covers in part count in part.

    Returns
    -------
    float64 array, shape of the grid
        From 0 to 1.
    """
    total, free = np.zeros(grid.shape), np.ones(grid.shape)
    for window in windows:
        share = np.zeros(grid.shape)
        for box in window.inside:
            share = np.maximum(share, _cover(box, grid))
        for box in window.outside:
            share *= 1.0 - _cover(box, grid)
        share = np.minimum(share, free)
        free -= share
        if window.sample > 0:
            total += share / window.sample
    return total


def bad_pixel_factor(boxes: FloatArray, grid: PixelGrid) -> FloatArray:
    """Return the share of every pixel of the grid that rectangles of bad pixels leave.

    Parameters
    ----------
    boxes : float64 array, shape (n, 4)
        x_lo, x_hi, y_lo, y_hi, inclusive chip pixels.
    grid : PixelGrid
    """
    factor = np.ones(grid.shape)
    if not len(boxes):
        return factor
    spans = [_span(axis, boxes[:, k], boxes[:, k + 1]) for k, axis in ((0, grid.x), (2, grid.y))]
    for x0, x1, y0, y1, box in zip(*spans[0], *spans[1], boxes, strict=True):
        if x1 > x0 and y1 > y0:
            part = slice(y0, y1), slice(x0, x1)
            factor[part] *= 1.0 - _cover(tuple(box), PixelGrid(grid.x.slice(x0, x1), grid.y.slice(y0, y1)))
    return factor


def _span(axis: Axis, low: FloatArray, high: FloatArray) -> tuple[list[int], list[int]]:
    """Return the pixels (from, to) that chip pixels low..high touch."""
    first = np.floor((low - 0.5 - axis.low) / axis.step + 1e-9)
    last = np.ceil((high + 0.5 - axis.low) / axis.step - 1e-9)
    return tuple(np.clip(v, 0, axis.count).astype(np.int64).tolist() for v in (first, last))


def _cover(box: Box, grid: PixelGrid) -> FloatArray:
    """Return the share of every pixel that lies in a rectangle."""
    return np.outer(_cover_axis(grid.y, box[2], box[3]), _cover_axis(grid.x, box[0], box[1]))


def _cover_axis(axis: Axis, low: float, high: float) -> FloatArray:
    edges = axis.low + np.arange(axis.count + 1) * axis.step
    inside = np.minimum(edges[1:], high + 0.5) - np.maximum(edges[:-1], low - 0.5)
    return np.asarray(np.clip(inside / axis.step, 0.0, 1.0))
