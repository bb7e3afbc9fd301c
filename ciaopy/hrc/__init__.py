"""HRC event science: arrays and small dataclasses in, arrays out.

Events (hrc_process_events): `process` runs the steps over row blocks; `telemetry`, `pulse_height`, `positions`, `gain`,
`bad_areas` hold one rule each; `detector` knows the HRC-I and the HRC-S; `event_table` describes the file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ciaopy.faces import lazy_face
from ciaopy.hrc.event_table import event_table

if TYPE_CHECKING:
    from ciaopy.hrc.bad_areas import rectangles
    from ciaopy.hrc.detector import HrcDetector
    from ciaopy.hrc.event_table import COMMENTS, coordinate_systems
    from ciaopy.hrc.gain import GainRules, scaled_sums
    from ciaopy.hrc.positions import ChipRules
    from ciaopy.hrc.process import Calibration, Observation, Options, ProcessedEvents, process_events
    from ciaopy.hrc.pulse_height import TapRules

__all__ = [
    "COMMENTS",
    "Calibration",
    "ChipRules",
    "GainRules",
    "HrcDetector",
    "Observation",
    "Options",
    "ProcessedEvents",
    "TapRules",
    "coordinate_systems",
    "event_table",
    "process_events",
    "rectangles",
    "scaled_sums",
]

if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy_face(
        __name__,
        {
            "bad_areas": "rectangles",
            "detector": "HrcDetector",
            "event_table": "COMMENTS coordinate_systems",
            "gain": "GainRules scaled_sums",
            "positions": "ChipRules",
            "process": "Calibration Observation Options ProcessedEvents process_events",
            "pulse_height": "TapRules",
        },
    )
