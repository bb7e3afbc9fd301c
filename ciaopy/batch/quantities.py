"""Times, sizes and energies as people type them, without astropy."""

from __future__ import annotations

import re

__all__ = ["energy_ev", "seconds", "size_bytes"]

_NUMBER = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*([A-Za-z]*)\s*$")
_TIMES = {
    "ms": 1e-3, "s": 1.0, "sec": 1.0, "second": 1.0, "seconds": 1.0, "min": 60.0, "minute": 60.0, "minutes": 60.0,
    "h": 3600.0, "hr": 3600.0, "hour": 3600.0, "hours": 3600.0, "d": 86400.0, "day": 86400.0, "days": 86400.0,
    "ks": 1e3,
}  # fmt: skip
_SIZES = {"b": 1.0, "kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12, "kib": 2.0**10, "mib": 2.0**20, "gib": 2.0**30,
          "tib": 2.0**40, "k": 2.0**10, "m": 2.0**20, "g": 2.0**30, "t": 2.0**40}  # fmt: skip
_ENERGIES = {"ev": 1.0, "kev": 1e3, "mev": 1e6}


def _read(owner: str, value: object, units: dict[str, float], default: str, kind: str, example: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise ValueError(f"{owner}={value!r}: expected {kind}, such as {example}")  # noqa: TRY004 - a wrong text
    match = _NUMBER.match(str(value))
    unit = (match[2] or default).lower() if match else ""
    if match is None or unit not in units:
        raise ValueError(f"{owner}={value}: expected {kind}, such as {example}")
    return float(match[1]) * units[unit]


def seconds(owner: str, value: object) -> float:
    """Return a time in s: a number, or a text such as `10 min`.

    Raises
    ------
    ValueError
        It is none, or not above 0.
    """
    found = _read(owner, value, _TIMES, "s", "a time", "'10 min' or 600")
    if not found > 0:
        raise ValueError(f"{owner}={value}: a time above 0 is needed")
    return found


def size_bytes(owner: str, value: object) -> int:
    """Return a size in bytes: a number, or a text such as `4 GB`.

    Raises
    ------
    ValueError
        It is none, or negative.
    """
    found = _read(owner, value, _SIZES, "b", "a size", "'4 GB'")
    if not found >= 0:
        raise ValueError(f"{owner}={value}: a size above 0 is needed")
    return int(found)


def energy_ev(owner: str, value: object, default: str = "ev") -> float:
    """Return an energy in eV: a text such as `500 eV`; a bare number is in the unit `default`.

    Raises
    ------
    ValueError
        It is none.
    """
    return _read(owner, value, _ENERGIES, default, "an energy", "'500 eV'")
