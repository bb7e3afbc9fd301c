"""What a mission declares: its stages, their parameters, where its observations come from.

The runner, the ledger and the engines know stages only in this form. A mission is a module with a `Mission` object,
named in `MISSIONS`; nothing heavy is imported to read it.
"""

from __future__ import annotations

import importlib
import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ciaopy.errors import CiaopyError, NotAvailableError, UsageError, UserError

__all__ = [
    "MISSIONS", "Facts", "Mission", "Parameter", "Stage", "StageOffError", "default_cores", "load_mission",
    "memory_limit", "no_check",
]  # fmt: skip

#: Name of a mission -> `module:object`.
MISSIONS = {"chandra": "ciaopy.batch.chandra:CHANDRA", "xmm_pointed": "ciaopy.batch.xmm.mission:XMM"}
#: Missions whose observations a survey takes without being told.
_DEFAULT = ("chandra", "xmm_pointed")


@dataclass(frozen=True)
class Parameter:
    """One parameter of a stage.

    Attributes
    ----------
    name : str
    default : object
        JSON value, as it stands in the ledger.
    check : callable
        f(owner, value) -> JSON value of what a Python caller gave; raises TypeError, ValueError or
        UnitConversionError.
    parse : callable
        f(owner, value) -> JSON value of a text (`--set`) or of a value of survey.toml; raises TypeError or ValueError.
    """

    name: str
    default: Any
    check: Callable[[str, Any], Any]
    parse: Callable[[str, Any], Any]


@dataclass(frozen=True)
class Facts:
    """What is known of one ident; made by the stage that prepares its observation.

    Attributes
    ----------
    name, obs_id : str
        The ident and its observation.
    fields : dict
        JSON values that the mission's work needs, and the placeholders of user commands.
    inputs : dict
        Path below the observation's folder -> {size, sha256}.
    skip : dict
        Stage -> why it does not apply to this ident.
    size : int
        Bytes of its largest input: the largest observations go first, and memory is predicted from it.
    stages : list of str, optional
        Stages that it has; None: all that are not of a whole observation.
    group : str
        Ident of the group of idents whose results are joined; empty for none.
    given : dict
        Stage -> extra information of a result that came with the observation.
    """

    name: str
    obs_id: str
    fields: dict[str, Any] = field(default_factory=dict)
    inputs: dict[str, Any] = field(default_factory=dict)
    skip: dict[str, str] = field(default_factory=dict)
    size: int = 0
    stages: list[str] | None = None
    group: str = ""
    given: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Facts:
        """Make it from the dictionary of a record."""
        return cls(**values)


class StageOffError(Exception):
    """Raised where a stage is settled: there is no such thing on this machine, and nothing is to be run; says why."""


def no_check(values: Mapping[str, Any]) -> None:
    """Check nothing: the parameters of a stage do not depend on each other."""


#: f({stage: parameters}, wanted stages, instruments).
TogetherCheck = Callable[[Mapping[str, Mapping[str, Any]], frozenset[str], Callable[[], frozenset[str]]], None]


def no_check_together(
    stages: Mapping[str, Mapping[str, Any]], wanted: frozenset[str], instruments: Callable[[], frozenset[str]]
) -> None:
    """Check nothing: the parameters of the stages do not depend on each other."""


