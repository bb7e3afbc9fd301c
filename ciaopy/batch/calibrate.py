"""The calibration of a survey: fetched once, into one folder, by the supervisor alone; jobs only read."""

from __future__ import annotations

import fcntl
import importlib
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ciaopy.batch.settings import Settings
from ciaopy.batch.sources import caldb_folder, mirror_of
from ciaopy.batch.survey import Survey

__all__ = ["Calibration", "FetchStoppedError", "own_calibration"]


class FetchStoppedError(Exception):
    """The run was told to end while calibration was fetched; what has come is kept."""


@contextmanager
def own_calibration(survey: Survey, settings: Settings) -> Iterator[None]:
    """Let the variables that name the calibration point to the survey's own, where it has one."""
    if settings.caldb is None:
        yield
        return
    kept = {name: os.environ.get(name) for name in ("CALDB", "CALDBCONFIG", "CALDBALIAS")}
    for name in kept:
        os.environ.pop(name, None)
    os.environ["CALDB"] = str(caldb_folder(survey.folder, settings.caldb))
    try:
        yield
    finally:
        for name, value in kept.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


class _Told:
    """A progress of transfers that ends one when the run is to end."""

    def __init__(self, stopped: Callable[[], bool]) -> None:
        self.stopped = stopped

    def start(self, name: str, done: int, total: int | None) -> None:
        """Look whether to go on."""
        self.advance(0)

    def advance(self, size: int) -> None:
        """Look whether to go on."""
        if self.stopped():
            raise FetchStoppedError("told to end while calibration was fetched")

    def finish(self, name: str) -> None:
        """Say nothing."""


class Calibration:
    """Fetches the calibration that observations need.

    Parameters
    ----------
    survey : Survey
    settings : Settings
    """

    def __init__(self, survey: Survey, settings: Settings) -> None:
        self.survey, self.settings = survey, settings

    def fetch(self, observations: Sequence[tuple[str, Path]], stopped: Callable[[], bool] = lambda: False) -> None:
        """Bring what is missing for these observations; one process at a time.

        Parameters
        ----------
        observations : sequence of (ObsID, folder)
        stopped : callable
            Tells whether the run is to end.

        Raises
        ------
        CiaopyError
            The mirror lacks a file, or it cannot be written.
        FetchStoppedError
            The run was told to end.
        """
        caldb = self.settings.caldb
        if caldb is None:
            return
        folder = caldb_folder(self.survey.folder, caldb)
        folder.mkdir(parents=True, exist_ok=True)
        for mission in self.settings.mission.members or (self.settings.mission,):
            if not mission.calibrate:
                continue
            own = [place for obs_id, place in observations if self.settings.mission.of(obs_id).name == mission.name]
            module, _, name = mission.calibrate.partition(":")
            mirror = mirror_of(self.survey.folder, caldb.get("mirror", ""))
            with (folder / ".ciaopy-fetch").open("a") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                getattr(importlib.import_module(module), name)(mirror, folder, own, _Told(stopped))
