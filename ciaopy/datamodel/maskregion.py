"""`mask(image)`: a region whose inside is where an image, in its physical coordinates, is not zero."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ciaopy.datamodel.regions import Bounds, Region, parse_region
from ciaopy.datamodel.wcs import SkyTransform, physical_axis
from ciaopy.errors import DataError, RegionError

if TYPE_CHECKING:
    from ciaopy.datamodel.workspace import Workspace
    from ciaopy.fits.blocks import Image

MASK = re.compile(r"\s*(!?)\s*mask\s*\(([^()]*)\)\s*$", re.I)


class Shape2D(Protocol):
    """What filters and binning need of a region."""

    @property
    def bounds(self) -> Bounds:
        """Bounding box, physical pixels."""
        ...

    def inside(self, x: ArrayLike, y: ArrayLike) -> NDArray[np.bool_]:
        """Tell which points are inside."""
        ...

    def __str__(self) -> str: ...


@dataclass(frozen=True, eq=False)
class MaskRegion:
    """Points whose pixel in `image` is neither 0 nor NaN; with `negate`, all others.

    The pixel of a point is the one whose half-open square holds it.
    """

    image: Image
    negate: bool = False

    def inside(self, x: ArrayLike, y: ArrayLike) -> NDArray[np.bool_]:
        """Tell which points are inside; NaN coordinates and points off the image are in no pixel."""
        data, index, on = self.image.data, [], np.ones(np.broadcast(x, y).shape, dtype=bool)
        assert data is not None
        for axis, values in ((1, x), (2, y)):
            logical = physical_axis(self.image.header, axis).to_logical(values)
            size = data.shape[2 - axis]
            with np.errstate(invalid="ignore"):
                pixel = np.floor(logical - 0.5)
                on &= (pixel >= 0) & (pixel < size)
            index.append(np.where(on, pixel, 0).astype(np.int64))
        value = data[np.where(on, index[1], 0), np.where(on, index[0], 0)]
        inside: NDArray[np.bool_] = on & (value != 0) & (value == value)
        return ~inside if self.negate else inside

    @property
    def bounds(self) -> Bounds:
        """Outer edges of the pixels that are not zero; infinite for a negated mask."""
        data = self.image.data
        assert data is not None
        if self.negate:
            return Bounds(-np.inf, np.inf, -np.inf, np.inf)
        rows, columns = np.nonzero((data != 0) & (data == data))
        if not len(rows):
            return Bounds(np.inf, -np.inf, np.inf, -np.inf)
        x, y = (physical_axis(self.image.header, k) for k in (1, 2))
        xs = sorted(x.from_logical([columns.min() + 0.5, columns.max() + 1.5]).tolist())
        ys = sorted(y.from_logical([rows.min() + 0.5, rows.max() + 1.5]).tolist())
        return Bounds(xs[0], xs[1], ys[0], ys[1])

    def __str__(self) -> str:
        return f"{'!' if self.negate else ''}MASK({self.image.name})"


def resolve_region(text: str, wcs: SkyTransform | None, ws: Workspace) -> Region | MaskRegion:
    """Return the region that a filter names: shapes, `region(file)`, or `mask(image)`.

    Raises
    ------
    RegionError
        It cannot be parsed; or the mask is not an image of two dimensions.
    """
    match = MASK.match(text)
    if match is None:
        return parse_region(text, wcs)
    name = match[2].strip().strip("\"'")
    try:
        image = ws.read(name)
    except DataError as e:
        raise RegionError(f"mask({name}): {e}") from None
    data = getattr(image, "data", None)
    if data is None or data.ndim != 2:
        raise RegionError(f"mask({name}): not an image of two dimensions")
    return MaskRegion(image, match[1] == "!")  # type: ignore[arg-type]
