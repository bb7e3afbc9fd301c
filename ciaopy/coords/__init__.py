"""Coordinates of Chandra data: chip, tiled detector, detector, sky, world; the aspect solution.

Start with `event_positions` for a whole event file, `EventTransform` for row blocks of a pipeline, and `FocalPlane` for
single transformations: ``FocalPlane.from_header(header).chip_to_sky(7, 220.0, 530.0, attitude, frame)``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ciaopy.coords.fov_table import fov_table
from ciaopy.faces import lazy_face

if TYPE_CHECKING:
    from ciaopy.coords.angles import format_dec, format_ra, parse_dec, parse_ra
    from ciaopy.coords.aspect import TIME_SLACK, AspectSolution, stack_names
    from ciaopy.coords.attitude import (
        Attitude,
        attitude_matrix,
        keyword_number,
        matrix_angles,
        matrix_quaternion,
        quaternion,
        quaternion_matrix,
        tangent_axes,
    )
    from ciaopy.coords.ephemeris import AU_M, Ephemeris
    from ciaopy.coords.events import EventPositions, EventTransform, acis_event_positions, event_positions
    from ciaopy.coords.focalplane import ChipPosition, FocalPlane, angles_to_det, off_axis_angles
    from ciaopy.coords.fov import (
        FovPolygon,
        convexhull_attitudes,
        fov_polygons,
        full_chips,
        mask_corners,
        minmax_attitudes,
    )
    from ciaopy.coords.fov_table import fov_limits
    from ciaopy.coords.geometry import Chip, Detector, FloatArray, Geometry, Vector3
    from ciaopy.coords.moving import LIGHT_M_S, ObjectTrack, object_centred, object_centred_attitudes
    from ciaopy.coords.offaxis import absorb_offsets
    from ciaopy.coords.solve import Observation, Position
    from ciaopy.coords.tangent import SkyFrame, TangentPlane

__all__ = [
    "AU_M",
    "LIGHT_M_S",
    "TIME_SLACK",
    "AspectSolution",
    "Attitude",
    "Chip",
    "ChipPosition",
    "Detector",
    "Ephemeris",
    "EventPositions",
    "EventTransform",
    "FloatArray",
    "FocalPlane",
    "FovPolygon",
    "Geometry",
    "ObjectTrack",
    "Observation",
    "Position",
    "SkyFrame",
    "TangentPlane",
    "Vector3",
    "absorb_offsets",
    "acis_event_positions",
    "angles_to_det",
    "attitude_matrix",
    "convexhull_attitudes",
    "event_positions",
    "format_dec",
    "format_ra",
    "fov_limits",
    "fov_polygons",
    "fov_table",
    "full_chips",
    "keyword_number",
    "mask_corners",
    "matrix_angles",
    "matrix_quaternion",
    "minmax_attitudes",
    "object_centred",
    "object_centred_attitudes",
    "off_axis_angles",
    "parse_dec",
    "parse_ra",
    "quaternion",
    "quaternion_matrix",
    "stack_names",
    "tangent_axes",
]

if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy_face(
        __name__,
        {
            "angles": "format_dec format_ra parse_dec parse_ra",
            "aspect": "AspectSolution TIME_SLACK stack_names",
            "attitude": "Attitude attitude_matrix keyword_number matrix_angles matrix_quaternion quaternion "
            "quaternion_matrix tangent_axes",
            "ephemeris": "AU_M Ephemeris",
            "events": "EventPositions EventTransform acis_event_positions event_positions",
            "focalplane": "ChipPosition FocalPlane angles_to_det off_axis_angles",
            "fov": "FovPolygon convexhull_attitudes fov_polygons full_chips mask_corners minmax_attitudes",
            "fov_table": "fov_limits",
            "geometry": "Chip Detector FloatArray Geometry Vector3",
            "moving": "LIGHT_M_S ObjectTrack object_centred object_centred_attitudes",
            "offaxis": "absorb_offsets",
            "solve": "Observation Position",
            "tangent": "SkyFrame TangentPlane",
        },
    )
