"""`ciaopy batch`: what it prints, and its exit status."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from ciaopy.batch.mission import MISSIONS
from ciaopy.cli.main import run_application

HELPERS = Path(__file__).resolve().parent.parent / "helpers"


@pytest.fixture
def survey(tmp_path, monkeypatch):
    """A survey of the toy mission: five observations, of which three fail or are skipped."""
    monkeypatch.setenv("PYTHONPATH", str(HELPERS))
    monkeypatch.setitem(MISSIONS, "toy", "toy_mission:TOY")
    monkeypatch.chdir(tmp_path)
    names = []
    for number, text in enumerate(("21", "damaged", "nothing", "bug", "5"), 101):
        Path(str(number)).mkdir()
        Path(f"{number}/number.txt").write_text(text)
        names.append(str(number))
    Path("list").write_text("# targets\n" + "\n".join(names))
    assert run_application(["batch", "init", "sv", "@list", "--mission", "toy"]) == 0
    return tmp_path / "sv"


def test_a_survey_at_a_shell(survey, capsys):
    words = ["batch", "run", "sv", "--num-cores", "2", "--min-free", "0 B"]
    assert run_application(words) == 1
    out, err = capsys.readouterr()
    assert "double: 2 done, 2 failed" in out and "ciaopy batch status --failed sv" in out
    lines = [line for line in err.splitlines() if line.startswith("[")]
    assert any(line.endswith("102TOYE001 double failed (data): number.txt is damaged") for line in lines)
    assert run_application(["batch", "status", "sv", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (
        told["observations"] == 5 and told["running"] is False and told["stages"]["double"] == {"done": 2, "failed": 2}
    )
    assert {f["ident"] for f in told["failed"]} == {"102TOYE001", "103", "104TOYE001"}
    assert run_application(["batch", "logs", "sv", "104TOYE001", "double"]) == 0
    assert "ZeroDivisionError" in capsys.readouterr().out
    assert run_application(["batch", "report", "sv", "--html", "r.html", "--csv", "r.csv"]) == 0
    page = Path("r.html").read_text()
    for words_ in ("102TOYE001", "number.txt is damaged", "there is nothing", "toy 1", "amount=1"):
        assert words_ in page
    assert "http://" not in page and "<script" not in page
    rows = list(csv.DictReader(Path("r.csv").read_text().splitlines()))
    assert {r["cause"] for r in rows if r["state"] == "failed"} == {"data", "bug"} and len(rows) == 17


def test_a_dry_run_says_why(survey, capsys):
    run_application(
        ["batch", "run", "sv", "--num-cores", "2", "--min-free", "0", "--disable-progress", "--only", "101"]
    )
    (survey / "processed_data/toy/101/101TOYE001-minus.txt").unlink()
    capsys.readouterr()
    assert run_application(["batch", "run", "sv", "--dry-run", "--only", "101", "--set", "plus.amount=3"]) == 0
    out = capsys.readouterr().out
    assert "101TOYE001 plus: parameters: amount" in out and "minus: missing or changed product" in out
    assert "amount = 3" not in (survey / "survey.toml").read_text()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--set", "plus.amount=-3"], "plus.amount=-3"),
        (["--set", "plus.colour=3"], "no such parameter"),
        (["--set", "times.amount=3"], "no stage is called 'times'"),
        (["--set", "amount"], "expected STAGE.PARAMETER=VALUE"),
        (["--stages", "times"], "no stage is called 'times'"),
        (["--force", "times"], "no stage is called 'times'"),
        (["--timeout", "soon"], "expected a time"),
        (["--memory", "much"], "expected a size"),
        (["--num-cores", "0"], "num-cores"),
        (["--retry-failed=weather"], "no cause of failure"),
        (["--engine", "magic"], "magic"),
    ],
)
def test_wrong_words_end_with_2_before_any_work(survey, capsys, words, says):
    assert run_application(["batch", "run", "sv", *words]) == 2
    assert says in capsys.readouterr().err
    assert not (survey / "processed_data").exists()


def test_wrong_settings_have_a_line(survey, capsys):
    toml = survey / "survey.toml"
    toml.write_text(toml.read_text() + "\n[runs]\n")
    assert run_application(["batch", "run", "sv"]) == 2
    assert f"line {len(toml.read_text().splitlines())}: unknown key 'runs'" in capsys.readouterr().err


def test_folders_that_are_no_survey(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for words in (["run", "nowhere"], ["status", "nowhere"], ["cancel", "nowhere"], ["collect", "nowhere"]):
        assert run_application(["batch", *words]) == 1
        assert "no survey" in capsys.readouterr().err


def test_set_is_remembered(survey):
    words = ["batch", "run", "sv", "--num-cores", "2", "--min-free", "0", "--disable-progress", "--only", "101"]
    run_application([*words, "--set", "plus.amount=3"])
    assert "amount = 3" in (survey / "survey.toml").read_text()
    assert (survey / "processed_data/toy/101/101TOYE001-plus-a.txt").read_text() == "45\n"
    assert run_application(words) == 0
    assert (survey / "processed_data/toy/101/101TOYE001-plus-a.txt").read_text() == "45\n"
