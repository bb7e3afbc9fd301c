"""Exposures from stat1 and alignment of good times."""

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.io.fits import Header
from hypothesis import assume, given
from hypothesis import strategies as st

from ciaopy.acis.exposures import Exposures, align, read_exposures, whole_exposures
from ciaopy.datamodel import Gti
from ciaopy.errors import DataError
from ciaopy.fits.blocks import Column, Table

TIMEDEL = 3.24104


def regular(expno, flush=0.0):
    expno = np.array(expno, np.int64)
    return Exposures(expno, 1000.0 + 3.241 * expno, TIMEDEL, flush)


def test_consecutive_exposures_share_an_edge_and_gaps_do_not():
    e = regular([2, 3, 5], flush=0.2)
    start, stop = e.edges()
    assert stop[0] == start[1] == pytest.approx(1000 + 3.241 * 2.5)
    assert stop[1] == pytest.approx(1000 + 3.241 * 3 + TIMEDEL / 2)
    assert start[2] == pytest.approx(1000 + 3.241 * 5 - TIMEDEL / 2 - 0.2)


def test_intervals_grow_to_whole_exposures():
    e = regular(range(2, 12))
    start, stop = align(np.array([1010.0]), np.array([1020.0]), e)
    first, last = e.edges()
    assert start[0] in first and stop[0] in last
    assert start[0] <= 1010.0 < start[0] + TIMEDEL and stop[0] - TIMEDEL < 1020.0 <= stop[0]


def test_alignment_is_idempotent():
    e = regular([2, 3, 4, 7, 8, 9, 20])
    once = align(np.array([1000.0, 1022.0]), np.array([1016.0, 1100.0]), e)
    twice = align(*once, e)
    assert np.array_equal(once[0], twice[0]) and np.array_equal(once[1], twice[1])


def test_an_interval_without_exposures_is_dropped():
    e = regular([2, 3, 50])
    start, stop = align(np.array([1030.0]), np.array([1040.0]), e)
    assert len(start) == len(stop) == 0


def test_a_table_without_timedel_is_an_error():
    header = Header()
    columns = {n: Column(n, np.zeros(1)) for n in ("time", "ccd_id", "expno")}
    with pytest.raises(DataError, match="TIMEDEL"):
        read_exposures(Table("EXPSTATS", columns, header))


@pytest.mark.data
def test_obsid_1230_good_times_are_already_aligned(data: Path):
    """flt1 gaps of ObsID 1230 end at TIME +- TIMEDEL / 2 of the exposures beside them: alignment moves none of them."""
    folder = data / "archive/1230/secondary"
    with fits.open(next(folder.glob("*stat1*"))) as h:
        t, hd = h[1].data, h[1].header
        header = Header()
        header["TIMEDEL"], header["FLSHTIME"] = hd["TIMEDEL"], hd.get("FLSHTIME", 0.0)
        columns = {
            n: Column(n, np.array(t[n]).astype(np.array(t[n]).dtype.newbyteorder("=")))
            for n in ("TIME", "CCD_ID", "EXPNO")
        }
        exposures = read_exposures(Table("EXPSTATS", {k.lower(): c for k, c in columns.items()}, header))
    gaps = 0
    with fits.open(next(folder.glob("*flt1*"))) as h:
        for b in h[2:]:
            g = b.data
            start, stop = align(g["START"].astype(float), g["STOP"].astype(float), exposures[b.header["CCD_ID"]])
            assert len(start) == len(g)
            assert np.abs(stop[:-1] - g["STOP"][:-1]).max(initial=0) < 1e-3
            assert np.abs(start[1:] - g["START"][1:]).max(initial=0) < 1e-3
            gaps += len(g) - 1
    assert gaps == 9


@given(
    st.lists(st.tuples(st.floats(1003, 1060), st.floats(0.0, 30)), min_size=1, max_size=4),
    st.sets(st.integers(2, 18), min_size=1),
    st.booleans(),
)
def test_whole_exposures_keep_exactly_the_exposures_that_the_times_hold(spans, expnos, outward):
    """Against a slow reference: exposures that the times touch (by 1 ms), or whose middle they hold."""
    e = regular(sorted(expnos))
    first, last = e.edges()
    old = Gti([s for s, _ in spans], [s + d for s, d in spans])
    new = Gti(*whole_exposures(old.start, old.stop, e, (np.full(len(old), outward),) * 2))
    for a, b, middle in zip(first, last, e.time, strict=True):
        assume(not any(abs(x - y) < 2e-3 for x in (*old.start, *old.stop) for y in (a, b, middle)))
        touched = any(s < b and t > a for s, t in old)
        whole = not any(a < x < b for x in (*old.start, *old.stop))
        held = old.filter(middle) if not outward or whole else touched
        assert new.filter(middle) == held
        assert new.overlap(a, b) == pytest.approx((b - a) * held, abs=1e-6)
    gaps = Gti([1000.0], [1100.0]) - Gti(first, last)
    assert (new & gaps).duration == pytest.approx((old & gaps).duration, abs=1e-6)
