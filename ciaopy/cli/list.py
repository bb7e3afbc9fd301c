"""`ciaopy list`: every tool, with what it does."""

from __future__ import annotations

import shutil
import textwrap

import click

from ciaopy.cli import catalog, run
from ciaopy.console import Console

TITLES = {"pipeline": "Pipelines", "tool": "Tools", "not yet": "Not yet (parameters only)", "file": "Parameter files"}


def listing(width: int) -> str:
    """Return the whole list as text of at most `width` columns."""
    rows: dict[str, list[tuple[str, str]]] = {title: [] for title in TITLES.values()}
    for tool in catalog.all_tools():
        rows[TITLES[tool.kind]].append((tool.name, tool.summary))
    commands = [(name, run.summary(name)) for name in run.parameter_commands()]
    sections = {"Parameter commands": commands, **rows, "ciaopy ...": run.subcommand_summaries()}
    column = max(len(name) for section in sections.values() for name, _ in section) + 4
    lines: list[str] = []
    for title, section in sections.items():
        if not section:
            continue
        lines += ["", title] if lines else [title]
        for name, text in section:
            wrapped = textwrap.wrap(text, max(width - column, 30), break_long_words=False, break_on_hyphens=False) or [
                ""
            ]
            lines += [f"  {name}".ljust(column) + wrapped[0], *(" " * column + line for line in wrapped[1:])]
    return "\n".join(lines)


@click.command("list", short_help=run.SUBCOMMANDS["list"])
def command() -> None:
    """List the tools that ciaopy does, those it does not do yet, and its other commands."""
    console = Console()
    console.output(listing(min(shutil.get_terminal_size((100, 24)).columns, 140)))
