"""Which pixels of an image count: one answer for all tools.

A pixel does not count where a filter took it out: one of this run (`Image.outside`), or one before, which the data
subspace of the file tells: regions on two axes, ranges on one, a mask block. Nulls (NaN, BLANK) are another matter:
`null_pixels`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ciaopy.datamodel.filtering import MASK_BLOCK, kept_mask, text_shape
from ciaopy.datamodel.images.access import null_pixels, pixels
from ciaopy.datamodel.images.axes import axis_names
from ciaopy.datamodel.subspace import VECTOR_NAME, Component, Descriptor, Ranges, Subspace, Text, Value
from ciaopy.datamodel.wcs import PhysicalAxis, physical_axis
from ciaopy.fits import Image

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ciaopy.fits import Array

__all__ = ["keep_mask", "outside_subspace"]


def outside_subspace(image: Image) -> NDArray[np.bool_]:
    """Return which pixels filters have taken out of an image.

    What a filter of this run took out is known. Of a file, those are the pixels whose centre is outside the data
    subspace and that hold 0 (or NaN): a pixel that the edge of a region cuts keeps the counts that it has. A mask
    block of the image's own grid says it pixel by pixel. Shape of the image; all False without a subspace.
    """
    data = pixels(image)
    if image.outside is not None and image.outside.shape == data.shape:
        return np.asarray(image.outside, dtype=bool)
    subspace = Subspace.from_header(image.header, image.companions)
    view = _View(image)
    known = [d for d in subspace.descriptors if view.axes_of(d) is not None]
    if not known or not subspace.components:
        return np.zeros(data.shape, dtype=bool)
    certain, likely = np.zeros(data.shape, dtype=bool), np.zeros(data.shape, dtype=bool)
    for component in subspace.components:
        exact, loose = _inside(component, known, view)
        certain |= exact
        likely |= loose
    return np.asarray(~certain | (~likely & ((data == 0) | (data != data))))


class _View:
    """The axes of an image by name, and the physical coordinates of its pixel centres."""

    def __init__(self, image: Image) -> None:
        self.shape = pixels(image).shape
        self.header = image.header
        self.ndim = len(self.shape)
        self.names = axis_names(image.header, self.ndim)

    def axis(self, number: int) -> PhysicalAxis:
        return physical_axis(self.header, number)

    def axes_of(self, descriptor: Descriptor) -> tuple[int, ...] | None:
        """Return the axes (1, 2, ...) that a descriptor is about, or None."""
        match = VECTOR_NAME.match(descriptor.name.lower().replace(" ", ""))
        names = (match[2], match[3]) if match else (descriptor.key,)
        return tuple(self.names[n] for n in names) if all(n in self.names for n in names) else None

    def coordinate(self, number: int) -> Array:
        """Return the physical coordinates along an axis, shaped to broadcast against the image."""
        where = self.ndim - number
        shape = [1] * self.ndim
        shape[where] = self.shape[where]
        return self.axis(number).from_logical(np.arange(1.0, self.shape[where] + 1)).reshape(shape)


def _inside(
    component: Component, known: Iterable[Descriptor], view: _View
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return the pixels inside what is certain (a mask of the same grid), and inside all that the component says."""
    certain, likely = np.ones(view.shape, dtype=bool), np.ones(view.shape, dtype=bool)
    for descriptor in known:
        value, axes = component.get(descriptor.key), view.axes_of(descriptor)
        assert axes is not None
        if value is None:
            continue
        found = _test(value, axes, view)
        if found is None:
            continue
        likely &= found
        if isinstance(value, Text) and isinstance(value.table, Image) and _same_grid(value.table, view):
            certain &= found
    return certain, likely


def _test(value: Value, axes: tuple[int, ...], view: _View) -> NDArray[np.bool_] | None:
    """Return which pixel centres one value of a descriptor keeps; None where it cannot be told."""
    at = [view.coordinate(i) for i in axes]
    if isinstance(value, Ranges) and len(axes) == 1:
        found = np.zeros(at[0].shape, dtype=bool)
        for lo, hi in value.spans:
            found |= (at[0] >= (-np.inf if lo is None else lo)) & (at[0] < (np.inf if hi is None else hi))
        return found
    if not isinstance(value, Text) or len(axes) != 2:
        return None
    shape = text_shape(value)
    return None if shape is None else shape.inside(*np.broadcast_arrays(*at))


def _same_grid(mask: Image, view: _View) -> bool:
    return pixels(mask).shape == view.shape and all(
        np.allclose(
            physical_axis(mask.header, i).from_logical([1, 2]), view.axis(i).from_logical([1, 2]), rtol=0, atol=1e-9
        )
        for i in range(1, view.ndim + 1)
    )


def keep_mask(image: Image) -> None:
    """Write what filters took out of an image into its subspace as a mask block, where the subspace cannot say it.

    Regions and ranges say most; a mask block is for the rest: `#1` ranges, alternatives, world coordinates, pixels
    filled with a number that is neither 0 nor null. Only images of two axes can have one.
    """
    outside, data = image.outside, pixels(image)
    if outside is None or data.ndim != 2 or not outside.any():
        return
    told = outside_subspace(Image(image.name, data, image.header, image.companions))
    if not (outside & ~told & ~null_pixels(image)).any():
        return
    subspace = Subspace.from_header(image.header, image.companions)
    mask = kept_mask(Image(image.name, (~outside).astype(np.int16), image.header))
    for key in ("BUNIT", "BLANK", "BSCALE", "BZERO"):
        mask.header.remove(key, ignore_missing=True)
    names = {i: n for n, i in axis_names(image.header, 2).items() if not n.startswith("#")}
    value = Text(f"MASK({MASK_BLOCK})", f":{MASK_BLOCK}", mask)
    subspace.update(Descriptor(f"sky({names[1]},{names[2]})", "D"), lambda _: value)
    image.companions = subspace.to_header(image.header)
