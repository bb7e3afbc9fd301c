"""Exposures (frames) of each CCD, from the exposure statistics (stat1), and good times aligned to them.

Edges are TIME +- TIMEDEL / 2 with the header's TIMEDEL (ObsIDs 1230, 1433); gti_align's rules as specified for the
script of that name.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ciaopy.acis.afterglow import Frames
from ciaopy.errors import DataError
from ciaopy.fits import Table

ALIGN_SLACK = 0.001


@dataclass(frozen=True)
class Exposures:
    """Exposures of one CCD.

    Attributes
    ----------
    expno : int64 array, shape (n,)
        Ascending.
    time : float64 array, shape (n,)
        Middle of each exposure [s, mission time].
    timedel, flush : float
        Duration of a frame and of the flush before it [s].
    """

    expno: NDArray[np.int64]
    time: NDArray[np.float64]
    timedel: float
    flush: float

    def frames(self) -> Frames:
        """Return the exposures with their limits TIME +- TIMEDEL / 2."""
        return Frames(self.expno, self.time - self.timedel / 2, self.time + self.timedel / 2)

    def edges(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return start and stop of each exposure as gti_align sees them: consecutive exposures share an edge."""
        half = self.timedel / 2
        start, stop = self.time - half - self.flush, self.time + half
        follows = np.diff(self.expno) == 1
        middle = (self.time[1:] + self.time[:-1]) / 2
        start[1:] = np.where(follows, middle, start[1:])
        stop[:-1] = np.where(follows, middle, stop[:-1])
        return start, stop


def read_exposures(table: Table) -> dict[int, Exposures]:
    """Return the exposures of each CCD in an EXPSTATS table.

    Raises
    ------
    DataError
        Columns TIME, CCD_ID, EXPNO or keyword TIMEDEL are missing.
    """
    time, ccd, expno = table["TIME"], table["CCD_ID"], table["EXPNO"]
    if "TIMEDEL" not in table.header:
        raise DataError(f"block {table.name}: exposure statistics without keyword TIMEDEL")
    timedel, flush = table.header.number("TIMEDEL"), table.header.number("FLSHTIME", 0.0)
    result = {}
    for c in np.unique(ccd):
        k = np.flatnonzero(ccd == c)
        _, first = np.unique(expno[k], return_index=True)
        k = k[first]
        result[int(c)] = Exposures(expno[k].astype(np.int64), time[k].astype(np.float64), timedel, flush)
    return result


def align(
    start: NDArray[np.float64], stop: NDArray[np.float64], exposures: Exposures
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Widen or trim good time intervals to whole exposures (gti_align).

    An interval begins with the first exposure that ends at least 1 ms after its start and ends with the last one that
    begins at least 1 ms before its stop; it is dropped where there is none.

    Parameters
    ----------
    start, stop : float64 arrays, shape (n,)
        Intervals [s].
    exposures : Exposures

    Returns
    -------
    start, stop : float64 arrays, shape (m,), m <= n
        A new interval that repeats or touches the one before is joined to it.
    """
    first, last = exposures.edges()
    result: list[list[float]] = []
    for s, e in zip(start, stop, strict=True):
        i = int(np.searchsorted(last, s + ALIGN_SLACK))
        j = int(np.searchsorted(first, e - ALIGN_SLACK, side="right")) - 1
        if i >= len(first) or j < 0 or j < i:
            continue
        if result and first[i] <= result[-1][1]:
            result[-1][1] = max(result[-1][1], float(last[j]))
        else:
            result.append([float(first[i]), float(last[j])])
    pairs = np.array(result, np.float64).reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1]


def whole_exposures(
    start: NDArray[np.float64],
    stop: NDArray[np.float64],
    exposures: Exposures,
    outward: tuple[NDArray[np.bool_], NDArray[np.bool_]],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Move edges of good times that cut an exposure, by more than 1 ms at either side, to an edge of the exposure.

    Parameters
    ----------
    start, stop : float64 arrays, shape (n,)
        Intervals [s].
    exposures : Exposures
    outward : pair of bool arrays, shape (n,)
        Of starts and of stops: take the whole of an exposure that is cut; otherwise only where its middle (TIME) is
        inside.

    Returns
    -------
    start, stop : float64 arrays, shape (m,), m <= n
        Intervals that hold no exposure any more are left out; those that now overlap are not joined.
    """
    first, last = exposures.edges()

    def cut(edge: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        at = np.clip(np.searchsorted(first, edge, side="right") - 1, 0, max(len(first) - 1, 0))
        return at, (edge > first[at] + ALIGN_SLACK) & (edge < last[at] - ALIGN_SLACK)

    if not len(first):
        return start, stop
    begin, moves = cut(start)
    taken = outward[0] | (exposures.time[begin] >= start)
    new_start = np.where(moves, np.where(taken, first[begin], last[begin]), start)
    end, moves = cut(stop)
    taken = outward[1] | (exposures.time[end] < stop)
    new_stop = np.where(moves, np.where(taken, last[end], first[end]), stop)
    keep = new_start < new_stop
    return new_start[keep], new_stop[keep]
