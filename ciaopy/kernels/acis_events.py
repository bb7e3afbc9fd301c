"""Kernels of ACIS event processing: islands, pulse heights, energies, sub-pixel shifts, bad pixels.

Every kernel goes over the rows of one block and writes into arrays that its caller made. The rule for one event is a
small function of its own. Wrappers that check shapes and types are in `ciaopy.acis`.

Islands come as an (n, m) array, m = 9 or 25, row-major from the lowest (chipx, chipy); `inner` lists the nine columns
of the 3x3 island, so that number 4 is the event's own pixel.
"""

from __future__ import annotations

import numpy as np

from ciaopy.kernels.jit import njit

BAD_ISLAND = np.uint32(1 << 1)
BAD_PIXEL_VALUE = np.uint32(1 << 2)
BAD_SUM = np.uint32(1 << 3)
VF_BACKGROUND = np.uint32(1 << 23)

# A pixel above this, or a sum at or above this, is out of range (status bits 2 and 3), adu.
PIXEL_LIMIT = 4095
SUM_LIMIT = 32767

LISTED, NEIGHBOUR, AFTERGLOW, TIMED = np.uint8(1), np.uint8(2), np.uint8(4), np.uint8(8)

_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_TO_UNIT = 1.0 / 9007199254740992.0  # 2**-53


@njit(cache=True, nogil=True, inline="always")
def _mix(z):
    """Scramble 64 bits (the finaliser of the SplitMix64 generator, Steele et al. 2014)."""
    z = (z ^ (z >> np.uint64(30))) * _MIX_1
    z = (z ^ (z >> np.uint64(27))) * _MIX_2
    return z ^ (z >> np.uint64(31))


@njit(cache=True, nogil=True, inline="always")
def uniform(key, stream):
    """Return a number in [0, 1) that depends on the event's key and the stream alone."""
    z = _mix(_mix(key + _GOLDEN * np.uint64(stream)) + _GOLDEN)
    return np.float64(z >> np.uint64(11)) * _TO_UNIT


@njit(cache=True, nogil=True)
def make_keys(seed, first, ccd_id, chipx, chipy, keys):
    """Fill `keys` from the seed and what identifies an event: frame (or time bits), CCD and pixel."""
    start = _mix(np.uint64(seed) + _GOLDEN)
    for i in range(keys.size):
        pixel = (np.uint64(ccd_id[i] & 0xFF) << np.uint64(32)) | (np.uint64(chipx[i] & 0xFFFF) << np.uint64(16))
        keys[i] = _mix(start ^ np.uint64(first[i])) + (pixel | np.uint64(chipy[i] & 0xFFFF)) * _GOLDEN


@njit(cache=True, nogil=True)
def fill_uniform(keys, stream, out):
    """Fill `out` with the numbers of one stream."""
    for i in range(keys.size):
        out[i] = uniform(keys[i], stream)


@njit(cache=True, nogil=True, inline="always")
def _flight_grade(islands, i, inner, split):
    """Return the flight grade of row i: one bit for each neighbour at or above the split threshold."""
    grade = 0
    bit = 1
    for k in range(9):
        if k != 4:
            if islands[i, inner[k]] >= split:
                grade |= bit
            bit <<= 1
    return grade


@njit(cache=True, nogil=True, inline="always")
def _masked_sum(islands, i, inner, mask):
    """Return the sum of the island pixels whose bits are set in `mask`."""
    total = islands[i, inner[4]] * 1.0
    for k in range(9):
        if k != 4 and (mask >> k) & 1:
            total += islands[i, inner[k]]
    return total


@njit(cache=True, nogil=True, inline="always")
def _island_status(islands, i, inner, split, total):
    """Return status bits 1 (no local maximum, or below split), 2 (pixel out of range), 3 (sum out of range)."""
    centre = islands[i, inner[4]]
    status = np.uint32(0)
    if centre < split:
        status |= BAD_ISLAND
    for k in range(9):
        if islands[i, inner[k]] > centre:
            status |= BAD_ISLAND
    for k in range(islands.shape[1]):
        if islands[i, k] > PIXEL_LIMIT:
            status |= BAD_PIXEL_VALUE
    if total < split or total >= SUM_LIMIT:
        status |= BAD_SUM
    return status


@njit(cache=True, nogil=True)
def raw_islands(islands, inner, ccd_id, chipx, split, sum_mask, fltgrade, total, status):
    """Flight grade, summed pulse height and status bits 1-3 of islands as read out."""
    for i in range(fltgrade.size):
        threshold = split[ccd_id[i] % 10, ((chipx[i] - 1) >> 8) & 3]
        grade = _flight_grade(islands, i, inner, threshold)
        fltgrade[i] = grade
        total[i] = _masked_sum(islands, i, inner, sum_mask[grade])
        status[i] |= _island_status(islands, i, inner, threshold, total[i])


