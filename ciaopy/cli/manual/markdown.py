"""Markdown to roff, for the man pages. What it does not know, it refuses."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from ciaopy.errors import DataError

if TYPE_CHECKING:
    from markdown_it.token import Token

#: Sections whose subsections are entries: a bold head with an indented text.
LISTS = frozenset({"PARAMETERS", "HIDDEN PARAMETERS", "FLAGS", "ENVIRONMENT"})

_MARKS = {"strong_open": "\\fB", "strong_close": "\\fR", "em_open": "\\fI", "em_close": "\\fR"}


def escape(text: str) -> str:
    r"""Make text safe for roff: `\`, `-`, and `.` or `'` at the start of a line."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\\&" + text if text[:1] in {".", "'"} else text


def to_roff(text: str) -> list[str]:
    """Turn Markdown (CommonMark with tables; headings of levels 2 and 3) into lines of roff, man macros.

    Parameters
    ----------
    text : str
        Headings of level 1 are left out: the title line says it.

    Raises
    ------
    DataError
        An element that is not known here, such as a picture.
    """
    from markdown_it import MarkdownIt

    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    return list(_Writer(tokens).lines())


class _Writer:
    """One pass over the tokens of a text."""

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = iter(tokens)
        self._section = ""
        self._marks: list[str] = []
        self._first = False

    def lines(self) -> Iterator[str]:
        """Yield the lines of roff."""
        for token in self._tokens:
            writer: Callable[[Token], Iterator[str]] | None = getattr(self, f"_{token.type}", None)
            if writer is None:
                raise DataError(f"a man page cannot show {token.type} of Markdown ({token.content[:40]!r})")
            yield from writer(token)

    def _heading_open(self, token: Token) -> Iterator[str]:
        content = next(self._tokens)
        next(self._tokens)
        if token.tag == "h2":
            self._section = content.content.upper()
            yield f".SH {escape(self._section)}"
        elif token.tag != "h1" and self._section in LISTS:
            yield ".TP"
            yield f"\\fB{_inline(content)}\\fR"
            self._first = True
        elif token.tag != "h1":
            yield f".SS {_inline(content)}"

    def _paragraph_open(self, token: Token) -> Iterator[str]:
        text = _inline(next(self._tokens))
        next(self._tokens)
        if self._first:
            self._first = False
        elif self._marks and self._marks[-1]:
            mark, self._marks[-1] = self._marks[-1], ""
            yield f".IP {mark} 4"
        else:
            yield ".IP" if self._section in LISTS or self._marks else ".PP"
        yield "\\&" + text if text[:1] in {".", "'"} else text

    def _bullet_list_open(self, token: Token) -> Iterator[str]:
        self._marks.append("")
        if len(self._marks) > 1 or self._section in LISTS:
            yield ".RS"

    def _bullet_list_close(self, token: Token) -> Iterator[str]:
        self._marks.pop()
        if self._marks or self._section in LISTS:
            yield ".RE"

    _ordered_list_open = _bullet_list_open
    _ordered_list_close = _bullet_list_close

    def _list_item_open(self, token: Token) -> Iterator[str]:
        self._marks[-1] = f'"{token.info}."' if token.info else "\\(bu"
        yield from ()

    def _list_item_close(self, token: Token) -> Iterator[str]:
        yield from ()

    def _fence(self, token: Token) -> Iterator[str]:
        yield from _verbatim(token.content.rstrip("\n").split("\n"))

    _code_block = _fence

    def _table_open(self, token: Token) -> Iterator[str]:
        rows: list[list[str]] = []
        for inner in self._tokens:
            if inner.type == "table_close":
                break
            if inner.type == "tr_open":
                rows.append([])
            elif inner.type == "inline":
                rows[-1].append("".join(child.content for child in inner.children or ()))
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        yield from _verbatim(["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows])


def _verbatim(lines: list[str]) -> Iterator[str]:
    """Lines that are shown as they are."""
    yield from (".PP", ".RS 4", ".nf")
    yield from (escape(line) or "\\&" for line in lines)
    yield from (".fi", ".RE")


def _inline(token: Token) -> str:
    """Return a paragraph as one line."""
    parts = []
    for child in token.children or ():
        if child.type in _MARKS:
            parts.append(_MARKS[child.type])
        elif child.type == "code_inline":
            parts.append(f"\\fB{_code(child.content)}\\fR")
        elif child.type in {"softbreak", "hardbreak"}:
            parts.append(" ")
        elif child.type == "text":
            parts.append(_plain(child.content))
        elif child.type not in {"link_open", "link_close"}:
            raise DataError(f"a man page cannot show {child.type} of Markdown ({token.content[:40]!r})")
    return "".join(parts)


def _plain(text: str) -> str:
    return text.replace("\\", "\\e").replace("-", "\\-")


def _code(text: str) -> str:
    """A value or a name; a long one may be broken after its commas."""
    return _plain(text).replace(",", ",\\:")
