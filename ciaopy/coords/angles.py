"""Right ascension and declination as text: degrees, `hh:mm:ss.s`, `dd:mm:ss.s`."""

from __future__ import annotations

import math
import re

from ciaopy.errors import UserError

__all__ = ["format_dec", "format_ra", "parse_dec", "parse_ra"]

_NUMBER = r"(\d+(?:\.\d*)?|\.\d+)"
_SEXAGESIMAL = re.compile(rf"([+-]?)\s*(\d+)\s*[:hd\s]\s*(\d+)(?:\s*[:m\s]\s*{_NUMBER}\s*s?)?\s*m?", re.IGNORECASE)
_DEGREES = re.compile(rf"([+-]?{_NUMBER}(?:e[+-]?\d+)?)\s*d?", re.IGNORECASE)


def parse_ra(text: str) -> float:
    """Return the right ascension, degrees in [0, 360), of `5:34:31.9`, `5h34m31.9s`, `5 34 31.9` or degrees.

    Raises
    ------
    UserError
        The text is no right ascension.
    """
    value, hours = _parsed(text, "right ascension")
    if hours and "d" in text.lower():
        hours = False
    value *= 15.0 if hours else 1.0
    if not -360.0 <= value <= 360.0:
        raise UserError(f"{text}: a right ascension lies between 0 and 360 degrees (24 hours)")
    return value % 360.0


def parse_dec(text: str) -> float:
    """Return the declination, degrees, of `-5:23:28`, `-5d23m28s`, `-5 23 28` or degrees.

    Raises
    ------
    UserError
        The text is no declination.
    """
    value, _ = _parsed(text, "declination")
    if not -90.0 <= value <= 90.0:
        raise UserError(f"{text}: a declination lies between -90 and 90 degrees")
    return value


def _parsed(text: str, what: str) -> tuple[float, bool]:
    """Return the number of degrees or hours, and whether it was written with minutes."""
    stripped = text.strip()
    if match := _DEGREES.fullmatch(stripped):
        return float(match[1]), False
    match = _SEXAGESIMAL.fullmatch(stripped)
    if match is None:
        raise UserError(f"{text or 'nothing'}: not a {what}; give degrees or sexagesimal text such as 05:34:31.9")
    minutes, seconds = float(match[3]), float(match[4] or 0.0)
    if minutes >= 60.0 or seconds >= 60.0:
        raise UserError(f"{text}: 60 or more minutes or seconds in a {what}")
    value = float(match[2]) + minutes / 60.0 + seconds / 3600.0
    return (-value if match[1] == "-" else value), True


def format_ra(ra: float, digits: int = 3) -> str:
    """Return degrees as `hh:mm:ss.sss`; never 60 seconds, never 24 hours."""
    return _sexagesimal((ra % 360.0) / 15.0, digits, 24)


def format_dec(dec: float, digits: int = 2) -> str:
    """Return degrees as `+dd:mm:ss.ss`; never 60 seconds."""
    return ("-" if math.copysign(1.0, dec) < 0 else "+") + _sexagesimal(abs(dec), digits, None)


def _sexagesimal(value: float, digits: int, turn: int | None) -> str:
    ticks = round(value * 3600 * 10**digits)
    whole, rest = divmod(ticks, 3600 * 10**digits)
    minutes, rest = divmod(rest, 60 * 10**digits)
    seconds, part = divmod(rest, 10**digits)
    whole = whole % turn if turn else whole
    fraction = f".{part:0{digits}d}" if digits else ""
    return f"{whole:02d}:{minutes:02d}:{seconds:02d}{fraction}"
