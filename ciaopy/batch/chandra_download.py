"""The stage `download`: an observation that a survey was given by its number."""

from __future__ import annotations

import fcntl
import shutil
import time
from pathlib import Path
from typing import IO

from ciaopy.batch.attempt import Job, Made
from ciaopy.errors import UserError
from ciaopy.transfer import REPROCESSING_TYPES, AbstractSlot, archive_mirrors, fetch_observation, wanted_types

__all__ = ["download"]

#: Most connections of a survey at once.
CONNECTIONS = 4
_MANIFEST = ".ciaopy-download.json"


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
    """Fetch the files of an observation into raw/; its manifest is published last.

    Raises
    ------
    UserError
        [download] of survey.toml is wrong.
    """
    settings = job.fields["download"]
    mirrors = settings.get("mirror", [])
    types = settings.get("types", list(REPROCESSING_TYPES))
    number = settings.get("concurrency", CONNECTIONS)
    if type(number) is not int or not 1 <= number <= CONNECTIONS:
        raise UserError(f"survey.toml: [download] concurrency={number!r}: a number from 1 to {CONNECTIONS} is needed")
    made = fetch_observation(
        job.obs_id,
        job.folder,
        archive_mirrors([mirrors] if isinstance(mirrors, str) else mirrors),
        wanted_types(types.split(",") if isinstance(types, str) else types),
        threads=number,
        slot=lambda: _Slot(job.survey / "raw", number),
    )
    print(f"{len(made.files)} files, {made.size} bytes transferred, {made.kept} were there")  # noqa: T201 - the log
    shutil.move(job.folder / _MANIFEST, job.out / _MANIFEST)
    goal = f"raw/{job.obs_id}/{_MANIFEST}"
    return Made({_MANIFEST: goal}, paths={"raw": f"raw/{job.obs_id}"}, values={"bytes": made.size}, notes=made.notes)
