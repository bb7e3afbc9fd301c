"""`Archive`: a survey as a Python object, in the shape of DAXA's archives."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ciaopy.batch.arguments import Common
from ciaopy.batch.launching import launch
from ciaopy.batch.mission import Stage
from ciaopy.batch.records import absolute
from ciaopy.batch.run import Run
from ciaopy.batch.survey import Survey
from ciaopy.errors import UserError

__all__ = ["Archive", "warned", "whole_keys"]


class Archive:
    """A survey.

    Parameters
    ----------
    archive_name : path
        Its folder: made if it is not there, opened if it is.
    observations : iterable, or one of them
        Folders, ObsIDs, or stacks of them (`@list`); those already in the survey are kept.
    mission : str
        Of a new survey.
    clobber : bool
        Begin anew: forget the ledger and the settings of an old survey.

    Raises
    ------
    UserError
        The survey cannot be made, or an observation is none.
    """

    def __init__(
        self,
        archive_name: str | os.PathLike[str],
        observations: Iterable[Any] | str | int | os.PathLike[str] = (),
        *,
        mission: str = "",
        clobber: bool = False,
    ) -> None:
        self.survey = Survey.create(Path(archive_name), mission, clobber)
        if not self.survey.ledger_path.is_file():
            self.survey.ledger(write=True).close()
        self.add(observations)

    @property
    def folder(self) -> Path:
        """The folder."""
        return self.survey.folder

    @property
    def ledger(self) -> Path:
        """The ledger (SQLite)."""
        return self.survey.ledger_path

    @property
    def mission(self) -> str:
        """Name of the mission of its observations; of several, joined by +."""
        return "+".join(self._missions())

    def _missions(self) -> list[str]:
        """Return the names of the missions of which there are observations; of an empty survey the first."""
        mission = self.survey.settings().mission
        found = {mission.of(o).name for o in self.obs_ids}
        known = [m.name for m in mission.members] or [mission.name]
        return [n for n in known if n in found] or known[:1]

    def add(self, observations: Iterable[Any] | str | int | os.PathLike[str]) -> list[str]:
        """Add observations; returns the ObsIDs that are new."""
        several = isinstance(observations, Iterable) and not isinstance(observations, (str, os.PathLike))
        names: list[Any] = list(observations) if several else [observations]  # type: ignore[arg-type]
        return self.survey.add(names, self.survey.settings().mission)

    @property
    def obs_ids(self) -> list[str]:
        """The ObsIDs, sorted by number."""
        with self.survey.ledger() as ledger:
            return [r["obs_id"] for r in ledger.observations()]

    @property
    def observation_summaries(self) -> dict[str, dict[str, Any]]:
        """{mission: {ObsID: what parse_oif says}} of the observations that were prepared."""
        import json

        with self.survey.ledger() as ledger:
            found = {r["obs_id"]: json.loads(r["summary"] or "{}") for r in ledger.observations()}
        mission = self.survey.settings().mission
        told: dict[str, dict[str, Any]] = {name: {} for name in self._missions()}
        for obs_id, summary in found.items():
            if summary:
                told.setdefault(mission.of(obs_id).name, {})[obs_id] = whole_keys(summary)
        return told

    def _latest(self) -> dict[tuple[str, str], dict[str, Any]]:
        """Return (stage, ident) -> the job that ended last."""
        found: dict[tuple[str, str], dict[str, Any]] = {}
        with self.survey.ledger() as ledger:
            rows = ledger.jobs("state in ('done', 'failed', 'skipped') order by ended")
            for row in rows:
                found[row["stage"], row["ident"]] = row
        return found

    @property
    def process_success(self) -> dict[str, dict[str, dict[str, bool]]]:
        """{mission: {function: {ident: True where it worked, False where it failed}}}."""
        mission = self.survey.settings().mission
        found: dict[str, dict[str, dict[str, bool]]] = {name: {} for name in self._missions()}
        for (stage, ident), row in self._latest().items():
            if row["state"] != "skipped":
                own = found.setdefault(mission.of(row["obs_id"]).name, {})
                own.setdefault(stage, {})[ident] = row["state"] == "done"
        return found

    @property
    def process_extra_info(self) -> dict[str, dict[str, dict[str, dict[str, Any]]]]:
        """{mission: {function: {ident: {key: value}}}}: where the products are, absolute paths."""
        mission = self.survey.settings().mission
        found: dict[str, dict[str, dict[str, dict[str, Any]]]] = {name: {} for name in self._missions()}
        for (stage, ident), row in self._latest().items():
            if row["state"] == "done":
                own = found.setdefault(mission.of(row["obs_id"]).name, {})
                own.setdefault(stage, {})[ident] = absolute(self.folder, row["extra"])
        return found

    def get_failed_processes(self, name: str) -> dict[str, list[str]]:
        """Return {mission: idents whose last try of a function failed}."""
        return {m: [i for i, row in rows.items() if row["state"] == "failed"] for m, rows in self._rows(name).items()}

    def _rows(self, name: str) -> dict[str, dict[str, dict[str, Any]]]:
        """Return {mission: {ident: the job of a stage that ended last}}; the mission of the stage is there always."""
        self._known(name)
        mission = self.survey.settings().mission
        found: dict[str, dict[str, dict[str, Any]]] = {}
        if name in mission.stage_names:
            found[mission.of_stage(name).name] = {}
        for (stage, ident), row in sorted(self._latest().items()):
            if stage == name:
                found.setdefault(mission.of(row["obs_id"]).name, {})[ident] = row
        return found or {self.mission: {}}

    def get_failed_logs(self, name: str) -> dict[str, dict[str, str]]:
        """Return {mission: {ident: log}} of the idents whose last try failed."""
        logs = self.get_process_logs(name)
        return {m: {i: logs[m].get(i, "") for i in failed} for m, failed in self.get_failed_processes(name).items()}

    def get_process_logs(self, name: str, ident: str | None = None) -> dict[str, dict[str, str]]:
        """Return {mission: {ident: log}} of a function."""
        found: dict[str, dict[str, str]] = {}
        for mission, rows in self._rows(name).items():
            found[mission] = {}
            for own, row in rows.items():
                if ident in (None, own) and row["log"]:
                    path = self.folder / row["log"]
                    found[mission][own] = path.read_text(errors="replace") if path.is_file() else ""
        return found

    def _known(self, name: str) -> Stage:
        stages = {s.name: s for s in self.survey.settings().stages}
        if name not in stages:
            raise UserError(f"no stage is called {name!r}; there is {', '.join(stages)}")
        return stages[name]

    def get_obs_to_process(self) -> list[tuple[str, str, str]]:
        """Return (ObsID, instrument, Ennn) of every ident that can be worked on."""
        found = set()
        for row in self._latest().values():
            if row["state"] == "done":
                for one in row["extra"]["values"].get("idents", ()):
                    if not one.get("skip"):
                        found.add((one["obs_id"], one["fields"]["instrument"], one["fields"]["exposure"]))
        return sorted(found, key=lambda f: (int(f[0]) if f[0].isdecimal() else 0, f))

    def status(self) -> dict[str, dict[str, int]]:
        """Return {stage: {state: number}}."""
        with self.survey.ledger() as ledger:
            return ledger.counts()

    def info(self) -> None:
        """Print a table of stages and states."""
        from ciaopy.batch.report import status_text
        from ciaopy.console import Console

        Console().output(status_text(self.survey))

    def run(self, stages: Iterable[str] | None = None, *, retry_failed: bool = False, **common: Any) -> Run:
        """Run stages and user commands without barriers, as `ciaopy batch run` does.

        Parameters
        ----------
        stages : iterable of str, optional
            Default: all.
        retry_failed : bool
            Try everything that failed once more.
        **common
            num_cores, disable_progress, timeout, engine, retries, memory, threads, only, as of the stage functions.

        Raises
        ------
        TypeError, ValueError
            An argument is wrong.
        """
        from ciaopy.batch.attempt import CAUSES

        force = common.pop("force", False)
        shared = Common(**common)
        names = None if stages is None else tuple(stages)
        wanted = frozenset(names or ()) if force else frozenset()
        return warned(
            self,
            launch(self.survey, shared.wishes(names, {}, frozenset(CAUSES) if retry_failed else frozenset(), wanted)),
        )


def whole_keys(value: Any) -> Any:
    """Return JSON values with keys that are whole numbers as numbers again, as they were before they were stored."""
    if isinstance(value, dict):
        return {
            int(k) if isinstance(k, str) and k.isdecimal() and len(k) < 4 else k: whole_keys(v)
            for k, v in value.items()
        }
    return value


def warned(archive: Archive, run: Run, name: str = "") -> Run:
    """Warn once of what failed, and of what was left out."""
    if run.failed or run.blocked:
        where = f"Archive.get_failed_logs({name!r})" if name else f"ciaopy batch status --failed {archive.folder}"
        warnings.warn(
            f"{run.failed} jobs failed, {run.blocked} could not begin; see {where}", UserWarning, stacklevel=4
        )
    if run.stopped:
        warnings.warn(f"the run ended early: {run.stopped}", UserWarning, stacklevel=4)
    if name:
        left = sorted(
            {
                b
                for found in archive.process_extra_info.values()
                for i in found.get(name, {}).values()
                for b in i.get("skipped_bands", ())
            }
        )
        if left and run.launched:
            warnings.warn(
                f"{name}: bands left out, the cleaned events do not cover them: {', '.join(left)}",
                UserWarning,
                stacklevel=4,
            )
    return run
