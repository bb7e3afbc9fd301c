"""mkexpmap as users call it: with asphist and mkinstmap before it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from coords_tools_helpers import run
from exposure_tools_helpers import asol, events, image

from ciaopy.errors import DataError, NoDataError, OutputExistsError, ParameterError

GRID = "xygrid=0.5:8192.5:#256,0.5:8192.5:#256"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("exposure")


@pytest.fixture
def inputs(folder: Path) -> tuple[str, str]:
    if not (folder / "i.fits").exists():
        asol(folder / "asol.fits"), events(folder / "evt.fits")
        evt = folder / "evt.fits"
        run("asphist", f"infile={folder / 'asol.fits'}", f"outfile={folder / 'h.fits'}", f"evtfile={evt}[ccd_id=3]")
        arguments = ("monoenergy=1.0", "pixelgrid=1:1024:#1024,1:1024:#1024", "detsubsys=ACIS-3;IDEAL;BADPIX=no")
        more = ("mirror=HRMA;AREA=1", "dafile=NONE", "grating=NONE", "maskfile=NONE", f"obsfile={evt}")
        run("mkinstmap", f"outfile={folder / 'i.fits'}", *arguments, *more)
    return f"asphistfile={folder / 'h.fits'}[asphist]", f"instmapfile={folder / 'i.fits'}"


def test_exposure_and_header(inputs: tuple[str, str], tmp_path: Path) -> None:
    ran = run(
        "mkexpmap", *inputs, f"outfile={tmp_path / 'e.fits'}", GRID, "normalize=no", "useavgaspect=no", "verbose=1"
    )
    data, header = image(tmp_path / "e.fits")
    assert "aspect bins" in ran.out
    assert data.max() == pytest.approx(0.98 * 2000, rel=1e-5)
    assert header["BUNIT"] == "cm**2 s"
    assert (header["CTYPE1"], header["CRVAL1"], header["DETNAM"]) == ("RA---TAN", 150.1, "ACIS-3")
    assert header["CRPIX1"] == pytest.approx(128.5)
    assert header["ENERG_LO"] == 1.0
    run("mkexpmap", *inputs, f"outfile={tmp_path / 'n.fits'}", GRID, "normalize=yes", "useavgaspect=no")
    rate, header = image(tmp_path / "n.fits")
    assert header["BUNIT"] == "cm**2"
    np.testing.assert_allclose(rate * 0.98 * 2000, data, rtol=1e-5)


def test_mean_aspect_has_sharp_edges(inputs: tuple[str, str], tmp_path: Path) -> None:
    wide = "xygrid=3000.5:5000.5:#500,3000.5:5000.5:#500"
    sharp = []
    for k, flag in enumerate(("no", "yes")):
        run("mkexpmap", *inputs, f"outfile={tmp_path / str(k)}", wide, "normalize=yes", f"useavgaspect={flag}")
        data = image(tmp_path / str(k))[0]
        sharp.append(np.mean((data > 0.01) & (data < 0.99)))
    assert sharp[1] < 0.4 * sharp[0]


def test_grid_of_an_image(inputs: tuple[str, str], tmp_path: Path) -> None:
    out = tmp_path / "e.fits"
    run("mkexpmap", *inputs, f"outfile={out}", "xygrid=3000.25:5000.25:#80,3500:4500:20", "normalize=no")
    run("mkexpmap", *inputs, f"outfile={tmp_path / 'f.fits'}", f"xygrid={out}", "normalize=no")
    (a, ha), (b, hb) = image(out), image(tmp_path / "f.fits")
    np.testing.assert_array_equal(a, b)
    assert ha["CRVAL1P"] == hb["CRVAL1P"] == 3000.25


def test_bad_input(inputs: tuple[str, str], tmp_path: Path, folder: Path) -> None:
    out = f"outfile={tmp_path / 'e.fits'}"
    with pytest.raises(DataError, match="an aspect solution, not an aspect histogram"):
        run("mkexpmap", f"asphistfile={folder / 'asol.fits'}", inputs[1], out, GRID)
    with pytest.raises(NoDataError, match="nothing in common"):
        run("mkexpmap", *inputs, out, "xygrid=1:100:#10,1:100:#10")
    with pytest.raises(ParameterError, match="xygrid"):
        run("mkexpmap", *inputs, out, "xygrid=1:100")
    with pytest.raises(DataError, match="not an image"):
        run("mkexpmap", inputs[0], f"instmapfile={folder / 'h.fits'}", out, GRID)
    run("mkexpmap", *inputs, out, GRID)
    with pytest.raises(DataError, match="not chipx"):
        run("mkexpmap", inputs[0], f"instmapfile={tmp_path / 'e.fits'}", f"outfile={tmp_path / 'x'}", GRID)
    with pytest.raises(OutputExistsError, match="clobber=yes"):
        run("mkexpmap", *inputs, out, GRID)
    with fits.open(folder / "h.fits") as hdus:
        hdus["ASPHIST"].data["DURATION"][:] = 0
        hdus.writeto(tmp_path / "zero.fits")
    with pytest.raises(NoDataError, match="no time"):
        run("mkexpmap", f"asphistfile={tmp_path / 'zero.fits'}[asphist]", inputs[1], f"outfile={tmp_path / 'x'}", GRID)
