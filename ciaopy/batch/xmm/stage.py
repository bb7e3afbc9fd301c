"""What the XMM-Newton stage functions have in common: checks in their order, who does the work, the run."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

from ciaopy.batch.archive import Archive, warned
from ciaopy.batch.arguments import Common
from ciaopy.batch.calls import Call, NoDependencyProcessError
from ciaopy.batch.launching import launch
from ciaopy.batch.mission import Mission, Stage, StageOffError
from ciaopy.batch.run import Run
from ciaopy.batch.settings import remember
from ciaopy.batch.xmm.mission import XMM, settle_stage
from ciaopy.errors import SASInputInvalidError, SASNotFoundError, SASVersionError, UserError

__all__ = [
    "NoValidMissionsError",
    "SASInputInvalidError",
    "SASNotFoundError",
    "SASVersionError",
    "mission_of",
    "run_xmm_stage",
]


class NoValidMissionsError(UserError):
    """The archive has no observation of XMM-Newton."""


def run_xmm_stage(name: str, arguments: Mapping[str, Any]) -> Run:
    """Check the arguments of a stage function, remember them, and run the stage for every ident.

    The order is: type of the archive, types and values of arguments, missions, dependencies, SAS.

    Parameters
    ----------
    name : str
        Of the stage and its function.
    arguments : dict
        All arguments of the function, the archive first: its `locals()`.

    Raises
    ------
    TypeError, ValueError, KeyError, UnitConversionError
        An argument is wrong; nothing has been started.
    NoValidMissionsError
        No observation is of XMM-Newton.
    NoDependencyProcessError
        The stage that this one needs has not been run, or has worked for no ident.
    SASNotFoundError, SASVersionError
        SAS is needed and not there, or too old.
    """
    call = Call.of(name, arguments)
    archive = call.archive
    stage = next(s for s in XMM.stages if s.name == name)
    parameters = {k: stage.parameter(k).check(f"{name}.{k}", v) for k, v in call.values.items()}
    stage.check({**stage.defaults, **parameters})
    mission = mission_of(archive)
    needed = _needed(stage, parameters)
    if needed and needed != {mission.prepare}:
        _prepare(archive, mission)
        _check_needs(archive, name, needed)
    try:
        settled = settle_stage(name, parameters)
    except StageOffError as off:
        warnings.warn(str(off), UserWarning, stacklevel=3)
        return Run()
    if parameters:
        remember(archive.survey.toml, stage, parameters)
    forced = frozenset([name]) if call.force else frozenset()
    wishes = call.common.wishes((mission.prepare, name), {name: settled}, force=forced)
    run = launch(archive.survey, wishes, settled=True)
    if run.unmet and not (run.done or run.launched or run.failed):
        raise NoDependencyProcessError(
            f"{name} needs {' or '.join(sorted(needed))} with the present parameters and inputs, which is not done; "
            f"call it again"
        )
    return warned(archive, run, name)


def mission_of(archive: Archive) -> Mission:
    """Return the mission, as the survey has it.

    Raises
    ------
    NoValidMissionsError
        The survey is of another mission, or has no observation of it.
    """
    settings = archive.survey.settings()
    own = [o for o in archive.obs_ids if settings.mission.of(o).name == XMM.name]
    if not own:
        raise NoValidMissionsError(
            f"{archive.folder}: no observation of XMM-Newton in it; add its folder to the archive"
        )
    return settings.mission.of(own[0])


def _needed(stage: Stage, parameters: Mapping[str, Any]) -> set[str]:
    """Return the stages of which one, at least, must have worked; emanom too where its states are asked for."""
    found = set(stage.needs)
    return {"emanom"} if parameters.get("filt_mos_anom_state") else found


def _prepare(archive: Archive, mission: Mission) -> None:
    """Look through the observations that nobody has looked through."""
    with archive.survey.ledger() as ledger:
        done = {r["obs_id"] for r in ledger.jobs("stage = ? and state in ('done', 'skipped')", (mission.prepare,))}
    settings = archive.survey.settings()
    if any(o not in done and settings.mission.of(o).name == XMM.name for o in archive.obs_ids):
        launch(archive.survey, Common(disable_progress=True).wishes((mission.prepare,), {}), settled=True)


def _check_needs(archive: Archive, name: str, needed: set[str]) -> None:
    counts = archive.status()
    if any(counts.get(need, {}).get("done") for need in needed):
        return
    tried = any(counts.get(need) for need in needed)
    what = " or ".join(sorted(needed))
    state = "has worked for nothing" if tried else "has not been run"
    raise NoDependencyProcessError(f"{name} needs {what}, which {state}; call it first")
