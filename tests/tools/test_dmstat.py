"""dmstat: columns, arrays, nulls, images, centroids, clipping, results in the parameter file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from datamodel_helpers import columns, write_events
from hypothesis import given, settings
from hypothesis import strategies as st
from image_tools_helpers import run, write_image, write_table

from ciaopy.analysis.statistics import Clipping, image_centroid, statistics
from ciaopy.errors import UserError

RNG = np.random.default_rng(7)


def test_columns_are_joined_by_commas(tmp_path: Path) -> None:
    x = np.array([3.0, 1.0, np.nan, 1.0, 9.0])
    n = np.array([5, -99, 2, 8, 8], np.int16)
    columns = [
        fits.Column("x", "D", unit="pixel", array=x),
        fits.Column("n", "I", null=-99, array=n),
        fits.Column("name", "3A", array=["a"] * 5),
        fits.Column("pair", "2E", array=np.arange(10.0).reshape(5, 2)),
    ]
    name = write_table(tmp_path / "t.fits", columns)
    par, said = run("dmstat", name, "median=yes")
    assert par["out_columns"] == "x,n,pair[1],pair[2]"
    assert par["out_min"] == "1,2,0,1"
    assert par["out_min_loc"] == "2,3,1,1"
    assert par["out_max"] == "9,8,8,9"
    assert par["out_max_loc"] == "5,4,5,5"
    assert par["out_good"] == "4,4,5,5"
    assert par["out_null"] == "1,1,0,0"
    assert par["out_sum"] == "14,23,20,25"
    assert par["out_mean"] == "3.5,5.75,4,5"
    # the lower of two middle values
    assert par["out_median"] == "1,5,4,5"
    assert [float(v) for v in par["out_sigma"].split(",")][:2] == pytest.approx([np.nanstd(x), np.std([5, 2, 8, 8])])
    assert "x[pixel]" in said
    assert "mean:\t3.5" in said


def test_silence_and_empty_tables(tmp_path: Path) -> None:
    name = write_table(tmp_path / "t.fits", [fits.Column("x", "D", array=np.empty(0))])
    par, said = run("dmstat", name, "verbose=0")
    assert said == ""
    assert (par["out_good"], par["out_null"], par["out_mean"]) == ("0", "0", "")
    text = write_table(tmp_path / "s.fits", [fits.Column("s", "3A", array=["a"])])
    with pytest.raises(UserError, match="no column of numbers"):
        run("dmstat", text)


def test_an_image_with_its_centroid(tmp_path: Path) -> None:
    data = np.zeros((30, 40), np.int32)
    data[9, 19], data[9, 21], data[11, 20] = 10, 10, 20
    par, said = run("dmstat", write_image(tmp_path / "i.fits", data))
    assert par["out_cntrd_log"] == "21,11"
    # 1-based pixel 21 of size 8 from the edge 2000.5
    assert par["out_cntrd_phys"] == f"{2000.5 + 8 * 20.5:g},{3000.5 + 8 * 10.5:g}"
    assert par["out_max"] == "20"
    assert par["out_max_loc"] == "2164.5,3092.5"
    assert "cntrd[log]:\t( 21 11 )" in said
    par, said = run("dmstat", write_image(tmp_path / "j.fits", data), "centroid=no")
    assert par["out_cntrd_log"] == ""
    assert "cntrd" not in said


def test_pixels_outside_a_region_are_null(tmp_path: Path) -> None:
    name = write_image(tmp_path / "i.fits", np.full((30, 40), 5, np.int16))
    par, _ = run("dmstat", f"{name}[sky=circle(2164.5,3084.5,40)]")
    x, y = np.meshgrid(2000.5 + 8 * (np.arange(40) + 0.5), 3000.5 + 8 * (np.arange(30) + 0.5))
    inside = np.hypot(x - 2164.5, y - 3084.5) <= 40
    assert int(par["out_good"]) == inside.sum()
    assert float(par["out_mean"]) == 5
    assert float(par["out_sum"]) == 5 * inside.sum()


def test_clipping_drops_an_outlier(tmp_path: Path) -> None:
    values = np.append(RNG.normal(10, 1, 500), 1e4)
    name = write_table(tmp_path / "t.fits", [fits.Column("x", "D", array=values)])
    par, _ = run("dmstat", name, "clip=yes", "nsigma=5")
    assert float(par["out_max"]) < 20
    assert (par["out_good"], par["out_null"], par["out_cnvrgd"]) == ("500", "0", "1")
    with pytest.raises(UserError, match="nsigma"):
        run("dmstat", name, "clip=yes", "nsigma=0")


def test_clipping_says_if_it_did_not_converge() -> None:
    values = np.array([0.0] * 50 + [10.0] + [1000.0])
    assert not statistics(values, clipping=Clipping(3.0, 1)).converged
    assert statistics(values, clipping=Clipping(3.0, 20)).converged


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(-1000, 1000), min_size=1, max_size=50))
def test_statistics_agree_with_numpy(values: list[int]) -> None:
    array = np.array(values, np.int16)
    got = statistics(array)
    assert (got.minimum, got.maximum, got.total) == (array.min(), array.max(), array.sum(dtype=int))
    assert (got.mean, got.sigma) == pytest.approx((array.mean(), array.std()))
    assert got.median == np.percentile(array, 50, method="lower")
    assert array[got.minimum_at] == got.minimum
    assert (array[: got.maximum_at] < got.maximum).all()


def test_a_blank_image_has_no_centroid() -> None:
    image = np.zeros((3, 3))
    centre, _ = image_centroid(image, np.ones(9, bool))
    assert np.isnan(centre).all()


@pytest.mark.data
def test_energy_of_754_against_astropy(data: Path) -> None:
    path = data / "obs/754/secondary/acisf00754_000N004_evt1.fits.gz"
    par, _ = run("dmstat", f"{path}[cols energy]", "median=yes")
    energy = fits.getdata(path, "EVENTS")["energy"].astype(float)
    assert float(par["out_mean"]) == pytest.approx(energy.mean(), rel=1e-10)
    assert float(par["out_sigma"]) == pytest.approx(energy.std(), rel=1e-10)
    assert float(par["out_median"]) == pytest.approx(np.percentile(energy, 50, method="lower"), rel=1e-10)


def test_the_columns_of_a_vector_stand_in_one_line(tmp_path: Path) -> None:
    """`sky(x, y)`: minimum ( x y ) and so on; the parameters hold one value for each column."""
    write_events(tmp_path / "e.fits")
    par, said = run("dmstat", f"{tmp_path}/e.fits[cols sky,pi]", "sigma=no")
    c = columns()
    x, y = c["x"].astype("f8"), c["y"].astype("f8")
    lines = [line.replace("\t", " ").split() for line in said.splitlines() if line.strip()]
    assert " ".join(lines[0]) == "sky(x, y)[pixel]" and lines[7][0].startswith("pi")
    assert lines[1][:4] == ["min:", "(", f"{x.min():.11g}", f"{y.min():.11g}"]
    assert lines[1][5:] == ["@:", "(", str(x.argmin() + 1), str(y.argmin() + 1), ")"]
    assert np.allclose([float(v) for v in lines[3][2:4]], [x.mean(), y.mean()], rtol=1e-10)
    assert [line[0] for line in lines[4:7]] == ["sum:", "good:", "null:"] and lines[6][1:] == ["(", "0", "0", ")"]
    assert par["out_columns"] == "x,y,pi"
    assert np.allclose([float(v) for v in par["out_mean"].split(",")][:2], [x.mean(), y.mean()])
    assert "sky(" not in run("dmstat", f"{tmp_path}/e.fits[cols x,pi]")[1]
