"""Run tasks on a Dask cluster: one attempt is one task on a worker's thread, under a watcher of its own there.

Dask moves tasks and finds dead workers; what a lost task means is decided by the supervisor, which tries it again.
Workers need the survey and the raw data at the same paths, and the same version of ciaopy.
"""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ciaopy.batch.attempt import build
from ciaopy.batch.engines.protocol import EngineLostError, Task
from ciaopy.batch.publish import lost_record
from ciaopy.batch.records import read_record, record_path
from ciaopy.batch.server import Attempt, Server
from ciaopy.errors import UserError
from ciaopy.messages import reason

__all__ = ["DaskEngine", "run_attempt"]

#: Seconds to wait for a scheduler that does not answer.
SCHEDULER_WAIT = 60.0
#: Seconds to wait for the first worker.
WORKER_WAIT = 60.0
#: Tasks handed over for each thread of the workers.
WINDOW = 2

#: What Dask raises where the scheduler has just gone.
_GONE = (OSError, TimeoutError, RuntimeError)

# ---------------------------------------------------------------- in a worker
_servers: dict[tuple[str, ...], Server] = {}
_attempts: dict[str, Attempt] = {}
_stopped: set[str] = set()
_lock = threading.Lock()


def run_attempt(task: Task, modules: tuple[str, ...] = ()) -> dict[str, Any]:
    """Carry out one attempt in this process's watch; returns its record.

    Dask gives the tasks of a dead worker to another one by itself. Such a task is not carried out: where its record is
    there, that is the answer; else it is lost, and the supervisor decides. A claim beside the private folders tells.
    """
    from distributed import get_worker

    found = read_record(record_path(Path(task["survey"]), task))
    if found is not None:
        return found
    task["worker"] = str(get_worker().address)
    if task["versions"]["ciaopy"] != _version():  # a worker that has come since the run began
        return lost_record(task, f"the worker {task['worker']} has ciaopy {_version()}")
    key = _key(task)
    claim = Path(task["survey"], "work", f"{key}.claim")
    claim.parent.mkdir(exist_ok=True)
    try:
        with claim.open("x") as file:
            file.write(task["worker"])
    except FileExistsError:
        other = claim.read_text()
        claim.unlink(missing_ok=True)
        return lost_record(task, f"the worker {other} died") | {"worker": other}
    try:
        return _carry_out(task, key, modules)
    finally:
        claim.unlink(missing_ok=True)


def _carry_out(task: Task, key: str, modules: tuple[str, ...]) -> dict[str, Any]:
    """Run an attempt to its end."""
    with _lock:
        if key in _stopped:
            return lost_record(task, "stopped before it began")
        server = _servers.setdefault(modules, Server(modules))
        attempt = _attempts[key] = server.start(build(task))
    try:
        return attempt.wait() or lost_record(task, "its watcher died")
    finally:
        with _lock:
            _attempts.pop(key, None)


def _stop(keys: Sequence[str]) -> None:
    """Stop attempts that run in this process, and those that have not begun."""
    with _lock:
        for key in keys:
            _stopped.add(key)
            if key in _attempts:
                _attempts[key].stop()


def _version() -> str:
    from ciaopy import __version__

    return __version__


def _cores() -> tuple[str, int]:
    """Return this host and the cores that this process may use."""
    import socket

    try:
        return socket.gethostname(), len(os.sched_getaffinity(0))
    except AttributeError:  # macOS has no affinity
        return socket.gethostname(), os.cpu_count() or 1


def _key(task: Task) -> str:
    return f"{task['stage']}-{task['ident']}-{task['config']}-{task['attempt']}"


