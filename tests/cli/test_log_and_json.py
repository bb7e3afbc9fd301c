"""`--log FILE` and `--json` of commands."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from ciaopy.cli.main import run_application
from ciaopy.fits import Column, Header, Image, Table, Vector, write_dataset


def refuse(name):
    raise AssertionError(f"{name} is no JSON")


def load(text):
    return json.loads(text, parse_constant=refuse)


@pytest.fixture
def files(tmp_path, monkeypatch, private_home):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CIAOPY_LOG", raising=False)
    monkeypatch.delenv("CALDB", raising=False)
    n = 4
    columns = {
        "time": Column("time", np.arange(n) * 3.2, "1D", "s"),
        "ccd_id": Column("ccd_id", np.full(n, 7, np.int16), "1I"),
        "expno": Column("expno", np.arange(n, dtype=np.int32), "1J"),
        "chipx": Column("chipx", np.arange(n, dtype=np.int16), "1I", "pixel"),
        "chipy": Column("chipy", np.arange(n, dtype=np.int16), "1I", "pixel"),
        "energy": Column("energy", np.array([1.0, np.nan, 3.0, 5.0]), "1D", "eV", "Energy", {"TLMIN": (0.0, "")}),
        "phas": Column("phas", np.arange(2 * n, dtype=np.int16).reshape(n, 2), "2I", "adu"),
    }
    header = Header(
        [("TELESCOP", "CHANDRA"), ("INSTRUME", "ACIS"), ("DETNAM", "ACIS-7"), ("DATE-OBS", "2010-01-01T00:00:00"),
         ("EXPOSURE", 12.5, "[s] Exposure time"), ("OBS_ID", "5"), ("HISTORY", "made up")]
    )  # fmt: skip
    Table("EVENTS", columns, header, [Vector("chip", ("chipx", "chipy"))]).write(tmp_path / "evt.fits")
    write_dataset(tmp_path / "img.fits", [Image("IMG", np.arange(6, dtype=np.float32).reshape(2, 3), Header())])
    return tmp_path


# ---- json


def test_dmstat_gives_numbers_with_units_and_null_for_nan(files, capsys):
    assert run_application(["dmstat", "evt.fits[cols energy,phas]", "median=yes", "--json"]) == 0
    found = load(capsys.readouterr().out)
    assert (found["schema"], found["block"], found["kind"]) == ("ciaopy/dmstat/1", "EVENTS", "table")
    energy, first, second = found["results"]
    assert (energy["name"], energy["unit"], energy["min"], energy["max_at"]) == ("energy", "eV", 1.0, 4)
    assert (energy["mean"], energy["median"], energy["good"], energy["null"]) == (3.0, 3.0, 3, 1)
    assert (first["name"], second["name"], second["sum"]) == ("phas[1]", "phas[2]", 16)
    assert run_application(["dmstat", "evt.fits[time=1e9:][cols energy]", "--json", "verbose=0"]) == 0
    empty = load(capsys.readouterr().out)["results"][0]
    assert empty["mean"] is None and empty["min_at"] is None and empty["good"] == 0
    assert run_application(["pget", "dmstat", "out_good"]) == 0
    assert capsys.readouterr().out.strip() == "0", "results are stored all the same"


def test_dmstat_of_an_image_has_the_place_and_the_centroid(files, capsys):
    assert run_application(["dmstat", "img.fits", "--json"]) == 0
    (found,) = load(capsys.readouterr().out)["results"]
    assert found["max"] == 5 and found["max_at"] == [3.0, 2.0]
    assert found["centroid_logical"] == pytest.approx([(1 * 3 + 2 * 5 + 3 * 7) / 15, (0 + 1 + 2 + 2 * 12) / 15])


def test_dmlist_gives_blocks_header_and_columns(files, capsys):
    assert run_application(["dmlist", "evt.fits", "blocks,header,cols", "--json"]) == 0
    found = load(capsys.readouterr().out)
    assert found["blocks"][1] == {"number": 2, "name": "EVENTS", "kind": "table", "rows": 4, "columns": 7}
    cards = {c["keyword"]: c for c in found["header"]}
    assert cards["EXPOSURE"] == {"keyword": "EXPOSURE", "value": 12.5, "unit": "s", "comment": "Exposure time"}
    assert cards["HISTORY"]["value"] == "made up"
    energy = next(c for c in found["columns"] if c["name"] == "energy")
    assert energy == {"number": 6, "name": "energy", "unit": "eV", "type": "Real8", "limits": [0.0, None],
                      "comment": "Energy"}  # fmt: skip
    assert run_application(["dmlist", "evt.fits", "data", "--json"]) == 1
    assert "--json has blocks, header and cols, not data" in capsys.readouterr().err


def test_other_tools_have_no_json(files, capsys):
    assert run_application(["dmcopy", "evt.fits", "o.fits", "--json"]) == 2
    assert "dmcopy has no --json" in capsys.readouterr().err


def test_compare_doctor_and_caldb_status(files, capsys):
    assert run_application(["compare", "evt.fits", "evt.fits[energy=2:9]", "--json"]) == 0
    found = load(capsys.readouterr().out)
    assert found["schema"] == "ciaopy/compare/1" and found["events"] == [4, 2] and found["matched"] == 2
    assert {c["name"]: c["unit"] for c in found["columns"]}["energy"] == "eV" and not found["identical"]
    assert run_application(["compare", "evt.fits", "evt.fits", "--json=c.json"]) == 0
    assert (
        load((files / "c.json").read_text())["identical"] in (True, False) and "matched on" in capsys.readouterr().out
    )
    assert run_application(["caldb", "status", "evt.fits", "--json"]) == 0
    found = load(capsys.readouterr().out)
    assert found["caldb"] is None and found["observation"]["DETNAM"] == "ACIS-7"
    assert {p["source"] for p in found["products"]} <= {"lite", "none"} and found["products"][0]["use"]
    status = run_application(["doctor", "--json"])
    found = load(capsys.readouterr().out)
    assert status == (1 if found["wrong"] else 0) and {"state", "subject", "text", "cure"} == set(found["findings"][0])


# ---- log


LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4} (\w+)\[\d+\] (\w+) +(.*)")


def log_lines(path):
    lines = [LINE.fullmatch(line) for line in path.read_text().splitlines()]
    assert all(lines)
    return [(m[1], m[2], m[3]) for m in lines]


def test_a_log_has_the_command_messages_and_the_end(files, capsys):
    assert run_application(["dmcopy", "evt.fits", "o.fits", "verbose=0", "--log", "run.log"]) == 0
    lines = log_lines(files / "run.log")
    assert lines[0] == ("dmcopy", "START", "dmcopy evt.fits o.fits verbose=0 --log run.log")
    assert lines[1][2].startswith("ciaopy ") and str(files) in lines[1][2]
    assert lines[-1][1] == "END" and lines[-1][2].startswith("status 0 after ")
    assert capsys.readouterr().out == "", "verbose=0 is silent on the screen"


def test_a_failure_stands_in_the_log_and_lines_are_added(files, monkeypatch):
    monkeypatch.setenv("CIAOPY_LOG", "run.log")
    assert run_application(["dmstat", "evt.fits[cols energy]"]) == 0
    before = len(log_lines(files / "run.log"))
    assert run_application(["dmcopy", "none.fits", "o.fits"]) == 1
    lines = log_lines(files / "run.log")[before:]
    kinds = [kind for _, kind, _ in lines]
    assert kinds[0] == "START" and kinds[-2:] == ["ERROR", "END"] and lines[-1][2].startswith("status 1")
    assert "none.fits" in lines[-2][2]
    messages = [text for _, kind, text in log_lines(files / "run.log")[:before] if kind == "INFO"]
    assert any("energy" in text for text in messages)


def test_commands_that_are_no_tools_have_a_log_too(files):
    assert run_application(["check", "evt.fits", "--log=run.log"]) in (0, 1)
    assert log_lines(files / "run.log")[0][:2] == ("ciaopy", "START")


def test_a_log_that_cannot_be_written_is_refused_before_any_work(files, capsys):
    assert run_application(["dmcopy", "evt.fits", "o.fits", "--log", "no/such/folder.log"]) == 1
    assert "the log file cannot be written" in capsys.readouterr().err and not (files / "o.fits").exists()
    assert run_application(["dmcopy", "evt.fits", "o.fits", "--log"]) == 2
    assert "--log needs the name of a file" in capsys.readouterr().err
