"""Watched programs that end well, hang, fork, leave the session, leak, crash and shout; nothing of them is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from ciaopy.batch import supervise
from ciaopy.batch.server import Server
from ciaopy.batch.supervise import Program


@pytest.fixture(scope="module")
def server():
    one = Server()
    yield one
    one.close()


def shell(text: str, tmp_path: Path, **limits: object) -> Program:
    return Program(argv=("sh", "-c", text), environ=dict(os.environ), folder=str(tmp_path),
                   log=str(tmp_path / "log/it.log"), **limits)  # type: ignore[arg-type]  # fmt: skip


def python(text: str, tmp_path: Path, **limits: object) -> Program:
    return Program(argv=(sys.executable, "-S", "-c", text), environ=dict(os.environ), folder=str(tmp_path),
                   log=str(tmp_path / "log/it.log"), **limits)  # type: ignore[arg-type]  # fmt: skip


def is_alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def numbers(path: Path) -> list[int]:
    return [int(w) for w in path.read_text().split()]


def wait_for(path: Path, words: int = 1) -> None:
    stop = time.monotonic() + 20
    while time.monotonic() < stop and not (path.exists() and len(path.read_text().split()) >= words):
        time.sleep(0.01)
    assert path.exists()


def test_output_status_and_an_empty_stdin(server, tmp_path):
    end = server.start(shell("pwd; wc -c; echo wrong >&2; exit 3", tmp_path)).wait()
    assert end["exit_status"] == 3 and end["reason"] == ""
    assert (tmp_path / "log/it.log").read_text().split() == [str(tmp_path), "0", "wrong"]
    assert end["pid"] > 0 and end["cpu_seconds"] >= 0 and end["peak_memory"] > 1e5


def test_environment_is_what_was_given(server, tmp_path):
    program = Program(argv=("/usr/bin/env",), environ={"ONLY": "this"}, log=str(tmp_path / "log"))
    server.start(program).wait()
    assert (tmp_path / "log").read_text() == "ONLY=this\n"


@pytest.mark.parametrize(("argv", "status"), [(("/no/such/program",), 127), ((str(Path(__file__)),), 126)])
def test_a_program_that_cannot_be_started(server, tmp_path, argv, status):
    end = server.start(Program(argv=argv, environ=dict(os.environ), log=str(tmp_path / "log"))).wait()
    assert end["exit_status"] == status
    assert "cannot be started" in (tmp_path / "log").read_text()


def test_death_by_a_signal(server, tmp_path):
    assert server.start(shell("kill -SEGV $$", tmp_path)).wait()["exit_status"] == -signal.SIGSEGV


def test_a_program_and_its_child_that_ignore_sigterm(server, tmp_path):
    text = "trap '' TERM; (trap '' TERM; sleep 60) & echo $$ $! > pids; sleep 60; sleep 60"
    end = server.start(shell(text, tmp_path, timeout=0.4, grace=0.3)).wait()
    assert end["reason"] == "timeout" and end["seconds"] >= 0.4
    assert not any(map(is_alive, numbers(tmp_path / "pids")))


def test_a_program_that_ends_on_sigterm_is_given_the_time(server, tmp_path):
    text = "trap 'echo tidied > tidy; exit 0' TERM; while true; do sleep 0.05; done"
    end = server.start(shell(text, tmp_path, timeout=0.4, grace=5.0)).wait()
    assert end["reason"] == "timeout" and (tmp_path / "tidy").exists()


DAEMON = """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        open("pid", "w").write(str(os.getpid()))
        time.sleep(60)
    os._exit(0)
os.wait()
while not os.path.exists("pid") or not open("pid").read(): time.sleep(0.01)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux hands orphans to the watcher")
def test_a_daemon_that_left_the_session_does_not_outlive_its_parent(server, tmp_path):
    end = server.start(python(DAEMON, tmp_path)).wait()
    assert end["exit_status"] == 0
    assert not is_alive(numbers(tmp_path / "pid")[0])


@pytest.mark.parametrize("how", ["at once", "slowly"])
def test_too_much_memory(server, tmp_path, how):
    piece = "300 << 20" if how == "at once" else "20 << 20"
    text = f"import time\nheld = []\nwhile True:\n    held.append(b'x' * ({piece}))\n    time.sleep(0.02)"
    end = server.start(python(text, tmp_path, memory=150 << 20)).wait()
    assert end["reason"] == "memory" and end["exit_status"] == -signal.SIGKILL
    assert end["peak_memory"] > 150 << 20


def test_a_program_that_shouts(server, tmp_path, monkeypatch):
    text = "import os\nfor _ in range(72): os.write(1, b'x' * (1 << 20))\nprint('the last line')"
    end = server.start(python(text, tmp_path)).wait()
    log = tmp_path / "log/it.log"
    assert end["exit_status"] == 0
    assert log.stat().st_size < 16 << 20
    assert log.read_bytes().endswith(b"the last line\n") and b"bytes of output are left out" in log.read_bytes()


def test_stop(server, tmp_path):
    attempt = server.start(shell("echo $$ > pids; sleep 60", tmp_path))
    wait_for(tmp_path / "pids")
    attempt.stop()
    assert attempt.wait()["reason"] == "stopped"
    assert not is_alive(numbers(tmp_path / "pids")[0])


