"""Table rows: TFORM to numpy dtypes and back, and blocks of big-endian rows to native columns and back.

Source: FITS standard 4.0, section 7.3 (binary tables), 7.3.5 (variable-length arrays), table 19 (unsigned integers).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from ciaopy.errors import DataError
from ciaopy.fits.blocks import Array, Column

__all__ = ["Field", "Tform", "decode", "encode", "form_of", "parse_tdim", "parse_tform", "row_dtype"]

_TFORM = re.compile(r"^\s*(\d*)\s*([LXBIJKAEDCMPQ])\s*(.*?)\s*$", re.IGNORECASE)
_VARIABLE = re.compile(r"^([LXBIJKAEDCM])\s*(?:\(\s*(\d*)\s*\))?$", re.IGNORECASE)
_TDIM = re.compile(r"^\s*\(\s*(\d+(?:\s*,\s*\d+)*)\s*\)\s*$")

# Bytes of one element; X counts bits, P and Q are descriptors.
_WIDTH = {"L": 1, "B": 1, "I": 2, "J": 4, "K": 8, "A": 1, "E": 4, "D": 8, "C": 8, "M": 16, "P": 8, "Q": 16}
_DISK = {"L": "u1", "B": "u1", "I": ">i2", "J": ">i4", "K": ">i8", "E": ">f4", "D": ">f8", "C": ">c8", "M": ">c16"}
_BITS = {8: ">u1", 16: ">u2", 32: ">u4"}
# The letter that holds a native dtype, and the TZERO that makes it so (FITS standard, table 19).
_LETTERS: dict[str, tuple[str, int]] = {
    "b1": ("L", 0), "u1": ("B", 0), "i1": ("B", -128), "i2": ("I", 0), "u2": ("I", 1 << 15), "i4": ("J", 0),
    "u4": ("J", 1 << 31), "i8": ("K", 0), "u8": ("K", 1 << 63), "f4": ("E", 0), "f8": ("D", 0), "c8": ("C", 0),
    "c16": ("M", 0),
}  # fmt: skip
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
    if letter == "A" and rest.isdigit() and 0 < int(rest) <= repeat:
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
        form = self.form
        if form.is_variable:
            return np.dtype((">i4" if form.letter == "P" else ">i8", (2 * form.repeat,)))
        if form.letter == "X":
            return np.dtype(_BITS[form.repeat]) if form.repeat in _BITS else np.dtype(("u1", (form.width,)))
        if form.letter == "A":
            count = int(np.prod(self.shape, dtype=np.int64))
            width = form.repeat // count if count else 0
            return np.dtype((f"S{width}", self.shape)) if width else np.dtype(("u1", (0,)))
        return np.dtype((_DISK[form.letter], self.shape))

    @property
    def native(self) -> np.dtype[Any]:
        """Native dtype in memory, without shape (object for variable-length arrays)."""
        if self.form.is_variable:
            return np.dtype(object)
        return self.element_dtype

    @property
    def element_dtype(self) -> np.dtype[Any]:
        """Native dtype of the values; of the heap elements for variable-length arrays."""
        letter = self.value_letter
        if self.unsigned:
            return np.dtype(self.unsigned)
        if self.is_scaled:
            return np.dtype("f8")
        if letter == "L":
            return np.dtype(bool)
        if self.form.is_variable:
            return {"X": np.dtype(bool), "A": np.dtype("S1")}.get(letter) or np.dtype(_DISK[letter]).newbyteorder("=")
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


def row_dtype(fields: list[Field], row_bytes: int) -> np.dtype[Any]:
    """Return the structured dtype of one row; field k is called `fk`, gaps are skipped."""
    return np.dtype({
        "names": [f"f{k}" for k in range(len(fields))],
        "formats": [f.disk for f in fields],
        "offsets": [f.offset for f in fields],
        "itemsize": row_bytes,
    })  # fmt: skip


def decode(field: Field, raw: Array, out: Array) -> None:
    """Turn stored values of a fixed-length column into native ones.

    Parameters
    ----------
    field : Field
        The column's layout.
    raw : ndarray, shape (n, ...)
        Big-endian values as they stand in the rows, of dtype ``field.disk``; any stride.
    out : ndarray, shape (n, ...)
        Where the result goes; dtype ``field.native``.
    """
    letter = field.value_letter
    if letter == "L":
        np.equal(raw, ord("T"), out=out)
    elif letter == "A":
        if raw.dtype.kind == "S":
            out[...] = _trimmed(raw)
        else:
            out[...] = b""
    elif field.unsigned:
        sign = np.array(1, out.dtype) << (8 * out.itemsize - 1) if out.dtype.kind == "u" else None
        if sign is not None:
            out.view(f"i{out.itemsize}")[...] = raw
            np.bitwise_xor(out, sign, out=out)
        else:
            out.view("u1")[...] = raw
            np.bitwise_xor(out.view("u1"), np.uint8(128), out=out.view("u1"))
    elif field.is_scaled:
        np.multiply(raw, field.scale, out=out, dtype=np.float64)
        out += field.zero
        if field.null is not None and raw.dtype.kind in "iu":
            out[raw == field.null] = np.nan
    else:
        out[...] = raw


def _trimmed(raw: Array) -> Array:
    """Return strings cut at their first NUL, without trailing blanks."""
    width = raw.dtype.itemsize
    chars = np.ascontiguousarray(raw).view("u1").reshape((*raw.shape, width)).copy()
    ended = np.logical_or.accumulate(chars == 0, axis=-1)
    chars[ended] = 0
    tail = np.logical_and.accumulate(((chars == 32) | ended)[..., ::-1], axis=-1)[..., ::-1]
    chars[tail] = 0
    trimmed: Array = chars.view(raw.dtype).reshape(raw.shape)
    return trimmed


def decode_heap(field: Field, raw: bytes | Array, count: int) -> Array:
    """Return the 1-D native array of `count` elements of a variable-length cell."""
    letter = field.value_letter
    buffer = np.frombuffer(raw, "u1") if isinstance(raw, bytes) else raw
    if letter == "X":
        return np.unpackbits(buffer)[:count].astype(bool)
    if letter == "A":
        return buffer[:count].copy().view("S1")
    out = np.empty(count, field.element_dtype)
    decode(field, buffer.view(_DISK[letter])[:count], out)
    return out


def form_of(column: Column) -> tuple[Tform, tuple[int, ...], int]:
    """Choose the disk layout of a column: its own form where the data fit it, else one made from the dtype.

    Returns
    -------
    form : Tform
        Layout on disk.
    shape : tuple of int
        Shape of a cell on disk.
    zero : int
        TZERO of the unsigned-integer convention, 0 where none is needed.

    Raises
    ------
    DataError
        The data have a dtype that no FITS column can hold, or integers beyond the range of the column's form.
    """
    data, declared = column.data, parse_tform(column.form) if column.form else None
    cell = data.shape[1:]
    if data.dtype.kind == "O":
        return _variable_form(column, declared), (), 0
    if data.dtype.kind in "SU":
        count = int(np.prod(cell, dtype=np.int64))
        width = data.dtype.itemsize // (4 if data.dtype.kind == "U" else 1)
        if declared and declared.letter == "A" and count and declared.repeat % count == 0:
            width = max(width, declared.repeat // count) if declared.repeat or data.astype(bool).any() else 0
        return Tform(width * count, "A"), cell, 0
    if declared and declared.letter == "X" and data.dtype.kind in "u":
        bits = Field(0, declared).disk
        if bits.base.itemsize == data.dtype.itemsize and bits.shape == cell:
            return declared, cell, 0
    code = f"{data.dtype.kind}{data.dtype.itemsize}"
    if code not in _LETTERS:
        raise DataError(f"column {column.name}: values of type {data.dtype} cannot be stored in a FITS table")
    letter, zero = _LETTERS[code]
    if declared and declared.letter != letter and declared.letter in "BIJKED":
        letter, zero = _kept_letter(column, declared.letter, letter, zero)
    return Tform(int(np.prod(cell, dtype=np.int64)), letter), cell, zero


def _kept_letter(column: Column, declared: str, letter: str, zero: int) -> tuple[str, int]:
    """Return the declared letter where it can hold the values without loss of range, else the dtype's own."""
    kind = column.data.dtype.kind
    if declared in "ED" and kind in "iuf":
        return declared, 0
    if declared in "BIJK" and kind in "iu":
        info = np.iinfo(np.dtype(_DISK[declared]))
        if column.data.size and (int(column.data.min()) < info.min or int(column.data.max()) > info.max):
            raise DataError(
                f"column {column.name}: values {column.data.min()} to {column.data.max()} do not fit its type "
                f"{column.form} ({info.min} to {info.max})"
            )
        return declared, 0
    return letter, zero


