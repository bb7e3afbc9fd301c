"""After an attempt: products are renamed into place, then the record is written. Runs in the watcher."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from ciaopy.batch.attempt import FULL
from ciaopy.batch.records import product_stamp, write_record
from ciaopy.messages import reason

__all__ = ["conclude", "last_lines", "lost_record"]

#: After these a job is tried again by itself.
TRANSIENT = frozenset({"lost", "io", "memory"})
#: Exit status of a program that could not do its work just now (sysexits.h).
EX_TEMPFAIL = 75
#: Of a task, what goes into its record as it is.
_CARRIED = (
    "mission", "ident", "stage", "config", "obs_id", "attempt", "parameters", "inputs", "versions", "log", "engine",
    "worker", "limits", "source",
)  # fmt: skip


def conclude(task: Mapping[str, Any], outcome: Mapping[str, Any]) -> dict[str, Any]:
    """Publish what an attempt made, write its record, remove its private folder; returns the record."""
    private = Path(task["private"])
    record = _record(task, outcome)
    try:
        result = _read_result(private)
        if outcome["reason"] == "" and outcome["exit_status"] == 0:
            _publish(task, result, record)
        elif outcome["reason"] == "":
            record.update(_failure(task, outcome, result))
        else:
            record.update(_ended(task, outcome))
        if outcome["reason"] != "orphaned":
            write_record(Path(task["survey"]), record)
    except OSError as error:
        cause = "disk" if error.errno in FULL else "io"
        record.update(
            state="failed", cause=cause, message=f"the products cannot be put in place: {reason(error)}", products={}
        )
        with suppress(OSError):  # no space for the record either: the answer carries it
            write_record(Path(task["survey"]), record)
    if not (task.get("keep_failed") and record["state"] == "failed"):
        shutil.rmtree(private, ignore_errors=True)
    return record


def _record(task: Mapping[str, Any], outcome: Mapping[str, Any]) -> dict[str, Any]:
    """Return the start of a record."""
    taken = {k: outcome[k] for k in ("exit_status", "seconds", "cpu_seconds", "peak_memory", "started", "ended", "pid")}
    return {
        "schema": 1,
        **{k: task.get(k) for k in _CARRIED},
        **taken,
        "host": socket.gethostname(),
        "state": "done",
        "cause": "",
        "message": "",
        "transient": False,
        "products": {},
        "extra": {"paths": {}, "values": {}},
        "notes": [],
    }


def _read_result(private: Path) -> dict[str, Any]:
    try:
        result: dict[str, Any] = json.loads((private / "result.json").read_bytes())
    except (OSError, ValueError):
        return {}
    return result


def _publish(task: Mapping[str, Any], result: dict[str, Any], record: dict[str, Any]) -> None:
    """Rename products into place, one after the other; nothing is renamed unless all are there."""
    survey, out = Path(task["survey"]), Path(task["private"]) / "out"
    if task["argv"]:
        place = f"processed_data/{task['mission']}/{task['obs_id']}/{task['stage']}/{task['ident']}"
        result = {"products": {name: f"{place}/{name}" for name in task["products"]}}
        result["extra"] = {"paths": dict(result["products"]), "values": {}}
        missing = [name for name in task["products"] if not (out / name).is_file()]
        if missing:
            message = f"exit status 0, but {', '.join(missing)} was not made in {{out}}"
            record.update(state="failed", cause="command", message=message)
            return
    if "products" not in result:
        record.update(state="failed", cause="bug", message=f"ended without a result; {last_lines(_log(task))}")
        return
    for name, goal in result["products"].items():
        target = survey / goal
        target.parent.mkdir(parents=True, exist_ok=True)
        (out / name).replace(target)
    for link, goal in result.get("links", {}).items():
        _link(survey / link, survey / goal)
    shared = set(result.get("shared", ()))
    for name in (*result["products"].values(), *result.get("links", {})):
        record["products"][name] = product_stamp(survey / name) | ({"shared": True} if name in shared else {})
    record["extra"] = result["extra"]
    record["notes"] = result.get("notes", [])
    if result.get("skipped"):
        record.update(state="skipped", cause="data", message=result["skipped"])


def _link(link: Path, target: Path) -> None:
    """Make a relative symbolic link, or where there are none a hard link or a copy, in one step."""
    link.parent.mkdir(parents=True, exist_ok=True)
    part = link.with_name(f".ciaopy-{os.getpid()}-{link.name}")
    part.unlink(missing_ok=True)
    try:
        part.symlink_to(os.path.relpath(target, link.parent))
    except OSError as error:
        if error.errno in FULL:
            raise
        try:
            part.hardlink_to(target)
        except OSError:
            shutil.copy2(target, part)
    part.replace(link)


def _failure(task: Mapping[str, Any], outcome: Mapping[str, Any], result: dict[str, Any]) -> dict[str, Any]:
    """Return what a record says of a program that ended by itself and without success."""
    status = outcome["exit_status"]
    if status is None:
        return {"state": "failed", "cause": "lost", "message": "the process vanished", "transient": True}
    if status < 0:
        name = signal.Signals(-status).name if -status in set(signal.Signals) else str(-status)
        return {"state": "failed", "cause": "lost", "message": f"killed by {name}; {_tail(task)}", "transient": True}
    if task["argv"]:
        message = f"exit status {status}; {_tail(task)}"
        return {"state": "failed", "cause": "command", "message": message, "transient": status == EX_TEMPFAIL}
    if "state" in result:
        return {**result, "transient": result["cause"] in TRANSIENT}
    return {"state": "failed", "cause": "bug", "message": f"exit status {status}; {_tail(task)}"}


def _ended(task: Mapping[str, Any], outcome: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a record says of a program that was ended."""
    if outcome["reason"] == "timeout":
        message = f"not finished within {task['timeout']:g} s; {_tail(task)}"
        return {"state": "failed", "cause": "timeout", "message": message}
    if outcome["reason"] == "memory":
        message = f"more than {task['memory'] / 1e6:.0f} MB of memory; a larger limit is set with memory"
        return {"state": "failed", "cause": "memory", "message": message, "transient": True}
    return {"state": "cancelled", "cause": "cancelled", "message": "stopped before its end"}


def _log(task: Mapping[str, Any]) -> Path:
    return Path(task["survey"], task["log"])


def _tail(task: Mapping[str, Any]) -> str:
    return last_lines(_log(task))


def last_lines(log: Path, lines: int = 3, most: int = 400) -> str:
    """Return the last words of a log on one line."""
    try:
        with log.open("rb") as file:
            file.seek(max(os.fstat(file.fileno()).st_size - 8192, 0))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return "no log"
    last = [" ".join(line.split()) for line in text.splitlines() if line.strip()][-lines:]
    words = " / ".join(last)[-most:]
    return f"last words: {words}" if words else "it said nothing"


def lost_record(task: Mapping[str, Any], message: str) -> dict[str, Any]:
    """Return the record of an attempt of which no answer came."""
    now = time.time()
    outcome = {"exit_status": None, "seconds": 0.0, "cpu_seconds": 0.0, "peak_memory": 0, "started": now, "ended": now,
               "pid": 0}  # fmt: skip
    record = _record(task, outcome)
    record.update(state="lost", cause="lost", message=message, transient=True)
    return record
