"""fluximage: exposure-corrected images of one observation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ciaopy.faces import lazy_face

if TYPE_CHECKING:
    from ciaopy.pipelines.imaging import fluximage
    from ciaopy.pipelines.imaging.bands import Band, parse_bands
    from ciaopy.pipelines.imaging.field import Limits, field_limits
    from ciaopy.pipelines.imaging.grid import MOST_PIXELS, AxisRange, SkyGrid, explicit_grid, number
    from ciaopy.pipelines.imaging.headers import RESPONSE_KEYS, flux_unit
    from ciaopy.pipelines.imaging.inputs import FluxEvents, open_events
    from ciaopy.pipelines.imaging.job import (
        Background,
        FluxJob,
        FluxOptions,
        FluxRequest,
        field_of_view_parameters,
        files_of,
        products,
    )
    from ciaopy.pipelines.imaging.names import Names, split_outroot
    from ciaopy.pipelines.imaging.native import FluxBackend
    from ciaopy.pipelines.imaging.steps import hrc_i_pixels, recipe

__all__ = [
    "MOST_PIXELS",
    "RESPONSE_KEYS",
    "AxisRange",
    "Background",
    "Band",
    "FluxBackend",
    "FluxEvents",
    "FluxJob",
    "FluxOptions",
    "FluxRequest",
    "Limits",
    "Names",
    "SkyGrid",
    "explicit_grid",
    "field_limits",
    "field_of_view_parameters",
    "files_of",
    "flux_unit",
    "fluximage",
    "hrc_i_pixels",
    "number",
    "open_events",
    "parse_bands",
    "products",
    "recipe",
    "split_outroot",
]

if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy_face(
        __name__,
        {
            "bands": "Band parse_bands",
            "field": "Limits field_limits",
            "grid": "AxisRange MOST_PIXELS SkyGrid explicit_grid number",
            "headers": "RESPONSE_KEYS flux_unit",
            "inputs": "FluxEvents open_events",
            "job": "Background FluxJob FluxOptions FluxRequest field_of_view_parameters files_of products",
            "names": "Names split_outroot",
            "native": "FluxBackend",
            "steps": "hrc_i_pixels recipe",
            "": "fluximage",
        },
    )
