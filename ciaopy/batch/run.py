"""The supervisor: it holds the ledger, hands jobs to an engine, and decides what is tried again."""

from __future__ import annotations

import random
import shutil
import signal
import socket
import threading
import time
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

from ciaopy.batch.calibrate import Calibration, FetchStoppedError
from ciaopy.batch.engines import Engine, EngineLostError, Task
from ciaopy.batch.estimate import estimate
from ciaopy.batch.graph import Node, Plan, Request
from ciaopy.batch.ledger import Ledger
from ciaopy.batch.mission import memory_limit
from ciaopy.batch.progress import Progress
from ciaopy.batch.raw import delete_raw
from ciaopy.batch.records import changed_product, read_record, record_path
from ciaopy.batch.recovery import adopt, sweep
from ciaopy.batch.settings import Settings
from ciaopy.batch.survey import Survey
from ciaopy.batch.tasks import TaskMaker
from ciaopy.errors import CiaopyError

__all__ = ["Options", "Run", "Supervisor"]

#: Longest wait before signals, the cancel file and the progress are looked at, s.
_TICK = 0.5
#: Back-off before a further try: 1, 4, 16 ... s, at most this, and some jitter.
_LONGEST_WAIT = 60.0
#: An attempt of which an engine knows nothing any more is replaced at most this often.
_MOST_LOST = 5


@dataclass(frozen=True)
class Run:
    """What a run did.

    Attributes
    ----------
    launched, done : int
        Jobs started, and those of them that ended well.
    failed, skipped, blocked : int
        Jobs of the stages asked for that stand so afterwards.
    unmet : int
        Jobs not started because what they need is not done and was not asked for.
    stopped : str
        Why the run ended early; empty where it did not.
    """

    launched: int = 0
    done: int = 0
    failed: int = 0
    skipped: int = 0
    blocked: int = 0
    unmet: int = 0
    stopped: str = ""

    @property
    def exit_status(self) -> int:
        """Return the exit status of a command that ran it: 0, 1, or 130 where it was interrupted."""
        if self.stopped in ("interrupted", "cancelled"):
            return 130
        return 1 if self.failed or self.blocked or self.stopped else 0


@dataclass(frozen=True)
class Options:
    """How a run goes about its work; none of this changes a product.

    Attributes
    ----------
    num_cores : int
    threads : int or None
        For each job; None: the cores are shared out.
    retries : int
        Further tries after a transient failure.
    min_free : int
        Bytes; with less on the disk no new job starts.
    keep_failed : bool
        Keep the private folder of a failed attempt.
    """

    num_cores: int
    threads: int | None = None
    retries: int = 2
    min_free: int = 2_000_000_000
    keep_failed: bool = False


@dataclass
class _Running:
    """A job that an engine has."""

    plan: Plan
    node: Node
    task: Task
    memory: int
    started: float = field(default_factory=time.monotonic)


