"""What is not from the sky: particle background, a flare, afterglows, hot pixels, streaks on CCD 8."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ciaopy.simulation.charges import KINDS, Charges, fill, join
from ciaopy.simulation.detector import Chip
from ciaopy.simulation.photons import empty_charges
from ciaopy.simulation.setup import Setup
from ciaopy.simulation.timeline import Timeline

#: Share of background events whose charge cloud is wide (bad grades), and its width in pixels.
WIDE_SHARE, WIDE = 0.6, (0.3, 0.8)

#: The flare: its place in the observation, and its rate relative to the quiet background.
FLARE_SPAN, FLARE_RATE = (0.70, 0.76), 4.0

#: Frames over which an afterglow is seen, and the first pulse height as an energy, keV.
GLOW_FRAMES, GLOW_ENERGY = 12, 2.5

STREAK_CHIP = 8


@dataclass(frozen=True)
class Trouble:
    """One afterglow, hot pixel or streak, for the truth.

    Attributes
    ----------
    kind : str
        `afterglow`, `hot_pixel` or `streak`.
    ccd_id, chipx, chipy : int
        Chip and pixel; a streak has chipx 0.
    expno : int
        First exposure.
    events : int
    """

    kind: str
    ccd_id: int
    chipx: int
    chipy: int
    expno: int
    events: int


def background(
    setup: Setup, timeline: Timeline, chips: dict[int, Chip], number: int, rng: np.random.Generator
) -> Charges:
    """Return `number` background events on living pixels of frames that were sent down.

    Uniform over the chips and, but for the flare, in time; flat in energy for the particles, soft for the flare.
    """
    weight = np.ones(timeline.nframes)
    low, high = (int(f * timeline.nframes) for f in FLARE_SPAN)
    if setup.flare:
        weight[low:high] += FLARE_RATE
    cells = np.cumsum((weight * timeline.alive).ravel())
    first, rows = setup.window
    parts = [empty_charges()]
    missing = number
    while missing > 0:
        cell = np.searchsorted(cells, rng.random(missing) * cells[-1], side="right")
        order, frame = np.divmod(cell.astype(np.int64), timeline.nframes)
        x = rng.uniform(1.5, 1023.5, missing)
        y = rng.uniform(first + 0.5, first + rows - 1.5, missing)
        energy = np.where(rng.random(missing) < 0.3, rng.exponential(1.0, missing) + 0.3, rng.uniform(0.3, 11, missing))
        one = fill(frame, order, (x, y), np.minimum(energy, 11.5), "background")
        flaring = setup.flare & (frame >= low) & (frame < high) & (rng.random(missing) < FLARE_RATE / (1 + FLARE_RATE))
        one.kind[flaring] = KINDS["flare"]
        wide = np.where(rng.random(missing) < WIDE_SHARE, rng.uniform(*WIDE, missing), 0.0)
        one = replace(one, spread=np.where(flaring, 0.0, wide))
        one = one.take(living(setup, chips, one))
        parts.append(one)
        missing -= len(one)
    return join(parts)


def living(setup: Setup, chips: dict[int, Chip], charges: Charges) -> NDArray[np.bool_]:
    """Return which charges fall on pixels that are read out and send events."""
    x, y = np.floor(charges.x + 0.5).astype(np.int64), np.floor(charges.y + 0.5).astype(np.int64)
    first, rows = setup.window
    keep = (x >= 2) & (x <= 1023) & (y >= first + 1) & (y <= first + rows - 2)
    for place, ccd in enumerate(setup.chips):
        k = np.flatnonzero(keep & (charges.order == place))
        keep[k] = ~chips[ccd].dead[y[k] - 1, x[k] - 1]
    return keep


def troubles(
    setup: Setup, timeline: Timeline, chips: dict[int, Chip], occupied: Charges, rng: np.random.Generator
) -> tuple[Charges, list[Trouble]]:
    """Return afterglows and hot pixels on every chip, streaks on CCD 8, and their list.

    Pixels near bad ones, node boundaries and bright sources (`occupied`) are left alone.
    """
    parts, listed = [empty_charges()], []
    crowded = _crowded(setup, occupied)
    for place, ccd in enumerate(setup.chips):
        frames = np.flatnonzero(timeline.alive[place])
        for kind in ("afterglow", "hot_pixel"):
            x, y = _quiet_pixel(setup, chips[ccd], crowded[place], rng)
            if kind == "afterglow":
                first = int(rng.integers(2, len(frames) - GLOW_FRAMES - 2))
                chosen = frames[first : first + GLOW_FRAMES]
                energy = GLOW_ENERGY * np.exp(-np.arange(len(chosen)) / 6.0) + 0.25
            else:
                count = int(np.clip(setup.events // 2000, 30, len(frames) // 3))
                chosen = np.sort(rng.choice(frames, count, replace=False))
                energy = rng.uniform(0.3, 0.8, count)
            n = len(chosen)
            at = (np.full(n, float(x)), np.full(n, float(y)))
            parts.append(fill(chosen.astype(np.int64), np.full(n, place), at, energy, kind))
            listed.append(Trouble(kind, ccd, x, y, int(chosen[0]) + 3, n))
    if STREAK_CHIP in setup.chips:
        streaks, seen = _streaks(setup, timeline, chips, rng)
        parts.append(streaks)
        listed += seen
    return join(parts), listed


def _crowded(setup: Setup, occupied: Charges) -> list[NDArray[np.int64]]:
    """Return, per chip, the counts of source photons in cells of 16 x 16 pixels."""
    maps = []
    for place in range(len(setup.chips)):
        k = occupied.order == place
        cells = (np.clip(v[k] - 0.5, 0, 1023).astype(np.int64) // 16 for v in (occupied.y, occupied.x))
        row, column = cells
        maps.append(np.bincount(row * 64 + column, minlength=4096).reshape(64, 64))
    return maps


def _quiet_pixel(setup: Setup, chip: Chip, crowded: NDArray[np.int64], rng: np.random.Generator) -> tuple[int, int]:
    """Return a pixel (chipx, chipy) away from bad pixels, node boundaries and photons of sources."""
    first, rows = setup.window
    busy = max(int(np.percentile(crowded, 60)), 1)
    outlying = np.abs(chip.bias.astype(np.int64) - np.median(chip.bias, axis=0)) > 6
    x = y = 0
    for _ in range(2000):
        x, y = int(rng.integers(20, 1004)), int(rng.integers(first + 9, first + rows - 9))
        if y < 20 or abs((x % 256) - 128) > 112 or crowded[(y - 1) // 16, (x - 1) // 16] > busy:
            continue
        if not outlying[y - 5 : y + 4, x - 5 : x + 4].any():
            break
    return x, y


def _streaks(
    setup: Setup, timeline: Timeline, chips: dict[int, Chip], rng: np.random.Generator
) -> tuple[Charges, list[Trouble]]:
    """Return rows of one frame and one node that are full of events, as CCD 8 has them."""
    place = setup.chips.index(STREAK_CHIP)
    first, rows = setup.window
    frames = np.flatnonzero(timeline.alive[place])
    number = max(4, min(len(frames) // 60, setup.events // 1500))
    chosen = np.sort(rng.choice(frames, number, replace=False))
    parts, listed = [], []
    for frame in chosen:
        node, row = int(rng.integers(0, 4)), int(rng.integers(first + 2, first + rows - 3))
        n = int(rng.integers(14, 40))
        x = np.sort(rng.choice(np.arange(node * 256 + 3, node * 256 + 254), n, replace=False)).astype(np.float64)
        one = fill(
            np.full(n, frame), np.full(n, place), (x, np.full(n, float(row))), rng.uniform(0.3, 1.2, n), "streak"
        )
        parts.append(one)
        seen = int(living(setup, chips, one).sum())
        listed.append(Trouble("streak", STREAK_CHIP, 0, row, int(frame) + 3, seen))
    return join(parts), listed
