"""Status bits 0, 4, 5 and 16 against direct computations and real data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ciaopy.acis.bad_pixels import BadPixelRows
from ciaopy.acis.event_block import EventBlock
from ciaopy.acis.event_status import SPREADING, BadPixelMap, flag_bad_pixels, flag_bad_positions

Row = tuple[int, int, int, int, int, float, float, int]


def table_of(rows: list[Row]) -> dict[int, BadPixelRows]:
    columns = list(zip(*rows, strict=True)) if rows else [()] * 8
    chips, *limits = (np.array(c, np.int64) for c in columns[:5])
    times = (np.array(c, float) for c in columns[5:7])
    every = BadPixelRows(*limits, *times, np.array(columns[7], np.uint32))
    return {int(c): every.take(chips == c) for c in np.unique(chips)}


def block_of(events: list[tuple[float, int, int, int]]) -> EventBlock:
    time = np.array([e[0] for e in events], float)
    ids, x, y = (np.array([e[k] for e in events], np.int16) for k in (1, 2, 3))
    return EventBlock(time, ids, x, y, np.zeros(len(events), np.uint64))


def flags(rows: list[Row], events: list[tuple[float, int, int, int]], span: tuple[float, float]) -> NDArray[np.uint32]:
    status = np.zeros(len(events), np.uint32)
    flag_bad_pixels(block_of(events), BadPixelMap.build(table_of(rows), *span), status)
    return status


def direct(rows: list[Row], event: tuple[float, int, int, int]) -> int:
    """The rule, written out."""
    t, ccd, x, y = event
    bits = 0
    if not (1 <= x <= 1024 and 1 <= y <= 1024):
        return 0
    for c, x0, x1, y0, y1, start, stop, status in rows:
        if c != ccd or not (stop <= 0 or start <= t < stop):
            continue
        here = x0 <= x <= x1 and y0 <= y <= y1
        if here:
            bits |= 1 << 4
            if status & 1 << 8:
                bits |= 1 << 5
            if status & 1 << 15:
                bits |= 1 << 16
        beside = any(x0 <= x + dx <= x1 and y0 <= y + dy <= y1 for dx in (-1, 0, 1) for dy in (-1, 0, 1) if dx or dy)
        if beside and status & int(SPREADING):
            bits |= 1 << 5
    return bits


ROW = st.tuples(
    st.integers(0, 9),
    st.integers(1, 12),
    st.integers(0, 3),
    st.integers(1, 12),
    st.integers(0, 3),
    st.sampled_from([0.0, 2.0, 5.0]),
    st.sampled_from([0.0, 4.0, 7.0, 100.0]),
    st.sampled_from([1, 1 << 8, 1 << 11, 1 << 12, 1 << 14, 1 << 15, (1 << 15) | (1 << 8), 1 << 16, 1 << 17]),
)
EVENT = st.tuples(st.floats(0, 10), st.integers(0, 3), st.integers(0, 17), st.integers(0, 17))


@settings(max_examples=150, deadline=None)
@given(st.lists(ROW, max_size=6), st.lists(EVENT, min_size=1, max_size=30))
def test_map_agrees_with_the_rule_written_out(drawn: list[Row], events: list[tuple[float, int, int, int]]) -> None:
    rows = [(c % 4, x, x + w, y, y + h, a, b, s) for c, x, w, y, h, a, b, s in drawn]
    found = flags(rows, events, (0.0, 10.0))
    assert found.tolist() == [direct(rows, e) for e in events]


def test_time_limits_are_half_open() -> None:
    row: Row = (3, 10, 10, 20, 20, 100.0, 200.0, 1 << 15)
    times = (99.999, 100.0, 199.999, 200.0)
    found = flags([row], [(t, 3, 10, 20) for t in times], (50.0, 300.0))
    assert [bool(f & 1 << 16) for f in found] == [False, True, True, False]


def test_node_boundaries_have_no_halo() -> None:
    rows: list[Row] = [(0, 256, 257, 1, 1024, 0.0, 0.0, 1 << 12), (0, 40, 40, 1, 1024, 0.0, 0.0, 1 << 1)]
    found = flags(rows, [(1.0, 0, x, 500) for x in (255, 256, 258, 39, 40, 41, 42)], (0.0, 2.0))
    assert found.tolist() == [0, 16, 0, 32, 48, 32, 0]


def test_a_pixel_listed_as_neighbour_gets_both_bits() -> None:
    assert flags([(0, 7, 7, 7, 7, 0.0, 0.0, 1 << 8)], [(1.0, 0, 7, 7), (1.0, 0, 8, 7)], (0.0, 2.0)).tolist() == [48, 0]


def test_events_without_time_get_what_always_holds() -> None:
    rows: list[Row] = [(0, 7, 7, 7, 7, 0.0, 0.0, 1), (0, 9, 9, 9, 9, 1.0, 2.0, 1)]
    found = flags(rows, [(np.nan, 0, 7, 7), (np.nan, 0, 9, 9)], (0.0, 10.0))
    assert found.tolist() == [16, 0]


def test_swapped_limits_and_limits_off_the_chip() -> None:
    found = flags([(0, 1030, 1020, 5, -3, 0.0, 0.0, 1)], [(1.0, 0, 1024, 1), (1.0, 0, 1019, 2)], (0.0, 2.0))
    assert found.tolist() == [48, 32]


def test_bits_are_only_added() -> None:
    status = np.array([1 << 20], np.uint32)
    flag_bad_pixels(block_of([(1.0, 0, 7, 7)]), BadPixelMap.build(table_of([]), 0.0, 1.0), status)
    assert status[0] == 1 << 20


def test_bad_positions() -> None:
    active = np.zeros(10, bool)
    active[[3, 7]] = True
    events = [(0.0, 3, 5, 450), (0.0, 3, 5, 449), (0.0, 7, 0, 500), (0.0, 7, 1025, 500), (0.0, 2, 5, 500)]
    events += [(0.0, -1, 5, 500), (0.0, 12, 5, 500), (0.0, 7, 1024, 576)]
    status = np.zeros(len(events), np.uint32)
    flag_bad_positions(block_of(events), active, (450, 576), status)
    assert status.tolist() == [0, 1, 1, 1, 1, 1, 1, 0]


@pytest.mark.data
def test_754_good_events_lie_beside_the_node_boundaries(data: Path) -> None:
    """Level-2 events of CIAO 2.2 (STATUS 0): columns 255, 258, ... are as full as others, 256, 257, ... are empty."""
    with fits.open(data / "obs/754/secondary/acisf00754_000N004_evt1.fits.gz") as f:
        per_column = np.bincount(f["EVENTS"].data["chipx"], minlength=1025)
    for boundary in (256, 512, 768):
        assert per_column[boundary] == per_column[boundary + 1] == 0
        around = np.r_[per_column[boundary - 9 : boundary - 1], per_column[boundary + 3 : boundary + 11]].mean()
        for beside in (boundary - 1, boundary + 2):
            assert abs(per_column[beside] - around) < 4 * np.sqrt(around)


@pytest.mark.data
def test_14392_good_events_lie_beside_the_node_boundaries(data: Path) -> None:
    """The same for CIAO 4.16."""
    with fits.open(data / "evt/14392_evt2.fits.gz") as f:
        events = f["EVENTS"].data
        assert not np.isin(events["chipx"], (256, 257, 512, 513, 768, 769)).any()
        assert np.isin(events["chipx"], (255, 258, 511, 514, 767, 770)).sum() > 40
