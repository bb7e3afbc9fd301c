"""Images from tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ciaopy.faces import lazy_face

if TYPE_CHECKING:
    from ciaopy.datamodel.binning.binning import (
        SLACK,
        TYPES,
        Grid,
        GridAxis,
        as_type,
        bin_selection,
        image_type,
        make_grid,
    )
    from ciaopy.datamodel.binning.imaging import binned_image

__all__ = [
    "SLACK",
    "TYPES",
    "Grid",
    "GridAxis",
    "as_type",
    "bin_selection",
    "binned_image",
    "image_type",
    "make_grid",
]

if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy_face(
        __name__,
        {
            "binning": "Grid GridAxis SLACK TYPES as_type bin_selection image_type make_grid",
            "imaging": "binned_image",
        },
    )
