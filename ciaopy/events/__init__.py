"""What event processing of all detectors shares.

`parse_event_definition` reads `eventdef`; `OutputColumns` holds the columns that are made, block by block, and those
carried over; `ObjectFrame` adds positions about a moving object; `event_keys` and `uniform` give random numbers that
belong to an event; `clear_status` resets status words.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ciaopy.faces import lazy_face

if TYPE_CHECKING:
    from ciaopy.events.event_definition import PAIRS, DefinedColumn, parse_event_definition
    from ciaopy.events.frozen_events import FrozenEvents
    from ciaopy.events.object_frame import (
        ASPECT_BLOCK,
        OBJECT_COLUMNS,
        Frozen,
        ObjectFrame,
        object_aspect,
        sky_plane,
    )
    from ciaopy.events.output_columns import OutputColumns, as_type
    from ciaopy.events.random_numbers import PULSE_HEIGHT, SHIFT_X, SHIFT_Y, event_keys, uniform
    from ciaopy.events.status_bits import CLSTBITS, clear_status

__all__ = [
    "ASPECT_BLOCK",
    "CLSTBITS",
    "OBJECT_COLUMNS",
    "PAIRS",
    "PULSE_HEIGHT",
    "SHIFT_X",
    "SHIFT_Y",
    "DefinedColumn",
    "Frozen",
    "FrozenEvents",
    "ObjectFrame",
    "OutputColumns",
    "as_type",
    "clear_status",
    "event_keys",
    "object_aspect",
    "parse_event_definition",
    "sky_plane",
    "uniform",
]

if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy_face(
        __name__,
        {
            "event_definition": "DefinedColumn PAIRS parse_event_definition",
            "frozen_events": "FrozenEvents",
            "object_frame": "ASPECT_BLOCK OBJECT_COLUMNS Frozen ObjectFrame object_aspect sky_plane",
            "output_columns": "OutputColumns as_type",
            "random_numbers": "PULSE_HEIGHT SHIFT_X SHIFT_Y event_keys uniform",
            "status_bits": "CLSTBITS clear_status",
        },
    )
