"""The embedded calibration: what there is, what it refuses, and how close it is to real calibration."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from ciaopy.caldb import lite
from ciaopy.caldb.lite.when import time_of_year, year_of
from ciaopy.caldb.load import load, read_product
from ciaopy.caldb.products import Product, Vignetting
from ciaopy.errors import CalibrationError

ACIS = {"INSTRUME": "ACIS", "DETNAM": "ACIS-012367", "DATE-OBS": "2005-03-01T12:00:00", "GRATING": "HETG"}
HRC_I = {"INSTRUME": "HRC", "DETNAM": "HRC-I", "DATE-OBS": "2000-01-01T00:00:00"}
HRC_S = {"INSTRUME": "HRC", "DETNAM": "HRC-S", "DATE-OBS": "2000-01-01T00:00:00"}


@pytest.fixture(scope="module")
def caldb(data: Path) -> Path:
    return data / "caldb" / "chandra"


@pytest.mark.parametrize("name", sorted(lite.PRODUCTS))
def test_every_product_says_what_it_is(name):
    hrc = ("GMAP", "TAPRINGTEST", "FPTEST", "SATTEST", "EFTEST", "AMP_SF_COR")
    header = HRC_I if name in hrc else ACIS
    p = lite.product(name, header | {"GRATING": "LETG"} if name == "TGMASK2" else header)
    assert isinstance(p, Product)
    assert p.is_lite
    assert p.source.startswith(lite.CALDBVER)
    assert p.filename == lite.CALDBVER == f"ciaopy-lite-{lite.LITE_VERSION}"
    assert lite.has(name.lower())


@pytest.mark.parametrize(
    ("name", "advice"),
    [("CTI", "apply_cti=no"), ("T_GAIN", "apply_tgain=no"), ("GRDIMG", "keep the grades"), ("T_GMAP", "set \\$CALDB")],
)
def test_what_lite_lacks(name, advice):
    assert not lite.has(name)
    with pytest.raises(CalibrationError, match=f"{name}: the embedded calibration .* has none; .*{advice}"):
        lite.product(name, ACIS)


def test_bad_headers():
    with pytest.raises(CalibrationError, match="name no detector"):
        lite.product("QE", {})
    with pytest.raises(CalibrationError, match="DATE-OBS is 'missing'"):
        lite.product("QE", {"DETNAM": "HRC-I"})
    with pytest.raises(CalibrationError, match="add DATE-OBS"):
        lite.product("GMAP", {"DETNAM": "HRC-I", "DATE-OBS": "yesterday"})
    with pytest.raises(CalibrationError, match="GRATING is NONE"):
        lite.product("GREFF", {"GRATING": "NONE"})
    with pytest.raises(CalibrationError, match="no bad-pixel list for HRC-S"):
        lite.product("BADPIX", HRC_S)
    with pytest.raises(CalibrationError, match="ACIS has DET_GAIN"):
        lite.product("GMAP", ACIS)
    with pytest.raises(CalibrationError, match="the embedded calibration is no file"):
        _ = lite.product("GEOM").path


def test_load_takes_lite_by_name():
    assert load("AXEFFA", " Lite ", ACIS).is_lite


def test_dates():
    # MJD 50814 is 1998.0 and 51544 is 2000.0; 2012 is a leap year.
    assert_allclose(time_of_year([1998.0, 2000.0]), [0.0, 730 * 86400.0])
    assert_allclose(np.diff(time_of_year([2012.0, 2013.0])), 366 * 86400.0)
    assert_allclose(year_of("QE", {"DATE-OBS": "2012-07-02"}, {}), 2012.5)
    assert_allclose(year_of("QE", {}, {"time": 730 * 86400.0}), 2000.0)
    assert_allclose(year_of("QE", {"TSTART": 0.0}, {}), 1998.0)


def test_grades_are_those_of_the_good_flight_grades():
    grade = lite.product("GRADE").grade
    good = np.isin(grade, [0, 2, 3, 4, 6])
    table = lite.product("SUBPIX")
    assert_array_equal(np.flatnonzero(good), np.flatnonzero(table.npoints[0]))
    assert_array_equal(np.bincount(grade), [1, 15, 8, 4, 4, 32, 16, 176])


def test_mirror_shells_add_up():
    p = lite.product("AXEFFA")
    e = np.linspace(0.3, 8.0, 50)
    parts = sum(p.at(e, s) for s in ("1000", "0100", "0010", "0001"))
    assert_allclose(parts, p.at(e), rtol=0.002)
    # POG: about 800, 400, 100 cm2 at 1, 5, 9 keV for the mirror alone; ray traces give 757, 379, 61.
    assert_allclose(p.at([1.0, 5.0]), [757.0, 379.0], rtol=0.005)


def test_bad_pixels_are_boundaries_and_shadow():
    p = lite.product("BADPIX", ACIS)
    s3 = p.of_chip(7)
    shadow = s3.status == 1 << 17
    assert_array_equal(s3.y[shadow], [[1, 8]])
    assert_array_equal(np.sort(s3.x[~shadow][:, 0]), [256, 257, 512, 513, 768, 769])


# How close to real calibration files ------------------------------------------------------------------------------


def test_qe_of_acis(caldb):
    real, p = read_product("QE", caldb / "acis/acisD1997-04-17qeN0006.fits"), lite.product("QE", ACIS)
    e = np.arange(0.15, 9.9, 0.002)
    for ccd in range(10):
        a, b = p.at(e, ccd), real.at(e, ccd)
        assert np.all(np.abs(a - b) <= np.maximum(0.0105 * b, 0.0025))


@pytest.mark.parametrize(("header", "name"), [(HRC_I, "hrciD1999-07-22qeN0008"), (HRC_S, "hrcsD1999-07-22qeN0011")])
def test_qe_of_hrc_at_mission_start(caldb, header, name):
    real, p = read_product("QE", caldb / f"hrc/{name}.fits"), lite.product("QE", header)
    assert {c.chip for c in p.curves} == {c.chip for c in real.curves}
    e = np.geomspace(0.08, 9.8, 2000)
    for c in p.curves:
        a, b = p.at(e, c.chip, c.region), real.at(e, c.chip, c.region)
        assert np.all(np.abs(a - b) <= np.maximum(0.025 * b, 0.0015))


def test_hrc_declines_with_time():
    late = {**HRC_S, "DATE-OBS": "2020-10-25"}
    ratio = lite.product("QE", late).at([0.5, 4.0], 2) / lite.product("QE", HRC_S).at([0.5, 4.0], 2)
    assert_allclose(ratio, [0.796, 0.896], atol=0.002)
    early = {**HRC_S, "DATE-OBS": "1999-08-01"}
    assert_allclose(lite.product("QE", early).at(1.0, 2), lite.product("QE", HRC_S).at(1.0, 2))


@pytest.mark.parametrize(
    ("theta", "rms", "largest"), [(2, 0.004, 0.02), (5, 0.005, 0.02), (10, 0.007, 0.03), (20, 0.01, 0.04)]
)
def test_vignetting(caldb, theta, rms, largest):
    real, p = read_product("VIGNET", caldb / "default/hrmaD1996-12-20vignetN0003.fits"), lite.product("VIGNET")
    e, phi = np.arange(0.5, 9.0, 0.1), np.arange(0.0, 360.0, 10.0)[:, None]
    ratio = p.at(e, theta, phi) / real.at(e, theta, phi) - 1.0
    assert np.sqrt(np.mean(ratio**2)) < rms
    assert np.abs(ratio).max() < largest
    assert_allclose(p.at(e, 0.0, 100.0), 1.0)


def test_vignetting_dipole_points_where_the_marx_flat_fields_say():
    """The area at 10 arcmin is largest near azimuth 244 degrees of the table."""
    phi = np.arange(0.0, 360.0, 1.0)
    v = lite.product("VIGNET").at(4.0, 10.0, phi)
    assert abs(phi[v.argmax()] - 244.0) <= 5.0
    direction = np.radians(244.0)
    assert_allclose(Vignetting.azimuth(-np.cos(direction), -np.sin(direction)), 244.0)


def test_edser_within_0p015_pixel(caldb):
    real, p = read_product("SUBPIX", caldb / "acis/acisD1999-07-22subpixN0001_marx.fits"), lite.product("SUBPIX")
    energy = np.arange(0.0, 12001.0, 20.0)
    for ccd in (3, 7):
        for grade in range(256):
            for a, b in zip(p.offsets(ccd, grade, energy), real.offsets(ccd, grade, energy), strict=True):
                assert_allclose(a, b, atol=0.015)


def test_gain(caldb):
    real, p = read_product("DET_GAIN", caldb / "acis/gain-bicti-tweak-v1-20150716.fits"), lite.product("DET_GAIN")
    grid = np.arange(16, 1025, 32)
    x, y = (a.ravel() for a in np.meshgrid(grid, grid))
    for ccd in range(10):
        ratio = p.energy(ccd, x, y, 800.0) / real.energy(ccd, x, y, 800.0) - 1.0
        assert np.sqrt(np.mean(ratio**2)) < (0.006 if ccd == 5 else 0.002)


@pytest.mark.parametrize(("date", "median"), [("2000-12-12", 0.04), ("2010-09-25", 0.15), ("2018-09-17", 0.04)])
def test_hrc_gain(caldb, date, median):
    """The file of 2010 is marked CAL_QUAL 5 (superseded)."""
    real = read_product("GMAP", caldb / f"hrc/hrciD{date}sampgainN0001.fits")
    p = lite.product("GMAP", {"DETNAM": "HRC-I", "DATE-OBS": date})
    raw = np.arange(128) * 128 + 64
    x, y = np.meshgrid(raw, raw)
    lit = np.abs(x - 8192) + np.abs(y - 8192) < 8000
    ratio = (p.at(x, y)[lit] / real.at(x, y)[lit]) - 1.0
    assert np.median(np.abs(ratio)) < median
    assert abs(p.at(8192, 8192) / real.at(8192, 8192) - 1.0) < 0.05
    assert p.norm == real.norm


def test_hrc_s_gain_is_scale_1():
    p = lite.product("GMAP", HRC_S)
    assert_allclose(p.at([0, 4095], [0, 49151]), 1.0)


def test_psf_radius():
    """Chandra's rule of thumb r90 = 1 + 10 (theta / 10 arcmin)^2 arcsec; ACIS-I chips follow the focal surface."""
    flat, tilted = lite.product("REEF"), lite.product("REEF", surface="acis-i")
    theta = np.array([0.0, 2.0, 5.0, 10.0])
    assert_allclose(flat.at(1.56, theta, 0.9), 1.0 + 10.0 * (theta / 10.0) ** 2, atol=0.7)
    assert np.all(tilted.at(1.56, [6.0, 8.0, 10.0], 0.5) < 0.9 * flat.at(1.56, [6.0, 8.0, 10.0], 0.5))
    # CSC (SAOTrace) psf3 of ObsIDs 7999 and 8478: r50 3.32-3.39 arcsec at 8.54 arcmin, broad band.
    assert_allclose(tilted.at(1.56, 8.54, 0.5), 3.4, atol=0.25)
    assert np.all(np.diff([flat.at(1.56, 3.0, f) for f in (0.2, 0.5, 0.8, 0.98)]) > 0)
    with pytest.raises(CalibrationError, match=r"the table goes from 0\.2 to 0\.98"):
        flat.at(1.56, 3.0, 0.99)


