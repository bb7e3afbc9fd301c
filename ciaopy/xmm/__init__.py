"""XMM-Newton's EPIC cameras: selections, good times, images, flares, exposure maps, from event lists alone.

The names are looked up when first used, so that importing the room loads nothing else.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ciaopy.xmm.eventlist import EventList, open_event_list, read_gti
    from ciaopy.xmm.expressions import ExpressionError, Selection, parse_selection
    from ciaopy.xmm.inventory import Inventory, ListInfo, take_inventory
    from ciaopy.xmm.summary import assess_process_obs, parse_odf_sum, read_summary, usable_exposures

_HOMES = {
    "EventList": "eventlist",
    "ExpressionError": "expressions",
    "Inventory": "inventory",
    "ListInfo": "inventory",
    "Selection": "expressions",
    "assess_process_obs": "summary",
    "open_event_list": "eventlist",
    "parse_odf_sum": "summary",
    "parse_selection": "expressions",
    "read_gti": "eventlist",
    "read_summary": "summary",
    "take_inventory": "inventory",
    "usable_exposures": "summary",
}

__all__ = [
    "EventList",
    "ExpressionError",
    "Inventory",
    "ListInfo",
    "Selection",
    "assess_process_obs",
    "open_event_list",
    "parse_odf_sum",
    "parse_selection",
    "read_gti",
    "read_summary",
    "take_inventory",
    "usable_exposures",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
