"""The mask of a grating observation: where the zero order and the arms of each source lie on the sky.

Geometry found on the REGION blocks of ObsIDs 13838, 13839, 13842, 13849, 14392: positions and lengths to 0.001 pixel,
angles to 1e-5 deg.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ciaopy.caldb.lite import zero_order_size
from ciaopy.coords import Attitude, Detector, FloatArray, FocalPlane, SkyFrame
from ciaopy.gratings.arms import Arm

__all__ = ["ArmBox", "GratingMask", "MaskSizes", "SourceMask", "arm_box", "clocked_box", "source_mask"]

# The box is shortened by so many pixels at a time until it ends inside the range of SKY.
STEP = 30.0
# Widths of the boxes: 2 width_factor sqrt(a s^2 + b), s the size of the zero order in ACIS pixels.
_WIDTHS = {"HEG": (1.0435, 0.7441), "MEG": (1.0318, 1.6511), "LEG": (1.0, 0.0)}
# ACIS sky pixel, arcsec: the unit of the sizes above.
_ACIS_PIXEL = 0.492


@dataclass(frozen=True)
class ArmBox:
    """A rotated box along one arm.

    Attributes
    ----------
    arm : Arm
    x, y : float
        Centre, SKY pixels.
    length, width : float
        Full sizes, pixels.
    angle : float
        Of the long axis, deg, counter-clockwise from +X.
    """

    arm: Arm
    x: float
    y: float
    length: float
    width: float
    angle: float


@dataclass(frozen=True)
class SourceMask:
    """The regions of one source.

    Attributes
    ----------
    number : int
        Source number.
    x, y, radius : float
        Zero-order circle, SKY pixels.
    boxes : tuple of ArmBox
        In order of part.
    """

    number: int
    x: float
    y: float
    radius: float
    boxes: tuple[ArmBox, ...]


@dataclass(frozen=True)
class GratingMask:
    """All sources of a mask, in order."""

    sources: tuple[SourceMask, ...]

    def circles(self) -> FloatArray:
        """Return x, y, radius of the zero orders, shape (n, 3)."""
        return np.array([(s.x, s.y, s.radius) for s in self.sources], dtype=np.float64).reshape(-1, 3)

    def numbers(self) -> NDArray[np.int16]:
        """Return the source numbers, shape (n,)."""
        return np.array([s.number for s in self.sources], np.int16)

    def boxes(self, arms: tuple[Arm, ...]) -> FloatArray:
        """Return the boxes of these arms as the kernel takes them, shape (m, 8); see `ciaopy.kernels.gratings`."""
        rows = []
        for s, source in enumerate(self.sources):
            for box in source.boxes:
                if box.arm in arms:
                    angle = np.deg2rad(box.angle)
                    place = (box.x, box.y, np.cos(angle), np.sin(angle), box.length / 2, box.width / 2)
                    rows.append((s, arms.index(box.arm), *place))
        return np.array(rows, dtype=np.float64).reshape(-1, 8)


@dataclass(frozen=True)
class MaskSizes:
    """What the sizes of a mask are made of.

    Attributes
    ----------
    radius_factor : float
        Radius of the zero order in sizes of the zero order.
    width_factor : float
        Half width of an arm, likewise.
    r_max : float
        Length of an arm on either side, deg of dispersion angle.
    """

    radius_factor: float
    width_factor: float
    r_max: float

    @classmethod
    def usual(cls, grating: str) -> MaskSizes:
        """Return the sizes of the parameter file's defaults for `HETG` or `LETG`."""
        return cls(50.0, 35.0, 0.992) if grating == "HETG" else cls(50.0, 300.0, 2.1)

    def radius(self, size: float, detector: Detector) -> float:
        """Return the radius (pixels of the detector's SKY) for a zero order of `size` ACIS pixels."""
        return self.radius_factor * size * _ACIS_PIXEL / detector.scale

    def width(self, arm: Arm, size: float, detector: Detector) -> float:
        """Return the full width of an arm's box (pixels of the detector's SKY)."""
        a, b = _WIDTHS[arm.name]
        return float(2.0 * self.width_factor * np.sqrt(a * size * size + b) * _ACIS_PIXEL / detector.scale)


