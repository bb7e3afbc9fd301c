"""Observations that are downloaded, raw data deleted in the end, runs without a network, a survey's calibration."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from made_caldb import Row, make_caldb, write_events, write_version

from ciaopy.batch.calibrate import Calibration, FetchStoppedError, own_calibration
from ciaopy.batch.launching import Wishes, due_jobs
from ciaopy.batch.mission import MISSIONS
from ciaopy.batch.raw import delete_raw, deleted_listing
from ciaopy.batch.survey import Survey
from ciaopy.caldb import caldb_version
from ciaopy.errors import CalibrationError

HERE = Path(__file__).resolve().parent.parent / "helpers"
DELETE = "\n[download]\ndelete_raw_when_done = true\n"


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Survey]:
    """Make a survey of observations 101, 102, ... that are downloaded from a folder."""
    monkeypatch.setenv("PYTHONPATH", str(HERE))
    monkeypatch.setenv("TOY_ARCHIVE", str(tmp_path / "archive"))
    monkeypatch.setenv("TOY_TRACE", str(tmp_path / "trace"))
    monkeypatch.delenv("CALDB", raising=False)
    monkeypatch.setitem(MISSIONS, "toy_archive", "toy_mission:FETCHED")

    def make(*texts: object, extra: str = "") -> Survey:
        for number, text in enumerate(texts, 101):
            folder = tmp_path / "archive" / str(number)
            folder.mkdir(parents=True)
            (folder / "number.txt").write_text(f"{text}\n")
        survey = Survey.create(tmp_path / "survey", "toy_archive")
        if extra:
            survey.toml.write_text(survey.toml.read_text().replace("\n[download]\n", "\n") + extra)
        survey.add([101 + k for k in range(len(texts))], survey.settings().mission)
        return survey

    return make


def trace(tmp_path: Path, word: str) -> list[str]:
    path = tmp_path / "trace"
    lines = path.read_text().splitlines() if path.exists() else []
    return [line for line in lines if line.split()[0] == word]


def test_a_downloaded_survey_is_not_due_again(archive, go, tmp_path):
    survey = archive(3, 5)
    assert go(survey).done == 2 * 5
    assert go(survey).launched == 0 and not due_jobs(survey, Wishes())
    assert len(trace(tmp_path, "fetch")) == 2


def test_raw_data_are_deleted_when_all_is_done_and_not_missed(archive, go, tmp_path):
    survey = archive(3, "damaged", extra=DELETE)
    raw = survey.folder / "raw"
    (raw / "101").mkdir(parents=True)
    (raw / "101/mine.dat").write_text("the user's own")
    assert go(survey).failed == 1
    assert not (raw / "101/number.txt").exists() and (raw / "101/mine.dat").exists()
    assert (raw / "102/number.txt").exists()  # something of it is not done
    assert go(survey).launched == 0 and not due_jobs(survey, Wishes())
    new = {"plus": {"amount": 2, "label": "b"}}
    assert go(survey, parameters=new).done == 1 and len(trace(tmp_path, "fetch")) == 2  # needs no raw data


def test_deleted_raw_data_are_fetched_again_where_they_are_needed(archive, go, tmp_path):
    survey = archive(3, extra=DELETE)
    go(survey)
    next(survey.folder.glob("processed_data/toy_archive/101/*-double.txt")).unlink()
    assert {j.stage: j.reason for j in due_jobs(survey, Wishes())}["toy_download"].startswith("raw data were deleted")
    run = go(survey, stages=("double",))
    assert (run.launched, run.unmet) == (0, 1)  # the download was not asked for
    assert go(survey).exit_status == 0 and len(trace(tmp_path, "fetch")) == 2
    assert list(survey.folder.glob("processed_data/toy_archive/101/*-double.txt"))
    assert not (survey.folder / "raw/101/number.txt").exists()
    assert not due_jobs(survey, Wishes())


def test_deleting_is_gone_on_with_after_a_death(archive, go):
    survey = archive(3)
    go(survey)
    folder = survey.folder / "raw/101"
    listing = survey.settings().mission.listing(folder)
    assert delete_raw(folder, listing) == 2 and deleted_listing(folder) == listing
    (folder / "number.txt").write_text("3\n")  # as if the death had come between two files
    assert delete_raw(folder, []) == 2 and deleted_listing(folder) == listing
    assert delete_raw(folder, []) == 0 and delete_raw(folder / "nowhere", []) == 0


def test_without_a_network_what_is_not_here_is_missing_until_there_is_one(archive, go, tmp_path):
    survey = archive(3)
    run = go(survey, offline=True)
    assert (run.failed, run.blocked, run.exit_status) == (1, 1, 1)
    with survey.ledger() as ledger:
        row = next(ledger.jobs("stage = 'toy_download'"))
    assert (row["cause"], row["attempts"]) == ("missing", 1) and "no request is allowed" in row["message"]
    assert go(survey, offline=True).launched == 0
    assert go(survey).exit_status == 0 and go(survey, offline=True).exit_status == 0


CALDB = '\n[caldb]\nmirror = "toy 7"\n'


def test_calibration_is_fetched_once_and_before_it_is_used(archive, go, toy, tmp_path):
    survey = archive(3, 5, extra=CALDB)
    assert go(survey).exit_status == 0
    asked = trace(tmp_path, "calibrate")
    assert asked[0] == "calibrate" and sorted(asked[1:]) == ["calibrate", "calibrate 101", "calibrate 102"]
    with survey.ledger() as ledger:
        assert {r["versions"]["caldb"] for r in ledger.jobs()} == {"toy 7"}
    assert "CALDB" not in os.environ and (survey.folder / "caldb/version").is_file()
    assert go(survey).launched == 0
    assert trace(tmp_path, "calibrate")[len(asked) :] == ["calibrate"]  # nothing is due, nothing is asked for


def test_what_would_run_is_told_before_calibration_is_there(archive):
    survey = archive(3, extra=CALDB)
    assert {j.stage for j in due_jobs(survey, Wishes())} == {"toy_download", "prepare_toy"}
    assert not (survey.folder / "caldb").exists()


def test_jobs_have_the_calibration_of_the_supervisor(archive, go, tmp_path):
    text = (
        '\n[[command]]\nname = "tell"\nargv = ["sh", "-c", "echo $CALDB > $0", "{out}/r.txt"]\nproducts = ["r.txt"]\n'
    )
    survey = archive(3, extra=CALDB.replace("toy 7", "x") + 'folder = "own place"\n' + text)
    assert go(survey).exit_status == 0
    said = next(survey.folder.glob("processed_data/toy_archive/101/tell/*/r.txt")).read_text()
    assert said.strip() == str(survey.folder / "own place")


def test_a_fetch_ends_when_the_run_is_to_end(archive):
    survey = archive(3, extra=CALDB)
    with pytest.raises(FetchStoppedError, match="told to end"):
        Calibration(survey, survey.settings()).fetch([], lambda: True)


QE = "data/chandra/acis/qe/qeN0006.fits"


def test_the_caldb_of_a_survey_keeps_its_version(tmp_path):
    survey = Survey.create(tmp_path / "survey", "chandra")
    other = [Row("a.fits", "AXEFFA", instrument="DEFAULT")]
    mirror = make_caldb(survey.folder / "mirror", acis=[Row("qeN0006.fits", "QE")], default=other)
    write_version(mirror, ["4.11.4"])
    survey.toml.write_text(survey.toml.read_text() + '\n[caldb]\nmirror = "mirror"\n')
    folder = write_events(tmp_path / "11843/secondary/acisf11843_000N003_evt1.fits").parent.parent
    calibration = Calibration(survey, survey.settings())
    calibration.fetch([])
    with own_calibration(survey, survey.settings()):
        assert caldb_version() == "4.11.4"
    assert not (survey.folder / "caldb" / QE).exists()
    write_version(mirror, ["4.11.4", "4.12.0"])
    calibration.fetch([("11843", folder)])
    assert (survey.folder / "caldb" / QE).is_file()
    with own_calibration(survey, survey.settings()):
        assert caldb_version() == "4.11.4"  # until the folder is deleted
    shutil.rmtree(survey.folder / "caldb")
    calibration.fetch([("11843", folder)])
    with own_calibration(survey, survey.settings()):
        assert caldb_version() == "4.12.0"


def test_a_mirror_of_calibration_that_is_none_ends_the_run_before_it_begins(archive, go, tmp_path):
    survey = Survey.create(tmp_path / "other", "chandra")
    survey.toml.write_text(survey.toml.read_text() + '\n[caldb]\nmirror = "nowhere"\n')
    with pytest.raises(CalibrationError, match="nowhere: no such folder"):
        go(survey)
    assert not (survey.folder / "processed_data").exists()
