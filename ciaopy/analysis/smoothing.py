"""Filter an image with a statistic of the pixels under a mask (dmimgfilt)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ciaopy.datamodel.regions import Region
from ciaopy.errors import UserError

__all__ = ["filter_images", "mask_offsets"]

MAX_MASK_PIXELS = 10**6
ROWS_PER_BLOCK = 64


def mask_offsets(mask: Region) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return (dy, dx), the whole-pixel steps from the centre that lie in a region about (0, 0).

    Raises
    ------
    UserError
        The region is infinite or very large, or no whole step lies in it.
    """
    box = mask.bounds
    if not box.is_finite or (box.xhi - box.xlo) * (box.yhi - box.ylo) > MAX_MASK_PIXELS:
        raise UserError(f"mask {mask}: not a region of some pixels around (0,0)")
    dx = np.arange(np.ceil(box.xlo), np.floor(box.xhi) + 1)
    dy = np.arange(np.ceil(box.ylo), np.floor(box.yhi) + 1)
    rows, columns = np.nonzero(mask.inside(dx[None, :], dy[:, None]))
    if not len(rows):
        raise UserError(f"mask {mask}: no pixel in it; masks are centred on (0,0), as in box(0,0,3,3)")
    return dy[rows].astype(np.int64), dx[columns].astype(np.int64)


def filter_images(
    images: Sequence[NDArray[Any]],
    function: str,
    mask: Region,
    iterations: int = 1,
    seed: int = 0,
    nproc: int | None = None,
) -> NDArray[np.float64]:
    """Return a statistic of all pixels under a mask centred on each pixel, over all images.

    Pixels beyond the edge and NaN pixels are left out, so that the mask shrinks there. The median is the lower of two
    middle values; mode is 3 median - 2 mean; extreme is min or max, whichever is nearer to the mean; pmean is
    (N0 + N1)/N0 - 1 with the numbers of pixels that are 0 and 1.

    Parameters
    ----------
    images : sequence of ndarray, shape (ny, nx)
        The centre of `unsharp`, `peak` and their like is a pixel of the first.
    function : str
        A name of `ciaopy.kernels.image_filter.FUNCTIONS`, or `qNN` (quantile).
    mask : Region
        About (0, 0), in pixels.
    iterations : int
        Passes; each works on the result of the one before.
    seed : int
        For `jitter`, which picks a pixel; the choice depends on seed and pixel only.
    nproc : int, optional
        Threads.
    """
    from ciaopy.kernels import map_blocks
    from ciaopy.kernels.image_filter import FUNCTIONS, filter_rows

    known = function in FUNCTIONS and function != "quantile"
    if not known and not re.fullmatch(r"q\d\d", function):
        raise UserError(f"function {function!r}: unknown; there are {', '.join(FUNCTIONS)} (quantile is q00 to q99)")
    offsets = mask_offsets(mask)
    stack = np.stack([np.asarray(image, dtype=np.float64) for image in images])
    for k in range(iterations):

        def task(rows: slice, source: NDArray[np.float64] = stack, pass_seed: int = seed + k) -> NDArray[np.float64]:
            return filter_rows(source, offsets, function, rows, pass_seed)

        result = np.concatenate(map_blocks(task, stack.shape[1], nproc, ROWS_PER_BLOCK))
        stack = result[None]
    return np.asarray(stack[0])
