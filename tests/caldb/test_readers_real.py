"""Readers on real CALDB files (and MARX's re-formatted copies)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from numpy.testing import assert_allclose

from ciaopy.caldb.load import read_product
from ciaopy.caldb.products import SHELLS
from ciaopy.errors import CalibrationError

ACIS_QE = "acis/acisD1997-04-17qeN0006.fits"
SUBPIX = "acis/acisD1999-07-22subpixN0001_marx.fits"
CONTAM = "acis/acisD1999-08-13contamN0007_marx.fits"
DET_GAIN = "acis/gain-bicti-tweak-v1-20150716.fits"
VIGNET = "default/hrmaD1996-12-20vignetN0003.fits"


@pytest.fixture(scope="module")
def caldb(data: Path) -> Path:
    return data / "caldb" / "chandra"


def test_acis_qe_per_chip_and_hdu(caldb):
    p = read_product("QE", caldb / ACIS_QE)
    assert [c.chip for c in p.curves] == list(range(10))
    with fits.open(caldb / ACIS_QE) as hdus:
        energy, qe = hdus[8].data["ENERGY"], hdus[8].data["QE"]
        assert_allclose(p.at(energy[200:210], 7), qe[200:210], rtol=1e-6)
    assert p.at(0.05, 0) == 0.0
    one = read_product("QE", caldb / ACIS_QE, hdu=8, ccd_id=7)
    assert [c.chip for c in one.curves] == [7]
    assert one.source.endswith("acisD1997-04-17qeN0006.fits[8]")
    assert one.filename == "acisD1997-04-17qeN0006.fits"


def test_hrc_qe(caldb):
    i = read_product("QE", caldb / "hrc/hrciD1999-07-22qeN0008.fits")
    assert [c.chip for c in i.curves] == [0]
    s = read_product("QE", caldb / "hrc/hrcsD1999-07-22qeN0011.fits")
    assert [(c.chip, c.region) for c in s.curves] == [
        (1, 101), (1, 102), (2, 201), (2, 202), (2, 203), (2, 204), (3, 301), (3, 302),
    ]  # fmt: skip
    assert s.curve(2).filter == "UVIS_HRCS1"
    assert s.curve(2, 204).filter == "UVIS_HRCS2"


def test_det_gain_regions_of_a_caldb_file(caldb):
    p = read_product("DET_GAIN", caldb / DET_GAIN)
    assert sorted(p.chips) == list(range(10))
    with fits.open(caldb / DET_GAIN) as hdus:
        rows = hdus[1].data
    for ccd, chipx, chipy in ((0, 1, 1), (7, 300, 700), (9, 1024, 1024)):
        (k,) = np.flatnonzero(
            (rows["CCD_ID"] == ccd)
            & (rows["CHIPX_MIN"] <= chipx)
            & (chipx <= rows["CHIPX_MAX"])
            & (rows["CHIPY_MIN"] <= chipy)
            & (chipy <= rows["CHIPY_MAX"])
        )
        n = rows["NPOINTS"][k]
        assert_allclose(p.energy(ccd, chipx, chipy, rows["PHA"][k][:n]), rows["ENERGY"][k][:n], rtol=1e-7)
    assert all(np.all(c.regions.index >= 0) for c in p.chips.values())


def test_subpix_of_marx(caldb):
    p = read_product("SUBPIX", caldb / SUBPIX)
    assert list(p.table) == [0, 0, 0, 0, 0, 1, 0, 1, 0, 0]
    assert np.count_nonzero(p.npoints[0]) == 33
    dx, dy = p.offsets(3, 2, [0.0, 494.0])
    assert_allclose(dx, 0.0)
    assert_allclose(dy, [-0.3615, -0.4759], atol=2e-4)


def test_contam_of_marx(caldb):
    p = read_product("CONTAM", caldb / CONTAM)
    assert sorted(p.chips) == list(range(10))
    with fits.open(caldb / CONTAM) as hdus:
        row = hdus[8].data[0]
        mu = np.interp(1.0, row["ENERGY"], row["MU"])
        t = 4.0e8
        depth = mu * (
            np.interp(t, row["TIME"], row["TAU0"]) + np.interp(t, row["TIME"], row["TAU1"]) * row["FXY"][5, 9]
        )
    # Centre of block (9, 5) of 128: chip pixel 8 * 9 + 4.5, 8 * 5 + 4.5.
    assert_allclose(p.transmission(1.0, t, 76.5, 44.5, 7), np.exp(-depth), rtol=1e-6)
    image = p.transmission(1.0, t, np.arange(1, 1025)[None, :], np.arange(1, 1025)[:, None], 3)
    assert image.shape == (1024, 1024)
    assert image[0, 0] < image[512, 512]


def test_vignet(caldb):
    p = read_product("VIGNET", caldb / VIGNET)
    assert set(p.shells) == {"1111", *SHELLS}
    with fits.open(caldb / VIGNET) as hdus:
        row = hdus[1].data[0]
        cube = row["VIGNET"].reshape(12, 10, 100)
        assert_allclose(
            p.at(row["ENERG_LO"][10], 10.0, [0.0, 30.0, 330.0, 360.0]), cube[[0, 1, 11, 0], 3, 10], rtol=1e-6
        )
    assert_allclose(p.at([0.5, 1.5, 8.0], 0.0, 77.0), 1.0, rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "grating", "parts", "highest"),
    [
        ("hetgD1996-11-01greffpr001N0007.fits", "HETG", ["MEG", "MEG", "HEG", "HEG"], 11),
        ("letgD1996-11-01greffpr001N0007.fits", "LETG", ["LEG"] * 4, 25),
    ],
)
def test_greff(caldb, name, grating, parts, highest):
    p = read_product("GREFF", caldb / "default" / name)
    assert p.grating == grating
    assert [t.part for t in p.tables] == parts
    assert [t.shell for t in p.tables] == list(SHELLS)
    for t in p.tables:
        assert (t.orders[0], t.orders[-1]) == (-highest, highest)
        # The middle column is the undispersed light: the largest, and the orders fall off on both sides.
        mean = t.efficiency[(t.energy > 0.5) & (t.energy < 6)].mean(axis=0)
        assert mean.argmax() == highest
        assert_allclose(mean[highest - 1], mean[highest + 1], rtol=0.2)


def test_hrc_gain_maps(caldb):
    for name in ("hrciD2000-12-12sampgainN0001", "hrciD2010-09-25sampgainN0001", "hrciD2018-09-17sampgainN0001"):
        path = caldb / "hrc" / f"{name}.fits"
        p = read_product("GMAP", path)
        assert p.norm == 148.0
        pixels = fits.getdata(path)
        assert_allclose(p.at([128 * 70 + 5], [128 * 20 + 127]), pixels[20, 70], rtol=1e-6)


def test_grating_region(caldb):
    p = read_product("TGMASK2", caldb / "default/letgD1999-07-22regN0002.fits")
    assert p.axes == ("tg_r", "tg_d")
    assert [(s.name, s.tg_m) for s in p.shapes][:2] == [("SOURCE", -1), ("BACKGROUND_UP", -1)]
    assert [s.backscal for s in p.select("BACKGROUND_DOWN")] == [5.0, 5.0]
    assert all(len(s.x) == 7 for s in p.shapes)


def test_geometry_files_are_identified(caldb):
    geom = read_product("GEOM", caldb / "default/telD1999-07-23geomN0006.fits")
    assert set(geom.blocks) == {"INSTRUMENTS", "GRATINGS", *(f"INSTGEOM{k}" for k in range(1, 6))}
    assert geom.path.endswith("geomN0006.fits")
    aimpts = read_product("AIMPTS", caldb / "default/telD1999-07-23aimptsN0002.fits")
    assert "AIMPOINT" in aimpts.blocks["AIMPOINTS"]
    with pytest.raises(CalibrationError, match="no table with columns AIMPOINT_NAME, AIMPOINT"):
        read_product("AIMPTS", caldb / "default/telD1999-07-23geomN0006.fits")


def test_archive_bad_pixels(data):
    path = next((data / "archive" / "1230").rglob("*bpix1.fits*"))
    p = read_product("BADPIX", path)
    assert set(p.chip) == {2, 3, 5, 6, 7, 8}
    assert len(p) == len(p.shape)
    boundary = p.status & np.uint32(1 << 11) > 0
    assert set(np.unique(p.x[boundary])) == {512.0, 513.0}


def test_hrc_bad_pixels(data):
    path = next((data / "archive" / "22772").rglob("*bpix1.fits*"))
    p = read_product("BADPIX", path)
    assert len(p) > 0
    assert p.system == "chip"
