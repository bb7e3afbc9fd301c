"""Parts of error messages: one line says it all, with a caret below where that helps."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["caret_message", "enumerated", "reason", "with_list"]

#: Characters of a text that a message shows around the offending one: two thirds of a narrow terminal.
_SHOWN = 60


def caret_message(problem: str, text: str, position: int | None, kind: str = "") -> str:
    """Return a message whose first line says it all; two more draw a caret under the offending character.

    Parameters
    ----------
    problem : str
        What is wrong, in one clause.
    text : str
        What the user typed; of a long one the part around the position is shown. Empty: nothing is drawn.
    position : int or None
        0-based index into `text`; None draws no caret.
    kind : str
        What the text is, for the first line.

    Returns
    -------
    str
        `TEXT: PROBLEM, at 'REST'`, the text, the caret.
    """
    if not text:
        return f"{kind}: {problem}" if kind else problem
    safe = "".join(c if c.isprintable() else "?" for c in text)
    place = None if position is None else max(0, min(position, len(safe)))
    begin = max(0, min((place or 0) - _SHOWN // 2, len(safe) - _SHOWN)) if len(safe) > 2 * _SHOWN else 0
    end = begin + _SHOWN if len(safe) > 2 * _SHOWN else len(safe)
    shown = ("..." if begin else "") + safe[begin:end] + ("..." if end < len(safe) else "")
    first = f"{kind + ' ' if kind else ''}{shown}: {problem}"
    if place is None:
        return first
    rest = safe[place : place + 20] + ("..." if place + 20 < len(safe) else "")
    where = f"at '{rest}'" if rest else "at its end"
    return f"{first}, {where}\n  {shown}\n  {' ' * (place - begin + (3 if begin else 0))}^"


def reason(error: BaseException) -> str:
    """Say in one line why the system, a codec or a server refused: without numbers of errors and names of files."""
    inner = getattr(error, "reason", None)  # urllib.error.URLError
    if isinstance(inner, BaseException):
        return reason(inner)
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return " ".join(str(error).split()) or type(error).__name__


def enumerated(names: Sequence[str], most: int = 20) -> str:
    """Join names by commas; of many, the first `most` and how many more there are."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")


def with_list(first: str, items: Sequence[str]) -> str:
    """Return a message whose first line tells the first of several problems; all of them follow, one a line.

    Parameters
    ----------
    first : str
        What they are about, without a colon behind it.
    items : sequence of str
        At least one; of those of several lines the first line goes into the first line.
    """
    lines = items[0].splitlines() or [""]
    if len(items) == 1:
        return "\n".join([f"{first}: {lines[0]}", *lines[1:]])
    listed = "".join("\n  - " + item.replace("\n", "\n    ") for item in items)
    return f"{first}: {lines[0]} (and {len(items) - 1} more){listed}"
