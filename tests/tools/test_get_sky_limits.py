"""get_sky_limits: the grid of an image."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from image_tools_helpers import run, write_image, write_table

from ciaopy.errors import UserError


def test_limits_are_the_outer_edges(tmp_path: Path) -> None:
    name = write_image(tmp_path / "i.fits", np.zeros((30, 40), np.int16))
    par, said = run("get_sky_limits", name)
    assert par["dmfilter"] == "x=2000.5:2320.5:#40,y=3000.5:3240.5:#30"
    assert par["xygrid"] == "2000.5:2320.5:#40,3000.5:3240.5:#30"
    assert par["xygrid"] in said
    assert "40 x 30" in said
    _, said = run("get_sky_limits", name, "verbose=0")
    assert said == ""


def test_precision_and_crpix_convention(tmp_path: Path) -> None:
    name = write_image(tmp_path / "i.fits", np.zeros((4, 4)), CRPIX1P=1.0, CRVAL1P=10.125, CDELT1P=0.25)
    par, _ = run("get_sky_limits", name, "precision=3")
    assert par["xygrid"].split(",")[0] == "10.000:11.000:#4"


def test_the_grid_bins_to_the_same_image(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    columns = [fits.Column(n, "E", array=rng.uniform(100, 200, 500)) for n in ("x", "y")]
    table = write_table(tmp_path / "t.fits", columns, MTYPE1="sky", MFORM1="x,y")
    run("dmcopy", f"{table}[bin x=110:190:4,y=120:160:4]", tmp_path / "a.fits")
    par, _ = run("get_sky_limits", tmp_path / "a.fits")
    run("dmcopy", f"{table}[bin {par['dmfilter']}]", tmp_path / "b.fits")
    assert np.array_equal(fits.getdata(tmp_path / "a.fits"), fits.getdata(tmp_path / "b.fits"))


def test_refusals(tmp_path: Path) -> None:
    table = write_table(tmp_path / "t.fits", [fits.Column("x", "D", array=[1.0])])
    with pytest.raises(UserError, match="not an image"):
        run("get_sky_limits", table)
    with pytest.raises(UserError, match="1 axes"):
        run("get_sky_limits", write_image(tmp_path / "i.fits", np.zeros(5)))
