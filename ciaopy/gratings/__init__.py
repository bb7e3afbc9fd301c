"""The transmission gratings: arms, grating coordinates, orders, spectra, responses. Arrays in, arrays out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ciaopy.faces import lazy_face
from ciaopy.gratings.extract import extract
from ciaopy.gratings.mask_table import mask_table
from ciaopy.gratings.spectrum_table import spectrum_table

if TYPE_CHECKING:
    from ciaopy.gratings.area import ArmArea, ChipLight, grating_area
    from ciaopy.gratings.arms import ARMS, HC_KEV_ANGSTROM, Arm, arm_named, arm_table, arms_of
    from ciaopy.gratings.dispersion import Dispersion, angle_of, wavelength_of
    from ciaopy.gratings.event_table import level_15_header, resolved_table
    from ciaopy.gratings.extract import KINDS, CrossWindows, ExtractionRegions, Polygon, SpectrumRow, default_windows
    from ciaopy.gratings.extraction_regions import regions_of_product, regions_of_table
    from ciaopy.gratings.grid import WavelengthGrid, chosen_grid, default_grid, default_orders
    from ciaopy.gratings.line_shape import (
        ResponseMatrix,
        diagonal_matrix,
        enclosed,
        light_within,
        response_matrix,
        spread_matrix,
    )
    from ciaopy.gratings.mask import ArmBox, GratingMask, MaskSizes, SourceMask, arm_box, source_mask
    from ciaopy.gratings.mask_table import mask_of_table
    from ciaopy.gratings.order_sorting import OrderTest, by_nearest, by_sign, by_windows
    from ciaopy.gratings.resolve import RESOLVED, ResolvedEvents, Resolver
    from ciaopy.gratings.response_table import added_areas, area_table, bounds_table, matrix_table, wavelength_edges
    from ciaopy.gratings.spectrum_table import region_table, type_one
    from ciaopy.gratings.split import (
        SpectrumId,
        exposure_of_order,
        matches,
        names_of,
        region_rows,
        source_and_background,
        spectra_of,
    )
    from ciaopy.gratings.zero_order import (
        ZeroOrder,
        brightest_cell,
        clipped_centroid,
        column_peak,
        piled_up,
        streak_crossing,
        unit,
    )

__all__ = [
    "ARMS",
    "HC_KEV_ANGSTROM",
    "KINDS",
    "RESOLVED",
    "Arm",
    "ArmArea",
    "ArmBox",
    "ChipLight",
    "CrossWindows",
    "Dispersion",
    "ExtractionRegions",
    "GratingMask",
    "MaskSizes",
    "OrderTest",
    "Polygon",
    "ResolvedEvents",
    "Resolver",
    "ResponseMatrix",
    "SourceMask",
    "SpectrumId",
    "SpectrumRow",
    "WavelengthGrid",
    "ZeroOrder",
    "added_areas",
    "angle_of",
    "area_table",
    "arm_box",
    "arm_named",
    "arm_table",
    "arms_of",
    "bounds_table",
    "brightest_cell",
    "by_nearest",
    "by_sign",
    "by_windows",
    "chosen_grid",
    "clipped_centroid",
    "column_peak",
    "default_grid",
    "default_orders",
    "default_windows",
    "diagonal_matrix",
    "enclosed",
    "exposure_of_order",
    "extract",
    "grating_area",
    "level_15_header",
    "light_within",
    "mask_of_table",
    "mask_table",
    "matches",
    "matrix_table",
    "names_of",
    "piled_up",
    "region_rows",
    "region_table",
    "regions_of_product",
    "regions_of_table",
    "resolved_table",
    "response_matrix",
    "source_and_background",
    "source_mask",
    "spectra_of",
    "spectrum_table",
    "spread_matrix",
    "streak_crossing",
    "type_one",
    "unit",
    "wavelength_edges",
    "wavelength_of",
]

if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy_face(
        __name__,
        {
            "area": "ArmArea ChipLight grating_area",
            "arms": "ARMS Arm HC_KEV_ANGSTROM arm_named arm_table arms_of",
            "dispersion": "Dispersion angle_of wavelength_of",
            "event_table": "level_15_header resolved_table",
            "extract": "CrossWindows ExtractionRegions KINDS Polygon SpectrumRow default_windows",
            "extraction_regions": "regions_of_product regions_of_table",
            "grid": "WavelengthGrid chosen_grid default_grid default_orders",
            "line_shape": "ResponseMatrix diagonal_matrix enclosed light_within response_matrix spread_matrix",
            "mask": "ArmBox GratingMask MaskSizes SourceMask arm_box source_mask",
            "mask_table": "mask_of_table",
            "order_sorting": "OrderTest by_nearest by_sign by_windows",
            "resolve": "RESOLVED ResolvedEvents Resolver",
            "response_table": "added_areas area_table bounds_table matrix_table wavelength_edges",
            "spectrum_table": "region_table type_one",
            "split": "SpectrumId exposure_of_order matches names_of region_rows source_and_background spectra_of",
            "zero_order": "ZeroOrder brightest_cell clipped_centroid column_peak piled_up streak_crossing unit",
        },
    )
