"""Text of a virtual file to `VirtualFile`: the splitter, which respects quotes and nested brackets.

Where there are brackets, `builder.py` reads them, with what that needs; the name of a file alone needs none of it.
"""

from __future__ import annotations

from ciaopy.datamodel.syntax.names import hdu_suffix
from ciaopy.datamodel.syntax.virtualfile import VirtualFile
from ciaopy.errors import VirtualFileError
from ciaopy.filenames import path_end

__all__ = ["parse", "split_brackets"]


def split_brackets(text: str) -> tuple[str, list[tuple[str, int]]]:
    """Cut `path[one][two]` into the path and the contents of its brackets, with their 0-based positions.

    Quotes protect brackets; brackets nest (`[@evt.fits[GTI7]]`).

    Raises
    ------
    VirtualFileError
        A bracket or a quote is not closed, or something follows the last bracket.
    """
    if "\0" in text:
        raise VirtualFileError("a NUL character, which no name may hold", text, text.index("\0"))
    start = path_end(text)
    if start == len(text):
        if "]" in text and "[" not in text:
            raise VirtualFileError("']' without '['", text, text.index("]"))
        return text.strip(), []
    parts: list[tuple[str, int]] = []
    depth, quote, begin = 0, "", start
    for i in range(start, len(text)):
        c = text[i]
        if quote:
            quote = "" if c == quote else quote
        elif depth and c in "\"'" and text.find(c, i + 1) >= 0:
            quote = c
        elif c == "[":
            depth += 1
            if depth == 1:
                begin = i + 1
        elif c == "]":
            depth -= 1
            if depth < 0:
                raise VirtualFileError("']' without '['", text, i)
            if depth == 0:
                parts.append((text[begin:i], begin))
        elif depth == 0 and not c.isspace():
            raise VirtualFileError("text after the closing bracket", text, i)
    if depth:
        raise VirtualFileError("the bracket is not closed", text, begin - 1)
    return text[:start].strip(), parts


def parse(text: str) -> VirtualFile:
    """Parse a virtual file.

    Parameters
    ----------
    text : str
        `path[block][filter]...[cols ...|bin ...][opt ...][newname]`.

    Raises
    ------
    VirtualFileError
        With a caret under the offending character.
    """
    path, parts = split_brackets(text)
    if not path:
        raise VirtualFileError(
            "no file name" + (" before the first bracket" if parts else ""), text, 0 if text else None
        )
    if not parts:
        plain, hdu = hdu_suffix(path)
        return VirtualFile(plain, None if hdu is None else hdu + 1, text=text)
    from ciaopy.datamodel.syntax.builder import Builder

    return Builder(text, path).build(parts)
