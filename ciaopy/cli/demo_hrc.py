"""`ciaopy demo --detector hrc-i`: an HRC-I observation made up, reprocessed, and held against its truth."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from ciaopy.fits import Table
    from ciaopy.simulation import Check

__all__ = ["hrc_checks"]

#: Bits that the truth decides: hyperbola, saturation, ringing.
_FLAGS = np.uint32(0xC000000F)


def hrc_checks(level2: Table, level1: Table, simulated2: Table, truth: Table) -> list[Check]:
    """Return the comparisons of reprocessed HRC-I events with their simulation.

    Parameters
    ----------
    level2 : Table
        Of chandra_repro.
    level1, simulated2, truth : Table
        As simulated; `truth` row by row of `level1`.
    """
    from ciaopy.simulation import Check

    rows = np.searchsorted(level1["time"], level2["time"])
    rows = np.minimum(rows, level1.nrows - 1)
    same = level1["time"][rows] == level2["time"]
    flags = (level2["status"] & _FLAGS) == (truth["flags"][rows].astype(np.uint32) & _FLAGS)
    off = np.hypot(level2["x"] - level1["x"][rows], level2["y"] - level1["y"][rows])
    source = truth["source"][rows] > 0
    blur = np.hypot(level2["x"] - truth["x_true"][rows], level2["y"] - truth["y_true"][rows])[source]
    live = level2.header.number("DTCOR", 0.0)
    return [
        Check("level-2 events", f"{level2.nrows}", f"{simulated2.nrows}", level2.nrows == simulated2.nrows),
        Check("matched with level 1", f"{int(same.sum())}", f"{level2.nrows}", bool(same.all())),
        Check("flags of ringing and tests", f"{int(flags.sum())} right", "all", bool(flags.all())),
        Check("sky positions, rms", f"{_rms(off):.4f} pixel", "< 0.01", _rms(off) < 0.01),
        Check("photons to their place, rms", f"{_rms(blur):.3f} pixel", "< 0.3 (whole amplifiers)", _rms(blur) < 0.3),
        Check("live fraction (DTCOR)", f"{live:.4f}", "0.985 +- 0.003", abs(live - 0.985) < 0.003),
    ]


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(values)))) if len(values) else 0.0
