"""A survey: the folder with settings, ledger, products; one supervisor at a time."""

from __future__ import annotations

import fcntl
import os
import re
import socket
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from ciaopy.batch.ledger import Ledger
from ciaopy.batch.mission import Mission, load_mission
from ciaopy.batch.settings import Settings, read_settings, template
from ciaopy.errors import UserError

__all__ = ["Survey", "SurveyBusyError"]

#: Where flock does not work: seconds between two signs of life, and after which none is believed.
_BEAT, _SILENCE = 10.0, 60.0


class SurveyBusyError(UserError):
    """Another supervisor works on the survey."""


@dataclass(frozen=True)
class Survey:
    """The folder of a survey.

    Attributes
    ----------
    folder : Path
        Absolute.
    """

    folder: Path

    @classmethod
    def create(cls, folder: Path, mission: str = "", clobber: bool = False) -> Survey:
        """Make a survey, or return the one that is there.

        Raises
        ------
        UserError
            The folder cannot be written to, or is full of something else.
        """
        survey = cls(folder.expanduser().absolute())
        if survey.exists() and not clobber:
            return survey
        declared = load_mission(mission)
        try:
            if survey.folder.is_dir() and not survey.exists() and any(survey.folder.iterdir()):
                raise UserError(f"{folder}: the folder is not empty and no survey; name a new folder")
            survey.folder.mkdir(parents=True, exist_ok=True)
            with survey.lock():
                if clobber:
                    for name in ("ledger.sqlite", "ledger.sqlite-wal", "ledger.sqlite-shm", "observations.lis"):
                        (survey.folder / name).unlink(missing_ok=True)
                survey.toml.write_text(template(declared))
                survey.ledger(write=True).close()
        except OSError as error:
            raise UserError(
                f"{folder}: a survey cannot be made there ({error.strerror}); name another folder"
            ) from error
        return survey

    @classmethod
    def open(cls, folder: Path) -> Survey:
        """Return a survey that is there.

        Raises
        ------
        UserError
            There is none.
        """
        survey = cls(folder.expanduser().absolute())
        if not survey.exists():
            raise UserError(f"{folder}: no survey (no survey.toml in it); make one: ciaopy batch init {folder} OBS ...")
        return survey

    def exists(self) -> bool:
        """Return True where there is a survey."""
        return self.toml.is_file()

    @property
    def toml(self) -> Path:
        """The settings."""
        return self.folder / "survey.toml"

    @property
    def ledger_path(self) -> Path:
        """The ledger."""
        return self.folder / "ledger.sqlite"

    def settings(self) -> Settings:
        """Read the settings; UsageError where they are wrong."""
        return read_settings(self.toml)

    def ledger(self, write: bool = False) -> Ledger:
        """Open the ledger.

        Raises
        ------
        UserError
            It is not there.
        """
        if not write and not self.ledger_path.is_file():
            raise UserError(f"{self.ledger_path}: the ledger is lost; make it anew: ciaopy batch collect {self.folder}")
        return Ledger(self.ledger_path, write)

    def raw_folder(self, stored: str) -> Path:
        """Return the folder of an observation as the ledger names it."""
        return self.folder / stored

    def stored(self, folder: Path) -> str:
        """Return how the ledger names a folder: below the survey where it is, else absolute."""
        place = Path(os.path.abspath(folder))  # noqa: PTH100 - links are kept as the user named them
        return str(place.relative_to(self.folder)) if self.folder in place.parents else str(place)

    # ------------------------------------------------------------ observations
    def add(self, names: Iterable[str | os.PathLike[str] | int], mission: Mission) -> list[str]:
        """Add observations: folders, ObsIDs or stacks of them; those that are there are kept. Returns the new ObsIDs.

        Raises
        ------
        UserError
            One is neither; a folder is none of an observation, or its ObsID has another folder already.
        """
        found = [self._observation(name, mission) for name in expand(names)]
        new: list[str] = []
        if not found:
            return new
        with self.lock(), self.ledger(write=True) as ledger:
            there = {row["obs_id"]: row for row in ledger.observations()}
            for obs_id, folder, source in found:
                old = there.get(obs_id)
                if old is None:
                    ledger.add_observation(obs_id, folder, source)
                    there[obs_id] = {"folder": folder, "source": source}
                    new.append(obs_id)
                elif source == "folder" and old["folder"] != folder:
                    raise UserError(
                        f"{folder} is of ObsID {obs_id}, which the survey has from {old['folder']}; name one of them"
                    )
            self.list_observations(ledger)
        return new

    def list_observations(self, ledger: Ledger) -> None:
        """Write observations.lis, from which a lost ledger can be made anew."""
        lines = [r["obs_id"] if r["source"] == "archive" else r["folder"] for r in ledger.observations()]
        part = self.folder / ".observations.lis.part"
        part.write_text("".join(f"{line}\n" for line in lines))
        part.replace(self.folder / "observations.lis")

    def _observation(self, name: str, mission: Mission) -> tuple[str, str, str]:
        """Return (ObsID, folder as stored, source) of one name."""
        folder = Path(name).expanduser()
        if folder.is_dir():
            return mission.observation_of(folder), self.stored(folder), "folder"
        if re.fullmatch(r"\d+", name):
            if mission.refuse_download is not None:
                mission.refuse_download(name)
            if not mission.download:
                raise UserError(f"{name}: no such folder; observations of {mission.name} are not downloaded")
            if not 1 <= int(name) <= 999999:
                raise UserError(f"{name}: no ObsID; they run from 1 to 99999")
            return str(int(name)), f"raw/{int(name)}", "archive"
        raise UserError(f"{name}: no such folder, and no ObsID")

    # ------------------------------------------------------------ one supervisor
    @contextmanager
    def lock(self) -> Iterator[None]:
        """Be the only one who writes the ledger.

        Raises
        ------
        SurveyBusyError
            Another process is; it and its host are named.
        """
        path = self.folder / ".supervisor"
        try:
            file = path.open("a+")
        except OSError as error:
            raise UserError(f"{self.folder}: cannot be written to ({error.strerror})") from error
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise self._busy(path) from None
            except OSError:  # a file system without flock
                with self._heartbeat(path):
                    yield
                return
            try:
                file.truncate(0)
                os.write(file.fileno(), f"{os.getpid()} {socket.gethostname()}\n".encode())
            except OSError as error:
                raise UserError(
                    f"{self.folder}: cannot be written to ({error.strerror}); make room and run again"
                ) from error
            try:
                yield
            finally:
                file.truncate(0)

    def _busy(self, path: Path) -> SurveyBusyError:
        words = path.read_text().split()
        who = f"process {words[0]} on {words[1]}" if len(words) >= 2 else "another process"
        return SurveyBusyError(
            f"{self.folder}: {who} works on this survey; wait, or end it: ciaopy batch cancel {self.folder}"
        )

    @contextmanager
    def _heartbeat(self, path: Path) -> Iterator[None]:
        """Lock by signs of life in a file."""
        beat = path.with_name(".supervisor-beat")
        with suppress(OSError):
            if time.time() - beat.stat().st_mtime < _SILENCE:
                raise self._busy(beat)
        ended = threading.Event()

        def live() -> None:
            while not ended.is_set():
                beat.write_text(f"{os.getpid()} {socket.gethostname()}\n")
                ended.wait(_BEAT)

        thread = threading.Thread(target=live, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
            beat.unlink(missing_ok=True)

    def supervisor(self) -> tuple[int, str] | None:
        """Return (process, host) of the live supervisor, None where there is none."""
        path = self.folder / ".supervisor"
        try:
            with path.open("r") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                    return None
                except BlockingIOError:
                    words = file.read().split()
        except OSError:
            return None
        return (int(words[0]), words[1]) if len(words) >= 2 else (0, "?")

    @property
    def cancel_file(self) -> Path:
        """Its presence ends the supervisor."""
        return self.folder / ".cancel"


def expand(names: Iterable[str | os.PathLike[str] | int]) -> list[str]:
    """Return the names in stacks (`@list`, comments and blanks left out) and those given one by one, each once."""
    from ciaopy.stack import build

    found: list[str] = []
    for name in names:
        text = str(name).strip()
        if not text:
            continue
        found += build(text) if text.startswith("@") or ("," in text and not Path(text).is_dir()) else [text]
    return list(dict.fromkeys(found))
