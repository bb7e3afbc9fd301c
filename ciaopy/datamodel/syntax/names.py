"""The file that a virtual file names, without reading the rest."""

from __future__ import annotations

from os import PathLike, fspath

__all__ = ["file_of", "split_file"]


def split_file(text: str | PathLike[str]) -> tuple[str, str]:
    """Cut `path[block][filter]` into the path, without blanks around it, and the brackets as typed ("" without any).

    The first `[` ends the path, as in `parse`; brackets are not checked.
    """
    path, bracket, rest = fspath(text).partition("[")
    return path.strip(), bracket + rest


def file_of(text: str | PathLike[str]) -> str:
    """Return the path of a virtual file."""
    return split_file(text)[0]
