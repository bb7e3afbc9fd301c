"""The transmission gratings: arms, grating coordinates, orders, spectra, responses. Arrays in, arrays out."""

from __future__ import annotations

from ciaopy.gratings.arms import ARMS, HC_KEV_ANGSTROM, Arm, arm_named, arm_table, arms_of
from ciaopy.gratings.dispersion import Dispersion, angle_of, wavelength_of
from ciaopy.gratings.mask import ArmBox, GratingMask, MaskSizes, SourceMask, arm_box
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
    "wavelength_of",
]
