"""The transmission gratings: arms, grating coordinates, orders, spectra, responses. Arrays in, arrays out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ciaopy.faces import lazy_face
from ciaopy.gratings.mask_table import mask_table

if TYPE_CHECKING:
    from ciaopy.gratings.arms import ARMS, HC_KEV_ANGSTROM, Arm, arm_named, arm_table, arms_of
    from ciaopy.gratings.dispersion import Dispersion, angle_of, wavelength_of
    from ciaopy.gratings.event_table import level_15_header, resolved_table
    from ciaopy.gratings.mask import ArmBox, GratingMask, MaskSizes, SourceMask, arm_box
    from ciaopy.gratings.mask_table import mask_of_table
    from ciaopy.gratings.order_sorting import OrderTest, by_nearest, by_sign, by_windows
    from ciaopy.gratings.resolve import RESOLVED, ResolvedEvents, Resolver

__all__ = [
    "ARMS",
    "HC_KEV_ANGSTROM",
    "RESOLVED",
    "Arm",
    "ArmBox",
    "Dispersion",
    "GratingMask",
    "MaskSizes",
    "OrderTest",
    "ResolvedEvents",
    "Resolver",
    "SourceMask",
    "angle_of",
    "arm_box",
    "arm_named",
    "arm_table",
    "arms_of",
    "by_nearest",
    "by_sign",
    "by_windows",
    "level_15_header",
    "mask_of_table",
    "mask_table",
    "resolved_table",
    "wavelength_of",
]

if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy_face(
        __name__,
        {
            "arms": "ARMS Arm HC_KEV_ANGSTROM arm_named arm_table arms_of",
            "dispersion": "Dispersion angle_of wavelength_of",
            "event_table": "level_15_header resolved_table",
            "mask": "ArmBox GratingMask MaskSizes SourceMask arm_box",
            "mask_table": "mask_of_table",
            "order_sorting": "OrderTest by_nearest by_sign by_windows",
            "resolve": "RESOLVED ResolvedEvents Resolver",
        },
    )