def test_dead_area_and_uniformity():
    dead, flat = lite.product("DEAD_AREA"), lite.product("QEU", ACIS)
    assert_allclose(1.0 - dead.at([0, 1024], 3), [0.022, 0.040], atol=2e-4)
    assert_allclose(dead.at(512, 5), 1.0)
    # A sub-array that is read at once and exposed 0.4 s loses much less.
    assert 1.0 - dead.at(512, 3, exposure=0.4, first_row=449) < 0.006
    assert_allclose(flat.at([1.0, 10.0], 1, 1, 3), [0.990, 0.948])
    assert_allclose(flat.at([1.0, 10.0], 1024, 1024, 7), [0.967, 0.926])
    assert_allclose(lite.product("QEU", HRC_S).at(1.0, 4096, 16456, 3), 1.0)


@pytest.mark.parametrize(
    ("grating", "name", "parts"),
    [("HETG", "hetgD1996-11-01greffpr001N0007", ("HEG", "MEG")), ("LETG", "letgD1996-11-01greffpr001N0007", ("LEG",))],
)
def test_gratings(caldb, grating, name, parts):
    real = read_product("GREFF", caldb / f"default/{name}.fits")
    p, mirror = lite.product("GREFF", {"GRATING": grating}), lite.product("AXEFFA")
    e = np.geomspace(0.3, 9.5, 500)
    for part in parts:
        for order in (-1, 0, 1):
            a, b = p.at(e, order, part), real.at(e, order, part, mirror)
            assert np.all(np.abs(a - b) <= np.maximum(0.05 * b, 0.0015))


