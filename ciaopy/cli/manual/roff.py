"""Man pages: of every tool from its manual, of the parameter commands and of `ciaopy` from what they say of themselves.

`scripts/make_man` writes `man/NAME.1` for every tool; a test proves that they are current.
"""

from __future__ import annotations

from pathlib import Path

from ciaopy.cli import catalog, run
from ciaopy.cli.manual.markdown import escape, to_roff
from ciaopy.cli.manual.page import find_page
from ciaopy.cli.manual.reference import ENVIRONMENT, STATUS, manual_text
from ciaopy.param import ParFile, system_par_dir

#: No hyphens and no wide gaps: names of files and values must be readable as they are.
PLAIN_TEXT = (".nh", ".ad l")


def _entry(head: str, text: str) -> list[str]:
    """A tagged paragraph."""
    return [".TP", head, escape(text)]


def tool_page(tool: catalog.Tool, parameters: ParFile) -> str:
    """Return the man page of a tool as roff (man macros).

    Parameters
    ----------
    tool : Tool
        Description and kind.
    parameters : ParFile
        System parameter file.
    """
    text = manual_text(tool, parameters, find_page(tool.name))
    body = text.partition("\n## ")[2]
    lines = [
        f'.TH {escape(tool.name).upper()} 1 "" "ciaopy" "ciaopy tools"',
        *PLAIN_TEXT,
        ".SH NAME",
        f"{escape(tool.name)} \\- {escape(tool.summary[:1].lower() + tool.summary[1:])}",
        *to_roff(f"## {body}"),
    ]
    return "\n".join(lines) + "\n"


def _see_also(name: str) -> str:
    """References to the pages that every reader may want."""
    others = [other for other in ("ciaopy", "plist", "pset", "punlearn") if other != name]
    return ", ".join(f"\\fB{other}\\fR(1)" for other in others)


def command_page(name: str) -> str:
    """Return the man page of a parameter command, which has no parameter file."""
    synopsis, summary = run.parameter_command_usage(name)
    return "\n".join(
        [
            f'.TH {name.upper()} 1 "" "ciaopy" "ciaopy parameter commands"',
            *PLAIN_TEXT,
            ".SH NAME",
            f"{name} \\- {escape(summary[:1].lower() + summary[1:])}",
            ".SH SYNOPSIS",
            f".B {name}",
            escape(synopsis.removeprefix(name).strip()),
            ".SH DESCRIPTION",
            escape(summary + "."),
            ".SH ENVIRONMENT",
            *_entry(".B PFILES", ENVIRONMENT[0][1]),
            ".SH SEE ALSO",
            _see_also(name),
            "",
        ]
    )


def application_page() -> str:
    """Return the man page of `ciaopy`."""
    lines = [
        '.TH CIAOPY 1 "" "ciaopy" "ciaopy"',
        *PLAIN_TEXT,
        ".SH NAME",
        "ciaopy \\- Chandra X\\-ray data reduction with CIAO's commands, parameters and products",
        ".SH SYNOPSIS",
        ".B ciaopy",
        "\\fIcommand\\fR | \\fItool\\fR [\\fIname\\fR=\\fIvalue\\fR ...]",
        ".SH COMMANDS",
        *(line for name, text in run.subcommand_summaries() for line in _entry(f".B {name}", text)),
        ".SH PARAMETER COMMANDS",
        *(line for name in run.parameter_commands() for line in _entry(f".BR {name} (1)", run.summary(name))),
        ".SH TOOLS",
    ]
    for tool in catalog.all_tools():
        if tool.kind in {"pipeline", "tool"}:
            lines += _entry(f".BR {tool.name} (1)", tool.summary)
    lines += [".SH ENVIRONMENT", *(line for name, text in ENVIRONMENT for line in _entry(f".B {name}", text))]
    return "\n".join([*lines, ".SH EXIT STATUS", escape(STATUS), ""])


def pages() -> dict[str, str]:
    """Return every man page: file name to text."""
    found = {"ciaopy.1": application_page()}
    for name in run.parameter_commands():
        found[f"{name}.1"] = command_page(name)
    for name in run.tool_names():
        found[f"{name}.1"] = tool_page(catalog.find_tool(name), ParFile.read(system_par_dir() / f"{name}.par"))
    return found


def write_pages(folder: Path) -> list[Path]:
    """Write the pages that differ from what is in `folder`, delete those of no tool, and return what was changed."""
    current = pages()
    changed = []
    for path in folder.glob("*.1"):
        if path.name not in current:
            path.unlink()
            changed.append(path)
    for name, text in current.items():
        path = folder / name
        if not path.is_file() or path.read_text() != text:
            path.write_text(text)
            changed.append(path)
    return sorted(changed)