# ---------------------------------------------------------------- in the supervisor
class DaskEngine:
    """Runs tasks on a cluster.

    Parameters
    ----------
    client : distributed.Client
    modules : sequence of str
        What the work imports; loaded once by each worker.
    owned : tuple
        What is closed in the end: a client, a cluster that were made here.
    """

    name = "dask"
    local = False

    def __init__(self, client: Any, modules: Sequence[str], owned: tuple[Any, ...] = ()) -> None:
        self._client, self._modules, self._owned = client, tuple(modules), owned
        self._ended: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._tasks: dict[str, Task] = {}
        self._futures: dict[str, Any] = {}
        self._fresh: list[str] = []
        self._threads_each = self._look_at_workers()

    @classmethod
    def connect(cls, chosen: Any, workers: int, modules: Sequence[str] = ()) -> DaskEngine:
        """Return an engine on a cluster; see `make_engine` for `chosen`.

        Raises
        ------
        UserError
            Dask is not installed, the scheduler is not reached, has no workers, or they have another ciaopy.
        """
        try:
            import dask
            from distributed import Client, LocalCluster
        except ImportError as error:
            raise UserError(f"Dask is not installed ({error}): pip install 'ciaopy[dask]'") from error
        if isinstance(chosen, Client):
            return cls(chosen, modules)
        if chosen == "dask":
            with dask.config.set({"distributed.scheduler.worker-saturation": 1.0}):
                cluster = LocalCluster(n_workers=workers, threads_per_worker=1, memory_limit=0, dashboard_address=None,
                                       silence_logs=logging.CRITICAL)  # fmt: skip
            client = Client(cluster)
            return cls(client, modules, (client, cluster))
        try:
            if isinstance(chosen, (str, os.PathLike)):
                file = Path(chosen)
                client = (
                    Client(scheduler_file=str(file), timeout=15) if file.is_file() else Client(str(chosen), timeout=15)
                )
            else:
                client = Client(chosen)
        except (OSError, TimeoutError, ValueError) as error:
            raise UserError(f"{chosen}: no Dask scheduler is reached there ({reason(error)})") from error
        try:
            return cls(client, modules, (client,))
        except UserError:
            client.close()
            raise

    def _look_at_workers(self) -> int:
        """Wait for the first worker, check versions, return the threads for each job."""
        try:
            self._client.wait_for_workers(1, timeout=WORKER_WAIT)
        except TimeoutError as error:
            raise UserError(f"the Dask cluster has no workers after {WORKER_WAIT:.0f} s; start some") from error
        own = _version()
        others = {w: v for w, v in self._client.run(_version).items() if v != own}
        if others:
            listed = ", ".join(f"{w} has {v}" for w, v in sorted(others.items()))
            raise UserError(f"this is ciaopy {own}, but {listed}; install one version everywhere")
        cores = self._client.run(_cores)
        threads: dict[str, int] = {}
        for worker, count in self._client.nthreads().items():
            if worker in cores:
                threads[cores[worker][0]] = threads.get(cores[worker][0], 0) + count
        return min((max(number // threads.get(host, 1), 1) for host, number in cores.values()), default=1)

    def slots(self) -> int:
        """Return how many tasks may be handed over: some for each thread of the workers; 0 without a scheduler."""
        if self._client.status != "running":
            return 0
        try:
            threads: int = sum(self._client.nthreads().values())
        except _GONE:
            return 0
        return WINDOW * max(threads, 1)

    def threads(self) -> int | None:
        """Return the threads for each job."""
        return self._threads_each

    def submit(self, task: Task) -> str:
        """Take a task; it is sent with others by the next `wait`."""
        task["engine"] = self.name
        key = _key(task)
        self._tasks[key] = task
        self._fresh.append(key)
        return key

    def _send(self) -> None:
        """Send the tasks that have come in, in one message."""
        keys, self._fresh = self._fresh, []
        if not keys:
            return
        tasks = [self._tasks[k] for k in keys]
        try:
            futures = self._client.map(run_attempt, tasks, modules=self._modules, key=keys, pure=False, retries=0)
        except _GONE:
            self._fresh = keys + self._fresh  # `_check` tells whether it comes back
            return
        for key, future in zip(keys, futures, strict=True):
            self._futures[key] = future
            future.add_done_callback(lambda _, key=key: self._ended.put(key))

    def wait(self, timeout: float | None) -> Sequence[tuple[str, dict[str, Any]]]:
        """Return the records of tasks that have ended.

        Raises
        ------
        EngineLostError
            The scheduler has been gone for a minute.
        """
        self._check()
        self._send()
        found: list[tuple[str, dict[str, Any]]] = []
        try:
            key = self._ended.get(timeout=timeout)
            while True:
                if key in self._futures:
                    found.append((key, self._record(key)))
                key = self._ended.get_nowait()
        except queue.Empty:
            return found

    def _check(self) -> None:
        stop = time.monotonic() + SCHEDULER_WAIT
        while self._client.status != "running":
            if time.monotonic() > stop or self._client.status == "closed":
                raise EngineLostError("the Dask scheduler is gone; what was done is kept, run again to go on")
            time.sleep(0.5)

    def _record(self, key: str) -> dict[str, Any]:
        """Return the record of a task whose future has ended, whichever way."""
        future, task = self._futures.pop(key), self._tasks.pop(key)
        try:
            record: dict[str, Any] = future.result(timeout=30)
        except Exception as error:  # noqa: BLE001 - whatever Dask says, the attempt is lost
            words = " ".join(str(error).split())[:300]
            record = lost_record(task, f"Dask lost it: {type(error).__name__}: {words}")
        finally:
            with contextlib.suppress(Exception):  # a scheduler that is gone
                future.release()
        return record

    def stop(self, handle: str) -> None:
        """Ask for the end of a task."""
        with contextlib.suppress(OSError, TimeoutError):
            self._client.run(_stop, [handle], wait=False)

    def close(self) -> None:
        """End everything that still runs, and what was started here."""
        if self._client.status == "running" and self._futures:
            with contextlib.suppress(Exception):  # workers that are gone need no end
                self._client.run(_stop, list(self._futures), on_error="ignore")
            self._client.cancel(list(self._futures.values()))
        self._futures.clear()
        for one in self._owned:
            with contextlib.suppress(OSError, TimeoutError):
                one.close()
