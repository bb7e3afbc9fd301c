"""Gain, drift, sub-pixel positions, random numbers, very-faint test: algebra, and real CIAO 4.16 files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from numpy.typing import NDArray

from ciaopy.acis.event_block import EventBlock
from ciaopy.acis.gain import energies, gain_tables, pi_channels, subtract_drift, time_tables
from ciaopy.acis.pulse_height import split_array
from ciaopy.acis.subpixel import charge_centroids, energy_dependent_shift, random_shift
from ciaopy.acis.very_faint import flag_very_faint
from ciaopy.caldb.products_acis import DetGain, SubPixel, TimeGain
from ciaopy.caldb.products_base import ChipCurves, ChipRegions
from ciaopy.coords import Attitude, FocalPlane
from ciaopy.errors import DataError
from ciaopy.events.random_numbers import PULSE_HEIGHT, SHIFT_X, event_keys, uniform

REAL = ("11843", "14392", "15041", "1561", "16218", "20751", "22937", "242", "26760", "3393")


def make_block(n: int, seed: int = 1, ccd: int | None = None) -> EventBlock:
    rng = np.random.default_rng(n)
    chips = rng.integers(0, 10, n) if ccd is None else np.full(n, ccd)
    ids, x, y = (v.astype(np.int16) for v in (chips, rng.integers(1, 1025, n), rng.integers(1, 1025, n)))
    return EventBlock(rng.uniform(0, 1e5, n), ids, x, y, event_keys(seed, np.arange(n), ids, x, y))


def curves(y: dict[str, NDArray[np.float64]], x: NDArray[np.float64], npoints: list[int]) -> ChipCurves:
    """Two rows: left and right half of the chip."""
    limits = np.array([[1, 512, 1, 1024], [513, 1024, 1, 1024]])
    return ChipCurves(ChipRegions.from_limits(limits), np.array(npoints, np.int32), x, y)


def a_gain() -> DetGain:
    x = np.array([[10.0, 100.0, 1000.0, 0.0], [0.0, 50.0, 500.0, 4000.0]])
    y = np.array([[40.0, 420.0, 4300.0, 0.0], [0.0, 190.0, 2000.0, 16000.0]])
    chip = curves({"energy": y}, x, [3, 4])
    other = ChipCurves(ChipRegions.from_limits(np.array([[1, 1024, 1, 1024]])), np.array([2], np.int32),
                       np.array([[0.0, 100.0]]), {"energy": np.array([[0.0, 500.0]])})  # fmt: skip
    return DetGain(source="test", chips={7: chip, 2: other})


def test_energies_match_the_product_and_extrapolate() -> None:
    block = make_block(3000, ccd=7)
    pha = np.random.default_rng(1).integers(0, 9000, 3000).astype(np.int32)
    gain = a_gain()
    found = energies(block, gain_tables(gain), pha, randomize=False)
    np.testing.assert_allclose(found, np.maximum(gain.energy(7, block.chipx, block.chipy, pha), 0), rtol=1e-6)


def test_energies_of_several_chips_and_of_chips_without_gain() -> None:
    block = make_block(2000)
    found = energies(block, gain_tables(a_gain()), np.full(2000, 50, np.int32), randomize=False)
    assert np.all(found[block.ccd_id == 2] == 250.0)
    assert np.all(np.isnan(found[~np.isin(block.ccd_id, (2, 7))]))
    assert np.all(pi_channels(found)[np.isnan(found)] == 0)


def test_randomised_energies_spread_over_one_adu() -> None:
    block = make_block(40000, ccd=2)
    found = energies(block, gain_tables(a_gain()), np.full(40000, 60, np.int32), randomize=True) / 5.0
    assert 59.5 <= found.min() < 59.501
    assert 60.499 < found.max() <= 60.5
    assert found.std() == pytest.approx(12**-0.5, rel=0.01)


@pytest.mark.data
@pytest.mark.parametrize("obsid", ["15041", "16218", "20751", "26760"])
def test_ciao_4_16_energies_lie_in_the_adu_of_their_pha(data: Path, obsid: str) -> None:
    """CCD 7: the gain at PHA - 0.5 and PHA + 0.5 encloses ENERGY for every event (randomised)."""
    from ciaopy.caldb.load import read_product

    gain = read_product("DET_GAIN", data / "caldb/chandra/acis/gain-bicti-tweak-v1-20150716.fits")
    assert isinstance(gain, DetGain)
    with fits.open(data / f"evt/{obsid}_evt2.fits.gz") as f:
        events = f["EVENTS"].data[f["EVENTS"].data["ccd_id"] == 7]
        low, high = (gain.energy(7, events["chipx"], events["chipy"], events["pha"] + d) for d in (-0.5, 0.5))
        assert len(events) > 200
        assert np.all(events["energy"] >= low * (1 - 1e-6))
        assert np.all(events["energy"] <= high * (1 + 1e-6))


@pytest.mark.data
@pytest.mark.parametrize("obsid", REAL)
def test_ciao_4_16_channels_are_reproduced(data: Path, obsid: str) -> None:
    with fits.open(data / f"evt/{obsid}_evt2.fits.gz") as f:
        events = f["EVENTS"].data
        np.testing.assert_array_equal(pi_channels(events["energy"].astype(np.float32)), events["pi"])


def test_channels_at_their_edges() -> None:
    energy = np.array([0.0, 14.599, 14.601, 14.6 * 1023.5, 1e6, np.inf, np.nan, -5.0], np.float32)
    assert pi_channels(energy).tolist() == [1, 1, 2, 1024, 1024, 1024, 0, 1]
    assert pi_channels(np.array([1000.0], np.float32), 100.0, 256).tolist() == [11]


def test_drift_is_interpolated_in_time_and_pulse_height_and_subtracted() -> None:
    x = np.tile([100.0, 1000.0], (2, 1))
    y = {"shift1": np.tile([-2.0, -20.0], (2, 1)), "shift2": np.tile([-4.0, -40.0], (2, 1))}
    drift = TimeGain(source="test", chips={7: curves(y, x, [2, 2])}, epoch1=0.0, epoch2=100.0)
    block = make_block(5, ccd=7)
    total = np.array([550.0, 50.0, 5000.0, 550.0, 550.0])
    phase = np.array([0.5, 0.0, 1.0, 0.0, np.nan])
    subtract_drift(block, time_tables(drift), phase, total)
    np.testing.assert_allclose(total, [550 + 16.5, 52.0, 5040.0, 561.0, 550.0])


def test_random_numbers_depend_on_the_event_alone() -> None:
    block = make_block(500)
    order = np.random.default_rng(0).permutation(500)
    shuffled = event_keys(1, np.arange(500)[order], block.ccd_id[order], block.chipx[order], block.chipy[order])
    np.testing.assert_array_equal(uniform(block.keys, 1)[order], uniform(shuffled, 1))


def test_random_numbers_are_uniform_and_streams_and_seeds_independent() -> None:
    n = 200000
    block, other = make_block(n), make_block(n, seed=2)
    first, second, third = uniform(block.keys, PULSE_HEIGHT), uniform(block.keys, SHIFT_X), uniform(other.keys, 1)
    counts = np.bincount((first * 100).astype(int), minlength=100)
    chi2 = ((counts - n / 100) ** 2 / (n / 100)).sum()
    assert 60 < chi2 < 150  # 99 degrees of freedom
    assert first.min() >= 0 and first.max() < 1
    for pair in ((first, second), (first, third), (first[1:], first[:-1])):
        assert abs(np.corrcoef(*pair)[0, 1]) < 5 / np.sqrt(n)


def test_neighbouring_pixels_and_frames_have_unrelated_numbers() -> None:
    ones = np.full(1024, 3, np.int16)
    x = np.arange(1, 1025, dtype=np.int16)
    along_x = uniform(event_keys(1, np.full(1024, 5), ones, x, ones), 1)
    along_time = uniform(event_keys(1, np.arange(1024), ones, ones, ones), 1)
    for u in (along_x, along_time):
        assert len(np.unique(u)) == 1024
        assert abs(u.mean() - 0.5) < 0.05
        assert abs(np.corrcoef(u[1:], u[:-1])[0, 1]) < 0.15


def test_events_without_frame_number_are_keyed_by_time() -> None:
    ids = np.full(2, 3, np.int16)
    keys = event_keys(1, np.array([1.0, 1.5]), ids, ids, ids)
    assert keys[0] != keys[1]


@pytest.fixture(scope="module")
def subpixel_table(data: Path) -> SubPixel:
    """The CALDB sub-pixel table, from its re-format by MARX (energies in keV)."""
    table, npoints = np.full(10, -1, np.int32), np.zeros((2, 256), np.int32)
    arrays = np.zeros((3, 2, 256, 34))
    with fits.open(data / "caldb/chandra/acis/acisD1999-07-22subpixN0001_marx.fits") as f:
        for t, ccds in enumerate(((0, 1, 2, 3, 4, 6, 8, 9), (5, 7))):
            table[list(ccds)] = t
            for row in f[t + 1].data:
                grade, n = int(row["fltgrade"]), int(row["npoints"])
                npoints[t, grade] = n
                for array, name, unit in zip(
                    arrays, ("energy", "chipx_offset", "chipy_offset"), (1e3, 1, 1), strict=True
                ):
                    array[t, grade, :n] = np.asarray(row[name][:n], float) * unit
    return SubPixel(source="test", table=table, npoints=npoints, energy=arrays[0], dx=arrays[1], dy=arrays[2])


@pytest.mark.data
@pytest.mark.parametrize("obsid", REAL)
def test_ciao_4_16_det_positions_follow_from_edser(data: Path, obsid: str, subpixel_table: SubPixel) -> None:
    """DETX, DETY of CIAO 4.16 from CHIP, FLTGRADE and ENERGY: within the float32 step of the columns (4.9e-4)."""
    with fits.open(data / f"evt/{obsid}_evt2.fits.gz") as f:
        events, header = f["EVENTS"].data, f["EVENTS"].header
        ids, x, y = (events[n].astype(np.int16) for n in ("ccd_id", "chipx", "chipy"))
        block = EventBlock(np.zeros(len(ids)), ids, x, y, np.zeros(len(ids), np.uint64))
        shift = energy_dependent_shift(
            block, subpixel_table, events["fltgrade"].astype(np.int16), events["energy"].astype(np.float32)
        )
        plane = FocalPlane.from_header(header)
        detx, dety = plane.chip_to_det(ids, x + shift.x, y + shift.y, Attitude.of(0.0, 0.0, 0.0))
        assert np.abs(detx - events["detx"]).max() < 6e-4
        assert np.abs(dety - events["dety"]).max() < 6e-4
        unshifted, _ = plane.chip_to_det(ids, x, y, Attitude.of(0.0, 0.0, 0.0))
        assert np.abs(unshifted - events["detx"]).max() > 0.3


def test_edser_is_zero_for_bad_grades_unknown_energies_and_unknown_chips() -> None:
    from ciaopy.caldb import lite

    table = lite.product("SUBPIX", {"INSTRUME": "ACIS"})
    assert isinstance(table, SubPixel)
    block = make_block(4, ccd=3)
    block.ccd_id[3] = -1
    shift = energy_dependent_shift(
        block, table, np.array([255, 10, 2, 2], np.int16), np.array([1e3, np.nan, 1e3, 1e3], np.float32)
    )
    assert shift.x.tolist()[:2] == [0.0, 0.0]
    assert -0.5 < shift.y[2] < -0.4
    assert shift.y[3] == 0.0
    expected = table.offsets(3, [2], [1e3])[1][0]
    assert shift.y[2] == pytest.approx(expected, abs=1e-12)


def test_centroids() -> None:
    islands = np.array([[0, 0, 0, 0, 100, 0, 0, 0, 0], [0, 0, 0, 0, 100, 100, 0, 0, 0], [0, 50, 0, 0, 100, 12, 0, 0, 0],
                        [0, 0, 0, 0, -5, 0, 0, 0, 0]])  # fmt: skip
    shift = charge_centroids(islands, np.array([0, 16, 2, 0], np.int16))
    np.testing.assert_allclose(shift.x, [0, 0.5, 0, 0])
    np.testing.assert_allclose(shift.y, [0, 0, -1 / 3, 0])


def test_random_shift_fills_the_pixel() -> None:
    shift = random_shift(make_block(50000))
    for v in shift:
        assert v.min() >= -0.5 and v.max() < 0.5
        assert v.std() == pytest.approx(12**-0.5, rel=0.01)
    assert abs(np.corrcoef(*shift)[0, 1]) < 0.02


def test_very_faint_flag() -> None:
    islands = np.zeros((5, 5, 5), np.int16)
    islands[:, 2, 2] = 1000
    islands[1, 0, 4] = 14  # outer pixel above the threshold
    islands[2, 0, 0] = 13  # at the threshold
    islands[3, 4, 2], islands[3, 3, 2] = 20, 300  # trailed charge: 20 - 0.027 * 300 = 11.9
    islands[4, 1, 1] = 900  # inner pixels do not count
    status = np.array([1 << 23, 0, 0, 0, 1], np.uint32)
    flag_very_faint(make_block(5, ccd=7), islands, split_array(None), 0.027, status)
    assert (status >> 23).tolist() == [0, 1, 0, 0, 0]
    assert status[4] == 1
    flag_very_faint(make_block(5, ccd=7), islands, split_array(None), 0.0, status)
    assert (status >> 23).tolist() == [0, 1, 0, 1, 0]


def test_very_faint_test_needs_large_islands() -> None:
    with pytest.raises(DataError, match="needs 5x5 islands"):
        flag_very_faint(make_block(2), np.zeros((2, 9)), split_array(None), 0.0, np.zeros(2, np.uint32))
