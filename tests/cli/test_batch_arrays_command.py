"""`ciaopy batch slurm`, `task` and `collect` at a shell."""

from __future__ import annotations

from pathlib import Path

import pytest

from ciaopy.batch.mission import MISSIONS
from ciaopy.cli.main import run_application

HELPERS = Path(__file__).resolve().parent.parent / "helpers"


def test_an_array_at_a_shell(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PYTHONPATH", str(HELPERS))
    monkeypatch.setitem(MISSIONS, "toy", "toy_mission:TOY")
    monkeypatch.chdir(tmp_path)
    for name, text in (("101", "4"), ("102", "damaged")):
        Path(name).mkdir()
        Path(name, "number.txt").write_text(text)
    run_application(["batch", "init", "sv", "101", "102", "--mission", "toy"])
    Path("sv/survey.toml").write_text(Path("sv/survey.toml").read_text().replace("[run]", '[run]\nmin_free = "0 B"'))
    assert run_application(["batch", "slurm", "sv", "--chunk", "2", "--time", "1:00:00", "--max-running", "3"]) == 0
    out = capsys.readouterr().out
    assert "1 indexes" in out and "sbatch" in out and "#SBATCH --array=0-0%3" in Path("sv/slurm/array.sh").read_text()
    assert run_application(["batch", "task", "sv", "0", "--num-cores", "2"]) == 0
    assert "1 failed" in capsys.readouterr().out
    assert run_application(["batch", "collect", "sv"]) == 0
    assert "6 records taken in" in capsys.readouterr().out
    assert run_application(["batch", "task", "sv", "5"]) == 2
    assert run_application(["batch", "slurm", "sv"]) == 0
    assert "nothing is due" in capsys.readouterr().out


@pytest.mark.parametrize("words", [["--chunk", "0"], ["--cpus", "none"]])
def test_wrong_options(tmp_path, words):
    assert run_application(["batch", "slurm", str(tmp_path), *words]) == 2
