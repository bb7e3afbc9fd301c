"""Good time intervals: the laws of sets, and half-open edges."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ciaopy.datamodel import Gti
from ciaopy.errors import DataError

EDGE = st.integers(-20, 20).map(float)
SETS = st.lists(st.tuples(EDGE, EDGE), max_size=6).map(lambda p: Gti([a for a, _ in p], [b for _, b in p]))
TIMES = np.arange(-25, 25, 0.5)


@given(SETS, SETS)
def test_set_operations_agree_with_masks(a: Gti, b: Gti) -> None:
    inside_a, inside_b = a.filter(TIMES), b.filter(TIMES)
    assert np.array_equal((a & b).filter(TIMES), inside_a & inside_b)
    assert np.array_equal((a | b).filter(TIMES), inside_a | inside_b)
    assert np.array_equal((~a).filter(TIMES), ~inside_a)
    assert np.array_equal((a - b).filter(TIMES), inside_a & ~inside_b)


@given(SETS, st.lists(EDGE.map(lambda t: t / 2) | st.sampled_from([np.inf, -np.inf, np.nan, -0.0]), max_size=30))
def test_times_in_order_are_judged_as_others(a: Gti, times: list[float]) -> None:
    t = np.array(times)
    expected = [any(lo <= v < hi for lo, hi in zip(a.start, a.stop, strict=True)) for v in times]
    assert a.filter(t).tolist() == expected
    assert a.filter(np.sort(t)).tolist() == [
        e for _, e in sorted(zip(np.argsort(np.argsort(t)), expected, strict=True))
    ]


@given(SETS, SETS, SETS)
def test_laws(a: Gti, b: Gti, c: Gti) -> None:
    assert a & b == b & a
    assert a | b == b | a
    assert ~~a == a
    assert ~(a & b) == ~a | ~b
    assert a & (b | c) == (a & b) | (a & c)
    assert a & ~a == Gti()
    assert a | ~a == Gti.everything()


@given(SETS)
def test_intervals_are_sorted_and_disjoint(a: Gti) -> None:
    assert (a.start < a.stop).all()
    assert (a.start[1:] > a.stop[:-1]).all()
    assert a.duration == pytest.approx(a.filter(np.arange(-30, 30, 1.0)).sum())


@given(SETS, EDGE, EDGE)
def test_overlap_is_the_time_in_common(a: Gti, lo: float, hi: float) -> None:
    lo, hi = min(lo, hi), max(lo, hi)
    assert a.overlap(lo, hi) == pytest.approx((a & Gti([lo], [hi])).duration)


def test_edges_are_half_open() -> None:
    gti = Gti([10.0], [20.0])
    assert gti.filter([9.999, 10.0, 19.999, 20.0, np.nan]).tolist() == [False, True, True, False, False]


def test_bad_input() -> None:
    with pytest.raises(DataError, match="1 starts but 2 stops"):
        Gti([1.0], [2.0, 3.0])
    with pytest.raises(DataError, match="NaN"):
        Gti([np.nan], [2.0])
