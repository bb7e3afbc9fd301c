"""Kernel of the charge-transfer adjustment of ACIS islands (see `ciaopy.acis.cti` for the model and its source).

Arrays are taken out of their named tuples once per block: handing tuples of arrays to the per-pixel functions would
cost more (reference counts) than the arithmetic.
"""

from __future__ import annotations

import numpy as np
from numba import njit

NOT_CONVERGED = np.uint32(1 << 20)
SERIAL, PARALLEL = 0, 1


@njit(cache=True, nogil=True, inline="always")
def _on_curve(x, y, row, n, value):
    """Return y(value) on the segment that holds it, the end segments continued; n >= 2 points."""
    low, high = 0, n - 1
    while high - low > 1:
        mid = (low + high) >> 1
        if x[row, mid] <= value:
            low = mid
        else:
            high = mid
    width = x[row, low + 1] - x[row, low]
    if width <= 0.0:
        return y[row, low]
    return y[row, low] + (y[row, low + 1] - y[row, low]) * (value - x[row, low]) / width


@njit(cache=True, nogil=True, inline="always")
def _volume(x, y, row, n, charge):
    """Return the charge volume of a charge (adu): proportional below the table, the last segment continued above."""
    if charge <= 0.0:
        return 0.0
    if charge < x[row, 0]:
        return y[row, 0] * charge / x[row, 0]
    if n == 1:
        return y[row, 0]
    return _on_curve(x, y, row, n, charge)


@njit(cache=True, nogil=True, inline="always")
def _fraction(x, y, row, n, charge):
    """Return the trailing fraction of a charge (adu), end values held."""
    if charge <= x[row, 0]:
        return y[row, 0]
    if charge >= x[row, n - 1]:
        return y[row, n - 1]
    return _on_curve(x, y, row, n, charge)


@njit(cache=True, nogil=True, inline="always")
def _upstream(k, chipx, direction):
    """Return the island pixel of the same node read out just before pixel k, -1 if it lies outside the island.

    Parallel: the row below. Serial: nodes 0 and 2 read towards low chipx, nodes 1 and 3 towards high chipx.
    """
    if direction == PARALLEL:
        return k - 3
    node = (chipx - 1) >> 8
    step = -1 if node & 1 == 0 else 1
    if not 0 <= k % 3 + step <= 2 or (chipx - 1 + step) >> 8 != node:
        return -1
    return k + step


@njit(cache=True, nogil=True, inline="always")
def _solve(x, volume, fraction, row, n, trap, k, p, split, iterations, converge, charge, trail):
    """Replace the charge of one pixel as read out by the charge that it had; return True if that settled.

    The pixel read out before it (p, -1 for none) must have been solved. `row` -1: nothing is lost there.
    """
    received = trail[p] if p >= 0 else 0.0
    observed = charge[k]
    trail[k] = 0.0
    if row < 0 or observed < split:
        charge[k] = observed - received
        return True
    filled = _volume(x, volume, row, n, charge[p]) if p >= 0 else 0.0
    q = observed
    loss = 0.0
    settled = False
    for _ in range(iterations):
        loss = trap * max(_volume(x, volume, row, n, q) - filled, 0.0) if q >= split else 0.0
        new = observed + loss - received
        settled = abs(new - q) < converge
        q = new
        if settled:
            break
    charge[k] = q
    trail[k] = loss * _fraction(x, fraction, row, n, q)
    return settled


@njit(cache=True, nogil=True, inline="always")
def _row(cells, start, nx, ny, cell_x, cell_y, x, y):
    """Return the row of the curves of one chip that serves a pixel, -1 off the chip or where none does."""
    if start < 0 or x < 1 or y < 1 or x > 1024 or y > 1024:
        return -1
    ix, iy = (x - 1) // cell_x, (y - 1) // cell_y
    if ix >= nx or iy >= ny:
        return -1
    return cells[start + iy * nx + ix]


@njit(cache=True, nogil=True)
def adjust(tables, traps_x, traps_y, chip, excess, rules, islands, inner, ccd_id, chipx, chipy, split, out, status):
    """Adjust islands for charge-transfer losses: the serial ones first, then the parallel ones.

    `chip[ccd]` is (plane of `traps_x`, plane of `traps_y`), -1 for no adjustment in that direction; `excess` the focal
    plane temperature above the reference (K) per event; `rules` (most iterations, largest change in adu at the end).
    Pixels are solved in the order in which they are read out. Islands with a pixel that does not settle get status bit
    20 and keep the last iterate.
    """
    cells, start, nx, ny = tables.cells, tables.start, tables.nx, tables.ny
    cell_x, cell_y, npoints, x = tables.cell_x, tables.cell_y, tables.npoints, tables.x
    volume_x, fraction_x, warm_x = tables.volume_x, tables.fraction_x, tables.temperature_x
    volume_y, fraction_y, warm_y = tables.volume_y, tables.fraction_y, tables.temperature_y
    iterations, converge = int(rules[0]), rules[1]
    trail, charge = np.zeros(9), np.zeros(9)
    row, count = np.full(9, -1), np.ones(9, np.int64)
    for i in range(ccd_id.size):
        for k in range(9):
            charge[k] = islands[i, inner[k]]
        ccd, px, py = np.int64(ccd_id[i]), np.int64(chipx[i]), np.int64(chipy[i])
        settled = True
        if 0 <= ccd < chip.shape[0] and (chip[ccd, 0] >= 0 or chip[ccd, 1] >= 0):
            threshold = split[ccd % 10, ((px - 1) >> 8) & 3]
            for k in range(9):
                row[k] = -1
                if charge[k] >= threshold:
                    row[k] = _row(
                        cells, start[ccd], nx[ccd], ny[ccd], cell_x[ccd], cell_y[ccd], px + k % 3 - 1, py + k // 3 - 1
                    )
                    if row[k] >= 0:
                        count[k] = npoints[row[k]]
            plane = chip[ccd, 0]
            for step in range(18 if plane >= 0 else 0):
                # first the pixels of nodes that read towards low chipx, then the others from the right
                k = step if step < 9 else 17 - step
                cx = px + k % 3 - 1
                if (((cx - 1) >> 8) & 1) != step // 9:
                    continue
                trap = 0.0
                if row[k] >= 0:
                    trap = traps_x[plane, py + k // 3 - 2, cx - 1] * (1.0 + warm_x[row[k]] * excess[i])
                settled &= _solve(
                    x, volume_x, fraction_x, row[k], count[k], trap, k, _upstream(k, cx, SERIAL), threshold,
                    iterations, converge, charge, trail,
                )  # fmt: skip
            plane = chip[ccd, 1]
            for k in range(9 if plane >= 0 else 0):
                trap = 0.0
                if row[k] >= 0:
                    trap = traps_y[plane, py + k // 3 - 2, px + k % 3 - 2] * (1.0 + warm_y[row[k]] * excess[i])
                settled &= _solve(
                    x, volume_y, fraction_y, row[k], count[k], trap, k, k - 3, threshold,
                    iterations, converge, charge, trail,
                )  # fmt: skip
        if not settled:
            status[i] |= NOT_CONVERGED
        for k in range(9):
            out[i, k] = charge[k]
