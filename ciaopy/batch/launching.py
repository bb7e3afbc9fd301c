"""From wishes to a run: what the command line and the Python functions have in common."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from ciaopy.batch.attempt import CAUSES
from ciaopy.batch.calibrate import Calibration, own_calibration
from ciaopy.batch.engines import make_engine
from ciaopy.batch.graph import Plan, Request
from ciaopy.batch.mission import Mission, StageOffError, default_cores
from ciaopy.batch.progress import Progress, make_progress
from ciaopy.batch.run import Options, Run, Supervisor
from ciaopy.batch.settings import Settings, remember
from ciaopy.batch.sources import caldb_folder
from ciaopy.batch.survey import Survey
from ciaopy.errors import CiaopyError, UsageError

__all__ = ["TogetherError", "Wishes", "check_together", "due_jobs", "launch", "set_parameters"]


@dataclass(frozen=True)
class Wishes:
    """What a user asks of a run; None leaves it to survey.toml, or to the default.

    Attributes
    ----------
    stages : tuple of str or None
        None: all.
    parameters : dict
        Stage -> JSON parameters that take the place of the survey's.
    force, only, retry : frozenset of str
        Stages to run although done; ObsIDs and idents; causes of failure to try again.
    timeout, memory : optional
        s, bytes.
    num_cores, threads, retries, min_free : int or None
    engine : object
        See `make_engine`.
    workers : int or None
        Of a new Dask cluster.
    keep_failed : bool
    progress : Progress or None
        None: what suits the terminal.
    offline : bool
        Send no request: what is to be downloaded must be there.
    digest : str or None
        `ends` or `full`: how input files are known again.
    drop_missing : bool
        Leave out stages that this machine cannot do, as without `stages`, as long as others can be done.
    """

    stages: tuple[str, ...] | None = None
    parameters: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    force: frozenset[str] = frozenset()
    only: frozenset[str] = frozenset()
    retry: frozenset[str] = frozenset()
    timeout: float | None = None
    memory: int | None = None
    num_cores: int | None = None
    threads: int | None = None
    retries: int | None = None
    min_free: int | None = None
    engine: Any = None
    workers: int | None = None
    keep_failed: bool = False
    progress: Progress | None = None
    offline: bool = False
    digest: str | None = None
    drop_missing: bool = False


def make_request(settings: Settings, wishes: Wishes) -> Request:
    """Return the request of a run.

    Raises
    ------
    UsageError
        A stage or a cause of failure that there is not.
    """
    from ciaopy import __version__

    stages = settings.stages
    names = [s.name for s in stages]
    for name in (*(wishes.stages or ()), *wishes.force):
        if name not in names:
            raise UsageError(f"no stage is called {name!r}; there is {', '.join(names)}")
    for cause in wishes.retry:
        if cause not in (*CAUSES, "not yet"):
            raise UsageError(f"no cause of failure is called {cause!r}; there is {', '.join(CAUSES)}")
    run = settings.run
    return Request(
        stages=stages,
        wanted=frozenset(names if wishes.stages is None else wishes.stages),
        parameters={**settings.parameters, **wishes.parameters},
        calibration=settings.mission.calibration(),
        calibrations={m.name: m.calibration() for m in settings.mission.members},
        force=wishes.force,
        retry=wishes.retry,
        only=wishes.only,
        timeout=wishes.timeout if wishes.timeout is not None else run.get("timeout"),
        memory=wishes.memory if wishes.memory is not None else run.get("memory"),
        release=__version__,
        offline=wishes.offline,
    )


def settled_request(survey: Survey, settings: Settings, request: Request, lenient: bool) -> Request:
    """Let each mission decide what only this machine does: who does the work of its stages.

    Raises
    ------
    CiaopyError
        A stage that was asked for by name cannot run here, or nothing at all can.
    """
    with survey.ledger() as ledger:
        rows = ledger.observations()
    parameters, wanted = dict(request.parameters), set(request.wanted)
    refused: dict[str, CiaopyError] = {}
    here = {settings.mission.of(r["obs_id"]).name for r in rows}
    for stage in request.stages:
        mission = settings.mission.of_stage(stage.name)
        if (
            mission.settle is None
            or stage.name not in wanted
            or mission.name not in here
            or stage.name == mission.prepare
        ):
            continue
        try:
            parameters[stage.name] = mission.settle(stage.name, parameters.get(stage.name, stage.defaults))
        except StageOffError as off:
            warnings.warn(str(off), UserWarning, stacklevel=4)
            wanted.discard(stage.name)
        except CiaopyError as error:
            if not lenient:
                raise
            refused.setdefault(mission.name, error)
            wanted.discard(stage.name)
    for name, reason in refused.items():
        folders = [survey.raw_folder(r["folder"]) for r in rows if settings.mission.of(r["obs_id"]).name == name]
        member = next((m for m in settings.mission.members if m.name == name), settings.mission)
        alone = [member.stands_alone(f) for f in folders if f.is_dir()]
        if len(here) == 1 and not any(alone):
            raise reason
        if not all(alone):
            warnings.warn(f"{alone.count(False)} observations of {name} wait: {reason}", UserWarning, stacklevel=4)
    return replace(request, parameters=parameters, wanted=frozenset(wanted))


def launch(survey: Survey, wishes: Wishes, settled: bool = False) -> Run:
    """Run what is due.

    Parameters
    ----------
    survey : Survey
    wishes : Wishes
    settled : bool
        The parameters say already what this machine decides.

    Raises
    ------
    UsageError
        survey.toml or the wishes are wrong.
    SurveyBusyError
        Another supervisor works on the survey.
    """
    settings = wished_settings(survey, wishes)
    with own_calibration(survey, settings):
        if survey.supervisor() is not None:
            with survey.lock():  # raises, and names who it is
                pass
        first_calibration(survey, settings, wishes)
        request = make_request(settings, wishes)
        check_together(survey, settings.mission, request.parameters, request.wanted)
        if not settled:
            request = settled_request(survey, settings, request, wishes.stages is None or wishes.drop_missing)
        options = run_options(settings, wishes)
        slots = max(options.num_cores // (options.threads or 1), 1)
        engine = make_engine(wishes.engine, slots, settings.mission.modules, wishes.workers)
        progress = wishes.progress if wishes.progress is not None else make_progress(False)
        return Supervisor(survey, settings, request, options, engine, progress).run()


def wished_settings(survey: Survey, wishes: Wishes) -> Settings:
    """Return the settings of a survey, with what a run is asked to do otherwise."""
    settings = survey.settings()
    return settings if wishes.digest is None else replace(settings, run=settings.run | {"digest": wishes.digest})


def first_calibration(survey: Survey, settings: Settings, wishes: Wishes) -> None:
    """Fetch what names the version of the calibration, where the survey has its own: jobs are known by it.

    Raises
    ------
    CiaopyError
        The mirror is none, or is not reached.
    """
    if not wishes.offline:
        Calibration(survey, settings).fetch([])


class TogetherError(UsageError, ValueError):
    """Parameters of several stages do not go together."""


def check_together(
    survey: Survey, mission: Mission, parameters: Mapping[str, Mapping[str, Any]], wanted: Collection[str]
) -> None:
    """Refuse parameters of stages that do not go together, before anything is remembered or run.

    Parameters
    ----------
    survey : Survey
    mission : Mission
        Of the survey.
    parameters : dict
        Stage -> parameters; what is not there has its defaults.
    wanted : collection of str
        Stages that are to run.

    Raises
    ------
    TogetherError
        As the mission says.
    """

    def instruments() -> frozenset[str]:
        """Return the instruments of the observations that were prepared."""
        found: set[str] = set()
        with survey.ledger() as ledger:
            for row in ledger.jobs("state = 'done' and ident = obs_id"):
                found |= {i["fields"].get("instrument", "") for i in row["extra"]["values"].get("idents", ())}
        return frozenset(found)

    for member in mission.members or (mission,):
        own = {s.name: parameters.get(s.name, s.defaults) for s in member.stages}
        try:
            member.check_together(own, frozenset(wanted), instruments)
        except ValueError as error:
            raise TogetherError(str(error)) from error


def run_options(settings: Settings, wishes: Wishes) -> Options:
    """Return how a run goes about its work: wishes, else survey.toml, else the defaults."""
    run = settings.run
    cores = wishes.num_cores or run.get("num_cores") or default_cores()
    retries = run.get("retries", 2) if wishes.retries is None else wishes.retries
    min_free = run.get("min_free", Options.min_free) if wishes.min_free is None else wishes.min_free
    return Options(cores, wishes.threads or run.get("threads"), retries, min_free, wishes.keep_failed)


class DueJob(NamedTuple):
    """A job that would run, and why."""

    ident: str
    stage: str
    reason: str
    obs_id: str


def due_jobs(survey: Survey, wishes: Wishes) -> list[DueJob]:
    """Return the jobs that would run; those of observations not yet prepared are unknown."""
    settings = wished_settings(survey, wishes)
    found = []
    there = settings.caldb is None or caldb_folder(survey.folder, settings.caldb).is_dir()
    with own_calibration(survey, settings) if there else nullcontext(), survey.ledger() as ledger:
        request = make_request(settings, wishes)
        check_together(survey, settings.mission, request.parameters, request.wanted)
        request = settled_request(survey, settings, request, wishes.stages is None or wishes.drop_missing)
        for row in ledger.observations():
            if not request.concerns(row["obs_id"]):
                continue
            jobs = ledger.jobs("obs_id = ?", (row["obs_id"],))
            plan: Plan = settings.mission.plan(survey.folder, request, row, jobs)
            found += [
                DueJob(n.ident, n.stage.name, n.reason, row["obs_id"]) for n in plan.nodes.values() if n.state == "due"
            ]
    return found


def set_parameters(
    survey: Survey, settings: Settings, changes: Mapping[str, Mapping[str, Any]], wanted: Collection[str] | None = None
) -> None:
    """Check parameters together and write them into survey.toml.

    Parameters
    ----------
    survey : Survey
    settings : Settings
    changes : dict
        Stage -> parameters.
    wanted : collection of str, optional
        Stages that are to run with them; default: all.

    Raises
    ------
    UsageError
        They do not go together.
    """
    stages = {s.name: s for s in settings.mission.stages}
    for name, values in changes.items():
        together = {**settings.parameters[name], **values}
        try:
            stages[name].check(together)
        except ValueError as error:
            raise UsageError(f"{name}: {error}") from error
    all_of_them = {n: {**v, **changes.get(n, {})} for n, v in settings.parameters.items()}
    check_together(survey, settings.mission, all_of_them, list(stages) if wanted is None else wanted)
    for name, values in changes.items():
        remember(survey.toml, stages[name], values)
