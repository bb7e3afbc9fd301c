"""Shell completion of commands, parameters and values."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from click.testing import CliRunner

from ciaopy.cli.command import ParameterCommand, app
from ciaopy.cli.completion import command


def completions(cli, words, incomplete, name="ciaopy"):
    from click.shell_completion import ShellComplete

    items = ShellComplete(cli, {}, name, "_X").get_completions(words, incomplete)
    return [item.value for item in items if item.type == "plain"]


def test_commands_and_tools():
    assert completions(app, [], "dmst") == ["dmstat"]
    assert completions(app, [], "shi") == ["shims"]
    assert "pset" in completions(app, [], "ps")


def test_parameters_and_values():
    tool = ParameterCommand("fluximage")
    assert completions(tool, [], "exp", "fluximage") == ["expmapthresh="]
    assert completions(tool, ["in", "out"], "units=a", "fluximage") == ["units=area"]
    assert completions(tool, ["nosuch", "="], "x", "fluximage") == ["xygrid="]


def test_bash_cuts_words_at_the_equals_sign():
    tool = ParameterCommand("fluximage")
    assert completions(tool, ["units"], "=", "fluximage") == ["default", "area", "time"]
    assert completions(tool, ["units", "="], "ti", "fluximage") == ["time"]
    assert completions(app, ["fluximage", "clobber"], "=") == ["yes", "no"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_script_for_each_shell(shell):
    result = CliRunner().invoke(command, [shell, "dmcopy"])
    assert result.exit_code == 0
    for name in ("ciaopy", "chandra_repro", "fluximage", "dmcopy"):
        assert f"_{name.upper()}_COMPLETE" in result.output
    if shell == "bash" and shutil.which("bash"):
        assert "compopt -o nospace" in result.output
        subprocess.run(["bash", "-n"], input=result.output, text=True, check=True)


def test_unknown_shell_is_refused():
    assert CliRunner().invoke(command, ["tcsh"]).exit_code == 2
