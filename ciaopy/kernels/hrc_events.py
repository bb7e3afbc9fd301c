"""Kernels of HRC event processing: amplifier scale, ringing, pulse-height tests, positions, gains, bad areas.

Every kernel goes over the rows of one block and writes into arrays that its caller made; the rule for one event or one
axis is a small function of its own. Wrappers that check shapes and types are in `ciaopy.hrc`.

Constants come as float64 arrays: `amp` = pulse heights and half widths of the changes of scale 1-2 and 2-3, and the
gain; `ring`, `hyper`, row 0 = U, row 1 = V; `saturation`, row = AMP_SF. `tests` says which of them are applied.
"""

from __future__ import annotations

import numpy as np

from ciaopy.kernels.jit import njit

#: Bits of `tests`.
SCALE, RING, RING_BY_WIDTH, HYPERBOLIC, SATURATION, FLATNESS, RATIOS, CARRIED = (1 << k for k in range(8))

_BIT = tuple(np.uint32(1 << k) for k in range(32))
_HYPERBOLIC_BITS = _BIT[0] | _BIT[1]
_SATURATION_BITS = _BIT[2] | _BIT[3]
_FLATNESS_BITS = _BIT[4] | _BIT[5]
_PI_RANGE = _BIT[7]
_ZERO_AXIS, _GRID_RATIO, _ZERO_SUM, _PHA_RATIO = _BIT[8], _BIT[9], _BIT[10], _BIT[11]
_CENTRE_U, _CENTRE_V, _FINE_POSITION, _BAD_AREA = _BIT[12], _BIT[13], _BIT[14], _BIT[15]
_WIDTH_U, _WIDTH_V, _RING_U, _RING_V = _BIT[20], _BIT[21], _BIT[30], _BIT[31]
_RING_BITS = _RING_U | _RING_V
# Results that only the corrected third amplifier gives.
_OF_RINGING = _GRID_RATIO | _CENTRE_U | _CENTRE_V

ADC_MAX = 4095.0


@njit(cache=True, nogil=True, inline="always")
def amp_scale(pha, total, amp):
    """Return the amplifier scale that fits a pulse height and the sum of the six amplifiers as telemetered."""
    q = 0.5 * total / amp[4]
    if pha < amp[0] - amp[1]:
        return 1
    if pha < amp[0] + amp[1]:
        return 2 if abs(pha - 2.0 * q) <= abs(pha - q) else 1
    if pha < amp[2] - amp[3]:
        return 2
    if pha < amp[2] + amp[3]:
        return 3 if abs(pha - 4.0 * q) <= abs(pha - 2.0 * q) else 2
    return 3


@njit(cache=True, nogil=True, inline="always")
def rings(a1, a2, a3, scale, width_bit, by_width, c):
    """Return whether the third amplifier of an axis rings."""
    if scale != 3 or a1 < 0.0 or a2 < 0.0 or a3 < 0.0 or not (a1 > a3):
        return False
    if by_width:
        return not width_bit
    return a1 > c[6] * a2 + c[7]


@njit(cache=True, nogil=True, inline="always")
def corrected_third(a1, a2, a3, c):
    """Return the third amplifier without ringing: a damped sine of the middle one, clipped to the ADC's range."""
    theta = 2.0 * np.pi * (a2 - c[4] * ((a2 / a1) ** c[5] - 1.0)) / (c[2] * a2 + c[3])
    return min(max(a3 - (a2 + c[1]) / c[0] * np.sin(theta), 0.0), ADC_MAX)


@njit(cache=True, nogil=True, inline="always")
def fails_hyperbolic(a1, a2, a3, c):
    """Return whether an axis lies off the hyperbola of real events; a sum of 0 is not tested."""
    s = a1 + a2 + a3
    if s == 0.0:
        return False
    fine = abs(a3 - a1) / s
    middle = a2 / s
    value = middle + c[0] * np.sqrt(1.0 + (fine / c[1]) ** 2)
    return not (c[2] - c[3] < value < c[2] + c[3] and middle >= c[4])


@njit(cache=True, nogil=True, inline="always")
def saturates(a1, a2, a3, row):
    """Return whether too many amplifiers of an axis are below or above the limits of the scale."""
    low = (a1 < row[1]) + (a2 < row[1]) + (a3 < row[1])
    high = (a1 > row[2]) + (a2 > row[2]) + (a3 > row[2])
    return low >= row[0] or high >= row[0]


@njit(cache=True, nogil=True, inline="always")
def is_flat(a1, a2, a3, limit):
    """Return whether both outer amplifiers reach the limit times the middle one."""
    return a2 != 0.0 and a1 / a2 >= limit and a3 / a2 >= limit


@njit(cache=True, nogil=True, inline="always")
def fine_position(a1, a2, a3):
    """Return the position inside the tap, in taps from its centre; 0 for an axis without charge."""
    s = a1 + a2 + a3
    return (a3 - a1) / s if s != 0.0 else 0.0


