"""Columns that are to be joined must mean the same: unit, place on the sky, and what stands for no value."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ciaopy.errors import DataError

if TYPE_CHECKING:
    from ciaopy.fits import Array, Column

__all__ = ["check_same_meaning", "common_null"]

# Spellings of one unit.
UNITS = {"sec": "s", "second": "s", "channel": "chan", "pix": "pixel", "count": "count", "ct": "count", "degree": "deg"}
# Sky planes are one where no position differs by more than this, pixels.
TOLERANCE_PIXELS = 0.01


def check_same_meaning(name: str, parts: Sequence[tuple[str, Column]]) -> None:
    """Raise where columns of one name differ in unit or in their place on the sky.

    Parameters
    ----------
    name : str
        Of the column.
    parts : sequence of (file, Column)

    Raises
    ------
    DataError
        With the files, the keyword, the values and the cure.
    """
    first_file, first = parts[0]
    for file, other in parts[1:]:
        units = _unit(first.unit), _unit(other.unit)
        if all(units) and units[0] != units[1]:
            raise DataError(
                f"{file}: column {name} is in {other.unit}, in {first_file} in {first.unit}; "
                "convert it with dmtcalc, or leave it out with columnList"
            )
        text = _sky_difference(first, other)
        if text:
            raise DataError(
                f"{file}: column {name} is of another sky plane than in {first_file} ({text}); "
                "bring the events to one tangent point with reproject_events, or leave the columns out with columnList"
            )


def _unit(text: str) -> str:
    word = text.strip().lower().strip("()[]")
    word = word.removesuffix("s") if len(word) > 3 else word
    return UNITS.get(word, word)


def _sky_difference(first: Column, other: Column) -> str:
    """Return which keyword of the sky plane differs, or an empty text; planes that are not both known are no matter."""
    scale = first.key("TCDLT")
    if not isinstance(scale, int | float) or not scale or not isinstance(other.key("TCDLT"), int | float):
        return ""
    kinds = [str(c.key("TCTYP") or "").strip() for c in (first, other)]
    if all(kinds) and kinds[0] != kinds[1]:
        return f"TCTYP {kinds[0]} and {kinds[1]}"
    for key, unit in (("TCRVL", abs(scale)), ("TCRPX", 1.0), ("TCDLT", abs(scale) / 4096)):
        a, b = first.key(key), other.key(key)
        if not (isinstance(a, int | float) and isinstance(b, int | float)):
            continue
        gap = abs(a - b)
        if key == "TCRVL" and kinds[0].startswith("RA"):
            gap = abs(math.remainder(a - b, 360.0))
        if gap > TOLERANCE_PIXELS * unit:
            return f"{key} {a:.10g} and {b:.10g}"
    return ""


def common_null(name: str, parts: Sequence[tuple[str, Column]]) -> list[Array]:
    """Return the data of integer columns with one value for null: that of the first column that has one.

    Raises
    ------
    DataError
        That value is a number in another file.
    """
    nulls = [
        c.key("TNULL") if isinstance(c.key("TNULL"), int) and c.data.dtype.kind in "iu" else None for _, c in parts
    ]
    chosen = next((n for n in nulls if n is not None), None)
    if chosen is None or all(n == chosen for n in nulls):
        return [c.data for _, c in parts]
    made = []
    for (file, column), null in zip(parts, nulls, strict=True):
        data = column.data
        if data.dtype.kind in "iu" and null != chosen:
            unknown = data == null if null is not None else np.zeros(data.shape, dtype=bool)
            if (data[~unknown] == chosen).any():
                raise DataError(
                    f"{file}: column {name} holds {chosen}, which stands for no value (TNULL) in another file; "
                    "change one of them with dmtcalc and dmhedit, or leave the column out with columnList"
                )
            limits = np.iinfo(data.dtype)
            if unknown.any() and not limits.min <= chosen <= limits.max:
                data = data.astype(np.int64)
            data = np.where(unknown, np.array(chosen, data.dtype), data) if unknown.any() else data
        made.append(data)
    return made
