"""PI from images and from the gain in time; bad areas; status of level-0 events."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from ciaopy.caldb.products_hrc import HrcGainImage, HrcGainTime
from ciaopy.errors import CalibrationError, DataError
from ciaopy.fits.blocks import Column, Table
from ciaopy.hrc.bad_areas import flag_bad_areas, rectangles
from ciaopy.hrc.detector import HRC_I, HRC_S
from ciaopy.hrc.gain import GainRules, scaled_sums
from ciaopy.hrc.pulse_height import TapBlock
from ciaopy.hrc.telemetry import coarse_positions, initial_status, late_events


def block(place: list[list[float]], sums: list[int], scale: list[int]) -> TapBlock:
    where = np.array(place, np.float64)
    raw = np.floor(where + 0.5).astype(np.int32)
    return TapBlock(np.array(scale, np.int16), np.array(sums, np.int32), raw, np.zeros_like(where), where)


def image(norm: float | None = 148.0) -> HrcGainImage:
    gain = np.ones((128, 128))
    gain[0, 1] = 2.0
    return HrcGainImage(source="made", gain=gain, cell_x=128.0, cell_y=128.0, norm=norm)


def test_image_gain_takes_the_block_of_the_unrounded_position():
    # 127.9 rounds to 128, the first pixel of block 1, but lies in block 0
    taps = block([[127.9, 128.0, 128.0, 16383.9], [0.0] * 4], [1480, 1480, 24570, 148], [1, 1, 3, 2])
    status = np.array([1 << 7] * 4, np.uint32)
    pi = GainRules.of_image(image(), HRC_I).channels(taps, np.zeros(4, np.int16), status)
    assert_array_equal(pi, [10, 20, 1023, 2])
    assert_array_equal(status >> np.uint32(7), [0, 0, 1, 0])
    assert_allclose(scaled_sums(taps.sums, taps.scale), [10, 10, 24570 * 4 / 148, 2])


def test_image_gain_without_norm_scales_pha():
    taps = block([[0.0, 200.0], [0.0, 0.0]], [0, 0], [1, 1])
    status = np.zeros(2, np.uint32)
    pi = GainRules.of_image(image(None), HRC_I).channels(taps, np.array([99, 200], np.int16), status)
    assert_array_equal(pi, [99, 255])
    assert_array_equal(status >> np.uint32(7), [0, 1])


def test_image_of_the_other_detector_is_refused():
    with pytest.raises(CalibrationError, match="a gain of 16384 x 16384 raw pixels; the events are of the HRC-S"):
        GainRules.of_image(image(), HRC_S)


def test_gain_in_time_is_linear_between_epochs_and_held_beyond():
    gain = HrcGainTime(
        source="made",
        gain=np.stack([np.full((3, 2), 1.0), np.array([[10.0, 20.0], [30.0, 40.0], [50.0, 60.0]])]),
        drift=np.array([[1.0, 2.0, 0.0], [3.0, 4.0, 0.0]]),
        rawx=np.array([0.0, 2048.0]),
        rawy=np.array([0.0, 16384.0, 32768.0]),
        mjd=np.array([52000.0, 54000.0]),
    )
    taps = block([[100, 2048, 4095, 10], [5, 16383, 20000, 40000]], [128, 128, 256, 128], [1, 1, 2, 1])

    def channels(mjd: float) -> np.ndarray:
        return GainRules.of_time(gain, mjd).channels(taps, np.zeros(4, np.int16), np.zeros(4, np.uint32))

    # PI = 1 + G1 / T * SUMAMPS 2^(AMP_SF - 8); T = 2, 2, 3 in the middle, and a T of 0 leaves the offset
    assert_array_equal(channels(53000.0), [1 + 5, 1 + 10, np.floor(1 + 40 / 3 * 4 + 0.5), 1])
    assert_array_equal(channels(40000.0)[:2], [11, 21])
    assert_array_equal(channels(60000.0)[:2], [4, 8])


def bpix(**columns: np.ndarray) -> Table:
    from astropy.io.fits import Header

    return Table("BADPIX", {n: Column(n, np.ascontiguousarray(d)) for n, d in columns.items()}, Header())


def test_areas_are_inclusive_rectangles_of_their_chip():
    table = bpix(
        chip_id=np.array([1, 2], np.int16),
        shape=np.array([b"RECTANGLE", b"point    "]),
        chipx=np.array([[10, 20], [7, 0]], np.int16),
        chipy=np.array([[30, 40], [8, 0]], np.int16),
    )
    boxes = rectangles(table, "b.fits", HRC_S)
    assert_array_equal(boxes, [[1, 10, 20, 30, 40], [2, 7, 7, 8, 8]])
    chip = np.array([[10, 20, 21, 10, 7, 7], [30, 40, 40, 30, 8, 9]], np.float64)
    status = np.full(6, 1 << 15 | 1, np.uint32)
    flag_bad_areas(boxes, np.array([1, 1, 1, 2, 2, 2], np.int16), chip, status)
    assert_array_equal(status >> np.uint32(15), [1, 1, 0, 0, 1, 0])
    assert_array_equal(status & np.uint32(1), 1)


def test_areas_that_are_not_understood():
    x = np.ones((1, 2), np.int16)
    with pytest.raises(DataError, match="b: bad pixels on chip 3, which the HRC-I does not have"):
        rectangles(bpix(chip_id=np.array([3], np.int16), chipx=x, chipy=x), "b", HRC_I)
    with pytest.raises(DataError, match="shape circle"):
        rectangles(bpix(shape=np.array([b"CIRCLE"]), chipx=x, chipy=x), "b", HRC_I)
    with pytest.raises(DataError, match="no column CHIPY"):
        rectangles(bpix(chipx=x), "b", HRC_I)
    with pytest.raises(DataError, match="no column CHIP_ID"):
        rectangles(bpix(chipx=x, chipy=x), "b", HRC_S)


def test_level_0_flags():
    # lowest veto bit (LLD) inverted into bit 16, the others as they are; triggers inverted into bits 24, 25
    columns = {"vetostt": np.array([0b00000001, 0b10000010], np.uint8), "e_trig": np.array([0b11, 0b10], np.uint8)}
    assert_array_equal(initial_status(columns, "x"), [0, 1 << 23 | 1 << 17 | 1 << 16 | 1 << 24])
    with pytest.raises(DataError, match="x: no column STATUS, and not VETOSTT with E_TRIG"):
        initial_status({"vetostt": columns["vetostt"]}, "x")
    with pytest.raises(DataError, match="not a column of 32 bits"):
        initial_status({"status": np.zeros((2, 5), np.uint8)}, "x")


def test_coarse_positions_and_order_of_time():
    columns = {"crsu": np.array([0, 63, 64, -1]), "crsv": np.array([64, 127, 5, 5])}
    crsu, crsv, outside = coarse_positions(columns, HRC_I)
    assert_array_equal(crsv, [0, 63, 5, 5])
    assert_array_equal(outside, [False, False, True, True])
    assert_array_equal(coarse_positions(columns, HRC_S)[2], [False, True, True, True])
    assert crsu.dtype == crsv.dtype == np.int16
    assert_array_equal(late_events(np.array([1.0, 3.0, 2.0, 2.0, np.nan, 1.0])), [0, 0, 1, 0, 0, 0])
    assert len(late_events(np.zeros(0))) == 0
