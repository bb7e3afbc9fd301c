"""dmimgthresh: the forms of cut, the exposure file, integer images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from image_tools_helpers import pixels_of, run, write_image

from ciaopy.analysis.thresholds import parse_cut
from ciaopy.errors import UserError

REAL = np.array([[0.0, 1.0, 2.0, np.nan], [3.0, 50.0, 99.0, 100.0]])


@pytest.mark.parametrize(
    ("cut", "kept"),
    [
        ("2", [2, 3, 50, 99, 100]),
        ("2:50", [2, 3, 50]),
        ("2:", [2, 3, 50, 99, 100]),
        (":50", [0, 1, 2, 3, 50]),
        ("50%", [50, 99, 100]),
        ("1.5%:99%", [2, 3, 50, 99]),
        ("INDEF:3", [0, 1, 2, 3]),
        (" 2.5 : 60 ", [3, 50]),
    ],
)
def test_forms_of_cut(tmp_path: Path, cut: str, kept: list[float]) -> None:
    name = write_image(tmp_path / "i.fits", REAL)
    run("dmimgthresh", name, tmp_path / "o.fits", f"cut={cut}", "value=-7")
    got = pixels_of(tmp_path / "o.fits")
    assert sorted(got[got >= 0].tolist()) == kept
    assert (got == -7).sum() == 7 - len(kept)
    assert np.isnan(got[0, 3])


def test_null_pixels_are_replaced(tmp_path: Path) -> None:
    name = write_image(tmp_path / "i.fits", REAL)
    run("dmimgthresh", name, tmp_path / "o.fits", "cut=INDEF", "value=5")
    assert np.array_equal(pixels_of(tmp_path / "o.fits"), np.nan_to_num(REAL, nan=5))


def test_cut_on_another_image_and_its_own_maximum(tmp_path: Path) -> None:
    counts = write_image(tmp_path / "c.fits", np.full((2, 4), 9, np.int16))
    exposure = write_image(tmp_path / "e.fits", REAL)
    run("dmimgthresh", counts, tmp_path / "o.fits", f"expfile={exposure}", "cut=2.5%", "value=0")
    got = pixels_of(tmp_path / "o.fits")
    assert got.dtype == ">i2"
    assert np.array_equal(got, [[0, 0, 0, 9], [9, 9, 9, 9]])


def test_integer_images_cut_whole_numbers(tmp_path: Path) -> None:
    name = write_image(tmp_path / "i.fits", np.array([[1, 2, 3]], np.int16))
    run("dmimgthresh", name, tmp_path / "o.fits", "cut=2.9", "value=0")
    assert pixels_of(tmp_path / "o.fits").tolist() == [[0, 2, 3]]
    _, said = run("dmimgthresh", name, tmp_path / "o.fits", "cut=2", "value=1.5", "clobber=yes", "verbose=1")
    assert "WARNING: value=1.5 is cut to 1" in said
    with pytest.raises(UserError, match="does not fit"):
        run("dmimgthresh", name, tmp_path / "p.fits", "cut=2", "value=100000")


@pytest.mark.parametrize("cut", ["", ":", "1:2:3", "abc", "1:x", "nan%", "5%%", "inf"])
def test_unreadable_cuts(cut: str) -> None:
    with pytest.raises(UserError, match="cut="):
        parse_cut(cut)


def test_sizes_must_agree(tmp_path: Path) -> None:
    a = write_image(tmp_path / "a.fits", np.zeros((2, 2)))
    b = write_image(tmp_path / "b.fits", np.zeros((2, 3)))
    with pytest.raises(UserError, match="3 x 2 differs from 2 x 2"):
        run("dmimgthresh", a, tmp_path / "o.fits", f"expfile={b}", "cut=1")
