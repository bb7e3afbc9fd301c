"""Kernel of the charge-transfer adjustment of ACIS islands (see `ciaopy.acis.cti` for the model and its source).

It is one function: handing arrays to functions per pixel costs more (reference counts) than the arithmetic. Both
directions go through the same lines, with curves and maps that lie one behind the other.
"""

from __future__ import annotations

import numpy as np

from ciaopy.kernels.jit import njit

BATCH = 64
NOT_CONVERGED = np.uint32(1 << 20)


@njit(cache=True, nogil=True, error_model="numpy")
def adjust(tables, chip, excess, rules, islands, inner, ccd_id, chipx, chipy, split, out, status):
    """Adjust islands for charge-transfer losses: the serial ones first, then the parallel ones.

    `tables` are the curves and maps (`ciaopy.acis.cti`). `chip[ccd]` is (serial plane, parallel plane) of the trap
    maps, -1 for no adjustment in that direction; `excess` the focal plane temperature above the reference (K) per
    event; `rules` (most iterations, largest change in adu at the end).

    Pixels are solved in the order in which they are read out: in series nodes 0 and 2 towards low chipx, nodes 1 and 3
    towards high chipx, each node by itself; in parallel after the row below. A pixel below the split threshold loses
    nothing. The volume is proportional to the charge below its curve, the last segment is continued above; fractions
    hold their end values. Islands with a pixel that does not settle get status bit 20 and keep the last iterate.
    """
    cells, start, nx, ny = tables.cells, tables.start, tables.nx, tables.ny
    cell_x, cell_y, npoints = tables.cell_x, tables.cell_y, tables.npoints
    x, volume, fraction, warm, traps = tables.x, tables.volume, tables.fraction, tables.temperature, tables.traps
    nrows = npoints.size
    width = x.size // max(nrows, 1)
    iterations, converge = int(rules[0]), rules[1]
    trail, charge = np.zeros(9), np.zeros(9)
    row, trap_of = np.full((BATCH, 9), -1), np.zeros((BATCH, 18))
    for i in range(ccd_id.size):
        b = i % BATCH
        if b == 0:
            # the maps are far larger than the caches: the look-ups of many events wait for the memory together
            for j in range(i, min(i + BATCH, ccd_id.size)):
                ccd, px, py = np.int64(ccd_id[j]), np.int64(chipx[j]), np.int64(chipy[j])
                if not (0 <= ccd < chip.shape[0] and (chip[ccd, 0] >= 0 or chip[ccd, 1] >= 0)):
                    continue
                threshold = split[ccd % 10, ((px - 1) >> 8) & 3]
                for k in range(9):
                    row[j - i, k] = -1
                    if islands[j, inner[k]] < threshold or start[ccd] < 0:
                        continue
                    cx, cy = px + k % 3 - 1, py + k // 3 - 1
                    if cx < 1 or cy < 1 or cx > 1024 or cy > 1024:
                        continue
                    ix, iy = (cx - 1) // cell_x[ccd], (cy - 1) // cell_y[ccd]
                    if ix < nx[ccd] and iy < ny[ccd]:
                        row[j - i, k] = cells[start[ccd] + iy * nx[ccd] + ix]
                        for direction in range(2):
                            if chip[ccd, direction] >= 0:
                                trap_of[j - i, 9 * direction + k] = traps[chip[ccd, direction], cy - 1, cx - 1]
        for k in range(9):
            charge[k] = islands[i, inner[k]]
        ccd, px = np.int64(ccd_id[i]), np.int64(chipx[i])
        settled = True
        if 0 <= ccd < chip.shape[0] and (chip[ccd, 0] >= 0 or chip[ccd, 1] >= 0):
            threshold = split[ccd % 10, ((px - 1) >> 8) & 3]
            # 18 serial steps, of which 9 apply: columns of nodes that read towards low chipx, then the others from the
            # right; then 9 parallel ones
            for step in range(0 if chip[ccd, 0] >= 0 else 18, 27 if chip[ccd, 1] >= 0 else 18):
                direction = step // 18
                if direction == 0:
                    k = step if step < 9 else 17 - step
                    cx = px + k % 3 - 1
                    node = (cx - 1) >> 8
                    if (node & 1) != step // 9:
                        continue
                    side = -1 if step < 9 else 1
                    p = k + side if 0 <= k % 3 + side <= 2 and (cx - 1 + side) >> 8 == node else -1
                else:
                    k = step - 18
                    p = k - 3
                received = trail[p] if p >= 0 else 0.0
                observed = charge[k]
                trail[k] = 0.0
                here = row[b, k]
                if here < 0 or observed < threshold:
                    charge[k] = observed - received
                    continue
                trap = trap_of[b, 9 * direction + k] * (1.0 + warm[direction * nrows + here] * excess[i])
                n = npoints[here]
                first = here * width
                curve = (direction * nrows + here) * width
                low, filled, loss, q, done = 0, 0.0, 0.0, observed, False
                # the first turn fills the traps with what was read out before
                for turn in range(-1 if p >= 0 else 0, iterations):
                    value = charge[p] if turn < 0 else q
                    held = 0.0
                    if value > 0.0 and (turn < 0 or q >= threshold):
                        if value < x[first]:
                            held = volume[curve] * value / x[first]
                        elif n == 1:
                            held = volume[curve]
                        else:
                            if not (
                                (low == 0 or x[first + low] <= value) and (low == n - 2 or value < x[first + low + 1])
                            ):
                                low, high = 0, n - 1
                                while high - low > 1:
                                    mid = (low + high) >> 1
                                    if x[first + mid] <= value:
                                        low = mid
                                    else:
                                        high = mid
                            held = volume[curve + low]
                            span = x[first + low + 1] - x[first + low]
                            if span > 0.0:
                                rise = volume[curve + low + 1] - volume[curve + low]
                                held = volume[curve + low] + rise * (value - x[first + low]) / span
                    if turn < 0:
                        filled = held
                        continue
                    loss = trap * max(held - filled, 0.0) if q >= threshold else 0.0
                    new = observed + loss - received
                    done = abs(new - q) < converge
                    q = new
                    if done:
                        break
                charge[k] = q
                settled &= done
                if q <= x[first]:
                    trail[k] = loss * fraction[curve]
                elif q >= x[first + n - 1]:
                    trail[k] = loss * fraction[curve + n - 1]
                else:
                    if not ((low == 0 or x[first + low] <= q) and (low == n - 2 or q < x[first + low + 1])):
                        low, high = 0, n - 1
                        while high - low > 1:
                            mid = (low + high) >> 1
                            if x[first + mid] <= q:
                                low = mid
                            else:
                                high = mid
                    released = fraction[curve + low]
                    span = x[first + low + 1] - x[first + low]
                    if span > 0.0:
                        rise = fraction[curve + low + 1] - fraction[curve + low]
                        released = fraction[curve + low] + rise * (q - x[first + low]) / span
                    trail[k] = loss * released
        if not settled:
            status[i] |= NOT_CONVERGED
        for k in range(9):
            out[i, k] = charge[k]
