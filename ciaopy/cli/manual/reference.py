"""The whole manual of a tool as one Markdown text: the page, with what the parameter file and the command line know."""

from __future__ import annotations

from collections.abc import Iterator

from ciaopy.cli.catalog import Tool
from ciaopy.cli.helptext import GRAMMAR, NOT_YET, constraint, default_text, flags_of, usage_line
from ciaopy.cli.manual.page import GROUNDS, NO_RUN, Page
from ciaopy.param import Parameter, ParFile

ENVIRONMENT = (
    ("PFILES", "Folders of parameter files: user[:user...];system[:system...]. Not set: $HOME/cxcds_param4."),
    ("CALDB", "Folder of the Chandra calibration database. Not set: the approximate calibration of ciaopy."),
    ("ASCDS_WORK_PATH", "Folder for temporary files."),
    ("NO_COLOR", "If set, no colour on a terminal."),
)
STATUS = "0: done. 1: the data or the processing failed. 2: the command line is wrong. 130: interrupted."


def manual_text(tool: Tool, parameters: ParFile, page: Page | None) -> str:
    """Return the manual of a tool as Markdown (CommonMark with tables).

    Parameters
    ----------
    tool : Tool
        Name, kind and description.
    parameters : ParFile
        The system parameter file, so that defaults are those of `punlearn`.
    page : Page, optional
        What is written by hand; None for a tool that ciaopy does not do.
    """
    written = dict(page.sections) if page else {}
    parts = [f"# {tool.name}", f"{tool.summary}.", "## Synopsis", f"`{usage_line(parameters)}`", GRAMMAR]
    parts += ["## Description", written.pop("Description", "") or NOT_YET]
    shown = [p for p in parameters if p.name != "mode"]
    described = page.parameters if page else {}
    for title, hidden in (("Parameters", False), ("Hidden parameters", True)):
        group = [p for p in shown if p.hidden is hidden]
        if group:
            parts += [f"## {title}", *(text for p in group for text in _parameter(p, described.get(p.name, "")))]
    written.pop("Parameters", None)
    last = written.pop("See also", "")
    for title, text in written.items():
        if text.strip():
            parts += [f"## {title}", *([_where(page)] if title == "Examples" and page else []), text]
    parts += ["## Flags", *(f"### `{flag}`\n\n{text}." for flag, text in flags_of(tool))]
    parts += ["## Environment", *(f"### `{name}`\n\n{text}" for name, text in ENVIRONMENT)]
    parts += ["## Exit status", STATUS, "## See also", last or "`ciaopy`, `plist`, `pset`, `punlearn`"]
    return "\n\n".join(part.strip() for part in parts if part.strip()) + "\n"


def _parameter(parameter: Parameter, prose: str) -> Iterator[str]:
    """Yield the heading of a parameter, the values that it takes, and what is written of it."""
    yield f"### {parameter.name}"
    yield f"Default `{default_text(parameter)}`; {constraint(parameter)}."
    yield prose or f"{parameter.prompt}."


def _where(page: Page) -> str:
    """Return in which folders the examples run."""
    used = [ground for ground in GROUNDS if any(e.ground == ground for e in page.examples)]
    made = " or ".join(f"`{GROUNDS[ground]}`" for ground in used)
    others = (
        " Those marked as not run need more than that folder." if any(e.ground == NO_RUN for e in page.examples) else ""
    )
    return f"They run in the folder `ciaopy-demo` that {made} makes, one after the other.{others}" if made else ""
