"""What event processing of all detectors shares.

`parse_event_definition` reads `eventdef`; `OutputColumns` holds the columns that are made, block by block, and those
carried over; `event_keys` and `uniform` give random numbers that belong to an event; `clear_status` resets status
words.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ciaopy.faces import lazy_face

if TYPE_CHECKING:
    from ciaopy.events.event_definition import PAIRS, DefinedColumn, parse_event_definition
    from ciaopy.events.output_columns import OutputColumns, as_type
    from ciaopy.events.random_numbers import PULSE_HEIGHT, SHIFT_X, SHIFT_Y, event_keys, uniform
    from ciaopy.events.status_bits import CLSTBITS, clear_status

__all__ = [
    "CLSTBITS",
    "PAIRS",
    "PULSE_HEIGHT",
    "SHIFT_X",
    "SHIFT_Y",
    "DefinedColumn",
    "OutputColumns",
    "as_type",
    "clear_status",
    "event_keys",
    "parse_event_definition",
    "uniform",
]

if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy_face(
        __name__,
        {
            "event_definition": "DefinedColumn PAIRS parse_event_definition",
            "output_columns": "OutputColumns as_type",
            "random_numbers": "PULSE_HEIGHT SHIFT_X SHIFT_Y event_keys uniform",
            "status_bits": "CLSTBITS clear_status",
        },
    )
