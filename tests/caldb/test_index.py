"""Reading `caldb.indx`."""

from __future__ import annotations

import os
import time

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_caldb import Row, header, index_table, make_caldb, write_index

from ciaopy.caldb import Caldb
from ciaopy.caldb.dates import mission_mjd, parse_mjd
from ciaopy.caldb.index import CalRow, read_index
from ciaopy.errors import CalibrationError

ROWS = [
    Row("acisD1997-04-17qeN0006.fits", "QE", "1997-04-17", cbd=["CCD_ID(0)", "DATAMODE(FAINT)"], hdu=1),
    Row("acisD1997-04-17qeN0006.fits", "QE", "1997-04-17", cbd=["CCD_ID(1)"], hdu=2),
    Row("acisD1997-04-17qeN0005.fits", "QE", "1997-04-17", quality=5),
    Row("acisD2000-01-29gain_ctiN0008.fits", "det_gain", "2000-01-29", clock="20:00:00"),
]


@pytest.mark.parametrize(("width", "count", "dim"), [(70, 9, True), (100, 20, True), (30, 2, True), (70, 9, False)])
def test_conditions_of_any_format(tmp_path, width, count, dim):
    index = read_index(write_index(tmp_path / "caldb.indx", ROWS, width=width, count=count, dim=dim))
    first, second = index.rows("QE")
    assert first.conditions[:2] == ("CCD_ID(0)", "DATAMODE(FAINT)")
    assert [c.name for c in first.boundaries] == ["CCD_ID", "DATAMODE"]
    assert [c.name for c in second.boundaries] == ["CCD_ID"]


def test_rows(tmp_path):
    index = read_index(write_index(tmp_path / "caldb.indx", ROWS))
    assert index.nrows == 4
    assert index.products == ("DET_GAIN", "QE")
    assert [r.number for r in index.rows("qe")] == [1, 2]
    (gain,) = index.rows("DET_GAIN")
    assert gain.start == pytest.approx(51572 + 20 / 24, abs=1e-9)
    assert (gain.folder, gain.hdu, gain.quality) == ("data/chandra/acis/det_gain", 1, 0)
    assert index.rows("NOSUCH") == []


def test_dates_stand_in_for_ref_time(tmp_path):
    rows = [Row("a.fits", "QE", "2000-01-29", clock="20:00:00", ref_time=value) for value in (np.nan, 0.0)]
    index = read_index(write_index(tmp_path / "caldb.indx", rows))
    assert index.start == pytest.approx([51572 + 20 / 24] * 2, abs=1e-9)


def test_versions_of_a_series():
    def row(name):
        return CalRow(1, "", "", "", "", "", "", "d/", name, 1, "T_GAIN", (), 0.0, 0, None, "")

    old, revised, other = map(
        row, ("aD2019t_gainN0008.fits", "aD2019t_gainN0008_revA.fits", "aD2019t_gain_biN0002.fits")
    )
    assert old.series == revised.series != other.series
    assert old.version == (8, "") < revised.version == (8, "_revA")
    assert row("plain.fits").version == (-1, "")


def test_dates():
    assert parse_mjd("2000-01-29") == 51572.0
    assert parse_mjd("2000-01-29T12:00:00") == parse_mjd("2000-01-29", "12:00:00") == 51572.5
    assert parse_mjd("29/01/99") == 51207.0
    assert parse_mjd("2000-01-29T12:00:00Z") == 51572.5
    assert parse_mjd("yesterday") is None and parse_mjd("") is None and parse_mjd("2000-13-01") is None
    assert mission_mjd(86400.0) == 50815.0


def test_the_index_is_kept_and_read_again_when_it_changes(tmp_path):
    path = write_index(tmp_path / "caldb.indx", ROWS)
    first = read_index(path)
    assert read_index(path) is first
    write_index(path, ROWS[:1])
    os.utime(path, ns=(1, 1))
    assert read_index(path).nrows == 1


def test_a_compressed_index(tmp_path):
    path = write_index(tmp_path / "caldb.indx.gz", ROWS)
    assert read_index(path).nrows == 4


