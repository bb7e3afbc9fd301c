"""Comparison of two event lists of one observation, event by event.

Events are matched on what no processing rewrites: ccd_id, expno, chipx, chipy for ACIS in TIMED mode; coarse
position, middle amplifiers and time for the HRC (the degap correction moves CHIP); ccd_id or chip_id, chip position and
time for everything else (continuous clocking, HRC without amplifiers, merged files without expno).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ciaopy.errors import DataError

if TYPE_CHECKING:
    from ciaopy.fits import Column, Header, Table

#: Keywords that name one run or one file, and say nothing about the events.
VOLATILE = frozenset({"DATE", "CHECKSUM", "DATASUM", "HISTORY", "COMMENT", "HISTNUM", "CREATOR", "ASCDSVER", ""})
_KEYS = (
    ("ccd_id", "expno", "chipx", "chipy"),
    ("ccd_id", "chipx", "chipy", "time"),
    ("crsu", "crsv", "au2", "av2", "time"),
    ("chip_id", "chipx", "chipy", "time"),
)
_TIME_STEP = 1e-5
_RELATIVE = 1e-12


@dataclass(frozen=True)
class ColumnDifference:
    """How one column differs between matched events.

    Attributes
    ----------
    name : str
    identical : float
        Share of matched events with equal values (NaN equals NaN).
    median, p99, largest : float
        Of the absolute difference, in the column's unit; for bits and strings the share of events that differ.
    unit : str
    """

    name: str
    identical: float
    median: float
    p99: float
    largest: float
    unit: str = ""


@dataclass(frozen=True)
class Comparison:
    """Result of `compare_events`.

    Attributes
    ----------
    events : tuple of int
        Rows of the two tables.
    matched : int
        Events found in both.
    key : tuple of str
        Columns that events were matched on.
    columns : tuple of ColumnDifference
        Of the columns in both tables, in the first one's order.
    only : tuple of tuple of str
        Columns in the first table only, in the second only.
    cards : dict
        Keyword to the two values (None where it is missing).
    """

    events: tuple[int, int]
    matched: int
    key: tuple[str, ...]
    columns: tuple[ColumnDifference, ...]
    only: tuple[tuple[str, ...], tuple[str, ...]]
    cards: dict[str, tuple[Any, Any]]

    @property
    def identical(self) -> bool:
        """True where both hold the same events with the same values in the same columns."""
        same_events = self.events[0] == self.events[1] == self.matched
        return same_events and not any(self.only) and all(c.identical == 1.0 for c in self.columns)

    def to_dict(self) -> dict[str, Any]:
        """Return the result as plain values, for JSON."""
        return {**asdict(self), "identical": self.identical}


def compare_events(a: Table, b: Table) -> Comparison:
    """Compare two event tables.

    Raises
    ------
    DataError
        They have no columns in common by which events could be matched.
    """
    key = _key_columns(a, b)
    i, j = match_events(a, b, key)
    common = [n for n in a.columns if n in b.columns]
    columns = tuple(_difference(a.columns[n], b.columns[n], i, j) for n in common)
    only = (
        tuple(c.name for n, c in a.columns.items() if n not in b.columns),
        tuple(c.name for n, c in b.columns.items() if n not in a.columns),
    )
    return Comparison((a.nrows, b.nrows), len(i), key, columns, only, compare_headers(a.header, b.header))


def _key_columns(a: Table, b: Table) -> tuple[str, ...]:
    for key in _KEYS:
        if all(n in a and n in b for n in key):
            return key
    if all(n in t for t in (a, b) for n in ("chipx", "chipy", "time")):
        return ("chipx", "chipy", "time")
    raise DataError(
        "events cannot be matched: both files need ccd_id, expno, chipx, chipy, or chipx, chipy and time;"
        f" they have {', '.join(a.names)} and {', '.join(b.names)}"
    )


def match_events(a: Table, b: Table, key: tuple[str, ...]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return row numbers of the events in both tables, int64, shape (matched,), in the first table's order.

    Events that agree in all key columns are paired one to one in row order.
    """
    words = [np.concatenate([_exact(a[n], n), _exact(b[n], n)]) for n in key]
    order = np.lexsort(words[::-1])
    new = np.zeros(len(order), bool)
    new[:1] = True
    for w in words:
        new[1:] |= np.diff(w[order]) != 0
    group = np.empty(len(order), np.int64)
    group[order] = np.cumsum(new) - 1
    return _pair(group[: a.nrows], group[a.nrows :])


def _exact(values: NDArray[Any], name: str) -> NDArray[np.int64]:
    if name == "time":
        scaled = np.round(np.asarray(values, np.float64) / _TIME_STEP)
        return np.where(np.isfinite(scaled), scaled, -1).astype(np.int64)
    return np.asarray(values, np.int64)


