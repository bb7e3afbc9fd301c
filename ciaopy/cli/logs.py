"""`--log FILE` of every command: taken out of its words, the file opened before the work and closed after it."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from ciaopy.cli.reporting import run_guarded
from ciaopy.errors import UsageError
from ciaopy.logfile import VARIABLE, close_log, current_log, open_log

FLAG = "--log"


def take_log(words: Sequence[str]) -> tuple[list[str], str]:
    """Return the words without `--log FILE`, and the file: of the flag, else of `$CIAOPY_LOG`, else empty.

    Raises
    ------
    UsageError
        No file behind `--log`.
    """
    rest: list[str] = []
    path = os.environ.get(VARIABLE, "")
    left = list(words)
    while left:
        word = left.pop(0)
        if word == "--":
            rest += [word, *left]
            break
        if word.partition("=")[0] == FLAG:
            path = word.partition("=")[2] if "=" in word else (left.pop(0) if left else "")
            if not path:
                raise UsageError("--log needs the name of a file")
        else:
            rest.append(word)
    return rest, path


def with_log(name: str, words: Sequence[str], work: Callable[[list[str]], int]) -> int:
    """Run `work` with the words that are left, in a log where one is asked for; return its exit status."""
    found: list[str] = list(words)

    def prepare() -> int:
        nonlocal found
        found, path = take_log(words)
        if path and current_log() is None:
            open_log(path, name, list(words))
        return 0

    if FLAG not in " ".join(words) and not os.environ.get(VARIABLE):
        return work(found)
    status = run_guarded(name, prepare)
    if status:
        return status
    try:
        status = work(found)
    except SystemExit as end:
        close_log(end.code if isinstance(end.code, int) else 0)
        raise
    close_log(status)
    return status