def test_contamination_against_n0007_while_it_was_current(caldb):
    real = read_product("CONTAM", caldb / "acis/acisD1999-08-13contamN0007_marx.fits")
    p = lite.product("CONTAM")
    for year in (2000.0, 2003.0, 2006.0, 2008.0):
        t = time_of_year(year)[0]
        for ccd, x, y in ((3, 970, 970), (7, 230, 512)):
            ratio = p.transmission([0.67, 1.0, 1.5, 4.0], t, x, y, ccd) / real.transmission(
                [0.67, 1.0, 1.5, 4.0], t, x, y, ccd
            )
            assert_allclose(ratio, 1.0, atol=0.04)


def test_contamination_pattern(caldb):
    real = read_product("CONTAM", caldb / "acis/acisD1999-08-13contamN0007_marx.fits")
    p = lite.product("CONTAM")
    x, y = np.meshgrid(np.arange(8.5, 1024, 16), np.arange(8.5, 1024, 16))
    for ccd in range(10):
        difference = p.chips[ccd][0].pattern_at(x, y) - real.chips[ccd][0].pattern_at(x, y)
        assert np.sqrt(np.mean(difference**2)) < 0.02
        assert np.abs(difference).max() < 0.1


def test_contamination_grows_and_starts_clean():
    p = lite.product("CONTAM")
    years = np.array([1999.0, 1999.55, 2001.0, 2005.0, 2010.0, 2015.0, 2020.0, 2026.0, 2030.0])
    t = p.transmission(0.67, time_of_year(years), 512, 512, 7)
    assert t[0] == t[1] == 1.0
    assert np.all(np.diff(t[1:]) < 0)
    assert_allclose(-np.log(p.transmission(0.67, time_of_year(2012.11)[0], 230, 512, 7)), 1.013, rtol=0.02)


