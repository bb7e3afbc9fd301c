"""Where a user says that the zero order of a grating observation is: `tg_zo_position` of chandra_repro."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from ciaopy.coords import parse_dec, parse_ra
from ciaopy.errors import CiaopyError, ParameterError
from ciaopy.fits import Table

__all__ = ["parse_position", "zero_order_position"]

_PARAMETER = "tg_zo_position"
_FORMS = "give evt2, detect, RA,Dec (degrees, hours such as 5.59H, or sexagesimal), or a table with RA and Dec"


def zero_order_position(text: str) -> str | tuple[float, float]:
    """Return `evt2`, `detect`, or the position (ra, dec) in degrees that a value of tg_zo_position means.

    Raises
    ------
    ParameterError
        The text is none of these: unknown format, out of range, a table without usable columns.
    """
    stripped = text.strip()
    if stripped in ("evt2", "detect"):
        return stripped
    if not stripped:
        raise ParameterError(f"{_PARAMETER} is empty; {_FORMS}")
    plain = Path(stripped.partition("[")[0])
    if plain.is_file():
        return _from_table(stripped)
    return parse_position(stripped)


def parse_position(text: str) -> tuple[float, float]:
    """Return (ra, dec) in degrees of two coordinates with `,`, `+` or `-` between them.

    Each is decimal degrees (`D` may follow), right ascension in hours (`H` follows), or sexagesimal with `:`, blanks or
    letters between; sexagesimal right ascension is in hours.

    Raises
    ------
    ParameterError
        Not two coordinates, or out of range.
    """
    first, second = _two_parts(text)
    try:
        if re.fullmatch(r"[+-]?[\d.]+\s*[hH]", first):
            ra = 15.0 * float(first.rstrip("hH "))
        else:
            ra = parse_ra(first.rstrip("D")) if _is_decimal(first) else parse_ra(first)
        dec = parse_dec(second.rstrip("D") if _is_decimal(second) else second)
    except (CiaopyError, ValueError) as error:
        raise ParameterError(f"{_PARAMETER}={text}: {error}; {_FORMS}") from None
    if first.startswith("-") or not 0.0 <= ra < 360.0 or (_is_decimal(first) and float(first.rstrip("Dd ")) >= 360.0):
        raise ParameterError(f"{_PARAMETER}={text}: right ascension {first} is not between 0 and 360 degrees; {_FORMS}")
    return ra, dec


def _is_decimal(text: str) -> bool:
    return re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)\s*[dD]?", text.strip()) is not None


def _two_parts(text: str) -> tuple[str, str]:
    if "," in text:
        parts = text.split(",")
        if len(parts) != 2:
            raise ParameterError(f"{_PARAMETER}={text}: {len(parts)} coordinates; {_FORMS}")
        return parts[0].strip(), parts[1].strip()
    for sign in ("+", "-"):
        first, found, second = text.partition(sign)
        if found and first.strip():
            return first.strip(), (sign if sign == "-" else "") + second.strip()
    raise ParameterError(f"{_PARAMETER}={text}: not two coordinates; {_FORMS}")


def _from_table(text: str) -> tuple[float, float]:
    """Return the position of the first row of a table: columns RA and Dec, or the first two."""
    from ciaopy.datamodel import read

    try:
        table = read(text)
    except CiaopyError as error:
        raise ParameterError(f"{_PARAMETER}={text}: {error}; {_FORMS}") from error
    if not isinstance(table, Table) or len(table.columns) < 2 or not table.nrows:
        raise ParameterError(f"{_PARAMETER}={text}: no table with two columns and a row; {_FORMS}")
    names = ("ra", "dec") if "ra" in table and "dec" in table else tuple(table.columns)[:2]
    values = [table[n][0] for n in names]
    texts = [_as_text(v) for v in values]
    if not all(t.strip() for t in texts):
        raise ParameterError(f"{_PARAMETER}={text}: columns {names[0]} and {names[1]} are no coordinates; {_FORMS}")
    try:
        return parse_position(",".join(t.strip() for t in texts))
    except ParameterError as error:
        raise ParameterError(f"{_PARAMETER}={text}: its first row is no position: {error}") from error


def _as_text(value: Any) -> str:
    """Return a table's value as the text of a coordinate; blank for what is none."""
    if isinstance(value, bytes):
        return value.decode("ascii", "replace")
    return repr(float(value)) if isinstance(value, (int, float, np.integer, np.floating)) else ""
