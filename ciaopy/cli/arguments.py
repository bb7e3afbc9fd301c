"""The flags of a command line that are no parameters; what is left is for `ciaopy.param` to understand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ciaopy.cli.catalog import Offer
from ciaopy.errors import UsageError

if TYPE_CHECKING:
    from ciaopy.engine import Suite

DEBUG_FLAGS = frozenset({"--debug", "--tracebackdebug"})
#: CIAO's scripts take these out, too; they have no effect here.
IGNORED_FLAGS = frozenset({"--paramdebug", "--regtestonly"})


@dataclass
class Request:
    """What the command line asks for besides parameters.

    Attributes
    ----------
    arguments : list of str
        Words for the parameter engine.
    debug, help, plan, json : bool
        The flags of these names.
    roots : dict of str to Path
        Suites to run on (`ciao`), and the folders of their installations.
    """

    arguments: list[str] = field(default_factory=list)
    debug: bool = False
    help: bool = False
    plan: bool = False
    json: bool = False
    roots: dict[str, Path] = field(default_factory=dict)


def wants_debug(words: Sequence[str]) -> bool:
    """True if the traceback of an error is asked for."""
    return any(word in DEBUG_FLAGS for word in words)


def without_debugging(words: Sequence[str]) -> list[str]:
    """Return the words without the debugging flags."""
    return [word for word in words if word not in DEBUG_FLAGS | IGNORED_FLAGS]


def split_flags(words: Sequence[str], tool: str, offer: Offer) -> Request:
    """Take the flags out of the words of a command line.

    Parameters
    ----------
    words : sequence of str
        Words after the command.
    tool : str
        Its name, for messages.
    offer : Offer
        Which of `--plan`, `--json`, `--ciao DIR` and their like the tool has.

    Raises
    ------
    UsageError
        `--plan`, `--json` or `--ciao` for a tool that has it not, or `--ciao` without an existing folder.
    """
    request, rest = Request(), list(words)
    while rest:
        word = rest.pop(0)
        flag = word.partition("=")[0]
        if word == "--":
            request.arguments += [word, *rest]
            break
        if word == "--plan":
            if not offer.plan:
                raise UsageError(f"{tool} has no --plan: only pipelines such as chandra_repro have")
            request.plan = True
        elif word == "--json":
            if not offer.json:
                raise UsageError(f"{tool} has no --json: dmlist and dmstat have")
            request.json = True
        elif word in DEBUG_FLAGS:
            request.debug = True
        elif word == "--help":
            request.help = True
        elif (suite := _suite_of(flag)) is not None:
            if suite.name not in offer.suites:
                raise UsageError(f"{tool} has no {flag}: it does not run on the tools of {suite.title}")
            request.roots[suite.name] = _root(suite, word, rest)
        elif word not in IGNORED_FLAGS:
            request.arguments.append(word)
    return request


def _suite_of(flag: str) -> Suite | None:
    """Return the suite that `--ciao` and its like name; the suites are loaded where there is a flag at all."""
    if not flag.startswith("--"):
        return None
    from ciaopy.engine import SUITES

    return SUITES.get(flag.removeprefix("--"))


def _root(suite: Suite, word: str, rest: list[str]) -> Path:
    """Return the folder of `--ciao=DIR` or `--ciao DIR`."""
    folder, first = word.partition("=")[2] if "=" in word else (rest.pop(0) if rest else ""), suite.folders[0]
    if not folder:
        raise UsageError(
            f"{suite.option} needs the folder of a {suite.title} installation (the one that holds {first}/)"
        )
    path = Path(folder).expanduser()
    if not (path / first).is_dir():
        raise UsageError(f"{suite.option} {folder}: no {suite.title} installation there (no folder {first}/)")
    return path
