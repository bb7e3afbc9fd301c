"""dmimgcalc: operations, expressions, output types, refusals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from image_tools_helpers import pixels_of, run, write_image

from ciaopy.errors import DataError, OutputExistsError, UserError

A = np.arange(12, dtype=np.int16).reshape(3, 4)
B = np.array([[0, 1, 2, 3]] * 3, dtype=np.int16)


@pytest.fixture
def images(tmp_path: Path) -> dict[str, str]:
    return {
        "a": write_image(tmp_path / "a.fits", A, EXPOSURE=100.0),
        "b": write_image(tmp_path / "b.fits", B, EXPOSURE=50.0),
        "f": write_image(tmp_path / "f.fits", B.astype(np.float32)),
        "small": write_image(tmp_path / "small.fits", A[:2]),
        "out": str(tmp_path / "out.fits"),
    }


@pytest.mark.parametrize(
    ("second", "operation", "want", "dtype"),
    [
        ("b", "add", A + B, ">i2"),
        ("b", "sub", A - B, ">i2"),
        ("b", "mul", A * B, ">i2"),
        ("b", "div", np.divide(A, B, out=np.zeros((3, 4)), where=B != 0), ">f8"),
        ("f", "add", A + B, ">f8"),
    ],
)
def test_two_images(images: dict[str, str], second: str, operation: str, want: object, dtype: str) -> None:
    run("dmimgcalc", images["a"], images[second], images["out"], operation)
    got = pixels_of(Path(images["out"]))
    assert np.array_equal(got, want)
    assert got.dtype == dtype


def test_weights_make_doubles(images: dict[str, str]) -> None:
    run("dmimgcalc", images["a"], images["b"], images["out"], "sub", "weight2=0.5")
    got = pixels_of(Path(images["out"]))
    assert np.array_equal(got, A - 0.5 * B)
    assert got.dtype == ">f8"
    run("dmimgcalc", images["a"], "none", images["out"], "add", "weight=3", "clobber=yes")
    assert np.array_equal(pixels_of(Path(images["out"])), 3.0 * A)


@pytest.mark.parametrize(
    ("operation", "want", "dtype"),
    [
        ("imgout=img1*2+1", A * 2 + 1, ">i2"),
        ("imgout=img1*10000", A.astype(int) * 10000, ">i4"),
        ("imgout=img1+img2*0.5", A + 0.5 * B, ">f8"),
        ("imgout=IMG1>5?img1:-1", np.where(A > 5, A, -1), ">i2"),
        ("imgout=(float)img1/4", A.astype("f4") / 4, ">f4"),
        ("imgout=(long)(sqrt(img1))", np.sqrt(A).astype(int), ">i4"),
        ("imgout=img1/img1_exposure", A / 100.0, ">f8"),
        ("imgout=img1/exposure*img2_EXPOSURE", A / 100.0 * 50.0, ">f8"),
        ("imgout=img1>5&&img2<2", (A > 5) & (B < 2), ">i2"),
        ("imgout=7", np.full((3, 4), 7), ">i2"),
        ("(double)imgout=img1", A, ">f8"),
    ],
)
def test_expressions(images: dict[str, str], operation: str, want: object, dtype: str) -> None:
    run("dmimgcalc", f"{images['a']},{images['b']}", "none", images["out"], f"op={operation}")
    got = pixels_of(Path(images["out"]))
    assert np.array_equal(got, want)
    assert got.dtype == dtype


def test_expression_divides_as_ieee_and_operation_gives_zero(images: dict[str, str]) -> None:
    run("dmimgcalc", f"{images['a']},{images['b']}", "", images["out"], "op=imgout=img1/img2")
    got = pixels_of(Path(images["out"]))
    assert np.isnan(got[0, 0])
    assert np.isinf(got[1, 0])


def test_a_hundred_images_add_up(tmp_path: Path, images: dict[str, str]) -> None:
    (tmp_path / "list").write_text("\n".join([Path(images["a"]).name] * 120))
    terms = "+".join(f"img{i}" for i in range(1, 121))
    run("dmimgcalc", f"@{tmp_path}/list", "", images["out"], f"op=imgout={terms}")
    assert np.array_equal(pixels_of(Path(images["out"])), 120 * A)


def test_header_history_and_block_name(images: dict[str, str]) -> None:
    run("dmimgcalc", images["a"], "none", f"{images['out']}[EXPMAP]", "op=imgout=img1+1")
    header = fits.getheader(images["out"])
    assert header["HDUNAME"] == "EXPMAP"
    assert header["CRVAL1P"] == 2000.5
    assert any("dmimgcalc" in str(card) for card in header["HISTORY"])


def test_comparison_sets_the_exit_status(images: dict[str, str]) -> None:
    run("dmimgcalc", images["a"], images["a"], "none", "tst")
    with pytest.raises(DataError, match="differ in 8 pixels") as caught:
        run("dmimgcalc", images["a"], images["b"], "none", "tst")
    assert caught.value.exit_code == 1


@pytest.mark.parametrize(
    ("second", "operation", "message"),
    [
        ("small", "add", "4 x 2 differs from 4 x 3"),
        ("b", "imgout=img3", "no img3"),
        ("b", "imgout=img1+nosuch", "no such keyword"),
        ("b", "imgout=img1+ctype1", "not a number"),
        ("b", "other=img1", "expected add"),
        ("b", "power", "expected name=expression"),
        ("b", "imgout=img1+", "expected a value"),
        ("b", "imgout=__import__('os')", "unknown function"),
    ],
)
def test_refusals_leave_no_output(images: dict[str, str], second: str, operation: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        run("dmimgcalc", images["a"], images[second], images["out"], f"op={operation}")
    assert not Path(images["out"]).exists()


def test_existing_output_and_tables(tmp_path: Path, images: dict[str, str]) -> None:
    with pytest.raises(OutputExistsError, match="clobber"):
        run("dmimgcalc", images["a"], "none", images["b"], "op=imgout=img1")
    with pytest.raises(UserError, match="overwrite the input"):
        run("dmimgcalc", images["a"], "none", images["a"], "op=imgout=img1", "clobber=yes")


def test_headers_are_merged_by_rules(tmp_path: Path, images: dict[str, str]) -> None:
    a = write_image(tmp_path / "one.fits", A, OBS_ID="1", DETNAM="ACIS-7", BUNIT="count", CCD_ID=7, BLANK=-1)
    b = write_image(tmp_path / "two.fits", B, OBS_ID="2", DETNAM="ACIS-3", BUNIT="count", CCD_ID=3)
    rules = tmp_path / "rules"
    rules.write_text("CCD_ID WarnOmit\nDETNAM Merge-ACIS\nOBS_ID WarnFirst\n")
    operation = "op=imgout=img1+img2"
    _, said = run("dmimgcalc", f"{a},{b}", "", images["out"], operation, f"lookupTab={rules}", "verbose=1")
    header = fits.getheader(images["out"])
    assert (header["DETNAM"], header["BUNIT"], header["OBS_ID"]) == ("ACIS", "count", "1")
    assert "CCD_ID" not in header
    assert "BLANK" not in header
    assert header["CRVAL1P"] == 2000.5
    assert "CCD_ID" in said
    with pytest.raises(DataError, match="nosuch"):
        run("dmimgcalc", f"{a},{b}", "", images["out"], operation, f"lookupTab={tmp_path}/nosuch", "clobber=yes")


def test_null_pixels_stay_null(tmp_path: Path, images: dict[str, str]) -> None:
    data = np.array([[1, -999, 3]], np.int16)
    name = write_image(tmp_path / "null.fits", data, BLANK=-999)
    for operation in ("imgout=img1+1", "add"):
        run("dmimgcalc", name, "none", images["out"], f"op={operation}", "clobber=yes")
        assert np.isnan(pixels_of(Path(images["out"]))).tolist() == [[False, True, False]]
    run("dmimgthresh", name, images["out"], "cut=2", "value=0", "clobber=yes")
    with fits.open(images["out"], do_not_scale_image_data=True) as hdus:
        assert hdus[0].data.tolist() == [[0, -999, 3]]
    run("dmimgthresh", name, images["out"], "cut=INDEF", "value=7", "clobber=yes")
    assert pixels_of(Path(images["out"])).tolist() == [[1, 7, 3]]
    run("dmimgfilt", name, images["out"], "max", "box(0,0,3,1)", "clobber=yes")
    assert pixels_of(Path(images["out"])).tolist() == [[1, 3, 3]]


def test_images_of_different_sky_are_not_combined(tmp_path: Path) -> None:
    a = write_image(tmp_path / "a.fits", np.ones((10, 10), "i2"))
    near = write_image(tmp_path / "b.fits", np.ones((10, 10), "i2"), CRPIX1=20.1)
    far = write_image(tmp_path / "c.fits", np.ones((10, 10), "i2"), CRPIX1=23.0)
    run("dmimgcalc", a, near, tmp_path / "o.fits", "add")
    assert (pixels_of(tmp_path / "o.fits") == 2).all()
    with pytest.raises(DataError, match=r"c.fits: its pixels are up to 3 pixels away on the sky .*reproject_image"):
        run("dmimgcalc", a, far, tmp_path / "p.fits", "add")
