"""The flags of a command line that are no parameters; what is left is for `ciaopy.param` to understand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ciaopy.errors import UsageError

DEBUG_FLAGS = frozenset({"--debug", "--tracebackdebug"})
#: CIAO's scripts take these out, too; they have no effect here.
IGNORED_FLAGS = frozenset({"--paramdebug", "--regtestonly"})
PIPELINE_FLAGS = frozenset({"--plan", "--ciao"})


@dataclass
class Request:
    """What the command line asks for besides parameters.

    Attributes
    ----------
    arguments : list of str
        Words for the parameter engine.
    debug, help, plan : bool
        The flags of these names.
    ciao : Path or None
        Folder of the CIAO installation to run on.
    """

    arguments: list[str] = field(default_factory=list)
    debug: bool = False
    help: bool = False
    plan: bool = False
    ciao: Path | None = None


def wants_debug(words: Sequence[str]) -> bool:
    """True if the traceback of an error is asked for."""
    return any(word in DEBUG_FLAGS for word in words)


def without_debugging(words: Sequence[str]) -> list[str]:
    """Return the words without the debugging flags."""
    return [word for word in words if word not in DEBUG_FLAGS | IGNORED_FLAGS]


def split_flags(words: Sequence[str], tool: str, pipeline: bool) -> Request:
    """Take the flags out of the words of a command line.

    Parameters
    ----------
    words : sequence of str
        Words after the command.
    tool : str
        Its name, for messages.
    pipeline : bool
        True if the tool knows `--plan` and `--ciao DIR`.

    Raises
    ------
    UsageError
        `--plan` or `--ciao` for a tool that is no pipeline, or `--ciao` without an existing folder.
    """
    request, rest = Request(), list(words)
    while rest:
        word = rest.pop(0)
        flag = word.partition("=")[0]
        if word == "--":
            request.arguments += [word, *rest]
            break
        if flag in PIPELINE_FLAGS:
            if not pipeline:
                raise UsageError(f"{tool} has no {flag}: only pipelines such as chandra_repro have")
            if flag == "--plan":
                request.plan = True
            else:
                request.ciao = _ciao_folder(word, rest)
        elif word in DEBUG_FLAGS:
            request.debug = True
        elif word == "--help":
            request.help = True
        elif word not in IGNORED_FLAGS:
            request.arguments.append(word)
    return request


def _ciao_folder(word: str, rest: list[str]) -> Path:
    """Return the folder of `--ciao=DIR` or `--ciao DIR`."""
    folder = word.partition("=")[2] if "=" in word else (rest.pop(0) if rest else "")
    if not folder:
        raise UsageError("--ciao needs the folder of a CIAO installation (the one that holds bin/)")
    path = Path(folder).expanduser()
    if not (path / "bin").is_dir():
        raise UsageError(f"--ciao {folder}: no CIAO installation there (no folder bin/)")
    return path
