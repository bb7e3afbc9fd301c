"""Amplifier scale, ringing, tests and raw positions: against a slow reference, and at the limits of each rule."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from math import floor, pi, sin, sqrt
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from ciaopy.caldb import lite
from ciaopy.errors import CalibrationError
from ciaopy.hrc.pulse_height import TAPS, TapBlock, TapRules, measure_taps

NAMES = ("AMP_SF_COR", "TAPRINGTEST", "FPTEST", "SATTEST", "EFTEST")
RATIO = (0.5, 0.5, 75.0)


def rules(detnam: str = "HRC-I", width: int = 2, level: float = 116.0) -> TapRules:
    products = {n: lite.product(n, {"DETNAM": detnam}) for n in NAMES}
    return TapRules.of_products(products, RATIO, (level, width))


def measure(taps: Any, pha: Any, status: Any = None, given: TapRules | None = None) -> tuple[TapBlock, Any]:
    taps = tuple(np.atleast_1d(np.asarray(t, np.int16)) for t in taps)
    n = len(taps[0])
    coarse = (np.full(n, 10, np.int16), np.full(n, 20, np.int16))
    words = np.zeros(n, np.uint32) if status is None else np.array(status, np.uint32)
    before = (np.ones(n, np.int16), np.zeros(n, np.int32), np.zeros((2, n), np.int32))
    block = measure_taps(taps, coarse, np.full(n, pha, np.int16), given or rules(), before, words)
    return block, words


def slow(u: list[float], v: list[float], pha: float, status: int, detnam: str) -> tuple[int, int, int, int, int]:
    """One event, from the description of the algorithm: scale, SUMAMPS, RAWX, RAWY, status."""
    scale, ring, hyper, sat, flat = (lite.product(n, {"DETNAM": detnam}) for n in NAMES)
    q = 0.5 * (sum(u) + sum(v)) / scale.gain[0]
    first, w1, second, w2 = (float(a[0]) for a in (scale.pha_12, scale.width_12, scale.pha_23, scale.width_23))
    if pha < first - w1:
        k = 1
    elif pha < first + w1:
        k = 2 if abs(pha - 2 * q) <= abs(pha - q) else 1
    elif pha < second - w2:
        k = 2
    elif pha < second + w2:
        k = 3 if abs(pha - 4 * q) <= abs(pha - 2 * q) else 2
    else:
        k = 3
    bits = status & ~0xC0007F3F
    for axis, a, bit in (("U", u, 0), ("V", v, 1)):
        c = ring.axis[axis]
        if k == 3 and a[0] > a[2] and not status >> (20 + bit) & 1:
            theta = 2 * pi * (a[1] - c["beta"] * ((a[1] / a[0]) ** c["gamma"] - 1)) / (c["c"] * a[1] + c["d"])
            a[2] = min(max(a[2] - (a[1] + c["b"]) / c["a"] * sin(theta), 0.0), 4095.0)
            bits |= 1 << (30 + bit)
        s = sum(a)
        h = hyper.axis[axis]
        if s:
            w = a[1] / s + h["a"] * sqrt(1 + (abs(a[2] - a[0]) / s / h["b"]) ** 2)
            if not (h["h"] - h["delta_h"] < w < h["h"] + h["delta_h"] and a[1] / s >= h["c"]):
                bits |= 1 << bit
        else:
            bits |= 1 << 8 | 1 << 14
        low, high = sum(x < sat.lower[k] for x in a), sum(x > sat.upper[k] for x in a)
        if max(low, high) >= sat.ntaps[k]:
            bits |= 1 << (2 + bit)
        if a[1] and a[0] / a[1] >= flat.limit and a[2] / a[1] >= flat.limit:
            bits |= 1 << (4 + bit)
        if a[2] > a[1] or a[0] > a[1]:
            bits |= 1 << (12 + bit)
    total = floor(sum(u) + sum(v))
    if sum(v) and not 0.5 <= sum(u) / sum(v) <= 1.5:
        bits |= 1 << 9
    n = int(0.5 * (4 if k == 3 else k) * total / 75.0)
    if n == 0:
        bits |= 1 << 10
    elif not 0.5 <= pha / n <= 1.5:
        bits |= 1 << 11
    raw = []
    for a, crs in ((u, 10), (v, 20)):
        f = (a[2] - a[0]) / sum(a) if sum(a) else 0.0
        raw.append(floor(256 * (crs + f + 0.5) + 0.5))
    return k, total, *raw, bits


@pytest.mark.parametrize("detnam", ["HRC-I", "HRC-S"])
def test_kernel_against_the_description(detnam):
    rng = np.random.default_rng(5)
    n = 1500
    taps = [rng.integers(0, high, n) for high in (1500, 4096, 1500, 1500, 4096, 1500)]
    taps[0][:100] = taps[1][:100] = taps[2][:100] = 0
    pha = rng.integers(0, 256, n).astype(np.int16)
    status = rng.integers(0, 2**32, n, dtype=np.uint64).astype(np.uint32)
    arrays = tuple(t.astype(np.int16) for t in taps)
    coarse = (np.full(n, 10, np.int16), np.full(n, 20, np.int16))
    before = (np.ones(n, np.int16), np.zeros(n, np.int32), np.zeros((2, n), np.int32))
    words = status.copy()
    block = measure_taps(arrays, coarse, pha, rules(detnam, level=120.0), before, words)
    for i in range(n):
        u, v = [float(t[i]) for t in taps[:3]], [float(t[i]) for t in taps[3:]]
        want = slow(u, v, float(pha[i]), int(status[i]), detnam)
        got = (block.scale[i], block.sums[i], *block.raw[:, i], int(words[i]))
        assert tuple(int(x) for x in got) == want, i
    assert not before[0].any() or (before[0] == 1).all()


def test_blocks_in_threads_give_the_same():
    rng = np.random.default_rng(6)
    taps = [rng.integers(0, 4096, 40_000) for _ in TAPS]
    whole, words = measure(taps, 150)

    def part(k: int) -> tuple[TapBlock, Any]:
        return measure([t[k * 5000 : (k + 1) * 5000] for t in taps], 150)

    with ThreadPoolExecutor(4) as pool:
        parts = list(pool.map(part, range(8)))
    assert_array_equal(np.concatenate([p[0].raw for p in parts], axis=1), whole.raw)
    assert_array_equal(np.concatenate([p[1] for p in parts]), words)


def test_raw_position_is_the_nearest_pixel_of_the_centroid():
    # (a3 - a1) / sum = 0.1: 256 (10 + 0.1 + 0.5) = 2713.6 -> 2714; halves round up: fine 0.001953125 = 1/512 -> 2688.5
    block, _ = measure([[150, 255], [600, 512], [250, 257], [150] * 2, [600] * 2, [250] * 2], 10)
    assert_allclose(block.place[0], [2713.6, 2688.5])
    assert_array_equal(block.raw[0], [2714, 2689])


def test_ringing_only_moves_scale_3_without_width_bit():
    taps = [900, 2600, 800, 500, 2600, 800]
    strong, bits = measure(taps, 200)
    assert (strong.scale[0], int(bits[0]) >> 30) == (3, 1)
    weak, bits = measure(taps, 30)
    assert (weak.scale[0], int(bits[0]) >> 30) == (1, 0)
    wide, bits = measure(taps, 200, [1 << 20])
    assert int(bits[0]) >> 30 == 0
    assert wide.sums[0] == sum(taps) != strong.sums[0]


def test_ringing_threshold_where_the_width_bit_is_not_to_be_trusted():
    from dataclasses import replace

    given = rules(width=3)
    given = replace(
        given, ring=np.array([[20.0, -740, 0.241, 979, 12, 2, 0.2, 300.0], [-35, -728, 0.278, 638, 50, 0.7, 1, 0]])
    )
    taps = np.array([[900, 2600, 800, 500, 2600, 800], [815, 2600, 800, 500, 2600, 800]]).T
    _, bits = measure(taps, 200, [1 << 20, 1 << 20], given)
    # 0.2 * 2600 + 300 = 820 lies between the two first amplifiers; the width bit does not matter
    assert_array_equal(bits >> np.uint32(30), [1, 0])


def test_no_row_for_the_range_level_leaves_the_scale_alone():
    block, _ = measure([500, 2600, 800] * 2, 200, given=rules(level=90.0))
    assert block.scale[0] == 1


def test_carried_results_stay_and_what_follows_from_raw_taps_is_computed():
    n = 3
    taps = tuple(np.full(n, v, np.int16) for v in (200, 600, 300, 200, 600, 300))
    ring = np.uint32(1 << 30)
    status = np.array([0x3F, 0x3F | ring | 1 << 9, 1 << 12], np.uint32)
    before = (
        np.full(n, 2, np.int16),
        np.array([2200, 2100, 2200], np.int32),
        np.array([[2711, 2700, 2711]] * 2, np.int32),
    )
    coarse = (np.full(n, 10, np.int16), np.full(n, 10, np.int16))
    words = status.copy()
    block = measure_taps(taps, coarse, np.full(n, 40, np.int16), TapRules.carry(RATIO), before, words)
    assert_array_equal(block.scale, before[0])
    assert_array_equal(block.sums, before[1])
    assert_array_equal(block.raw, before[2])
    assert_array_equal(words & np.uint32(0x3F), [0x3F, 0x3F, 0])
    # bit 12 is wrong in the input and computed; bit 9 of the ringing event needs the corrected amplifier and stays
    assert_array_equal(words >> np.uint32(9) & np.uint32(9), [0, 1, 0])
    assert_allclose(block.place[0], [256 * (10.5 + 100 / 1100), 2700, 256 * (10.5 + 100 / 1100)])


def test_arrays_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match="one length"):
        measure([[1, 2], [1], [1], [1], [1], [1]], 10)


def test_a_coefficient_of_zero_is_refused():
    from dataclasses import replace

    ring = lite.product("TAPRINGTEST", {"DETNAM": "HRC-I"})
    broken = replace(ring, axis={a: c | {"a": 0.0} for a, c in ring.axis.items()})
    with pytest.raises(CalibrationError, match="TRING_A is 0"):
        TapRules.of_products({"TAPRINGTEST": broken}, None, (115.0, 2))
