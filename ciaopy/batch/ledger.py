"""The ledger of a survey: an SQLite index of what was tried, with which parameters and inputs, and how it ended.

Only the supervisor writes it. What a job did stands in the record beside its products (`ciaopy.batch.records`); the
ledger can be made anew from those.
"""

from __future__ import annotations

import json
import os
import sqlite3
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ciaopy.errors import DataError, UserError

__all__ = ["JOB_COLUMNS", "SCHEMA", "Ledger"]

SCHEMA = 1
_JSON = ("parameters", "inputs", "products", "versions", "extra", "notes", "limits")
JOB_COLUMNS = (
    "ident", "stage", "config", "obs_id", "state", "attempts", "cause", "message", "parameters", "inputs", "products",
    "seconds", "cpu_seconds", "peak_memory", "started", "ended", "exit_status", "host", "engine", "worker", "log",
    "versions", "extra", "notes", "limits",
)  # fmt: skip
_ATTEMPT_COLUMNS = (
    "ident", "stage", "config", "number", "state", "cause", "message", "exit_status", "seconds", "cpu_seconds",
    "peak_memory", "started", "ended", "host", "engine", "worker", "pid", "log",
)  # fmt: skip
_TABLES = f"""
create table survey(key text primary key, value text) without rowid;
create table observation(obs_id text primary key, folder text, source text, summary text, added real);
create table job({", ".join(JOB_COLUMNS)}, primary key(ident, stage, config));
create index job_of on job(obs_id);
create index job_state on job(state);
create table attempt({", ".join(_ATTEMPT_COLUMNS)}, primary key(ident, stage, config, number));
create index attempt_state on attempt(state);
"""
#: File systems on which several hosts see one file: no shared memory, so no write-ahead log.
_NETWORK = ("nfs", "lustre", "cifs", "smb", "gpfs", "beegfs", "fuse.sshfs", "ceph", "afs", "pvfs", "glusterfs", "9p")
#: Longest wait for another process that holds the ledger, s.
_WAIT = 30.0
#: Seconds between two commits on such a file system.
_SLOW_COMMIT = 1.0


