"""Tasks on a small Dask cluster: the same products, a worker that dies, versions that differ."""

from __future__ import annotations

import logging
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

distributed = pytest.importorskip("distributed", reason="needs ciaopy[dask]")

from ciaopy.batch.engines import cluster as engine_module  # noqa: E402
from ciaopy.batch.engines import make_engine  # noqa: E402
from ciaopy.errors import UserError  # noqa: E402

pytestmark = pytest.mark.filterwarnings("default")
CLUSTER = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None, "memory_limit": 0}
SLOW = 'if mkdir "$3/../first" 2>/dev/null; then echo $$ > "$3/../victim"; sleep 60; fi; echo "$1" > "$2/r.txt"'
COMMAND = f"""
[[command]]
name = "tell"
argv = ["sh", "-c", '''{SLOW}''', "sh", "{{ident}}", "{{out}}", "{{raw}}"]
products = ["r.txt"]
"""


def test_a_worker_dies_and_a_client_that_stays(toy, go, tmp_path):
    survey = toy(*range(8), extra=COMMAND)
    kill = logging.CRITICAL
    with (
        distributed.LocalCluster(silence_logs=kill, **CLUSTER) as own,
        distributed.Client(own) as client,
    ):
        left: list[bool] = []

        def murder():
            stop = time.monotonic() + 60
            path = tmp_path / "raw/victim"
            while time.monotonic() < stop and not (path.exists() and path.read_text().strip()):
                time.sleep(0.02)
            shell = psutil.Process(int(path.read_text()))
            worker = shell.parents()[2]  # behind the watcher and the server
            assert worker.pid in {w.pid for w in own.workers.values()}
            worker.send_signal(signal.SIGKILL)
            psutil.wait_procs([shell], timeout=5)
            left.append(shell.is_running())

        thread = threading.Thread(target=murder)
        thread.start()
        run = go(survey, engine=client)
        thread.join()
        assert client.status == "running" and left == [False]
        assert (run.failed, run.exit_status) == (0, 0)
        assert go(survey, engine=client).launched == 0
    assert len(list(survey.folder.glob("processed_data/toy/*/tell/*/r.txt"))) == 8
    with survey.ledger() as ledger:
        tries = ledger.attempts()
    assert {t["engine"] for t in tries} == {"dask"} and len({t["worker"] for t in tries if t["worker"]}) >= 2
    assert any(t["state"] == "lost" for t in tries)


def test_an_unreachable_scheduler():
    with pytest.raises(UserError, match="no Dask scheduler is reached"):
        make_engine("tcp://127.0.0.1:1", 1)


class OldWorkers:
    """A client whose workers have another ciaopy."""

    status = "running"

    def wait_for_workers(self, number, timeout):
        return None

    def run(self, function):
        return {"tcp://there": "0.0.1"}


class NoWorkers(OldWorkers):
    def wait_for_workers(self, number, timeout):
        raise TimeoutError


def test_workers_of_another_version_and_none():
    with pytest.raises(UserError, match=r"tcp://there has 0\.0\.1; install one version"):
        engine_module.DaskEngine(OldWorkers(), ())
    with pytest.raises(UserError, match="has no workers"):
        engine_module.DaskEngine(NoWorkers(), ())


def test_a_worker_of_another_version_that_comes_later_does_nothing(monkeypatch, tmp_path):
    class Worker:
        address = "tcp://late:1"

    monkeypatch.setattr(distributed, "get_worker", lambda: Worker())
    task = {"survey": str(tmp_path), "ident": "1", "stage": "s", "config": "c", "attempt": 1, "mission": "toy",
            "obs_id": "1", "versions": {"ciaopy": "0.0.1"}, "log": "log"}  # fmt: skip
    record = engine_module.run_attempt(task)
    assert record["state"] == "lost" and record["transient"]
    assert record["message"] == f"the worker tcp://late:1 has ciaopy {engine_module._version()}"
    assert not (tmp_path / "work").exists()


def started(words: list[str], file: Path | None, folder: Path) -> subprocess.Popen[bytes]:
    process = subprocess.Popen([sys.executable, "-m", *words], cwd=folder, stderr=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL)  # fmt: skip
    stop = time.monotonic() + 60
    while file is not None and not file.exists() and time.monotonic() < stop:
        time.sleep(0.02)
    return process


@pytest.mark.slow
def test_the_scheduler_dies_and_another_engine_goes_on(toy, go, tmp_path, monkeypatch):
    monkeypatch.setattr(engine_module, "SCHEDULER_WAIT", 1.0)
    slow = 'echo "$1 $$" >> "$3/../trace"; sleep 0.4; echo "$1" > "$2/r.txt"'
    survey = toy(*range(8), extra=COMMAND.replace(SLOW, slow))
    file = tmp_path / "scheduler.json"
    scheduler = started(["distributed.cli.dask_scheduler", "--port", "0", "--no-dashboard", "--scheduler-file",
                         str(file), "--host", "127.0.0.1"], file, tmp_path)  # fmt: skip
    worker = started(["distributed.cli.dask_worker", "--scheduler-file", str(file), "--nthreads", "2", "--no-dashboard",
                      "--death-timeout", "30", "--memory-limit", "0"], None, tmp_path)  # fmt: skip

    def murder() -> None:
        stop = time.monotonic() + 60
        path = tmp_path / "raw/trace"
        while time.monotonic() < stop and not (path.exists() and len(path.read_text().splitlines()) >= 4):
            time.sleep(0.02)
        scheduler.send_signal(signal.SIGKILL)

    thread = threading.Thread(target=murder)
    thread.start()
    try:
        run = go(survey, engine=str(file))
    finally:
        thread.join()
        scheduler.wait()
        own = psutil.Process(worker.pid)
        family = [own, *own.children(recursive=True)]
        worker.kill()
        worker.wait()
    assert "the Dask scheduler is gone" in run.stopped and run.exit_status == 1
    assert not psutil.wait_procs(family, timeout=10)[1]
    done = {p.parent.name for p in survey.folder.glob("processed_data/toy/*/tell/*/r.txt")}
    assert go(survey).exit_status == 0
    tried = [line.split()[0] for line in (tmp_path / "raw/trace").read_text().splitlines()]
    assert sorted(set(tried)) == [f"{n}TOYE001" for n in range(101, 109)]
    assert all(tried.count(ident) == 1 for ident in done)