class Supervisor:
    """Runs the jobs of a survey.

    Parameters
    ----------
    survey : Survey
    settings : Settings
    request : Request
    options : Options
    engine : Engine
    progress : Progress
    """

    def __init__(
        self, survey: Survey, settings: Settings, request: Request, options: Options, engine: Engine, progress: Progress
    ) -> None:
        self.survey, self.settings, self.request = survey, settings, request
        self.options, self.engine, self.progress = options, engine, progress
        self.running: dict[Any, _Running] = {}
        self.active: dict[str, Plan] = {}
        self.queue: deque[str] = deque()
        self.states: Counter[str] = Counter()
        self.launched = self.done = 0
        self.stopped = ""
        self.signals = 0
        self.seen = 0
        self._memory = memory_limit() if engine.local else None
        self.tasks = TaskMaker(survey, settings, request, engine.name, options.keep_failed)
        self.calibration = Calibration(survey, settings)
        self._stop_sent = False

    def run(self) -> Run:
        """Do everything that is due.

        Raises
        ------
        SurveyBusyError
            Another supervisor works on the survey.
        """
        with self.survey.lock(), self.survey.ledger(write=True) as ledger:
            self.survey.cancel_file.unlink(missing_ok=True)
            if ledger.shared:
                self.progress.tell(
                    "a network file system: the ledger has no write-ahead log, and is read after the run"
                )
            sweep(self.survey.folder)
            adopt(self.survey, ledger, self.settings)
            return self.run_with(ledger)

    def run_with(self, ledger: Ledger) -> Run:
        """Do everything that is due for the observations of a ledger that nobody else writes."""
        self.ledger = ledger
        with self._listening():
            try:
                self._line_up()
                self._loop()
            except EngineLostError as error:
                self.stopped = str(error)
            finally:
                self.engine.close()
                self._drop_running()
                self.progress.end()
        return self.result()

    def result(self) -> Run:
        """Return the numbers."""
        s = self.states
        return Run(self.launched, self.done, s["failed"], s["skipped"], s["blocked"], s["unmet"], self.stopped)

    def _line_up(self) -> None:
        """Order the observations, the largest first; tell what they will need; fetch their calibration."""
        self.rows = {r["obs_id"]: r for r in self.ledger.observations() if self.request.concerns(r["obs_id"])}
        listings = {o: self._listing(o) for o in self.rows}
        sizes = {o: max((size for _, size in files), default=0) for o, files in listings.items()}
        self.queue.extend(sorted(self.rows, key=lambda o: (-sizes[o], o)))
        names = self.request.wanted - {self.settings.mission.download}
        per_observation = len([s for s in self.request.stages if s.name in names])
        self.progress.begin(len(self.rows), per_observation)
        found = estimate(self.settings.mission, self.request, self.ledger, listings)
        free = shutil.disk_usage(self.survey.folder).free
        self.progress.tell(found.told(free, self.options.min_free, self.engine.slots()))
        here = [o for o, files in listings.items() if files]
        if found.jobs and here and self.settings.caldb is not None:
            self.progress.tell(f"fetching the calibration for {len(here)} observations")
        if found.jobs:
            self._calibrate(here)

    def _listing(self, obs_id: str) -> list[tuple[str, int]]:
        folder = self.survey.raw_folder(self.rows[obs_id]["folder"])
        files = self.settings.mission.of(obs_id).listing(folder) if folder.is_dir() else []
        return [(name, size) for name, size, _ in files]

    def _calibrate(self, obs_ids: list[str]) -> None:
        """Fetch the calibration of observations that are here, where the survey has its own."""
        if self.settings.caldb is None or self.request.offline:
            return
        places = [(o, self.survey.raw_folder(self.rows[o]["folder"])) for o in obs_ids]
        try:
            self.calibration.fetch(places, lambda: bool(self.signals) or self.survey.cancel_file.exists())
        except FetchStoppedError:
            pass  # what told it to stop ends the run
        except CiaopyError as error:
            self.stopped = f"calibration cannot be fetched: {error}"

    # ------------------------------------------------------------ the loop
    def _loop(self) -> None:
        while True:
            self._look_around()
            if self.stopped:
                self._stop_all()
            else:
                self._fill()
            self.ledger.commit()
            if not self.running and (self.stopped or not (self.active or self.queue)):
                break
            for handle, record in self.engine.wait(self._patience()):
                self._ended(handle, record)
            self.progress.tick(self._table)
        for plan in list(self.active.values()):
            self._close(plan)

    def _patience(self) -> float:
        """Return how long to wait for the engine, s."""
        now = time.monotonic()
        waits = [n.not_before - now for p in self.active.values() for n in p.ready() if n.not_before > now]
        return max(min([_TICK, *waits]), 0.005)

    def _look_around(self) -> None:
        if self.signals:
            self.stopped = "interrupted"
        elif self.survey.cancel_file.exists():
            self.stopped = "cancelled"
            self.survey.cancel_file.unlink(missing_ok=True)

    def _stop_all(self) -> None:
        if not self._stop_sent:
            self._stop_sent = True
            for handle in self.running:
                self.engine.stop(handle)

    def _fill(self) -> None:
        """Start what can be started."""
        slots = self._slots()
        while len(self.running) < slots:
            found = self._next()
            if found is None:
                return
            if not self._room_on_disk():
                if not self.running:
                    self.stopped = self._disk_message()
                return
            plan, node = found
            memory = self._predicted(node)
            if self._memory is not None and self.running and memory + self._used_memory() > self._memory:
                return
            self._start(plan, node, memory)

    def _slots(self) -> int:
        most: int = self.engine.slots()
        if self.engine.local and self.options.threads:
            most = min(most, max(self.options.num_cores // self.options.threads, 1))
        return most

    def _next(self) -> tuple[Plan, Node] | None:
        """Return the next job: of an observation that has begun if there is one, else of the next observation."""
        now = time.monotonic()
        while True:
            for plan in list(self.active.values()):
                for node in plan.ready():
                    if node.not_before <= now:
                        return plan, node
                if plan.finished:
                    self._close(plan)
            if not self.queue or len(self.active) > 4 * self.engine.slots() + 16:
                return None
            self._open(self.queue.popleft())

    def _open(self, obs_id: str) -> None:
        jobs = self.ledger.jobs("obs_id = ?", (obs_id,))
        self.active[obs_id] = self.settings.mission.plan(self.survey.folder, self.request, self.rows[obs_id], jobs)

    def _close(self, plan: Plan) -> None:
        """Count and forget an observation; what was given up is entered into the ledger."""
        for node in plan.nodes.values():
            if node.stage.name in self.request.wanted:
                self.states[node.state] += 1
            if node.given or (node.state in ("blocked", "skipped") and node.stage.name in self.request.wanted):
                self._enter(plan, node)
        if plan.prepared.state == "unmet" and plan.prepared.stage.name not in self.request.wanted:
            self.states["unmet"] += 1
        self.progress.forget(plan)
        self.active.pop(plan.obs_id, None)
        if self.settings.download.get("delete_raw_when_done") and plan.all_done:
            self._delete_raw(plan)

    def _delete_raw(self, plan: Plan) -> None:
        """Delete what was downloaded of an observation of which everything is done."""
        try:
            freed = delete_raw(plan.folder, plan.listing)
        except OSError as error:
            self.progress.tell(f"{plan.folder}: raw data cannot be deleted: {error}")
            return
        if freed:
            self.progress.tell(f"{plan.obs_id}: everything is done, {freed / 1e6:.1f} MB of raw data deleted")

    def _enter(self, plan: Plan, node: Node) -> None:
        """Enter a job that was not tried, unless it stands in the ledger so."""
        rows = plan.rows.get((node.ident, node.stage.name), {})
        if node.config in rows and rows[node.config]["state"] == node.state:
            return
        if self.ledger.last_number(node.ident, node.stage.name, node.config):
            self.ledger.set_state({"ident": node.ident, "stage": node.stage.name, "config": node.config}, node.state)
            return
        cause = "" if node.given else "data" if node.state == "skipped" else "blocked"
        now = {"state": node.state, "cause": cause, "message": node.message, "ended": time.time()}
        if node.given:
            now |= {"extra": node.extra, "versions": self.tasks.versions(plan) | node.extra.get("values", {})}
        self.ledger.put_job(self.tasks.row(plan, node) | now)

    # ------------------------------------------------------------ one job
    def _predicted(self, node: Node) -> int:
        return int(node.stage.memory(node.facts, node.parameters))

    def _used_memory(self) -> int:
        return sum(r.memory for r in self.running.values())

    def _room_on_disk(self) -> bool:
        return bool(shutil.disk_usage(self.survey.folder).free >= self.options.min_free)

    def _disk_message(self) -> str:
        free = shutil.disk_usage(self.survey.folder).free
        return (
            f"disk: {free / 1e9:.2f} GB are free at {self.survey.folder}, and {self.options.min_free / 1e9:.2f} GB are"
            " to stay free (--min-free); make room and run again"
        )

    def _threads(self) -> int:
        """Return the threads of the next job: the free cores, shared with what else can run now."""
        given: int | None = self.engine.threads() or self.options.threads
        if given:
            return given
        cores = self.options.num_cores
        ready = sum(len(p.ready()) for p in self.active.values()) + len(self.queue)
        used: int = sum(r.task["threads"] for r in self.running.values())
        share = cores // max(min(cores, len(self.running) + ready), 1)
        return max(min(share, cores - used), 1)

    def _start(self, plan: Plan, node: Node, memory: int) -> None:
        """Hand a job to the engine; one whose record is there already is taken over instead."""
        row = self.tasks.row(plan, node)
        number = self.ledger.last_number(node.ident, node.stage.name, node.config) + 1
        forced = node.stage.name in self.request.force and not node.tries
        earlier = [number - 1] if node.tries else []  # an attempt that was lost to us, but not to itself
        for written in [] if forced else [number, *earlier]:
            named = row | {"mission": plan.mission.name, "attempt": written}
            found = read_record(record_path(self.survey.folder, named))
            if found is None or found["state"] != "done":
                continue
            if not changed_product(self.survey.folder, found["products"]):
                self._settle(plan, node, found)
                return
            number = max(number, written + 1)
        for other in plan.rows.get((node.ident, node.stage.name), {}).values():
            if other["config"] != node.config and other["state"] not in ("done", "superseded"):
                self.ledger.set_state(other, "superseded")
        task = self.tasks.task(plan, node, number, self._threads(), self.rows[plan.obs_id])
        task |= {k: row[k] for k in ("parameters", "inputs", "versions")}
        begun = {**row, "state": "running", "attempts": number, "started": time.time(), "host": socket.gethostname()}
        self._keep_old_log(task["log"])
        self.ledger.put_job({**begun, "log": task["log"]})
        self.ledger.put_attempt({**begun, "number": number, "log": task["log"]})
        self.ledger.commit()
        node.state = "running"
        self.launched += node.tries == 0
        handle = self.engine.submit(task)
        self.running[handle] = _Running(plan, node, task, memory)

    def _keep_old_log(self, log: str) -> None:
        """Give the log of an earlier attempt a number."""
        path = self.survey.folder / log
        if not path.exists():
            return
        number = 1
        while path.with_name(f"{path.name}.{number}").exists():
            number += 1
        path.rename(path.with_name(f"{path.name}.{number}"))
        self.ledger.rename_log(log, f"{log}.{number}")

    def _ended(self, handle: Any, record: dict[str, Any]) -> None:
        """Take the record of an attempt in, and decide what follows."""
        job = self.running.pop(handle)
        plan, node = job.plan, job.node
        if record["state"] == "cancelled" and not self.stopped:
            record = {**record, "state": "failed"}
        again = not self.stopped and self._try_again(node, record)
        self._settle(plan, node, record, again)

    def _settle(self, plan: Plan, node: Node, record: dict[str, Any], again: bool = False) -> None:
        self.ledger.take(record)
        node.message = record["message"]
        if again:
            node.state = "due"
            self.ledger.set_state(record, "waiting")
            return
        node.state = "failed" if record["state"] == "lost" else record["state"]
        if record["state"] == "lost":
            self.ledger.set_state(record, "failed" if not self.stopped else "waiting")
        if node.state in ("done", "skipped"):
            node.extra = record["extra"]
            self.done += node.state == "done"
            if "summary" in record["extra"]["values"]:
                self.ledger.set_summary(plan.obs_id, record["extra"]["values"]["summary"])
            if node.state == "done":
                self._go_on(plan, node, record)
        self.seen += 1
        self.progress.finished(plan, node, record, self.seen, self._total())
        for given_up in plan.follow():
            self.progress.given_up(plan, given_up)
        if plan.finished:
            self._close(plan)

    def _go_on(self, plan: Plan, node: Node, record: dict[str, Any]) -> None:
        """Make the jobs that could not be known before this one had ended."""
        if node.stage.name == plan.mission.download:
            plan.arrived()
        elif node.stage.name == plan.mission.prepare:
            if plan.archived:
                self._calibrate([plan.obs_id])
            plan.expand(record["extra"])

    def _total(self) -> int:
        """Return the number of jobs of this run as far as it is known: seen, known to come, of observations to come."""
        known = sum(1 for p in self.active.values() for n in p.nodes.values() if n.state in ("due", "running"))
        return self.seen + known + len(self.queue) * self.progress.per_observation

    def _try_again(self, node: Node, record: dict[str, Any]) -> bool:
        """Return True where a further try may help, and set its time."""
        if record["state"] not in ("failed", "lost") or not record["transient"]:
            return False
        own = node.stage.retries
        most = _MOST_LOST if record["state"] == "lost" else self.options.retries if own is None else own
        if node.tries >= most:
            return False
        if record["cause"] == "memory":
            limit = self.request.limits(node.stage)["memory"]
            if limit is not None and self._memory is not None and 2 * limit > self._memory:
                return False
            node.memory_factor = 2
        wait = min(4.0**node.tries, _LONGEST_WAIT) * random.uniform(0.8, 1.2)
        node.not_before = time.monotonic() + (0.0 if record["state"] == "lost" else wait)
        node.tries += 1
        return True

    def _drop_running(self) -> None:
        """Enter what was running when the run ended as lost: it runs again next time."""
        for job in self.running.values():
            job.node.state = "cancelled"
            row = {"ident": job.node.ident, "stage": job.node.stage.name, "config": job.node.config}
            self.ledger.set_state(row, "waiting")
            ended = {**job.task, "number": job.task["attempt"], "state": "lost", "cause": "lost", "ended": time.time(),
                     "message": "the run ended before it", "started": time.time() - (time.monotonic() - job.started),
                     "host": socket.gethostname()}  # fmt: skip
            self.ledger.put_attempt(ended)
        self.running.clear()

    # ------------------------------------------------------------ signals, progress
    @contextmanager
    def _listening(self) -> Iterator[None]:
        """Count interrupts: the first ends the run in order, the second at once."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def heard(number: int, frame: FrameType | None) -> None:
            self.signals += 1
            if self.signals > 1:
                raise KeyboardInterrupt

        old = {n: signal.signal(n, heard) for n in (signal.SIGINT, signal.SIGTERM)}
        wake = signal.set_wakeup_fd(-1)  # whoever watches it would end this process before its jobs have ended
        try:
            yield
        except KeyboardInterrupt:
            self.stopped = "interrupted"
        finally:
            signal.set_wakeup_fd(wake)
            for number, handler in old.items():
                signal.signal(number, handler)

    def _table(self) -> tuple[dict[str, dict[str, int]], list[tuple[str, str, float, int]]]:
        """Return {stage: {state: number}} of the ledger, and (ident, stage, age, memory) of what runs."""
        now = time.monotonic()
        jobs = [(r.node.ident, r.node.stage.name, now - r.started, r.memory) for r in self.running.values()]
        return self.ledger.counts(), jobs
