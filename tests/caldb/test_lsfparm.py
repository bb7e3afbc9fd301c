"""LSFPARM: line spread functions read, interpolated, made into matrices; who is asked for them."""

from __future__ import annotations

import math

import made_caldb_files as made
import numpy as np
import pytest
from astropy.io import fits
from gratings_helpers import run, write_aspect, write_level_1
from made_caldb import Row, make_caldb

from ciaopy.caldb import read_product
from ciaopy.errors import CalibrationError
from ciaopy.gratings import arm_named, default_grid, spread_matrix


def read(tmp_path, *edits):
    hdus = made.lsfparm()
    for edit in edits:
        edit(hdus[0])
    return read_product("LSFPARM", made.write(tmp_path / "lsf.fits", *hdus))


def test_values_between_the_table(tmp_path):
    p = read(tmp_path)
    light, gauss, lorentz = p.at([10.0, 15.0, 40.0], 0.0015)
    assert np.allclose(light, 0.875)
    assert np.allclose(gauss[0], [[30, 0.006, 1e-3], [30, 0.007, 1e-3], [30, 0.009, 1e-3]], rtol=1e-3)
    assert np.allclose(lorentz[0], [10, 0.01, 0], atol=1e-6)
    assert np.allclose(p.at([10.0], math.inf)[0], 0.95) and np.allclose(p.at([10.0], 1e-5)[0], 0.8)


def test_rows_are_the_integrals_of_the_shapes(tmp_path):
    """Each channel: three quarters of the Gaussian's integral and one of the Lorentzian's, times the light within."""
    p = read(tmp_path)
    low, high = default_grid(arm_named("MEG"), "ACIS").channels(1)
    m = spread_matrix(p, low, high, 0.002, 1e-6)
    for lam in (5.0025, 14.9975, 20.0025):
        k = int(np.argmin(np.abs(0.5 * (low + high) - lam)))
        centre, sigma = lam + 1e-3, 0.004 + 2e-4 * lam
        channels = int(m.first[k]) - 1 + np.arange(m.rows[k].size)
        edges = [low[channels], high[channels]]
        g = [np.array([0.5 * math.erf((e - centre) / sigma / math.sqrt(2)) for e in edge]) for edge in edges]
        c = [np.arctan((edge - lam) / 0.005) / math.pi for edge in edges]
        want = 0.75 * (g[1] - g[0]) + 0.25 * (c[1] - c[0])
        assert np.allclose(m.rows[k], 0.95 * want / want.sum(), atol=2e-4)
        assert m.rows[k].sum() == pytest.approx(0.95, abs=2e-3) and want.min() >= 1e-6 > want.min() / 2
    total = np.array([r.sum() for r in m.rows])
    assert total.max() <= 0.9501 and (total[400:-400] > 0.94).all()
    assert 0.4 < total[0] < 0.9  # part of a line at the end of the grid lies beyond it


@pytest.mark.parametrize(
    ("column", "value", "match"),
    [
        ("EE_FRACS", 1.5, "EE_FRACS is not between 0 and 1"),
        ("LAMBDAS", 5.0, "LAMBDAS does not ascend"),
        ("GAUSS1_PARMS", np.nan, "GAUSS1_PARMS has NaN"),
        ("GAUSS1_PARMS", -1.0, "widths that are not above 0"),
        ("NUM_LAMBDAS", 9, "NUM_LAMBDAS is 9"),
    ],
)
def test_damaged_files(tmp_path, column, value, match):
    def spoil(hdu):
        hdu.data[column][...] = value

    with pytest.raises(CalibrationError, match=match):
        read(tmp_path, spoil)


def test_amplitudes_that_cancel(tmp_path):
    def spoil(hdu):
        hdu.data["GAUSS1_PARMS"][..., 0], hdu.data["LORENTZ1_PARMS"][..., 0] = 1.0, -1.0

    with pytest.raises(CalibrationError, match="sum to 0 or less"):
        read(tmp_path, spoil)


def test_flat_vectors_without_dimensions(tmp_path):
    def flatten(hdu):
        for key in [k for k in hdu.header if k.startswith("TDIM")]:
            del hdu.header[key]

    plain = read(tmp_path)
    path = tmp_path / "flat.fits"
    hdus = [fits.PrimaryHDU(), *made.lsfparm()]
    columns = [
        fits.Column(c.name, c.format, array=np.asarray(hdus[1].data[c.name]).reshape(1, -1)) for c in hdus[1].columns
    ]
    fits.HDUList([hdus[0], fits.BinTableHDU.from_columns(columns, name="MEG")]).writeto(path)
    flat = read_product("LSFPARM", path)
    assert np.array_equal(flat.gaussians, plain.gaussians) and np.array_equal(flat.enclosed, plain.enclosed)


def test_mkgrmf_takes_the_file_of_the_caldb(tmp_path, monkeypatch):
    """By arm and order from the index; the header names it; without one, the embedded shapes, and it is said."""
    aspect = write_aspect(tmp_path / "asol1.fits")
    write_level_1(tmp_path / "evt1.fits", aspect, (4085.0, 4101.0), 50)
    conditions = ("GRATTYPE(MEG)", "ORDER(1)", "TG_M(1)", "SHELL(1100)", "RAND_TG(0.0)", "SIM_Z(-206.8:-174.2)mm")
    rows = [Row("acismeg1D1999-07-22lsfparmN0005.fits", "LSFPARM", cbd=conditions)]
    root = make_caldb(tmp_path / "caldb", acis=rows)
    path = root / rows[0].folder("acis") / rows[0].file
    path.unlink()
    made.write(path, *made.lsfparm())
    monkeypatch.setenv("CALDB", str(root))
    monkeypatch.setenv("CALDBCONFIG", str(root / "software/tools/caldb.config"))
    usual = {"obsfile": tmp_path / "evt1.fits", "regionfile": "", "clobber": True, "detsubsys": "ACIS-S3"}
    text = run("mkgrmf", tmp_path / "m.rmf", grating_arm="MEG", order=1, **usual)
    header = fits.getheader(tmp_path / "m.rmf", "MATRIX")
    assert header["LSFMODEL"] == path.name and "WARNING" not in text and "embedded" not in str(header)
    rows_of = fits.getdata(tmp_path / "m.rmf", "MATRIX")["MATRIX"]
    assert np.sum(rows_of[5000]) == pytest.approx(0.8 + 0.15 * 0.32777770, rel=1e-3)  # width 0.0013278 deg
    text = run("mkgrmf", tmp_path / "h.rmf", grating_arm="MEG", order=-2, **usual)
    assert "the CALDB has none for MEG order -2" in text
    assert fits.getheader(tmp_path / "h.rmf", "MATRIX")["LSFMODEL"] == "ciaopy-lite"
