"""The stage `download`: an observation that a survey was given by its number."""

from __future__ import annotations

import fcntl
import shutil
import time
from pathlib import Path
from typing import IO

from ciaopy.batch.attempt import Job, Made
from ciaopy.batch.raw import forget_deletion
from ciaopy.batch.sources import CONNECTIONS, mirror_of
from ciaopy.transfer import (
    MANIFEST,
    REPROCESSING_TYPES,
    AbstractSlot,
    Fetched,
    Pace,
    Transfers,
    archive_mirrors,
    fetch_observation,
    kept_observation,
    wanted_types,
)

__all__ = ["download"]


class _Slot(AbstractSlot):
    """One of the connections that all jobs of a survey share: a locked file."""

    def __init__(self, folder: Path, number: int) -> None:
        self.folder, self.number = folder, number
        self.file: IO[str] | None = None

    def __enter__(self) -> None:
        """Wait for a free one."""
        self.folder.mkdir(parents=True, exist_ok=True)
        while True:
            for k in range(self.number):
                file = (self.folder / f".connection-{k}").open("a")
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    file.close()
                    continue
                except OSError:  # a file system without locks: no limit
                    pass
                self.file = file
                return
            time.sleep(0.1)

    def __exit__(self, *why: object) -> None:
        """Let the next one in."""
        if self.file is not None:
            self.file.close()


def download(job: Job) -> Made:
    """Fetch the files of an observation into raw/; its manifest is published last. Without network: look what is there.

    Raises
    ------
    DataError
        Files are not there, or damaged at the source.
    UserError
        A mirror of survey.toml is none.
    """
    made = _kept(job) if job.task["limits"].get("offline") else _fetched(job)
    print(f"{len(made.files)} files, {made.size} bytes transferred, {made.kept} were there")  # noqa: T201 - the log
    forget_deletion(job.folder)
    shutil.copy2(job.folder / MANIFEST, job.out / MANIFEST)
    goal = f"raw/{job.obs_id}/{MANIFEST}"
    return Made({MANIFEST: goal}, paths={"raw": f"raw/{job.obs_id}"}, values={"bytes": made.size}, notes=made.notes)


def _types(job: Job) -> frozenset[str] | None:
    return wanted_types(job.fields["download"].get("types", list(REPROCESSING_TYPES)))


def _kept(job: Job) -> Fetched:
    return kept_observation(job.obs_id, job.folder, _types(job))


def _fetched(job: Job) -> Fetched:
    settings = job.fields["download"]
    number = settings.get("concurrency", CONNECTIONS)
    limit, raw = settings.get("limit_rate"), job.survey / "raw"
    how = Transfers(
        threads=number,
        pace=Pace(limit, raw / ".pace") if limit else None,
        slot=lambda: _Slot(raw, number),
    )
    mirrors = archive_mirrors([mirror_of(job.survey, text) for text in settings.get("mirror", [])])
    return fetch_observation(job.obs_id, job.folder, mirrors, _types(job), how)
