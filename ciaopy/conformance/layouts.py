"""What each kind of product holds, from `products.toml`: HDUs, keywords, values, columns.

The table was made by a survey of archive and CIAO products; how it is read stands at its top. It is loaded once.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ciaopy.fits import column_keyword

__all__ = ["ColumnLayout", "HduLayout", "KindLayout", "keyword_types", "kind_names", "layouts"]

#: A 2-D image with HDUCLAS1 = EVENTS: it has no table of its own.
IMAGE = "image"


@dataclass(frozen=True)
class ColumnLayout:
    """One column of a kind of table.

    Attributes
    ----------
    name : str
        Upper case.
    need : str
        `r` required, `w` a warning where it is absent, `o` optional.
    tform : tuple of str
        Forms seen, repeat count written out (`1D`); `*` for any count; `PI` for arrays of variable length.
    unit : tuple of str
        Units seen; an empty text where there is none.
    tnull : tuple of int
        Values of TNULL seen; empty where there was none.
    limits : tuple of (low, high)
        TLMIN and TLMAX seen, None where absent; empty where no file had any.
    spelt : str
        As CIAO writes it.
    """

    name: str
    need: str
    tform: tuple[str, ...]
    unit: tuple[str, ...]
    tnull: tuple[int, ...]
    limits: tuple[tuple[float | None, float | None], ...]
    spelt: str


@dataclass(frozen=True)
class HduLayout:
    """One HDU of a kind: `required` keywords, their `values` (as text), its columns.

    `values` has the keywords that need not be there as well; `need` and `seen` are those of the table.
    """

    name: str
    need: str
    seen: int
    required: frozenset[str]
    values: dict[str, tuple[str, ...]]
    columns: tuple[ColumnLayout, ...]

    def column(self, name: str) -> ColumnLayout | None:
        """Return the layout of a column (any case), or None."""
        return next((c for c in self.columns if c.name == name.upper()), None)


@dataclass(frozen=True)
class KindLayout:
    """One kind of product (`evt2_acis`): its title and its HDUs by name."""

    name: str
    title: str
    hdus: dict[str, HduLayout]


def _limit(value: Any) -> float | None:
    return None if value == "" else value


def _column(row: dict[str, Any]) -> ColumnLayout:
    return ColumnLayout(
        name=row["name"],
        need=row["need"],
        tform=tuple(row["tform"]),
        unit=tuple(row["unit"]),
        tnull=tuple(row.get("tnull", ())),
        limits=tuple((_limit(lo), _limit(hi)) for lo, hi in row.get("lim", ())),
        spelt=(row.get("spelt") or [row["name"]])[0],
    )


def _hdu(name: str, table: dict[str, Any]) -> HduLayout:
    values = {key.lstrip("?"): tuple(seen) for key, seen in table.get("values", {}).items()}
    certain = {key for key in table.get("values", {}) if not key.startswith("?")}
    required = frozenset(key for key in {*table["keys"], *certain} if column_keyword(key) is None)
    columns = tuple(_column(row) for row in table.get("columns", ()))
    return HduLayout(name, table["need"], table["seen"], required, values, columns)


@cache
def _table() -> dict[str, Any]:
    import tomllib

    with Path(__file__).with_name("products.toml").open("rb") as stream:
        return tomllib.load(stream)


@cache
def layouts() -> dict[str, KindLayout]:
    """Return every kind by name."""
    kinds = {}
    for name, table in _table().items():
        if "title" in table:
            hdus = {key: _hdu(key, value) for key, value in table.items() if isinstance(value, dict)}
            kinds[name] = KindLayout(name, table["title"], hdus)
    return kinds


@cache
def keyword_types() -> dict[str, str]:
    """Return keyword to `str`, `int`, `real` or `bool`, where all real files agree."""
    return dict(_table()["keyword_types"])


def kind_names() -> tuple[str, ...]:
    """Return the names of all kinds, `image` included, sorted."""
    return tuple(sorted([*layouts(), IMAGE]))
