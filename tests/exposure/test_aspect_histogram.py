"""The aspect histogram: time is conserved, offsets are where the sky goes."""

from __future__ import annotations

import importlib

import numpy as np
import pytest
from exposure_helpers import histogram, solution, view

from ciaopy.coords import Attitude
from ciaopy.datamodel import Gti
from ciaopy.errors import NoDataError, UserError
from ciaopy.exposure import AspectOffsets, LiveFraction, aspect_histogram


def test_durations_sum_up_to_the_live_time_of_interrupted_intervals() -> None:
    gti = Gti([1000.3, 5000.9], [3000.1, 6000.2])
    h = aspect_histogram(solution(), gti, view().frame, LiveFraction.constant(0.9))
    assert h.total == pytest.approx(0.9 * gti.duration, rel=1e-12)


def test_dead_time_table_is_integrated_along_the_observation() -> None:
    live = LiveFraction(np.array([1000.0, 9000.0]), np.array([0.5, 1.0]))
    h = aspect_histogram(solution(), Gti([1000.0], [9000.0]), view().frame, live)
    assert h.total == pytest.approx(8000 * 0.75, rel=1e-6)


def test_offsets_are_the_sky_pixels_of_the_axis() -> None:
    s, v = solution(n=1), view()
    h = aspect_histogram(s, Gti([1000.0], [1001.0]), v.frame)
    x, y = v.frame.plane.world_to_pixel(s.ra, s.dec)
    assert (h.x_off[0], h.y_off[0]) == pytest.approx((x[0] - 4096.5, y[0] - 4096.5), abs=1e-9)
    assert h.roll_off[0] == pytest.approx(s.roll[0] - 57.0, abs=1e-9)


def test_folded_offsets_leave_chip_positions_on_the_sky() -> None:
    s, v = solution(n=1, dy=0.4), view()
    h = aspect_histogram(s, Gti([1000.0], [1001.0]), v.frame)
    chipx, chipy = np.array([10.0, 900.0]), np.array([1000.0, 20.0])
    truth = v.plane.chip_to_sky(3, chipx, chipy, Attitude.of(s.ra[0], s.dec[0], s.roll[0], 0.4, -0.2, 0.04), v.frame)
    mine = v.plane.chip_to_sky(3, chipx, chipy, Attitude.of(*_one(h.attitudes(v.frame))), v.frame)
    np.testing.assert_allclose(mine, truth, atol=0.02)


def _one(a: Attitude) -> tuple[float, float, float]:
    return float(a.ra[0]), float(a.dec[0]), float(a.roll[0])


def test_roll_crosses_360_degrees() -> None:
    s = solution(n=100)
    turned = type(s)(s.time, s.ra, s.dec, (s.roll + 303.0) % 360.0, s.dy, s.dz, s.dtheta)
    frame = type(view().frame)(150.0, 40.0, 359.999, view().frame.detector)
    h = aspect_histogram(turned, Gti([1000.0], [1100.0]), frame)
    assert np.abs(h.roll_off).max() < 0.01


def test_mean_keeps_time_and_first_moment() -> None:
    h = histogram()
    m = h.mean()
    assert len(m) == 1
    assert m.total == pytest.approx(h.total)
    assert m.x_off[0] == pytest.approx(np.sum(h.x_off * h.duration) / h.total)


def test_finer_bins_keep_the_moments() -> None:
    coarse = histogram()
    fine = aspect_histogram(solution(), Gti([1000.0], [9000.0]), view().frame, None, (0.1, 600.0), 1e6)
    assert len(fine) > 3 * len(coarse)
    for name in ("x_off", "y_off", "roll_off"):
        a, b = (np.average(getattr(h, name), weights=h.duration) for h in (coarse, fine))
        assert a == pytest.approx(b, abs=1e-9)


def test_errors() -> None:
    frame = view().frame
    with pytest.raises(NoDataError, match="no time in common"):
        aspect_histogram(solution(), Gti([1e6], [2e6]), frame)
    with pytest.raises(NoDataError, match="no time in common"):
        aspect_histogram(solution(), Gti(), frame)
    with pytest.raises(UserError, match="raise max_bin"):
        aspect_histogram(solution(), Gti([1000.0], [9000.0]), frame, None, (0.5, 600.0), 10)
    with pytest.raises(UserError, match="res_xy=0"):
        aspect_histogram(solution(), Gti([1000.0], [9000.0]), frame, None, (0.0, 600.0))


def test_one_set_of_offsets_serves_all_good_times() -> None:
    shared = AspectOffsets.of(solution(), view().frame)
    for gti in (Gti([1000.3], [3000.1]), Gti([1500.0, 7000.0], [1501.0, 7777.7])):
        own, mine = aspect_histogram(solution(), gti, view().frame), shared.histogram(gti)
        for name in ("x_off", "y_off", "roll_off", "duration"):
            np.testing.assert_array_equal(getattr(mine, name), getattr(own, name))


def test_bins_are_the_same_sorted_or_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    counted = histogram()
    monkeypatch.setattr(importlib.import_module(AspectOffsets.__module__), "MOST_CELLS", 0)
    ordered = histogram()
    for name in ("x_off", "y_off", "roll_off", "duration"):
        np.testing.assert_array_equal(getattr(counted, name), getattr(ordered, name))
