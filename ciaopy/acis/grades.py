"""Flight grades, ASCA grades, and which pixels of an island are summed.

An island holds the pulse heights of a pixel and its neighbours, row-major from the lowest (chipx, chipy). Its flight
grade (FLTGRADE) has one bit for each of the eight neighbours at or above the split threshold; the ASCA grade groups the
256 flight grades into 8.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ciaopy.errors import DataError

__all__ = ["ASCA_GRADES", "NEIGHBOUR_BITS", "SUM_MASK", "inner_island", "island_size"]

#: Flight-grade bit of each island pixel, row-major; the event's own pixel has none.
NEIGHBOUR_BITS = (1, 2, 4, 8, 0, 16, 32, 64, 128)

_EDGES = {2: (1, 4), 8: (1, 32), 16: (4, 128), 64: (32, 128)}
_EDGE_GRADE = {2: 2, 8: 3, 16: 4, 64: 2}
_CORNERS = frozenset((1, 4, 32, 128))


def _split(fltgrade: int) -> tuple[list[int], set[int]]:
    return [e for e in _EDGES if fltgrade & e], {c for c in _CORNERS if fltgrade & c}


def _asca_grade(fltgrade: int) -> int:
    edges, corners = _split(fltgrade)
    if not edges:
        return 1 if corners else 0
    if len(edges) == 1:
        beside = len(corners & set(_EDGES[edges[0]]))
        return {0: _EDGE_GRADE[edges[0]], 1: 5, 2: 7}[beside]
    if len(edges) > 2 or set(edges) in ({2, 64}, {8, 16}):
        return 7
    between = set(_EDGES[edges[0]]) & set(_EDGES[edges[1]])
    opposite = set(_CORNERS) - set(_EDGES[edges[0]]) - set(_EDGES[edges[1]])
    return 6 if corners <= between | opposite else 7


def _sum_mask(fltgrade: int) -> int:
    edges, corners = _split(fltgrade)
    pixels = sum(edges)
    if _asca_grade(fltgrade) == 6:
        pixels += sum(corners & set(_EDGES[edges[0]]) & set(_EDGES[edges[1]]))
    return sum(1 << k for k, bit in enumerate(NEIGHBOUR_BITS) if bit & pixels)


#: ASCA grade of each flight grade, int16, shape (256,). Grades {0, 2, 3, 4, 6} are the 33 flight grades of the CALDB
#: sub-pixel table; all events of ObsID 754 and of nine CIAO 4.16 files agree.
ASCA_GRADES: NDArray[np.int16] = np.array([_asca_grade(f) for f in range(256)], dtype=np.int16)

#: Pixels that are summed for each flight grade besides the central one, as a bit mask over the island's nine pixels,
#: int16, shape (256,). The edge pixels at or above the threshold count; the corner between two of them counts only in
#: grade 6 (header keyword CORNERS=2). With it PHA_RO is reproduced for all events of ObsID 754 and of nine CIAO 4.16
#: files; counting the corner in every island with two such edges (grade 7 included) misses 1% of events there.
SUM_MASK: NDArray[np.int16] = np.array([_sum_mask(f) for f in range(256)], dtype=np.int16)

_INNER = {9: tuple(range(9)), 25: (6, 7, 8, 11, 12, 13, 16, 17, 18)}


def island_size(phas: NDArray[np.generic]) -> int:
    """Return 3 or 5, the side of the islands in a PHAS column, shape (n, side, side) or (n, side * side).

    Raises
    ------
    DataError
        The islands are neither 3x3 nor 5x5.
    """
    pixels = int(np.prod(phas.shape[1:], dtype=int))
    if pixels not in _INNER:
        raise DataError(f"column phas holds {pixels} values per event; islands have 9 (3x3) or 25 (5x5)")
    return 3 if pixels == 9 else 5


def inner_island(side: int) -> NDArray[np.int64]:
    """Return the places of the nine inner pixels in a flattened island of `side` 3 or 5, int64, shape (9,)."""
    return np.array(_INNER[side * side], dtype=np.int64)
