"""The grid of an image in physical coordinates, and its texts `lo:hi:#n`."""

from __future__ import annotations

from dataclasses import dataclass

from ciaopy.datamodel.images.access import pixels
from ciaopy.datamodel.wcs import physical_axis
from ciaopy.fits import Image

__all__ = ["GridAxis", "ImageGrid", "image_grid"]


@dataclass(frozen=True)
class GridAxis:
    """One axis: physical values of its outer edges (pixels 0.5 and n+0.5), and the number of pixels."""

    name: str
    low: float
    high: float
    count: int

    @property
    def step(self) -> float:
        """Size of a pixel in physical units."""
        return (self.high - self.low) / self.count

    def text(self, digits: int) -> str:
        """Return `lo:hi:#n` with `digits` decimals."""
        return f"{self.low:.{digits}f}:{self.high:.{digits}f}:#{self.count}"


@dataclass(frozen=True)
class ImageGrid:
    """The x and y axes of an image."""

    x: GridAxis
    y: GridAxis

    def dm_filter(self, digits: int = 1) -> str:
        """Return the grid as a binning filter, `x=lo:hi:#n,y=lo:hi:#n`."""
        return f"{self.x.name}={self.x.text(digits)},{self.y.name}={self.y.text(digits)}"

    def xygrid(self, digits: int = 1) -> str:
        """Return the grid as mkexpmap takes it, `lo:hi:#n,lo:hi:#n`."""
        return f"{self.x.text(digits)},{self.y.text(digits)}"


def image_grid(image: Image) -> ImageGrid:
    """Return the grid of a 2-D image; an axis without a physical coordinate is named x or y and counted in pixels."""
    axes = []
    for number, fallback in ((1, "x"), (2, "y")):
        axis, count = physical_axis(image.header, number), pixels(image).shape[2 - number]
        low, high = (float(axis.from_logical(edge)) for edge in (0.5, count + 0.5))
        axes.append(GridAxis(axis.name or fallback, low, high, count))
    return ImageGrid(axes[0], axes[1])
