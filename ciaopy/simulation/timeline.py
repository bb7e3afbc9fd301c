"""The run of an observation in time: frames, dropped frames, good times, the dither."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ciaopy.coords import AspectSolution
from ciaopy.simulation.setup import TRANSFER, Setup

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

#: Number of the first exposure whose events are sent down (the flight software drops the first ones).
FIRST_EXPNO = 3

#: Length of a row of the mission time line, s.
MTL_STEP = 3.2

#: Time between aspect records, s.
ASPECT_STEP = 0.25625

#: Dither periods of yaw and pitch, s (ACIS default, POG), and an arbitrary small one for the roll.
PERIODS = (1000.0, 707.1, 1213.0)
ROLL_AMPLITUDE = 2.0

#: Jitter of yaw and pitch from record to record, arcsec (real solutions: 0.02 to 0.03).
JITTER = 0.02

#: Aspect before and after the exposures, s.
MARGIN = 60.0


@dataclass(frozen=True)
class Timeline:
    """Frames and good times.

    Attributes
    ----------
    setup : Setup
    nframes : int
        Exposures; frame f (from 0) is EXPNO f + 3.
    alive : bool array, shape (nchip, nframes)
        False for dropped frames.
    gap : (float, float) or None
        Start and stop of the time that is not good, whole rows of the mission time line, s.
    """

    setup: Setup
    nframes: int
    alive: NDArray[np.bool_]
    gap: tuple[float, float] | None

    @property
    def start(self) -> float:
        """Start of the first exposure of the first chip, s."""
        return self.setup.start

    @property
    def stop(self) -> float:
        """End of the last exposure of the last chip, s."""
        return self.start + self.nframes * self.setup.timedel + (len(self.setup.chips) - 1) * TRANSFER

    @property
    def tstart(self) -> float:
        """TSTART of the observation, s."""
        return self.start - 30.0

    @property
    def tstop(self) -> float:
        """TSTOP of the observation, s."""
        return self.stop + 30.0

    def time(self, frame: IntArray, order: IntArray) -> FloatArray:
        """Return TIME, s: the middle of frames of the chips in place `order` of the front-end processors.

        `frame` and `order` are integer arrays whose shapes broadcast.
        The chips follow each other by one frame transfer (ObsID 754: 0.04104 s).
        """
        return self.start + (frame + 0.5) * self.setup.timedel + order * TRANSFER

    @property
    def mtl_time(self) -> FloatArray:
        """Middle of the rows of the mission time line, s."""
        rows = math.ceil((self.stop - self.start) / MTL_STEP) + 1
        return np.asarray(self.start + (np.arange(rows) - 0.5) * MTL_STEP, np.float64)

    def mtl_bad(self) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Return, for each of its rows, whether EXPNO is still too small, and whether the row lies in the gap."""
        t = self.mtl_time
        early = t < self.start
        gap = np.zeros(len(t), bool) if self.gap is None else (t > self.gap[0]) & (t < self.gap[1])
        return early, gap

    def good_times(self, order: int) -> FloatArray:
        """Return the good times of a chip, shape (n, 2), as in a flt1 file.

        Runs of good rows of the time line, less dropped frames: STOP = TIME of the last good one + TIMEDEL / 2,
        START = TIME of the next good one - TIMEDEL / 2 (rule of ObsIDs 1230 and 1433).
        """
        early, gap = self.mtl_bad()
        t, good = self.mtl_time, ~(early | gap)
        edge = np.flatnonzero(np.diff(np.concatenate([[False], good, [False]]).astype(np.int8)))
        pieces = [(t[a] - MTL_STEP / 2, t[b - 1] + MTL_STEP / 2) for a, b in edge.reshape(-1, 2)]
        half = self.setup.timedel / 2
        alive = np.flatnonzero(self.alive[order])
        middle = self.time(alive, np.full(len(alive), order))
        for k in np.flatnonzero(np.diff(alive) > 1):
            pieces = _cut(pieces, float(middle[k] + half), float(middle[k + 1] - half))
        return np.array(pieces).reshape(-1, 2)


def _cut(pieces: list[tuple[float, float]], stop: float, start: float) -> list[tuple[float, float]]:
    """Take the time from `stop` to `start` out of the intervals."""
    kept = [(a, min(b, stop)) for a, b in pieces if a < stop]
    kept += [(max(a, start), b) for a, b in pieces if b > start]
    return sorted(p for p in kept if p[1] > p[0])


def make_timeline(setup: Setup, rng: np.random.Generator) -> Timeline:
    """Return the frames: as many as fit in the length wished for; some are dropped, some time is not good."""
    nframes = max(math.ceil(setup.duration / setup.timedel), 20)
    alive = np.ones((len(setup.chips), nframes), bool)
    gap = None
    if setup.artifacts:
        for row in alive:
            dropped = rng.choice(np.arange(5, nframes - 5), max(1, nframes // 2000), replace=False)
            row[dropped] = False
        rows = round(nframes * setup.timedel / MTL_STEP)
        first = int(0.45 * rows)
        gap = (setup.start + first * MTL_STEP, setup.start + (first + max(2, rows // 60)) * MTL_STEP)
    return Timeline(setup, nframes, alive, gap)


def make_aspect(setup: Setup, timeline: Timeline, rng: np.random.Generator) -> AspectSolution:
    """Return the aspect solution: a Lissajous figure about the nominal pointing; dy, dz, dtheta are 0.

    Yaw moves along the spacecraft's Y axis, pitch along its Z axis, with different periods.
    """
    n = math.ceil((timeline.stop - timeline.start + 2 * MARGIN) / ASPECT_STEP)
    time = np.asarray(timeline.start - MARGIN + np.arange(n) * ASPECT_STEP, np.float64)
    phase = 2 * np.pi * (time - timeline.start)
    jitter = JITTER * rng.standard_normal((2, n))
    yaw = (setup.dither[0] * np.sin(phase / PERIODS[0] + 0.3) + jitter[0]) / 3600.0
    pitch = (setup.dither[1] * np.sin(phase / PERIODS[1] + 1.1) + jitter[1]) / 3600.0
    roll = setup.roll + ROLL_AMPLITUDE / 3600.0 * np.sin(phase / PERIODS[2])
    c, s = np.cos(np.deg2rad(setup.roll)), np.sin(np.deg2rad(setup.roll))
    dec = setup.dec + s * yaw + c * pitch
    ra = (setup.ra + (c * yaw - s * pitch) / np.cos(np.deg2rad(dec))) % 360.0
    zero = np.zeros(n)
    return AspectSolution(time, ra, dec, roll % 360.0, zero, zero.copy(), zero.copy(), ("ASPSOLOBI",))
