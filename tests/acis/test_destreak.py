"""Readout streaks on simulated frames."""

import numpy as np
import pytest

from ciaopy.acis.destreak import choose_threshold, find_streaks, group_rows, row_rates

NFRAMES = 1500


def simulated(rng, per_frame, streaks, size=9):
    """Real events at `per_frame` in all nodes, and `streaks` rows with `size` events each; returns events and truth."""
    n = rng.poisson(per_frame * NFRAMES)
    real = [rng.integers(1, NFRAMES + 1, n), rng.integers(0, 4, n), rng.integers(2, 1023, n)]
    frame, node, row = (rng.integers(lo, hi, streaks) for lo, hi in ((1, NFRAMES + 1), (0, 4), (2, 1023)))
    streak = [np.repeat(a, size) for a in (frame, node, row)]
    truth = np.concatenate([np.zeros(n, bool), np.ones(streaks * size, bool)])
    return [np.concatenate(p) for p in zip(real, streak, strict=True)], truth


@pytest.mark.parametrize("per_frame", [1.0, 10.0, 60.0])
def test_streaks_are_found_and_real_events_are_kept(per_frame):
    rng = np.random.default_rng(int(per_frame))
    (expno, node, row), truth = simulated(rng, per_frame, 300)
    cells = group_rows(expno, node, row)
    limits = tuple(choose_threshold(row_rates(cells, NFRAMES, k), NFRAMES, 5e-5, 1.0) for k in range(4))
    flagged = find_streaks(cells, limits)[cells.event_cell]
    assert flagged[truth].mean() > 0.999
    streak_cells = set(zip(expno[truth].tolist(), node[truth].tolist(), row[truth].tolist(), strict=True))
    alone = np.array([c not in streak_cells for c in zip(expno.tolist(), node.tolist(), row.tolist(), strict=True)])
    lost = flagged[~truth & alone].sum()
    # a Poisson number of losses with the accepted mean; five sigma above it would be a wrong threshold
    expected = 5e-5 * (~truth).sum()
    assert lost <= expected + 5 * np.sqrt(expected) + 3


def test_threshold_grows_with_the_rate():
    limits = [choose_threshold(np.full(1025, rate), NFRAMES, 5e-5, 1.0) for rate in (1e-6, 1e-3, 1e-2, 0.1, 1.0)]
    assert limits == sorted(limits) and limits[0] == 1 and limits[-1] > limits[0]


def test_grouping_is_by_frame_node_and_row():
    cells = group_rows(np.array([7, 7, 7, 8]), np.array([0, 0, 1, 0]), np.array([5, 5, 5, 5]))
    assert sorted(cells.count.tolist()) == [1, 1, 2]
    assert cells.event_cell[0] == cells.event_cell[1]
    two = np.flatnonzero(cells.count == 2)[0]
    assert (cells.expno[two], cells.node[two], cells.chipy[two]) == (7, 0, 5)


def test_no_events():
    none = np.zeros(0, int)
    cells = group_rows(none, none, none)
    assert len(cells.count) == 0 and choose_threshold(row_rates(cells, 10, 0), 10, 5e-5, 1.0) == 1
