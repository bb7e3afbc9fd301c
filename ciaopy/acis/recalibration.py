"""Which columns are computed anew and which are carried over from the input.

A calibrated value is never replaced by a worse one. Where the calibration of a step is missing, the columns that the
input has from a real calibration stay; what can be computed as well as before is computed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from ciaopy.acis.observing_mode import ObservingMode
from ciaopy.errors import DataError

__all__ = ["ColumnPlan", "InputState", "RequestedSteps", "choose_columns"]

Grades: TypeAlias = Literal["raw", "adjusted", "telemetry", "carried"]
PulseHeight: TypeAlias = Literal["sum", "adjusted", "carried"]

GRADE_COLUMNS = ("fltgrade", "grade", "pha_ro", "pha")


@dataclass(frozen=True)
class RequestedSteps:
    """What the user asks for, and what the calibration can give.

    Attributes
    ----------
    grades, cti, drift, energy : bool
        `doevtgrade`, `apply_cti`, `apply_tgain`, `calculate_pi`.
    has_cti, has_drift : bool
        A CTI model (for graded modes with grade images), a time-dependent gain.
    gain : {"real", "lite", "none"}
        `lite` is the embedded gain, used because there is none better.
    standard_channels : bool
        `pi_bin_width` 14.6 and `pi_num_bins` 1024.
    """

    grades: bool
    cti: bool
    drift: bool
    energy: bool
    has_cti: bool
    has_drift: bool
    gain: Literal["real", "lite", "none"]
    standard_channels: bool = True


@dataclass(frozen=True)
class InputState:
    """What the input holds: its columns (lower case), and whether CTI and time-dependent gain were applied."""

    columns: frozenset[str]
    cti_applied: bool
    drift_applied: bool
    where: str = "input"


@dataclass(frozen=True)
class ColumnPlan:
    """How each column comes about.

    Attributes
    ----------
    grades : {"raw", "adjusted", "telemetry", "carried"}
        From islands as read out, from islands adjusted for CTI, GRADE from the telemetry's FLTGRADE, or carried over.
    pulse_height : {"sum", "adjusted", "carried"}
        PHA from the island (or telemetry) sum, from the adjusted island, or carried over.
    drift : bool
        The time-dependent gain is applied to PHA.
    energy : {"gain", "carried", "absent"}
        Absent: the input has no ENERGY and none is computed.
    channels : {"computed", "carried", "absent"}
        PI.
    carried : tuple of str
        Columns that stay although the user asked for them to be computed, in upper case.
    """

    grades: Grades
    pulse_height: PulseHeight
    drift: bool
    energy: Literal["gain", "carried", "absent"]
    channels: Literal["computed", "carried", "absent"]
    carried: tuple[str, ...] = ()

    @property
    def cti_applied(self) -> bool:
        """True if this plan itself adjusts for CTI."""
        return self.pulse_height == "adjusted"


def choose_columns(mode: ObservingMode, wanted: RequestedSteps, state: InputState) -> ColumnPlan:
    """Decide how the columns come about.

    Raises
    ------
    DataError
        The input lacks a column that the mode needs.
    """
    adjust = wanted.grades and wanted.cti and wanted.has_cti
    stays = wanted.cti and not wanted.has_cti and state.cti_applied
    source = _from_islands if mode.islands else _from_telemetry
    grades, pulse_height = source(wanted.grades, adjust, stays, state)
    kept_drift = wanted.drift and not wanted.has_drift and state.drift_applied and pulse_height == "sum"
    if kept_drift and "pha" in state.columns:
        pulse_height = "carried"
    drift = wanted.drift and wanted.has_drift and (pulse_height != "carried" or not state.drift_applied)
    energy, channels = _energy(wanted, state, stays and wanted.grades)
    carried = _carried(wanted, state, stays, kept_drift, energy, channels)
    return ColumnPlan(grades, pulse_height, drift, energy, channels, carried)


def _from_islands(wanted: bool, adjust: bool, stays: bool, state: InputState) -> tuple[Grades, PulseHeight]:
    if not wanted or (stays and set(GRADE_COLUMNS) - {"pha_ro"} <= state.columns):
        return "carried", "carried"
    if "phas" not in state.columns:
        raise DataError(
            f"{state.where}: no column phas, the event islands that doevtgrade=yes needs in this mode; "
            "give the level-1 event file, or set doevtgrade=no to keep the grades and pulse heights"
        )
    return ("adjusted", "adjusted") if adjust else ("raw", "sum")


def _from_telemetry(wanted: bool, adjust: bool, stays: bool, state: InputState) -> tuple[Grades, PulseHeight]:
    if not wanted:
        return "carried", "carried"
    if "fltgrade" not in state.columns:
        raise DataError(f"{state.where}: no column fltgrade, which graded modes send; give the level-1 event file")
    if "pha" not in state.columns and "pha_ro" not in state.columns:
        raise DataError(f"{state.where}: no column pha, which graded modes send; give the level-1 event file")
    if adjust:
        return "telemetry", "adjusted"
    if stays and "pha" in state.columns:
        return "telemetry", "carried"
    return "telemetry", "sum"


def _energy(
    wanted: RequestedSteps, state: InputState, stays: bool
) -> tuple[Literal["gain", "carried", "absent"], Literal["computed", "carried", "absent"]]:
    has_energy, has_pi = "energy" in state.columns, "pi" in state.columns
    if not wanted.energy:
        return ("carried" if has_energy else "absent"), ("carried" if has_pi else "absent")
    if wanted.gain == "real" or (wanted.gain == "lite" and not has_energy):
        return "gain", "computed"
    if not has_energy:
        raise DataError(
            f"{state.where}: no gain (gainfile=NONE) and no column energy to keep; "
            "set gainfile to CALDB, lite or a file, or calculate_pi=no"
        )
    if stays and has_pi and wanted.standard_channels:
        return "carried", "carried"
    return "carried", "computed"


def _carried(
    wanted: RequestedSteps, state: InputState, stays: bool, kept_drift: bool, energy: str, channels: str
) -> tuple[str, ...]:
    names: list[str] = []
    if wanted.grades and stays:
        names += [c for c in GRADE_COLUMNS if c in state.columns]
    elif wanted.grades and kept_drift and "pha" in state.columns:
        names.append("pha")
    if wanted.energy and energy == "carried":
        names.append("energy")
    if wanted.energy and channels == "carried":
        names.append("pi")
    return tuple(n.upper() for n in names)
