"""What lies between the sky and a chip, as parameters name it: geometry, instrument, event calibration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ciaopy.faces import lazy_face
from ciaopy.response.live_fraction import live_fraction

if TYPE_CHECKING:
    from ciaopy.response import acis_observation
    from ciaopy.response.ardlib_file import set_bad_pixels, store
    from ciaopy.response.event_calibration import EventProducts, load_products
    from ciaopy.response.event_inputs import apply_obsfile, base_name, is_none, read_aspect
    from ciaopy.response.exposure_files import expmap_image, read_histogram, read_instrument_map
    from ciaopy.response.exposure_headers import (
        chip_of_header,
        image_pixel_grid,
        no_overlap,
        obsfile_header,
        sky_grid,
        write_axes,
        write_spectrum,
    )
    from ciaopy.response.geometry import chosen_geometry
    from ciaopy.response.grating import (
        header_grating,
        header_with_detector,
        is_collapsed,
        kept_header,
        order_list,
        zero_orders,
    )
    from ciaopy.response.grating_matrix import (
        MadeMatrix,
        extraction_half_width,
        line_spread,
        made_matrix,
        parsed_wavelengths,
        plain_matrix,
        spectrum_channels,
    )
    from ciaopy.response.grating_response import (
        AreaRequest,
        area_notes,
        chip_light,
        energy_grid,
        lite_note,
        response_header,
    )
    from ciaopy.response.grating_set import (
        Instrument,
        ResponsePair,
        SpectrumOrder,
        chip_exposures,
        response_pairs,
        with_bad_pixels,
    )
    from ciaopy.response.hrc_calibration import HrcProducts, load_degap, load_hrc_products
    from ciaopy.response.instrument import chip_response, pixel_factor
    from ciaopy.response.obsfile import (
        check_held_at,
        check_same_obsid,
        file_to_change,
        looks_like_fits,
        observation_header,
        obsid,
        own_keywords_removed,
    )
    from ciaopy.response.zero_order import (
        Field,
        by_centroid,
        by_column,
        by_streak,
        is_piled_up,
        read_field,
        source_table,
    )

__all__ = [
    "AreaRequest",
    "EventProducts",
    "Field",
    "HrcProducts",
    "Instrument",
    "MadeMatrix",
    "ResponsePair",
    "SpectrumOrder",
    "acis_observation",
    "apply_obsfile",
    "area_notes",
    "base_name",
    "by_centroid",
    "by_column",
    "by_streak",
    "check_held_at",
    "check_same_obsid",
    "chip_exposures",
    "chip_light",
    "chip_of_header",
    "chip_response",
    "chosen_geometry",
    "energy_grid",
    "expmap_image",
    "extraction_half_width",
    "file_to_change",
    "header_grating",
    "header_with_detector",
    "image_pixel_grid",
    "is_collapsed",
    "is_none",
    "is_piled_up",
    "kept_header",
    "line_spread",
    "lite_note",
    "live_fraction",
    "load_degap",
    "load_hrc_products",
    "load_products",
    "looks_like_fits",
    "made_matrix",
    "no_overlap",
    "observation_header",
    "obsfile_header",
    "obsid",
    "order_list",
    "own_keywords_removed",
    "parsed_wavelengths",
    "pixel_factor",
    "plain_matrix",
    "read_aspect",
    "read_field",
    "read_histogram",
    "read_instrument_map",
    "response_header",
    "response_pairs",
    "set_bad_pixels",
    "sky_grid",
    "source_table",
    "spectrum_channels",
    "store",
    "with_bad_pixels",
    "write_axes",
    "write_spectrum",
    "zero_orders",
]

if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy_face(
        __name__,
        {
            "ardlib_file": "set_bad_pixels store",
            "event_calibration": "EventProducts load_products",
            "event_inputs": "apply_obsfile base_name is_none read_aspect",
            "exposure_files": "expmap_image read_histogram read_instrument_map",
            "exposure_headers": "chip_of_header image_pixel_grid no_overlap obsfile_header sky_grid write_axes "
            "write_spectrum",
            "geometry": "chosen_geometry",
            "grating": "header_grating header_with_detector is_collapsed kept_header order_list zero_orders",
            "grating_matrix": "MadeMatrix extraction_half_width line_spread made_matrix "
            "parsed_wavelengths plain_matrix spectrum_channels",
            "grating_response": "AreaRequest area_notes chip_light energy_grid lite_note response_header",
            "grating_set": "Instrument ResponsePair SpectrumOrder chip_exposures response_pairs with_bad_pixels",
            "hrc_calibration": "HrcProducts load_degap load_hrc_products",
            "instrument": "chip_response pixel_factor",
            "obsfile": "check_held_at check_same_obsid file_to_change looks_like_fits observation_header obsid "
            "own_keywords_removed",
            "zero_order": "Field by_centroid by_column by_streak is_piled_up read_field source_table",
            "": "acis_observation",
        },
    )
