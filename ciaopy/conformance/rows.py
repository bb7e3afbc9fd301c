"""Rules on the rows of tables: every table is read once, in blocks, and each rule sees the columns that it asks for."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

import numpy as np

from ciaopy.conformance.findings import Finding
from ciaopy.conformance.product import Part
from ciaopy.fits import Array, FitsFile

__all__ = ["BadRows", "Columns", "RowRule", "flat", "run_row_rules", "share"]

Columns: TypeAlias = Mapping[str, Array]


class RowRule(Protocol):
    """What looks at the rows of one table."""

    columns: tuple[str, ...]

    def see(self, rows: Columns) -> None:
        """Look at the next rows; `rows` maps upper-case names to arrays of one length."""

    def findings(self) -> Iterator[Finding]:
        """Say what was found, after the last row."""


@dataclass
class BadRows:
    """Count the rows that a test finds bad.

    Attributes
    ----------
    part : Part
    rule, severity : str
    columns : tuple of str
        Upper case.
    test : callable
        Takes the columns, returns a bool array of shape (n,): True where the row is bad.
    text : str
        What is wrong with the rows: `3 of 120 rows: TEXT (first: row 7, GRADE 5)`.
    """

    part: Part
    rule: str
    severity: str
    columns: tuple[str, ...]
    test: Callable[[Columns], Array]
    text: str
    count: int = 0
    first: str = ""
    seen: int = field(default=0, repr=False)

    def see(self, rows: Columns) -> None:
        """Count the bad rows among the next ones."""
        bad = self.test(rows)
        found = int(np.count_nonzero(bad))
        if found and not self.count:
            k = int(np.argmax(bad))
            values = ", ".join(f"{name} {_show(rows[name][k])}" for name in self.columns)
            self.first = f"row {self.seen + k + 1}, {values}"
        self.count += found
        self.seen += len(bad)

    def findings(self) -> Iterator[Finding]:
        """Report the count, with the first row."""
        if self.count:
            yield self.part.find(
                self.rule, self.severity, f"{share(self.count, self.seen)}: {self.text} ({self.first})"
            )


def share(count: int, total: int) -> str:
    """Return `3 of 120 rows`."""
    return f"{count} of {total} row{'s' * (total != 1)}"


def flat(values: Array) -> Array:
    """Return the cells of a column as one row each: shape (n, elements)."""
    return values.reshape(len(values), math.prod(values.shape[1:]))


def _show(value: Any) -> str:
    """Return a cell as text: the first elements of an array, reals with the digits that they have."""
    if isinstance(value, bytes):
        return repr(value.decode("latin-1"))
    if isinstance(value, np.ndarray):
        return " ".join(_show(v) for v in value.ravel()[:4])
    if isinstance(value, np.floating):
        return f"{float(value):.{15 if value.itemsize > 4 else 8}g}"
    return str(value)


def run_row_rules(file: FitsFile, part: Part, rules: Iterable[RowRule]) -> Iterator[Finding]:
    """Read a table once and let the rules see it.

    Raises
    ------
    DataError
        The rows cannot be read.
    """
    rules = list(rules)
    names = sorted({name for rule in rules for name in rule.columns})
    if names:
        for rows in file.iter_columns(part.info, names):
            for rule in rules:
                rule.see(rows)
    for rule in rules:
        yield from rule.findings()
