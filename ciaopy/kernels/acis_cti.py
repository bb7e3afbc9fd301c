"""Kernel of the charge-transfer adjustment of ACIS islands (see `ciaopy.acis.cti` for the model and its source)."""

from __future__ import annotations

import numpy as np
from numba import njit

from ciaopy.kernels.acis_events import find_row, on_segment, segment

NOT_CONVERGED = np.uint32(1 << 20)
SERIAL, PARALLEL = 0, 1


@njit(cache=True, nogil=True, inline="always")
def _curve(tables, values, row, charge):
    """Return a curve at a charge (adu): linear, proportional to charge below the table, its last segment continued."""
    if charge <= 0.0:
        return 0.0
    n = tables.npoints[row]
    if charge < tables.x[row, 0]:
        return values[row, 0] * charge / tables.x[row, 0]
    if n == 1:
        return values[row, 0]
    return on_segment(tables.x, values, row, segment(tables.x, row, n, charge), charge)


@njit(cache=True, nogil=True, inline="always")
def _held(tables, values, row, charge):
    """Return a curve at a charge (adu), end values held."""
    n = tables.npoints[row]
    if charge <= tables.x[row, 0]:
        return values[row, 0]
    if charge >= tables.x[row, n - 1]:
        return values[row, n - 1]
    return on_segment(tables.x, values, row, segment(tables.x, row, n, charge), charge)


@njit(cache=True, nogil=True, inline="always")
def _upstream(k, chipx, direction):
    """Return the island pixel read out just before pixel k, -1 if it lies outside the island.

    Parallel: the row below. Serial: nodes 0 and 2 read towards low chipx, nodes 1 and 3 towards high chipx.
    """
    if direction == PARALLEL:
        return k - 3
    if (((chipx - 1) >> 8) & 1) == 0:
        return k - 1 if k % 3 > 0 else -1
    return k + 1 if k % 3 < 2 else -1


@njit(cache=True, nogil=True, inline="always")
def _losses(tables, traps, curves, charge, place, split, direction, loss, trail):
    """Fill the charge that each pixel loses and the share of it that trails behind."""
    values, fraction, warmth = curves
    ccd, chipx, chipy, excess = place
    for k in range(9):
        loss[k] = 0.0
        trail[k] = 0.0
        x, y = chipx + k % 3 - 1, chipy + k // 3 - 1
        if charge[k] < split or x < 1 or y < 1 or x > 1024 or y > 1024:
            continue
        row = find_row(tables, ccd, x, y)
        if row < 0:
            continue
        volume = _curve(tables, values, row, charge[k])
        p = _upstream(k, x, direction)
        if p >= 0:
            volume = max(volume - _curve(tables, values, row, charge[p]), 0.0)
        loss[k] = traps[y - 1, x - 1] * volume * (1.0 + warmth[row] * excess)
        trail[k] = loss[k] * _held(tables, fraction, row, charge[k])


@njit(cache=True, nogil=True, inline="always")
def _undo(tables, traps, curves, observed, place, split, direction, rules, work):
    """Find the charges that the losses of one direction turn into `observed`; return True if they settled."""
    charge, loss, trail = work[0], work[1], work[2]
    for k in range(9):
        charge[k] = observed[k]
    for _ in range(int(rules[0])):
        _losses(tables, traps, curves, charge, place, split, direction, loss, trail)
        change = 0.0
        for k in range(9):
            p = _upstream(k, place[1] + k % 3 - 1, direction)
            new = observed[k] + loss[k] - (trail[p] if p >= 0 else 0.0)
            change = max(change, abs(new - charge[k]))
            charge[k] = new
        if change < rules[1]:
            for k in range(9):
                observed[k] = charge[k]
            return True
    for k in range(9):
        observed[k] = charge[k]
    return False


@njit(cache=True, nogil=True)
def adjust(tables, traps_x, traps_y, chip, excess, rules, islands, inner, ccd_id, chipx, chipy, split, out, status):
    """Adjust islands for charge-transfer losses: the serial ones first, then the parallel ones.

    `chip[ccd]` is (plane of `traps_x`, plane of `traps_y`), -1 for no correction in that direction; `excess` the focal
    plane temperature above the reference (K) per row; `rules` (most iterations, largest change in adu at the end).
    Islands that do not settle get status bit 20 and keep the last iterate.
    """
    work = np.zeros((3, 9))
    observed = np.zeros(9)
    for i in range(ccd_id.size):
        for k in range(9):
            observed[k] = islands[i, inner[k]]
        ccd = ccd_id[i]
        settled = True
        if 0 <= ccd < chip.shape[0]:
            place = (np.int64(ccd), np.int64(chipx[i]), np.int64(chipy[i]), excess[i])
            threshold = split[ccd % 10, ((chipx[i] - 1) >> 8) & 3]
            if chip[ccd, 0] >= 0:
                traps = traps_x[chip[ccd, 0]]
                curves = (tables.volume_x, tables.fraction_x, tables.temperature_x)
                settled = _undo(tables, traps, curves, observed, place, threshold, SERIAL, rules, work)
            if chip[ccd, 1] >= 0:
                traps = traps_y[chip[ccd, 1]]
                curves = (tables.volume_y, tables.fraction_y, tables.temperature_y)
                settled &= _undo(tables, traps, curves, observed, place, threshold, PARALLEL, rules, work)
        if not settled:
            status[i] |= NOT_CONVERGED
        for k in range(9):
            out[i, k] = observed[k]
