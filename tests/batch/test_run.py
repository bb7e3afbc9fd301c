"""The runner on a mission of text files: what runs, what follows from failures, what is remembered."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from ciaopy.batch.launching import Wishes, due_jobs, launch
from ciaopy.batch.recovery import collect
from ciaopy.batch.survey import Survey, SurveyBusyError
from ciaopy.errors import UsageError, UserError

STAGES = ("prepare_toy", "double", "plus", "minus")


def jobs(survey):
    with survey.ledger() as ledger:
        return {(r["ident"], r["stage"]): r for r in ledger.jobs("state != 'superseded' order by ended")}


def states(survey):
    return {key: row["state"] for key, row in jobs(survey).items()}


def tries(survey):
    with survey.ledger() as ledger:
        return [(r["ident"], r["stage"]) for r in ledger.attempts()]


def product(survey, name, obs=101):
    return (survey.folder / f"processed_data/toy/{obs}/{name}").read_text().strip()


def test_a_chain_from_end_to_end(toy, go):
    survey = toy(21)
    run = go(survey)
    assert (run.launched, run.done, run.failed, run.exit_status) == (4, 4, 0, 0)
    assert product(survey, "101TOYE001-double.txt") == "42"
    assert product(survey, "101TOYE001-plus-a.txt") == "43" and product(survey, "101TOYE001-minus.txt") == "41"
    row = jobs(survey)["101TOYE001", "plus"]
    assert row["parameters"] == {"amount": 1, "label": "a"} and row["attempts"] == 1 and row["seconds"] > 0
    assert row["versions"]["caldb"] == "toy 1" and row["engine"] == "local" and row["exit_status"] == 0
    assert jobs(survey)["101TOYE001", "double"]["inputs"]["number.txt"]["size"] == 3
    assert not list((survey.folder / "work").iterdir())
    link = survey.folder / "processed_data/toy/101/links/101TOYE001"
    assert link.is_symlink() and not link.readlink().is_absolute() and link.read_text() == "42\n"


def test_nothing_is_done_twice(toy, go):
    survey = toy(1, 2)
    go(survey)
    before = tries(survey)
    run = go(survey)
    assert (run.launched, run.done, run.failed) == (0, 0, 0) and tries(survey) == before


@pytest.mark.parametrize(
    ("text", "state", "cause", "words"),
    [("damaged", "failed", "data", "number.txt is damaged"),
     ("uncalibrated", "failed", "calibration", "no calibration"),
     ("bug", "failed", "bug", "ZeroDivisionError"), ("full", "failed", "disk", "No space left"),
     ("later", "skipped", "not yet", "not yet: negative numbers"), ("empty", "skipped", "data", "nothing is left"),
     ("skipped", "skipped", "data", "no need")],
)  # fmt: skip
def test_a_failure_stays_where_it_is(toy, go, text, state, cause, words):
    survey = toy(1, text, 3)
    run = go(survey)
    row = jobs(survey)["102TOYE001", "double"]
    assert (row["state"], row["cause"]) == (state, cause) and words in row["message"]
    follows = "blocked" if state == "failed" else "skipped"
    assert states(survey)["102TOYE001", "plus"] == states(survey)["102TOYE001", "minus"] == follows
    assert sum(s == "done" for s in states(survey).values()) == 9
    assert run.exit_status == (state == "failed")
    assert go(survey).launched == 0, "a final failure is not tried again by itself"
    assert "double" in (survey.folder / row["log"]).name


def test_an_unusable_observation_is_skipped_with_its_reason(toy, go):
    survey = toy("nothing", 2)
    assert go(survey).exit_status == 0
    row = jobs(survey)["101", "prepare_toy"]
    assert row["state"] == "skipped" and row["message"] == "the file says that there is nothing"
    assert {k for k in states(survey) if k[0].startswith("101")} == {("101", "prepare_toy")}


def test_a_stage_that_does_not_apply(toy, go):
    survey = toy("skip")
    assert go(survey).exit_status == 0
    assert jobs(survey)["101TOYE001", "minus"]["message"] == "not of this one"


def test_several_idents(toy, go):
    survey = toy("two")
    assert go(survey).done == 7
    assert {i for i, _ in states(survey)} == {"101", "101TOYE001", "101TOYE002"}


def test_a_changed_parameter_runs_that_stage_again_and_only_it(toy, go):
    survey = toy(5)
    go(survey)
    run = go(survey, parameters={"plus": {"amount": 7, "label": "a"}})
    assert run.launched == 1 and product(survey, "101TOYE001-plus-a.txt") == "17"
    with survey.ledger() as ledger:
        old = list(ledger.jobs("stage = 'plus' order by ended"))
    assert [r["state"] for r in old] == ["superseded", "done"]
    assert go(survey).launched == 1, "going back runs it again"


def test_products_under_other_names_are_both_kept(toy, go):
    survey = toy(5)
    go(survey)
    b = {"plus": {"amount": 1, "label": "b"}}
    assert go(survey, parameters=b).launched == 1
    assert go(survey, parameters=b).launched == 0 and go(survey).launched == 0
    assert product(survey, "101TOYE001-plus-a.txt") == product(survey, "101TOYE001-plus-b.txt") == "11"


def test_a_changed_input_runs_what_depends_on_it(toy, go, tmp_path):
    survey = toy(5, 6)
    go(survey)
    (tmp_path / "raw/101/number.txt").write_text("50\n")
    run = go(survey)
    assert run.launched == 4 and product(survey, "101TOYE001-minus.txt") == "99"
    (tmp_path / "raw/101/number.txt").touch()
    assert go(survey).launched == 1, "only looked at: the content is the same"


def test_a_file_that_is_only_touched_runs_nothing_but_the_inventory(toy, go, tmp_path):
    survey = toy(5)
    go(survey)
    os.utime(tmp_path / "raw/101/number.txt", (1, 1))
    assert go(survey).launched == 1 and go(survey).launched == 0
    assert set(states(survey).values()) == {"done"}


def test_another_calibration_runs_all_again(toy, go, monkeypatch):
    survey = toy(5)
    go(survey)
    monkeypatch.setenv("TOY_CALIBRATION", "toy 2")
    assert go(survey).launched == 3


@pytest.mark.parametrize("damage", [Path.unlink, lambda p: p.write_text("altered\n")])
def test_a_lost_or_altered_product_is_made_again(toy, go, damage):
    survey = toy(5)
    go(survey)
    damage(survey.folder / "processed_data/toy/101/101TOYE001-plus-a.txt")
    due = due_jobs(survey, Wishes())
    assert [d[:2] for d in due] == [("101TOYE001", "plus")] and "missing or changed product" in due[0][2]
    assert go(survey).launched == 1 and product(survey, "101TOYE001-plus-a.txt") == "11"


def test_force_and_only(toy, go):
    survey = toy(5, 6)
    go(survey)
    assert go(survey, force=frozenset(["plus"]), only=frozenset(["102"])).launched == 1
    assert go(survey, force=frozenset(["plus"]), only=frozenset(["101TOYE001"])).launched == 1
    assert go(survey, force=frozenset(["plus"]), only=frozenset(["10"])).launched == 0


def test_some_stages_only(toy, go):
    survey = toy(5)
    assert go(survey, stages=("plus",)).unmet == 1
    assert go(survey, stages=("prepare_toy", "plus")).launched == 1
    assert states(survey) == {("101", "prepare_toy"): "done"}
    assert go(survey, stages=("double",)).launched == 1 and go(survey, stages=("plus",)).launched == 1


def test_order_of_stages_that_prefer_one(toy, go):
    survey = toy(5)
    go(survey)
    assert jobs(survey)["101TOYE001", "minus"]["extra"]["values"]["order"] == ["double", "prepare_toy", "plus"]


def test_timeout_and_a_larger_one(toy, go, tmp_path):
    survey = toy("hang")
    assert go(survey, timeout=1.0).failed == 1
    row = jobs(survey)["101TOYE001", "double"]
    assert row["cause"] == "timeout" and row["attempts"] == 1 and row["seconds"] >= 1
    assert go(survey, timeout=1.0).launched == 0
    assert due_jobs(survey, Wishes(timeout=30.0))[0][2] == "failed (timeout), now with a larger limit"
    (tmp_path / "raw/101/number.txt").write_text("5\n")
    assert go(survey, timeout=30.0).exit_status == 0


COMMAND = """
[[command]]
name = "tell"
needs = ["{needs}"]
argv = ["sh", "-c", '''{text}''', "sh", "{{ident}}", "{{out}}", "{{raw}}", "{{threads}}"{more}]
products = ["r.txt"]
{extra}
"""


def with_command(toy, text, *values, needs="prepare_toy", more="", extra=""):
    return toy(*values, extra=COMMAND.format(text=text, needs=needs, more=more, extra=extra))


def test_a_command_of_the_user(toy, go):
    survey = with_command(
        toy, 'cat "$5" > "$2/r.txt"; echo "$1" >> "$2/r.txt"; pwd', 5, needs="double", more=', "{doubled}"'
    )
    assert go(survey).done == 5
    assert (survey.folder / "processed_data/toy/101/tell/101TOYE001/r.txt").read_text() == "10\n101TOYE001\n"
    log = survey.folder / jobs(survey)["101TOYE001", "tell"]["log"]
    assert log.read_text().strip() == str(survey.folder)


def test_the_world_of_a_command(toy, go, tmp_path):
    text = 'echo "$PFILES|$TMPDIR|$HOME|$NUMBA_NUM_THREADS|$(wc -c)" > "$2/r.txt"'
    survey = with_command(toy, text, 1, 2)
    go(survey, stages=("prepare_toy", "tell"))
    told = [
        (survey.folder / f"processed_data/toy/{o}/tell/{o}TOYE001/r.txt").read_text().strip().split("|")
        for o in (101, 102)
    ]
    assert told[0][0] != told[1][0] and told[0][1] != told[1][1]
    assert {t[2] for t in told} == {os.environ["HOME"]} and {t[4].strip() for t in told} == {"0"}
    assert all(t[1].startswith(str(survey.folder / "work")) for t in told)


def test_exit_status_75_is_tried_again(toy, go):
    text = 'if [ -e "$3/seen" ]; then echo ok > "$2/r.txt"; else touch "$3/seen"; exit 75; fi'
    survey = with_command(toy, text, 1, extra="retries = 1")
    assert go(survey, stages=("prepare_toy", "tell")).exit_status == 0
    assert jobs(survey)["101TOYE001", "tell"]["attempts"] == 2
    assert [t for t in tries(survey) if t[1] == "tell"] == [("101TOYE001", "tell")] * 2
    logs = sorted(p.name for p in (survey.folder / "processed_data/toy/101/logs").glob("*tell*"))
    assert logs == ["101TOYE001_tell.log", "101TOYE001_tell.log.1"]


@pytest.mark.parametrize(
    ("text", "cause", "attempts", "words"),
    [("echo nonsense; exit 3", "command", 1, "exit status 3; last words: nonsense"),
     ("kill -9 $$", "lost", 2, "killed by SIGKILL"),
     ("exit 0", "command", 1, "r.txt was not made"), ("no-such-program-at-all", "command", 1, "exit status 127")],
)  # fmt: skip
def test_commands_that_fail(toy, go, text, cause, attempts, words):
    survey = with_command(toy, text, 1, extra="retries = 1")
    run = go(survey, stages=("prepare_toy", "tell"))
    row = jobs(survey)["101TOYE001", "tell"]
    assert (run.failed, row["cause"], row["attempts"]) == (1, cause, attempts) and words in row["message"]
    assert go(survey, stages=("tell",)).launched == 0
    assert go(survey, stages=("tell",), retry=frozenset(["io"])).launched == 0
    assert go(survey, stages=("tell",), retry=frozenset([cause]), retries=0).launched == 1


def test_no_room_on_the_disk(toy, go):
    survey = toy(5)
    run = go(survey, min_free=10**18)
    assert run.launched == 0 and "disk" in run.stopped and run.exit_status == 1
    assert go(survey).done == 4


def test_threads_are_shared_out(toy, go, tmp_path, monkeypatch):
    monkeypatch.setenv("TOY_TRACE", str(tmp_path / "trace"))
    go(toy(5), num_cores=4)
    assert (tmp_path / "trace").read_text().split()[2] == "4", "one job alone has all cores"
    go(toy(1, 2, 3, 4, name="second"), num_cores=2, threads=1)
    assert {line.split()[2] for line in (tmp_path / "trace").read_text().splitlines()[1:]} == {"1"}


def test_a_survey_can_be_moved_and_its_name_may_have_blanks(toy, go, tmp_path):
    survey = toy(5, name="a survey")
    go(survey)
    moved = tmp_path / "somewhere else" / "my survey"
    moved.parent.mkdir()
    shutil.move(survey.folder, moved)
    again = Survey.open(moved)
    assert go(again).launched == 0
    (moved / "processed_data/toy/101/101TOYE001-minus.txt").unlink()
    assert go(again).launched == 1 and product(again, "101TOYE001-minus.txt") == "9"


def test_a_lost_ledger_is_made_anew(toy, go):
    survey = toy(5, "damaged", "nothing")
    go(survey)
    before, old = states(survey), tries(survey)
    for path in survey.folder.glob("ledger.sqlite*"):
        path.unlink()
    with pytest.raises(UserError, match="ciaopy batch collect"):
        survey.ledger()
    records, observations = collect(survey, survey.settings())
    assert (records, observations) == (len(old), 3)
    done = {k: v for k, v in before.items() if v != "blocked"}
    assert states(survey) == done and go(survey).launched == 0
    assert collect(survey, survey.settings())[0] == 0


def test_an_observation_without_records_is_found_again(toy, go):
    survey = toy(5, 6)
    go(survey, only=frozenset(["101"]))
    for path in survey.folder.glob("ledger.sqlite*"):
        path.unlink()
    assert collect(survey, survey.settings())[1] == 2
    assert go(survey).launched == 4


RUN = """
import sys
from pathlib import Path
from ciaopy.batch.launching import Wishes, launch
from ciaopy.batch.mission import MISSIONS
from ciaopy.batch.progress import Progress
from ciaopy.batch.survey import Survey
MISSIONS["toy"] = "toy_mission:TOY"
run = launch(Survey.open(Path(sys.argv[1])), Wishes(num_cores=2, min_free=0, progress=Progress()))
print(run.done, run.stopped)
sys.exit(run.exit_status)
"""
SLOW = 'echo "$1 $$" >> "$3/../trace"; sleep 0.25; echo "$1" > "$2/r.txt"'


def started(tmp_path, number, seconds=20.0):
    stop = time.monotonic() + seconds
    path = tmp_path / "raw/trace"
    while time.monotonic() < stop:
        lines = path.read_text().splitlines() if path.exists() else []
        if len(lines) >= number:
            return [line.split() for line in lines]
        time.sleep(0.01)
    raise AssertionError(f"fewer than {number} jobs began")


def test_kill_and_go_on(toy, go, tmp_path):
    survey = with_command(toy, SLOW, *range(1, 9))
    process = subprocess.Popen([sys.executable, "-c", RUN, str(survey.folder)], stdout=subprocess.PIPE)
    started(tmp_path, 5)
    with pytest.raises(SurveyBusyError, match=f"process {process.pid}"):
        go(survey)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    done = {p.parent.name for p in (survey.folder / "processed_data").rglob("r.txt")}
    time.sleep(0.6)
    lines = started(tmp_path, 1)
    alive = [pid for _, pid in lines if Path(f"/proc/{pid}").exists() and "sh" in Path(f"/proc/{pid}/comm").read_text()]
    assert not alive and 0 < len(done) < 8
    assert go(survey).exit_status == 0
    assert set(states(survey).values()) == {"done"}
    count = [ident for ident, _ in started(tmp_path, 1)]
    assert all(count.count(ident) == 1 for ident in done) and len(count) <= 8 + 2
    assert not list((survey.folder / "work").iterdir())


def test_a_job_whose_process_is_killed_is_tried_again(toy, go, tmp_path, monkeypatch):
    trace = tmp_path / "trace"
    monkeypatch.setenv("TOY_TRACE", str(trace))
    survey = toy(5, "hang once")

    def murder():
        stop = time.monotonic() + 30
        while time.monotonic() < stop:
            found = [line.split() for line in trace.read_text().splitlines()] if trace.exists() else []
            victim = next((int(w[1]) for w in found if w[0] == "102TOYE001"), None)
            if victim is not None:
                os.kill(victim, signal.SIGKILL)
                return
            time.sleep(0.02)

    thread = threading.Thread(target=murder)
    thread.start()
    run = go(survey)
    thread.join()
    assert (run.failed, run.exit_status) == (0, 0) and set(states(survey).values()) == {"done"}
    with survey.ledger() as ledger:
        first, second = ledger.attempts("ident = '102TOYE001' and stage = 'double'")
    assert (first["state"], first["cause"], second["state"]) == ("failed", "lost", "done")
    assert "killed by SIGKILL" in first["message"] and not list((survey.folder / "work").iterdir())


def test_a_record_that_the_ledger_missed_is_adopted(toy, go):
    survey = toy(5)
    go(survey)
    with survey.ledger(write=True) as ledger:
        row = next(ledger.jobs("stage = 'plus'"))
        ledger.set_state(row, "running")
        attempt = ledger.attempts("stage = 'plus'")[0]
        ledger.put_attempt(attempt | {"state": "running"})
    assert go(survey).launched == 0 and states(survey)["101TOYE001", "plus"] == "done"


@pytest.mark.parametrize("how", ["signal", "cancel"])
def test_an_interrupt_ends_the_run_in_order(toy, go, tmp_path, how):
    survey = with_command(toy, SLOW.replace("0.25", "30"), 1, 2, 3)
    process = subprocess.Popen([sys.executable, "-c", RUN, str(survey.folder)], stdout=subprocess.PIPE, text=True)
    started(tmp_path, 2)
    if how == "signal":
        process.send_signal(signal.SIGINT)
    else:
        survey.cancel_file.touch()
    text, _ = process.communicate(timeout=20)
    assert process.returncode == 130 and ("interrupted" if how == "signal" else "cancelled") in text
    assert survey.supervisor() is None and not list((survey.folder / "work").iterdir())
    assert {r["state"] for r in jobs(survey).values() if r["stage"] == "tell"} == {"cancelled"}


def test_wrong_stages_and_causes(toy):
    survey = toy(1)
    with pytest.raises(UsageError, match="no stage is called 'triple'"):
        launch(survey, Wishes(stages=("triple",)))
    with pytest.raises(UsageError, match="no cause of failure is called 'weather'"):
        launch(survey, Wishes(retry=frozenset(["weather"])))


def test_observations_that_are_none(toy, tmp_path):
    survey = toy(1)
    mission = survey.settings().mission
    with pytest.raises(UserError, match="no such folder"):
        survey.add([tmp_path / "nowhere"], mission)
    with pytest.raises(UserError, match=r"no number\.txt"):
        survey.add([tmp_path], mission)
    with pytest.raises(UserError, match="are not downloaded"):
        survey.add([4711], mission)
    other = tmp_path / "other/101"
    shutil.copytree(tmp_path / "raw/101", other)
    with pytest.raises(UserError, match="of ObsID 101, which the survey has from"):
        survey.add([other], mission)


def test_lists_with_comments_and_repetitions(toy, tmp_path):
    survey = toy(1, 2)
    raw = tmp_path / "raw"
    shutil.copytree(raw / "101", raw / "103")
    (tmp_path / "list").write_text(f"# my targets\n{raw}/101\n\n{raw}/103\n{raw}/103\n")
    assert survey.add([f"@{tmp_path}/list", str(raw / "102")], survey.settings().mission) == ["103"]


def test_folders_that_are_no_survey(tmp_path):
    with pytest.raises(UserError, match="no survey"):
        Survey.open(tmp_path)
    (tmp_path / "file").write_text("x")
    with pytest.raises(UserError, match="not empty and no survey"):
        Survey.create(tmp_path)


def test_a_ledger_of_a_newer_version_and_a_damaged_one(toy, go):
    survey = toy(1)
    with survey.ledger(write=True) as ledger:
        ledger.set("schema", "99")
    with pytest.raises(UserError, match="made by a newer ciaopy"):
        go(survey)
    for path in survey.folder.glob("ledger.sqlite-*"):
        path.unlink()
    survey.ledger_path.write_bytes(b"nothing of a database" * 100)
    with pytest.raises(Exception, match="damaged"):
        go(survey)


def test_records_are_whole_files(toy, go):
    survey = toy(5)
    go(survey)
    records = list((survey.folder / "processed_data/toy/101/records").iterdir())
    assert len(records) == 4 and all(json.loads(p.read_text())["state"] == "done" for p in records)
