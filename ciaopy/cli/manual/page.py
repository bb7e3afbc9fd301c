"""The manual page of a tool: `docs/tools/NAME.md`, read into its parts.

One page is written once, in Markdown, and becomes `ciaopy help NAME`, the man page and a page of the site:

    # NAME
    ## Description
    ## Parameters        ### infile, or `### a, b`, or `### s1_x to s9_x`: what it takes and does
    ## Examples          ### what it is for, prose, and commands in a fence of kind `console`
    ## Files             what is read and written
    ## Errors            ### the message, and its cure
    ## Differences from CIAO   (or SAS)
    ## See also          names in `code`

Types, ranges and defaults of parameters are not in the page: they come from the parameter file.
Python stands in fences of kind `python`. `console GROUND` (or `python GROUND`) says in which folder a fence runs (see
`GROUNDS`); `console norun REASON` that it cannot be tried without network, calibration database or the like.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ciaopy.errors import DataError

#: What a page must have, in this order; the sixth may be of SAS.
SECTIONS = ("Description", "Parameters", "Examples", "Files", "Errors", "Differences from CIAO", "See also")

#: Folders in which examples run: name to the command that makes one. The first is meant where a fence names none.
GROUNDS = {
    "demo": "ciaopy demo",
    "hetg": "ciaopy demo --grating hetg",
    "hrc": "ciaopy demo --detector hrc-i",
    "xmm": "ciaopy simulate ciaopy-demo --mission xmm",
}
#: First word of a fence whose commands are not run.
NO_RUN = "norun"

_FENCE = re.compile(r"^(```+|~~~+)\s*(.*)$")


@dataclass(frozen=True)
class Example:
    """One example of a page.

    Attributes
    ----------
    title, text : str
        Heading, and all below it as Markdown.
    ground : str
        A key of `GROUNDS`, or `norun`.
    reason : str
        Why it cannot be run; empty where it can.
    commands : tuple of str
        What is typed, one command each; lines that end in a backslash are joined.
    script : str
        The Python of fences of kind `python`.
    """

    title: str
    text: str
    ground: str
    reason: str
    commands: tuple[str, ...]
    script: str = ""


@dataclass(frozen=True)
class Page:
    """The manual page of one tool.

    Attributes
    ----------
    name : str
        The tool.
    sections : dict of str to str
        Title to Markdown, in order.
    parameters : dict of str to str
        Parameter to Markdown, in order of the page.
    examples : tuple of Example
    """

    name: str
    sections: dict[str, str]
    parameters: dict[str, str] = field(default_factory=dict)
    examples: tuple[Example, ...] = ()


def page_folder() -> Path:
    """Folder of the pages: `ciaopy/pages` when installed, else `docs/tools` of the source tree."""
    package = Path(__file__).resolve().parents[2]
    installed = package / "pages"
    return installed if installed.is_dir() else package.parent / "docs" / "tools"


def find_page(name: str) -> Page | None:
    """Return the page of a tool, None where there is none."""
    path = page_folder() / f"{name}.md"
    return read_page(path.read_text(encoding="utf-8"), path.name) if path.is_file() else None


def read_page(text: str, where: str) -> Page:
    """Take a page apart.

    Parameters
    ----------
    text : str
        Markdown.
    where : str
        Name of the file, for errors.

    Raises
    ------
    DataError
        No title, two sections of one name, or an example in a fence of unknown kind.
    """
    title, parts = "", dict[str, str]()
    for level, heading, body in _split(text, 2):
        if level == 1:
            title = heading
        elif level == 2:
            if heading in parts:
                raise DataError(f"{where}: two sections {heading}")
            parts[heading] = body
    if not title:
        raise DataError(f"{where}: no title")
    described: dict[str, str] = {}
    for level, heading, body in _split(parts.get("Parameters", ""), 3):
        if level == 3:
            described.update((name, body) for name in _names(heading))
    examples = [
        _example(heading, body, where) for level, heading, body in _split(parts.get("Examples", ""), 3) if level
    ]
    return Page(title, parts, described, tuple(examples))


def _split(text: str, depth: int) -> Iterator[tuple[int, str, str]]:
    """Yield (level, heading, body) of the headings down to `depth`; what stands before the first has level 0."""
    level, heading, body, fence = 0, "", list[str](), ""
    for line in text.splitlines():
        mark = _FENCE.match(line)
        if mark and (not fence or (line.startswith(fence) and not mark[2])):
            fence = "" if fence else mark[1]
        marks = 0 if fence else len(line) - len(line.lstrip("#"))
        if 0 < marks <= depth and line[marks : marks + 1] == " ":
            yield level, heading, "\n".join(body).strip()
            level, heading, body = marks, line[marks:].strip(), []
        else:
            body.append(line)
    yield level, heading, "\n".join(body).strip()


def _names(heading: str) -> list[str]:
    """Return the parameters of a heading: `a, b` is two, `s1_x to s9_x` nine."""
    found = []
    for part in heading.replace("`", "").split(","):
        first, word, last = part.strip().partition(" to ")
        found += _range(first.strip(), last.strip()) if word else [first]
    return found


def _range(first: str, last: str) -> list[str]:
    """Return the names between two that differ in one number."""
    one, other = re.split(r"(\d+)", first), re.split(r"(\d+)", last)
    places = [i for i, (a, b) in enumerate(zip(one, other, strict=True)) if a != b]
    if len(places) != 1:
        raise DataError(f"parameters {first} to {last}: the names must differ in one number")
    place = places[0]
    numbers = range(int(one[place]), int(other[place]) + 1)
    return ["".join([*one[:place], str(n), *one[place + 1 :]]) for n in numbers]


def _example(title: str, text: str, where: str) -> Example:
    """Take the commands out of the fences of an example."""
    commands, script, ground, reason = list[str](), list[str](), "", ""
    for info, lines in _fences(text):
        kind, _, rest = info.partition(" ")
        if kind not in ("console", "python"):
            continue
        first, _, why = rest.partition(" ")
        first = first or next(iter(GROUNDS))
        if first not in (*GROUNDS, NO_RUN) or (first == NO_RUN and not why.strip()):
            raise DataError(f"{where}, example {title}: fence {info}: one of {', '.join(GROUNDS)}, or {NO_RUN} REASON")
        if ground and first != ground:
            raise DataError(f"{where}, example {title}: fences in two places, {ground} and {first}")
        ground, reason = first, why.strip()
        if kind == "python":
            script += [*lines, ""]
        else:
            commands += _commands(lines)
    return Example(title, text, ground, reason, tuple(commands), "\n".join(script))


def _fences(text: str) -> Iterator[tuple[str, list[str]]]:
    """Yield (info, lines) of the fences."""
    fence, info, lines = "", "", list[str]()
    for line in text.splitlines():
        mark = _FENCE.match(line)
        if not fence and mark:
            fence, info, lines = mark[1], mark[2].strip(), []
        elif fence and line.startswith(fence):
            yield info, lines
            fence = ""
        elif fence:
            lines.append(line)


def _commands(lines: list[str]) -> Iterator[str]:
    """Yield what follows a `$ `, with the lines that a backslash joins to it."""
    waiting = ""
    for line in lines:
        text = waiting + (line.strip() if waiting else line.removeprefix("$ "))
        if not waiting and not line.startswith("$ "):
            continue  # what the command answers
        if text.endswith("\\"):
            waiting = text[:-1]
        else:
            waiting = ""
            yield text