@dataclass(frozen=True)
class Stage:
    """One stage, or one user command.

    Attributes
    ----------
    name : str
        Of the function and in the ledger.
    work : str
        `module:function`, called in the child as f(task); see `ciaopy.batch.attempt`. Empty for a command.
    needs : tuple of str
        Stages that must be done for the same ident.
    after : tuple of str
        Stages that, where they run as well, run first; their failure does not matter.
    parameters : tuple of Parameter
    check : callable
        f(parameters) raises ValueError where they do not go together; called with JSON values.
    per_observation : bool
        One job for an observation, whose ident is the ObsID.
    version : int
        Processing version: raised when the results of the stage change.
    memory : callable
        f(facts, parameters) -> bytes that a job will need, for admission only.
    keys : tuple of str
        Names of its extra information: placeholders for the commands that need it.
    argv, products : tuple of str
        Of a user command.
    timeout, memory_limit, retries : optional
        Limits of a user command: s, bytes, number.
    network : bool
        Its jobs ask servers.
    disk : callable
        f(facts, parameters) -> bytes that the products of a job will take, for the estimate before a run.
    """

    name: str
    work: str = ""
    needs: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    check: Callable[[Mapping[str, Any]], None] = no_check
    per_observation: bool = False
    version: int = 1
    memory: Callable[[Facts, Mapping[str, Any]], int] = lambda facts, parameters: 64 << 20
    keys: tuple[str, ...] = ()
    argv: tuple[str, ...] = ()
    products: tuple[str, ...] = ()
    timeout: float | None = None
    memory_limit: int | None = None
    retries: int | None = None
    network: bool = False
    disk: Callable[[Facts, Mapping[str, Any]], int] = lambda facts, parameters: 0

    @property
    def defaults(self) -> dict[str, Any]:
        """Return the parameters' defaults."""
        return {p.name: p.default for p in self.parameters}

    def parameter(self, name: str) -> Parameter:
        """Return one parameter.

        Raises
        ------
        UsageError
            The stage has none of that name.
        """
        for one in self.parameters:
            if one.name == name:
                return one
        known = ", ".join(p.name for p in self.parameters) or "none"
        raise UsageError(f"{self.name}.{name}: no such parameter; {self.name} has {known}")


@dataclass(frozen=True)
class Mission:
    """A mission.

    Attributes
    ----------
    name : str
        `chandra`: products lie in processed_data/NAME.
    stages : tuple of Stage
        In an order in which every stage follows those that it needs.
    prepare : str
        The stage that finds the idents of an observation (`extra['idents']` of its record, `extra['reason']` where
        there is nothing to work on).
    download : str
        The stage that fetches an observation given by its number; empty where the mission has none.
    observation_of : callable
        f(folder) -> ObsID of an observation's folder; raises a CiaopyError where it is none.
    listing : callable
        f(folder) -> [(path below the folder, size, mtime_ns)] of the files that count, cheap.
    calibration : callable
        f() -> name and version of the calibration that jobs will use.
    modules : tuple of str
        What the work imports; loaded once where jobs run.
    obs_ids : str
        Pattern of its ObsIDs, by which a survey of several missions tells them apart; empty: those of no other.
    refuse_download : callable or None
        f(obs_id) raises: why an observation cannot be given by its number.
    plans : str
        `module:class` of the plans of its observations.
    settle : callable or None
        f(stage, parameters) -> parameters, called once for a run: what only this machine decides (programs that are
        installed). Raises a CiaopyError where the stage cannot run here, `StageOffError` where it is left out.
    stands_alone : callable
        f(folder) -> whether something can be done with an observation although stages that `settle` refuses cannot run.
    members : tuple of Mission
        Of several missions joined.
    calibrate : str
        `module:function` called as f(mirror, folder, folders of observations, progress): bring the calibration that
        observations need into a folder. Empty: the mission has no such thing.
    environment : tuple of str
        Variables that name the calibration: jobs have them as the supervisor has them, wherever they run.
    guess : callable
        f(name of the largest file) -> fields that the estimate of the disk needs, before anything is known.
    check_together : callable
        f({stage: parameters}, wanted stages, instruments) raises ValueError where parameters of several stages do not
        go together; instruments() are those that the survey is known to have.
    """

    name: str
    stages: tuple[Stage, ...]
    prepare: str
    observation_of: Callable[[Path], str]
    listing: Callable[[Path], list[tuple[str, int, int]]]
    calibration: Callable[[], str]
    download: str = ""
    modules: tuple[str, ...] = ()
    obs_ids: str = ""
    refuse_download: Callable[[str], None] | None = None
    plans: str = "ciaopy.batch.graph:Plan"
    settle: Callable[[str, Mapping[str, Any]], dict[str, Any]] | None = None
    stands_alone: Callable[[Path], bool] = lambda folder: True
    members: tuple[Mission, ...] = ()
    calibrate: str = ""
    environment: tuple[str, ...] = ()
    guess: Callable[[str], dict[str, Any]] = lambda name: {}
    check_together: TogetherCheck = no_check_together

    def of(self, obs_id: str) -> Mission:
        """Return the mission of an observation: itself, or the one of its members whose ObsIDs look so."""
        named = (m for m in self.members if m.obs_ids and re.fullmatch(m.obs_ids, obs_id))
        return next(named, next((m for m in self.members if not m.obs_ids), self))

    def of_stage(self, name: str) -> Mission:
        """Return the mission that has a stage: itself, or one of its members."""
        return next((m for m in self.members if name in m.stage_names), self)

    def plan(
        self, survey: Path, request: Any, observation: Mapping[str, Any], rows: Iterable[Mapping[str, Any]]
    ) -> Any:
        """Return the plan of an observation (see `ciaopy.batch.graph.Plan`), as its mission makes it."""
        own = self.of(str(observation["obs_id"]))
        module, _, name = own.plans.partition(":")
        return getattr(importlib.import_module(module), name)(survey, own, request, observation, rows)

    @property
    def stage_names(self) -> tuple[str, ...]:
        """Return the names of the stages that a run has without being told, in order."""
        return tuple(s.name for s in self.stages)


