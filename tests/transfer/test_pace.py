"""A limit of bytes per second: the waits add up to the size over the rate, for threads and for processes."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ciaopy.transfer.pace import Pace


class Clock:
    """A time that goes on by sleeping only."""

    def __init__(self) -> None:
        self.now = 1e9

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@given(st.lists(st.integers(1, 10**6), min_size=1, max_size=30), st.floats(1e3, 1e7))
def test_all_in_all_the_rate_is_kept(sizes, rate):
    clock = Clock()
    pace = Pace(rate, clock=clock, sleep=clock.sleep)
    for size in sizes:
        pace.take(size)
    expected = max(sum(sizes) / rate - 0.25, 0.0)  # a quarter of a second is free at the beginning
    assert clock.now - 1e9 == pytest.approx(expected, abs=1e-5)


def test_an_idle_time_is_no_credit():
    clock = Clock()
    pace = Pace(1000.0, clock=clock, sleep=clock.sleep)
    pace.take(1000)
    clock.now += 3600.0
    before = clock.now
    pace.take(5000)
    assert clock.now - before == pytest.approx(4.75, abs=1e-5)


def test_processes_share_a_file(tmp_path: Path):
    clock = Clock()
    place = tmp_path / "raw" / ".pace"
    one, other = (Pace(1000.0, place, clock=clock, sleep=lambda seconds: None) for _ in range(2))
    one.take(2000)
    waits: list[float] = []
    other._sleep = waits.append
    other.take(1000)
    assert waits == [pytest.approx(2.75, abs=1e-5)]


@pytest.mark.parametrize("left", ["rubbish", "1e30", ""])
def test_a_damaged_file_delays_nobody_for_long(tmp_path: Path, left: str):
    clock = Clock()
    place = tmp_path / ".pace"
    place.write_text(left)
    Pace(1000.0, place, clock=clock, sleep=clock.sleep).take(1000)
    assert clock.now - 1e9 <= 62.0


def test_pieces_and_wrong_rates():
    assert Pace(1e9).piece(1 << 18) == 1 << 18 and Pace(8000.0).piece(1 << 18) == 2000 and Pace(1.0).piece(99) == 1024
    for rate in (0.0, -1.0, math.nan):
        with pytest.raises(ValueError, match="above 0 are needed"):
            Pace(rate)
