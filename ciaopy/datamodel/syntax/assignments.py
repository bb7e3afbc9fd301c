"""Lists of assignments: `a=x+1; (float)b=a*2, status=X15F`, as dmtcalc and dmimgcalc take them."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from ciaopy.datamodel.syntax.bits import BitList, bit_conditions, parse_bits
from ciaopy.datamodel.syntax.expressions import CASTS, Expression, parse_expression
from ciaopy.errors import UserError

__all__ = ["Assignment", "parse_assignments"]


@dataclass(frozen=True)
class Assignment:
    """One `name = expression`.

    Attributes
    ----------
    name : str
    expression : Expression
    dtype : numpy type or None
        That of `(type)name = ...`.
    bits : tuple of (int, bool)
        The bits that `name=X15F,X14T` sets and clears; `expression` is then the column as it was.
    """

    name: str
    expression: Expression
    dtype: type[np.generic] | None = None
    bits: BitList = ()


_HEAD = re.compile(r"\s*(?:\(\s*(\w+)\s*\)\s*)?([A-Za-z_]\w*)\s*=(?!=)", re.ASCII)


def parse_assignments(text: str) -> list[Assignment]:
    """Parse `name=expression; (type)name=expression, ...`, separated by `;`, `,` or line ends.

    Separators inside brackets and quotes do not count, nor do the commas of a list of bits.

    Raises
    ------
    UserError
        There is none, one is not an assignment, a type is unknown, or an expression cannot be parsed.
    """
    parts: list[str] = []
    for piece in filter(None, (p.strip() for p in _pieces(text))):
        if parts and parse_bits(piece) and re.search(r"=\s*[Xx]\d+[TtFf](\s*,\s*[Xx]\d+[TtFf])*$", parts[-1]):
            parts[-1] += "," + piece
        else:
            parts.append(piece)
    if not parts:
        raise UserError("expression: empty; expected name=expression")
    return [_assignment(p) for p in parts]


def _pieces(text: str) -> list[str]:
    """Cut at separators that stand outside brackets and quotes."""
    pieces, begin, depth, quote = [], 0, 0, ""
    for i, c in enumerate(text):
        if quote:
            quote = "" if c == quote else quote
        elif c in "'\"" and c in text[i + 1 :]:
            quote = c
        elif c in "([":
            depth += 1
        elif c in ")]":
            depth = max(depth - 1, 0)
        elif c in ";\n" or (c == "," and not depth):
            pieces.append(text[begin:i])
            begin, depth = i + 1, 0
    return [*pieces, text[begin:]]


def _assignment(part: str) -> Assignment:
    match = _HEAD.match(part)
    if match is None:
        raise UserError(f"expression {part!r}: expected name=expression")
    cast = (match[1] or "").lower()
    if cast and cast not in CASTS:
        raise UserError(f"expression {part!r}: unknown type {cast}; the types are {', '.join(CASTS)}")
    value = part[match.end() :]
    bits = parse_bits(value)
    if bits and cast:
        raise UserError(f"expression {part!r}: single bits have no type; leave out ({cast})")
    expression = parse_expression(match[2] if bits else bit_conditions(value))
    return Assignment(match[2], expression, CASTS.get(cast), bits)
