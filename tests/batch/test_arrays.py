"""Job arrays: the script, tasks that run as plain processes, and their records collected."""

from __future__ import annotations

import json
import shlex
import subprocess
from pathlib import Path

import pytest

from ciaopy.batch import ArrayOptions, Survey, Wishes, collect, run_task, write_array
from ciaopy.batch.engines import array_script
from ciaopy.batch.progress import Progress
from ciaopy.errors import DataError, UsageError

QUIET = Wishes(num_cores=2, min_free=0, progress=Progress())


def states(survey):
    with survey.ledger() as ledger:
        return {(r["ident"], r["stage"]): (r["state"], r["engine"]) for r in ledger.jobs("state != 'superseded'")}


def test_the_script():
    options = ArrayOptions("1:00:00", "2G", 4, "xray", None, 2)
    lines = array_script(Path("/my surveys/a"), 3, options).splitlines()
    assert lines[0] == "#!/bin/bash"
    for line in (
        "--array=0-2%2",
        "--time=1:00:00",
        "--mem=2G",
        "--cpus-per-task=4",
        "--partition=xray",
        "--signal=B:TERM@60",
    ):
        assert f"#SBATCH {line}" in lines
    assert not any("account" in line for line in lines)
    words = shlex.split(lines[-1])
    assert words[0] == "exec" and words[2:7] == ["-m", "ciaopy.cli", "batch", "task", "/my surveys/a"]


def test_tasks_are_run_and_collected(toy, go, tmp_path):
    survey = toy(1, "damaged", 3, "two", name="a survey")
    script, indexes = write_array(survey, ArrayOptions(), chunk=3)
    assert indexes == 2 and script.stat().st_mode & 0o111
    runs = [run_task(survey, i, QUIET) for i in range(2)]
    assert [(r.done, r.failed) for r in runs] == [(9, 1), (7, 0)]
    assert states(survey) == {}, "the ledger is not written by tasks"
    assert run_task(survey, 0, QUIET).launched == 0, "what has a record is not done again"
    assert collect(survey, survey.settings()) == (17, 0)
    assert states(survey)["101TOYE001", "plus"] == ("done", "array")
    assert states(survey)["102TOYE001", "double"] == ("failed", "array")
    assert go(survey).launched == 0
    assert write_array(survey, ArrayOptions())[1] == 0 and not script.exists()


def test_the_same_products_and_ledger_as_here(toy, go):
    here, there = toy(1, 2, "two", name="here"), toy(1, 2, "two", name="there")
    go(here)
    for index in range(write_array(there, ArrayOptions())[1]):
        run_task(there, index, QUIET)
    collect(there, there.settings())
    assert contents(here) == contents(there)
    assert rows(here) == rows(there)


def contents(survey: Survey) -> dict[str, bytes]:
    place = survey.folder / "processed_data"
    kept = [p for p in sorted(place.rglob("*.txt")) if p.is_file()]
    assert kept
    return {str(p.relative_to(place)): p.read_bytes() for p in kept}


def rows(survey: Survey) -> list[dict[str, object]]:
    keys = ("ident", "stage", "config", "obs_id", "state", "attempts", "parameters", "inputs", "extra", "exit_status")
    with survey.ledger() as ledger:
        return [{k: r[k] for k in keys} for r in ledger.jobs("1 order by ident, stage")]


def test_only_what_is_due_is_in_a_second_array(toy, go):
    survey = toy(1, 2)
    go(survey, only=frozenset(["101"]))
    _, indexes = write_array(survey, ArrayOptions())
    assert indexes == 1
    assert json.loads((survey.folder / "slurm/tasks.json").read_text())["tasks"][0][0]["obs_id"] == "102"


def test_wrong_indexes_and_files(toy):
    survey = toy(1)
    with pytest.raises(DataError, match="ciaopy batch slurm"):
        run_task(survey, 0, QUIET)
    write_array(survey, ArrayOptions())
    with pytest.raises(UsageError, match="index 7"):
        run_task(survey, 7, QUIET)


def test_the_script_is_bash(tmp_path):
    path = tmp_path / "array.sh"
    path.write_text(array_script(tmp_path / "it's mine", 1, ArrayOptions()))
    assert subprocess.run(["bash", "-n", str(path)], check=False).returncode == 0