@njit(cache=True, nogil=True)
def adjusted_islands(islands, inner, ccd_id, chipx, split, sum_mask, fltgrade, total):
    """Flight grade and summed pulse height of islands adjusted for charge-transfer losses."""
    for i in range(fltgrade.size):
        threshold = split[ccd_id[i] % 10, ((chipx[i] - 1) >> 8) & 3]
        grade = _flight_grade(islands, i, inner, threshold)
        fltgrade[i] = grade
        total[i] = _masked_sum(islands, i, inner, sum_mask[grade])


@njit(cache=True, nogil=True)
def centroids(islands, inner, fltgrade, dx, dy):
    """Centre of charge of the pixels above the split threshold, relative to the central pixel, within +-0.5 pixel."""
    for i in range(fltgrade.size):
        grade = fltgrade[i]
        charge = islands[i, inner[4]] * 1.0
        sx = 0.0
        sy = 0.0
        bit = 1
        for k in range(9):
            if k != 4:
                if grade & bit:
                    q = islands[i, inner[k]] * 1.0
                    charge += q
                    sx += q * (k % 3 - 1)
                    sy += q * (k // 3 - 1)
                bit <<= 1
        if charge > 0.0:
            dx[i] = min(max(sx / charge, -0.5), 0.5)
            dy[i] = min(max(sy / charge, -0.5), 0.5)
        else:
            dx[i] = 0.0
            dy[i] = 0.0


@njit(cache=True, nogil=True, inline="always")
def find_row(tables, ccd, chipx, chipy):
    """Return the row of stacked chip tables that serves a pixel, -1 where none does."""
    if ccd < 0 or ccd >= tables.start.size or tables.start[ccd] < 0:
        return -1
    if chipx < 1 or chipy < 1:
        return -1
    ix = (chipx - 1) // tables.cell_x[ccd]
    iy = (chipy - 1) // tables.cell_y[ccd]
    if ix >= tables.nx[ccd] or iy >= tables.ny[ccd]:
        return -1
    return tables.cells[tables.start[ccd] + iy * tables.nx[ccd] + ix]


@njit(cache=True, nogil=True, inline="always")
def segment(x, row, n, value):
    """Return k with x[row, k] <= value < x[row, k + 1], 0 <= k <= n - 2 (end segments beyond the table)."""
    low, high = 0, n - 1
    while high - low > 1:
        mid = (low + high) >> 1
        if x[row, mid] <= value:
            low = mid
        else:
            high = mid
    return low


@njit(cache=True, nogil=True, inline="always")
def on_segment(x, y, row, k, value):
    """Return y on the straight line through points k and k + 1 of a row."""
    x0, y0 = x[row, k], y[row, k]
    width = x[row, k + 1] - x0
    if width <= 0.0:
        return y0
    return y0 + (y[row, k + 1] - y0) * (value - x0) / width


@njit(cache=True, nogil=True)
def apply_time_gain(tables, phase, ccd_id, chipx, chipy, total):
    """Subtract the shift of the pulse height with time, d1 + (d2 - d1) phase, from `total` (adu)."""
    for i in range(total.size):
        row = find_row(tables, ccd_id[i], chipx[i], chipy[i])
        if row < 0 or not np.isfinite(phase[i]):
            continue
        n = tables.npoints[row]
        if n == 1:
            d1, d2 = tables.y1[row, 0], tables.y2[row, 0]
        else:
            value = min(max(total[i], tables.x[row, 0]), tables.x[row, n - 1])
            k = segment(tables.x, row, n, value)
            d1 = on_segment(tables.x, tables.y1, row, k, value)
            d2 = on_segment(tables.x, tables.y2, row, k, value)
        total[i] -= d1 + (d2 - d1) * phase[i]


@njit(cache=True, nogil=True)
def round_sums(total, low, high, pha):
    """Round pulse heights to the nearest integer within [low, high]."""
    for i in range(total.size):
        pha[i] = min(max(np.floor(total[i] + 0.5), low), high)


@njit(cache=True, nogil=True)
def energies(tables, keys, stream, spread, pha, ccd_id, chipx, chipy, energy):
    """Energy (eV) of integer pulse heights, each smeared uniformly over `spread` adu; NaN where no row serves."""
    for i in range(pha.size):
        row = find_row(tables, ccd_id[i], chipx[i], chipy[i])
        if row < 0:
            energy[i] = np.nan
            continue
        value = pha[i] + spread * (uniform(keys[i], stream) - 0.5)
        n = tables.npoints[row]
        if n == 1:
            energy[i] = tables.y1[row, 0]
            continue
        k = segment(tables.x, row, n, value)
        energy[i] = max(on_segment(tables.x, tables.y1, row, k, value), 0.0)


@njit(cache=True, nogil=True)
def channels(energy, width, count, pi):
    """PI channel floor(energy / width) + 1 within 1..count; 0 where the energy is not a number."""
    for i in range(energy.size):
        e = np.float64(energy[i])
        if np.isfinite(e):
            pi[i] = np.int32(min(max(np.floor(e / width) + 1.0, 1.0), count))
        elif e > 0.0:
            pi[i] = count
        else:
            pi[i] = 0


@njit(cache=True, nogil=True)
def subpixel_offsets(table, npoints, knots, offset_x, offset_y, ccd_id, fltgrade, energy, dx, dy):
    """Energy-dependent offsets (pixels) by flight grade; 0 for a flight grade without a row or an unknown energy."""
    for i in range(ccd_id.size):
        dx[i] = 0.0
        dy[i] = 0.0
        ccd = ccd_id[i]
        if ccd < 0 or ccd >= table.size or table[ccd] < 0:
            continue
        t = table[ccd]
        grade = fltgrade[i] & 255
        n = npoints[t, grade]
        e = np.float64(energy[i])
        if n == 0 or np.isnan(e):
            continue
        if n == 1:
            dx[i] = offset_x[t, grade, 0]
            dy[i] = offset_y[t, grade, 0]
            continue
        k = segment(knots[t], grade, n, e)
        dx[i] = on_segment(knots[t], offset_x[t], grade, k, e)
        dy[i] = on_segment(knots[t], offset_y[t], grade, k, e)


@njit(cache=True, nogil=True)
def very_faint(islands, split, trail, ccd_id, chipx, status):
    """Status bit 23 of 5x5 islands: set where an outer pixel, less what trails into it, exceeds the threshold."""
    for i in range(status.size):
        threshold = split[ccd_id[i] % 10, ((chipx[i] - 1) >> 8) & 3]
        status[i] &= ~VF_BACKGROUND
        for k in range(25):
            row, column = k // 5, k % 5
            if 1 <= row <= 3 and 1 <= column <= 3:
                continue
            value = islands[i, k] * 1.0
            if row > 0:
                value -= trail * max(islands[i, k - 5] * 1.0, 0.0)
            if value > threshold:
                status[i] |= VF_BACKGROUND
                break


@njit(cache=True, nogil=True, inline="always")
def _timed_flags(key, time, keys, first, last, flags):
    """Return the flags of the time-limited entries of one pixel that hold at `time` (first <= time < last)."""
    found = np.uint8(0)
    k = np.searchsorted(keys, key)
    while k < keys.size and keys[k] == key:
        if first[k] <= time and time < last[k]:
            found |= flags[k]
        k += 1
    return found


@njit(cache=True, nogil=True)
def bad_pixels(maps, chip_map, keys, first, last, flags, time, ccd_id, chipx, chipy, status):
    """Status bits 4 (on a listed pixel), 5 (beside a bad one) and 16 (afterglow) from the maps of one observation."""
    size = maps.shape[1]
    for i in range(status.size):
        ccd, x, y = ccd_id[i], chipx[i], chipy[i]
        if ccd < 0 or ccd >= chip_map.size or chip_map[ccd] < 0 or x < 1 or y < 1 or x > size or y > size:
            continue
        flag = maps[chip_map[ccd], y - 1, x - 1]
        if flag & TIMED:
            flag |= _timed_flags((np.int64(ccd) * size + (y - 1)) * size + (x - 1), time[i], keys, first, last, flags)
        if flag & LISTED:
            status[i] |= np.uint32(1 << 4)
        if flag & NEIGHBOUR:
            status[i] |= np.uint32(1 << 5)
        if flag & AFTERGLOW:
            status[i] |= np.uint32(1 << 16)


@njit(cache=True, nogil=True)
def bad_positions(active, first_row, last_row, ccd_id, chipx, chipy, status):
    """Status bit 0: a CCD that was off, or a pixel off the chip or outside the rows that were read out."""
    for i in range(status.size):
        ccd = ccd_id[i]
        if (
            ccd < 0
            or ccd > 9
            or not active[ccd]
            or chipx[i] < 1
            or chipx[i] > 1024
            or chipy[i] < first_row
            or chipy[i] > last_row
        ):
            status[i] |= np.uint32(1)
