"""HISTORY records in CIAO's layout.

Each record is 72 characters: 64 of text and a running number `ASCnnnnn` over the block, whose last value is kept in
HISTNUM. The first record of a tool is `` TOOL  :name   date``, then one `` PARM  :name=value`` per parameter; what is
longer goes on in `` CONT  :rest``. Layout as in the headers of chandra_repro products (ObsID 3393, CIAO 4.16).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ciaopy.fits.keywords import Header

__all__ = ["HistoryEntry", "add_history", "parse_history", "record_places"]

TEXT = 64
_TAG = re.compile(r"\s*(ASC\d+)\s*$")
_RECORD = re.compile(r"^\s*(TOOL|PARM|CONT|STCK)\s*:(.*)$", re.DOTALL)


@dataclass
class HistoryEntry:
    """One run of a tool, as told by HISTORY.

    Attributes
    ----------
    tool : str
        Name of the tool.
    when : str
        Date as written; empty where there is none.
    items : list of (name, value)
        Parameters in order.
    """

    tool: str
    when: str = ""
    items: list[tuple[str, str]] = field(default_factory=list)


_places: list[tuple[str, str]] = []
_left_out: set[str] = set()
_passing: list[re.Pattern[str]] = []


def record_places(places: Mapping[str, str], left_out: Iterable[str] = (), passing: str = "") -> None:
    """Name folders in the HISTORY that this process writes from now on by where their files will lie.

    Parameters
    ----------
    places : mapping
        Folder in which files are made -> how HISTORY names it. A batch job works in a folder of its own, whose name
        says nothing to anybody afterwards, and differs between two runs whose products are the same.
    left_out : iterable of str
        Parameters that HISTORY does not tell of, since they change no product: the number of threads.
    passing : str
        A folder for temporary files: what lies in a folder below it is named without either.
    """
    _passing[:] = [re.compile(rf"{re.escape(passing)}/[^/\s]+/")] if passing else []
    _places[:] = sorted(places.items(), key=lambda p: -len(p[0]))
    _left_out.clear()
    _left_out.update(left_out)


def _records(tool: str, items: Iterable[tuple[str, str]], when: str) -> list[str]:
    records = [f" TOOL  :{tool}   {when}"[:TEXT]]
    for name, value in items:
        text = f" PARM  :{name}={value}"
        records.append(text[:TEXT])
        rest, width = text[TEXT:], TEXT - len(" CONT  :")
        records += [" CONT  :" + rest[i : i + width] for i in range(0, len(rest), width)]
    return records


def add_history(
    header: Header, tool: str, items: Iterable[tuple[str, object]], when: str | datetime | None = None
) -> None:
    """Append the records of one run to a header and update HISTNUM.

    Parameters
    ----------
    header : Header
        Changed in place.
    tool : str
        Name of the tool.
    items : iterable of (name, value)
        Parameters in the order of the parameter file (leave out `mode`); bool becomes `yes` or `no`, None nothing.
    when : str or datetime, optional
        Date; default: now, UTC.
    """
    if when is None:
        when = datetime.now(UTC)
    date = when if isinstance(when, str) else when.strftime("%Y-%m-%dT%H:%M:%S")
    number = _last_number(header)
    told = [(name, _text(value)) for name, value in items if name not in _left_out]
    for text in _records(tool, told, date):
        number += 1
        header.append(("HISTORY", f"{text:<{TEXT}}ASC{number:05d}"))
    header["HISTNUM"] = number


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = "" if value is None else str(value)
    for pattern in _passing:
        text = pattern.sub("", text)
    for made, stays in _places:
        text = text.replace(made, stays)
    return "".join(c if " " <= c <= "~" else "?" for c in text)


def _last_number(header: Header) -> int:
    """Return the number of the last record: HISTNUM, or the greatest that the records show."""
    shown = [int(m[1][3:]) for m in map(_TAG.search, map(str, header.get("HISTORY", []))) if m]
    stated = header.get("HISTNUM", 0)
    return max([*shown, stated if isinstance(stated, int) else 0])


def parse_history(header: Header) -> list[HistoryEntry]:
    """Return the runs of tools that a header tells of, oldest first; other HISTORY text is left out."""
    entries: list[HistoryEntry] = []
    for record in map(str, header.get("HISTORY", [])):
        tag = _TAG.search(record[TEXT:])
        match = _RECORD.match(record[:TEXT] if tag and len(record) >= TEXT else _TAG.sub("", record))
        if not match:
            continue
        kind, text = match[1], match[2]
        if kind == "TOOL":
            name, _, rest = text.strip().partition("  ")
            name, when = (name, rest.strip()) if rest else (text.strip().split(" ")[0], " ".join(text.split()[1:]))
            entries.append(HistoryEntry(name, when))
        elif kind == "PARM" and entries:
            name, _, value = text.partition("=")
            entries[-1].items.append((name.strip(), value))
        elif kind == "CONT" and entries and entries[-1].items:
            name, value = entries[-1].items[-1]
            entries[-1].items[-1] = (name, value.ljust(TEXT - len(f" PARM  :{name}=")) + text)
    for entry in entries:
        entry.items = [(name, value.rstrip()) for name, value in entry.items]
    return entries
