"""Damaged, empty, foreign and strange files: a finding or one clear error, never a traceback."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from made import TSTART, Cards, content, made, product, write

from ciaopy.conformance import check, check_folder
from ciaopy.errors import DataError, UsageError


def only_fit1(path: Path, word: str) -> None:
    report = check(path)
    assert [f.rule for f in report.findings] == ["FIT-1"], report
    assert word in report.findings[0].message
    assert str(path) not in report.findings[0].message


def test_a_missing_file(tmp_path):
    with pytest.raises(DataError, match=r"nowhere\.fits: no such file"):
        check(tmp_path / "nowhere.fits")


def test_a_folder_without_fits_files(tmp_path):
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(DataError, match="no FITS files in this folder"):
        list(check_folder(tmp_path))


def test_an_unknown_kind(tmp_path):
    with pytest.raises(UsageError, match="no kind evt9; the kinds are aoff1_acis"):
        check(made("evt2_acis", tmp_path), "evt9")


@pytest.mark.parametrize(("text", "word"), [(b"", "empty"), (b"hello", "SIMPLE"), (b"SIMPLE  = T", "END")])
def test_no_fits_at_all(tmp_path, text, word):
    path = tmp_path / "a.fits"
    path.write_bytes(text)
    only_fit1(path, word)


@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.9])
def test_a_file_cut_anywhere(tmp_path, share):
    whole = content("evt2_acis")
    path = tmp_path / "a.fits"
    path.write_bytes(whole[: int(len(whole) * share) // 80 * 80 + 7])
    only_fit1(path, "")


def test_a_gzip_file_cut_short(tmp_path):
    path = tmp_path / "a.fits.gz"
    path.write_bytes(gzip.compress(content("evt2_acis"))[:-200])
    only_fit1(path, "gzip")


def test_a_gzip_file_is_read(tmp_path):
    path = tmp_path / "a_evt2.fits.gz"
    path.write_bytes(gzip.compress(content("evt2_acis")))
    assert check(path).clean
    assert check(tmp_path / "a_evt2.fits").clean


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(tmp_path):
    path = made("evt2_acis", tmp_path)
    path.chmod(0)
    only_fit1(path, "Permission denied")


def test_a_file_that_may_not_be_read_whoever_asks(tmp_path, monkeypatch):
    def refuse(path: object, flags: int) -> int:
        raise PermissionError(13, "Permission denied")

    path = made("evt2_acis", tmp_path)
    monkeypatch.setattr("ciaopy.fits.source.os.open", refuse)
    only_fit1(path, "Permission denied")


@pytest.mark.parametrize("form", ["-3J", "99999999999J", "3Z", "", "1PZ(3)"])
def test_an_impossible_repeat_count(tmp_path, form):
    change = Cards("EVENTS", lambda header: {"TFORM2": form})
    only_fit1(made("evt2_acis", tmp_path, change), "")


@pytest.mark.parametrize("kind", ["evt2_acis", "evt1_hrc", "asol1", "bpix1_acis", "garf", "rmf", "pha2"])
def test_zero_rows(tmp_path, monkeypatch, kind):
    monkeypatch.setattr("made.ROWS", 0)
    report = check(write(product(kind), tmp_path / "a.fits"))
    assert report.kind == kind
    assert report.clean, report.findings


def test_no_columns(tmp_path):
    def strip(hdus: fits.HDUList) -> None:
        header = hdus["EVENTS"].header
        bare = fits.BinTableHDU(name="EVENTS")
        bare.header.update({k: header[k] for k in ("CONTENT", "INSTRUME", "TELESCOP")})
        hdus[hdus.index_of("EVENTS")] = bare

    report = check(made("evt2_acis", tmp_path, strip))
    assert report.kind == "evt2_acis"
    assert {"COL-1", "KEY-1"} <= report.rules("error")


def test_an_hdu_without_a_name_is_unknown(tmp_path):
    change = Cards("EVENTS", lambda header: {"EXTNAME": None, "HDUNAME": None})
    report = check(made("evt2_acis", tmp_path, change))
    assert report.kind is None


def test_repeated_and_undefined_keywords(tmp_path):
    def change(hdus: fits.HDUList) -> None:
        hdus["EVENTS"].header.append(("OBS_ID", "second"), end=True)
        hdus["EVENTS"].header["ONTIME"] = None
        hdus["EVENTS"].header["DSVAL3"] = None
        hdus["EVENTS"].header["TSTART"] = None

    report = check(made("evt2_acis", tmp_path, change))
    assert report.kind == "evt2_acis"
    assert report.ok, report.findings


def test_times_that_are_no_numbers(tmp_path):
    def change(hdus: fits.HDUList) -> None:
        hdus["EVENTS"].data["TIME"][:] = np.nan

    report = check(made("evt2_acis", tmp_path, change))
    assert "TIM-4" in report.rules("error")
    assert "12 of 12 rows outside" in next(f.message for f in report.findings if f.rule == "TIM-4")


def test_undefined_values_are_not_out_of_range(tmp_path):
    def change(hdus: fits.HDUList) -> None:
        hdus["EVENTS"].data["TDETX"][:] = 9999  # TNULL

    assert check(made("evt2_acis", tmp_path, change)).clean


def test_good_times_without_rows(tmp_path):
    def change(hdus: fits.HDUList) -> None:
        hdus[2].data = hdus[2].data[:0]

    report = check(made("evt2_acis", tmp_path, change))
    assert {"TIM-4", "TIM-5"} <= report.rules("error")


def test_events_without_time_or_good_times(tmp_path):
    no_time = check(made("evt2_acis", tmp_path, Cards("EVENTS", lambda header: {"TTYPE1": "tyme"})))
    assert any(f.rule == "COL-1" and "tyme" in f.message for f in no_time.findings)

    def no_gti(hdus: fits.HDUList) -> None:
        del hdus[2:]

    report = check(made("evt2_acis", tmp_path, no_gti))
    assert {"HDU-1", "DSS-1"} == report.rules("error")


def test_variable_length_columns_where_numbers_are_due(tmp_path):
    cells = np.empty(3, object)
    cells[:] = [np.array([1.0]), np.array([]), np.array([2.0, 3.0])]
    table = fits.BinTableHDU.from_columns([fits.Column("time", "PD", array=cells)], name="EVENTS")
    table.header.update(INSTRUME="ACIS", CONTENT="EVT2", TELESCOP="CHANDRA")
    report = check(write(fits.HDUList([fits.PrimaryHDU(), table]), tmp_path / "a_evt2.fits"))
    assert "COL-2" in report.rules("error")


def test_a_compressed_image_and_an_ascii_table(tmp_path):
    image = fits.CompImageHDU(np.ones((32, 32), "i2"), name="IMAGE")
    columns = [fits.Column("START", "D25.17", array=[1.0]), fits.Column("STOP", "D25.17", array=[2.0])]
    text = fits.TableHDU.from_columns(columns, name="GTI")
    hdus = product("evt2_acis")
    hdus.append(image)
    hdus.append(text)
    report = check(write(hdus, tmp_path / "a_evt2.fits"))
    assert report.kind == "evt2_acis"
    assert any(f.rule == "HDU-1" and "ASCII table" in f.message for f in report.findings)


def test_characters_outside_ascii(tmp_path):
    path = made("evt2_acis", tmp_path)
    raw = path.read_bytes()
    at = raw.index(b"OBJECT  = 'made")
    path.write_bytes(raw[: at + 11] + b"\xe9\xff" + raw[at + 13 :])
    only_fit1(path, "OBJECT")


def test_the_file_is_not_touched(tmp_path):
    path = made("evt2_acis", tmp_path)
    path.chmod(0o444)
    before, stamp = path.read_bytes(), path.stat().st_mtime_ns
    check(path)
    assert (path.read_bytes(), path.stat().st_mtime_ns) == (before, stamp)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_a_long_value_is_joined(tmp_path):
    """A region of a subspace is continued over several cards, and a component beyond 9 needs HIERARCH."""

    def change(hdus: fits.HDUList) -> None:
        header = hdus["EVENTS"].header
        shapes = "|".join(f"Circle({4000 + i},4000,3)" for i in range(12))
        header.update(DSTYP4="sky(x,y)", DSVAL4=shapes)
        header["HIERARCH 10DSVAL14"] = "1:2"

    report = check(made("evt2_acis", tmp_path, change))
    assert [f.message for f in report.findings if f.rule == "DSS-2"] == ["10DSVAL14 without DSTYP14"]


def test_times_of_many_rows_in_several_blocks(tmp_path):
    """Rows are read in blocks: order across a border is checked too."""
    rows = 65536 + 10
    time = TSTART + np.linspace(0, 100, rows)
    time[65536] = time[65530]
    columns = [
        fits.Column("time", "1D", unit="s", array=time),
        fits.Column("q_att", "4D", array=np.full((rows, 4), 0.5)),
    ]
    table = fits.BinTableHDU.from_columns(columns, name="ASPSOL")
    report = check(write(fits.HDUList([fits.PrimaryHDU(), table]), tmp_path / "a_asol1.fits"))
    message = next(f.message for f in report.findings if f.rule == "ASP-1")
    assert message.startswith("1 of 65546 rows")
    assert "row 65537" in message
