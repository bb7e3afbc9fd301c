"""Where the name of a file ends in a text that may go on with brackets, and how odd names stand in filters.

A name ends at the first `[`, and a name in a filter at the first comma, bracket or bar. Folders may have such
characters in their names, though: where the short name is no file and a longer one is, the longer one is meant.
"""

from __future__ import annotations

import os
import re
from os import PathLike, fspath

from ciaopy.errors import UserError

__all__ = ["filter_file", "is_file", "path_end", "quoted_files"]

#: Brackets that are looked at; a text with more of them is no file name.
_MOST = 32
_PLAIN_NAME = re.compile(r"[^,\[\]|()'\"]+")
_NAME_ENDS = ",)|["


def is_file(name: str) -> bool:
    """True where there is a file, stream or device of that name, or a file of that name with `.gz`."""
    try:
        return (os.path.exists(name) and not os.path.isdir(name)) or os.path.isfile(name + ".gz")  # noqa: PTH110, PTH112, PTH113
    except ValueError:  # a NUL byte
        return False


def path_end(text: str) -> int:
    """Return where the file name ends in `name[filter]...`: at the first `[` that is not part of the name.

    The first `[`, unless what stands before it is no file and a longer piece, up to a later `[` or the end, is one, or
    goes on in a folder that exists (`br[1]/new.fits[EVENTS]`).
    """
    first = text.find("[")
    if first < 0 or "]" not in text or is_file(text[:first].strip()):
        return first if first >= 0 else len(text)
    ends = [*[m.start() for m in re.finditer(r"\[", text)][1 : _MOST + 1], len(text)]
    for end in ends:
        if "]" in text[:end] and is_file(text[:end].strip()):
            return end
    for slash in reversed([m.start() for m in re.finditer("/", text)][-_MOST:]):
        if text.find("]", first, slash) >= 0 and _is_folder(text[:slash].strip()):
            return next((e for e in ends if e > slash), len(text))
    return first


def _is_folder(name: str) -> bool:
    try:
        return os.path.isdir(name)  # noqa: PTH112
    except ValueError:
        return False


def quoted_files(body: str) -> str:
    """Return what a bracket holds, names after `@` in quotes where they need them and a file has them.

    `@a,b/flt2.fits[GTI7],ccd_id=3` becomes `@"a,b/flt2.fits"[GTI7],ccd_id=3` where there is a file `a,b/flt2.fits`
    and none called `a`.
    """
    if "@" not in body:
        return body
    done, at, quote = "", 0, ""
    while at < len(body):
        char = body[at]
        at += 1
        done += char
        if quote:
            quote = "" if char == quote else quote
        elif char in "\"'":
            quote = char
        elif char == "@":
            if body.startswith("-", at):
                done, at = done + "-", at + 1
            name = _odd_name(body[at:])
            if name:
                done, at = done + _in_quotes(name), at + len(name)
    return done


def _odd_name(rest: str) -> str:
    """Return the name of a file at the start of a text, if it holds characters that would end it; else nothing."""
    plain = _PLAIN_NAME.match(rest)
    if rest[:1] in {'"', "'"} or (plain and (plain.end() == len(rest) or is_file(plain.group().strip()))):
        return ""
    ends = [*[i for i, char in enumerate(rest) if char in _NAME_ENDS][:_MOST], len(rest)]
    found = (rest[:end] for end in ends if end > 0)
    return next((name for name in found if _PLAIN_NAME.fullmatch(name) is None and is_file(name.strip())), "")


def _in_quotes(name: str) -> str:
    quote = "'" if '"' in name else '"'
    return f"{quote}{name}{quote}" if quote not in name else name


def filter_file(path: str | PathLike[str]) -> str:
    """Return `@path` as it must stand in a filter: in quotes where its name has characters that would end it.

    Raises
    ------
    UserError
        It needs quotes and has both kinds in its name.
    """
    name = fspath(path)
    if _PLAIN_NAME.fullmatch(name):
        return f"@{name}"
    if '"' in name and "'" in name:
        raise UserError(
            f"{name}: a name with both kinds of quotes cannot stand in a filter; rename the folder or the file"
        )
    return f"@{_in_quotes(name)}"
