"""`ciaopy check`: text, JSON, levels, exit status."""

from __future__ import annotations

import json

import numpy as np
import pytest
from astropy.io import fits

from ciaopy.cli.check import faulty_files, join_names, text_lines
from ciaopy.cli.main import run_application
from ciaopy.conformance import RULES, Finding, Report


@pytest.fixture
def asol(tmp_path):
    """A small aspect solution that lacks its keywords, with a quaternion of another length."""
    columns = [
        fits.Column("time", "1D", unit="s", array=np.arange(4.0)),
        fits.Column("q_att", "4D", array=np.ones((4, 4))),
    ]
    table = fits.BinTableHDU.from_columns(columns, name="ASPSOL")
    path = tmp_path / "a_asol1.fits"
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(path, checksum=True)
    return path


@pytest.fixture
def plain(tmp_path):
    path = tmp_path / "plain.fits"
    fits.PrimaryHDU().writeto(path, checksum=True)
    return path


def test_text(asol, capsys):
    assert run_application(["check", str(asol)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"{asol}: asol1: ")
    assert any(line.startswith("  ASP-2 error   ASPSOL: 4 of 4 rows") for line in lines)
    severities = [line.split()[1] for line in lines[1:]]
    assert severities == sorted(severities, key=["error", "warning", "note"].index)


def test_json(asol, plain, capsys):
    assert run_application(["check", "--json", str(asol), str(plain)]) == 1
    first, second = json.loads(capsys.readouterr().out)
    assert (first["file"], first["kind"]) == (str(asol), "asol1")
    assert {"rule", "severity", "hdu", "message"} == set(first["findings"][0])
    assert second["kind"] is None
    assert [f["rule"] for f in second["findings"]] == ["KND-1"]


def test_levels_hide_and_do_not_change_the_status(asol, plain, capsys):
    assert run_application(["check", "--level", "error", str(asol)]) == 1
    assert "warning " not in capsys.readouterr().out.split("\n", 1)[1]
    assert run_application(["check", "--level", "warning", str(plain)]) == 0
    assert capsys.readouterr().out == f"{plain}: unknown kind: conforms\n"


def test_strict_counts_warnings(tmp_path, capsys):
    path = tmp_path / "x_evt2.fits"
    columns = [fits.Column(name, "1D", unit="s", array=[value]) for name, value in (("START", 1.0), ("STOP", 2.0))]
    gti = fits.BinTableHDU.from_columns(columns, name="GTI")
    table = fits.BinTableHDU(name="FILTER")
    gti.header.update(HDUNAME="GTI7", CCD_ID=7)
    table.header["HDUNAME"] = "FILTER"
    fits.HDUList([fits.PrimaryHDU(), table, gti]).writeto(path, checksum=True)
    assert run_application(["check", str(path)]) == 0
    assert "KND-2 warning" in capsys.readouterr().out
    assert run_application(["check", "--strict", str(path)]) == 1


def test_rules(capsys):
    assert run_application(["check", "--rules"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(RULES)
    assert all(rule.severity in line and rule.source in line for line, rule in zip(lines, RULES.values(), strict=True))


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["check"], 2, "no file given"),
        (["check", "nowhere.fits"], 1, "nowhere.fits: no such file"),
        (["check", "--kind", "evt9", "FILE"], 2, "no kind evt9"),
        (["check", "--level", "bad", "FILE"], 2, "bad"),
        (["check", "EMPTY"], 1, "no FITS files in this folder"),
    ],
)
def test_mistakes_are_one_line(plain, tmp_path, capsys, words, status, message):
    empty = tmp_path / "empty"
    empty.mkdir()
    places = {"FILE": str(plain), "EMPTY": str(empty)}
    assert run_application([places.get(w, w) for w in words]) == status
    err = capsys.readouterr().err.strip()
    assert message in err
    assert len(err.splitlines()) == 1


def test_a_missing_file_does_not_hide_the_others(plain, capsys):
    assert run_application(["check", "--json", "nowhere.fits", str(plain)]) == 1
    out = capsys.readouterr()
    assert [row["file"] for row in json.loads(out.out)] == [str(plain)]
    assert "nowhere.fits" in out.err


def test_a_folder_in_name_order(asol, plain, capsys):
    assert run_application(["check", "--json", str(asol.parent)]) == 1
    assert [row["file"] for row in json.loads(capsys.readouterr().out)] == [str(asol), str(plain)]


def test_repeats_are_joined():
    findings = [Finding("KEY-1", "warning", f"GTI{n}", "missing: X") for n in (0, 1, 2, 3, 7)]
    lines = text_lines(Report("a.fits", "evt2_acis", tuple(findings)))
    assert lines == ["a.fits: evt2_acis: 5 warnings", "  KEY-1 warning GTI0-GTI3, GTI7: missing: X"]
    assert join_names(["GTI1", "GTI2", "EVENTS", ""]) == "GTI1, GTI2, EVENTS, "


def test_a_simulated_observation_is_checked(tmp_path, capsys):
    words = ["simulate", str(tmp_path / "o"), "--events", "2000", "--chips", "7", "--exposure", "300", "--no-gzip"]
    assert run_application(words) == 0
    assert "11 files checked: all are what they should be" in capsys.readouterr().out
    (path,) = tmp_path.glob("o/secondary/*_msk1.fits")
    with fits.open(path, "update") as hdus:
        del hdus[1].header["ONTIME"]
    count, lines = faulty_files([tmp_path / "o/secondary", tmp_path / "nowhere"])
    assert count == 7
    assert lines[0] == f"{path}: msk1_acis: 1 error"
    assert "ONTIME" in lines[1]


def test_simulated_files_conform_but_for_what_says_that_they_are_simulated(tmp_path):
    from ciaopy.conformance import check_folder

    words = ["simulate", str(tmp_path / "o"), "--events", "2000", "--chips", "37", "--exposure", "300", "--no-gzip"]
    assert run_application(words) == 0
    found = {f.message for part in ("primary", "secondary") for r in check_folder(tmp_path / "o" / part)
             for f in r.findings if f.severity != "note"}  # fmt: skip
    assert found == {"ORIGIN is 'ciaopy', expected 'ASC'", "DATACLAS is 'SIMULATED', expected 'OBSERVED'"}
