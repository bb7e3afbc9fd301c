"""After a death: what the attempts of a dead supervisor left, and a ledger that was lost."""

from __future__ import annotations

import os
import shutil
import socket
import time
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from ciaopy.batch.ledger import Ledger
from ciaopy.batch.records import read_record, read_records, record_path
from ciaopy.batch.settings import Settings
from ciaopy.batch.survey import Survey
from ciaopy.errors import UserError

__all__ = ["adopt", "collect", "sweep"]

#: Seconds that the watchers of a dead supervisor are given to clear up.
_ORPHANS = 3.0
#: Private folders of other hosts are left alone for this long, s.
_FOREIGN = 2 * 86400.0


def orphaned_folders(survey: Path) -> Iterator[tuple[Path, str, int]]:
    """Yield (folder, host, process) of the private folders of attempts."""
    for folder in sorted((survey / "work").glob("*")) if (survey / "work").is_dir() else ():
        if not folder.is_dir():
            continue
        try:
            host, process = (folder / "owner").read_text().split()
            yield folder, host, int(process)
        except (OSError, ValueError):
            yield folder, "", 0


def sweep(survey: Path) -> None:
    """Remove the private folders of attempts that nobody works on any more."""
    own = socket.gethostname()
    stop = time.monotonic() + _ORPHANS
    for claim in (survey / "work").glob("*.claim"):  # of Dask tasks whose worker died
        claim.unlink(missing_ok=True)
    for folder, host, process in orphaned_folders(survey):
        if host == own and _lives(process, folder):
            continue
        if host not in ("", own) and time.time() - folder.stat().st_mtime < _FOREIGN:
            continue
        while folder.exists() and time.monotonic() < stop:
            time.sleep(0.05)
        shutil.rmtree(folder, ignore_errors=True)


def _lives(process: int, folder: Path) -> bool:
    """Return True where the process that made a folder is there and is not this one."""
    import psutil

    if process == os.getpid():
        return False
    try:
        return bool(psutil.Process(process).create_time() <= folder.stat().st_mtime + 1.0)
    except (psutil.Error, OSError):
        return False


def adopt(survey: Survey, ledger: Ledger, settings: Settings) -> None:
    """Take in what the attempts of a supervisor that died have left: records of the finished, nothing of the others."""
    for row in ledger.attempts("state in ('running', 'lost')"):
        job = next(
            ledger.jobs("ident = ? and stage = ? and config = ?", (row["ident"], row["stage"], row["config"])), None
        )
        if job is None:
            continue
        named = row | {
            "mission": settings.mission.of(job["obs_id"]).name,
            "obs_id": job["obs_id"],
            "attempt": row["number"],
        }
        record = read_record(record_path(survey.folder, named))
        if row["state"] == "lost":  # to a run that ended; where it ran on, it may have come to its end
            if record is not None and record["state"] == "done" and job["state"] in ("waiting", "failed"):
                ledger.take(record)
        elif record is not None and record["state"] != "cancelled":
            ledger.take(record)
        else:
            message = "the supervisor died"
            ledger.put_attempt(row | {"state": "lost", "cause": "lost", "message": message, "ended": time.time()})
            ledger.set_state(row, "waiting")
    for state in list(ledger.jobs("state = 'running'")):
        ledger.set_state(state, "waiting")
    ledger.commit()


def collect(survey: Survey, settings: Settings) -> tuple[int, int]:
    """Take in all records; makes a lost ledger anew. Returns (records, observations) that were new.

    Raises
    ------
    SurveyBusyError
        A supervisor is at work.
    """
    new = 0
    with survey.lock(), survey.ledger(write=True) as ledger:
        before = len(ledger.observations())
        listed = survey.folder / "observations.lis"
        known = {r["folder"]: r for r in ledger.observations()}
        missions = settings.mission.members or (settings.mission,)
        for record in chain.from_iterable(read_records(survey.folder, m.name) for m in missions):
            source = record.get("source") or {}
            ledger.add_observation(
                record["obs_id"], source.get("folder", f"raw/{record['obs_id']}"), source.get("source", "")
            )
            key = (record["ident"], record["stage"], record["config"], record["attempt"])
            there = ledger.attempts("ident = ? and stage = ? and config = ? and number = ? and state != 'running'", key)
            if there:
                continue
            ledger.take(record)
            if "summary" in record["extra"]["values"] and record["state"] in ("done", "skipped"):
                ledger.set_summary(record["obs_id"], record["extra"]["values"]["summary"])
            new += 1
        if listed.is_file():
            _observations_again(survey, settings, ledger, listed.read_text().split("\n"), set(known))
        ledger.commit()
        return new, len(ledger.observations()) - before


def _observations_again(survey: Survey, settings: Settings, ledger: Ledger, lines: list[str], known: set[str]) -> None:
    """Add the observations of observations.lis of which there is no record."""
    known |= {r["folder"] for r in ledger.observations()}
    for line in filter(None, lines):
        if line.isdecimal() and f"raw/{line}" not in known:
            ledger.add_observation(line, f"raw/{line}", "archive")
        elif not line.isdecimal() and line not in known:
            folder = survey.raw_folder(line)
            if not folder.is_dir():
                raise UserError(
                    f"{folder}: the folder of an observation is not there (observations.lis); mend the list"
                )
            ledger.add_observation(settings.mission.observation_of(folder), line, "folder")