def _pair(a: NDArray[np.int64], b: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pair equal group numbers, the k-th of a group in one with the k-th in the other."""
    place_a, place_b = _place(a), _place(b)
    size = max(int(place_a.max(initial=0)), int(place_b.max(initial=0))) + 1
    code_a, code_b = a * size + place_a, b * size + place_b
    order = np.argsort(code_b, kind="stable")
    k = np.searchsorted(code_b, code_a, sorter=order)
    k = np.minimum(k, max(len(code_b) - 1, 0))
    if not len(code_b):
        none = np.zeros(0, np.int64)
        return none, none
    rows = order[k]
    found = code_b[rows] == code_a
    return np.flatnonzero(found).astype(np.int64), rows[found].astype(np.int64)


def _place(group: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return how many earlier rows have the same group number."""
    order = np.argsort(group, kind="stable")
    ordered = group[order]
    first = np.searchsorted(ordered, ordered)
    place = np.empty(len(group), np.int64)
    place[order] = np.arange(len(group)) - first
    return place


def _difference(a: Column, b: Column, i: NDArray[np.int64], j: NDArray[np.int64]) -> ColumnDifference:
    x, y = a.data[i], b.data[j]
    if not len(i):
        return ColumnDifference(a.name, 1.0, 0.0, 0.0, 0.0, a.unit)
    if x.shape != y.shape or x.dtype.kind not in "iufb" or y.dtype.kind not in "iufb":
        same = _equal_objects(x, y)
        share = float(1.0 - same.mean())
        return ColumnDifference(a.name, float(same.mean()), share, share, share)
    if "X" in a.form.upper():
        same = (x == y).reshape(len(x), -1).all(axis=1)
        share = float(1.0 - same.mean())
        return ColumnDifference(a.name, float(same.mean()), share, share, share, "share")
    distance = np.abs(x.astype(np.float64) - y.astype(np.float64))
    distance[np.isnan(x.astype(np.float64)) & np.isnan(y.astype(np.float64))] = 0.0
    distance = np.where(np.isnan(distance), np.inf, distance).reshape(len(x), -1).max(axis=1)
    size = np.abs(x.astype(np.float64)).reshape(len(x), -1).max(axis=1)
    same = (distance == 0) | (distance <= _RELATIVE * size)
    return ColumnDifference(
        a.name,
        float(same.mean()),
        float(np.median(distance)),
        float(np.quantile(distance, 0.99, method="higher")),
        float(distance.max()),
        a.unit,
    )


def _equal_objects(x: NDArray[Any], y: NDArray[Any]) -> NDArray[np.bool_]:
    return np.array([np.array_equal(p, q) for p, q in zip(x, y, strict=True)], bool)


def compare_headers(a: Header, b: Header) -> dict[str, tuple[Any, Any]]:
    """Return the keywords whose values differ, in the first header's order; volatile ones are left out."""
    keys = [k for k in dict.fromkeys([*a, *b]) if k not in VOLATILE]
    pairs = {k: (_value(a, k), _value(b, k)) for k in keys}
    return {k: v for k, v in pairs.items() if not _same_value(*v)}


def _value(header: Header, key: str) -> Any:
    value = header.get(key)
    return value.strip() if isinstance(value, str) else value


def _same_value(x: Any, y: Any) -> bool:
    if isinstance(x, float) or isinstance(y, float):
        try:
            return bool(np.isclose(float(x), float(y), rtol=1e-12, atol=0.0, equal_nan=True))
        except (TypeError, ValueError):
            return False
    return bool(x == y)


def counts_images(a: Table, b: Table, bins: int = 512) -> tuple[NDArray[np.int64], NDArray[np.int64]] | None:
    """Return counts images of both on one grid of sky pixels, int64, shape (bins, bins); None without x and y."""
    if not all(n in t for t in (a, b) for n in ("x", "y")):
        return None
    spans = [_span(a[n], b[n]) for n in ("y", "x")]
    images = [
        np.histogram2d(t["y"], t["x"], bins=bins, range=spans)[0].astype(np.int64) for t in (_finite(a), _finite(b))
    ]
    return images[0], images[1]


def _finite(t: Table) -> Table:
    return t.select(["x", "y"]).take(np.isfinite(t["x"]) & np.isfinite(t["y"]))


def _span(p: NDArray[Any], q: NDArray[Any]) -> tuple[float, float]:
    both = np.concatenate([p, q]).astype(np.float64)
    both = both[np.isfinite(both)]
    if not len(both):
        return 0.0, 1.0
    low, high = np.quantile(both, [0.0005, 0.9995])
    return float(np.floor(low)), float(np.ceil(high)) + 1.0
