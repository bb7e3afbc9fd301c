"""What the commands do: find the tool, bind its parameters, run it, report.

This module is all that a console command imports, so it stays free of click and of numerical libraries.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from ciaopy.cli import catalog
from ciaopy.cli.arguments import Request, split_flags, wants_debug, without_debugging
from ciaopy.cli.logs import with_log
from ciaopy.cli.reporting import run_guarded
from ciaopy.console import Console
from ciaopy.errors import NotAvailableError, UsageError
from ciaopy.param import Parameter, ParFile, list_tools, system_par_dir
from ciaopy.spelling import did_you_mean
from ciaopy.version import __version__

VERSION = __version__
#: Subcommands of `ciaopy` that are no tools: `ciaopy/cli/NAME.py` holds a click command named `command`.
SUBCOMMANDS = {
    "list": "List the tools, with what each does",
    "help": "Show the manual of a tool, with examples",
    "doctor": "Check the set-up and say how to mend it",
    "shims": "Make commands of all tools in a folder",
    "completion": "Print the completion script of a shell",
    "demo": "Reduce a small observation from end to end",
    "simulate": "Make an observation to practise on",
    "check": "Check whether Chandra products are what they should be",
    "compare": "Compare two event files of one observation",
    "caldb": "Find, check and fetch calibration files",
    "batch": "Reduce many observations",
    "download_chandra_obsid": "Fetch observations from the Chandra archive",
}


def subcommand_path(name: str) -> Path:
    """Return the module of a subcommand, which need not be there yet."""
    return Path(__file__).with_name(f"{name}.py")


def subcommand_summaries() -> list[tuple[str, str]]:
    """Return (name, description) of the subcommands; those without a module are marked."""
    marks = {True: "", False: " (not yet)"}
    return [(name, text + marks[subcommand_path(name).is_file()]) for name, text in SUBCOMMANDS.items()]


def parameter_commands() -> list[str]:
    """Return the names of `pset`, `plist` and their kin."""
    from ciaopy.cli.param_commands import COMMANDS

    return list(COMMANDS)


def tool_names() -> list[str]:
    """Return the tools that can be typed as commands, implemented or not, sorted."""
    return [name for name in list_tools() if is_tool(name)]


def is_tool(name: str) -> bool:
    """True for a name with a system parameter file, but for the files of no tool (ardlib, geom)."""
    return catalog.has_parameter_file(name) and name not in catalog.PLAIN_FILES


def is_implemented(name: str) -> bool:
    """True if ciaopy does the work itself."""
    return catalog.module_path(name) is not None


def is_command(word: str) -> bool:
    """True if `word` is a tool or a parameter command."""
    return is_tool(word) or word in parameter_commands()


def run_command(name: str, words: Sequence[str]) -> int:
    """Run a tool or a parameter command, report its errors, and return the exit status.

    Parameters
    ----------
    name : str
        Tool or parameter command.
    words : sequence of str
        The words after it.
    """
    if name in parameter_commands():
        from ciaopy.cli.param_commands import COMMANDS

        return run_guarded(name, lambda: COMMANDS[name](without_debugging(words), Console()), wants_debug(words))
    return with_log(name, words, lambda rest: run_guarded(name, lambda: run_words(name, rest), wants_debug(rest)))


def run_words(name: str, words: Sequence[str]) -> int:
    """Run one tool with the words of its command line.

    Raises
    ------
    UsageError
        The command line is wrong, or there is no such tool.
    NotAvailableError
        ciaopy does not do this tool yet.
    ParameterError
        A parameter has no value, or a wrong one.
    """
    if not is_tool(name):
        raise unknown_command(name, [*parameter_commands(), *tool_names()])
    request = split_flags(words, name, catalog.offer(name))
    console = Console()
    if request.help:
        console.output(help_text(name))
        return 0
    if not is_implemented(name):
        raise not_yet(name)
    return _run_tool(name, request)


def _run_tool(name: str, request: Request) -> int:
    """Bind the parameters and run the tool."""
    from ciaopy.engine import RunOptions, run_tool, unasked
    from ciaopy.param import open_parameters

    words = request.arguments
    if request.roots and not any(word.startswith("tools=") for word in words):
        words = [*words, f"tools={next(reversed(request.roots))}"]
    par = open_parameters(name, words, unasked=unasked)
    run_tool(par, Console(), options=RunOptions(plan=request.plan, json=request.json, roots=request.roots))
    return 0


def not_yet(name: str) -> NotAvailableError:
    """Return the error of what CIAO has and ciaopy has not."""
    return NotAvailableError(f"{name} is not done by ciaopy yet; `ciaopy list` shows what is")


def unknown_command(name: str, known: Iterable[str]) -> UsageError:
    """Return the error of a word that is no command, with the commands that are spelt alike."""

    advice = did_you_mean(name, known).strip(" ()") or "`ciaopy list` shows them all"
    return UsageError(f"no command {name}: {advice}")


def declared_parameters(name: str) -> dict[str, Parameter] | None:
    """Return the parameters of a tool's system file by name, None where `name` is no tool."""
    if not is_tool(name):
        return None
    return {p.name: p for p in ParFile.read(system_par_dir() / f"{name}.par")}


def help_text(name: str) -> str:
    """Return the text of `TOOL --help`."""
    if not is_tool(name):
        synopsis, text = parameter_command_usage(name)
        return f"Usage: {synopsis}\n\n  {text}."
    from ciaopy.cli.helptext import tool_help

    return tool_help(catalog.find_tool(name), ParFile.read(system_par_dir() / f"{name}.par"))


def flags(name: str) -> list[tuple[str, str]]:
    """Return the flags of a tool, without their values, and what each does."""
    from ciaopy.cli.helptext import flags_of

    return [(flag.partition(" ")[0], text) for flag, text in flags_of(catalog.find_tool(name))]


def summary(name: str) -> str:
    """Return one line about a tool or a parameter command."""
    if is_tool(name):
        return catalog.find_tool(name).summary
    return parameter_command_usage(name)[1]


def parameter_command_usage(name: str) -> tuple[str, str]:
    """Return the synopsis and the description of a parameter command."""
    from ciaopy.cli.param_commands import USAGE

    synopsis, _, text = USAGE[name].partition("\n")
    return synopsis, text.rstrip(".")
