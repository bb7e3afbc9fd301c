"""Rules on what the level of a product promises, and on values against the limits that the file declares."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ciaopy.conformance.findings import ERROR, NOTE, WARNING, Finding
from ciaopy.conformance.product import Part, Product
from ciaopy.conformance.rows import BadRows, Columns, flat
from ciaopy.fits import Array, ColumnInfo

__all__ = ["level_row_rules", "level_rules", "range_row_rules"]

GOOD_GRADES = (0, 2, 3, 4, 6)
#: Columns whose values outside the limits make later steps fail.
INDEX_COLUMNS = frozenset({"CCD_ID", "NODE_ID", "CHIPX", "CHIPY", "GRADE", "TG_PART"})
#: Most bytes of a cell that is compared with limits.
WIDEST = 4096


def level_rules(product: Product, part: Part) -> Iterator[Finding]:
    """Check LEV-3."""
    if product.base == "evt2" and part.extname == "EVENTS" and "STATFILT" not in part.keys:
        yield part.find("LEV-3", NOTE, "no STATFILT: the filter on STATUS is not recorded")


def level_row_rules(product: Product, part: Part) -> Iterator[BadRows]:
    """Return the tests of LEV-1 and LEV-2 on the rows of a level-2 event list."""
    if product.base != "evt2" or part.extname != "EVENTS":
        return
    status = part.columns.get("STATUS")
    if status is not None and not status.form.is_variable and status.form.letter in "XBIJK" and status.form.repeat:
        severity = NOTE if product.is_hrc else ERROR
        yield BadRows(part, "LEV-1", severity, ("STATUS",), _any_bit, "status bits set at level 2")
    if not product.is_hrc and part.scalar("GRADE") is not None:
        text = "grade other than 0, 2, 3, 4, 6"
        yield BadRows(part, "LEV-2", ERROR, ("GRADE",), _bad_grade, text)


def _any_bit(rows: Columns) -> Array:
    return np.asarray(flat(rows["STATUS"]).any(axis=1))


def _bad_grade(rows: Columns) -> Array:
    return ~np.isin(rows["GRADE"], GOOD_GRADES)


def range_row_rules(product: Product, part: Part) -> Iterator[BadRows]:
    """Return the tests of RNG-1 on the rows of a table."""
    if part.layout is None:
        return
    for column in part.columns.values():
        limits = _Limits.of(column)
        if limits is not None:
            severity = _severity(product, part, column.name.upper())
            shown = f"{_plain(limits.low)}:{_plain(limits.high)}"
            yield BadRows(part, "RNG-1", severity, (limits.name,), limits, f"{column.name} outside its limits {shown}")


def _severity(product: Product, part: Part, name: str) -> str:
    if name in INDEX_COLUMNS:
        return ERROR
    if name in ("X", "Y") and product.is_events and part.extname == "EVENTS":
        return ERROR if product.base == "evt2" else WARNING
    return NOTE


def _plain(value: float | None) -> str:
    return "" if value is None else f"{value:.15g}" if isinstance(value, float) else str(value)


@dataclass(frozen=True)
class _Limits:
    """Rows with a value outside TLMIN:TLMAX that is neither TNULL nor NaN."""

    name: str
    low: float | None
    high: float | None
    null: int | None

    @classmethod
    def of(cls, column: ColumnInfo) -> _Limits | None:
        """Return the limits of a column of numbers, None where it has none."""
        form = column.form
        low, high, null = (_real(column.keys.get(stem, (None,))[0]) for stem in ("TLMIN", "TLMAX", "TNULL"))
        if form.letter not in "BIJKED" or not 0 < form.width <= WIDEST or (low is None and high is None):
            return None
        return cls(column.name.upper(), low, high, null if isinstance(null, int) else None)

    def __call__(self, rows: Columns) -> Array:
        values = rows[self.name]
        bad = np.zeros(values.shape, bool)
        # Comparisons in the type of the column: a limit of 400.0 holds for the 4-byte real nearest to it.
        if self.low is not None:
            bad |= values < self._as(values, self.low)
        if self.high is not None:
            bad |= values > self._as(values, self.high)
        if self.null is not None and values.dtype.kind in "iu":
            bad &= values != self.null
        return np.asarray(flat(bad).any(axis=1) if bad.ndim > 1 else bad)

    @staticmethod
    def _as(values: Array, limit: float) -> Any:
        if values.dtype.kind == "f":
            with np.errstate(over="ignore"):
                return values.dtype.type(limit)
        return limit


def _real(value: object) -> float | int | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not np.isfinite(float(value)):
        return None
    return value
