"""What event processing of all detectors shares: event definitions, keyed random numbers, status words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ciaopy.faces import lazy_face

if TYPE_CHECKING:
    from ciaopy.events.event_definition import PAIRS, DefinedColumn, parse_event_definition
    from ciaopy.events.random_numbers import PULSE_HEIGHT, SHIFT_X, SHIFT_Y, event_keys, uniform
    from ciaopy.events.status_bits import CLSTBITS, clear_status

__all__ = [
    "CLSTBITS",
    "PAIRS",
    "PULSE_HEIGHT",
    "SHIFT_X",
    "SHIFT_Y",
    "DefinedColumn",
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
            "random_numbers": "PULSE_HEIGHT SHIFT_X SHIFT_Y event_keys uniform",
            "status_bits": "CLSTBITS clear_status",
        },
    )
