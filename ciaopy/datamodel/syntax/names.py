"""The file that a virtual file names, without reading the rest."""

from __future__ import annotations

import os
import re
from os import PathLike, fspath

from ciaopy.filenames import path_end

__all__ = ["file_of", "hdu_suffix", "split_file", "whole_path"]

_HDU = re.compile(r"(.*[^+])\+(\d{1,6})", re.S)


def whole_path(text: str | PathLike[str]) -> str:
    """Return the path of a virtual file with the `+1` that cfitsio's users put behind it, if there is one."""
    name = fspath(text)
    return name[: path_end(name)].strip()


def hdu_suffix(path: str) -> tuple[str, int | None]:
    """Cut `evt2.fits+1` into the file and the number of the HDU, counted from 0, as cfitsio does.

    The number is None, and the path as it was, where a file of the whole name exists, or none of the shorter one. `-+1`
    is the second HDU on standard input.
    """
    match = _HDU.fullmatch(path)
    if match is None or os.path.lexists(path):
        return path, None
    there = match[1] == "-" or os.path.exists(match[1]) or os.path.exists(match[1] + ".gz")  # noqa: PTH110 - names are kept as typed
    return (match[1], int(match[2])) if there else (path, None)


def split_file(text: str | PathLike[str]) -> tuple[str, str]:
    """Cut `path[block][filter]` into the path, without blanks around it, and the brackets as typed ("" without any).

    The path ends where it does for `parse` (`filenames.path_end`); brackets are not checked. It is that of the file:
    without `+1`.
    """
    name = fspath(text)
    end = path_end(name)
    return hdu_suffix(name[:end].strip())[0], name[end:]


def file_of(text: str | PathLike[str]) -> str:
    """Return the path of a virtual file."""
    return split_file(text)[0]
