"""Readers on files in the documented layouts: values, spellings, and one error per way to be wrong."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import made_caldb_files as made
import numpy as np
import pytest
from astropy.io import fits
from numpy.testing import assert_allclose, assert_array_equal

from ciaopy.caldb.load import load, read_product
from ciaopy.caldb.readers import READERS
from ciaopy.errors import CalibrationError


def build(tmp_path: Path, product: str, *change: Any) -> Any:
    """Write a made file, with `change(hdus)` applied first, and read it."""
    hdus = made.BUILDERS[product]()
    for edit in change:
        edit(hdus)
    return read_product(product, made.write(tmp_path / f"{product.lower()}.fits", *hdus))


def test_every_product_has_a_reader_and_a_made_file():
    unmade = {"AIMPTS", "TDET", "SKY", "SGEOM", "BKGRND", "GAPLOOKUP"}
    assert set(READERS) == set(made.BUILDERS) | unmade


@pytest.mark.parametrize("product", sorted(made.BUILDERS))
def test_source_and_filename(tmp_path, product):
    p = build(tmp_path, product)
    assert not p.is_lite
    assert p.source == str(tmp_path / f"{product.lower()}.fits")
    assert p.filename == f"{product.lower()}.fits"


@pytest.mark.parametrize("product", sorted(set(READERS) - {"TDET", "SKY", "SGEOM", "BKGRND"}))
def test_a_file_of_something_else_names_file_and_columns(tmp_path, product):
    path = made.write(tmp_path / "other.fits", made.table([("WIDGET", "J", [1]), ("GADGET", "E", [2.0])], "OTHER"))
    if product == "DEAD_AREA":
        path = made.write(tmp_path / "o.fits", made.table([("WIDGET", "J", [1]), ("GADGET", "J", [2])], "OTHER"))
    with pytest.raises(CalibrationError, match=r"(?s)other?\.fits|o\.fits") as caught:
        read_product(product, path)
    assert product in str(caught.value)
    assert "WIDGET" in str(caught.value)
    assert "GADGET" in str(caught.value)


@pytest.mark.parametrize("product", sorted(set(made.BUILDERS) - {"GMAP", "BADPIX"}))
def test_empty_tables_are_refused(tmp_path, product):
    def empty(hdus):
        for k, hdu in enumerate(hdus):
            if isinstance(hdu, fits.BinTableHDU):
                hdus[k] = fits.BinTableHDU(hdu.data[:0], hdu.header)

    with pytest.raises(CalibrationError, match=product.lower()):
        build(tmp_path, product, empty)


def test_missing_file_and_unknown_product(tmp_path):
    with pytest.raises(CalibrationError, match=r"none\.fits"):
        read_product("QE", tmp_path / "none.fits")
    with pytest.raises(CalibrationError, match="no reader for the product WIDGET"):
        read_product("WIDGET", tmp_path / "none.fits")
    with pytest.raises(CalibrationError, match="QE"):
        path = made.write(tmp_path / "q.fits", *made.qe())
        read_product("QE", path, hdu=9)


def test_grade_follows_fltgrade_not_row_order(tmp_path):
    assert_array_equal(build(tmp_path, "GRADE").grade, np.arange(256) % 8)


def test_grade_out_of_range(tmp_path):
    def spoil(hdus):
        hdus[0].data["GRADE"][3] = 8

    with pytest.raises(CalibrationError, match=r"outside 0\.\.7"):
        build(tmp_path, "GRADE", spoil)


def test_grade_needs_all_flight_grades(tmp_path):
    def twice(hdus):
        hdus[0].data["FLTGRADE"][0] = 7

    with pytest.raises(CalibrationError, match="256 flight grades"):
        build(tmp_path, "GRADE", twice)


def test_evtsplt(tmp_path):
    p = build(tmp_path, "EVTSPLT")
    assert p.adu.shape == (10, 4)
    assert p.at(7, 2) == 20.0
    assert_allclose(p.at([0, 9], [0, 3]), [13.0, 22.0])


def test_evtsplt_ambiguous_column(tmp_path):
    path = made.write(
        tmp_path / "e.fits", made.table([("CCD_ID", "I", [0]), ("SPLIT_A", "E", [1.0]), ("SPLIT_B", "E", [1.0])])
    )
    with pytest.raises(CalibrationError, match="several columns could be the split threshold"):
        read_product("EVTSPLT", path)


def test_det_gain_regions_padding_and_extrapolation(tmp_path):
    p = build(tmp_path, "DET_GAIN")
    assert sorted(p.chips) == [0, 7]
    assert_allclose(p.energy(0, [512, 513], [1, 1024], 1000.0), [3000.0, 4000.0], rtol=1e-6)
    assert_allclose(p.energy(7, 1, 1, [10.0, 4000.0]), [50.0, 20000.0], rtol=1e-6)
    chip = p.table(7)
    assert chip.regions.index[0, 1] == 1
    assert chip.regions.cell_x == 512
    with pytest.raises(CalibrationError, match="nothing for CCD_ID 5; it has CCD_ID 0, 7"):
        p.table(5)


def test_det_gain_in_kev_by_unit_and_by_magnitude(tmp_path):
    for k, unit in enumerate(("keV", None)):

        def kev(hdus, unit=unit):
            hdus[0].data["ENERGY"] /= 1000.0
            hdus[0].columns["ENERGY"].unit = unit

        (tmp_path / str(k)).mkdir()
        assert_allclose(build(tmp_path / str(k), "DET_GAIN", kev).energy(0, 1, 1, 1000.0), 3000.0, rtol=1e-6)


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [("PHA", np.nan, "NaN or infinite"), ("PHA", 1e6, "does not ascend"), ("NPOINTS", 9, "points where")],
)
def test_det_gain_bad_values(tmp_path, column, value, message):
    def spoil(hdus):
        cell = hdus[0].data[column]
        cell[(1, 1) if cell.ndim > 1 else 1] = value

    with pytest.raises(CalibrationError, match=message):
        build(tmp_path, "DET_GAIN", spoil)


def test_regions_upside_down(tmp_path):
    def spoil(hdus):
        hdus[0].data["CHIPX_MAX"][0] = 0

    with pytest.raises(CalibrationError, match="below the lower limit"):
        build(tmp_path, "DET_GAIN", spoil)


def test_t_gain_is_linear_between_epochs(tmp_path):
    p = build(tmp_path, "T_GAIN")
    assert (p.epoch1, p.epoch2) == (1.0e8, 2.0e8)
    assert_allclose(p.shift(3, 5, 5, 1000.0, [1.0e8, 1.5e8, 2.0e8]), [10.0, 20.0, 30.0], rtol=1e-6)
    assert_allclose(p.shift(3, 5, 5, 9000.0, 1.0e8), 30.0, rtol=1e-6)


def test_t_gain_dates_and_missing_epoch(tmp_path):
    def dates(hdus):
        hdus[0].header["EPOCH1"], hdus[0].header["EPOCH2"] = "1998-01-02T00:00:00", "1998-01-03"

    p = build(tmp_path, "T_GAIN", dates)
    assert (p.epoch1, p.epoch2) == (86400.0, 172800.0)

    def without(hdus):
        del hdus[0].header["EPOCH2"]

    (tmp_path / "b").mkdir()
    with pytest.raises(CalibrationError, match="EPOCH2 is None"):
        build(tmp_path / "b", "T_GAIN", without)


def test_cti_maps_volumes_and_temperature(tmp_path):
    chip = build(tmp_path, "CTI").chip(7)
    assert chip.trap_x.shape == chip.trap_y.shape == (1024, 1024)
    assert chip.trap_x[0, 0] == 2.0
    assert chip.trap_y[1023, 1023] == 6.0
    assert_allclose(chip.curves.evaluate("volume_y", 1, 1, 2050.0, extrapolate=False), 410.0, rtol=1e-6)
    assert_allclose(chip.curves.y["fraction_x"], 0.3, rtol=1e-6)
    assert_allclose(chip.temperature_y, [0.02], rtol=1e-6)
    assert_allclose(chip.temperature_x, [0.0])


def test_cti_without_maps(tmp_path):
    def without(hdus):
        del hdus[1:]

    with pytest.raises(CalibrationError, match="no trap map for CCD_ID 7"):
        build(tmp_path, "CTI", without)


def test_subpix(tmp_path):
    p = build(tmp_path, "SUBPIX")
    dx, dy = p.offsets(4, [0, 2, 2, 3], [1000.0, 250.0, 500.0, 500.0])
    assert_allclose(dx, 0.0)
    assert_allclose(dy, [0.0, -0.35, -0.4, 0.0], rtol=1e-6)


def test_subpix_without_chip(tmp_path):
    def nameless(hdus):
        for hdu in hdus:
            del hdu.header["CCD_ID"]

    with pytest.raises(CalibrationError, match="does not say its chip"):
        build(tmp_path, "SUBPIX", nameless)


def test_grade_images(tmp_path):
    p = build(tmp_path, "GRDIMG")
    assert p.at(64, 500.0)[2, 1] == 0.25
    assert p.at([0, 1], [5.0, 50.0]).shape == (2, 3, 3)


def test_badpix(tmp_path):
    p = build(tmp_path, "BADPIX")
    assert len(p) == 4
    s3 = p.of_chip(7)
    assert_array_equal(s3.status, [1, 2])
    assert_array_equal(s3.x, [[5, 5], [10, 20]])
    assert s3.shape == ("point", "rectangle")
    assert s3.time_stop[1] == 6.0e7


def test_badpix_of_one_chip_and_none_at_all(tmp_path):
    path = made.write(tmp_path / "b.fits", *made.badpix())
    assert set(read_product("BADPIX", path, ccd_id=3).chip) == {3}

    def empty(hdus):
        for k, hdu in enumerate(hdus):
            hdus[k] = fits.BinTableHDU(hdu.data[:0], hdu.header)

    assert len(build(tmp_path, "BADPIX", empty)) == 0


def test_qe_interpolates_and_refuses_unknown_chips(tmp_path):
    p = build(tmp_path, "QE")
    assert_allclose(p.at([0.1, 0.65, 4.5, 20.0], 7), [0.1, 0.45, 0.6, 0.4], rtol=1e-6)
    with pytest.raises(CalibrationError, match="nothing for chip 0"):
        p.at(1.0, 0)


def test_qe_selected_hdu_wins(tmp_path):
    hdus = made.qe() + made.qe()
    hdus[0].data["QE"] *= 0.5
    path = made.write(tmp_path / "two.fits", *hdus)
    assert_allclose(read_product("QE", path, hdu=1).at(1.0, 3), 0.4, rtol=1e-6)
    assert_allclose(read_product("QE", path, hdu=3).at(1.0, 3), 0.8, rtol=1e-6)


def test_qeu(tmp_path):
    p = build(tmp_path, "QEU")
    assert_allclose(p.at([1.0, 3.0, 5.0], 1024, 1024, 3), [1.0, 0.75, 0.5])
    assert_allclose(p.at(5.0, 897, [768, 769], 3), [1.0, 0.5])
    assert_allclose(p.at(5.0, 896, 1024, 3), 1.0)


def test_contam_two_layers(tmp_path):
    p = build(tmp_path, "CONTAM")
    corner = p.transmission(1.0, 2e8, 1, 1, 3)
    assert_allclose(corner, np.exp(-(1.0 * 0.4 + 0.5 * 0.4)), rtol=1e-6)
    far = p.transmission(1.0, 2e8, 1024, 1024, 3)
    assert_allclose(far, np.exp(-1.5 * (0.4 + 0.1 * 3.0)), rtol=1e-6)
    later = p.transmission(10.0, 3e8, 1, 1, 3)
    assert_allclose(later, np.exp(-0.5 * 0.6), rtol=1e-6)
    assert_allclose(p.transmission(1.0, 0.0, 1, 1, 3), np.exp(-1.5 * 0.2), rtol=1e-6)


def test_contam_reads_only_the_chip_asked_for(tmp_path):
    path = made.write(tmp_path / "c.fits", *made.contam())
    assert list(read_product("CONTAM", path, ccd_id=7).chips) == [7]


def test_dead_area(tmp_path):
    p = build(tmp_path, "DEAD_AREA")
    assert_allclose(1 - p.at([0, 1024], 3), [0.022, 0.040], atol=5e-5)
    assert_allclose(p.at(512, 7), 1.0)


def test_axeffa_and_sum_of_shells(tmp_path):
    p = build(tmp_path, "AXEFFA")
    assert_allclose(p.at([0.75, 1.125, 3.0]), [700.0, 725.0, 400.0], rtol=1e-6)
    assert_allclose(p.at(1.5, "0001"), 75.0, rtol=1e-6)

    def pairs_only(hdus):
        del hdus[0]

    (tmp_path / "b").mkdir()
    assert_allclose(build(tmp_path / "b", "AXEFFA", pairs_only).at(1.5), 750.0, rtol=1e-6)


def test_vignet(tmp_path):
    p = build(tmp_path, "VIGNET")
    assert_allclose(p.at(1.0, [0.0, 5.0, 10.0], 0.0), [1.0, 0.9, 0.8], rtol=1e-6)
    assert_allclose(p.at(1.0, 10.0, [90.0, 180.0, 270.0, 360.0]), [0.9, 1.0, 0.9, 0.8], rtol=1e-6)


def test_vignet_of_another_size(tmp_path):
    def shorter(hdus):
        columns = [c for c in hdus[0].columns if c.name != "THETA"]
        hdus[0] = made.table(
            [(c.name, c.format, hdus[0].data[c.name]) for c in columns] + [("THETA", "3E", [[0.0, 1.0, 2.0]])]
        )

    with pytest.raises(CalibrationError, match="expected \\(phi, theta, energy\\)"):
        build(tmp_path, "VIGNET", shorter)


@pytest.mark.parametrize("order", [("ECF", "THETA", "PHI", "ENERGY"), ("ENERGY", "ECF", "PHI", "THETA")])
def test_reef_axes_by_keyword(tmp_path, order):
    axes = {"ECF": [0.2, 0.5, 0.9, 0.95], "THETA": [0.0, 5.0], "PHI": [0.0, 90.0, 180.0], "ENERGY": [1.0, 4.0]}
    grids = dict(zip(order[::-1], np.meshgrid(*(axes[n] for n in order[::-1]), indexing="ij"), strict=True))
    radius = 1 + grids["THETA"] + 10 * grids["ECF"] + grids["ENERGY"] + grids["PHI"] / 90
    path = made.write(
        tmp_path / "reef.fits",
        made.table(
            [*((n, f"{len(v)}E", [v]) for n, v in axes.items()), ("RADIUS", "48E", radius.reshape(1, -1))],
            "REEF",
            {"ENERGY": "keV"},
            {"RADIUS": "(" + ",".join(str(len(axes[n])) for n in order) + ")"},
            **{f"{k}CTYP5": n for k, n in enumerate(order, 1)},
        ),
    )
    p = read_product("REEF", path)
    assert_allclose(p.at(4.0, 5.0, 0.5, 90.0), 16.0, rtol=1e-6)
    assert_allclose(p.at(1.0, 0.0, 0.95, 180.0), 13.5, rtol=1e-6)
    with pytest.raises(CalibrationError, match=r"enclosed fraction of 0\.99"):
        p.at(1.0, 0.0, 0.99)


def test_greff_sums_the_shells_with_their_areas(tmp_path):
    p = build(tmp_path, "GREFF")
    (tmp_path / "m").mkdir()
    mirror = build(tmp_path / "m", "AXEFFA")
    assert p.grating == "HETG"
    assert_allclose(p.at(1.5, 0, "MEG", mirror), 0.11, rtol=1e-6)
    assert_allclose(p.at(1.5, 1, "MEG", mirror), 0.12 * 0.7, rtol=1e-6)
    assert_allclose(p.at(1.5, -1, "HEG", mirror), 0.10 * 0.3, rtol=1e-6)
    with pytest.raises(CalibrationError, match="give the mirror area"):
        p.at(1.5, 1, "MEG")
    with pytest.raises(CalibrationError, match="no efficiency for LEG order 1"):
        p.at(1.5, 1, "LEG", mirror)


def test_osip(tmp_path):
    chip = build(tmp_path, "OSIP").table(5)
    assert_allclose(chip.evaluate("low", 100, 100, 2000.0, extrapolate=False), 1800.0, rtol=1e-6)

    def upside_down(hdus):
        hdus[0].data["ENERG_HI"] *= 0.5

    (tmp_path / "b").mkdir()
    with pytest.raises(CalibrationError, match="below its lower limit"):
        build(tmp_path / "b", "OSIP", upside_down)


def test_gmap(tmp_path):
    p = build(tmp_path, "GMAP")
    assert p.norm == 148.0
    assert (p.cell_x, p.cell_y) == (128.0, 128.0)
    assert_allclose(p.at([0, 127, 128], 0), [1.0, 1.0, 1.0 + 1 / 16383], rtol=1e-6)


@pytest.mark.parametrize(
    ("header", "message"), [({"DETNAM": "ACIS-7"}, "expected HRC-I or HRC-S"), ({"SAMPNORM": 0}, "SAMPNORM is 0")]
)
def test_gmap_bad_header(tmp_path, header, message):
    with pytest.raises(CalibrationError, match=message):
        build(tmp_path, "GMAP", lambda hdus: hdus[0].header.update(header))


@pytest.mark.parametrize("transposed", [False, True])
def test_t_gmap_axes_are_told_by_length(tmp_path, transposed):
    def turn(hdus):
        if transposed:
            old = hdus[0].data
            gain, drift = old["GAINMAP"][0].transpose(2, 0, 1), old["TGAIN"][0].T
            hdus[0] = made.table(
                [
                    ("GAINMAP", "48E", np.ascontiguousarray(gain).reshape(1, -1)),
                    ("TGAIN", "18E", np.ascontiguousarray(drift).reshape(1, -1)),
                    *((n, f"{old[n].size}D", old[n]) for n in ("RAWXGRID", "RAWYGRID", "TIMEGRID")),
                ],
                dims={"GAINMAP": "(6,2,4)", "TGAIN": "(3,6)"},
            )

    p = build(tmp_path, "T_GMAP", turn)
    offset, slope = p.at([1024.0, 4095.0], [0.0, 50000.0], 54400.0)
    assert_allclose(offset, 5.0)
    assert_allclose(slope, [101.0 / 2.5, 153.0 / 7.5], rtol=1e-6)


def test_degap(tmp_path):
    p = build(tmp_path, "DEGAP")
    assert_allclose(p.fine("U", [2, 2, 1, 9], [-0.5, 0.5, 0.3, 0.3]), [-0.535, 0.56, 0.3, 0.3], rtol=1e-6)
    path = made.write(tmp_path / "gap.fits", *made.degap())
    assert_allclose(read_product("GAPLOOKUP", path).fine("V", 1, 0.1), 0.106, rtol=1e-6)


def test_gap_lookup_says_that_the_layout_is_unknown(tmp_path):
    path = made.write(tmp_path / "g.fits", made.table([("POS", "E", [0.0]), ("CORR", "E", [1.0])], "AXAF_GAP"))
    with pytest.raises(CalibrationError, match=r"layout of the degap look-up table.*AXAF_GAP\): POS, CORR"):
        read_product("GAPLOOKUP", path)


def test_hrc_tests(tmp_path):
    scale = build(tmp_path, "AMP_SF_COR")
    assert scale.row(116.0) == 1
    assert scale.row(140.0) is None
    assert build(tmp_path, "TAPRINGTEST").axis["V"]["offset"] == 18.0
    assert build(tmp_path, "FPTEST").axis["U"] == {"a": 1.0, "b": 2.0, "h": 3.0, "delta_h": 4.0, "c": 5.0}
    assert build(tmp_path, "EFTEST").limit == 1.0
    saturation = build(tmp_path, "SATTEST")
    assert_array_equal(saturation.ntaps, [4, 1, 1, 2])
    assert saturation.upper[3] == 4090


def test_tap_ring_without_offset_and_with_one_axis(tmp_path):
    def drop(hdus):
        hdus[0] = made.table([(c.name, c.format, hdus[0].data[c.name]) for c in hdus[0].columns if c.name != "OFFSET"])

    assert build(tmp_path, "TAPRINGTEST", drop).axis["U"]["offset"] == 0.0

    def one(hdus):
        hdus[0].data["AXIS"][1] = "U"

    (tmp_path / "b").mkdir()
    with pytest.raises(CalibrationError, match="one row for U and one for V"):
        build(tmp_path / "b", "TAPRINGTEST", one)


def test_grating_regions(tmp_path):
    p = build(tmp_path, "TGMASK2")
    assert p.axes == ("tg_r", "tg_d")
    (source,) = p.select("source", tg_m=1)
    assert len(source.x) == 5
    assert source.backscal == 1.0
    pi = build(tmp_path, "TGPIMASK2")
    assert pi.axes == ("tg_mlam", "pi")
    assert_allclose(pi.shapes[0].y, [20, 20, 200, 200])


@pytest.mark.parametrize(
    ("old", "new"),
    [("CHIPX_MIN", "chipx_lo"), ("CHIPX_MAX", "ChipX_Hi"), ("CCD_ID", "ccd_id"), ("ENERGY", "Energy"), ("PHA", "pha")],
)
def test_spellings(tmp_path, old, new):
    def rename(hdus):
        number = [c.name for c in hdus[0].columns].index(old) + 1
        hdus[0].header[f"TTYPE{number}"] = new

    p = build(tmp_path, "DET_GAIN", rename)
    assert_allclose(p.energy(0, [512, 513], 1, 1000.0), [3000.0, 4000.0], rtol=1e-6)


def test_variable_length_columns(tmp_path):
    def variable(hdus):
        data = hdus[0].data
        cells = [np.array(row[:3], np.float32) for row in data["PHA"]]
        names = [("CCD_ID", "J"), ("CHIPX_MIN", "J"), ("CHIPX_MAX", "J")]
        columns = [fits.Column(n, f, array=data[n]) for n, f in names]
        for name, factor in (("PHA", 1.0), ("ENERGY", 2.0)):
            columns.append(fits.Column(name, "PE(3)", array=np.array([c * factor for c in cells], dtype=object)))
        hdus[0] = fits.BinTableHDU.from_columns(columns, name="AXAF_DETGAIN")

    assert_allclose(build(tmp_path, "DET_GAIN", variable).energy(0, 1, 1, 1000.0), 2000.0, rtol=1e-6)


def test_load_none_lite_and_unknown(tmp_path):
    header = {"DETNAM": "ACIS-7", "DATE-OBS": "2010-01-01T00:00:00"}
    assert load("CTI", "NONE", header) is None
    assert load("QE", "lite", header).is_lite
    with pytest.raises(CalibrationError, match="keep the pulse heights"):
        load("CTI", "lite", header)


@pytest.mark.parametrize("kind", ["file", "lite", "none"])
def test_load_follows_what_the_query_found(tmp_path, monkeypatch, kind):
    path = made.write(tmp_path / "qe.fits", *made.qe())
    found = {"file": SimpleNamespace(path=path, hdu=2), "lite": SimpleNamespace(product="QE"), "none": None}[kind]
    asked = []

    def resolve(product, value, header, **constraints):
        asked.append((product, value, constraints))
        return found

    monkeypatch.setitem(sys.modules, "ciaopy.caldb.query", SimpleNamespace(resolve=resolve))
    p = load("QE", "CALDB(CCD_ID=7)", {"DETNAM": "ACIS-7"}, ccd_id=7)
    assert asked == [("QE", "CALDB(CCD_ID=7)", {"ccd_id": 7})]
    if kind == "file":
        assert [c.chip for c in p.curves] == [7]
        assert p.source == f"{path}[2]"
    else:
        assert (p is None) if kind == "none" else p.is_lite
