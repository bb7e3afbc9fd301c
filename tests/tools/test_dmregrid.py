"""dmregrid: conservation, whole-pixel cases, rotation, coordinates of the output."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from hypothesis import given, settings
from hypothesis import strategies as st
from image_tools_helpers import pixels_of, run, write_image

from ciaopy.analysis.regridding import Motion, parse_bins, regrid
from ciaopy.errors import UserError

RNG = np.random.default_rng(2)
IMAGE = RNG.poisson(4, (30, 40)).astype(np.int16)
STILL = ("0", "0", "0", "0", "0", "0")


@settings(deadline=None, max_examples=40)
@given(
    st.floats(-360, 360),
    st.floats(-5, 5),
    st.floats(-5, 5),
    st.sampled_from(["-39:80:1,-39:80:1", "-39:80:2.5,-39:80:7", "-39:80:#33,-39:80:#50"]),
)
def test_counts_are_conserved(angle: float, dx: float, dy: float, bins: str) -> None:
    moved = regrid(IMAGE, parse_bins(bins, True), Motion(angle, (20.0, 15.0), (dx, dy)))
    assert moved.sum() == pytest.approx(IMAGE.sum(), rel=1e-9)
    assert moved.min() >= 0


def test_rebinning_by_whole_pixels(tmp_path: Path) -> None:
    name = write_image(tmp_path / "i.fits", IMAGE)
    run("dmregrid", name, tmp_path / "o.fits", "1:40:2,1:30:3", *STILL)
    got = pixels_of(tmp_path / "o.fits")
    assert np.array_equal(got, IMAGE.reshape(10, 3, 20, 2).sum(axis=(1, 3)))
    assert got.dtype == ">i4"


def test_a_window_and_a_shift(tmp_path: Path) -> None:
    name = write_image(tmp_path / "i.fits", IMAGE)
    run("dmregrid", name, tmp_path / "o.fits", "11:20:1,6:12:1", *STILL)
    assert np.array_equal(pixels_of(tmp_path / "o.fits"), IMAGE[5:12, 10:20])
    run("dmregrid", name, tmp_path / "o.fits", "11:20:1,6:12:1", "0", "0", "0", "3", "-2", "0", "clobber=yes")
    assert np.array_equal(pixels_of(tmp_path / "o.fits"), IMAGE[7:14, 7:17])


@pytest.mark.parametrize("npts", [0, 3])
def test_a_quarter_turn_is_counter_clockwise(npts: int) -> None:
    image = np.zeros((5, 5))
    image[2, 4] = 7.0
    turned = regrid(image, parse_bins("1:5:1,1:5:1", True), Motion(90.0, (3.0, 3.0)), npts)
    assert np.allclose(turned, np.rot90(image, -1))
    assert turned[4, 2] == pytest.approx(7.0)


def test_sampling_approaches_the_exact_areas() -> None:
    bins, motion = parse_bins("1:40:1,1:30:1", True), Motion(17.0, (20.0, 15.0), (0.3, 0.4))
    exact = regrid(IMAGE, bins, motion)
    errors = [np.abs(regrid(IMAGE, bins, motion, n) - exact).max() for n in (2, 20)]
    assert errors[1] < 0.15 * errors[0]


def test_a_stack_is_added_with_its_own_shifts(tmp_path: Path) -> None:
    a, b = (write_image(tmp_path / f"{n}.fits", IMAGE) for n in "ab")
    run("dmregrid", f"{a},{b}", tmp_path / "o.fits", "11:20:1,6:12:1", "0", "0", "0", "0,3", "0,-2", "0")
    assert np.array_equal(pixels_of(tmp_path / "o.fits"), IMAGE[5:12, 10:20] + IMAGE[7:14, 7:17])


@pytest.mark.parametrize("angle", [0.0, 30.0])
def test_sky_positions_move_with_the_pixels(tmp_path: Path, angle: float) -> None:
    name = write_image(tmp_path / "i.fits", IMAGE)
    run("dmregrid", name, tmp_path / "o.fits", "3:40:2,5:30:2", str(angle), "12", "9", "1.5", "2.5", "0")
    old, new = WCS(fits.getheader(name)), WCS(fits.getheader(tmp_path / "o.fits"))
    x, y = 14.0, 21.0
    c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    u = 12 + c * (x - 12) - s * (y - 9) + 1.5
    v = 9 + s * (x - 12) + c * (y - 9) + 2.5
    want = old.celestial.all_pix2world([[x, y]], 1)
    got = new.celestial.all_pix2world([[(u - 2.5) / 2 + 0.5, (v - 4.5) / 2 + 0.5]], 1)
    assert np.allclose(got, want, atol=1e-10)


def test_physical_coordinates(tmp_path: Path) -> None:
    name = write_image(tmp_path / "i.fits", IMAGE)
    run("dmregrid", name, tmp_path / "o.fits", "2080.5:2160.5:16,3040.5:3120.5:8", *STILL, "coord_sys=physical")
    assert np.array_equal(pixels_of(tmp_path / "o.fits"), IMAGE[5:15, 10:20].reshape(10, 5, 2).sum(2))
    par, _ = run("get_sky_limits", tmp_path / "o.fits")
    assert par["xygrid"] == "2080.5:2160.5:#5,3040.5:3120.5:#10"


@pytest.mark.parametrize(
    ("bins", "angle", "message"),
    [
        ("1:40", "0", "expected x0:x1:step"),
        ("1:40:0,1:30:1", "0", "empty range"),
        ("40:1:1,1:30:1", "0", "empty range"),
        ("1:40:x,1:30:1", "0", "is not lo:hi"),
        ("1:40:#2.5,1:30:1", "0", "not whole"),
        ("1:1e6:1,1:1e6:1", "0", "too many"),
        ("1:40:1,1:30:1", "abc", "rotangle"),
        ("1:40:1,1:30:1", "1,2", "2 values for 1 images"),
    ],
)
def test_refusals(tmp_path: Path, bins: str, angle: str, message: str) -> None:
    name = write_image(tmp_path / "i.fits", IMAGE)
    with pytest.raises(UserError, match=message):
        run("dmregrid", name, tmp_path / "o.fits", bins, angle, *STILL[1:])
    assert not (tmp_path / "o.fits").exists()