@njit(cache=True, nogil=True)
def pulse_heights(
    taps, crsu, crsv, pha, amp, ring, hyper, saturation, flat, ratio, tests, scale, status, sums, raw, fine, place
):
    """Fill AMP_SF, STATUS, SUMAMPS, RAW, fine positions and unrounded raw positions of a block.

    `taps` is (au1, au2, au3, av1, av2, av3); `ratio` is (grid_ratio, pha_ratio, amp_gain). `scale`, `sums` (n,) and
    `raw` (2, n) hold the input's values and are replaced, unless `tests` has CARRIED: then they stay, and events whose
    third amplifier was corrected keep the bits that follow from it. `fine` and `place` (2, n) are filled.
    """
    au1, au2, au3, av1, av2, av3 = taps
    carried = tests & CARRIED != 0
    by_width = tests & RING_BY_WIDTH != 0
    for i in range(status.size):
        u1, u2, u3 = float(au1[i]), float(au2[i]), float(au3[i])
        v1, v2, v3 = float(av1[i]), float(av2[i]), float(av3[i])
        before = status[i]
        bits = before
        if tests & SCALE:
            scale[i] = amp_scale(float(pha[i]), u1 + u2 + u3 + v1 + v2 + v3, amp)
        s = scale[i]
        if tests & RING:
            bits &= ~_RING_BITS
            if rings(u1, u2, u3, s, before & _WIDTH_U != 0, by_width, ring[0]):
                u3 = corrected_third(u1, u2, u3, ring[0])
                bits |= _RING_U
            if rings(v1, v2, v3, s, before & _WIDTH_V != 0, by_width, ring[1]):
                v3 = corrected_third(v1, v2, v3, ring[1])
                bits |= _RING_V
        if tests & HYPERBOLIC:
            bits &= ~_HYPERBOLIC_BITS
            if fails_hyperbolic(u1, u2, u3, hyper[0]):
                bits |= _BIT[0]
            if fails_hyperbolic(v1, v2, v3, hyper[1]):
                bits |= _BIT[1]
        if tests & SATURATION:
            bits &= ~_SATURATION_BITS
            limits = saturation[min(max(s, 0), 3)]
            if saturates(u1, u2, u3, limits):
                bits |= _BIT[2]
            if saturates(v1, v2, v3, limits):
                bits |= _BIT[3]
        if tests & FLATNESS:
            bits &= ~_FLATNESS_BITS
            if is_flat(u1, u2, u3, flat):
                bits |= _BIT[4]
            if is_flat(v1, v2, v3, flat):
                bits |= _BIT[5]
        bits = _positions(i, u1, u2, u3, v1, v2, v3, crsu, crsv, bits, carried, sums, raw, fine, place)
        if tests & RATIOS:
            bits = _ratio_bits(bits, u1 + u2 + u3, v1 + v2 + v3, float(sums[i]), s, float(pha[i]), ratio)
        if carried and before & _RING_BITS:
            bits = (bits & ~_OF_RINGING) | (before & _OF_RINGING)
        status[i] = bits


@njit(cache=True, nogil=True, inline="always")
def _positions(i, u1, u2, u3, v1, v2, v3, crsu, crsv, bits, carried, sums, raw, fine, place):
    """Fill the positions of row i; return the status with bits 8, 12, 13 and 14."""
    bits &= ~(_ZERO_AXIS | _FINE_POSITION | _CENTRE_U | _CENTRE_V)
    if u1 + u2 + u3 == 0.0 or v1 + v2 + v3 == 0.0:
        bits |= _ZERO_AXIS | _FINE_POSITION
    if u3 > u2 or u1 > u2:
        bits |= _CENTRE_U
    if v3 > v2 or v1 > v2:
        bits |= _CENTRE_V
    fine[0, i], fine[1, i] = fine_position(u1, u2, u3), fine_position(v1, v2, v3)
    x, y = 256.0 * (crsu[i] + fine[0, i] + 0.5), 256.0 * (crsv[i] + fine[1, i] + 0.5)
    whole_x, whole_y = np.int32(np.floor(x + 0.5)), np.int32(np.floor(y + 0.5))
    if carried:
        if whole_x != raw[0, i]:
            x = float(raw[0, i])
            fine[0, i] = x / 256.0 - crsu[i] - 0.5
        if whole_y != raw[1, i]:
            y = float(raw[1, i])
            fine[1, i] = y / 256.0 - crsv[i] - 0.5
    else:
        raw[0, i], raw[1, i] = whole_x, whole_y
        sums[i] = np.int32(np.floor(u1 + u2 + u3 + v1 + v2 + v3))
    place[0, i], place[1, i] = x, y
    return bits


