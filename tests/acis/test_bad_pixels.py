"""Bad pixel lists: neighbours, merging, rows; ObsID 1230 row by row."""

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given, settings
from hypothesis import strategies as st

from ciaopy.acis.bad_pixels import (
    BadPixelEntries,
    BadPixelRows,
    BitFlag,
    build,
    empty_entries,
    end_times,
    expand,
    join,
    merge,
    neighbours,
    overlay,
    to_rows,
)
from ciaopy.acis.bias import bias_entries, bias_status
from ciaopy.errors import ParameterError

FIRST = BitFlag.parse("00000000000000120021100020022222")
SECOND = BitFlag.parse("00000000000000122221100020022222")


def entries(*rows):
    x, y, t0, t1, s = zip(*rows, strict=True) if rows else ((),) * 5
    return BadPixelEntries(
        np.array(x, int), np.array(y, int), np.array(t0, float), np.array(t1, float), np.array(s, "u4")
    )


def as_set(e):
    return set(zip(e.x.tolist(), e.y.tolist(), e.time.tolist(), e.time_stop.tolist(), e.status.tolist(), strict=True))


def as_list(rows):
    return list(zip(*(getattr(rows, f).tolist() for f in rows.__dataclass_fields__), strict=True))


def read_rows(hdu):
    d = hdu.data
    bits = np.packbits(d["STATUS"].astype(bool), axis=1).view(">u4").ravel().astype("u4")
    x, y = d["CHIPX"].astype(int), d["CHIPY"].astype(int)
    return BadPixelRows(x[:, 0], x[:, 1], y[:, 0], y[:, 1], d["TIME"].astype(float), d["TIME_STOP"].astype(float), bits)


def test_bitflag_reads_bit_31_first():
    assert FIRST.include & 0b11111 == 0b11111
    assert FIRST.spread >> 16 & 1 == 1 and FIRST.include >> 17 & 1 == 1 and FIRST.spread >> 17 & 1 == 0
    assert FIRST.include >> 14 & 3 == 0 and SECOND.spread >> 14 & 3 == 3


@pytest.mark.parametrize("text", ["", "0" * 31, "3" + "0" * 31, "0" * 33])
def test_bitflag_of_another_form_is_refused(text):
    with pytest.raises(ParameterError, match="32 digits"):
        BitFlag.parse(text)


def test_a_corner_pixel_has_three_neighbours():
    halo = neighbours(entries((1, 1, 5, 9, 1)), np.uint32(1))
    assert as_set(halo) == {(1, 2, 5, 9, 256), (2, 1, 5, 9, 256), (2, 2, 5, 9, 256)}


def test_bits_that_do_not_spread_have_no_neighbours():
    assert len(neighbours(entries((500, 500, 5, 9, 1 << 12)), SECOND.spread)) == 0


def test_merge_joins_overlapping_ranges_and_keeps_disjoint_ones():
    merged = merge(entries((3, 3, 0, 10, 1), (3, 3, 5, 20, 256), (3, 3, 30, 40, 2), (4, 3, 5, 6, 8)))
    assert as_set(merged) == {(3, 3, 0, 20, 257), (3, 3, 30, 40, 2), (4, 3, 5, 6, 8)}


def test_overlay_takes_the_new_range_only_with_a_new_bit():
    base = merge(entries((1, 1, 0, 100, 1), (2, 2, 0, 100, 256)))
    laid = overlay(base, entries((1, 1, 50, 100, 1 << 16), (2, 2, 50, 100, 256), (9, 9, 50, 100, 8)))
    assert as_set(laid) == {(1, 1, 50, 100, 1 | 1 << 16), (2, 2, 0, 100, 256), (9, 9, 50, 100, 8)}


def test_lasting_bits_end_with_the_parameter_block_and_transient_ones_do_not():
    e = end_times(entries((1, 1, 0, 0, 1), (2, 2, 0, 500, 1), (3, 3, 7, 500, 1 << 14)), 100.0)
    assert e.time_stop.tolist() == [100.0, 100.0, 500.0]


boxes = st.tuples(
    st.integers(1, 40), st.integers(1, 40), st.integers(0, 6), st.integers(0, 6), st.integers(0, 2), st.integers(1, 3)
)


@settings(max_examples=60, deadline=None)
@given(st.lists(boxes, max_size=12))
def test_rows_and_pixels_round_trip(rows):
    r = np.array(rows, int).reshape(-1, 6)
    t = r[:, 4].astype(float)
    made = BadPixelRows(r[:, 0], r[:, 0] + r[:, 2], r[:, 1], r[:, 1] + r[:, 3], t, t + 5, r[:, 5].astype("u4"))
    pixels = merge(expand(made))
    assert as_set(expand(to_rows(pixels))) == as_set(pixels)
    back = to_rows(pixels)
    area = ((back.x_hi - back.x_lo + 1) * (back.y_hi - back.y_lo + 1)).sum()
    assert area == len(pixels)