def _variable_form(column: Column, declared: Tform | None) -> Tform:
    lengths = [np.size(v) for v in column.data]
    maximum = max(lengths, default=0)
    if declared and declared.is_variable:
        return Tform(1, declared.letter, declared.element, maximum)
    first = next((np.asarray(v) for v in column.data), np.zeros(0, "f8"))
    if first.dtype.kind in "SU":
        return Tform(1, "P", "A", maximum)
    code = f"{first.dtype.kind}{first.dtype.itemsize}"
    if code not in _LETTERS or _LETTERS[code][1]:
        raise DataError(f"column {column.name}: arrays of type {first.dtype} cannot be stored in a FITS table")
    return Tform(1, "P", _LETTERS[code][0], maximum)


def encode(field: Field, data: Array, out: Array) -> None:
    """Put native values of a fixed-length column into the big-endian rows.

    Parameters
    ----------
    field : Field
        The column's layout; ``field.zero`` is the TZERO of an unsigned-integer column.
    data : ndarray, shape (n, ...)
        Native values.
    out : ndarray, shape (n, ...)
        The field of the row buffer, of dtype ``field.disk``; any stride.
    """
    letter = field.value_letter
    if letter == "L":
        out[...] = np.where(data, np.uint8(ord("T")), np.uint8(ord("F")))
    elif letter == "A":
        if out.dtype.kind == "S":
            out[...] = np.char.encode(data, "latin-1") if data.dtype.kind == "U" else data
    elif field.unsigned == "i1":
        out[...] = data.view("u1") ^ np.uint8(128)
    elif field.unsigned:
        sign = np.array(1, data.dtype) << (8 * data.itemsize - 1)
        out[...] = (data ^ sign).view(f"i{data.itemsize}")
    else:
        out[...] = data


def encode_heap(field: Field, value: Any) -> tuple[bytes, int]:
    """Return the heap bytes of one variable-length cell and its number of elements."""
    letter = field.value_letter
    if letter == "A" and isinstance(value, (str, bytes)):
        text = value.encode("latin-1") if isinstance(value, str) else value
        return text, len(text)
    array = np.asarray(value).ravel()
    if letter == "X":
        return np.packbits(array.astype(bool)).tobytes(), len(array)
    if letter == "A":
        return array.astype("S1").tobytes(), len(array)
    out = np.empty(len(array), _DISK[letter])
    encode(field, array.astype(field.element_dtype), out)
    return out.tobytes(), len(array)
