"""Sources on a counts image, found by a significance cut: what a background light curve should leave out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Circle", "find_sources"]

FloatArray = NDArray[np.float64]

# Pixels of the blocks over which the background is averaged, and of the window in which counts are summed.
BLOCK, WINDOW = 32, 3
# Radius (pixels) at which a circle stops growing: nothing Chandra images is larger and still point-like.
LARGEST = 24


@dataclass(frozen=True)
class Circle:
    """A circle in pixels of the image, 0-based: the centre of the first pixel is 0."""

    x: float
    y: float
    radius: float


def find_sources(counts: NDArray[np.int64], sigma: float = 5.0, most: int = 300) -> list[Circle]:
    """Find places where counts stand out from their surroundings.

    The background b of each pixel is the clipped mean of its block of 32 x 32 pixels (pixels without any counts in
    blocks without counts are none). A source is a maximum of the sum n over 3 x 3 pixels, of which b are background,
    with n >= 4 and a significance ``sqrt(2 (n ln(n / b) - n + b))`` (likelihood ratio of Poisson counts: Cash 1979, ApJ
    228, 939) above `sigma`. Its circle grows by one pixel while the ring holds more than ``b + 2 sqrt(b)`` counts, and
    then by one more.

    Parameters
    ----------
    counts : ndarray of int, shape (ny, nx)
    sigma : float
        Standard deviations.
    most : int
        Sources at most, the most significant first.

    Returns
    -------
    list of Circle
        Empty for an image without counts.
    """
    if counts.size == 0 or not counts.any():
        return []
    image = counts.astype(np.float64)
    background = _background(image)
    total, expected = _window_sum(image), _window_sum(background)
    significance = _significance(total, expected)
    significance[total < 4] = 0.0
    found: list[Circle] = []
    while len(found) < most:
        index = int(np.argmax(significance))
        if not significance.flat[index] > sigma:
            break
        y, x = divmod(index, image.shape[1])
        radius = _radius(image, background, x, y)
        found.append(Circle(float(x), float(y), radius))
        rows, columns, distance = _disc(image.shape, x, y, int(radius) + 2)
        significance[rows, columns][distance <= radius + 1.0] = 0.0
    return found


def _significance(total: FloatArray, expected: FloatArray) -> FloatArray:
    """Return the significance of an excess, 0 where there is none."""
    b = np.maximum(expected, 1e-3)
    n = np.maximum(total, b)
    return np.sqrt(np.maximum(2.0 * (n * np.log(n / b) - n + b), 0.0))


def _window_sum(image: FloatArray) -> FloatArray:
    """Return the sum over the window about each pixel; nothing lies beyond the edges."""
    half = WINDOW // 2
    padded = np.pad(image, ((half + 1, half), (half + 1, half)))
    total = padded.cumsum(0).cumsum(1)
    ny, nx = image.shape
    w = WINDOW
    return np.asarray(total[w : w + ny, w : w + nx] - total[:ny, w : w + nx] - total[w : w + ny, :nx] + total[:ny, :nx])


def _background(image: FloatArray) -> FloatArray:
    """Return the mean of each block after dropping pixels above mean + 5 sqrt(mean) + 1, up to five times."""
    result = np.zeros_like(image)
    for y in range(0, image.shape[0], BLOCK):
        for x in range(0, image.shape[1], BLOCK):
            values = image[y : y + BLOCK, x : x + BLOCK].ravel()
            for _ in range(5):
                top = values.mean() + 5.0 * np.sqrt(values.mean()) + 1.0
                kept = values[values <= top]
                if kept.size == values.size:
                    break
                values = kept
            result[y : y + BLOCK, x : x + BLOCK] = values.mean()
    return result


def _disc(shape: tuple[int, ...], x: int, y: int, reach: int) -> tuple[slice, slice, FloatArray]:
    """Return the rows and columns within `reach` of a pixel, and their distances from it."""
    rows = slice(max(y - reach, 0), min(y + reach + 1, shape[0]))
    columns = slice(max(x - reach, 0), min(x + reach + 1, shape[1]))
    dy = np.arange(rows.start, rows.stop)[:, None] - y
    dx = np.arange(columns.start, columns.stop)[None, :] - x
    return rows, columns, np.hypot(dy, dx)


def _radius(image: FloatArray, background: FloatArray, x: int, y: int) -> float:
    rows, columns, distance = _disc(image.shape, x, y, LARGEST + 1)
    values, level = image[rows, columns], background[rows, columns]
    for radius in range(1, LARGEST):
        ring = (distance > radius - 0.5) & (distance <= radius + 0.5)
        expected = float(level[ring].sum())
        if float(values[ring].sum()) <= expected + 2.0 * np.sqrt(expected):
            return radius + 1.0
    return float(LARGEST)
