"""MOS CCDs in an anomalous state: the hardness of events in the unexposed corners.

Corner masks, energies, limits and states from the documents of SAS's emanom. The limits of MOS2 CCD5 were not at hand
and are those of MOS2 CCD2 (inferred).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

__all__ = ["HIGH_BAND", "LIMITS", "LOW_BAND", "Hardness", "corner_expression", "hardness", "log_text"]

LOW_BAND = (400, 800)
HIGH_BAND = (2500, 5000)
# (INSTRUME, CCD) -> (below: anomalous, above: not anomalous).
LIMITS: Mapping[tuple[str, int], tuple[float, float]] = MappingProxyType({
    ("EMOS1", 4): (2.75, 3.00),
    ("EMOS1", 5): (2.25, 3.60),
    ("EMOS2", 2): (2.10, 2.50),
    ("EMOS2", 5): (2.10, 2.50),
})  # fmt: skip
# What lies outside the exposed area, in DETX, DETY; box sizes are half widths.
_CIRCLES = {
    "EMOS1": ((100, -200, 17700), (834, 135, 17100), (770, -803, 17100)),
    "EMOS2": ((435, 1006, 17100), (-34, 68, 17700)),
}
_BOXES = (
    (-20, -17000, 6500, 500, 0), (5880, -20500, 7500, 1500, 10), (-5920, -20500, 7500, 1500, 350),
    (-20, -20000, 5500, 500, 0),
)  # fmt: skip


@dataclass(frozen=True)
class Hardness:
    """State of one CCD.

    Attributes
    ----------
    ccd : int
    ratio, error : float or None
        Counts of the high band over those of the low one; None where there is no number.
    state : str
        G good, I intermediate, B bad (anomalous), O off, U undetermined.
    """

    ccd: int
    ratio: float | None
    error: float | None
    state: str


def corner_expression(instrument: str) -> str:
    """Return the selection of corner events of a MOS camera."""
    shapes = [f"circle({x},{y},{r},DETX,DETY)" for x, y, r in _CIRCLES[instrument]]
    shapes += [f"box({x},{y},{w},{h},{a},DETX,DETY)" for x, y, w, h, a in _BOXES]
    return " && ".join(["(FLAG & 0x766aa000) == 0", "PATTERN <= 12", *(f"!({s})" for s in shapes)])


def hardness(instrument: str, ccd: int, low: int, high: int, live_time: float) -> Hardness:
    """Return the state of a CCD from its corner counts.

    Parameters
    ----------
    instrument : str
        EMOS1 or EMOS2.
    ccd : int
        2 to 7; CCD 1 has no corner.
    low, high : int
        Counts of 400-800 and of 2500-5000 eV.
    live_time : float
        s; 0: the CCD was off.
    """
    if live_time <= 0:
        return Hardness(ccd, None, None, "O")
    if low == 0:
        return Hardness(ccd, None, None, "U")
    ratio = high / low
    error = ratio * math.sqrt(1 / high + 1 / low) if high else None
    anomalous, sound = LIMITS.get((instrument, ccd), (0.0, 0.0))
    state = "B" if ratio < anomalous else "I" if ratio <= sound and (instrument, ccd) in LIMITS else "G"
    return Hardness(ccd, ratio, error, state)


def log_text(instrument: str, found: list[Hardness]) -> str:
    """Return the log: one line for each CCD, `-` for numbers that do not exist."""
    lines = []
    for item in found:
        ratio = "-" if item.ratio is None else f"{item.ratio:.3f}"
        error = "-" if item.error is None else f"{item.error:.3f}"
        lines.append(f"{instrument[1:]} CCD: {item.ccd} Hardness: {ratio} +/- {error} Status: {item.state}\n")
    return "".join(lines)
