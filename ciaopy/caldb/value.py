"""Parameter values that name a product: `CALDB`, `CALDB(CCD_ID=3)`, `NONE`, `lite`, a path, `path[block]`."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal

from ciaopy.errors import CalibrationError

__all__ = ["CalValue", "parse_value"]

_CALDB = re.compile(r"CALDB\d*\s*(?:\((.*)\))?", re.IGNORECASE | re.DOTALL)
_BLOCK = re.compile(r"(.+?)\[([^\[\]]*)\]")


@dataclass(frozen=True)
class CalValue:
    """A parsed parameter value.

    Attributes
    ----------
    kind : str
        `caldb`, `none`, `lite` or `file`.
    constraints : dict
        Upper-case name to text, of `CALDB(NAME=value,...)`.
    path : str
        The file.
    block : str, int or None
        Block name, or the 0-based HDU number that `ciaopy caldb find` prints.
    """

    kind: Literal["caldb", "none", "lite", "file"]
    constraints: dict[str, str] = field(default_factory=dict)
    path: str = ""
    block: str | int | None = None


def parse_value(value: str) -> CalValue:
    """Parse a parameter value.

    Raises
    ------
    CalibrationError
        The text in the parentheses of `CALDB(...)` is not NAME=value.
    """
    text = value.strip()
    if text.lower() in ("", "none"):
        return CalValue("none")
    if text.lower() == "lite":
        return CalValue("lite")
    query = _CALDB.fullmatch(text)
    if query is not None:
        return CalValue("caldb", _constraints(query[1] or "", text))
    block = _BLOCK.fullmatch(text)
    if block is None:
        return CalValue("file", path=text)
    name = block[2].strip()
    return CalValue("file", path=block[1], block=int(name) if name.isdecimal() else name or None)


def _constraints(inner: str, text: str) -> dict[str, str]:
    """Parse `NAME=value,NAME=value`; a value may itself be a comma list: `CCD_ID=3,4`."""
    found: dict[str, str] = {}
    last = ""
    for part in filter(None, (p.strip() for p in inner.split(","))):
        name, equals, content = (p.strip() for p in part.partition("="))
        if equals and name and content:
            last = name.upper()
            found[last] = content
        elif not equals and last:
            found[last] += f",{part}"
        else:
            raise CalibrationError(f"{text}: {part} is not NAME=value; write for example CALDB(CCD_ID=3)")
    return found
