"""The files of one observation: identity, archive layout, companions, headers, what belongs together.

An `Observation` is an `EventFile` with its `Companions`. chandra_repro finds them by name in an archive download
(`gather`), fluximage by parameter or header (`find_companions`), the mosaics for many at once (`find_all_companions`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ciaopy.faces import lazy_face
from ciaopy.observation.gather import gather
from ciaopy.observation.tangent_point import tangent_point
from ciaopy.observation.zero_order_position import zero_order_position

if TYPE_CHECKING:
    from ciaopy.observation.archive import (
        Layout,
        find_level1,
        is_there,
        level1_files,
        listing,
        look_up,
        plain_name,
        product_events,
        read_level1,
        root_name,
    )
    from ciaopy.observation.aspect_choice import AspectChoice, choose
    from ciaopy.observation.companions import Companions, GivenFiles, Observation
    from ciaopy.observation.ephemeris_files import MovingTarget, moving_target
    from ciaopy.observation.finder import find_companions
    from ciaopy.observation.identity import EventFile, ObsId, check_identity
    from ciaopy.observation.matching import find_all_companions, matched_aspect
    from ciaopy.observation.tangent_point import position, reference
    from ciaopy.observation.zero_order_position import parse_position

__all__ = [
    "AspectChoice",
    "Companions",
    "EventFile",
    "GivenFiles",
    "Layout",
    "MovingTarget",
    "ObsId",
    "Observation",
    "check_identity",
    "choose",
    "find_all_companions",
    "find_companions",
    "find_level1",
    "gather",
    "is_there",
    "level1_files",
    "listing",
    "look_up",
    "matched_aspect",
    "moving_target",
    "parse_position",
    "plain_name",
    "position",
    "product_events",
    "read_level1",
    "reference",
    "root_name",
    "tangent_point",
    "zero_order_position",
]

if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy_face(
        __name__,
        {
            "zero_order_position": "parse_position",
            "archive": "Layout find_level1 is_there level1_files listing look_up plain_name product_events "
            "read_level1 root_name",
            "aspect_choice": "AspectChoice choose",
            "companions": "Companions GivenFiles Observation",
            "finder": "find_companions",
            "identity": "EventFile ObsId check_identity",
            "matching": "find_all_companions matched_aspect",
            "ephemeris_files": "MovingTarget moving_target",
            "tangent_point": "position reference",
        },
    )
