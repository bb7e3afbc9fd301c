"""Grids of chip and sky pixels, and the texts that name them: `lo:hi:#n` and `lo:hi:width`."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ciaopy.errors import ParameterError

__all__ = ["Axis", "PixelGrid", "parse_pixelgrid", "parse_xygrid"]

# No image of Chandra data is wider: HRC-S at full resolution.
MOST_PIXELS = 200_000


@dataclass(frozen=True)
class Axis:
    """Equal pixels between two outer edges.

    Attributes
    ----------
    low, high : float
        Outer edges (of the first and the last pixel).
    count : int
        Number of pixels.
    width : float, optional
        Width of a pixel as it was asked for, to the last digit.
    """

    low: float
    high: float
    count: int
    width: float | None = None

    @property
    def step(self) -> float:
        """Width of a pixel."""
        return (self.high - self.low) / self.count if self.width is None else self.width

    def centres(self) -> NDArray[np.float64]:
        """Return the pixel centres, shape (count,)."""
        return np.asarray(self.low + (np.arange(self.count) + 0.5) * self.step, np.float64)

    def slice(self, start: int, stop: int) -> Axis:
        """Return pixels start (inclusive, from 0) to stop (exclusive)."""
        return Axis(self.low + start * self.step, self.low + stop * self.step, stop - start, self.width)


@dataclass(frozen=True)
class PixelGrid:
    """An image grid: x (fast axis) and y. Shape of its image is (y.count, x.count)."""

    x: Axis
    y: Axis

    @property
    def shape(self) -> tuple[int, int]:
        """Shape of the image, (ny, nx)."""
        return self.y.count, self.x.count


def parse_xygrid(text: str) -> PixelGrid:
    """Read a grid on the sky, `lo:hi:#n,lo:hi:#n` or `lo:hi:width,...`: lo and hi are outer edges.

    A width that does not divide the range moves the upper edge out to a whole number of pixels.

    Raises
    ------
    ParameterError
        Not two axes, not numbers, an upper edge not above the lower one, no pixels, or too many.
    """
    return PixelGrid(*_axes(text, "xygrid"))


def parse_pixelgrid(text: str) -> PixelGrid:
    """Read a grid on a chip, `1:1024:#1024,1:1024:#1024`.

    Whole numbers are the first and the last chip pixel (`1:1024:#1024`: edges 0.5 and 1024.5), anything else the outer
    edges themselves (`0.5:1024.5:#1024`).

    Raises
    ------
    ParameterError
        As `parse_xygrid`.
    """
    axes = [
        replace(a, low=a.low - 0.5, high=a.high + 0.5, width=None) if a.low.is_integer() and a.high.is_integer() else a
        for a in _axes(text, "pixelgrid")
    ]
    return PixelGrid(*axes)


def _axes(text: str, parameter: str) -> list[Axis]:
    parts = [p.strip() for p in text.strip().strip("()").split(",")]
    if len(parts) != 2:
        raise ParameterError(f"{parameter}={text!r}: expected two axes, as 0.5:8192.5:#1024,0.5:8192.5:#1024")
    return [_axis(p.partition("=")[2] if "=" in p else p, parameter) for p in parts]


def _axis(text: str, parameter: str) -> Axis:
    pieces = [p.strip() for p in text.split(":")]
    counted = pieces[-1].startswith("#")
    try:
        low, high, number = (float(p) for p in (*pieces[:-1], pieces[-1].removeprefix("#")))
    except ValueError:
        low = high = number = math.nan
    if not math.isfinite(number + low + high):
        raise ParameterError(f"{parameter}: cannot read the axis {text!r}; expected lo:hi:#n or lo:hi:width")
    if not high > low or not number > 0 or (counted and not number.is_integer()):
        raise ParameterError(f"{parameter}: {text!r} has no pixels; lo < hi and a number above 0 are needed")
    count = int(number) if counted else math.ceil((high - low) / number - 1e-9)
    if count > MOST_PIXELS:
        raise ParameterError(f"{parameter}: {text!r} asks for {count} pixels along one axis; use wider ones")
    return Axis(low, high, count) if counted else Axis(low, low + count * number, count, number)