def test_missing_file(tmp_path):
    with pytest.raises(CalibrationError, match=r"caldb\.indx: no calibration index there"):
        read_index(tmp_path / "caldb.indx")


def test_no_table(tmp_path):
    path = tmp_path / "caldb.indx"
    fits.PrimaryHDU(np.zeros(3)).writeto(path)
    with pytest.raises(CalibrationError, match="no table with a column CAL_CNAM"):
        read_index(path)


@pytest.mark.parametrize("column", ["CAL_FILE", "CAL_CBD", "TELESCOP", "CAL_XNO"])
def test_missing_column(tmp_path, column):
    table = index_table(ROWS, "acis")
    table.columns.del_col(column)
    fits.HDUList([fits.PrimaryHDU(), fits.BinTableHDU.from_columns(table.columns, name="CIF")]).writeto(tmp_path / "i")
    with pytest.raises(CalibrationError, match=f"no column {column} in this calibration index; it has TELESCOP|INSTR"):
        read_index(tmp_path / "i")


def test_wrong_type(tmp_path):
    columns = [c for c in index_table(ROWS, "acis").columns if c.name != "CAL_FILE"]
    columns.append(fits.Column("CAL_FILE", "D", array=np.zeros(4)))
    fits.HDUList([fits.PrimaryHDU(), fits.BinTableHDU.from_columns(columns, name="CIF")]).writeto(tmp_path / "i")
    with pytest.raises(CalibrationError, match="column CAL_FILE of this calibration index has the wrong type"):
        read_index(tmp_path / "i")


def test_a_row_without_start_is_named(tmp_path):
    root = make_caldb(tmp_path, acis=[Row("a.fits", "QE", start="2000-01-29", ref_time=-1.0)])
    path = root / "data/chandra/acis/caldb.indx"
    with fits.open(path, mode="update") as f:
        f[1].data["CAL_VSD"] = "soon"
    with pytest.raises(CalibrationError, match=r"caldb.indx: row 1 \(a.fits\): neither REF_TIME nor CAL_VSD is a date"):
        Caldb.open({"CALDB": str(root)}).find("QE", header())


def test_a_malformed_condition_is_named_and_harms_no_other_product(tmp_path):
    rows = [Row("a.fits", "QE", cbd=["CCD_ID(0"]), Row("b.fits", "QEU")]
    caldb = Caldb.open({"CALDB": str(make_caldb(tmp_path, acis=rows))})
    assert caldb.find("QEU", header()).path.name == "b.fits"
    with pytest.raises(CalibrationError, match=r"caldb.indx: row 1 \(a.fits\): boundary condition 'CCD_ID\(0' is not"):
        caldb.find("QE", header())


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), max_size=8), st.integers(0, 10**6))
def test_damage_gives_an_index_or_an_error(tmp_path, changes, cut):
    root = make_caldb(tmp_path, acis=ROWS, files=False)
    path = root / "data/chandra/acis/caldb.indx"
    raw = bytearray(path.read_bytes())
    for place, value in changes:
        raw[place % len(raw)] = value
    path.write_bytes(bytes(raw[: len(raw) - cut % (3 * len(raw)) if cut % 3 == 0 else len(raw)]))
    try:
        Caldb.open({"CALDB": str(root)}).search("QE", header())
    except CalibrationError as error:
        assert "caldb.indx" in str(error)


def test_a_query_of_20000_rows_takes_milliseconds(tmp_path):
    rows = [
        Row(f"f{p}N{n:04d}.fits", f"P{p}", "2000-01-29", cbd=[f"CCD_ID({n % 10})", "FP_TEMP(150-165)K"])
        for p in range(40)
        for n in range(500)
    ]
    caldb = Caldb.open({"CALDB": str(make_caldb(tmp_path, acis=rows, files=False))})
    caldb.search("P0", header(), ccd_id=1)
    best = 1.0
    for k in range(1, 6):
        start = time.perf_counter()
        caldb.search(f"P{k}", header(), ccd_id=1)
        best = min(best, time.perf_counter() - start)
    assert best < 0.05
