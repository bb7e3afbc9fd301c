"""`ciaopy help NAME`: the manual of a tool on the screen."""

from __future__ import annotations

import difflib
import os
import sys
from pathlib import Path

import click

from ciaopy.cli import catalog, run
from ciaopy.console import Console
from ciaopy.errors import UsageError

#: Columns beyond which text is hard to read.
WIDEST = 100


@click.command("help", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("name", metavar="[NAME]", required=False)
@click.option("--section", metavar="TITLE", help="This section only: description, examples, errors, ...")
@click.option("--markdown", is_flag=True, help="The text as Markdown.")
def command(name: str | None, section: str | None, markdown: bool) -> int:
    """Show the manual of a tool: what it does, every parameter, examples, files, errors, differences from CIAO.

    On a terminal it is paged with $PAGER; elsewhere it is plain text. Without NAME: what there is.
    """
    console = Console()
    if name is None:
        return _overview(console)
    if name in run.SUBCOMMANDS or name in run.parameter_commands():
        return _short_help(name)
    text = _text(name)
    if section:
        text = _section(text, section, name)
    if markdown:
        console.output(text.rstrip())
    else:
        _show(text, console)
    return 0


def _text(name: str) -> str:
    """Return the manual of a tool, as Markdown."""
    from ciaopy.cli.manual import find_page, manual_text
    from ciaopy.param import ParFile, system_par_dir

    if not run.is_tool(name):
        known = [*run.SUBCOMMANDS, *run.parameter_commands(), *run.tool_names()]
        raise run.unknown_command(name, known)
    return manual_text(catalog.find_tool(name), ParFile.read(system_par_dir() / f"{name}.par"), find_page(name))


def _section(text: str, wanted: str, name: str) -> str:
    """Return one section; its title may be cut short."""
    parts = [f"## {part}" for part in text.split("\n## ")[1:]]
    titles = [part[3:].partition("\n")[0] for part in parts]
    found = [part for part, title in zip(parts, titles, strict=True) if title.lower().startswith(wanted.lower())]
    if not found:
        alike = difflib.get_close_matches(wanted.capitalize(), titles, 1) or titles
        raise UsageError(f"help {name}: no section {wanted}; there is {', '.join(alike)}")
    return "\n".join(found)


def _show(text: str, console: Console) -> None:
    """Write the text: through the pager on a terminal, plain elsewhere."""
    from rich.console import Console as Screen

    from ciaopy.cli.manual import Manual

    terminal = sys.stdout.isatty()
    width = min(Screen().width, WIDEST)
    screen = Screen(width=width, force_terminal=terminal, no_color="NO_COLOR" in os.environ, highlight=False)
    with screen.capture() as captured:
        screen.print(Manual(text, hyperlinks=False), crop=False)
    lines = captured.get()
    if terminal and lines.count("\n") >= screen.height:
        click.echo_via_pager(lines, color=True)
    else:
        console.output(lines.rstrip())


def _short_help(name: str) -> int:
    """Show what a subcommand or a parameter command says of itself."""
    from ciaopy.cli.main import run_application

    return run_application([name, "--help"])


def _overview(console: Console) -> int:
    """Say what manuals there are."""
    from ciaopy.cli.manual import page_folder

    written = {path.stem for path in Path(page_folder()).glob("*.md")}
    lines = ["Tools; `ciaopy help NAME` shows a manual, `NAME --help` a short one:"]
    lines += [f"  {tool.name:<24}{tool.summary}" for tool in catalog.all_tools() if tool.name in written]
    console.output("\n".join(lines))
    return 0
