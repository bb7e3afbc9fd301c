"""Single bits in expressions: `status==X15F` asks whether bit 15 is clear, `status=X15F` clears it.

Bits count from 0 at the least significant one, which is the last bit of a FITS bit array and the last character of a
bit pattern: `X15T` is the bit of value 2**15.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ciaopy.errors import UserError

__all__ = ["bit_conditions", "bit_name", "bit_of", "parse_bits", "with_bit"]

BitList = tuple[tuple[int, bool], ...]

_LITERALS = r"[Xx]\d{1,6}[TtFf](?:\s*,\s*[Xx]\d{1,6}[TtFf])*"
_CONDITION = re.compile(rf"\b([A-Za-z_]\w*)\s*(==|!=)\s*({_LITERALS})\b", re.ASCII)
_NAME = re.compile(r"(\w+)__bit(\d{1,6})", re.ASCII)


def parse_bits(text: str) -> BitList:
    """Return the (number, on) of `X15F` or `X15F,X14T`; empty where the text is anything else."""
    if not re.fullmatch(rf"\s*{_LITERALS}\s*", text, re.ASCII):
        return ()
    words = (w.strip().upper() for w in text.split(","))
    return tuple((int(w[1:-1]), w[-1] == "T") for w in words)


def bit_conditions(text: str) -> str:
    """Return an expression with `NAME==X1F,X2T` written as conditions on the names of single bits (`name__bit1`).

    A list is a conjunction; with `!=`, one of its conditions at least does not hold.
    """

    def written(match: re.Match[str]) -> str:
        name, operator, listed = match.groups()
        joined = " && " if operator == "==" else " || "
        return "(" + joined.join(f"({name}__bit{n} {operator} {int(on)})" for n, on in parse_bits(listed)) + ")"

    return _CONDITION.sub(written, text)


def bit_name(name: str) -> tuple[str, int] | None:
    """Return the column and the number that a name made by `bit_conditions` stands for, or None."""
    match = _NAME.fullmatch(name)
    return (match[1], int(match[2])) if match else None


def _place(data: NDArray[Any], form: str, number: int) -> tuple[int, int]:
    """Return the element (-1: the whole word) and the shift of a bit; `form` is the TFORM (`20X`: bits from the left).

    Raises
    ------
    UserError
        The values have no such bit.
    """
    if data.dtype.kind not in "iu" or data.ndim > 2:
        raise UserError(f"there are no bits in values of type {data.dtype}")
    size = 8 * data.dtype.itemsize
    held = size * (data.shape[1] if data.ndim == 2 else 1)
    count = int(form.upper().rstrip("X") or 1) if form.upper().endswith("X") else held
    if (data.ndim == 2 and not form.upper().endswith("X")) or count > held:
        raise UserError("bits are those of a bit column or of whole numbers, not of arrays")
    if number >= count:
        raise UserError(f"no bit {number}; they count from 0 to {count - 1}, the last bit being 0")
    from_left = count - 1 - number
    return (-1 if data.ndim == 1 else from_left // size), size - 1 - from_left % size


def bit_of(data: NDArray[Any], form: str, number: int) -> NDArray[np.int64]:
    """Return bit `number` of every value, 0 or 1.

    Parameters
    ----------
    data : ndarray of integers
        One word for each row, or (rows, words) of a long bit array.
    form : str
        The TFORM of the column; bit arrays that do not fill their bytes are aligned to the left.
    number : int
        From 0 at the last bit.
    """
    element, shift = _place(data, form, number)
    words = data if element < 0 else data[:, element]
    return np.asarray((words >> np.array(shift, words.dtype)) & np.array(1, words.dtype), dtype=np.int64)


def with_bit(data: NDArray[Any], form: str, number: int, on: bool) -> NDArray[Any]:
    """Return a copy of the values with bit `number` set or cleared; see `bit_of`."""
    element, shift = _place(data, form, number)
    result = data.copy()
    words = result if element < 0 else result[:, element]
    one = np.array(1, dtype=np.dtype(f"u{data.dtype.itemsize}")) << np.array(shift, dtype=f"u{data.dtype.itemsize}")
    mask = np.asarray(one).view(data.dtype)
    words[...] = (words | mask) if on else (words & ~mask)
    return result
