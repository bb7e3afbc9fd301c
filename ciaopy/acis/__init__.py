"""ACIS event science: arrays and small dataclasses in, arrays out.

Events (acis_process_events): `process` runs the steps over row blocks; `grades`, `pulse_height`, `cti`, `gain`,
`subpixel`, `very_faint`, `event_status`, `continuous_clocking` hold one rule each; `recalibration` decides which
columns are computed and which are kept; `observing_mode`, `event_table` describe files; `chip_tables` serves
the others; `processing` holds what is told and returned. Bad pixels and streaks: `bad_pixels`, `bias`, `afterglow`,
`destreak`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ciaopy.acis.bad_pixel_table import bad_pixel_table
from ciaopy.acis.event_table import event_table
from ciaopy.faces import lazy_face

if TYPE_CHECKING:
    from ciaopy.acis.afterglow import AfterglowSettings, Frames, find_bad_pixels
    from ciaopy.acis.bad_pixel_table import bad_pixel_headers, ccd_of, rows_by_chip, rows_of
    from ciaopy.acis.bad_pixels import (
        CALIBRATION_BITS,
        CHIP_SIZE,
        BadPixelEntries,
        BadPixelRows,
        BitFlag,
        build,
        empty_entries,
        expand,
        join,
        merge,
        to_rows,
    )
    from ciaopy.acis.bias import BIAS_BAD, BIAS_PARITY_BIT, bias_entries
    from ciaopy.acis.chip_tables import CurveTables
    from ciaopy.acis.continuous_clocking import ROW_TIME
    from ciaopy.acis.cti import CtiRules, CtiTables, cti_application, cti_tables
    from ciaopy.acis.destreak import (
        NODES,
        STREAK_BIT,
        StreakCells,
        choose_threshold,
        find_streaks,
        group_rows,
        row_rates,
    )
    from ciaopy.acis.event_block import EventBlock
    from ciaopy.acis.event_status import BadPixelMap, flag_bad_pixels
    from ciaopy.acis.event_table import CalibrationRecord, write_keywords
    from ciaopy.acis.exposures import Exposures, align, read_exposures, whole_exposures
    from ciaopy.acis.gain import gain_tables, pi_channels, round_pulse_heights, time_tables
    from ciaopy.acis.grades import ASCA_GRADES, SUM_MASK
    from ciaopy.acis.observing_mode import ObservingMode
    from ciaopy.acis.process import process_events
    from ciaopy.acis.processing import Calibration, Counts, ObservingSetup, ProcessingOptions
    from ciaopy.acis.pulse_height import DEFAULT_SPLIT, grade_islands, split_array
    from ciaopy.acis.recalibration import ColumnPlan, InputState, RequestedSteps, choose_columns

__all__ = [
    "ASCA_GRADES",
    "BIAS_BAD",
    "BIAS_PARITY_BIT",
    "CALIBRATION_BITS",
    "CHIP_SIZE",
    "DEFAULT_SPLIT",
    "NODES",
    "ROW_TIME",
    "STREAK_BIT",
    "SUM_MASK",
    "AfterglowSettings",
    "BadPixelEntries",
    "BadPixelMap",
    "BadPixelRows",
    "BitFlag",
    "Calibration",
    "CalibrationRecord",
    "ColumnPlan",
    "Counts",
    "CtiRules",
    "CtiTables",
    "CurveTables",
    "EventBlock",
    "Exposures",
    "Frames",
    "InputState",
    "ObservingMode",
    "ObservingSetup",
    "ProcessingOptions",
    "RequestedSteps",
    "StreakCells",
    "align",
    "bad_pixel_headers",
    "bad_pixel_table",
    "bias_entries",
    "build",
    "ccd_of",
    "choose_columns",
    "choose_threshold",
    "cti_application",
    "cti_tables",
    "empty_entries",
    "event_table",
    "expand",
    "find_bad_pixels",
    "find_streaks",
    "flag_bad_pixels",
    "gain_tables",
    "grade_islands",
    "group_rows",
    "join",
    "merge",
    "pi_channels",
    "process_events",
    "read_exposures",
    "round_pulse_heights",
    "row_rates",
    "rows_by_chip",
    "rows_of",
    "split_array",
    "time_tables",
    "to_rows",
    "whole_exposures",
    "write_keywords",
]

if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy_face(
        __name__,
        {
            "afterglow": "AfterglowSettings Frames find_bad_pixels",
            "bad_pixel_table": "bad_pixel_headers ccd_of rows_by_chip rows_of",
            "bad_pixels": "BadPixelEntries BadPixelRows BitFlag CALIBRATION_BITS CHIP_SIZE build empty_entries "
            "expand join merge to_rows",
            "bias": "BIAS_BAD BIAS_PARITY_BIT bias_entries",
            "chip_tables": "CurveTables",
            "continuous_clocking": "ROW_TIME",
            "cti": "CtiRules CtiTables cti_application cti_tables",
            "destreak": "NODES STREAK_BIT StreakCells choose_threshold find_streaks group_rows row_rates",
            "event_block": "EventBlock",
            "event_status": "BadPixelMap flag_bad_pixels",
            "event_table": "CalibrationRecord write_keywords",
            "exposures": "Exposures align read_exposures whole_exposures",
            "gain": "gain_tables pi_channels round_pulse_heights time_tables",
            "grades": "ASCA_GRADES SUM_MASK",
            "observing_mode": "ObservingMode",
            "process": "process_events",
            "processing": "Calibration Counts ObservingSetup ProcessingOptions",
            "pulse_height": "DEFAULT_SPLIT grade_islands split_array",
            "recalibration": "ColumnPlan InputState RequestedSteps choose_columns",
        },
    )
