"""Counts in the regions of an image, and mean exposures of an exposure map: what `dmextract` sums over pixels.

A pixel belongs to a region if its centre does. Counts and areas are those of the same pixels, so that a flat image
gives one surface brightness in every region, however the pixels cut its edge.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ciaopy.analysis.extract import ratio
from ciaopy.analysis.profile import MeanExposure, RegionCounts, Source
from ciaopy.datamodel import PhysicalAxis, Subspace, image_frame, image_wcs, physical_axis
from ciaopy.datamodel.images import outside_subspace, pixels, values
from ciaopy.datamodel.regions import ReadBlock, Region, axis_regions
from ciaopy.errors import UserError
from ciaopy.fits import Array, Image

if TYPE_CHECKING:
    from ciaopy.datamodel import VirtualFile


# A unit of time among the factors of BUNIT: "cm**2 s", "sec*cm**(2)*counts/photon".
TIME_UNIT = re.compile(r"(?<![A-Za-z/])s(ec)?(?![A-Za-z])")


def image_counts(image: Image, vfile: VirtualFile, read: ReadBlock) -> tuple[Source, RegionCounts]:
    """Sum an image over the regions of `[bin sky=...]`.

    Parameters
    ----------
    image : Image
        Two axes, after the filters of the virtual file: what these left out, nulls and NaN have no counts and no area.
    vfile : VirtualFile
    read : callable
        Reads region files with a block or a filter: `Workspace.read`.

    Returns
    -------
    Source
        Header, subspace and coordinates of the image.
    RegionCounts
        Counts, int32 where the image holds integers; areas in physical pixels squared.

    Raises
    ------
    UserError
        The image has not two axes, or the binning is not by regions.
    """
    binning = vfile.binning
    assert binning is not None
    if image.data is None or image.data.ndim != 2:
        raise UserError(f"{vfile.text}: not an image of two axes")
    if len(binning.axes) != 1 or not (binning.axes[0].region or binning.axes[0].grid):
        raise UserError(f"{vfile.text}: the counts of an image need regions, such as [bin sky=annulus(x,y,0:100:10)]")
    sky = image_wcs(image)
    regions = axis_regions(binning.axes[0], image_frame(image), read)
    data = values(image)
    good = (data == data) & ~outside_subspace(image)
    sums, areas = _sums(image, data, good, regions)
    if pixels(image).dtype.kind in "iu" and sums.max(initial=0.0) < 2**31:
        sums = sums.astype(np.int32)
    x, y = (a.name.upper() or d for a, d in zip(_axes(image), "XY", strict=True))
    source = Source(image.header, Subspace.from_header(image.header, image.companions), (x, y), sky)
    return source, RegionCounts(regions, sums, areas)


def mean_exposures(exposure_map: Image, regions: list[Region]) -> MeanExposure:
    """Return the mean of an exposure map over its pixels in each region, 0 off the map.

    The map may have another binning than the counts. Its pixels of 0 or NaN count as 0. Whether it holds the time is
    taken from BUNIT; without one it is an area.
    """
    data = np.nan_to_num(pixels(exposure_map).astype(np.float64), nan=0.0)
    sums, areas = _sums(exposure_map, data, np.ones(data.shape, dtype=bool), regions)
    x, y = _axes(exposure_map)
    has_time = TIME_UNIT.search(str(exposure_map.header.get("BUNIT", ""))) is not None
    return MeanExposure(ratio(sums * abs(x.cdelt * y.cdelt), areas), has_time)


def _axes(image: Image) -> tuple[PhysicalAxis, PhysicalAxis]:
    return physical_axis(image.header, 1), physical_axis(image.header, 2)


def _sums(image: Image, data: Array, good: NDArray[np.bool_], regions: list[Region]) -> tuple[Array, Array]:
    """Return the sums and the areas [physical pixels squared] of the good pixels whose centres are in each region."""
    axes = _axes(image)
    cell = abs(axes[0].cdelt * axes[1].cdelt)
    sums, areas = np.zeros(len(regions)), np.zeros(len(regions))
    for k, region in enumerate(regions):
        columns, rows = _window(region, axes, data.shape)
        x = axes[0].from_logical(np.arange(columns.start, columns.stop) + 1.0)
        y = axes[1].from_logical(np.arange(rows.start, rows.stop) + 1.0)
        inside = region.inside(x[None, :], y[:, None]) & good[rows, columns]
        sums[k] = data[rows, columns][inside].sum(dtype=np.float64)
        areas[k] = np.count_nonzero(inside) * cell
    return sums, areas


def _window(region: Region, axes: tuple[PhysicalAxis, PhysicalAxis], shape: tuple[int, ...]) -> tuple[slice, slice]:
    """Return the columns and rows that the bounding box of a region touches; all of them where it is unbounded."""
    bounds, windows = region.bounds, []
    spans = ((bounds.xlo, bounds.xhi), (bounds.ylo, bounds.yhi))
    for axis, span, size in zip(axes, spans, shape[::-1], strict=True):
        lo, hi = sorted(np.clip(axis.to_logical(span), -1.0, size + 2.0).tolist())
        start = min(max(int(np.floor(lo)) - 2, 0), size)
        windows.append(slice(start, max(start, min(int(np.ceil(hi)) + 1, size))))
    return windows[0], windows[1]
