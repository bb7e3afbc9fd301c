"""Table rows: blocks of big-endian rows to native columns and back.

Source: FITS standard 4.0, section 7.3 (binary tables), 7.3.5 (variable-length arrays), table 19 (unsigned integers).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ciaopy.errors import DataError
from ciaopy.fits.blocks import Array, Column
from ciaopy.fits.tforms import DISK_TYPES, Field, Tform, parse_tform

__all__ = ["decode", "decode_heap", "encode", "encode_heap", "form_of", "row_dtype"]

# The letter that holds a native dtype, and the TZERO that makes it so (FITS standard, table 19).
_LETTERS: dict[str, tuple[str, int]] = {
    "b1": ("L", 0), "u1": ("B", 0), "i1": ("B", -128), "i2": ("I", 0), "u2": ("I", 1 << 15), "i4": ("J", 0),
    "u4": ("J", 1 << 31), "i8": ("K", 0), "u8": ("K", 1 << 63), "f4": ("E", 0), "f8": ("D", 0), "c8": ("C", 0),
    "c16": ("M", 0),
}  # fmt: skip


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
    decode(field, buffer.view(DISK_TYPES[letter])[:count], out)
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
        info = np.iinfo(np.dtype(DISK_TYPES[declared]))
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
    out = np.empty(len(array), DISK_TYPES[letter])
    encode(field, array.astype(field.element_dtype), out)
    return out.tobytes(), len(array)
