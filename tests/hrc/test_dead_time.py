"""Dead-time statistics and the repair of corrupt rates."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from ciaopy.datamodel import Gti
from ciaopy.errors import DataError, NoDataError
from ciaopy.hrc.dead_time import corrupt_rates, dead_time_statistics, patched, records_inside, step_onto


def test_a_record_counts_if_it_lies_inside_one_interval():
    time = np.array([0.0, 2.0, 4.0, 6.0, 8.0, 10.0])
    gti = Gti([2.0, 8.5], [6.05, 12.05])
    # records of 2.05 s: 2.0-4.05 and 4.0-6.05 fit (ends included), 6.0 begins inside and ends outside, 8.0 starts early
    assert_array_equal(records_inside(time, 2.05, gti), [0, 1, 1, 0, 0, 1])
    assert not records_inside(time, 2.05, Gti()).any()


@settings(deadline=None)
@given(st.lists(st.floats(0.5, 1.0), min_size=3, max_size=40), st.floats(1e-4, 1e-2))
def test_statistics_are_the_textbook_ones(values, error):
    f = np.array(values)
    s = dead_time_statistics(np.arange(len(f)) * 2.0, f, np.full(len(f), error), 2.05, None)
    assert_allclose(s.mean, f.mean(), rtol=1e-12)
    assert_allclose(s.chisq, f.var() * len(f) / error**2, rtol=1e-6, atol=1e-6)
    assert (s.degrees, s.records, s.minimum, s.maximum) == (len(f) - 2, len(f), f.min(), f.max())
    assert_allclose(s.reduced, s.chisq / s.degrees)


def test_what_cannot_be_averaged():
    time, f = np.array([0.0, 2.0]), np.array([0.9, 0.8])
    assert np.isnan(dead_time_statistics(time, f, f, 2.0, None).reduced)
    with pytest.raises(NoDataError, match="none of its 2 lies inside the good times"):
        dead_time_statistics(time, f, f, 2.0, Gti([50.0], [60.0]))
    with pytest.raises(NoDataError, match="it is empty"):
        dead_time_statistics(time[:0], f[:0], f[:0], 2.0, None)
    with pytest.raises(DataError, match="not a number"):
        dead_time_statistics(time, np.array([0.9, np.nan]), f, 2.0, None)


def test_corrupt_rates_are_those_of_the_smoothed_count():
    count = np.array([100.0, 100, 20000, 100, 100, 100])
    factor = np.array([0.98, 0.97, 0.1, 0.99, 0.98, 0.96])
    patch = corrupt_rates(np.arange(6) * 2.0, count, factor, 0.01 * factor, 4000.0, 3)
    assert patch is not None
    # the running mean carries the spike to both neighbours
    assert_array_equal(patch.corrupt, [0, 1, 1, 1, 0, 0])
    assert_allclose((patch.factor, patch.error, patch.first_sound), (0.98, 0.0098, 0.0))
    assert_allclose(patched(factor, patch.corrupt, patch.factor), [0.98, 0.98, 0.98, 0.98, 0.98, 0.96])
    assert factor[2] == 0.1
    assert corrupt_rates(np.arange(6), np.full(6, 4000.0), factor, factor, 4000.0, 3) is None
    with pytest.raises(NoDataError, match="no sound record"):
        corrupt_rates(np.arange(6), np.full(6, 9000.0), factor, factor, 4000.0, 3)


def test_values_step_onto_other_times():
    assert_array_equal(
        step_onto(np.array([-1.0, 0, 1.9, 2, 99]), np.array([0.0, 2.0]), np.array([5.0, 6.0])), [5, 5, 5, 6, 6]
    )