def _join(members: tuple[Mission, ...]) -> Mission:
    """Return several missions as one: the stages of all; each observation belongs to one of them."""

    def observation_of(folder: Path) -> str:
        found: list[CiaopyError] = []
        for member in members:
            try:
                return member.observation_of(folder)
            except NotAvailableError:
                raise
            except CiaopyError as error:
                found.append(error)
        told = "; ".join(str(e).removeprefix(f"{folder}: ") for e in found)
        raise UserError(f"{folder}: {told}")

    def refuse_download(obs_id: str) -> None:
        for member in members:
            if member.obs_ids and re.fullmatch(member.obs_ids, obs_id) and member.refuse_download:
                member.refuse_download(obs_id)

    return Mission(
        name="+".join(m.name for m in members),
        stages=tuple(s for m in members for s in m.stages),
        prepare=members[0].prepare,
        observation_of=observation_of,
        listing=members[0].listing,
        calibration=lambda: "; ".join(m.calibration() for m in members),
        download=next((m.download for m in members if m.download), ""),
        modules=tuple(dict.fromkeys(name for m in members for name in m.modules)),
        refuse_download=refuse_download,
        members=members,
    )


def load_mission(name: str = "") -> Mission:
    """Return a mission by its name; without a name all that a survey takes by itself, joined.

    Raises
    ------
    UsageError
        There is none.
    """
    if not name:
        return _join(tuple(load_mission(one) for one in _DEFAULT))
    if name not in MISSIONS:
        raise UsageError(f"mission {name!r}: there is {', '.join(MISSIONS)}")
    module, _, found = MISSIONS[name].partition(":")
    mission: Mission = getattr(importlib.import_module(module), found)
    return mission


def default_cores() -> int:
    """Return 90% of the cores that this process may use (affinity and control group), at least 1."""
    try:
        cores = float(len(os.sched_getaffinity(0)))
    except AttributeError:  # macOS has no affinity
        cores = float(os.cpu_count() or 1)
    quota = _cgroup("cpu.max").split()
    if len(quota) == 2 and quota[0].isdecimal():
        cores = min(cores, int(quota[0]) / int(quota[1]))
    return max(int(0.9 * cores), 1)


def memory_limit() -> int:
    """Return the memory that the jobs of this machine may use, bytes: 90% of it, or of the control group's limit."""
    import psutil

    total = int(psutil.virtual_memory().total)
    text = _cgroup("memory.max").strip()
    return int(0.9 * (min(total, int(text)) if text.isdecimal() else total))


def _cgroup(name: str) -> str:
    try:
        return Path("/sys/fs/cgroup", name).read_text()
    except OSError:
        return ""
