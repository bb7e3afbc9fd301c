"""`Archive`: a survey as a Python object, in the shape of DAXA's archives."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ciaopy.batch.launching import Wishes, check_together, launch
from ciaopy.batch.mission import Stage, default_cores
from ciaopy.batch.progress import Progress
from ciaopy.batch.records import absolute
from ciaopy.batch.run import Run
from ciaopy.batch.settings import remember
from ciaopy.batch.survey import Survey
from ciaopy.errors import UserError

__all__ = ["NUM_CORES", "Archive", "Common", "NoDependencyProcessError", "run_stage", "warned", "whole_keys"]

#: Default of num_cores: 90% of the cores that this process may use.
NUM_CORES = default_cores()


class NoDependencyProcessError(UserError):
    """A stage is called before the one that it needs has been run, or has worked for anybody."""


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


@dataclass(frozen=True)
class Common:
    """The arguments that every stage function has; wrong ones raise when it is made."""

    num_cores: int = NUM_CORES
    disable_progress: bool = False
    timeout: Any = None
    engine: Any = None
    retries: int = 2
    memory: Any = None
    threads: int | None = None
    only: Iterable[str] | None = None

    def __post_init__(self) -> None:
        for name, least in (("num_cores", 1), ("retries", 0), ("threads", 1)):
            value = getattr(self, name)
            if value is None and name == "threads":
                continue
            if type(value) is not int:
                raise TypeError(f"{name} should be a whole number, not {value!r}")
            if value < least:
                raise ValueError(f"{name}={value}: at least {least} is needed")
        if type(self.disable_progress) is not bool:
            raise TypeError(f"disable_progress should be True or False, not {self.disable_progress!r}")
        self.seconds()
        self.bytes()
        if isinstance(self.only, str) or not (self.only is None or isinstance(self.only, Iterable)):
            raise TypeError(f"only should be a list of ObsIDs or idents, not {self.only!r}")

    def seconds(self) -> float | None:
        """Return the timeout in s."""
        if self.timeout is None:
            return None
        from ciaopy.batch.checks import scalar_in

        found = scalar_in("timeout", self.timeout, "s")
        if not found > 0:
            raise ValueError(f"timeout={self.timeout}: a time above 0 is needed")
        return found

    def bytes(self) -> int | None:
        """Return the limit of memory in bytes."""
        if self.memory is None:
            return None
        if isinstance(self.memory, (int, float)) and not isinstance(self.memory, bool):
            found = float(self.memory)
        else:
            from ciaopy.batch.checks import scalar_in

            found = scalar_in("memory", self.memory, "byte")
        if not found > 0:
            raise ValueError(f"memory={self.memory}: a size above 0 is needed")
        return int(found)

    def wishes(
        self,
        stages: tuple[str, ...] | None,
        parameters: Mapping[str, Mapping[str, Any]],
        retry: frozenset[str] = frozenset(),
        force: frozenset[str] = frozenset(),
    ) -> Wishes:
        """Return the wishes of a run."""
        return Wishes(
            stages=stages,
            parameters=parameters,
            force=force,
            only=frozenset(map(str, self.only or ())),
            retry=retry,
            timeout=self.seconds(),
            memory=self.bytes(),
            num_cores=self.num_cores,
            threads=self.threads,
            retries=self.retries,
            engine=self.engine,
            progress=Progress() if self.disable_progress else None,
        )


def run_stage(archive: object, name: str, values: Mapping[str, Any], force: bool, common: Mapping[str, Any]) -> Run:
    """Check the arguments of a stage function, remember them, and run the stage for every ident.

    Raises
    ------
    TypeError, ValueError, UnitConversionError
        An argument is wrong; nothing has been started.
    NoDependencyProcessError
        The stage that this one needs has not been run, or has worked for no ident.
    """
    if not isinstance(archive, Archive):
        raise TypeError(f"{name}: the first argument should be an Archive, not {archive!r}")
    if type(force) is not bool:
        raise TypeError(f"force should be True or False, not {force!r}")
    shared = Common(**common)
    settings = archive.survey.settings()
    mission = settings.mission.of_stage(name)
    stage = next((s for s in mission.stages if s.name == name), None)
    if stage is None:
        raise UserError(f"{archive.folder}: a survey of {mission.name} has no stage {name}")
    parameters = {k: stage.parameter(k).check(f"{name}.{k}", v) for k, v in values.items()}
    stage.check(parameters)
    counts = archive.status()
    for need in stage.needs:
        if not counts.get(need, {}).get("done"):
            state = "has worked for nothing" if counts.get(need) else "has not been run"
            raise NoDependencyProcessError(f"{name} needs {need}, which {state}; call {need}(archive) first")
    own = settings.parameters | ({name: parameters} if parameters else {})
    check_together(archive.survey, settings.mission, own, (name,))
    if parameters:
        remember(archive.survey.toml, stage, parameters)
    forced = frozenset([name]) if force else frozenset()
    run = launch(archive.survey, shared.wishes((name,), {name: parameters} if parameters else {}, force=forced))
    if run.unmet and not (run.done or run.launched or run.failed) and run.unmet == _all(archive, name):
        raise NoDependencyProcessError(
            f"{name} needs {', '.join(stage.needs)} with the present parameters, inputs and calibration, which is not"
            f" done; call {stage.needs[0]}(archive) again"
        )
    return warned(archive, run, name)


def _all(archive: Archive, name: str) -> int:
    """Return the number of idents."""
    return max(len(archive.get_obs_to_process()), 1)


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