# Real effective areas -----------------------------------------------------------------------------------------------

ENERGIES = (0.5, 0.92, 1.5, 1.56, 2.3, 3.8, 5.0, 8.0)


def area(row: dict[str, str], energy: np.ndarray) -> np.ndarray:
    """Return the lite area (cm2) at the position, chip and date of a row of arf_truth.csv."""
    header = {"INSTRUME": row["inst"], "DETNAM": row["detnam"], "DATE-OBS": row["date_obs"]}
    theta = float(row["theta_arcmin"])
    mean = lite.product("VIGNET").at(energy[:, None], theta, np.arange(0.0, 360.0, 10.0)).mean(axis=1)
    total = lite.product("AXEFFA").at(energy) * mean
    if row["inst"] == "HRC":
        return total * lite.product("QE", header).at(energy, 2 if "HRC-S" in row["detnam"] else 0)
    ccd, x, y = int(row["ccd"]), float(row["chipx"]), float(row["chipy"])
    time = time_of_year(float(row["arf_epoch"]))[0]
    total *= lite.product("QE", header).at(energy, ccd) * lite.product("QEU", header).at(energy, x, y, ccd)
    total *= lite.product("CONTAM", header).transmission(energy, time, x, y, ccd)
    return total * lite.product("DEAD_AREA", header).at(y, ccd)


@pytest.fixture(scope="module")
def ratios(data: Path) -> dict[str, np.ndarray]:
    """Lite over real area at the 8 energies, by file, for imaging ARFs of the current mirror with a position."""
    out = {}
    with (data / "arf" / "arf_truth.csv").open() as stream:
        for row in csv.DictReader(line for line in stream if not line.startswith("#")):
            usable = row["axeffa"] == "N0008" and row["grating"] == "NONE" and row["lite_ratio_1.5"] not in ("", "nan")
            if usable and (row["inst"] == "HRC" or row["chipx"] not in ("", "nan")):
                around = np.array(ENERGIES)[:, None] + np.linspace(-0.005, 0.005, 11)
                mine = area(row, around.ravel()).reshape(around.shape).mean(axis=1)
                out[f"{row['inst']} {row['arf_epoch'][:4]} {row['file']}"] = mine / [
                    float(row[f"arf_{e:g}"]) for e in ENERGIES
                ]
    return out


def group(ratios: dict[str, np.ndarray], first: int, last: int) -> np.ndarray:
    return np.array([r for key, r in ratios.items() if key.startswith("ACIS") and first <= int(key[5:9]) <= last])


def test_arf_1999(ratios):
    """ObsIDs 1230, 1433, 1233, 242: FI chips at 8 keV are known to be 33 % off before 2000-01-29."""
    found = group(ratios, 1999, 1999)
    assert len(found) >= 4
    assert_allclose(np.median(found, axis=0)[:7], 1.0, atol=0.05)
    assert np.abs(found[:, 1:7] - 1.0).max() < 0.10


def test_arf_2000_to_2008(ratios):
    """ObsIDs 6903, 7302, 6741 and others; 6903 and 7302 were not used to make the tables."""
    found = group(ratios, 2000, 2008)
    assert len(found) >= 3
    assert np.abs(found - 1.0).max() < 0.07


def test_arf_2012_to_2014(ratios):
    """ObsIDs 15043 and 15173; 15173 was not used to make the tables."""
    found = group(ratios, 2012, 2014)
    assert len(found) >= 2
    assert np.abs(found - 1.0).max() < 0.09


def test_arf_2015_to_2020_where_the_contaminant_is_thin(ratios):
    """The depth after 2014 is uncertain; above 2 keV that does not matter."""
    found = group(ratios, 2015, 2020)
    assert len(found) >= 1
    assert np.abs(found[:, 4:] - 1.0).max() < 0.05


def test_arf_of_the_hrc(ratios):
    found = np.array([r for key, r in ratios.items() if key.startswith("HRC")])
    assert len(found) >= 1
    assert np.abs(found - 1.0).max() < 0.04