def test_closing_the_attempt_ends_the_program(server, tmp_path):
    attempt = server.start(shell("trap '' TERM; echo $$ > pids; sleep 60", tmp_path))
    wait_for(tmp_path / "pids")
    pid = numbers(tmp_path / "pids")[0]
    attempt.close()
    psutil.wait_procs([psutil.Process(pid)] if is_alive(pid) else [], timeout=5)
    assert not is_alive(pid)


OWNER = """
import os, sys
from ciaopy.batch.server import Server
from ciaopy.batch.supervise import Program
text = "trap '' TERM; (trap '' TERM; sleep 60) & echo $$ $! > pids; sleep 60; sleep 60"
server = Server()
server.start(Program(argv=("sh", "-c", text), environ=dict(os.environ), folder=sys.argv[1], log="log")).wait()
"""


@pytest.mark.parametrize("victim", ["owner", "server", "watcher"])
def test_whoever_dies_nothing_is_left(tmp_path, victim):
    owner = subprocess.Popen([sys.executable, "-c", OWNER, str(tmp_path)], cwd=tmp_path)
    wait_for(tmp_path / "pids", 2)
    shell_pid, sleeper = numbers(tmp_path / "pids")
    watcher = psutil.Process(shell_pid).parent()
    assert watcher is not None
    chosen = {"owner": owner.pid, "server": watcher.ppid(), "watcher": watcher.pid}[victim]
    os.kill(chosen, signal.SIGKILL)
    if victim == "server":  # the watcher does not need it; the owner's end closes
        assert is_alive(shell_pid)
        owner.kill()
    owner.wait(10)
    stop = time.monotonic() + 5
    left = [shell_pid] if victim == "watcher" else [shell_pid, sleeper, watcher.pid]
    while any(map(is_alive, left)) and time.monotonic() < stop:
        time.sleep(0.02)
    assert not any(map(is_alive, left))
    if is_alive(sleeper):
        os.kill(sleeper, signal.SIGKILL)


LOADING = """
import os, signal, time
{first}
with open("loading", "w") as file: file.write(str(os.getpid()))
time.sleep(60)
"""
LOADER = """
import sys, threading, time
from ciaopy.batch.server import Server
server = Server(["slow_module"])
starting = threading.Thread(target=server._launch) if sys.argv[1] == "thread" else None
if starting:
    starting.start()
    starting.join()
else:
    server._launch()
time.sleep(60)
"""


@pytest.mark.parametrize(
    ("thread", "first"),
    [
        ("thread", ""),
        pytest.param(
            "main",
            "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])",
            marks=pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux ends children"),
        ),
    ],
)
def test_a_server_that_still_loads_modules_does_not_outlive_its_owner(tmp_path, monkeypatch, thread, first):
    (tmp_path / "slow_module.py").write_text(LOADING.format(first=first))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    owner = subprocess.Popen([sys.executable, "-c", LOADER, thread], cwd=tmp_path)
    wait_for(tmp_path / "loading")
    loading = psutil.Process(numbers(tmp_path / "loading")[0])
    owner.kill()
    owner.wait(10)
    assert not psutil.wait_procs([loading], timeout=5)[1]


def test_the_server_is_replaced(tmp_path):
    one = Server()
    try:
        assert one.start(shell("exit 0", tmp_path)).wait()["exit_status"] == 0
        one._process.kill()
        one._process.wait()
        assert one.start(shell("exit 4", tmp_path)).wait()["exit_status"] == 4
    finally:
        one.close()


def test_many_at_once(server, tmp_path):
    attempts = [server.start(shell(f"exit {n}", tmp_path)) for n in range(30)]
    assert [a.wait()["exit_status"] for a in attempts] == list(range(30))


def shout(argument):
    print("in the child", argument["word"])
    return argument["status"]


def report(argument, outcome):
    return {"word": argument["word"], "status": outcome["exit_status"]}


def test_a_function_instead_of_a_program(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    one = Server(["test_supervise"])
    name = "test_supervise"
    try:
        program = Program(call=f"{name}:shout", argument={"word": "hello", "status": 5}, conclude=f"{name}:report",
                          environ=dict(os.environ), folder=str(tmp_path), log=str(tmp_path / "log"))  # fmt: skip
        assert one.start(program).wait() == {"word": "hello", "status": 5}
    finally:
        one.close()
    assert (tmp_path / "log").read_text() == "in the child hello\n"


def test_a_function_that_does_not_exist(server, tmp_path):
    program = Program(call="ciaopy.batch.nowhere:f", environ=dict(os.environ), log=str(tmp_path / "log"))
    assert server.start(program).wait()["exit_status"] == 70
    assert "ModuleNotFoundError" in (tmp_path / "log").read_text()


def test_programs_survive_the_wire():
    program = Program(("a", "b c"), "m:f", {"x": [1, None]}, "m:g", {"K": "v"}, "/f", "/l", 1.5, 7, 0.1)
    assert Program.from_json(program.to_json()) == program


def test_a_short_log_is_left_alone(tmp_path):
    log = tmp_path / "log"
    log.write_text("short\n")
    supervise._shorten(log)
    assert log.read_text() == "short\n"
