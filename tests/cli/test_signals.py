"""SIGINT and SIGTERM end a run at once and leave nothing; streams that are closed or full do no harm."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ciaopy.scratch import forget, register, remove_all

BUSY = """
import os, sys, time
from ciaopy.cli import main, run
from ciaopy.cli.reporting import run_guarded
from ciaopy.scratch import register

def stubborn():
    open("half.part", "w").close()
    register("half.part")
    print("ready", flush=True)
    end = time.monotonic() + 20
    while time.monotonic() < end:
        {body}
    return 0

run.run_command = lambda name, words: run_guarded(name, stubborn)
run.is_command = lambda word: True
main.main(["dmcopy"])
"""
BODIES = {
    "sleeping": "time.sleep(0.05)",
    "swallowing": "\n        try:\n            time.sleep(0.05)\n        except BaseException:\n            pass",
}


def heard() -> None:
    """Let SIGINT be heard where the tests run in the background of a shell, which ignores it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def ended(body: str, number: int, folder: Path) -> tuple[int, float, str]:
    """Start a run, send it a signal, return (exit status, seconds, what it said)."""
    process = subprocess.Popen(
        [sys.executable, "-c", BUSY.format(body=body)],
        preexec_fn=heard,
        cwd=folder,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    time.sleep(0.1)
    start = time.monotonic()
    process.send_signal(number)
    _, said = process.communicate(timeout=30)
    return process.returncode, time.monotonic() - start, said


@pytest.mark.parametrize("what", ["sleeping", "swallowing"])
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_run_whatever_becomes_of_its_exception(tmp_path, what, number, status):
    code, _, said = ended(BODIES[what], number, tmp_path)
    assert code == status and "bug" not in said and "Traceback" not in said
    assert ("Keyboard interrupt" in said) == (number == signal.SIGINT)
    if what == "swallowing":  # the last resort: nothing noted as temporary outlives the process
        assert not (tmp_path / "half.part").exists()


def test_an_error_made_of_an_interrupt_is_still_an_interrupt(tmp_path):
    body = (
        BODIES["swallowing"]
        .replace("BaseException:", "BaseException as e:")
        .replace("pass", "raise ImportError('x') from e")
    )
    code, _, said = ended(body, signal.SIGINT, tmp_path)
    assert code == 130 and "bug" not in said


@pytest.mark.parametrize(
    "place",
    [
        "run.is_command = lambda word: installed() and",
        "run.run_command = lambda name, words:",
        "signals.threading.Thread = lambda **how:",  # while the handlers are put in place
    ],
)
def test_an_interrupt_before_the_work_has_begun_and_behind_it(tmp_path, place):
    code = f"""
import os, signal
from ciaopy.cli import main, run, signals

def installed():
    return signal.getsignal(signal.SIGINT).__name__ == "_stop"

{place} os.kill(os.getpid(), signal.SIGINT)
main.main(["dmcopy"])
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, text=True, capture_output=True, preexec_fn=heard)
    assert done.returncode == 130 and "Traceback" not in done.stderr and "Keyboard interrupt" in done.stderr


def test_an_interrupt_that_is_lost_in_a_callback_prints_nothing_and_counts(tmp_path):
    body = """
        class Callback:
            def __del__(self):
                time.sleep(0.2)
        Callback()"""
    code, _, said = ended(body, signal.SIGINT, tmp_path)
    assert code == 130 and "ignored" not in said and "Traceback" not in said


def test_an_ignored_interrupt_stays_ignored(tmp_path):
    code = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\n" + BUSY.format(body="time.sleep(0.05)")
    code = code.replace("+ 20", "+ 0.6")
    process = subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path, text=True, stdout=subprocess.PIPE)
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == 0


def test_scratch_removes_files_and_folders_that_are_noted(tmp_path):
    (tmp_path / "d").mkdir()
    for name in ("d/x", "gone", "kept"):
        (tmp_path / name).write_text("")
    for name in ("d", "gone", "kept", "never there"):
        register(tmp_path / name)
    forget(tmp_path / "kept")
    remove_all()
    assert [p.name for p in tmp_path.iterdir()] == ["kept"]
    for name in ("d", "gone", "never there"):
        forget(tmp_path / name)


def shell(line: str, folder: Path, **env: str) -> subprocess.CompletedProcess[str]:
    program = f"'{sys.executable}' -m ciaopy.cli"
    return subprocess.run(
        ["bash", "-c", line.replace("ciaopy", program)],
        cwd=folder,
        text=True,
        capture_output=True,
        env={**os.environ, **env},
    )


def test_closed_standard_streams_do_not_end_a_run(tmp_path):
    (tmp_path / "t.txt").write_text("#x y\n1 2\n3 4\n")
    for closing in (">&-", "2>&-", "<&-", ">&- 2>&-", "<&- >&- 2>&-"):
        done = shell(f"ciaopy dmcopy t.txt out.fits clobber+ verbose=2 {closing}", tmp_path)
        assert done.returncode == 0 and (tmp_path / "out.fits").read_bytes().startswith(b"SIMPLE"), closing
        assert "Traceback" not in done.stderr
        (tmp_path / "out.fits").unlink()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_full_standard_output_is_an_error_only_for_what_was_asked_to_be_printed(tmp_path):
    (tmp_path / "t.txt").write_text("#x y\n1 2\n3 4\n")
    done = shell("ciaopy dmcopy t.txt out.fits verbose=2 > /dev/full", tmp_path)
    assert done.returncode == 0 and (tmp_path / "out.fits").exists(), done.stderr
    done = shell("ciaopy dmlist t.txt data > /dev/full", tmp_path)
    assert done.returncode == 1 and "standard output: No space left on device" in done.stderr


def test_an_encoding_that_lacks_a_letter_does_not_end_a_run(tmp_path):
    (tmp_path / "caf\u00e9.txt").write_text("#x y\n1 2\n")
    done = shell("ciaopy dmcopy caf*.txt out.fits verbose=5", tmp_path, PYTHONIOENCODING="ascii", LC_ALL="C")
    assert done.returncode == 0, done.stderr
