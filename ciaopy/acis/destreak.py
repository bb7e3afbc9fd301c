"""Readout streaks of CCD 8 (S4): rows of one frame and one node with too many events.

A row (CHIPY) with more than M events in one node in one frame is a streak. Where the user gives no M, the smallest M
is taken with which the expected loss of real events, P(N >= M) for the other events of their row, stays below
`max_rowloss_fraction`, at the mean rate of each row plus `num_sigma` standard deviations [inferred; the tool's own
choice of M is not published]. Rates come from the share of frames in which a row is not empty, which streaks hardly
change.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NODES = 4
ROWS = 1024
NODE_WIDTH = 256
STREAK_BIT = 15
MAX_THRESHOLD = 100


@dataclass(frozen=True)
class StreakCells:
    """Events grouped by (frame, node, row).

    Attributes
    ----------
    event_cell : int64 array, shape (events,)
        Index into the other arrays for each event.
    expno, node, chipy, count : int64 arrays, shape (cells,)
        Frame, node (0-3), row and number of events of each cell that is not empty.
    """

    event_cell: NDArray[np.int64]
    expno: NDArray[np.int64]
    node: NDArray[np.int64]
    chipy: NDArray[np.int64]
    count: NDArray[np.int64]


def group_rows(expno: NDArray[np.integer], node: NDArray[np.integer], chipy: NDArray[np.integer]) -> StreakCells:
    """Group events by frame, node and row; all arrays have shape (events,)."""
    frame = np.asarray(expno, np.int64)
    base = frame.min() if len(frame) else np.int64(0)
    key = ((frame - base) * NODES + np.asarray(node, np.int64)) * (ROWS + 1) + np.asarray(chipy, np.int64)
    unique, event_cell, count = np.unique(key, return_inverse=True, return_counts=True)
    upper = unique // (ROWS + 1)
    return StreakCells(
        event_cell.astype(np.int64), upper // NODES + base, upper % NODES, unique % (ROWS + 1), count.astype(np.int64)
    )


def row_rates(cells: StreakCells, nframes: int, node: int) -> NDArray[np.float64]:
    """Return the mean number of events per frame in each row of a node, shape (1025,), from the share of empty ones."""
    occupied = np.bincount(cells.chipy[cells.node == node], minlength=ROWS + 1).astype(np.float64)
    share = np.minimum(occupied / max(nframes, 1), 1.0 - 0.5 / max(nframes, 1))
    return np.asarray(-np.log1p(-share))


def choose_threshold(rates: NDArray[np.float64], nframes: int, max_loss: float, num_sigma: float) -> int:
    """Return the smallest M >= 1 with an expected loss of real events of at most `max_loss`.

    Parameters
    ----------
    rates : float64 array, shape (rows,)
        Events per frame and row of one node.
    nframes : int
        Frames behind the rates.
    max_loss : float
        Largest accepted share of real events lost.
    num_sigma : float
        Standard deviations of the rates to add to them.
    """
    rate = rates[rates > 0]
    if not len(rate):
        return 1
    mean = rate.sum() / ROWS
    # rows share their statistics: the error of the mean rate, scaled to each row
    error = num_sigma * math.sqrt(mean / (ROWS * max(nframes, 1))) / mean
    upper = rate * (1.0 + error)
    term = np.exp(-upper)
    below = term.copy()
    for m in range(1, MAX_THRESHOLD):
        loss = float((rate * np.maximum(1.0 - below, 0.0)).sum() / rate.sum())
        if loss <= max_loss:
            return m
        term = term * upper / m
        below = below + term
    return MAX_THRESHOLD


def find_streaks(cells: StreakCells, thresholds: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return True for the cells with more events than the threshold of their node."""
    limit = np.asarray(thresholds, np.int64)
    return np.asarray(cells.count > limit[np.clip(cells.node, 0, NODES - 1)])
