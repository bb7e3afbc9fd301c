"""A file under check: its HDUs with their keywords, the kind it is taken for, and its good times."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from ciaopy.conformance.findings import Finding
from ciaopy.conformance.layouts import HduLayout, KindLayout, layouts
from ciaopy.fits import Array, ColumnInfo, FitsFile, HduInfo, card_value

__all__ = ["GoodTimes", "Part", "Product", "number"]

_NUMBER_AT_END = re.compile(r"(\d+)$")
#: Forms of one number in a cell.
NUMBERS = "BIJKED"


def number(value: Any) -> float | None:
    """Return a keyword value as a float; None for texts, logicals and what is not finite."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        result = float(value)
    except OverflowError:
        return None
    return result if np.isfinite(result) else None


def read_keys(info: HduInfo) -> dict[str, Any]:
    """Return the keywords of an HDU, long texts joined, `HIERARCH` ones included; the first of repeated ones counts.

    Undefined values are None. Keywords of columns (TTYPEn ...) are not among them.
    """
    keys, last = dict(info.values), ""
    for card in info.cards:
        word, value = card[:8].rstrip(), card[8:10]
        if word == "CONTINUE":
            more = _value_of(card[8:])
            old = keys.get(last)
            if isinstance(old, str) and old.endswith("&") and isinstance(more, str):
                keys[last] = old[:-1] + more
        elif word == "HIERARCH" and "=" in card:
            last = card[8:].partition("=")[0].strip().upper()
            keys.setdefault(last, _value_of(card.partition("=")[2]))
        elif value == "= ":
            last = word.upper()
    return keys


def _value_of(text: str) -> Any:
    """Return the value in the part of a card after its keyword, as if it stood in an ordinary card."""
    return card_value(f"{'VALUE':<8}= {text.strip()[:70]}")[0]


@dataclass
class Part:
    """One HDU.

    Attributes
    ----------
    info : HduInfo
    layout : HduLayout or None
        What the kind of the file says of it.
    """

    info: HduInfo
    layout: HduLayout | None = None

    @cached_property
    def keys(self) -> dict[str, Any]:
        """Keyword to value; see `read_keys`."""
        return read_keys(self.info)

    @property
    def name(self) -> str:
        """Block name."""
        return self.info.name

    @property
    def extname(self) -> str:
        """EXTNAME without the number that some files put after it, upper case; `PRIMARY` for the first HDU."""
        if self.info.index == 0:
            return "PRIMARY"
        return (self.info.extname or self.info.name).upper()

    def text(self, keyword: str) -> str:
        """Return a keyword as text without blanks at its ends; empty where it is missing or no text."""
        value = self.keys.get(keyword)
        return value.strip() if isinstance(value, str) else ""

    def real(self, keyword: str) -> float | None:
        """Return a keyword as a number, or None."""
        return number(self.keys.get(keyword))

    @cached_property
    def columns(self) -> dict[str, ColumnInfo]:
        """Upper-case name to column; the first of several of one name."""
        found: dict[str, ColumnInfo] = {}
        for column in self.info.columns:
            found.setdefault(column.name.upper(), column)
        return found

    def scalar(self, name: str) -> ColumnInfo | None:
        """Return a column that holds one number in a cell, or None."""
        column = self.columns.get(name.upper())
        return column if column is not None and _is_scalar(column) else None

    def find(self, rule: str, severity: str, message: str) -> Finding:
        """Return a finding in this HDU."""
        return Finding(rule, severity, self.name, message)


def _is_scalar(column: ColumnInfo) -> bool:
    return column.form.letter in NUMBERS and column.form.repeat == 1 and column.field.cell_shape == ()


@dataclass(frozen=True)
class GoodTimes:
    """One GTI block: START and STOP as they stand (any order), s, and the chip they are for (None: all)."""

    part: Part
    start: Array
    stop: Array
    ccd: int | None

    @property
    def ontime(self) -> float:
        """Sum of the lengths, s."""
        return float(np.sum(self.stop - self.start))


@dataclass
class Product:
    """A file under check.

    Attributes
    ----------
    file : FitsFile
        Open.
    parts : list of Part
        Its HDUs.
    kind : str or None
    """

    file: FitsFile
    parts: list[Part]
    kind: str | None = None
    _gtis: list[GoodTimes] | None = field(default=None, repr=False)

    @property
    def layout(self) -> KindLayout | None:
        """The table of the kind; None for images and what is not known."""
        return layouts().get(self.kind or "")

    @property
    def base(self) -> str:
        """Kind without detector: `evt2` of `evt2_acis_tg`."""
        return (self.kind or "").partition("_")[0]

    @property
    def is_events(self) -> bool:
        """True for event files of any level."""
        return self.base in ("evt1", "evt1a", "evt2")

    @property
    def is_hrc(self) -> bool:
        """True for the HRC's products."""
        return "_hrc" in (self.kind or "")

    def set_kind(self, kind: str | None) -> None:
        """Take the file for a kind: every HDU gets its layout."""
        self.kind = kind
        known = self.layout.hdus if self.layout else {}
        for part in self.parts:
            name = "MATRIX" if part.extname == "SPECRESP MATRIX" else part.extname
            part.layout = known.get(name) or known.get(_NUMBER_AT_END.sub("", name))

    def named(self, extname: str) -> list[Part]:
        """Return the HDUs with that name in the layout of the kind (`GTI` for GTI0, GTI1 ...)."""
        return [p for p in self.parts if p.layout is not None and p.layout.name == extname]

    @property
    def tables(self) -> Iterator[Part]:
        """The binary tables."""
        return (p for p in self.parts if p.info.kind == "table" and not p.info.unusual)

    @property
    def gtis(self) -> list[GoodTimes]:
        """The good times of the file, read when first asked for; blocks without START and STOP are left out."""
        if self._gtis is None:
            self._gtis = [self._good_times(p) for p in self.tables if _is_gti(p)]
        return self._gtis

    def _good_times(self, part: Part) -> GoodTimes:
        pieces = list(self.file.iter_columns(part.info, ["START", "STOP"]))
        start, stop = (np.concatenate([np.zeros(0), *(piece[name] for piece in pieces)]) for name in ("START", "STOP"))
        return GoodTimes(part, start, stop, _chip(part))


def _is_gti(part: Part) -> bool:
    wanted = part.scalar("START") is not None and part.scalar("STOP") is not None
    return wanted and (part.extname.startswith("GTI") or part.name.upper().startswith("GTI"))


def _chip(part: Part) -> int | None:
    """Return the chip of a GTI block: CCD_ID, else the number of the block name."""
    value = part.keys.get("CCD_ID")
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    match = _NUMBER_AT_END.search(part.name)
    return int(match[1]) if match and len(match[1]) < 3 else None
