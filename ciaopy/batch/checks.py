"""Checks of the parameters of stages: what a Python caller may give, and what a text may say.

Each maker returns a `Parameter`. A Python value is of the type that DAXA documents (quantities with units); a text, or
a value of survey.toml, may be plainer. Both become the same JSON value, which is what the ledger and the work see.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ciaopy.batch.mission import Parameter
from ciaopy.batch.quantities import energy_ev, seconds

__all__ = ["bands", "boolean", "choice", "effective", "energy", "grades", "number", "quantity_in", "time", "whole"]

_WORDS = {"true": True, "yes": True, "false": False, "no": False}


def plain(value: float) -> float | int:
    """Return a number as an int where it is one, so that 4 and 4.0 are one parameter."""
    return int(value) if float(value).is_integer() and abs(value) < 2**53 else float(value)


def quantity_in(owner: str, value: object, unit: str) -> Any:
    """Return the value of an astropy quantity in a unit.

    Raises
    ------
    TypeError
        It is no quantity.
    UnitConversionError
        Its unit is of another kind.
    """
    from astropy.units import Quantity

    if not isinstance(value, Quantity):
        raise TypeError(f"{owner} should be a Quantity convertible to {unit}, not {value!r}")
    return value.to_value(unit)


def scalar_in(owner: str, value: object, unit: str) -> float:
    """Return one number of a quantity; ValueError where it holds several, or none that is finite."""
    import numpy as np

    found = np.asarray(quantity_in(owner, value, unit), dtype=float)
    if found.ndim or not np.isfinite(found):
        raise ValueError(f"{owner}={value}: one finite value is needed")
    return float(found)


def boolean(name: str, default: bool) -> Parameter:
    """Return a parameter that is True or False."""

    def check(owner: str, value: object) -> bool:
        if type(value) is not bool:
            raise TypeError(f"{owner} should be True or False, not {value!r}")
        return value

    def parse(owner: str, value: object) -> bool:
        if isinstance(value, str) and value.strip().lower() in _WORDS:
            return _WORDS[value.strip().lower()]
        if type(value) is not bool:
            raise ValueError(f"{owner}={value}: true or false (yes or no) is needed")
        return value

    return Parameter(name, default, check, parse)


def choice(name: str, default: str, options: Sequence[str]) -> Parameter:
    """Return a parameter that is one of several words."""

    def check(owner: str, value: object) -> str:
        if not isinstance(value, str):
            raise TypeError(f"{owner} should be one of {', '.join(options)}, not {value!r}")
        if value not in options:
            raise ValueError(f"{owner}={value}: it is one of {', '.join(options)}")
        return value

    return Parameter(name, default, check, check)


def number(name: str, default: float) -> Parameter:
    """Return a parameter that is a number above 0."""

    def check(owner: str, value: object) -> float | int:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise TypeError(f"{owner} should be a number, not {value!r}")
        if not 0 < value < float("inf"):
            raise ValueError(f"{owner}={value}: a number above 0 is needed")
        return plain(value)

    return Parameter(name, plain(default), check, _from_text(check, float, "a number"))


def whole(name: str, default: int) -> Parameter:
    """Return a parameter that is a whole number of at least 1."""

    def check(owner: str, value: object) -> int:
        if type(value) is not int:
            raise TypeError(f"{owner} should be a whole number, not {value!r}")
        if value < 1:
            raise ValueError(f"{owner}={value}: at least 1 is needed")
        return value

    return Parameter(name, default, check, _from_text(check, int, "a whole number"))


def _from_text(check: Callable[[str, Any], Any], convert: Callable[[str], Any], what: str) -> Callable[[str, Any], Any]:
    def parse(owner: str, value: object) -> Any:
        if not isinstance(value, str):
            return check(owner, value)
        try:
            found = convert(value)
        except ValueError as error:
            raise ValueError(f"{owner}={value}: {what} is needed") from error
        return check(owner, found)

    return parse


def time(name: str, default: float) -> Parameter:
    """Return a parameter that is a time; its JSON value is in s."""

    def check(owner: str, value: object) -> float | int:
        found = scalar_in(owner, value, "s")
        if not found > 0:
            raise ValueError(f"{owner}={value}: a time above 0 is needed")
        return plain(found)

    return Parameter(name, plain(default), check, lambda owner, value: plain(seconds(owner, value)))


def energy(name: str, default: float | None) -> Parameter:
    """Return a parameter that is an energy, or None where that is its default; its JSON value is in eV."""

    def check(owner: str, value: object) -> float | int | None:
        if value is None and default is None:
            return None
        found = scalar_in(owner, value, "eV")
        if found < 0:
            raise ValueError(f"{owner}={value}: an energy cannot be below 0")
        return plain(round(found, 6))

    def parse(owner: str, value: object) -> float | int | None:
        if default is None and isinstance(value, str) and value.strip().lower() in ("none", ""):
            return None
        found = energy_ev(owner, value)
        if found < 0:
            raise ValueError(f"{owner}={value}: an energy cannot be below 0")
        return plain(round(found, 6))

    return Parameter(name, default, check, parse)


def grades(name: str) -> Parameter:
    """Return a parameter that is a list of ASCA grades (0 to 7), or None."""

    def check(owner: str, value: object) -> list[int] | None:
        if value is None:
            return None
        if isinstance(value, (str, bytes)) or not isinstance(value, Sequence):
            raise TypeError(f"{owner} should be a list of grades, not {value!r}")
        bad = [g for g in value if type(g) is not int or not 0 <= g <= 7]
        if bad or not value:
            what = ", ".join(map(repr, bad)) or "an empty list"
            raise ValueError(f"{owner}: {what}: grades are whole numbers from 0 to 7 (ASCA system)")
        return sorted(set(value))

    def parse(owner: str, value: object) -> list[int] | None:
        if not isinstance(value, str):
            return check(owner, value)
        if value.strip().lower() in ("none", ""):
            return None
        try:
            return check(owner, [int(w) for w in value.split(",")])
        except ValueError as error:
            raise ValueError(f"{owner}={value}: expected grades from 0 to 7, such as 0,2,3,4,6") from error

    return Parameter(name, None, check, parse)


def bands(name: str, default: list[list[float]]) -> Parameter:
    """Return a parameter that is a list of energy bands; its JSON value is [[low, high], ...] in keV."""

    def check(owner: str, value: object) -> list[list[float]]:
        import numpy as np

        return _bands(owner, np.asarray(quantity_in(owner, value, "keV"), dtype=float))

    def parse(owner: str, value: object) -> list[list[float]]:
        import numpy as np

        if not isinstance(value, str):
            return _bands(owner, np.asarray(value, dtype=float))
        try:
            found = [[float(e) for e in word.split(":")] for word in value.split(",")]
            return _bands(owner, np.asarray(found, dtype=float))
        except ValueError as error:
            raise ValueError(f"{owner}={value}: expected bands low:high in keV, such as 0.5:7,2:7") from error

    return Parameter(name, default, check, parse)


def _bands(owner: str, found: Any) -> list[list[float]]:
    if found.ndim != 2 or found.shape[1] != 2 or not len(found):
        raise ValueError(f"{owner}: expected pairs of energies, shape (N, 2), not {found.shape}")
    for low, high in found:
        if not 0 <= low < high < float("inf"):
            raise ValueError(f"{owner}: {low:g} to {high:g} keV: the lower bound must be below the upper one")
    return [[_clean(low), _clean(high)] for low, high in found]


def effective(name: str, default: list[float]) -> Parameter:
    """Return a parameter that is a list of energies, one for each band; its JSON value is in keV."""

    def check(owner: str, value: object) -> list[float]:
        import numpy as np

        return _energies(owner, np.asarray(quantity_in(owner, value, "keV"), dtype=float))

    def parse(owner: str, value: object) -> list[float]:
        import numpy as np

        if not isinstance(value, str):
            return _energies(owner, np.asarray(value, dtype=float))
        try:
            return _energies(owner, np.asarray([float(w) for w in value.split(",")]))
        except ValueError as error:
            raise ValueError(f"{owner}={value}: expected energies in keV, such as 2.3,3.8") from error

    return Parameter(name, default, check, parse)


def _energies(owner: str, found: Any) -> list[float]:
    if found.ndim != 1 or not len(found):
        raise ValueError(f"{owner}: expected a list of energies, shape (N,), not {found.shape}")
    return [_clean(e) for e in found]


def _clean(value: float) -> float:
    """Return an energy without the rounding of unit conversions (500 eV is 0.5 keV)."""
    return round(float(value), 9)
