"""mkpsfmap as users call it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from coords_tools_helpers import HEADER, run
from exposure_tools_helpers import image

from ciaopy.caldb import lite
from ciaopy.errors import CalibrationError, ParameterError


def an_image(path: Path) -> Path:
    hdu = fits.PrimaryHDU(np.ones((101, 101), np.float32))
    hdu.header.update(HEADER)
    for i, (name, crval, sign) in enumerate((("x", 150.1, -1), ("y", 2.2, 1)), 1):
        hdu.header.update({f"CTYPE{i}P": name, f"CRVAL{i}P": 3086.5, f"CRPIX{i}P": 0.5, f"CDELT{i}P": 20.0})
        hdu.header.update({f"CTYPE{i}": ("RA---TAN", "DEC--TAN")[i - 1], f"CRVAL{i}": crval, f"CRPIX{i}": 51.0})
        hdu.header[f"CDELT{i}"] = sign * 20 * 0.492 / 3600
    hdu.data[3, 4] = np.nan
    hdu.writeto(path)
    return path


def test_radius_grows_off_axis(tmp_path: Path) -> None:
    run(
        "mkpsfmap",
        f"infile={an_image(tmp_path / 'i.fits')}",
        f"outfile={tmp_path / 'p.fits'}",
        "energy=1.5",
        "ecf=0.5",
        "spectrum=",
    )
    data, header = image(tmp_path / "p.fits")
    assert header["BUNIT"] == "arcsec"
    assert np.isnan(data[3, 4])
    assert np.isfinite(data).sum() == data.size - 1
    table = lite.product("REEF", HEADER)
    theta = 40 * 20 * 0.492 / 60
    assert data[50, 50] == pytest.approx(float(table.at(1.5, 0.0, 0.5)), rel=1e-4)  # type: ignore[attr-defined]
    assert data[50, 90] == pytest.approx(float(table.at(1.5, theta, 0.5)), rel=2e-3)  # type: ignore[attr-defined]


def test_units_and_spectrum(tmp_path: Path) -> None:
    an_image(tmp_path / "i.fits")
    (tmp_path / "w.txt").write_text("1.0 0.5\n4.0 0.5\n")
    found = {}
    for name, extra in {
        "arcsec": ("energy=1.0", "spectrum="),
        "physical": ("energy=1.0", "spectrum=", "units=physical"),
        "logical": ("energy=1.0", "spectrum=", "units=logical"),
        "hard": ("energy=4.0", "spectrum="),
        "both": ("energy=INDEF", f"spectrum={tmp_path / 'w.txt'}"),
    }.items():
        run("mkpsfmap", f"infile={tmp_path / 'i.fits'}", f"outfile={tmp_path / name}", "ecf=0.8", *extra)
        found[name] = image(tmp_path / name)[0]
    np.testing.assert_allclose(found["physical"], found["arcsec"] / 0.492, rtol=1e-5)
    np.testing.assert_allclose(found["logical"], found["arcsec"] / 0.492 / 20, rtol=1e-5)
    np.testing.assert_allclose(found["both"], (found["arcsec"] + found["hard"]) / 2, rtol=1e-5)


def test_bad_input(tmp_path: Path) -> None:
    files = (f"infile={an_image(tmp_path / 'i.fits')}", f"outfile={tmp_path / 'p.fits'}")
    with pytest.raises(ParameterError, match="energy is INDEF"):
        run("mkpsfmap", *files, "energy=INDEF", "spectrum=", "ecf=0.5")
    with pytest.raises(ParameterError, match="ecf"):
        run("mkpsfmap", *files, "energy=1", "spectrum=", "ecf=0")
    with pytest.raises(CalibrationError, match="enclosed fraction"):
        run("mkpsfmap", *files, "energy=1", "spectrum=", "ecf=0.999")
    assert not (tmp_path / "p.fits").exists()