@njit(cache=True, nogil=True, inline="always")
def _ratio_bits(bits, sum_u, sum_v, sumamps, scale, pha, ratio):
    """Return the status with bits 9, 10 and 11."""
    bits &= ~(_GRID_RATIO | _ZERO_SUM | _PHA_RATIO)
    if sum_v != 0.0:
        grid = sum_u / sum_v
        if grid < 1.0 - ratio[0] or grid > 1.0 + ratio[0]:
            bits |= _GRID_RATIO
    k = 4 if scale == 3 else scale
    n = np.int64(0.5 * k * sumamps / ratio[2])
    if n == 0:
        bits |= _ZERO_SUM
    elif pha / n < 1.0 - ratio[1] or pha / n > 1.0 + ratio[1]:
        bits |= _PHA_RATIO
    return bits


@njit(cache=True, nogil=True)
def chip_positions(crs, fine, chip_id, table, offsets, out):
    """Fill unrounded chip positions along one axis: 256 (crs + f' + 0.5) + offset of the chip.

    `table` (chip, tap, 4) holds LA, LB (f < 0), RA, RB (f >= 0) of f' = a f + b sign(f) f^2; taps beyond it stay.
    """
    for i in range(out.size):
        f = fine[i]
        tap = crs[i]
        if 0 <= tap < table.shape[1]:
            row = table[chip_id[i], tap]
            if f < 0.0:
                f = row[0] * f - row[1] * f * f
            else:
                f = row[2] * f + row[3] * f * f
        out[i] = 256.0 * (tap + f + 0.5) + offsets[chip_id[i]]


@njit(cache=True, nogil=True)
def chips_of_taps(crsv, ends, chip_id):
    """Fill the chip of each event from its coarse V position: 1, 2 or 3 by the last taps of chips 1 and 2."""
    for i in range(chip_id.size):
        chip_id[i] = 1 if crsv[i] <= ends[0] else 2 if crsv[i] <= ends[1] else 3


@njit(cache=True, nogil=True)
def gain_image(sums, scale, place, gain, cell_x, cell_y, norm, limit, pi, status):
    """Fill PI = floor(SUMAMPS 2^(AMP_SF-1) / norm * gain + 0.5) and bit 7; the block is that of the unrounded place."""
    ny, nx = gain.shape
    for i in range(pi.size):
        ix = min(max(np.int64(place[0, i] / cell_x), 0), nx - 1)
        iy = min(max(np.int64(place[1, i] / cell_y), 0), ny - 1)
        value = np.floor(sums[i] * 2.0 ** (scale[i] - 1) / norm * gain[iy, ix] + 0.5)
        pi[i], status[i] = _channel(value, limit, status[i])


@njit(cache=True, nogil=True)
def gain_of_pha(pha, place, gain, cell_x, cell_y, limit, pi, status):
    """Fill PI = int(PHA gain) and bit 7: the gain images before SUMAMPS was used."""
    ny, nx = gain.shape
    for i in range(pi.size):
        ix = min(max(np.int64(place[0, i] / cell_x), 0), nx - 1)
        iy = min(max(np.int64(place[1, i] / cell_y), 0), ny - 1)
        pi[i], status[i] = _channel(np.floor(pha[i] * gain[iy, ix]), limit, status[i])


@njit(cache=True, nogil=True)
def gain_in_time(sums, scale, raw, offset, slope, rawx, rawy, limit, pi, status):
    """Fill PI = floor(offset + slope SUMAMPS 2^(AMP_SF-8) + 0.5) and bit 7; `offset`, `slope` (ny, nx) by grid cell."""
    for i in range(pi.size):
        ix = min(max(np.searchsorted(rawx, raw[0, i], side="right") - 1, 0), rawx.size - 1)
        iy = min(max(np.searchsorted(rawy, raw[1, i], side="right") - 1, 0), rawy.size - 1)
        value = np.floor(offset[iy, ix] + slope[iy, ix] * (sums[i] * 2.0 ** (scale[i] - 8)) + 0.5)
        pi[i], status[i] = _channel(value, limit, status[i])


@njit(cache=True, nogil=True, inline="always")
def _channel(value, limit, bits):
    """Return a channel within 0..limit, and the status with bit 7."""
    bits &= ~_PI_RANGE
    if value > limit:
        return np.int32(limit), bits | _PI_RANGE
    return np.int32(max(value, 0.0)), bits


@njit(cache=True, nogil=True)
def bad_areas(boxes, chip_id, chipx, chipy, status):
    """Status bit 15: inside a rectangle (chip, x from, x to, y from, y to; inclusive) of the event's chip."""
    for i in range(status.size):
        bits = status[i] & ~_BAD_AREA
        for k in range(boxes.shape[0]):
            if (
                boxes[k, 0] == chip_id[i]
                and boxes[k, 1] <= chipx[i] <= boxes[k, 2]
                and boxes[k, 3] <= chipy[i] <= boxes[k, 4]
            ):
                bits |= _BAD_AREA
                break
        status[i] = bits
