"""Images: filters, access to pixels, grids."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ciaopy.faces import lazy_face

if TYPE_CHECKING:
    from ciaopy.datamodel.images.access import (
        check_same_sky,
        image_like,
        null_pixels,
        pixels,
        read_image,
        read_images,
        values,
    )
    from ciaopy.datamodel.images.filtering import select_image
    from ciaopy.datamodel.images.grids import image_grid
    from ciaopy.datamodel.images.validity import outside_subspace

__all__ = [
    "check_same_sky",
    "image_grid",
    "image_like",
    "null_pixels",
    "outside_subspace",
    "pixels",
    "read_image",
    "read_images",
    "select_image",
    "values",
]

if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy_face(
        __name__,
        {
            "access": "check_same_sky image_like null_pixels pixels read_image read_images values",
            "filtering": "select_image",
            "grids": "image_grid",
            "validity": "outside_subspace",
        },
    )
