"""Chip positions from taps, plates of the HRC-S, the sub-pixel part of archived positions."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from ciaopy.caldb.products_hrc import Degap
from ciaopy.coords import FocalPlane
from ciaopy.errors import DataError
from ciaopy.hrc.detector import HRC_I, HRC_S, HrcDetector
from ciaopy.hrc.positions import ChipRules, belongs, chip_of_taps, subpixel_parts, whole

NONE = ((1.0, 0.0), (1.0, 0.0))


def short(*values: int) -> np.ndarray:
    return np.array(values, np.int16)


def test_chip_follows_raw_on_the_hrc_i():
    crs = short(0, 31, 63)
    fine = np.array([[-0.5, 0.0, 0.4], [0.1, 0.2, 0.3]])
    place = ChipRules.of_coefficients(HRC_I, *NONE)((crs, crs), fine, short(0, 0, 0))
    assert_allclose(place, 256.0 * (crs + fine + 0.5) + 1.0)
    assert_array_equal(whole(np.array([0.5, 1.49, 2.5])), [1, 1, 3])


def test_plates_of_the_hrc_s_by_coarse_tap():
    edges = short(0, 64, 65, 127, 128, 191)
    assert_array_equal(chip_of_taps(HRC_S, edges), [1, 1, 2, 2, 3, 3])
    assert_array_equal(chip_of_taps(HRC_I, edges[:4]), 0)


def test_the_edges_of_every_plate_fall_on_its_chip_and_join_in_tdet():
    crsv = short(0, 64, 65, 127, 128, 191)
    chip = chip_of_taps(HRC_S, crsv)
    fine = np.zeros((2, 6))
    place = ChipRules.of_coefficients(HRC_S, *NONE)((short(*[8] * 6), crsv), fine, chip)
    # raw y 128, 16512, 16768, 32640, 32896, 49024, shifted by the offset of the plate
    assert_allclose(place[1], [140.5, 16524.5, 308.5, 16180.5, -33.5, 16094.5])
    assert_allclose(place[0], 256 * 8.5 + 1)
    plane = FocalPlane.of("HRC-S")
    _, tdety = plane.chip_to_tdet(chip, place[0], place[1])
    # TDET counts raw pixels along the three plates, shifted by half a pixel of rounding and the gaps between them
    assert_allclose(tdety - 256.0 * (crsv + 0.5), [0.5, 0.5, -15.5, -15.5, -29.5, -29.5])


def test_degap_coefficients_bend_the_fine_position_of_one_tap():
    table = np.tile(np.array([1.0, 0.0, 1.0, 0.0]), (4, 3, 1))
    table[2, 1] = (1.1, 0.2, 0.9, -0.1)
    degap = Degap(source="made", axis={"U": table, "V": table})
    fine = np.array([[-0.4, 0.4, 0.4, 0.4], [-0.4, 0.4, 0.4, 0.4]])
    crs = short(1, 1, 1, 2)
    chip = short(2, 2, 1, 2)
    place = ChipRules.of_degap(HRC_S, degap)((crs, crs), fine, chip)
    bent = np.array([-0.44 - 0.2 * 0.16, 0.36 - 0.1 * 0.16, 0.4, 0.4])
    assert_allclose(place[0], 256.0 * (crs + bent + 0.5) + 1.0)
    assert_allclose(degap.fine("U", crs[:2], fine[0, :2], 2), bent[:2])


def test_recovered_parts():
    chip = np.array([[10.0, 20.0, 30.0, 40.0], [10.0, 20.0, 30.0, 40.0]])
    parts = np.array([[0.3, -0.2, 1.2, np.nan], [0.1, 0.5, 0.0, np.nan]])
    assert_allclose(subpixel_parts(chip + parts, chip), [[0.3, -0.2, 0, 0], [0.1, 0.5, 0, 0]])


def test_positions_belong_to_an_aspect_solution_or_not():
    rng = np.random.default_rng(1)
    chip = np.rint(rng.uniform(1, 16000, (2, 5000)))
    true = chip + rng.uniform(-0.5, 0.5, chip.shape)
    assert belongs(true, chip)
    assert not belongs(true + 0.08, chip)
    assert not belongs(chip + rng.uniform(-0.5, 0.5, chip.shape) + rng.uniform(-0.5, 0.5, chip.shape), chip)
    assert not belongs(np.full_like(chip, np.nan), chip)


def test_detectors_and_their_defaults():
    assert HrcDetector.of_header({"INSTRUME": "HRC", "DETNAM": "HRC-SI"}, "x") is HRC_S
    with pytest.raises(DataError, match=r"x: INSTRUME is ACIS, not HRC"):
        HrcDetector.of_header({"INSTRUME": "ACIS", "DETNAM": "ACIS-7"}, "x")
    with pytest.raises(DataError, match="DETNAM is missing"):
        HrcDetector.of_header({"INSTRUME": "HRC"}, "x")
    old, mid, new = ({"DATE-OBS": d} for d in ("1999-12-05T23:59:59", "2000-10-04", "2000-10-05"))
    assert [HRC_S.range_switch_level(h) for h in (old, mid, new, {"RANGELEV": 126})] == [90, 125, 125, 126]
    assert [HRC_I.width_threshold(h) for h in (old, mid, new, {"WIDTHRES": 3})] == [3, 3, 2, 3]
    assert HRC_I.range_switch_level(new) == 115
    assert {len(d.status_mask) for d in (HRC_I, HRC_S)} == {32}
