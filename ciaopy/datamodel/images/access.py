"""What every image tool does first: read images, check their sizes, know the nulls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ciaopy.errors import DataError, UserError
from ciaopy.fits import Image

if TYPE_CHECKING:
    from ciaopy.datamodel.datasource import DataSource

__all__ = ["check_same_sky", "image_like", "null_pixels", "pixels", "read_image", "read_images", "values"]


# Images further apart than this, in pixels, do not show the same sky.
SAME_SKY_PIXELS = 0.5


def pixels(image: Image) -> NDArray[Any]:
    """Return the pixel array of an image known to have one."""
    if image.data is None:
        raise DataError(f"block {image.name}: no pixels")
    return image.data


def null_pixels(image: Image) -> NDArray[np.bool_]:
    """Return which pixels are null: NaN in reals, the value of BLANK in integers."""
    data, blank = pixels(image), image.header.get("BLANK")
    if data.dtype.kind == "f":
        return np.asarray(np.isnan(data))
    if not isinstance(blank, int) or data.dtype.kind not in "iu":
        return np.zeros(data.shape, dtype=bool)
    return np.asarray(data == blank)


def values(image: Image) -> NDArray[Any]:
    """Return the pixels with nulls as NaN: the array itself, or doubles where integers hold the value of BLANK."""
    data, blank = pixels(image), image.header.get("BLANK")
    if not isinstance(blank, int) or data.dtype.kind not in "iu":
        return data
    null = data == blank
    return np.where(null, np.nan, data.astype(np.float64)) if null.any() else data


def read_image(ws: DataSource, name: str, ndim: int | None = 2) -> Image:
    """Read an image.

    Parameters
    ----------
    ws : DataSource
    name : str
        Virtual file.
    ndim : int or None
        Number of axes asked for; None for any.

    Raises
    ------
    UserError
        The block is a table, has no pixels or another number of axes.
    """
    block = ws.read(name)
    if not isinstance(block, Image) or block.data is None or not block.data.size:
        raise UserError(f"{name}: not an image; bin the table first, as in {name}[bin sky=8]")
    if ndim is not None and block.data.ndim != ndim:
        raise UserError(f"{name}: an image of {block.data.ndim} axes; {ndim} are needed")
    return block


def read_images(ws: DataSource, names: Sequence[str], ndim: int | None = 2) -> list[Image]:
    """Read images of one size.

    Raises
    ------
    UserError
        As `read_image`; or the sizes differ.
    """
    images = [read_image(ws, name, ndim) for name in names]
    for name, image in zip(names, images, strict=True):
        if pixels(image).shape != pixels(images[0]).shape:
            sizes = [" x ".join(map(str, pixels(i).shape[::-1])) for i in (images[0], image)]
            raise UserError(f"{name}: its size {sizes[1]} differs from {sizes[0]} of {names[0]}")
    return images


def image_like(image: Image, data: NDArray[Any]) -> Image:
    """Return an image of other pixels with a copy of the header, without the scaling and null keywords of the old."""
    header = image.header.copy()
    for key in ("BSCALE", "BZERO", "BLANK", "DATAMIN", "DATAMAX"):
        header.remove(key, ignore_missing=True, remove_all=True)
    return Image(image.name, data, header, list(image.companions))


def check_same_sky(first_name: str, first: Image, name: str, other: Image) -> None:
    """Raise where the pixels of two images of one size lie more than half a pixel apart on the sky.

    Images without a sky transform that is understood pass: nothing is known against them.

    Raises
    ------
    DataError
        With the distance at the worst of the corners and the centre.
    """
    from ciaopy.datamodel.wcs import image_wcs

    if pixels(first).ndim != 2 or pixels(other).ndim != 2:
        return
    one, two = image_wcs(first), image_wcs(other)
    if one is None or two is None or not (one.is_known() and two.is_known()):
        return
    height, width = pixels(first).shape
    x = np.array([1.0, width, 1.0, width, (width + 1) / 2])
    y = np.array([1.0, 1.0, height, height, (height + 1) / 2])
    u, v = one.sky_to_logical(*two.logical_to_sky(x, y))
    seen = np.isfinite(two.logical_to_sky(x, y)[0])
    gap = float(np.nan_to_num(np.hypot(u - x, v - y)[seen], nan=np.inf).max(initial=0.0))
    if gap > SAME_SKY_PIXELS:
        raise DataError(
            f"{name}: its pixels are up to {gap:.4g} pixels away on the sky from those of {first_name}; "
            "bring them to one grid with reproject_image or dmregrid"
        )
