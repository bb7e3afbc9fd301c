"""Markdown on a terminal, by rich, with headings to the left and commands that can be copied."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from rich.console import Console, ConsoleOptions
from rich.markdown import CodeBlock, Heading, Markdown, MarkdownElement
from rich.text import Text


class _Verbatim(CodeBlock):
    """A fence whose lines are never broken: a terminal that is too narrow does it without adding characters."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        for line in str(self.text).rstrip().split("\n"):
            yield Text(f"    {line}", style="bold" if line.startswith("$ ") else "", no_wrap=True, overflow="ignore")


class _Left(Heading):
    """A heading at the left margin."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        text = Text(self.text.plain.upper() if self.tag in {"h1", "h2"} else f"  {self.text.plain}", style="bold")
        yield Text("") if self.tag == "h2" else Text("", end="")
        yield text


class Manual(Markdown):
    """A manual as rich prints it."""

    elements: ClassVar[dict[str, type[MarkdownElement]]] = {
        **Markdown.elements,
        "fence": _Verbatim,
        "code_block": _Verbatim,
        "heading_open": _Left,
    }
