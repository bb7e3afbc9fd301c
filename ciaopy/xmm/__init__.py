"""XMM-Newton's EPIC cameras: selections, good times, images, flares, exposure maps, from event lists alone.

The names are looked up when first used, so that importing the room loads nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ciaopy.faces import lazy_face

if TYPE_CHECKING:
    from ciaopy.xmm import anomalous, eventlist, exposure, flares, geometry, mosaic, selecting, vignetting
    from ciaopy.xmm.conditions import requires_zero_flag, selected_ccds
    from ciaopy.xmm.eventlist import EventList, ccd_of, open_event_list, read_gti, split_table_name
    from ciaopy.xmm.expressions import ExpressionError, Selection, parse_selection
    from ciaopy.xmm.flags import CORNERS_AND_FOV, DEFAULT_MACROS, FIELD_OF_VIEW, OUT_OF_FOV, is_mos
    from ciaopy.xmm.geometry import Affine
    from ciaopy.xmm.images import Axis, Grid, make_axis
    from ciaopy.xmm.inventory import Inventory, ListInfo, take_inventory
    from ciaopy.xmm.merge import merge_lists
    from ciaopy.xmm.subspace import Subspace
    from ciaopy.xmm.summary import assess_process_obs, parse_odf_sum, read_summary, usable_exposures

__all__ = [
    "CORNERS_AND_FOV",
    "DEFAULT_MACROS",
    "FIELD_OF_VIEW",
    "OUT_OF_FOV",
    "Affine",
    "Axis",
    "EventList",
    "ExpressionError",
    "Grid",
    "Inventory",
    "ListInfo",
    "Selection",
    "Subspace",
    "anomalous",
    "assess_process_obs",
    "ccd_of",
    "eventlist",
    "exposure",
    "flares",
    "geometry",
    "is_mos",
    "make_axis",
    "merge_lists",
    "mosaic",
    "open_event_list",
    "parse_odf_sum",
    "parse_selection",
    "read_gti",
    "read_summary",
    "requires_zero_flag",
    "selected_ccds",
    "selecting",
    "split_table_name",
    "take_inventory",
    "usable_exposures",
    "vignetting",
]

if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy_face(
        __name__,
        {
            "conditions": "requires_zero_flag selected_ccds",
            "eventlist": "EventList ccd_of open_event_list read_gti split_table_name",
            "expressions": "ExpressionError Selection parse_selection",
            "flags": "CORNERS_AND_FOV DEFAULT_MACROS FIELD_OF_VIEW OUT_OF_FOV is_mos",
            "geometry": "Affine",
            "images": "Axis Grid make_axis",
            "inventory": "Inventory ListInfo take_inventory",
            "merge": "merge_lists",
            "subspace": "Subspace",
            "summary": "assess_process_obs parse_odf_sum read_summary usable_exposures",
            "": "anomalous eventlist exposure flares geometry mosaic selecting vignetting",
        },
    )
