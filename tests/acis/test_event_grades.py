"""Flight grades, grades and summed pulse heights: rules, and real archived values."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from numpy.typing import NDArray

from ciaopy.acis.event_block import EventBlock
from ciaopy.acis.gain import round_pulse_heights
from ciaopy.acis.grades import ASCA_GRADES, NEIGHBOUR_BITS, SUM_MASK, inner_island, island_size
from ciaopy.acis.pulse_height import grade_islands, split_array
from ciaopy.errors import DataError

# Lists of the ASCA grades as published (grade 7: all others).
PUBLISHED = {
    0: [0],
    1: [1, 4, 5, 32, 33, 36, 37, 128, 129, 132, 133, 160, 161, 164, 165],
    2: [2, 34, 64, 65, 68, 69, 130, 162],
    3: [8, 12, 136, 140],
    4: [16, 17, 48, 49],
    5: [
        *(3, 6, 9, 13, 20, 21, 35, 38, 40, 44, 52, 53, 96, 97, 100, 101, 131, 134, 137, 141, 144, 145, 163, 166, 168),
        *(172, 176, 177, 192, 193, 196, 197),
    ],
    6: [10, 11, 18, 22, 50, 54, 72, 76, 80, 81, 104, 108, 138, 139, 208, 209],
}
REAL = ("11843", "15041", "1561", "16218", "20751", "22937", "242", "26760", "3393")


def block_of(ccd: NDArray[np.generic], chipx: NDArray[np.generic], chipy: NDArray[np.generic]) -> EventBlock:
    n = len(ccd)
    return EventBlock(
        np.zeros(n), ccd.astype(np.int16), chipx.astype(np.int16), chipy.astype(np.int16), np.zeros(n, np.uint64)
    )


def one(island: list[int]) -> tuple[int, float, int]:
    """Flight grade, sum and status of one island."""
    block = block_of(np.array([7]), np.array([500]), np.array([500]))
    status = np.zeros(1, np.uint32)
    out = grade_islands(block, np.array([island], np.int16), split_array(None), status)
    return int(out.fltgrade[0]), float(out.total[0]), int(status[0])


def test_grades_are_the_published_lists() -> None:
    expected = np.full(256, 7)
    for grade, flight in PUBLISHED.items():
        expected[flight] = grade
    np.testing.assert_array_equal(ASCA_GRADES, expected)
    assert np.bincount(ASCA_GRADES).tolist() == [1, 15, 8, 4, 4, 32, 16, 176]


def test_each_neighbour_has_its_bit() -> None:
    for k, bit in enumerate(NEIGHBOUR_BITS):
        if k != 4:
            island = [0] * 9
            island[4], island[k] = 100, 13
            assert one(island)[0] == bit


def test_threshold_is_inclusive() -> None:
    assert one([0, 12, 0, 0, 100, 0, 0, 0, 0])[:2] == (0, 100.0)
    assert one([0, 13, 0, 0, 100, 0, 0, 0, 0])[:2] == (2, 113.0)


def test_corner_counts_only_between_two_edges_of_a_grade_six() -> None:
    assert one([40, 30, 0, 20, 100, 0, 0, 0, 0])[1] == 190.0  # fltgrade 11, grade 6
    assert one([40, 30, 0, 0, 100, 0, 0, 0, 0])[1] == 130.0  # one edge: grade 5, corner out
    assert one([40, 30, 0, 20, 100, 0, 0, 25, 0])[1] == 175.0  # three edges: grade 7, corner out (ObsID 15041)
    assert one([40, 30, 0, 20, 100, 0, 0, 0, 50])[1] == 190.0  # opposite corner never counts


def test_sum_mask_has_edges_for_every_flight_grade() -> None:
    for flight in range(256):
        edges = {k for k, bit in enumerate(NEIGHBOUR_BITS) if bit in (2, 8, 16, 64) and flight & bit}
        counted = {k for k in range(9) if SUM_MASK[flight] >> k & 1}
        corners = counted - edges
        assert edges <= counted
        assert not corners or (ASCA_GRADES[flight] == 6 and len(corners) == 1)


def test_status_bits_of_islands() -> None:
    assert one([0, 0, 0, 0, 100, 0, 0, 0, 0])[2] == 0
    assert one([0, 101, 0, 0, 100, 0, 0, 0, 0])[2] == 1 << 1
    assert one([0, 100, 0, 0, 100, 0, 0, 0, 0])[2] == 0  # as high as the centre is allowed
    assert one([0] * 4 + [12] + [0] * 4)[2] == (1 << 1) | (1 << 3)
    assert one([0] * 4 + [4096] + [0] * 4)[2] == 1 << 2
    assert one([4095] * 9)[2] == 0  # edges only: sum 20475
    big = block_of(np.array([7]), np.array([5]), np.array([5]))
    status = np.zeros(1, np.uint32)
    grade_islands(big, np.full((1, 9), 8000, np.int32), split_array(None), status)
    assert status[0] == (1 << 2) | (1 << 3)


def test_split_threshold_is_that_of_chip_and_node() -> None:
    adu = np.full((10, 4), np.nan)
    adu[3, 1] = 50.0
    block = block_of(np.array([3, 3]), np.array([256, 257]), np.array([9, 9]))
    out = grade_islands(block, np.array([[0, 40, 0, 0, 90, 0, 0, 0, 0]] * 2), split_array(adu))
    assert out.fltgrade.tolist() == [2, 0]


def test_islands_of_five_by_five_use_their_inner_part() -> None:
    outer = np.full((1, 5, 5), 500)
    outer[0, 1:4, 1:4] = np.array([[1, 20, 2], [3, 90, 4], [5, 6, 7]])
    out = grade_islands(block_of(np.array([1]), np.array([9]), np.array([9])), outer, split_array(None))
    assert (out.fltgrade[0], out.total[0]) == (2, 110.0)
    assert inner_island(5).tolist() == [6, 7, 8, 11, 12, 13, 16, 17, 18]


def test_islands_of_another_size_are_refused() -> None:
    with pytest.raises(DataError, match="holds 4 values per event"):
        island_size(np.zeros((3, 2, 2)))


def test_rounding_of_sums() -> None:
    assert round_pulse_heights(np.array([1.49, 1.5, -3.0, 40000.0])).tolist() == [1, 2, 0, 36855]


def test_no_events() -> None:
    out = grade_islands(block_of(*(np.zeros(0),) * 3), np.zeros((0, 3, 3), np.int16), split_array(None))
    assert out.fltgrade.shape == (0,)


def test_matches_a_slow_reference() -> None:
    rng = np.random.default_rng(3)
    islands = rng.integers(-20, 60, (4000, 9))
    out = grade_islands(block_of(*(np.full(4000, 5),) * 3), islands, split_array(None))
    for island, fltgrade, total in zip(islands, out.fltgrade, out.total, strict=True):
        flight = sum(b for b, q in zip(NEIGHBOUR_BITS, island, strict=True) if q >= 13)
        summed = island[4] + sum(island[k] for k in range(9) if SUM_MASK[flight] >> k & 1)
        assert (flight, summed) == (fltgrade, total)


@pytest.mark.data
def test_754_flight_grades_grades_and_sums_are_reproduced(data: Path) -> None:
    with fits.open(data / "obs/754/secondary/acisf00754_000N004_evt1.fits.gz") as f:
        events = f["EVENTS"].data
        block = block_of(events["ccd_id"], events["chipx"], events["chipy"])
        status = np.zeros(len(block), np.uint32)
        out = grade_islands(block, events["phas"].astype(np.int16), split_array(None), status)
        assert len(block) == 258419
        np.testing.assert_array_equal(out.fltgrade, events["fltgrade"])
        np.testing.assert_array_equal(ASCA_GRADES[out.fltgrade], events["grade"])
        np.testing.assert_array_equal(round_pulse_heights(out.total), events["pha"])
        assert not status.any()


@pytest.mark.data
@pytest.mark.parametrize("obsid", REAL)
def test_ciao_4_16_read_out_pulse_height_is_the_raw_sum(data: Path, obsid: str) -> None:
    """PHA_RO = sum over PHAS as read out, also where FLTGRADE and PHA were adjusted for CTI."""
    with fits.open(data / f"evt/{obsid}_evt2.fits.gz") as f:
        events = f["EVENTS"].data
        block = block_of(events["ccd_id"], events["chipx"], events["chipy"])
        out = grade_islands(block, events["phas"].astype(np.int16), split_array(None))
        np.testing.assert_array_equal(round_pulse_heights(out.total), events["pha_ro"])
        np.testing.assert_array_equal(ASCA_GRADES[events["fltgrade"]], events["grade"])
        if obsid == "242":  # CTI_CORR = F
            np.testing.assert_array_equal(out.fltgrade, events["fltgrade"])
