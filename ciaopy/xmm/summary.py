"""The summary file of an XMM-Newton observation (`*SUM.SAS`, made by odfingest), and which exposures can be used.

Text in records: a name alone on its line, then `value / comment` or, in a configuration, `KEY = value / comment`.
Checked on the files of three observations, all instruments and exposures.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ciaopy.errors import SASInputInvalidError

__all__ = ["Summary", "assess_process_obs", "parse_odf_sum", "read_summary", "usable_exposures"]

_RECORD = re.compile(r"[A-Z][A-Z0-9 ]*$")
_ALSO = re.compile(r"\[also\s+([A-Z]\d+)\s*\]")
_DATA_MODE = re.compile(r"DATA_MODE_0*(\d+)$")
EPIC = ("M1", "M2", "PN")

# Filters and modes without science (documents of DAXA's processing).
CLOSED_FILTERS = frozenset({"none", "calclosed", "closed", "blocked", "unknown"})
_CALIBRATION = """
    Diagnostic3x3 Diagnostic1x1 CcdDiagnostic Diagnostic1x1ResetPerPixel Diagnostic Noise Offset
    HighTimeResolutionSingleCcd OffsetVariance CentroidingConfirmation CentroidingData DarkHigh DarkLow FlatFieldHigh
    FlatFieldLow
