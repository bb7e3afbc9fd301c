"""Checks of the parameters of XMM-Newton stages that other missions do not have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ciaopy.batch.checks import plain, scalar_in
from ciaopy.batch.mission import Parameter
from ciaopy.batch.quantities import energy_ev, seconds
from ciaopy.errors import NotAvailableError

__all__ = [
    "BACKENDS",
    "STATES",
    "backend",
    "bands_kev",
    "check_bands",
    "check_cleaning",
    "check_espfilt",
    "date",
    "expression",
    "fit_limits",
    "range_scale",
    "states",
    "switch_or_time",
]

BACKENDS = ("sas", "native")
STATES = ("G", "I", "B", "O", "U")
_WORDS = {"true": True, "yes": True, "false": False, "no": False}
_NONE = ("", "none")


def backend() -> Parameter:
    """Return the parameter that chooses who does the work; None: SAS where it is found."""

    def check(owner: str, value: object) -> str | None:
        if value is None or (isinstance(value, str) and value in BACKENDS):
            return value
        raise ValueError(f"{owner}={value!r}: it is None, {' or '.join(BACKENDS)}")

    def parse(owner: str, value: object) -> str | None:
        return None if isinstance(value, str) and value.strip().lower() in _NONE else check(owner, value)

    return Parameter("backend", None, check, parse)


def date(name: str) -> Parameter:
    """Return a parameter that is `now` or a date; its JSON value is `now` or YYYY-mm-dd."""

    def check(owner: str, value: object) -> str:
        from datetime import date as Date
        from datetime import datetime

        if isinstance(value, (datetime, Date)):
            return value.strftime("%Y-%m-%d")
        if value == "now":
            return "now"
        raise ValueError(f"{owner}={value!r}: it is 'now' or a datetime")

    def parse(owner: str, value: object) -> str:
        from datetime import datetime

        if isinstance(value, str) and value.strip() != "now":
            try:
                return datetime.strptime(value.strip(), "%Y-%m-%d").strftime("%Y-%m-%d")
            except ValueError as error:
                raise ValueError(f"{owner}={value}: expected now, or a date such as 2026-01-31") from error
        return check(owner, value.strip() if isinstance(value, str) else value)

    return Parameter(name, "now", check, parse)


def switch_or_time(name: str, least: float, most: float) -> Parameter:
    """Return a parameter that is True, False or a time; its JSON value is a bool or s."""

    def limited(owner: str, found: float) -> float | int:
        if not least <= found <= most:
            limits = f"from {least:g} s to {most:g} s" if most < float("inf") else f"of at least {least:g} s"
            raise ValueError(f"{owner}={found:g} s: a time {limits} is needed")
        return plain(found)

    def check(owner: str, value: object) -> bool | float | int:
        if type(value) is bool:
            return value
        return limited(owner, scalar_in(owner, value, "s"))

    def parse(owner: str, value: object) -> bool | float | int:
        if type(value) is bool:
            return value
        if isinstance(value, str) and value.strip().lower() in _WORDS:
            return _WORDS[value.strip().lower()]
        return limited(owner, seconds(owner, value))

    return Parameter(name, True, check, parse)


def range_scale() -> Parameter:
    """Return the parameter with the widths of the fitted histogram: {'pn': number, 'mos': number}."""
    default = {"pn": 15.0, "mos": 6.0}

    def check(owner: str, value: object) -> dict[str, float]:
        if value is None:
            return dict(default)
        if not isinstance(value, dict):
            raise ValueError(f"{owner} should be a dictionary with the keys pn and mos, not {value!r}")  # noqa: TRY004
        found = {}
        for key in default:
            if key not in value:
                raise KeyError(f"{owner} has no key {key!r}; it needs pn and mos")
            number = value[key]
            if isinstance(number, bool) or not isinstance(number, (int, float)) or not number > 0:
                raise ValueError(f"{owner}[{key!r}]={number!r}: a number above 0 is needed")
            found[key] = float(number)
        return found

    def parse(owner: str, value: object) -> dict[str, float]:
        if not isinstance(value, str):
            return check(owner, value)
        try:
            pairs = dict(word.split(":") for word in value.split(","))
            return check(owner, {k.strip(): float(v) for k, v in pairs.items()})
        except (ValueError, KeyError) as error:
            raise ValueError(f"{owner}={value}: expected pn:15,mos:6") from error

    return Parameter("range_scale", default, check, parse)


def fit_limits() -> Parameter:
    """Return the parameter with the limits of sigma: two numbers from 0 to 10."""

    def check(owner: str, value: object) -> list[float]:
        if not isinstance(value, (tuple, list)):
            raise TypeError(f"{owner} should be a tuple of two numbers, not {value!r}")
        if any(isinstance(v, bool) or not isinstance(v, (int, float)) for v in value):
            raise TypeError(f"{owner}={value!r}: two numbers are needed")
        if len(value) != 2 or not 0 <= value[0] < value[1] <= 10:
            raise ValueError(f"{owner}={value!r}: two numbers from 0 to 10 are needed, the first below the second")
        return [float(v) for v in value]

    def parse(owner: str, value: object) -> list[float]:
        if not isinstance(value, str):
            return check(owner, value)
        try:
            return check(owner, [float(w) for w in value.replace(",", " ").split()])
        except ValueError as error:
            raise ValueError(f"{owner}={value}: expected two numbers such as 0.1,6.5") from error

    return Parameter("gauss_fit_lims", [0.1, 6.5], check, parse)


def expression(name: str, default: Sequence[str], instrument: str) -> Parameter:
    """Return a parameter with selection expressions that are and-ed; its JSON value is a list of texts."""

    def check(owner: str, value: object) -> list[str]:
        parts = [value] if isinstance(value, str) else value
        if not isinstance(parts, (list, tuple)) or not all(isinstance(p, str) for p in parts):
            raise TypeError(f"{owner} should be a text or a list of texts, not {value!r}")
        found = [" ".join(p.split()) for p in parts if p.strip()]
        for part in found:
            _parses(owner, part, instrument)
        return found

    return Parameter(name, list(default), check, check)


def _parses(owner: str, text: str, instrument: str) -> None:
    """Refuse what is no selection expression; macros and columns are not known yet."""
    from ciaopy.xmm import DEFAULT_MACROS, ExpressionError, parse_selection

    known = {n: t for (i, n), t in DEFAULT_MACROS.items() if i == instrument} | _any_macros(text)
    try:
        parse_selection(text, known, instrument)
    except NotAvailableError:
        return  # SAS may do it; natively the job says so
    except ExpressionError as error:
        raise ValueError(f"{owner}: {error}") from error


def _any_macros(text: str) -> dict[str, str]:
    import re

    return {m.upper(): "true" for m in re.findall(r"#(\w+)", text)}


def states() -> Parameter:
    """Return the parameter with the states of CCDs that are accepted."""

    def check(owner: str, value: object) -> list[str]:
        found = [value] if isinstance(value, str) else value
        if not isinstance(found, (list, tuple)) or not found or any(s not in STATES for s in found):
            raise ValueError(f"{owner}={value!r}: states are {', '.join(STATES)}")
        return sorted(set(found))

    def parse(owner: str, value: object) -> list[str]:
        return check(owner, [w.strip() for w in value.split(",")] if isinstance(value, str) else value)

    return Parameter("acc_mos_anom_states", ["G", "I", "U"], check, parse)


def bands_kev(name: str, default: Sequence[float]) -> Parameter:
    """Return a parameter with one or several energies; its JSON value is a number or a list, keV."""

    def check(owner: str, value: object) -> float | list[float]:
        import numpy as np

        from ciaopy.batch.checks import quantity_in

        found = np.asarray(quantity_in(owner, value, "keV"), dtype=float)
        if found.ndim > 1 or not found.size or not np.isfinite(found).all() or (found < 0).any():
            raise ValueError(f"{owner}={value}: one energy or a list of them is needed")
        return _kev(found) if not found.ndim else [_kev(e) for e in found]

    def parse(owner: str, value: object) -> float | list[float]:
        words = value.split(",") if isinstance(value, str) else value if isinstance(value, list) else [value]
        found = [_kev(energy_ev(owner, w, "kev") / 1000.0) for w in words]
        if any(e < 0 for e in found):
            raise ValueError(f"{owner}={value}: energies cannot be below 0")
        return found

    return Parameter(name, list(default), check, parse)


def _kev(value: Any) -> float:
    return round(float(value), 9)


def check_bands(values: Mapping[str, Any]) -> None:
    """Refuse energies that make no bands."""
    low, high = values["lo_en"], values["hi_en"]
    if isinstance(low, list) != isinstance(high, list):
        raise ValueError("lo_en and hi_en go together: both one energy, or both a list")
    lows, highs = (v if isinstance(v, list) else [v] for v in (low, high))
    if len(lows) != len(highs):
        raise ValueError(f"{len(lows)} energies in lo_en, {len(highs)} in hi_en")
    for a, b in zip(lows, highs, strict=True):
        if not a < b:
            raise ValueError(f"lo_en={a:g} keV is not below hi_en={b:g} keV")


def check_cleaning(values: Mapping[str, Any]) -> None:
    """Refuse one energy alone, and energies the wrong way round."""
    low, high = values["lo_en"], values["hi_en"]
    if (low is None) != (high is None):
        raise ValueError("lo_en and hi_en go together: give both or neither")
    if low is not None and not low < high:
        raise ValueError(f"lo_en={low:g} eV is not below hi_en={high:g} eV")


def check_espfilt(values: Mapping[str, Any]) -> None:
    """Refuse energies the wrong way round or outside what PI can hold."""
    low, high = values["filter_lo_en"], values["filter_hi_en"]
    if not low < high:
        raise ValueError(f"filter_lo_en={low:g} eV is not below filter_hi_en={high:g} eV")
    if not 1 <= low <= 32766:
        raise ValueError(f"filter_lo_en={low:g} eV: from 1 to 32766 eV")
    if not 2 <= high <= 32767:
        raise ValueError(f"filter_hi_en={high:g} eV: from 2 to 32767 eV")
