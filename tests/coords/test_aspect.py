"""The aspect solution: reading, order, the record in force, gaps, wraps, bad files."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from coords_helpers import aspect_columns, make_aspect, make_table
from hypothesis import given
from hypothesis import strategies as st

from ciaopy.coords import AspectSolution, SkyFrame
from ciaopy.coords.aspect import MAX_GAP, stack_names
from ciaopy.datamodel import Gti
from ciaopy.errors import DataError, NoDataError

TIME = 100.0 + 0.25625 * np.arange(100)


def slow_index(a: AspectSolution, times: Any) -> list[int]:
    """One event at a time, by the words of the rule."""
    out = []
    for t in times:
        k = -1
        for i, start in enumerate(a.time):
            if start <= t + 5e-6:
                k = i
        if k >= 0:
            limit = a.time[k + 1] if k + 1 < len(a) else a.time[k] + max(a.step, 5e-6)
            if t >= min(limit, a.time[k] + (MAX_GAP if k + 1 < len(a) else np.inf)):
                k = -1
        out.append(k)
    return out


def test_step_rule() -> None:
    a = make_aspect(TIME, ra=10 + 1e-4 * np.arange(100))
    k = a.index([TIME[3], TIME[3] + 0.1, TIME[4] - 1e-5, TIME[4] - 4e-6, TIME[4], TIME[4] + 0.25])
    assert k.tolist() == [3, 3, 3, 4, 4, 4]
    assert a.at([TIME[7] + 0.2]).ra[0] == a.ra[7]


def test_outside_is_nan() -> None:
    a = make_aspect(TIME)
    t = [TIME[0] - 1e-5, TIME[0] - 4e-6, TIME[0], TIME[-1], TIME[-1] + 0.25, TIME[-1] + 0.26, np.nan]
    assert a.index(t).tolist() == [-1, 0, 0, 99, 99, -1, -1]
    at = a.at(t)
    for name in ("ra", "dec", "roll", "dy", "dz", "dtheta"):
        assert np.isnan(getattr(at, name)).tolist() == [True, False, False, False, False, True, True]


def test_gap() -> None:
    time = np.concatenate([TIME[:50], TIME[50:] + 1000.0, TIME[50:] + 1040.0])
    a = make_aspect(time)
    np.testing.assert_allclose(a.gaps, [[time[49] + MAX_GAP, time[50]], [time[99] + MAX_GAP, time[100]]])
    assert a.index([time[49] + 9.9, time[49] + 10.1, time[50]]).tolist() == [49, -1, 50]
    assert not make_aspect(TIME).gaps.size


@given(
    st.lists(st.floats(0.01, 30.0), min_size=1, max_size=20),
    st.lists(st.floats(-5.0, 400.0), max_size=40),
)
def test_index_against_slow_reference(steps: list[float], times: list[float]) -> None:
    a = make_aspect(np.cumsum(steps))
    on_records = list(a.time) + list(a.time - 4e-6) + list(a.until)
    every = [*times, *on_records]
    assert a.index(every).tolist() == slow_index(a, every)


def test_single_record() -> None:
    a = make_aspect([50.0])
    assert a.step == 0.0
    assert a.index([49.0, 50.0, 51.0]).tolist() == [-1, 0, -1]
    assert a.at([50.0], interpolate=True).ra[0] == 10.0


def test_interpolation_goes_the_short_way() -> None:
    a = make_aspect([0.0, 1.0], ra=[359.9, 0.1], roll=[0.2, 359.8], dec=[10.0, 11.0], dy=[0.0, 1.0])
    at = a.at([0.25, 0.5], interpolate=True)
    np.testing.assert_allclose((at.ra + 180) % 360 - 180, [-0.05, 0.0], atol=1e-12)
    np.testing.assert_allclose((at.roll + 180) % 360 - 180, [0.1, 0.0], atol=1e-12)
    np.testing.assert_allclose(at.dec, [10.25, 10.5])
    np.testing.assert_allclose(at.dy, [0.25, 0.5])


def test_files_are_put_in_order_of_time_and_overlaps_dropped() -> None:
    late = make_table("ASPSOL", {"CONTENT": "ASPSOL"}, **aspect_columns(TIME[50:], ra=2.0))
    early = make_table("ASPSOL", {"CONTENT": "ASPSOLOBI"}, **aspect_columns(TIME[:60], ra=1.0))
    a = AspectSolution.from_tables([("late", late), ("early", early)])
    np.testing.assert_array_equal(a.time, TIME)
    np.testing.assert_array_equal(a.ra, np.where(np.arange(100) < 50, 1.0, 2.0))
    assert a.content == ("ASPSOL", "ASPSOLOBI")
    assert a.name == "late, early"


def test_filters() -> None:
    a = make_aspect(TIME)
    assert a.filter(Gti([101.0, 110.0], [102.0, 111.0])).time.size == 7
    assert a.between(TIME[3], TIME[7]).time.tolist() == TIME[3:8].tolist()
    assert a.overlaps(TIME[-1] + 0.1, 1e9)
    assert not a.overlaps(TIME[-1] + 1.0, 1e9)
    with pytest.raises(NoDataError, match="asol: no aspect record is left"):
        a.between(0.0, 1.0)


def test_mean_across_the_wrap() -> None:
    a = make_aspect([0.0, 1.0], ra=[359.0, 1.0], dec=[60.0, 60.0], roll=[359.5, 0.1], dy=[0.0, 0.5])
    m = a.mean()
    assert (m.ra + 180) % 360 - 180 == pytest.approx(0.0, abs=1e-10)
    assert m.dec == pytest.approx(60.0, abs=0.01)
    assert m.roll == pytest.approx(359.8, abs=1e-6)
    assert m.dy == 0.25


def test_records_are_made_once_per_frame() -> None:
    a = make_aspect(TIME)
    frame = SkyFrame.of(10.0, 20.0, 0.0, "ACIS")
    assert a.records(frame) is a.records(frame)
    assert a.records(SkyFrame.of(11.0, 20.0, 0.0, "ACIS")) is not a.records(frame)
    assert a.records(frame).shape == (100, 13)


@pytest.mark.parametrize("column", ["time", "ra", "dec", "roll", "dy", "dz", "dtheta"])
def test_missing_column(column: str) -> None:
    columns = aspect_columns(TIME)
    del columns[column]
    with pytest.raises(DataError, match=rf"a\.fits: not an aspect solution: block X lacks {column}; it has"):
        AspectSolution.from_tables([("a.fits", make_table("X", None, **columns))])


@pytest.mark.parametrize("column", ["time", "ra", "dtheta"])
def test_nan(column: str) -> None:
    columns = aspect_columns(TIME)
    columns[column][[3, 8]] = np.nan, np.inf
    with pytest.raises(DataError, match=f"2 of 100 records have no finite {column}"):
        AspectSolution.from_tables([("a.fits", make_table("X", None, **columns))])


@pytest.mark.parametrize(("column", "value"), [("ra", 1e304), ("dec", -90.5), ("roll", -800.0)])
def test_impossible_angles(column: str, value: float) -> None:
    columns = aspect_columns(TIME)
    columns[column][7] = value
    with pytest.raises(DataError, match=f"1 of 100 records have no possible {column}; drop them"):
        AspectSolution.from_tables([("a.fits", make_table("X", None, **columns))])


def test_vector_column() -> None:
    columns = aspect_columns(TIME)
    columns["ra"] = np.zeros((100, 2))
    with pytest.raises(DataError, match="column ra is not a plain number column"):
        AspectSolution.from_tables([("a.fits", make_table("X", None, **columns))])


def test_empty() -> None:
    with pytest.raises(NoDataError, match=r"a\.fits: no aspect records"):
        AspectSolution.from_tables([("a.fits", make_table("X", None, **aspect_columns([])))])
    with pytest.raises(NoDataError, match="no aspect records"):
        AspectSolution.from_tables([])
    with pytest.raises(NoDataError, match="no aspect solution file given"):
        AspectSolution.read("none")


def test_stack_names(tmp_path: Any) -> None:
    (tmp_path / "x.lis").write_text("a.fits\nb.fits\n")
    listed = [str(tmp_path / "a.fits"), str(tmp_path / "b.fits")]
    assert stack_names(f"@{tmp_path}/x.lis") == listed
    assert stack_names(["p.fits", f"@{tmp_path}/x.lis"]) == ["p.fits", *listed]
    assert stack_names(tmp_path / "a.fits") == [listed[0]]
    assert stack_names("a.fits,b.fits[time=1:2]") == ["a.fits", "b.fits[time=1:2]"]
    assert stack_names(" NONE ") == []
