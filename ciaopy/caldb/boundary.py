"""Boundary conditions of calibration files: ``NAME(VALUES)UNIT`` in CAL_CBD and the keywords CBDn0001.

VALUES is a comma list of values and of ranges ``low-high`` or ``low:high`` (as LSFPARM files have SIM_Z), both ends
included; ends may be negative and in exponential notation. Texts have no quotes, compare in any case, and may hold the
wildcards ``?`` and ``*``. An empty string and NONE are no condition; neither is ``NAME(DEPRECATED)``, with which CALDB
files switch one off (CTI_CORR of real gain tables). The unit is not interpreted; real files also have a stray comment
sign after it.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import TypeAlias

from ciaopy.errors import CalibrationError

__all__ = ["BoundaryCondition", "NumberRange", "Value", "parse_condition"]

#: What a condition is compared with: one value of a header keyword or of a constraint.
Value: TypeAlias = str | float | bool

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_RANGE = re.compile(rf"({_NUMBER})\s*[-:]\s*({_NUMBER})")
_FORM = re.compile(r"([A-Za-z][A-Za-z0-9_-]*)\s*\(([^()]*)\)\s*([^()/]*?)\s*(?:/.*)?")
_OFF = "DEPRECATED"
# Spellings of logical values in conditions (CTI_CORR(YES)) and headers (CTI_CORR = T).
_LOGICAL = (frozenset({"T", "TRUE", "YES", "Y"}), frozenset({"F", "FALSE", "NO", "N"}))


@dataclass(frozen=True)
class NumberRange:
    """Numbers from `low` to `high`, both included."""

    low: float
    high: float


@dataclass(frozen=True)
class BoundaryCondition:
    """One condition.

    Attributes
    ----------
    name : str
        Upper case, such as CCD_ID or FP_TEMP.
    alternatives : tuple of NumberRange and str
        One of them must hold; texts in upper case, single numbers as ranges of no width.
    unit : str
        As written, such as K.
    text : str
        The condition as written.
    """

    name: str
    alternatives: tuple[NumberRange | str, ...]
    unit: str
    text: str

    def accepts(self, value: Value) -> bool:
        """Return whether a value fulfils the condition.

        Numbers (also those in texts) are compared as numbers, logical values with YES, T, TRUE or NO, F, FALSE.
        """
        number = _number(value)
        text = ("T" if value else "F") if isinstance(value, bool) else str(value).strip().upper()
        words = next((same for same in _LOGICAL if text in same), {text})
        for alternative in self.alternatives:
            if isinstance(alternative, NumberRange):
                if number is not None and alternative.low <= number <= alternative.high:
                    return True
            elif any(fnmatchcase(word, _pattern(alternative)) for word in words):
                return True
        return False


def _pattern(text: str) -> str:
    """Return the text as a pattern in which only ? and * are special."""
    return text.replace("[", "[[]")


def _number(value: Value) -> float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        if not re.fullmatch(_NUMBER, value.strip()):
            return None
        value = float(value)
    return float(value) if math.isfinite(value) else None


@lru_cache(maxsize=65536)
def parse_condition(text: str) -> BoundaryCondition | None:
    """Parse one condition.

    Parameters
    ----------
    text : str
        Such as ``FP_TEMP(151.16-164.16)K``.

    Returns
    -------
    BoundaryCondition or None
        None where there is no condition: an empty string, NONE, or a value DEPRECATED.

    Raises
    ------
    CalibrationError
        The text has another form, an empty value, or a range whose upper limit is below the lower.
    """
    stripped = text.strip()
    if not stripped or stripped.upper() == "NONE":
        return None
    form = _FORM.fullmatch(stripped)
    if form is None:
        raise CalibrationError(f"boundary condition {stripped!r} is not of the form NAME(values)unit")
    name, values, unit = form.groups()
    words = [word.strip() for word in values.split(",")]
    if "" in words:
        raise CalibrationError(f"boundary condition {stripped!r} has an empty value")
    if [word.upper() for word in words] == [_OFF]:
        return None
    return BoundaryCondition(name.upper(), tuple(_alternative(word, stripped) for word in words), unit, stripped)


def _alternative(word: str, text: str) -> NumberRange | str:
    if re.fullmatch(_NUMBER, word):
        return NumberRange(float(word), float(word))
    bounds = _RANGE.fullmatch(word)
    if bounds is None:
        return word.upper()
    low, high = float(bounds[1]), float(bounds[2])
    if high < low:
        raise CalibrationError(f"boundary condition {text!r}: the range {word} ends before it begins")
    return NumberRange(low, high)
