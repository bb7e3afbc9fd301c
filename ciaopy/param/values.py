"""Types, enumerations, ranges, and the canonical text of a value.

Texts of errors follow `ciao_contrib.runtool`, whose users match on them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from ciaopy.errors import ParameterError, UnknownParamError
from ciaopy.param.parfile import Parameter
from ciaopy.spelling import did_you_mean

Value = bool | int | float | str | None

TRUE_WORDS = frozenset({"yes", "y", "true", "t", "on", "1"})
FALSE_WORDS = frozenset({"no", "n", "false", "f", "off", "0"})
_SPECIAL = {"inf": "Inf", "-inf": "-Inf", "nan": "NaN"}
_INTEGER = re.compile(r"[+-]?(?:0[xX][0-9a-fA-F]+|[0-9]+)\Z")
_REAL = re.compile(r"[+-]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eEdD][+-]?[0-9]+)?|nan|inf(?:inity)?)\Z", re.IGNORECASE)
_SEXAGESIMAL = re.compile(r"([+-]?)([0-9]+):([0-9]{1,2})(?::([0-9]{1,2}(?:\.[0-9]*)?))?\Z")


class ChoiceError(ParameterError):
    """A text that is not one of a list; `in_lines` is the message with the list on a line of its own."""

    def __init__(self, problem: str, choices: Sequence[str]) -> None:
        self.in_lines = f"{problem}:\n  " + " ".join(choices)
        super().__init__(f"{problem}: " + " ".join(choices))


class AmbiguousParamError(UnknownParamError):
    """Several parameters match; `in_lines` as for `ChoiceError`."""

    def __init__(self, problem: str, choices: Sequence[str]) -> None:
        self.in_lines = f"{problem}:\n  " + " ".join(choices)
        super().__init__(f"{problem}: " + " ".join(choices))


def match_name(tool: str, names: Sequence[str], text: str) -> str:
    """Return the parameter that `text` means: the exact name, else the only one that it begins.

    Raises
    ------
    UnknownParamError
        None, or several (the message lists them).
    """
    if text in names:
        return text
    found = [name for name in names if name.startswith(text)] if text else []
    if not found:
        alike = did_you_mean(text, names)
        raise UnknownParamError(f"There is no parameter for {tool} that matches '{text}'{alike}")
    if len(found) > 1:
        raise AmbiguousParamError(f"Multiple matches for {tool} parameter '{text}', choose from", found)
    return found[0]


def is_indef(text: str) -> bool:
    """Return True for the text INDEF in any case."""
    return text.strip().upper() == "INDEF"


def is_deferred(text: str) -> bool:
    """Return True for text that only evaluation can check: a redirection or an environment variable."""
    return text.startswith(")") or "${" in text


def parse_boolean(text: str) -> bool | None:
    """Return the boolean that `text` spells, or None."""
    word = text.strip().lower()
    if word in TRUE_WORDS:
        return True
    return False if word in FALSE_WORDS else None


def parse_integer(text: str) -> int | None:
    """Return the integer (decimal or `0x`) that `text` spells, or None."""
    text = text.strip()
    if not _INTEGER.match(text) or len(text) > 4000:
        return None
    return int(text, 16) if "x" in text.lower() else int(text)


def parse_real(text: str) -> float | None:
    """Return the number (C float, `D` exponents, `dd:mm:ss.s`) that `text` spells, or None."""
    text = text.strip()
    if _REAL.match(text):
        if not text.lstrip("+-")[:1].isalpha():
            text = text.lower().replace("d", "e")
        return float(text)
    parts = _SEXAGESIMAL.match(text)
    if parts is None:
        return None
    sign, degrees, minutes, seconds = parts.groups()
    if float(minutes) >= 60 or float(seconds or 0) >= 60:
        return None
    number = float(degrees) + float(minutes) / 60 + float(seconds or 0) / 3600
    return -number if sign == "-" else number


def convert(parameter: Parameter, text: str, owner: str) -> Value:
    """Turn evaluated text into the Python value of the parameter's type.

    Parameters
    ----------
    parameter : Parameter
        Its declaration.
    text : str
        Evaluated text.
    owner : str
        `tool.parameter`, for messages.

    Returns
    -------
    bool, int, float, str or None
        None for INDEF or undefined `i` and `r`.

    Raises
    ------
    ParameterError
        The text is not of the type.
    """
    kind = parameter.kind
    if "\0" in text:
        raise ParameterError(f"{owner}: the value {text!r:.60} has a NUL character, which no name and no text may hold")
    if kind in {"s", "f"}:
        return text
    if kind == "b":
        boolean = parse_boolean(text)
        if boolean is None:
            raise ParameterError(f"{owner} should be a boolean, not '{text}'")
        return boolean
    if not text.strip() or is_indef(text):
        return None
    number = parse_integer(text) if kind == "i" else parse_real(text)
    if number is None:
        what = "an integer" if kind == "i" else "a float"
        raise ParameterError(f"{owner} must be {what}, sent {text}")
    return number


def canonical(parameter: Parameter, text: str, owner: str) -> str:
    """Check evaluated text against type and enumeration and return it as it is stored.

    Booleans become `yes` or `no`, INDEF is upper case, a unique prefix of an enumeration item becomes the item; ranges
    are checked by `check_range`, because a bound may be a redirection.
    """
    kind = parameter.kind
    if kind == "b":
        return "yes" if convert(parameter, text, owner) else "no"
    if kind in {"i", "r"}:
        number = convert(parameter, text, owner)
        if number is None:
            return "INDEF" if text.strip() else ""
        return _numeric_choice(parameter, number, text.strip(), owner)
    convert(parameter, text, owner)
    return _text_choice(parameter, text, owner)


def _numeric_choice(parameter: Parameter, number: Value, text: str, owner: str) -> str:
    """Return `text` if the enumeration, where there is one, holds its number."""
    items = parameter.choices
    if items and all(convert(parameter, item, owner) != number for item in items):
        raise _not_a_choice(parameter, text)
    return text


def _text_choice(parameter: Parameter, text: str, owner: str) -> str:
    """Return the enumeration item that `text` is, or uniquely begins; any text without an enumeration."""
    items = parameter.choices
    if not items or text in items or (not text and not parameter.default):
        return text
    trimmed = text.strip()
    if trimmed in items:
        return trimmed
    found = [item for item in items if item.startswith(trimmed)] if trimmed else []
    if len(found) != 1:
        raise _not_a_choice(parameter, text)
    return found[0]


def _not_a_choice(parameter: Parameter, text: str) -> ChoiceError:
    return ChoiceError(f"The parameter {parameter.name} was set to {text} when it must be one of", parameter.choices)


def check_range(number: Value, low: Value, high: Value, owner: str, text: str) -> None:
    """Raise `ParameterError` unless low <= number <= high; None on either side, or as the number, passes."""
    if number is None or not isinstance(number, (int, float)) or isinstance(number, bool):
        return
    if isinstance(low, (int, float)) and not number >= low:
        raise ParameterError(f"{owner} must be >= {format_number(low)} but set to {text.strip()}")
    if isinstance(high, (int, float)) and not number <= high:
        raise ParameterError(f"{owner} must be <= {format_number(high)} but set to {text.strip()}")


def format_number(number: float) -> str:
    """Shortest text that reads back as the same number; integers without a point."""
    if isinstance(number, bool):
        return "yes" if number else "no"
    if isinstance(number, int):
        return str(number)
    if math.isfinite(number) and number == int(number) and abs(number) < 1e15:
        return str(int(number))
    return _SPECIAL.get(repr(number), repr(number))


def to_text(parameter: Parameter, value: object, owner: str) -> str:
    """Text of a Python value as it goes into a parameter file.

    None is INDEF for numbers and "" for strings and files; lists and tuples join with commas, as a stack; numpy
    scalars count as their Python equals.

    Raises
    ------
    ParameterError
        The value is of no type that the parameter can hold.
    """
    if hasattr(value, "item") and getattr(value, "ndim", 0) == 0 and not isinstance(value, (str, bytes)):
        value = value.item()
    kind = parameter.kind
    if value is None:
        if kind == "b":
            raise ParameterError(f"{owner} should be a boolean, not 'None'")
        return "" if kind in {"s", "f"} else "INDEF"
    if isinstance(value, bytes):
        value = value.decode("utf-8", "surrogateescape")
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)) and kind in {"s", "f"}:
        return ",".join(to_text(parameter, item, owner) for item in value)
    if kind == "i" and isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return _SPECIAL.get(repr(value), repr(value))
    if isinstance(value, str) or hasattr(value, "__fspath__"):
        return str(value)
    raise ParameterError(f"{owner} cannot be set to a {type(value).__name__}: {value!r}")