class Ledger:
    """An open ledger.

    Parameters
    ----------
    path : Path
    write : bool
        Open it for writing, and make it where it is not there.

    Raises
    ------
    UserError
        It was made by a newer ciaopy, or cannot be opened.
    DataError
        It is damaged.
    """

    def __init__(self, path: Path, write: bool = False) -> None:
        self.path = path
        self.shared = write and str(path) != ":memory:" and is_shared(path.parent)
        self._committed = 0.0
        new = write and not path.exists()
        try:
            if write:
                self._db = sqlite3.connect(path, timeout=_WAIT, isolation_level=None)
            else:
                fixed = "&immutable=1" if _is_fixed(path) else ""
                self._db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro{fixed}", uri=True, timeout=_WAIT)
        except sqlite3.OperationalError as error:
            raise UserError(f"{path}: the ledger cannot be opened: {error}") from error
        self._db.row_factory = sqlite3.Row
        with self._reporting():
            if write:
                self._set_up(new)
            version = int(self.get("schema", "0"))
        if version > SCHEMA:
            self._db.close()
            raise UserError(
                f"{path}: made by a newer ciaopy (schema {version}, this one knows {SCHEMA}); update ciaopy"
            )

    @classmethod
    def in_memory(cls) -> Ledger:
        """Return a ledger that is on no disk, for those who must not write the survey's."""
        return cls(Path(":memory:"), write=True)

    def _set_up(self, new: bool) -> None:
        if self.shared:
            self._db.execute("pragma journal_mode=delete")
            self._db.execute("pragma locking_mode=exclusive")
        else:
            self._db.execute("pragma journal_mode=wal")
        self._db.execute("pragma synchronous=normal")
        tables = self._db.execute("select count(*) from sqlite_master where name = 'job'").fetchone()[0]
        if new or not tables:
            self._db.executescript(f"begin;{_TABLES}commit;")
            self.set("schema", str(SCHEMA))
            self.set("created", repr(time.time()))

    @contextmanager
    def _reporting(self) -> Iterator[None]:
        """Turn what SQLite says into errors about the ledger."""
        try:
            yield
        except sqlite3.OperationalError as error:
            held = "locked" in str(error)
            why = "a run holds it; wait for its end" if held else "is the disk full?"
            raise UserError(f"{self.path}: the ledger cannot be used: {error}; {why}") from error
        except sqlite3.DatabaseError as error:
            raise DataError(
                f"{self.path}: the ledger is damaged ({error}); move it away and make it anew: ciaopy batch collect"
            ) from error

    def close(self) -> None:
        """Write what is left and close."""
        self.commit(True)
        self._db.close()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *why: object) -> None:
        self.close()

    def commit(self, force: bool = False) -> None:
        """Make what was written last; on a network file system not more often than once a second."""
        if self._db.in_transaction and (force or not self.shared or time.monotonic() - self._committed > _SLOW_COMMIT):
            with self._reporting():
                self._db.execute("commit")
            self._committed = time.monotonic()

    def _write(self, sql: str, values: Sequence[Any] | Mapping[str, Any]) -> None:
        with self._reporting():
            if not self._db.in_transaction:
                self._db.execute("begin immediate")
            self._db.execute(sql, values)

    # ------------------------------------------------------------ the survey
    def get(self, key: str, default: str = "") -> str:
        """Return a value of the table `survey`."""
        with self._reporting():
            row = self._db.execute("select value from survey where key = ?", (key,)).fetchone()
        return default if row is None else str(row[0])

    def set(self, key: str, value: str) -> None:
        """Set a value of the table `survey`."""
        self._write("insert or replace into survey values(?, ?)", (key, value))
        self.commit()

    def observations(self) -> list[dict[str, Any]]:
        """Return the rows of the table `observation`, in order of the number."""
        with self._reporting():
            rows = [dict(r) for r in self._db.execute("select * from observation")]
        return sorted(rows, key=lambda r: (0, int(r["obs_id"]), "") if r["obs_id"].isdecimal() else (1, 0, r["obs_id"]))

    def add_observation(self, obs_id: str, folder: str, source: str) -> None:
        """Add an observation; one that is there keeps what is known of it."""
        self._write("insert or ignore into observation values(?, ?, ?, '{}', ?)", (obs_id, folder, source, time.time()))

    def set_summary(self, obs_id: str, summary: Mapping[str, Any]) -> None:
        """Keep what the inventory says of an observation."""
        self._write("update observation set summary = ? where obs_id = ?", (json.dumps(summary), obs_id))

    # ------------------------------------------------------------ jobs
    def jobs(self, where: str = "1", values: Sequence[Any] = ()) -> Iterator[dict[str, Any]]:
        """Yield rows of the table `job`, JSON read."""
        with self._reporting():
            for row in self._db.execute(f"select * from job where {where}", values):
                yield _read(row)

    def attempts(self, where: str = "1", values: Sequence[Any] = ()) -> list[dict[str, Any]]:
        """Return rows of the table `attempt`."""
        with self._reporting():
            return [dict(r) for r in self._db.execute(f"select * from attempt where {where}", values)]

    def counts(self) -> dict[str, dict[str, int]]:
        """Return {stage: {state: number}} of the current jobs."""
        found: dict[str, dict[str, int]] = {}
        with self._reporting():
            rows = self._db.execute(
                "select stage, state, count(*) from job where state != 'superseded' group by stage, state"
            ).fetchall()
        for stage, state, number in rows:
            found.setdefault(stage, {})[state] = number
        return found

    def done_parameters(self) -> dict[tuple[str, str], list[Any]]:
        """Return {(ObsID, stage): parameters of the jobs that are done}, each kind once."""
        found: dict[tuple[str, str], list[Any]] = {}
        with self._reporting():
            rows = self._db.execute(
                "select distinct obs_id, stage, parameters from job where state = 'done'"
            ).fetchall()
        for obs_id, stage, parameters in rows:
            found.setdefault((obs_id, stage), []).append(json.loads(parameters or "{}"))
        return found

    def mean_seconds(self) -> dict[str, float]:
        """Return {stage: mean wall time of its jobs that are done, s}."""
        with self._reporting():
            rows = self._db.execute(
                "select stage, avg(seconds) from job where state = 'done' group by stage"
            ).fetchall()
        return {stage: float(mean or 0.0) for stage, mean in rows}

    def put_job(self, row: Mapping[str, Any]) -> None:
        """Insert or replace a job."""
        values = [json.dumps(row.get(c)) if c in _JSON else row.get(c) for c in JOB_COLUMNS]
        marks = ", ".join("?" * len(JOB_COLUMNS))
        self._write(f"insert or replace into job({', '.join(JOB_COLUMNS)}) values({marks})", values)

    def set_state(self, row: Mapping[str, Any], state: str) -> None:
        """Change the state of a job."""
        self._write(
            "update job set state = ? where ident = ? and stage = ? and config = ?",
            (state, row["ident"], row["stage"], row["config"]),
        )

    def put_attempt(self, row: Mapping[str, Any]) -> None:
        """Insert or replace an attempt."""
        marks = ", ".join("?" * len(_ATTEMPT_COLUMNS))
        self._write(
            f"insert or replace into attempt({', '.join(_ATTEMPT_COLUMNS)}) values({marks})",
            [row.get(c) for c in _ATTEMPT_COLUMNS],
        )

    def last_number(self, ident: str, stage: str, config: str, lost: bool = True) -> int:
        """Return the number of the last attempt of a job, 0 where there is none; `lost` ones count, or do not."""
        sql = "select max(number) from attempt where ident = ? and stage = ? and config = ?"
        with self._reporting():
            row = self._db.execute(f"{sql}{'' if lost else ' and state != ?'}",
                                   (ident, stage, config, *(() if lost else ("lost",)))).fetchone()  # fmt: skip
        return int(row[0] or 0)

    def rename_log(self, old: str, new: str) -> None:
        """Follow a log file to its new name."""
        self._write("update attempt set log = ? where log = ?", (new, old))
        self._write("update job set log = ? where log = ?", (new, old))

    def take(self, record: Mapping[str, Any], attempts: int | None = None) -> None:
        """Enter the record of an attempt: the attempt, its job, and what it replaces."""
        number = int(record["attempt"])
        self.put_attempt({**record, "number": number})
        job = (record["ident"], record["stage"], record["config"])
        if number < self.last_number(*job, lost=record["state"] == "lost"):
            return  # a newer try has begun, and is not lost: this one came too late
        self.put_job({**record, "attempts": self.last_number(*job) if attempts is None else attempts})
        if record["state"] == "done":
            self.supersede(record)

    def supersede(self, done: Mapping[str, Any]) -> None:
        """Mark the jobs that a finished one replaces, and what was made from those."""
        others = [
            row
            for row in self.jobs(
                "ident = ? and stage = ? and config != ? and state != 'superseded'",
                (done["ident"], done["stage"], done["config"]),
            )
            if row["state"] != "done" or not row["products"] or _overlap(row["products"], done["products"])
        ]
        for row in others:
            self.set_state(row, "superseded")
            self._supersede_children(row)

    def _supersede_children(self, parent: Mapping[str, Any]) -> None:
        key, config = f"job:{parent['stage']}", parent["config"]
        mine = (parent["obs_id"],)
        for row in list(self.jobs("obs_id = ? and state != 'superseded'", mine)):
            own = (row["inputs"] or {}).get(key, {})
            bound = own.get("config") == config and own.get("binding", True)
            if bound and parent["ident"] in (row["ident"], row["obs_id"]):
                self.set_state(row, "superseded")
                self._supersede_children(row)

    def check(self) -> None:
        """Raise where SQLite finds damage.

        Raises
        ------
        DataError
        """
        with self._reporting():
            found = self._db.execute("pragma quick_check").fetchone()[0]
        if found != "ok":
            raise DataError(f"{self.path}: the ledger is damaged ({found}); move it away: ciaopy batch collect")


def _is_fixed(path: Path) -> bool:
    """Return True for a ledger in a folder that cannot be written to: SQLite may not put its index of the log there."""
    log = path.with_name(f"{path.name}-wal")
    return not os.access(path.parent, os.W_OK) and not (log.exists() and log.stat().st_size)


def _read(row: sqlite3.Row) -> dict[str, Any]:
    values = dict(row)
    for column in _JSON:
        values[column] = json.loads(values[column]) if values[column] else None
    return values


def _overlap(one: Iterable[str], other: Iterable[str] | None) -> bool:
    return bool(set(one) & set(other or ()))


def is_shared(folder: Path) -> bool:
    """Return True where several hosts may see the folder, so that SQLite's write-ahead log cannot be used."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        lines = Path("/proc/self/mountinfo").read_text().splitlines()
    except OSError:
        return False
    place = folder.resolve()
    best, kind = -1, ""
    for line in lines:
        left, _, right = line.partition(" - ")
        mount = Path(left.split()[4].replace("\\040", " "))
        if (place == mount or mount in place.parents) and len(mount.parts) >= best:
            best, kind = len(mount.parts), right.split()[0]
    return kind.startswith(_NETWORK)
