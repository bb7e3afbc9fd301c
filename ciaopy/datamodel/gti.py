"""Good time intervals: sorted, disjoint, half-open [start, stop), in seconds of the mission clock (MET)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ciaopy.errors import DataError

if TYPE_CHECKING:
    from ciaopy.fits import Table

F64 = NDArray[np.float64]


class Gti:
    """A set of times: the union of half-open intervals ``start <= t < stop``.

    The intervals are kept sorted by start; overlapping and touching ones are joined and empty ones dropped, so that two
    equal sets have equal arrays. Infinite ends are allowed. Immutable.

    Parameters
    ----------
    start, stop : array_like, shape (n,)
        Seconds (MET), any order.

    Raises
    ------
    DataError
        The lengths differ, or an edge is NaN.
    """

    __slots__ = ("start", "stop")

    def __init__(self, start: ArrayLike = (), stop: ArrayLike = ()) -> None:
        a = np.atleast_1d(np.asarray(start, dtype=np.float64))
        b = np.atleast_1d(np.asarray(stop, dtype=np.float64))
        if a.shape != b.shape or a.ndim != 1:
            raise DataError(f"good time intervals: {a.size} starts but {b.size} stops")
        if np.isnan(a).any() or np.isnan(b).any():
            raise DataError("good time intervals: an edge is NaN; repair START and STOP of the GTI table")
        self.start, self.stop = _joined(a, b)
        self.start.flags.writeable = self.stop.flags.writeable = False

    @classmethod
    def everything(cls) -> Gti:
        """Return the set of all times."""
        return cls([-np.inf], [np.inf])

    @classmethod
    def from_table(cls, table: Table) -> Gti:
        """Read START and STOP of a GTI table.

        Raises
        ------
        DataError
            The columns are missing.
        """
        return cls(table["START"], table["STOP"])

    @classmethod
    def union(cls, sets: Iterable[Gti]) -> Gti:
        """Return the union of any number of sets."""
        some = list(sets)
        if not some:
            return cls()
        return cls(np.concatenate([g.start for g in some]), np.concatenate([g.stop for g in some]))

    def __len__(self) -> int:
        return len(self.start)

    def __iter__(self) -> Iterator[tuple[float, float]]:
        return iter(zip(self.start.tolist(), self.stop.tolist(), strict=True))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Gti):
            return NotImplemented
        return np.array_equal(self.start, other.start) and np.array_equal(self.stop, other.stop)

    def __hash__(self) -> int:
        return hash((self.start.tobytes(), self.stop.tobytes()))

    def __repr__(self) -> str:
        return "Gti(" + ", ".join(f"[{a:.15g}, {b:.15g})" for a, b in self) + ")"

    def __and__(self, other: Gti) -> Gti:
        """Times in both: linear in the number of intervals."""
        if not len(self) or not len(other):
            return Gti()
        edges = np.concatenate([self.start, self.stop, other.start, other.stop])
        change = np.repeat([1, -1, 1, -1], [len(self), len(self), len(other), len(other)])
        order = np.lexsort((change, edges))
        depth = np.cumsum(change[order])
        begins = np.flatnonzero(depth == 2)
        return Gti(edges[order][begins], edges[order][begins + 1])

    def __or__(self, other: Gti) -> Gti:
        """Times in either."""
        return Gti.union([self, other])

    def __invert__(self) -> Gti:
        """Times in neither interval."""
        return Gti(np.concatenate([[-np.inf], self.stop]), np.concatenate([self.start, [np.inf]]))

    def __sub__(self, other: Gti) -> Gti:
        """Times in this set and not in the other."""
        return self & ~other

    @property
    def duration(self) -> float:
        """Sum of the lengths, s."""
        return float(np.sum(self.stop - self.start))

    def filter(self, time: ArrayLike) -> NDArray[np.bool_]:
        """Tell which times lie in the set.

        Parameters
        ----------
        time : array_like of float, any shape
            Seconds (MET). NaN is in no set.
        """
        t = np.asarray(time, dtype=np.float64)
        if not len(self):
            return np.zeros(t.shape, dtype=bool)
        if t.ndim == 1 and t.size > len(self) and bool((t[:-1] <= t[1:]).all()):
            return self._filter_sorted(t)
        k = np.searchsorted(self.start, t, side="right") - 1
        inside: NDArray[np.bool_] = (k >= 0) & (t < self.stop[k])
        return inside

    def _filter_sorted(self, t: F64) -> NDArray[np.bool_]:
        """Tell which of some times in order, shape (n,), lie in the set: where its intervals begin and end in them."""
        found = np.zeros(t.shape, dtype=bool)
        first, last = (np.searchsorted(t, edges, side="left").tolist() for edges in (self.start, self.stop))
        for a, b in zip(first, last, strict=True):
            found[a:b] = True
        return found

    def overlap(self, start: ArrayLike, stop: ArrayLike) -> F64:
        """Return the time of each bin [start, stop) that lies in the set, s; shape of the input."""
        return np.asarray(self._elapsed(stop) - self._elapsed(start), dtype=np.float64)

    def _elapsed(self, time: ArrayLike) -> F64:
        """Return the good time before each time, s."""
        t = np.asarray(time, dtype=np.float64)
        if not len(self):
            return np.zeros(t.shape)
        before = np.concatenate([[0.0], np.cumsum(self.stop - self.start)])
        k = np.searchsorted(self.start, t, side="right") - 1
        inside = np.minimum(t, self.stop[np.maximum(k, 0)]) - self.start[np.maximum(k, 0)]
        return np.where(k < 0, 0.0, before[np.maximum(k, 0)] + inside)


def _joined(a: F64, b: F64) -> tuple[F64, F64]:
    keep = a < b
    a, b = a[keep], b[keep]
    order = np.argsort(a, kind="stable")
    a, b = a[order], b[order]
    if not len(a):
        return a, b
    reach = np.maximum.accumulate(b)
    new = np.concatenate([[True], a[1:] > reach[:-1]])
    last = np.concatenate([np.flatnonzero(new)[1:] - 1, [len(a) - 1]])
    return a[new].copy(), reach[last].copy()
