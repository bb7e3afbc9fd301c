"""Forms of columns: TFORM and TDIM as text, and where a column stands in a row.

numpy is loaded when a dtype is asked for, so that headers are read without it. Source: FITS standard 4.0, section 7.3
(binary tables), 7.3.5 (variable-length arrays), table 19 (unsigned integers).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ciaopy.errors import DataError

if TYPE_CHECKING:
    import numpy as np

__all__ = ["DISK_TYPES", "Field", "Tform", "parse_tdim", "parse_tform"]

_TFORM = re.compile(r"^\s*(\d*)\s*([LXBIJKAEDCMPQ])\s*(.*?)\s*$", re.IGNORECASE)
_VARIABLE = re.compile(r"^([LXBIJKAEDCM])\s*(?:\(\s*(\d*)\s*\))?$", re.IGNORECASE)
_TDIM = re.compile(r"^\s*\(\s*(\d+(?:\s*,\s*\d+)*)\s*\)\s*$")

# Bytes of one element; X counts bits, P and Q are descriptors.
_WIDTH = {"L": 1, "B": 1, "I": 2, "J": 4, "K": 8, "A": 1, "E": 4, "D": 8, "C": 8, "M": 16, "P": 8, "Q": 16}
DISK_TYPES = {"L": "u1", "B": "u1", "I": ">i2", "J": ">i4", "K": ">i8", "E": ">f4", "D": ">f8", "C": ">c8", "M": ">c16"}
_BITS = {8: ">u1", 16: ">u2", 32: ">u4"}
_UNSIGNED = {("B", -128): "i1", ("I", 1 << 15): "u2", ("J", 1 << 31): "u4", ("K", 1 << 63): "u8"}


@dataclass(frozen=True)
class Tform:
    """A parsed TFORM.

    Attributes
    ----------
    repeat : int
        Elements in a row (bits for X, characters for A; 0 or 1 for P and Q).
    letter : str
        One of `LXBIJKAEDCMPQ`.
    element : str
        Type of the elements of a variable-length array (P, Q); width of the sub-strings as text for `rAw`.
    maximum : int or None
        Greatest length of a variable-length array, if the file says so.
    """

    repeat: int
    letter: str
    element: str = ""
    maximum: int | None = None

    @property
    def width(self) -> int:
        """Bytes in a row."""
        return -(-self.repeat // 8) if self.letter == "X" else self.repeat * _WIDTH[self.letter]

    @property
    def is_variable(self) -> bool:
        """True for variable-length arrays."""
        return self.letter in "PQ"

    def __str__(self) -> str:
        text = f"{self.repeat}{self.letter}{self.element}"
        return text + (f"({self.maximum})" if self.is_variable and self.maximum is not None else "")


def parse_tform(text: str) -> Tform:
    """Parse a binary-table TFORM (`D`, `9I`, `32X`, `1PE(12)`, `60A10`).

    Raises
    ------
    DataError
        Not a legal form.
    """
    match = _TFORM.match(text)
    if not match:
        raise DataError(f"TFORM {text!r} is not a binary-table format")
    repeat, letter, rest = int(match[1] or 1), match[2].upper(), match[3]
    if letter in "PQ":
        inner = _VARIABLE.match(rest)
        if not inner or repeat > 1:
            raise DataError(f"TFORM {text!r} is not a variable-length array format")
        return Tform(repeat, letter, inner[1].upper(), int(inner[2]) if inner[2] else None)
    if letter == "A" and rest.isdecimal() and 0 < int(rest) <= repeat:
        return Tform(repeat, letter, rest)
    return Tform(repeat, letter)


def parse_tdim(text: Any) -> tuple[int, ...] | None:
    """Return TDIM as a numpy shape (slowest axis first), or None where it is not of the form `(a,b,...)`."""
    match = _TDIM.match(str(text))
    return tuple(int(n) for n in reversed(match[1].split(","))) if match else None


@dataclass(frozen=True)
class Field:
    """Where one column stands in a row, and what becomes of it.

    Attributes
    ----------
    offset : int
        First byte in the row.
    form : Tform
        Layout on disk.
    shape : tuple of int
        Shape of one cell in memory.
    scale, zero : float or int
        TSCAL and TZERO.
    null : int or None
        TNULL, as stored.
    """

    offset: int
    form: Tform
    shape: tuple[int, ...] = ()
    scale: float = 1
    zero: float = 0
    null: int | None = None

    @property
    def value_letter(self) -> str:
        """Letter of the stored values (of the heap elements, for P and Q)."""
        return self.form.element if self.form.is_variable else self.form.letter

    @property
    def unsigned(self) -> str:
        """Numpy code of the type made by an unsigned-integer TZERO; empty where there is none."""
        return _UNSIGNED.get((self.value_letter, int(self.zero)), "") if self.scale == 1 and self.zero else ""

    @property
    def is_scaled(self) -> bool:
        """True where TSCAL or TZERO turn the stored numbers into other floating-point numbers."""
        return self.value_letter in "BIJKED" and not self.unsigned and (self.scale != 1 or self.zero != 0)

    @property
    def disk(self) -> np.dtype[Any]:
        """Big-endian dtype of one cell, with its shape."""
        import numpy as np

        form = self.form
        if form.is_variable:
            return np.dtype((">i4" if form.letter == "P" else ">i8", (2 * form.repeat,)))
        if form.letter == "X":
            return np.dtype(_BITS[form.repeat]) if form.repeat in _BITS else np.dtype(("u1", (form.width,)))
        if form.letter == "A":
            count = int(np.prod(self.shape, dtype=np.int64))
            width = form.repeat // count if count else 0
            return np.dtype((f"S{width}", self.shape)) if width else np.dtype(("u1", (0,)))
        return np.dtype((DISK_TYPES[form.letter], self.shape))

    @property
    def native(self) -> np.dtype[Any]:
        """Native dtype in memory, without shape (object for variable-length arrays)."""
        import numpy as np

        if self.form.is_variable:
            return np.dtype(object)
        return self.element_dtype

    @property
    def element_dtype(self) -> np.dtype[Any]:
        """Native dtype of the values; of the heap elements for variable-length arrays."""
        import numpy as np

        letter = self.value_letter
        if self.unsigned:
            return np.dtype(self.unsigned)
        if self.is_scaled:
            return np.dtype("f8")
        if letter == "L":
            return np.dtype(bool)
        if self.form.is_variable:
            return {"X": np.dtype(bool), "A": np.dtype("S1")}.get(letter) or np.dtype(DISK_TYPES[letter]).newbyteorder(
                "="
            )
        if letter == "A":
            return self.disk.base if self.disk.base.kind == "S" else np.dtype("S1")
        return self.disk.base.newbyteorder("=")

    @property
    def cell_shape(self) -> tuple[int, ...]:
        """Shape of one cell of the column in memory."""
        if self.form.is_variable:
            return ()
        if self.form.letter == "X":
            return self.disk.shape
        return self.shape