"""
CALIBRATION_MODES = frozenset(_CALIBRATION.lower().split())


@dataclass(frozen=True)
class Summary:
    """What a summary file says.

    Attributes
    ----------
    obs_id, revolution, start : str
        Ten digits, four digits, ISO time of the start; empty where the record is missing.
    instruments : dict
        As `parse_odf_sum` returns it.
    """

    obs_id: str
    revolution: str
    start: str
    instruments: dict[str, Any]


@dataclass
class _Exposure:
    key: str
    line: int
    kind: str = ""
    settings: dict[str, str] = field(default_factory=dict)
    ccd_modes: dict[int, str] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        return {
            "scheduled": self.key.startswith("S"),
            "type": self.kind,
            "mode": self.settings.get("MODE"),
            "filter": self.settings.get("FILTER"),
            "ccd_modes": self.ccd_modes,
        }


class _Reader:
    """Lines of a summary file without comments, with their numbers."""

    def __init__(self, path: Path, obs_id: str | None) -> None:
        self.path = path
        self.of = f" of {obs_id}" if obs_id else ""
        try:
            text = path.read_bytes().decode("ascii")
        except UnicodeDecodeError as error:
            raise self.fail(1, f"not a text file (byte {error.start})") from None
        if "\0" in text:
            raise self.fail(text[: text.index("\0")].count("\n") + 1, "not a text file")
        lines = ((n, line.strip()) for n, line in enumerate(text.splitlines(), 1))
        self.lines = [(n, line) for n, line in lines if line and not line.startswith("//")]
        self.last = text.count("\n")

    def fail(self, line: int, problem: str) -> SASInputInvalidError:
        return SASInputInvalidError(f"{self.path}{self.of}: line {line}: {problem}; make it anew with odfingest")

    def records(self) -> Iterator[tuple[str, int, list[tuple[int, str]]]]:
        """Yield (name, line, lines below) of every record."""
        name, start = "", 0
        body: list[tuple[int, str]] = []
        for number, line in self.lines:
            if _RECORD.fullmatch(line) and "/" not in line and not _is_instrument_name(name, body):
                if name:
                    yield name, start, body
                name, start, body = line, number, []
            elif line.startswith("PATH "):
                if name:
                    yield name, start, body
                name, start, body = "PATH", number, [(number, line[5:])]
            else:
                body.append((number, line))
        if name:
            yield name, start, body


def _is_instrument_name(record: str, body: list[tuple[int, str]]) -> bool:
    """The line after INSTRUMENT is a name in capitals, not a record."""
    return record == "INSTRUMENT" and not body


def _value(line: str) -> tuple[str, str]:
    """Split `value / comment` or `value // comment`."""
    value, _, comment = re.sub(r"\s//\s", " / ", line, count=1).partition(" / ")
    return value.strip(), comment.strip()


def read_summary(sum_path: str | os.PathLike[str], obs_id: str | None = None) -> Summary:
    """Read a summary file.

    Parameters
    ----------
    sum_path : path-like
    obs_id : str, optional
        For messages.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    SASInputInvalidError
        Not a summary file, cut short, or a wrong number of exposures (also a ValueError).
    """
    path = Path(sum_path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such summary file")
    reader = _Reader(path, obs_id)
    builder = _Builder(reader)
    for name, line, body in reader.records():
        builder.record(name, line, body)
    return builder.finish()


def parse_odf_sum(sum_path: str | os.PathLike[str], obs_id: str | None = None) -> dict[str, Any]:
    """Return the instruments of a summary file, in its order, with their exposures.

    Parameters
    ----------
    sum_path : path-like
        `*SUM.SAS`.
    obs_id : str, optional
        Named in messages.

    Returns
    -------
    dict
        `{'M1': {'active': True, 'num_exp': 1, 'exposures': {'S001': {'scheduled': True, 'type': 'SCIENCE', 'mode':
        'PrimeFullWindow', 'filter': 'Thin1', 'ccd_modes': {1: 'Imaging', ...}}}}, ...}`; inactive:
        `{'active': False}`.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    SASInputInvalidError
        Not a summary file, cut short, or (also a ValueError) another number of exposures than it says.
    """
    return read_summary(sum_path, obs_id).instruments


class _Builder:
    """Puts the records together."""

    def __init__(self, reader: _Reader) -> None:
        self.reader = reader
        self.observation: list[str] = []
        self.instruments: dict[str, dict[str, Any]] = {}
        self.name = ""
        self.exposures: list[_Exposure] = []
        self.has_files = False

    def record(self, name: str, line: int, body: list[tuple[int, str]]) -> None:
        """Take one record."""
        if name == "OBSERVATION":
            self.observation = [_value(text)[0] for _, text in body]
        elif name == "FILES":
            self.has_files = True
        elif name == "INSTRUMENT":
            self._close()
            self._instrument(line, body)
        elif name == "EXPOSURE" and self.name:
            self._exposure(line, body)
        elif name.startswith("CONFIGURATION") and self.exposures:
            self._configuration(line, body)

    def _instrument(self, line: int, body: list[tuple[int, str]]) -> None:
        if len(body) < 2:
            raise self.reader.fail(line, "the record of an instrument is cut short")
        self.name = body[0][1]
        active = _value(body[1][1])[0].upper()
        if active not in ("Y", "N"):
            raise self.reader.fail(body[1][0], f"{self.name}: Y or N was expected, not {active!r}")
        if active == "N":
            self.instruments[self.name] = {"active": False}
            self.name = ""
            return
        number = _value(body[2][1])[0] if len(body) > 2 else ""
        if not number.isdecimal():
            raise self.reader.fail(body[-1][0], f"{self.name}: the number of exposures was expected")
        self.instruments[self.name] = {"active": True, "num_exp": int(number), "exposures": {}}

    def _exposure(self, line: int, body: list[tuple[int, str]]) -> None:
        also = _ALSO.search(body[0][1]) if body else None
        if also is None or len(body) < 3:
            raise self.reader.fail(line, f"{self.name}: the record of an exposure is cut short")
        self.exposures.append(_Exposure(also[1], line, _value(body[2][1])[0]))

    def _configuration(self, line: int, body: list[tuple[int, str]]) -> None:
        exposure = self.exposures[-1]
        stated = _value(body[0][1])[0] if body else ""
        found = 0
        for _, text in body[1:]:
            key, equals, rest = text.partition("=")
            if not equals:
                continue
            found += 1
            value, comment = _value(rest.strip())
            key = key.strip()
            if key in ("MODE", "FILTER"):
                exposure.settings.setdefault(key, value)
            elif (match := _DATA_MODE.fullmatch(key)) and "for CCD" in comment:
                exposure.ccd_modes[int(match[1])] = value
        if not stated.isdecimal() or found < int(stated):
            problem = (
                f"{self.name} {exposure.key}: {found} configuration lines, {stated or 'none'} announced: cut short"
            )
            raise self.reader.fail(body[-1][0] if body else line, problem)

    def _close(self) -> None:
        """End an instrument: its exposures must be as many as it says."""
        if not self.name:
            return
        entry = self.instruments[self.name]
        if len(self.exposures) != entry["num_exp"]:
            raise SASInputInvalidError(
                f"{self.reader.path}{self.reader.of}: {self.name} has {len(self.exposures)} exposures, but the file "
                f"announces {entry['num_exp']}; make it anew with odfingest"
            )
        entry["exposures"] = {e.key: e.as_dict() for e in self.exposures}
        self.name, self.exposures = "", []

    def finish(self) -> Summary:
        """Return the summary."""
        self._close()
        if not self.has_files or not self.instruments:
            lack = "FILES" if not self.has_files else "INSTRUMENT"
            raise self.reader.fail(self.reader.last, f"no record {lack}: not a summary file of odfingest")
        found = [*self.observation[:3], "", "", ""]
        return Summary(found[0], found[1], found[2], self.instruments)


def usable_exposures(summary: dict[str, Any]) -> dict[str, dict[str, bool | str]]:
    """Return for each exposure True, or the reason why it is not processed.

    Parameters
    ----------
    summary : dict
        From `parse_odf_sum`.
    """
    found: dict[str, dict[str, bool | str]] = {}
    for instrument, entry in summary.items():
        exposures = entry.get("exposures", {}) if entry.get("active") else {}
        found[instrument] = {key: _reason(instrument, exposure) or True for key, exposure in exposures.items()}
    return found


def _reason(instrument: str, exposure: dict[str, Any]) -> str:
    mode, ccds = exposure["mode"], exposure["ccd_modes"]
    if exposure["type"] != "SCIENCE":
        return f"type {exposure['type']}"
    if instrument == "OM":
        return "the optical monitor is not processed"
    if not mode or mode.upper() == "UNDEFINED":
        return "mode undefined: no data"
    if mode.lower() in CALIBRATION_MODES:
        return f"mode {mode}"
    if not ccds:
        return "no CCD with a data mode: no data"
    if instrument in EPIC:
        if not exposure["filter"] or exposure["filter"].lower() in CLOSED_FILTERS:
            return f"filter {exposure['filter']}"
        if "Imaging" not in ccds.values():
            return f"no CCD in imaging mode ({', '.join(sorted(set(ccds.values())))})"
    return ""


def assess_process_obs(summary: dict[str, Any]) -> dict[str, dict[str, bool]]:
    """Return for each exposure whether it is processed; `{}` for an inactive instrument."""
    return {i: {e: v is True for e, v in entries.items()} for i, entries in usable_exposures(summary).items()}
