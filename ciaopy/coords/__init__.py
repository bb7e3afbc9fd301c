"""Coordinates of Chandra data: chip, tiled detector, detector, sky, world; the aspect solution.

Start with `event_positions` for a whole event file, `EventTransform` for row blocks of a pipeline, and `FocalPlane` for
single transformations: ``FocalPlane.from_header(header).chip_to_sky(7, 220.0, 530.0, attitude, frame)``.
"""

from __future__ import annotations

from ciaopy.coords.aspect import AspectSolution
from ciaopy.coords.attitude import (
    Attitude,
    attitude_matrix,
    matrix_angles,
    matrix_quaternion,
    quaternion,
    quaternion_matrix,
    tangent_axes,
)
from ciaopy.coords.events import EventPositions, EventTransform, acis_event_positions, event_positions
from ciaopy.coords.focalplane import ChipPosition, FocalPlane, angles_to_det, off_axis_angles
from ciaopy.coords.geometry import Chip, Detector, Geometry
from ciaopy.coords.tangent import SkyFrame, TangentPlane

__all__ = [
    "AspectSolution",
    "Attitude",
    "Chip",
    "ChipPosition",
    "Detector",
    "EventPositions",
    "EventTransform",
    "FocalPlane",
    "Geometry",
    "SkyFrame",
    "TangentPlane",
    "acis_event_positions",
    "angles_to_det",
    "attitude_matrix",
    "event_positions",
    "matrix_angles",
    "matrix_quaternion",
    "off_axis_angles",
    "quaternion",
    "quaternion_matrix",
    "tangent_axes",
]
