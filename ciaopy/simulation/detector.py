"""The chips: bias maps with bad pixels and columns, and the list of bad pixels that follows from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from ciaopy.acis import BIAS_BAD, BadPixelEntries, BadPixelMap, BadPixelRows, BitFlag, bias_entries, build, expand
from ciaopy.caldb import BadPixelList
from ciaopy.caldb.lite import product
from ciaopy.simulation.setup import ROWS, Setup
from ciaopy.simulation.timeline import Timeline

#: Distance from the median of its column at which a bias value is an outlier, adu (acis_build_badpix, biasthresh).
BIAS_THRESHOLD = 6.0

#: Bits of the bad pixel file that are kept, and that spread (acis_build_badpix: bitflag of the second pass).
BITFLAG = "00000000000000122221100020022222"

BAD_PIXELS, OUTLIERS = 6, 6


@dataclass(frozen=True)
class Chip:
    """One chip.

    Attributes
    ----------
    bias : int16 array, shape (1024, 1024)
        Bias map, adu, [chipy - 1, chipx - 1].
    dead : bool array, shape (1024, 1024)
        Pixels that send no events: bias 4095.
    bad : BadPixelRows
        The archive's list.
    """

    bias: NDArray[np.int16]
    dead: NDArray[np.bool_]
    bad: BadPixelRows


def make_chip(setup: Setup, timeline: Timeline, ccd_id: int, rng: np.random.Generator) -> Chip:
    """Return a chip with a bias level per node, noise, and some trouble.

    One column of bias 4095 over part of its length, single pixels of 4095, and outliers of 9 to 40 adu.
    """
    level = np.repeat(280 + ccd_id + rng.integers(0, 60, 4), ROWS // 4)
    bias = np.clip(np.rint(level + rng.normal(0.0, 0.8, (ROWS, ROWS))), level - 4, level + 4).astype(np.int16)
    if setup.artifacts:
        column, row = int(rng.integers(30, 240)), int(rng.integers(100, 600))
        bias[row:, column - 1] = BIAS_BAD
        x, y = rng.integers(10, ROWS - 10, (2, BAD_PIXELS))
        bias[y, x] = BIAS_BAD
        x, y = rng.integers(10, ROWS - 10, (2, OUTLIERS))
        bias[y, x] += rng.integers(9, 40, OUTLIERS).astype(np.int16)
    start, stop = np.floor(timeline.start), np.ceil(timeline.stop)
    listed = _calibration_list(ccd_id, start, stop)
    found = bias_entries(bias, BIAS_THRESHOLD, 1, start, stop)
    return Chip(bias, bias == BIAS_BAD, build(listed, found, BitFlag.parse(BITFLAG), stop))


def _calibration_list(ccd_id: int, start: float, stop: float) -> BadPixelEntries:
    every = cast(BadPixelList, product("BADPIX", {"INSTRUME": "ACIS"})).of_chip(ccd_id)
    n = len(every)
    x, y = every.x.astype(np.int64), every.y.astype(np.int64)
    times = (np.full(n, start), np.full(n, stop))
    rows = BadPixelRows(x[:, 0], x[:, 1], y[:, 0], y[:, 1], *times, every.status)
    return expand(rows)


def bad_pixel_map(chips: dict[int, Chip], start: float, stop: float) -> BadPixelMap:
    """Return the bad pixels of all chips for a look-up by events between two times, s."""
    return BadPixelMap.build({ccd: c.bad for ccd, c in chips.items()}, start, stop)
