"""Pulse height to energy and PI channel, and the drift of the pulse height with time.

PHA is an integer when the gain is applied: on CCD 7 of five CIAO 4.16 files, whose gain rows equal
acisD2000-01-29gain_ctiN0008, the gain inverted at ENERGY minus PHA is uniform in [-0.5, 0.5) (3,200 events).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ciaopy.acis.chip_tables import CurveTables, stack_pair
from ciaopy.acis.event_block import EventBlock
from ciaopy.caldb import DetGain, TimeGain
from ciaopy.events import PULSE_HEIGHT

__all__ = ["PHA_MAX", "energies", "gain_tables", "pi_channels", "round_pulse_heights", "subtract_drift", "time_tables"]

#: Largest pulse height of an event, 9 x 4095 adu (TLMAX of PHA in archive files).
PHA_MAX = 36855


def gain_tables(gain: DetGain) -> CurveTables:
    """Return the gain of all chips as arrays for a kernel."""
    return stack_pair(gain.chips, "energy", "energy")


def time_tables(drift: TimeGain) -> CurveTables:
    """Return the two drift curves of all chips as arrays for a kernel."""
    return stack_pair(drift.chips, "shift1", "shift2")


def subtract_drift(
    block: EventBlock, tables: CurveTables, phase: NDArray[np.float64], total: NDArray[np.float64]
) -> None:
    """Subtract the gain drift from summed pulse heights, in place.

    ``total -= d1 + (d2 - d1) phase`` with d1, d2 linear in the pulse height, end values held. That the shift is
    subtracted follows from its name (DELTPHA, the change since the reference epoch); no file with its T_GAIN was at
    hand to prove it (docs/accuracy.md).

    Parameters
    ----------
    block : EventBlock
        The events.
    tables : CurveTables
        From `time_tables`.
    phase : float64 array, shape (n,)
        (time - epoch1) / (epoch2 - epoch1); events without a time are left alone.
    total : float64 array, shape (n,)
        Summed pulse height in adu.
    """
    from ciaopy.kernels.acis_events import apply_time_gain

    apply_time_gain(tables, phase, block.ccd_id, block.chipx, block.chipy, total)


def round_pulse_heights(total: NDArray[np.float64]) -> NDArray[np.int32]:
    """Return PHA, int32, shape (n,): sums in adu rounded to the nearest integer, within 0 and 36855."""
    from ciaopy.kernels.acis_events import round_sums

    pha = np.empty(len(total), dtype=np.int32)
    round_sums(total, 0, PHA_MAX, pha)
    return pha


def energies(block: EventBlock, tables: CurveTables, pha: NDArray[np.int32], randomize: bool) -> NDArray[np.float32]:
    """Return the energy of events in eV, float32, of pulse heights in adu, both of shape (n,).

    Linear between the points of the gain curve, the end segments continued, at PHA + U with U in [-0.5, 0.5) if
    `randomize`. NaN where the gain has no row for the pixel.
    """
    from ciaopy.kernels import acis_events

    out = np.empty(len(pha), dtype=np.float32)
    spread = 1.0 if randomize else 0.0
    acis_events.energies(tables, block.keys, PULSE_HEIGHT, spread, pha, block.ccd_id, block.chipx, block.chipy, out)
    return out


def pi_channels(energy: NDArray[np.float32], width: float = 14.6, count: int = 1024) -> NDArray[np.int32]:
    """Return PI = floor(energy / width) + 1, within 1..count; 0 (TNULL) where the energy is not a number.

    Exact for all events of nine CIAO 4.16 files and of ObsIDs 754 and 28229 (329 clipped at 1024).

    Parameters
    ----------
    energy : float32 array, shape (n,)
        Energy in eV, as written to the ENERGY column.
    width : float
        eV per channel (`pi_bin_width`).
    count : int
        Number of channels (`pi_num_bins`).
    """
    from ciaopy.kernels.acis_events import channels

    out = np.empty(len(energy), dtype=np.int32)
    channels(energy, width, count, out)
    return out