def arm_box(
    arm: Arm, detector: Detector, zero: tuple[float, float], roll_nom: float, width: float, r_max: float
) -> ArmBox:
    """Return the box of an arm about a zero order.

    Its angle is -ROLL_NOM - alpha, modulo 180 degrees. On either side it reaches R rad(r_max)/(F s) pixels, less as
    many steps of 30 pixels as it takes for its axis to end inside the range of SKY.

    Parameters
    ----------
    zero : (float, float)
        SKY position, pixels, within the range of SKY.
    roll_nom : float
        ROLL_NOM, deg.
    width : float
        Full width, pixels.
    r_max : float
        Dispersion angle of the ends, deg.
    """
    angle = (-roll_nom - arm.angle(detector.name)) % 180.0
    along = np.array([np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))])
    reach = arm.rowland * np.deg2rad(r_max) / (detector.focal_length * detector.scale_rad)
    low, high = detector.det_range
    ends = []
    for sign in (1.0, -1.0):
        steps = reach - STEP * np.arange(int(reach / STEP) + 1)
        tips = np.array(zero) + sign * steps[:, None] * along
        inside = np.all((tips >= low) & (tips <= high), axis=1)
        ends.append(float(steps[np.argmax(inside)]) if inside.any() else 0.0)
    centre = np.array(zero) + 0.5 * (ends[0] - ends[1]) * along
    return ArmBox(arm, float(centre[0]), float(centre[1]), ends[0] + ends[1], width, angle)


def clocked_box(arm: Arm, detector: Detector, zero: tuple[float, float], width: float, r_max: float) -> ArmBox:
    """Return the one box of continuous clocking: of angle 0, as the sky image is a line (ahelp tg_create_mask).

    Its length counts along the columns, R rad(r_max)/(F s) pixels to either side; it is not shortened.
    """
    reach = arm.rowland * np.deg2rad(r_max) / (detector.focal_length * detector.scale_rad)
    return ArmBox(arm, *zero, float(2.0 * reach), width, 0.0)


def source_mask(
    number: int,
    zero: tuple[float, float],
    arms: tuple[Arm, ...],
    view: tuple[FocalPlane, SkyFrame, Attitude],
    sizes: MaskSizes | None = None,
    given: Mapping[str, float] | None = None,
    clocked: bool = False,
) -> SourceMask:
    """Return the mask of one source, its sizes those of archive masks at its off-axis angle.

    Parameters
    ----------
    number : int
        Source number.
    zero : (float, float)
        SKY position of the zero order, pixels.
    arms : tuple of Arm
    view : (FocalPlane, SkyFrame, Attitude)
        Detector, sky and mean pointing.
    sizes : MaskSizes, optional
        Default: `MaskSizes.usual` of the grating.
    given : mapping of str to float, optional
        Sizes (pixels) that replace the computed ones where they are above 0: `radius`, `HEG`, `MEG`, `LEG` (widths).
    clocked : bool, optional
        Continuous clocking: one box, of the last arm (MEG, LEG).
    """
    plane, frame, attitude = view
    own, given = sizes or MaskSizes.usual(arms[0].grating), given or {}
    theta = float(plane.off_axis(*plane.sky_to_det(*zero, attitude, frame))[0])
    size, detector = float(zero_order_size(theta)), plane.detector
    if clocked:
        arm = arms[-1]
        width = given.get(arm.name) or own.width(arm, size, detector)
        boxes: tuple[ArmBox, ...] = (clocked_box(arm, detector, zero, width, own.r_max),)
        return SourceMask(number, *zero, given.get("radius") or own.radius(size, detector), boxes)
    boxes = tuple(
        arm_box(a, detector, zero, frame.roll_nom, given.get(a.name) or own.width(a, size, detector), own.r_max)
        for a in arms
    )
    return SourceMask(number, *zero, given.get("radius") or own.radius(size, detector), boxes)
