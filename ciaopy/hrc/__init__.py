"""HRC event science: arrays and small dataclasses in, arrays out.

Events (hrc_process_events): `process` runs the steps over row blocks; `telemetry`, `pulse_height`, `positions`, `gain`,
`bad_areas` hold one rule each; `detector` knows the HRC-I and the HRC-S; `event_table` describes the file. Dead time
(hrc_dtfstats, patch_hrc_ssc): `dead_time`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ciaopy.faces import lazy_face
from ciaopy.hrc.event_table import event_table

if TYPE_CHECKING:
    from ciaopy.hrc.bad_areas import chip_rectangles, raw_rectangles, rectangles
    from ciaopy.hrc.dead_time import DeadTimeStatistics, RatePatch, corrupt_rates, patched, step_onto, table_statistics
    from ciaopy.hrc.detector import HRC_I, HRC_S, HrcDetector
    from ciaopy.hrc.event_table import COMMENTS, coordinate_systems
    from ciaopy.hrc.gain import GainRules, scaled_sums
    from ciaopy.hrc.positions import ChipRules, chip_of_taps
    from ciaopy.hrc.process import Calibration, Observation, Options, ProcessedEvents, process_events
    from ciaopy.hrc.pulse_height import TapRules

__all__ = [
    "COMMENTS",
    "HRC_I",
    "HRC_S",
    "Calibration",
    "ChipRules",
    "DeadTimeStatistics",
    "GainRules",
    "HrcDetector",
    "Observation",
    "Options",
    "ProcessedEvents",
    "RatePatch",
    "TapRules",
    "chip_of_taps",
    "chip_rectangles",
    "coordinate_systems",
    "corrupt_rates",
    "event_table",
    "patched",
    "process_events",
    "raw_rectangles",
    "rectangles",
    "scaled_sums",
    "step_onto",
    "table_statistics",
]

if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy_face(
        __name__,
        {
            "bad_areas": "chip_rectangles raw_rectangles rectangles",
            "dead_time": "DeadTimeStatistics RatePatch corrupt_rates patched step_onto table_statistics",
            "detector": "HRC_I HRC_S HrcDetector",
            "event_table": "COMMENTS coordinate_systems",
            "gain": "GainRules scaled_sums",
            "positions": "ChipRules chip_of_taps",
            "process": "Calibration Observation Options ProcessedEvents process_events",
            "pulse_height": "TapRules",
        },
    )
