"""Which rows of an index serve an observation: the rules, without files.

A row serves if telescope, instrument, detector and filter agree, its quality is good, its start is not after the start
of the observation, and every boundary condition whose value is known holds. A condition about something that
neither the header nor the caller states does not exclude a row, but splits the rows into groups (one per shell, say).
Within a group the latest start wins, then the highest version of a file series, then the latest CAL_DATE. The rules and
the observations they were checked on are in docs/accuracy.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product as combinations
from typing import Any, TypeAlias

import numpy as np

from ciaopy.caldb.boundary import Value
from ciaopy.caldb.dates import mission_mjd, parse_mjd
from ciaopy.caldb.index import CalIndex, CalRow
from ciaopy.errors import CalibrationError

__all__ = ["Request", "Selection", "acis_chips", "make_request", "select_rows"]

# Start times closer than this (days, 0.1 s) are the same: the index rounds them.
_SAME_TIME = 1e-6
_ANY = frozenset({"", "-", "NONE"})
_DETECTOR_INSTRUMENTS = frozenset({"ACIS", "HRC"})
_GRATINGS = frozenset({"HETG", "LETG"})
_DATE_NAMES = ("DATE-OBS", "DATE_OBS", "DATE")


@dataclass(frozen=True)
class Request:
    """What is asked of the index.

    Attributes
    ----------
    product : str
        CALDB name, upper case.
    values : dict
        Upper-case name to the values known: one, or several where any may hold.
    mjd : float
        Start of the observation.
    given : tuple of str
        Names that the caller added to the header, for messages.
    """

    product: str
    values: Mapping[str, tuple[Value, ...]]
    mjd: float
    given: tuple[str, ...] = ()

    def one(self, name: str) -> str:
        """Return a value as upper-case text, empty where it is not known."""
        return str(self.values.get(name, ("",))[0]).strip().upper()

    def describe(self) -> str:
        """Return the values that matter in messages."""
        names = dict.fromkeys(("TELESCOP", "INSTRUME", "DETNAM", *self.given))
        known = [f"{n}={','.join(map(str, self.values[n]))}" for n in names if n in self.values]
        return ", ".join([*known, f"MJD {self.mjd:.4f}"])


@dataclass
class Selection:
    """What came of a request.

    Attributes
    ----------
    rows : list of CalRow
        The rows that serve; several where the product has several HDUs, or where files cannot be told apart.
    needed : tuple of str
        Names of boundary conditions that were not known and would narrow the choice.
    reasons : dict
        Why rows were left out, with their number.
    """

    rows: list[CalRow] = field(default_factory=list)
    needed: tuple[str, ...] = ()
    reasons: dict[str, int] = field(default_factory=dict)


def acis_chips(detector: str) -> tuple[int, ...] | None:
    """Return the chips of a DETNAM such as ACIS-012367, None if it is not of that form."""
    found = re.fullmatch(r"ACIS-(\d+)", detector.strip().upper())
    return tuple(sorted({int(c) for c in found[1]})) if found else None


def make_request(product: str, header: Mapping[str, Any], constraints: Mapping[str, Any]) -> Request:
    """Combine header and constraints; the latter win.

    Parameters
    ----------
    product : str
        CALDB name.
    header : mapping
        Header of the observation.
    constraints : mapping
        Further values: `ccd_id=3`, `fp_temp="153,155"` (either), `detector="HRC-S"`, `time` (mission s), `date`.

    Raises
    ------
    CalibrationError
        The start of the observation is not known or cannot be understood.
    """
    values: dict[str, tuple[Value, ...]] = {}
    for key in header:
        name = str(key).upper()
        if name and name not in ("COMMENT", "HISTORY") and (scalar := _scalar(header[key])) is not None:
            values[name] = (scalar,)
    extra = {str(k).upper(): _several(v) for k, v in constraints.items()}
    extra = {("DETNAM" if k == "DETECTOR" else k): v for k, v in extra.items() if v}
    mjd = _start(extra) if {"TIME", *_DATE_NAMES} & extra.keys() else _start(values)
    values |= extra
    values.setdefault("TELESCOP", ("CHANDRA",))
    if mjd is None:
        raise CalibrationError(
            f"{product}: neither DATE-OBS nor TSTART of the header can be understood, so that no file can be "
            "chosen; correct the header, or name a file"
        )
    chips = acis_chips(str(values.get("DETNAM", ("",))[0]))
    if chips and "CCD_ID" not in extra:
        values["CCD_ID"] = chips
    return Request(product.strip().upper(), values, mjd, tuple(extra))


def _scalar(value: Any) -> Value | None:
    """Return a header value, None where it says nothing."""
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | float | np.integer | np.floating):
        return None if np.isnan(value) else float(value) if isinstance(value, float | np.floating) else int(value)
    if isinstance(value, str):
        return value.strip() or None
    return None


def _several(value: Any) -> tuple[Value, ...]:
    """Return the values of a constraint: a list, or a text with commas, offers several."""
    if isinstance(value, str):
        parts: Iterable[Any] = value.split(",")
    elif isinstance(value, list | tuple | set | np.ndarray | range):
        parts = value
    else:
        parts = (value,)
    return tuple(v for v in map(_scalar, parts) if v is not None)


def _start(values: Mapping[str, tuple[Value, ...]]) -> float | None:
    """Return the MJD that dates or times among the values state."""
    for name in _DATE_NAMES:
        if name in values and (mjd := parse_mjd(str(values[name][0]))) is not None:
            return mjd
    for name in ("TIME", "TSTART"):
        value = values.get(name, ("",))[0]
        if isinstance(value, int | float) and not isinstance(value, bool):
            return mission_mjd(float(value))
    return None


def select_rows(indexes: Sequence[CalIndex], request: Request) -> Selection:
    """Return the rows of the indexes that serve a request.

    Where a value of the request is a list, each of its members is looked for, and the rows found are united.

    Raises
    ------
    CalibrationError
        A row that may serve has a malformed condition or no start time; the message names it.
    """
    result = Selection()
    candidates = []
    for index in indexes:
        numbers = index.numbers(request.product)
        start = index.start[numbers]
        for n in numbers[~np.isfinite(start)]:
            row = index.row(int(n))
            raise CalibrationError(
                f"{index.path}: row {row.number} ({row.file}): neither REF_TIME nor CAL_VSD is a date"
            )
        late = start > request.mjd + _SAME_TIME
        _count(result, "begin later", int(late.sum()))
        candidates += [index.row(int(n)) for n in numbers[~late]]
    suited = [row for row in candidates if _suits(row, request, result)]
    asked = {c.name for row in suited for c in row.boundaries}
    asked |= {"CCD_ID"} if any(acis_chips(row.detector) for row in suited) else set()
    names = sorted(n for n in asked if len(request.values.get(n, ())) > 1)
    needed = set(names)
    chosen: dict[tuple[str, int], CalRow] = {}
    left_out: dict[str, int] = {}
    for values in combinations(*(request.values[n] for n in names)):
        one = dict(request.values) | {n: (v,) for n, v in zip(names, values, strict=True)}
        groups, failed = _groups(suited, one)
        for reason, number in failed.items():
            left_out[reason] = max(left_out.get(reason, 0), number)
        for unknown, group in groups.items():
            needed |= {name for name, _ in unknown}
            chosen |= {(row.index, row.number): row for row in _latest(group)}
    for reason, number in left_out.items():
        _count(result, reason, number)
    result.rows = sorted(chosen.values(), key=lambda row: (row.index, row.number))
    result.needed = tuple(sorted(needed))
    return result


def _count(result: Selection, reason: str, number: int = 1) -> None:
    if number:
        result.reasons[reason] = result.reasons.get(reason, 0) + number


def _suits(row: CalRow, request: Request, result: Selection) -> bool:
    """Compare telescope, instrument, filter, grating and a detector without chips."""
    tests = {
        "TELESCOP": row.telescope.upper() in (request.one("TELESCOP"), *_ANY),
        "INSTRUME": _instrument_suits(row.instrument.upper(), request.one("INSTRUME")),
        "DETNAM": _detector_suits(row, request),
        "FILTER": _plain_suits(row.filter, request.one("FILTER")),
        "GRATING": _plain_suits(row.grating, request.one("GRATING")),
        "CAL_DEV": row.device.upper() != "OFFLINE",
    }
    for name, suits in tests.items():
        if not suits:
            _count(result, f"are for another {name}" if name != "CAL_DEV" else "are off line")
            return False
    return True


def _plain_suits(row: str, asked: str) -> bool:
    return row.upper() in _ANY or asked in _ANY or row.upper() == asked


def _instrument_suits(row: str, asked: str) -> bool:
    """Mirror, grating and geometry rows (TEL, HRMA, NONE ...) serve every instrument."""
    return not asked or row == asked or row not in _DETECTOR_INSTRUMENTS


def _detector_suits(row: CalRow, request: Request) -> bool:
    """Compare DETNAM; which chips of ACIS a row is for is left to `_verdict`."""
    name, asked = row.detector.upper(), request.one("DETNAM")
    if name in _ANY or not asked or name == asked:
        return True
    if acis_chips(name):
        return bool(acis_chips(asked)) or asked in ("ACIS", "ACIS-I", "ACIS-S")
    if name in _GRATINGS:
        return request.one("GRATING") in (name, "")
    if re.fullmatch(r"HRC-S[123]", name):
        return asked == "HRC-S"
    return row.instrument.upper() not in _DETECTOR_INSTRUMENTS and not name.startswith(("ACIS", "HRC"))


_Unknown: TypeAlias = tuple[tuple[str, str], ...]


def _groups(
    rows: list[CalRow], values: Mapping[str, tuple[Value, ...]]
) -> tuple[dict[_Unknown, list[CalRow]], dict[str, int]]:
    """Split the rows whose known conditions hold by their unknown ones; count why others were left out."""
    groups: dict[_Unknown, list[CalRow]] = {}
    failed: dict[str, int] = {}
    for row in rows:
        reason, unknown = _verdict(row, values)
        if reason:
            failed[reason] = failed.get(reason, 0) + 1
        else:
            groups.setdefault(unknown, []).append(row)
    return groups, failed


def _verdict(row: CalRow, values: Mapping[str, tuple[Value, ...]]) -> tuple[str, _Unknown]:
    """Return why a row does not serve (empty if it does), and its conditions (name, values) that are not known."""
    unknown = []
    chips = acis_chips(row.detector)
    if chips and "CCD_ID" in values:
        if not _is_chip(values["CCD_ID"][0], chips):
            return "are for another DETNAM", ()
    elif chips:
        unknown.append(("CCD_ID", row.detector.upper()))
    for condition in row.boundaries:
        if condition.name not in values:
            unknown.append((condition.name, str(condition.alternatives)))
        elif not condition.accepts(value := values[condition.name][0]):
            return f"ask for {condition.text} where it is {value}", ()
    return "", tuple(sorted(unknown))


def _is_chip(value: Value, chips: tuple[int, ...]) -> bool:
    text = str(value).strip()
    return text.removesuffix(".0") in map(str, chips)


def _latest(rows: list[CalRow]) -> list[CalRow]:
    """Return the rows of the latest start, then of the highest version in each series, then of the latest CAL_DATE."""
    newest = max(row.start for row in rows)
    kept = [row for row in rows if row.start >= newest - _SAME_TIME]
    best: dict[str, tuple[int, str]] = {}
    for row in kept:
        best[row.series] = max(best.get(row.series, row.version), row.version)
    kept = [row for row in kept if row.version == best[row.series]]
    if len({(row.folder, row.file) for row in kept}) > 1 and all(row.date is not None for row in kept):
        last = max(row.date for row in kept if row.date is not None)
        kept = [row for row in kept if row.date == last]
    return kept
