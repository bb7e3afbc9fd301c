"""`--plan` and `--ciao`: help, completion, man pages and refusal follow from what a tool declares, for every tool."""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path

import pytest

from ciaopy.cli import catalog, run
from ciaopy.cli.arguments import split_flags
from ciaopy.cli.command import ParameterCommand
from ciaopy.engine.suites import SUITES
from ciaopy.errors import UsageError
from ciaopy.pipelines import MODULES

MAN = Path(__file__).resolve().parents[2] / "man"


def shown(text: str) -> set[str]:
    """Return which of the flags a text shows."""
    return {flag for flag in ("--plan", "--ciao", "--sas") if flag in text.replace("\\-", "-")}


@pytest.mark.parametrize("name", run.tool_names())
def test_all_speak_of_what_a_tool_declares(name, tmp_path):
    offered = catalog.offer(name)
    flags = ({"--plan"} if offered.plan else set()) | {f"--{suite}" for suite in offered.suites}
    assert shown(run.help_text(name)) == flags
    assert shown((MAN / f"{name}.1").read_text()) == flags
    command = ParameterCommand(name)
    items = {item.value for item in command.shell_complete(command.make_context(name, []), "--")}
    assert items & {"--plan", *(f"--{suite}" for suite in SUITES)} == flags
    (tmp_path / "bin").mkdir()
    for flag in ("--plan", *(f"--{suite}={tmp_path}" for suite in SUITES)):
        plain = flag.partition("=")[0]
        if plain in flags:
            request = split_flags([flag], name, offered)
            assert request.plan or request.roots
        else:
            with pytest.raises(UsageError, match=f"{name} has no {plain}"):
                split_flags([flag], name, offered)


@pytest.mark.parametrize("name", MODULES)
def test_a_plan_is_a_function_of_the_module(name):
    module = importlib.import_module(MODULES[name])
    plan = getattr(module, "plan", None)
    assert catalog.offer(name).plan == (plan is not None)
    if plan is not None:
        assert list(inspect.signature(plan).parameters) == ["par", "ws"]
