"""The zero order by centroid and by streak: within 0.2 pixel on bright, faint, hollow and missing cores."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ciaopy.gratings.zero_order import brightest_cell, clipped_centroid, line_offset, piled_up, streak_crossing, unit

AT = (4100.37, 4088.81)


def image(counts, seed=1, hollow=0.0, second=0.0, background=2000, at=AT):
    """Positions of a point source (Gaussian core, wide wings), a hollow core, a second source 20 arcsec away."""
    rng = np.random.default_rng(seed)
    r = np.abs(rng.normal(0, 1.0, counts)) if hollow else rng.rayleigh(0.7, counts)
    r = np.where(rng.uniform(size=counts) < 0.1, rng.pareto(1.5, counts) + 1.0, r)
    keep = r < 60
    if hollow:
        keep &= (r > hollow) | (rng.uniform(size=counts) < 0.05)
    phi = rng.uniform(0, 2 * np.pi, counts)
    x, y = at[0] + r * np.cos(phi), at[1] + r * np.sin(phi)
    n2 = int(second * counts)
    other = rng.normal(0, 0.8, (2, n2)) + np.array([[at[0] + 29], [at[1] + 29]])
    flat = rng.uniform(-200, 200, (2, background)) + np.array([[at[0]], [at[1]]])
    return np.concatenate([x[keep], other[0], flat[0]]), np.concatenate([y[keep], other[1], flat[1]])


@pytest.mark.parametrize(
    ("counts", "hollow", "second"), [(200_000, 0.0, 0.0), (2500, 0.0, 0.0), (60_000, 1.2, 0.0), (5000, 0.0, 0.4)]
)
def test_the_centroid_is_within_a_fifth_of_a_pixel(counts, hollow, second):
    x, y = image(counts, hollow=hollow, second=second)
    cell = brightest_cell(x, y, (AT[0] + 31, AT[1] - 17), (400, 400), 15)
    assert cell is not None and cell[3] > 40
    found = clipped_centroid(x, y, cell[:2], 4.0)
    assert np.hypot(found[0] - AT[0], found[1] - AT[1]) < 0.2


def test_a_field_without_a_source_is_below_the_limit():
    rng = np.random.default_rng(2)
    x, y = rng.uniform(0, 400, (2, 20_000))
    cell = brightest_cell(x, y, (200, 200), (400, 400), 15)
    assert cell is not None and cell[3] < 6
    assert brightest_cell(x[:0], y[:0], (200, 200), (400, 400), 15) is None


def test_counts_and_noise_of_a_cell():
    """A lone clump of 900 counts on an empty field: net 900, signal to noise 30."""
    cell = brightest_cell(np.full(900, 33.2), np.full(900, 71.9), (50, 50), (100, 100), 15)
    assert cell is not None
    assert cell[2] == 900 and cell[3] == pytest.approx(30.0)
    assert abs(cell[0] - 33.5) <= 7 and abs(cell[1] - 71.5) <= 7


def test_pile_up_is_seen():
    bright, hollow, faint = image(20_000), image(60_000, hollow=1.2), image(2500)
    assert piled_up(*bright, AT, 4.0, 10_000.0) and not piled_up(*bright, AT, 4.0, 0.0)
    assert piled_up(*hollow, AT, 4.0, 0.0)
    assert not piled_up(*faint, AT, 4.0, 30_000.0)


def lines(at, streak_angle=58.0, arm_angle=153.4, n=(600, 5000), seed=3):
    """A read-out streak, two arms 10 degrees apart, a flat background, and no core within 10 pixels."""
    rng = np.random.default_rng(seed)
    x, y = [rng.uniform(-500, 500, 20_000) + at[0]], [rng.uniform(-500, 500, 20_000) + at[1]]
    for count, angle, length in ((n[0], streak_angle, 500), (n[1], arm_angle, 1500), (n[1], arm_angle - 9.96, 1500)):
        along, across = rng.uniform(-length, length, count), rng.normal(0, 0.9, count)
        d = unit(angle)
        x.append(at[0] + along * d[0] - across * d[1])
        y.append(at[1] + along * d[1] + across * d[0])
    x, y = np.concatenate(x), np.concatenate(y)
    keep = np.hypot(x - at[0], y - at[1]) > 10
    return x[keep], y[keep], unit(streak_angle), unit(arm_angle)


@settings(max_examples=12, deadline=None)
@given(st.floats(-8, 8), st.floats(-8, 8), st.integers(0, 100))
def test_streak_and_arm_cross_at_the_source(dx, dy, seed):
    x, y, streak, arm = lines(AT, seed=seed)
    found = streak_crossing(x, y, (AT[0] + dx, AT[1] + dy), streak, arm)
    assert found is not None
    assert np.hypot(found[0] - AT[0], found[1] - AT[1]) < 0.2
    assert found[2] > 300 and found[3] > 2000


def test_offset_of_a_line():
    """Exact for points on a line 2.5 pixels to the left of its direction."""
    d = unit(30.0)
    along = np.linspace(-300, 300, 2001)
    x, y = 10 + along * d[0] - 2.5 * d[1], 20 + along * d[1] + 2.5 * d[0]
    offset, n = line_offset(x, y, (10, 20), d, (20.0, 250.0), 10.0)
    assert offset == pytest.approx(2.5, abs=1e-9) and n == pytest.approx(1534, abs=4)
    assert line_offset(x[:3], y[:3], (10, 20), d, (20.0, 250.0), 10.0) == (0.0, 0)


def test_no_crossing_without_lines():
    rng = np.random.default_rng(4)
    assert streak_crossing(rng.uniform(0, 1, 3), rng.uniform(0, 1, 3), (0.5, 0.5), unit(0), unit(90)) is None
