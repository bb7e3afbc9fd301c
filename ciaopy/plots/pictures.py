"""Pictures without matplotlib: pixels to colours, simple bars, and a PNG writer of a few lines.

The PNG format: W3C, Portable Network Graphics (chunks IHDR, IDAT, IEND; 8-bit RGB; filter 0).
"""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ciaopy.fits import AtomicFile

__all__ = ["bars", "circles", "counts_picture", "write_png"]

Picture = NDArray[np.uint8]

# A dark-to-bright scale: (place, red, green, blue).
_SCALE = np.array(
    [
        (0.0, 0, 0, 8),
        (0.25, 60, 15, 110),
        (0.5, 180, 50, 90),
        (0.75, 250, 140, 60),
        (1.0, 255, 250, 200),
    ]
)


def write_png(path: Path, picture: Picture, clobber: bool = False) -> None:
    """Write a picture, uint8, shape (height, width, 3), first row on top.

    Raises
    ------
    OutputExistsError
        The file exists and `clobber` is false.
    """
    height, width, _ = picture.shape
    rows = np.zeros((height, 1 + 3 * width), np.uint8)
    rows[:, 1:] = picture.reshape(height, 3 * width)
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(rows.tobytes(), 6)), (b"IEND", b""))
    with AtomicFile(path, clobber) as file:
        file.write(b"\x89PNG\r\n\x1a\n")
        for name, data in chunks:
            file.write(struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)))


def counts_picture(counts: ArrayLike) -> Picture:
    """Return an image of counts, shape (ny, nx), y upwards, in a scale that is linear near 0 and logarithmic above."""
    image = np.asarray(counts, float)
    positive = image[image > 0]
    soft = float(np.median(positive)) if positive.size else 1.0
    level = np.arcsinh(np.maximum(image, 0.0) / soft)
    top = float(level.max()) if level.size else 0.0
    level = level / top if top > 0 else level
    colours = [np.interp(level, _SCALE[:, 0], _SCALE[:, k]) for k in (1, 2, 3)]
    return np.ascontiguousarray(np.stack(colours, axis=-1).astype(np.uint8)[::-1])


def circles(picture: Picture, x: ArrayLike, y: ArrayLike, radius: float) -> None:
    """Draw circles into a picture, in place; `x`, `y` are its pixels from 0, y upwards."""
    height, width, _ = picture.shape
    angle = np.linspace(0.0, 2.0 * np.pi, max(16, int(8 * radius)))
    for cx, cy in zip(np.ravel(x), np.ravel(y), strict=True):
        column = np.rint(cx + radius * np.cos(angle)).astype(int)
        row = height - 1 - np.rint(cy + radius * np.sin(angle)).astype(int)
        inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
        picture[row[inside], column[inside]] = (90, 255, 120)


def bars(values: ArrayLike, shaded: ArrayLike | None = None, size: tuple[int, int] = (800, 260)) -> Picture:
    """Return a histogram without axes; `shaded` marks bins (bool) with a grey ground."""
    v = np.asarray(values, float)
    width, height = size
    picture: NDArray[Any] = np.full((height, width, 3), 255, np.uint8)
    if not v.size:
        return picture
    index = np.minimum(np.arange(width) * v.size // width, v.size - 1)
    if shaded is not None:
        picture[:, np.asarray(shaded, bool)[index]] = (205, 205, 205)
    top = float(v.max())
    level = np.rint(v[index] / top * (height - 10)).astype(int) if top > 0 else np.zeros(width, int)
    filled = np.arange(height)[::-1, None] < level[None, :]
    picture[filled] = (40, 90, 170)
    return picture