@settings(max_examples=40, deadline=None)
@given(st.lists(boxes, max_size=8))
def test_building_twice_changes_nothing(rows):
    r = np.array(rows, int).reshape(-1, 6)
    zero = np.zeros(len(r))
    made = BadPixelRows(r[:, 0], r[:, 0] + r[:, 2], r[:, 1], r[:, 1] + r[:, 3], zero, zero, r[:, 5].astype("u4"))
    once = build(expand(made), empty_entries(), SECOND, 100.0)
    twice = build(expand(once), empty_entries(), SECOND, 100.0)
    assert as_list(once) == as_list(twice)


def test_bias_rule_uses_the_median_of_the_column():
    bias = np.full((1024, 8), 300)
    bias[:, 3] = np.arange(1024) % 2 + 500
    bias[10, 3], bias[11, 3], bias[12, 3] = 508, 4095, 4094
    bias[13, 4] = 293
    bias[14, 5] = 306
    status = bias_status(bias, 6)
    assert status[10, 3] == 1 << 16 and status[11, 3] == 1 << 3 and status[12, 3] == 1 << 4
    assert status[13, 4] == 1 << 16 and status[14, 5] == 0
    assert np.count_nonzero(status) == 4


@pytest.mark.parametrize("dtype", ["i2", "u2", "i4", "i8"])
@pytest.mark.parametrize(
    "threshold", [6.0, 5.5, 0.1 + 0.2, np.nextafter(6, 0), np.nextafter(6, 7), 0.0, -1.0, np.inf, np.nan]
)
def test_the_bias_rule_is_that_of_the_distance_bit_for_bit(dtype, threshold):
    rng = np.random.default_rng(4)
    bias = rng.normal(300, 4, (101, 40)).round().astype(dtype)
    bias[rng.random(bias.shape) < 0.02] = 4095
    bias[rng.random(bias.shape) < 0.02] = 4094
    bias[:, 7], bias[3, 9], bias[4, 9] = 4095, 0, 4093
    valid = bias < 4094
    expected = np.zeros(bias.shape, "u4")
    expected[bias == 4095], expected[bias == 4094] = 1 << 3, 1 << 4
    for column in range(bias.shape[1]):
        levels = bias[valid[:, column], column].astype(float)
        if len(levels):
            far = np.abs(bias[:, column].astype(float) - np.median(levels)) > threshold
            expected[valid[:, column] & far, column] |= 1 << 16
    assert np.array_equal(bias_status(bias, threshold), expected)


def test_a_column_without_valid_bias_has_no_outliers():
    status = bias_status(np.full((1024, 2), 4095), 6)
    assert (status == 1 << 3).all()


def _obsid_1230(data: Path):
    folder = data / "archive/1230"
    block = fits.getheader(next((folder / "secondary").glob("*pbk0*")), 1)
    bias = {}
    for path in (folder / "secondary").glob("*bias0*"):
        with fits.open(path) as h:
            bias[h[0].header["CCD_ID"]] = h[0].data.copy()
    with fits.open(folder / "repro/acisf01230_repro_bpix1.fits.gz") as h:
        real = {b.header["CCD_ID"]: read_rows(b) for b in h[1:]}
    return block["TSTART"], block["TSTOP"], bias, real


@pytest.mark.data
def test_obsid_1230_is_reproduced_row_by_row(data):
    start, stop, bias, real = _obsid_1230(data)
    assert sorted(real) == [2, 3, 5, 6, 7, 8]
    for ccd, rows in real.items():
        pixels = expand(rows)
        listed = pixels.with_status(pixels.status & np.uint32(0b111 | 0b11 << 11 | 1 << 17))
        began = np.full(len(listed), real[ccd].time.min())
        listed = BadPixelEntries(listed.x, listed.y, began, listed.time_stop, listed.status)
        glow = pixels.with_status(pixels.status & np.uint32(0b11 << 14))
        first = build(listed, bias_entries(bias[ccd], 6, 1, start, stop), FIRST, stop)
        second = build(join(expand(first), glow), empty_entries(), SECOND, stop)
        assert as_list(second) == as_list(rows), ccd


@pytest.mark.data
def test_obsid_1230_archive_has_the_same_pixels_and_bits(data):
    start, stop, bias, _ = _obsid_1230(data)
    with fits.open(data / "archive/1230/primary/acisf01230_000N003_bpix1.fits.gz") as h:
        real = {b.header["CCD_ID"]: read_rows(b) for b in h[1:]}
    for ccd, rows in real.items():
        pixels = expand(rows)
        listed = pixels.with_status(pixels.status & np.uint32(0b111 | 0b11 << 11 | 0b11 << 14))
        made = expand(build(listed, bias_entries(bias[ccd], 6, 1, start, stop), SECOND, stop))
        assert {(x, y, s) for x, y, _, _, s in as_set(made)} == {(x, y, s) for x, y, _, _, s in as_set(pixels)}, ccd
