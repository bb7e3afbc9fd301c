"""Charge-transfer losses: find the island that the CCD collected from the one that it read out.

Model. On the way to the amplifier, pixel i loses ``L_i = T_i max(0, V(Q_i) - V(Q_p))``: T is the trap density of the
pixel (its map includes the number of transfers), V the charge volume, p the pixel read out just before, whose charge
has filled the traps already. A fraction F of what p lost is released into i: ``observed_i = Q_i - L_i + F L_p``. Only
pixels at or above the split threshold lose charge. Parallel transfer (p one row below; all chips) comes first on the
chip and is undone last; serial transfer (p one column nearer the amplifier: nodes 0 and 2 read towards low chipx, 1
and 3 towards high chipx) exists for back-illuminated chips. T scales with 1 + c (FP_TEMP - reference).

Source: published description of the ACIS CTI adjustment (G. Allen, memo on version 5.4, history and quantities) and
the CALDB columns; the recurrence itself is inferred. Real CIAO 4.16 files support two parts of it: among 6,771
adjusted events no pixel below the split threshold was ever raised to it, and the losses of a pixel's follower (chipy +
1) show in 90% of the changed flight grades.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ciaopy.acis.chip_tables import stack_columns, stack_rows
from ciaopy.acis.event_block import EventBlock
from ciaopy.acis.grades import inner_island, island_size
from ciaopy.caldb import CtiModel

__all__ = ["CtiRules", "CtiTables", "adjust_islands", "cti_application", "cti_tables"]


class _Curves(NamedTuple):
    """What the kernel needs of all chips.

    Cells of a chip lead to the rows of the curves (`stack_rows`), which lie one behind the other: `npoints` of each,
    charges `x`. `volume`, `fraction` and `temperature` have the serial ones of all rows before the parallel ones,
    `traps` (plane, 1024, 1024) the serial maps before the parallel ones.
    """

    cells: NDArray[np.int32]
    start: NDArray[np.int64]
    nx: NDArray[np.int64]
    ny: NDArray[np.int64]
    cell_x: NDArray[np.int64]
    cell_y: NDArray[np.int64]
    npoints: NDArray[np.int64]
    x: NDArray[np.float64]
    volume: NDArray[np.float64]
    fraction: NDArray[np.float64]
    temperature: NDArray[np.float64]
    traps: NDArray[np.float32]


@dataclass(frozen=True)
class CtiRules:
    """When the iteration ends: after `iterations`, or when no pixel changes by `converge` adu or more."""

    iterations: int = 15
    converge: float = 0.1


@dataclass(frozen=True, eq=False)
class CtiTables:
    """A `CtiModel` as arrays for the kernel; `reference` is its temperature in K (NaN: no temperature term).

    `plane` is (serial, parallel) plane of the trap maps per CCD_ID, -1 for none.
    """

    curves: _Curves
    plane: NDArray[np.int64]
    reference: float


def cti_tables(model: CtiModel) -> CtiTables:
    """Return the losses of all chips as arrays for a kernel."""
    chips = {ccd: chip.curves for ccd, chip in model.chips.items()}
    parts = list(model.chips.values())

    def stacked(name: str) -> NDArray[np.float64]:
        return stack_columns([c.curves.y.get(name, np.zeros_like(c.curves.x)) for c in parts])

    npoints = np.concatenate([np.zeros(0, np.int64), *(c.curves.npoints.astype(np.int64) for c in parts)])
    warm = np.concatenate(
        [np.zeros(0), *(c.temperature_x for c in parts), *(c.temperature_y for c in parts)], dtype=np.float64
    )
    x = stack_columns([c.curves.x for c in parts]).ravel()
    volume, fraction = (
        np.concatenate([stacked(f"{name}_x").ravel(), stacked(f"{name}_y").ravel()]) for name in ("volume", "fraction")
    )
    plane = np.full((10, 2), -1, dtype=np.int64)
    maps: list[NDArray[np.float32]] = []
    for axis in (0, 1):
        for ccd, chip in model.chips.items():
            traps = (chip.trap_x, chip.trap_y)[axis]
            if traps is not None:
                plane[ccd, axis] = len(maps)
                maps.append(traps)
    traps = np.stack(maps) if maps else np.zeros((0, 1024, 1024), np.float32)
    curves = _Curves(*stack_rows(chips), npoints, x, volume, fraction, warm, traps)
    return CtiTables(curves, plane, model.reference_temperature)


def cti_application(model: CtiModel | None) -> str:
    """Return CTI_APP: for CCDs 0 to 9 `P` (parallel), `S` (serial), `B` (both) or `N` (no adjustment)."""
    letters = []
    for ccd in range(10):
        chip = model.chips.get(ccd) if model is not None else None
        serial, parallel = (
            chip is not None and t is not None for t in ((chip.trap_x, chip.trap_y) if chip else (None, None))
        )
        letters.append("B" if serial and parallel else "P" if parallel else "S" if serial else "N")
    return "".join(letters)


def adjust_islands(
    block: EventBlock,
    tables: CtiTables,
    islands: NDArray[np.generic],
    split: NDArray[np.float64],
    temperature: NDArray[np.float64] | None = None,
    rules: CtiRules | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.uint32]]:
    """Return islands as the CCD collected them, and the status of each.

    Parameters
    ----------
    block : EventBlock
        The events, n rows.
    tables : CtiTables
        From `cti_tables`.
    islands : array, shape (n, 3, 3), (n, 5, 5), (n, 9) or (n, 25)
        PHAS in adu; only the inner 3x3 is adjusted.
    split : float64 array, shape (10, 4)
        Split thresholds, adu.
    temperature : float64 array, shape (n,), optional
        Focal-plane temperature in K at each event; without it, or where NaN, the reference temperature.
    rules : CtiRules, optional
        `max_cti_iter` and `cti_converge`.

    Returns
    -------
    (float64 array of shape (n, 9), uint32 array of shape (n,))
        Adjusted islands in adu, and bit 20 where the iteration did not settle.
    """
    from ciaopy.kernels.acis_cti import adjust

    rules = rules or CtiRules()
    side = island_size(islands)
    inner = inner_island(side)
    flat = np.ascontiguousarray(islands).reshape(len(block), side * side)
    excess = np.zeros(len(block))
    if temperature is not None and np.isfinite(tables.reference):
        excess = np.nan_to_num(temperature - tables.reference, nan=0.0)
    out, status = np.empty((len(block), 9)), np.zeros(len(block), np.uint32)
    limits = (float(rules.iterations), float(rules.converge))
    adjust(
        tables.curves,
        tables.plane,
        excess,
        limits,
        flat,
        inner,
        block.ccd_id,
        block.chipx,
        block.chipy,
        split,
        out,
        status,
    )
    return out, status
