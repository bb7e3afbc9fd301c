"""`TOOL --help`, written from the tool's parameter file."""

from __future__ import annotations

import shutil
import textwrap

from ciaopy.cli.catalog import Tool, offer
from ciaopy.engine import SUITES
from ciaopy.param import Parameter, ParFile

FLAGS = (
    ("--help", "Show this text"),
    ("--debug", "Show the traceback of an error"),
    ("--log FILE", "Add what is run, said and warned to a log file (or set CIAOPY_LOG)"),
)
PLAN_FLAG = ("--plan", "Show the steps that would be run, and run none")
JSON_FLAG = ("--json", "Print JSON for programs, and nothing else on standard output (docs/json.md)")
GRAMMAR = (
    "Write name=value, or --name value; name+ and name- for yes and no. Names may be cut short while they are unique. "
    "Values without a name go to the parameters of the first list, in order. @@file.par takes the values of a file."
)
NOT_YET = "Not yet done by ciaopy: the parameters can be set and read, the tool cannot be run."
# Stands for `[name=value ...]`, which is as long and must not be broken, while lines are wrapped.
LAST_WORD = "[name=value_...]"
TYPE_WORDS = {"b": "yes or no", "i": "integer", "r": "real", "s": "text", "f": "file"}


def flags_of(tool: Tool) -> list[tuple[str, str]]:
    """Return the flags of a tool, with what each does."""
    offered = offer(tool.name)
    own = ([PLAN_FLAG] if offered.plan else []) + ([JSON_FLAG] if offered.json else [])
    for name in offered.suites:
        suite = SUITES[name]
        text = f"Run the steps on the tools of the {suite.title} installation in DIR (sets tools={name})"
        own.append((f"{suite.option} DIR", text))
    return [*FLAGS, *own]


def usage_line(parameters: ParFile, prefix: str = "") -> str:
    """Return `tool infile outfile [name=value ...]`."""
    positional = [p.name for p in parameters if not p.hidden]
    return " ".join([prefix + parameters.tool, *positional, "[name=value ...]"])


def constraint(parameter: Parameter) -> str:
    """Return what values a parameter takes: `a|b|c`, `0 to 5`, `at least 0`, or its type in words."""
    if parameter.choices:
        return " | ".join(parameter.choices)
    low, high = parameter.minimum, parameter.maximum
    word = TYPE_WORDS[parameter.kind]
    if low and high:
        return f"{word}, {low} to {high}"
    if low:
        return f"{word}, at least {low}"
    return f"{word}, at most {high}" if high else word


def default_text(parameter: Parameter) -> str:
    """Return the default as it would be typed; a blank one is `""`."""
    return parameter.default if parameter.default else '""'


def tool_help(tool: Tool, parameters: ParFile, width: int | None = None) -> str:
    """Return the help of one tool: usage, description, parameters with type, range and default, flags.

    Parameters
    ----------
    tool : Tool
        Description and kind.
    parameters : ParFile
        The system parameter file, so that defaults are those of `punlearn`.
    width : int, optional
        Columns; default: the terminal's, at most 120.
    """
    width = width or min(shutil.get_terminal_size((100, 24)).columns, 120)
    usage = f"Usage: {usage_line(parameters)}".replace("[name=value ...]", LAST_WORD)
    lines = [line.replace(LAST_WORD, "[name=value ...]") for line in _wrapped(usage, width, "", "    ")]
    lines += ["", *_wrapped(f"{tool.summary}.", width, "  ", "  ")]
    if not tool.implemented:
        lines += ["", *_wrapped(NOT_YET, width, "  ", "  ")]
    shown = [p for p in parameters if p.name != "mode"]
    positional = [p for p in shown if not p.hidden]
    hidden = [p for p in shown if p.hidden]
    for title, group in (("Parameters", positional), ("Hidden parameters", hidden)):
        if group:
            lines += ["", f"{title}:", *_table(group, width)]
    lines += ["", *textwrap.wrap(GRAMMAR, width, break_long_words=False, break_on_hyphens=False), "", "Flags:"]
    for flag, text in flags_of(tool):
        lines += _wrapped(text, width, f"  {flag:<12} ", " " * 15)
    if tool.implemented:
        lines += ["", f"Manual with examples: ciaopy help {tool.name}"]
    return "\n".join(lines)


def _wrapped(text: str, width: int, first: str, rest: str) -> list[str]:
    return textwrap.wrap(
        text, width, initial_indent=first, subsequent_indent=rest, break_long_words=False, break_on_hyphens=False
    )


def _table(parameters: list[Parameter], width: int) -> list[str]:
    """One entry per parameter: `name = default`, the prompt, and what values it takes."""
    heads = [f"  {p.name} = {default_text(p)}" for p in parameters]
    heads = [head if len(head) <= width else head[: width - 4] + " ..." for head in heads]
    column = min(max(map(len, heads)) + 2, 36)
    lines = []
    for head, parameter in zip(heads, parameters, strict=True):
        text = f"{parameter.prompt} [{constraint(parameter)}]"
        wrapped = textwrap.wrap(text, max(width - column, 30), break_long_words=False, break_on_hyphens=False)
        if len(head) + 1 >= column:
            lines.append(head)
        else:
            lines.append(head.ljust(column) + wrapped.pop(0))
        lines += [" " * column + line for line in wrapped]
    return lines
