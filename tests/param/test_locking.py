"""Many processes on one parameter file."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ciaopy.errors import ParameterError
from ciaopy.param import ParFile, locking
from ciaopy.param.locking import locked, rewrite, write_atomic

PSET = "import sys; from ciaopy.cli.param_commands import COMMANDS; sys.exit(COMMANDS['pset'](sys.argv[1:]))"
COUNT = 50


def started(path: Path, *words: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", PSET, str(path), *words])


def test_concurrent_changes_of_different_parameters_are_all_kept(tmp_path: Path) -> None:
    path = tmp_path / "t.par"
    path.write_text("# kept\n" + "".join(f"p{i},i,h,0,,,\n" for i in range(12)))
    for process in [started(path, f"p{i}={i + 1}") for i in range(12)]:
        assert process.wait() == 0
    assert [p.value for p in ParFile.read(path)] == [str(i + 1) for i in range(12)]
    assert [p.name for p in tmp_path.iterdir()] == ["t.par"]


def test_fifty_writers_killed_at_random_leave_one_of_the_written_states(tmp_path: Path) -> None:
    path = tmp_path / "t.par"
    path.write_text('# kept\ntext,s,h,"0",,,"Some text"\nnumber,i,h,0,,,\n')
    long = "x" * 20000
    processes = [started(path, f"text={i}{long}", f"number={i}") for i in range(1, COUNT + 1)]
    dice = random.Random(4938)
    victims = dice.sample(processes, 20)
    while any(process.poll() is None for process in processes):
        time.sleep(0.002)
        if victims and dice.random() < 0.05:
            victims.pop().kill()
        check_state(path, long)
    check_state(path, long)
    assert {process.returncode for process in processes} == {0, -9}
    assert started(path, "number=0", "text=0").wait() == 0
    assert [p.name for p in tmp_path.iterdir()] == ["t.par"]


def check_state(path: Path, long: str) -> None:
    file = ParFile.read(path)
    number = int(file["number"].default)
    assert 0 <= number <= COUNT
    assert file["text"].default == (f"{number}{long}" if number else "0")
    assert path.read_bytes().startswith(b"# kept\n")


def test_the_same_bytes_are_not_written_again(tmp_path: Path) -> None:
    path = tmp_path / "t.par"
    path.write_bytes(b"a")
    before = path.stat()
    rewrite(path, lambda: b"a")
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    rewrite(path, lambda: b"b")
    assert path.read_bytes() == b"b"


def test_a_held_lock_is_waited_for_and_then_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locking, "LOCK_TIMEOUT", 0.05)
    with locked(tmp_path / "t.par") as ours:
        assert ours
        with (
            pytest.raises(ParameterError, match=r"another process holds .*\.t\.par\.lock"),
            locked(tmp_path / "t.par"),
        ):
            pytest.fail("the lock was given twice")
    assert list(tmp_path.iterdir()) == []


def test_without_locks_the_write_is_done_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(descriptor: int, operation: int) -> None:
        raise OSError(95, "not supported")

    monkeypatch.setattr(locking.fcntl, "flock", refuse)
    rewrite(tmp_path / "t.par", lambda: b"b")
    assert (tmp_path / "t.par").read_bytes() == b"b"


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "t.par"
    path.write_bytes(b"old")

    def refuse(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(ParameterError, match=r"cannot write .*t\.par: No space left"):
        write_atomic(path, b"new")
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["t.par"]
