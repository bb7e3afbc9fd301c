"""Surveys on disks that are full or cannot be written to, in two shells at once, and of another ciaopy."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ciaopy.batch import ledger as ledger_module
from ciaopy.batch.launching import Wishes, due_jobs
from ciaopy.batch.progress import Progress
from ciaopy.batch.recovery import collect
from ciaopy.batch.survey import Survey, SurveyBusyError
from ciaopy.errors import UserError

HERE = Path(__file__).resolve().parent.parent / "helpers"
SCRIPT = """
import sys
from ciaopy.batch.mission import MISSIONS
from ciaopy.cli.main import run_application
MISSIONS["toy"] = "toy_mission:TOY"
sys.exit(run_application(sys.argv[1:]))
"""


def ciaopy(*words: str) -> str:
    """Return a shell command that runs ciaopy with the toy mission."""
    return " ".join([sys.executable, "-c", f"'{SCRIPT}'", *words])


def may_mount() -> bool:
    words = ["unshare", "--user", "--map-root-user", "--mount", "true"]
    return (
        shutil.which("unshare") is not None and not subprocess.run(words, check=False, capture_output=True).returncode
    )


mounting = pytest.mark.skipif(not may_mount(), reason="no mounts in a namespace of one's own here")


def in_namespace(*lines: str) -> subprocess.CompletedProcess[str]:
    """Run shell commands that may mount; the mounts vanish with them."""
    words = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", "\n".join(lines)]
    return subprocess.run(words, check=False, capture_output=True, text=True, timeout=120)


@mounting
def test_a_full_disk_is_told_and_the_run_goes_on_when_there_is_room(toy, tmp_path):
    survey = toy(5, "large", 7)
    place = tmp_path / "small"
    place.mkdir()
    go = ciaopy("batch", "run", "survey", "--num-cores", "1", "--min-free", "0", "--disable-progress")
    done = in_namespace(
        f"mount -t tmpfs -o size=8m tmpfs {place}",
        f"cp -r {survey.folder} {place}; cd {place}",
        f"{go}; echo exit $?",
        ciaopy("batch", "status", "survey", "--json"),
        f"mount -o remount,size=64m {place}",
        f"{go} --retry-failed=disk; echo exit $?",
        "cat survey/processed_data/toy/102/*double.txt; ls survey/work",
    )
    first, last = (line for line in done.stdout.splitlines() if line.startswith("exit"))
    assert (first, last) == ("exit 1", "exit 0"), done.stdout + done.stderr
    told = json.loads(done.stdout[done.stdout.index("{") : done.stdout.rindex("}") + 1])
    (failed,) = told["failed"]
    assert failed["ident"] == "102TOYE001" and failed["cause"] == "disk" and "No space left" in failed["message"]
    assert told["stages"]["double"] == {"done": 2, "failed": 1}
    assert done.stdout.splitlines()[-1] == "0"  # and no private folder is left


@mounting
def test_a_disk_without_any_room_damages_nothing(toy, tmp_path):
    survey = toy(*range(6))
    place = tmp_path / "small"
    place.mkdir()
    go = ciaopy("batch", "run", "survey", "--num-cores", "2", "--disable-progress", "--min-free")
    done = in_namespace(
        f"mount -t tmpfs -o size=4m tmpfs {place}",
        f"cp -r {survey.folder} {place}; cd {place}",
        f"{go} '1 MB' --only 101; echo exit $?",
        "head -c 100m /dev/zero > filler 2>/dev/null",
        f"{go} '1 MB'; echo exit $?",
        f"{go} 0; echo exit $?",
        "rm filler",
        f"{go} 0 --retry-failed; echo exit $?",
        "cat survey/processed_data/toy/*/*-double.txt",
    )
    ends = [line for line in done.stdout.splitlines() if line.startswith("exit")]
    assert ends == ["exit 0", "exit 1", "exit 1", "exit 0"], done.stdout + done.stderr
    assert done.stderr.count("cannot be written to (No space left on device); make room and run again") == 2
    assert "Traceback" not in done.stderr and len(done.stderr.splitlines()) == 2
    assert done.stdout.split()[-6:] == [str(2 * n) for n in range(6)]


@mounting
def test_raw_data_that_cannot_be_written_to(toy, tmp_path):
    survey = toy(5)
    go = ciaopy("batch", "run", str(survey.folder), "--num-cores", "1", "--min-free", "0", "--disable-progress")
    raw = tmp_path / "raw"
    done = in_namespace(f"mount --bind {raw} {raw}", f"mount -o remount,ro,bind {raw}", f"touch {raw}/x", go)
    assert done.returncode == 0 and "ead-only" in done.stderr and "4 jobs were run, 4 are done" in done.stdout


@mounting
def test_a_survey_that_cannot_be_written_to_can_be_looked_at(toy, go):
    survey = toy(5)
    go(survey)
    place = str(survey.folder)
    done = in_namespace(
        f"mount --bind {place} {place}",
        f"mount -o remount,ro,bind {place}",
        ciaopy("batch", "run", place),
        "echo exit $?",
        ciaopy("batch", "add", place, place + "/../raw/101"),
        "echo exit $?",
        ciaopy("batch", "status", place),
        "echo exit $?",
    )
    assert [line for line in done.stdout.splitlines() if line.startswith("exit")] == ["exit 1", "exit 1", "exit 0"]
    assert done.stderr.count("cannot be written to (Read-only file system)") == 2 and "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == 2 and "double" in done.stdout


def test_a_network_file_system_is_told_and_used_without_a_log(toy, go, monkeypatch):
    survey = toy(5, 6)
    monkeypatch.setattr(ledger_module, "is_shared", lambda folder: True)
    monkeypatch.setattr(ledger_module, "_WAIT", 0.1)
    told: list[str] = []
    progress = Progress()
    monkeypatch.setattr(progress, "tell", told.append)
    assert go(survey, progress=progress).done == 8
    assert any("network file system" in text for text in told)
    assert not list(survey.folder.glob("ledger.sqlite-*"))
    with survey.ledger() as ledger:
        assert ledger.counts()["double"] == {"done": 2}
    with survey.ledger(write=True) as ledger:
        ledger.set_summary("101", {})
        ledger.commit(True)
        with pytest.raises(UserError, match="a run holds it; wait for its end"):
            survey.ledger()
    assert go(survey).launched == 0


def test_a_survey_where_there_can_be_none(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(UserError, match="a survey cannot be made there"):
        Survey.create(tmp_path / "file/survey")


RUNNING = """
import sys
from pathlib import Path
from ciaopy.batch.launching import Wishes, launch
from ciaopy.batch.mission import MISSIONS
from ciaopy.batch.progress import Progress
from ciaopy.batch.survey import Survey
MISSIONS["toy"] = "toy_mission:TOY"
launch(Survey.open(Path(sys.argv[1])), Wishes(num_cores=1, min_free=0, progress=Progress()))
"""


def test_two_shells_on_one_survey(toy, go, tmp_path):
    survey = toy("hang")
    process = subprocess.Popen([sys.executable, "-c", RUNNING, str(survey.folder)])
    stop = time.monotonic() + 30
    while survey.supervisor() is None and time.monotonic() < stop:
        time.sleep(0.02)
    who = f"process {process.pid} on "
    try:
        with pytest.raises(SurveyBusyError, match=f"{who}.* works on this survey; wait, or end it"):
            go(survey)
        with pytest.raises(SurveyBusyError, match=who):
            collect(survey, survey.settings())
        shutil.copytree(tmp_path / "raw/101", tmp_path / "raw/102")
        with pytest.raises(SurveyBusyError, match=who):
            survey.add([tmp_path / "raw/102"], survey.settings().mission)
        done = subprocess.run(ciaopy("batch", "status", str(survey.folder), "--json"), shell=True, check=True,
                              capture_output=True)  # fmt: skip
        assert json.loads(done.stdout)["running"] is True
    finally:
        process.terminate()
        process.wait(20)
    assert survey.supervisor() is None
    assert survey.add([tmp_path / "raw/102"], survey.settings().mission) == ["102"]


def test_a_survey_of_an_older_ciaopy_goes_on(toy, go):
    survey = toy(5, "later")
    go(survey)
    with survey.ledger(write=True) as ledger:
        for row in list(ledger.jobs()):
            ledger.put_job(row | {"versions": {"ciaopy": "0.0.1"}, "limits": None, "notes": None})
    assert [(j.ident, j.reason) for j in due_jobs(survey, Wishes())] == [
        ("102TOYE001", "skipped by another version of ciaopy")
    ]
    assert go(survey).launched == 1


def test_a_stage_whose_results_have_changed_runs_again(toy, go, monkeypatch):
    import dataclasses

    monkeypatch.syspath_prepend(str(HERE))
    import toy_mission

    survey = toy(5)
    go(survey)
    newer = tuple(dataclasses.replace(s, version=2) if s.name == "plus" else s for s in toy_mission.TOY.stages)
    monkeypatch.setattr(toy_mission, "TOY", dataclasses.replace(toy_mission.TOY, stages=newer))
    assert {(j.stage, j.reason) for j in due_jobs(survey, Wishes())} == {
        ("plus", "calibration, or a new version of the stage")
    }
    assert go(survey).launched == 1 and go(survey).launched == 0
