"""Event definitions: which columns an event file gets, in which order and of which type.

A definition is `{d:time,l:expno,s:ccd_id,f:sky,...}`: type letter, colon, name. Types are `d` (float64), `f` (float32),
`l` and `i` (int32), `s` (int16) and `x` (status bits). The names `chip`, `tdet`, `det`, `sky`, `raw` and `rd` stand for
pairs of columns.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import DTypeLike

from ciaopy.errors import ParameterError

__all__ = ["PAIRS", "DefinedColumn", "parse_event_definition"]

#: Names that stand for two columns.
PAIRS = {
    "chip": ("chipx", "chipy"),
    "tdet": ("tdetx", "tdety"),
    "det": ("detx", "dety"),
    "sky": ("x", "y"),
    "raw": ("rawx", "rawy"),
    "rd": ("tg_r", "tg_d"),
}

_TYPES: dict[str, tuple[DTypeLike, str]] = {
    "d": (np.float64, "D"),
    "f": (np.float32, "E"),
    "l": (np.int32, "J"),
    "i": (np.int32, "J"),
    "s": (np.int16, "I"),
    "x": (np.uint32, "32X"),
}


@dataclass(frozen=True)
class DefinedColumn:
    """One column of an event definition.

    Attributes
    ----------
    name : str
        Lower case.
    letter : str
        Type letter.
    """

    name: str
    letter: str

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """Type of the values."""
        return np.dtype(_TYPES[self.letter][0])

    @property
    def form(self) -> str:
        """TFORM of one value."""
        return _TYPES[self.letter][1]

    @property
    def is_bits(self) -> bool:
        """True for status bits."""
        return self.letter == "x"


def parse_event_definition(text: str, parameter: str = "eventdef") -> tuple[DefinedColumn, ...]:
    """Read an event definition.

    Parameters
    ----------
    text : str
        `{type:name,...}`; blanks and case do not matter.
    parameter : str
        Where the text comes from, for messages.

    Raises
    ------
    ParameterError
        No braces, no columns, an unknown type letter, a nameless or repeated column.
    """
    body = text.strip()
    if not (body.startswith("{") and body.endswith("}")):
        raise ParameterError(
            f"{parameter}={text!r}: write {{type:name,...}}, such as {{d:time,s:ccd_id,f:sky,x:status}}"
        )
    columns: list[DefinedColumn] = []
    for item in body[1:-1].split(","):
        letter, colon, name = (part.strip().lower() for part in item.partition(":"))
        if not colon or not name:
            raise ParameterError(f"{parameter}: {item.strip()!r} is not of the form type:name, such as f:sky")
        if letter not in _TYPES:
            known = ", ".join(_TYPES)
            raise ParameterError(f"{parameter}: unknown type {letter!r} in {item.strip()!r}; the types are {known}")
        columns += [DefinedColumn(n, letter) for n in PAIRS.get(name, (name,))]
    names = [c.name for c in columns]
    twice = next((n for n in names if names.count(n) > 1), None)
    if twice:
        raise ParameterError(f"{parameter}: column {twice} is named twice; leave one out")
    return tuple(columns)
