"""What a stage function does: its arguments are checked and remembered, then the stage runs for every ident."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from ciaopy.batch.archive import Archive, warned
from ciaopy.batch.arguments import Common
from ciaopy.batch.launching import check_together, launch
from ciaopy.batch.run import Run
from ciaopy.batch.settings import remember
from ciaopy.errors import UserError

__all__ = ["Call", "NoDependencyProcessError", "run_stage"]


class NoDependencyProcessError(UserError):
    """A stage is called before the one that it needs has been run, or has worked for anybody."""


@dataclass(frozen=True)
class Call:
    """The arguments of a stage function, told apart; wrong ones of those that all have raise when it is made.

    Attributes
    ----------
    archive : Archive
    values : dict
        Parameters of the stage.
    force : bool
    common : Common
    """

    archive: Archive
    values: dict[str, Any]
    force: bool
    common: Common

    @classmethod
    def of(cls, name: str, arguments: Mapping[str, Any]) -> Call:
        """Make it from the name of the function and its arguments, as `locals()` at its beginning has them.

        Raises
        ------
        TypeError, ValueError, UnitConversionError
            One that every stage function has is wrong.
        """
        shared = {f.name for f in fields(Common)}
        first, *others = arguments
        archive, force = arguments[first], arguments["force"]
        if not isinstance(archive, Archive):
            raise TypeError(f"{name}: the first argument should be an Archive, not {archive!r}")
        if type(force) is not bool:
            raise TypeError(f"force should be True or False, not {force!r}")
        common = Common(**{k: arguments[k] for k in others if k in shared})
        return cls(archive, {k: arguments[k] for k in others if k not in shared and k != "force"}, force, common)


def run_stage(name: str, arguments: Mapping[str, Any]) -> Run:
    """Check the arguments of a stage function, remember them, and run the stage for every ident.

    Parameters
    ----------
    name : str
        Of the stage and its function.
    arguments : dict
        All arguments of the function, the archive first: its `locals()`.

    Raises
    ------
    TypeError, ValueError, UnitConversionError
        An argument is wrong; nothing has been started.
    NoDependencyProcessError
        The stage that this one needs has not been run, or has worked for no ident.
    """
    call = Call.of(name, arguments)
    archive = call.archive
    settings = archive.survey.settings()
    mission = settings.mission.of_stage(name)
    stage = next((s for s in mission.stages if s.name == name), None)
    if stage is None:
        raise UserError(f"{archive.folder}: a survey of {mission.name} has no stage {name}")
    parameters = {k: stage.parameter(k).check(f"{name}.{k}", v) for k, v in call.values.items()}
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
    forced = frozenset([name]) if call.force else frozenset()
    run = launch(archive.survey, call.common.wishes((name,), {name: parameters} if parameters else {}, force=forced))
    if run.unmet and not (run.done or run.launched or run.failed) and run.unmet == _all(archive, name):
        raise NoDependencyProcessError(
            f"{name} needs {', '.join(stage.needs)} with the present parameters, inputs and calibration, which is not"
            f" done; call {stage.needs[0]}(archive) again"
        )
    return warned(archive, run, name)


def _all(archive: Archive, name: str) -> int:
    """Return the number of idents."""
    return max(len(archive.get_obs_to_process()), 1)
