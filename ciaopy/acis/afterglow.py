"""Cosmic-ray afterglows and hot pixels: acis_find_afterglow.

The published description of the tool (afterglow_spec_2.0) gives its inputs, parameters and intent; its equations are
not public. This is a statistical equivalent, checked on injected cases (docs/accuracy.md):

* nominal fluence: the mean counts per pixel of each cell of `nfpixreg` x `nfpixreg` pixels, pixels whose count is
  improbable (Poisson tail below one pixel in the chip) left out, `nfrepeat` times;
* afterglow: a pixel with at least `cntthresh` events within `expnowindow` consecutive frames, of probability P for the
  larger of the nominal fluence and the mean of the `regwidth` x `regwidth` surroundings in the same frames, where
  1 - (1 - P)^trials < `probthresh` and trials = pixels x frames / window. Surroundings of the same frames, and bursts
  in at least three other pixels of the square at any time, keep sources that dither across it from being flagged;
* hot pixel: the same over the whole observation, with the richest stretch left out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ciaopy.acis.bad_pixels import AFTERGLOW_BIT, CHIP_SIZE, HOT_PIXEL_BIT, BadPixelEntries, empty_entries, join

_PIXELS = CHIP_SIZE * CHIP_SIZE


@dataclass(frozen=True)
class AfterglowSettings:
    """Parameters of acis_find_afterglow, with CIAO's defaults.

    Attributes
    ----------
    expnowindow : int
        Window [frames].
    probthresh : float
        Largest accepted probability, after trials, that a flagged excess is chance.
    cntthresh : int
        Smallest number of events in a window.
    regwidth : int
        Side of the reference square [pixel], odd.
    nfpixreg : int
        Side of a cell of the nominal fluence [pixel].
    nfrepeat : int
        Iterations of the nominal fluence.
    tolerance : float
        Relative precision of probabilities.
    runhotpix : bool
        Search for hot pixels too.
    """

    expnowindow: int = 10
    probthresh: float = 1e-3
    cntthresh: int = 4
    regwidth: int = 7
    nfpixreg: int = 32
    nfrepeat: int = 10
    tolerance: float = 1e-15
    runhotpix: bool = True


@dataclass(frozen=True)
class Frames:
    """The exposures of one CCD.

    Attributes
    ----------
    expno : int64 array, shape (n,)
        Exposure numbers, ascending.
    start, stop : float64 arrays, shape (n,)
        Limits of each exposure [s, mission time].
    """

    expno: NDArray[np.int64]
    start: NDArray[np.float64]
    stop: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.expno)


@dataclass(frozen=True)
class _Sorted:
    frame: NDArray[np.int32]
    first: NDArray[np.int32]


def _sort(x: NDArray[np.integer], y: NDArray[np.integer], expno: NDArray[np.integer], frames: Frames) -> _Sorted | None:
    """Sort events by pixel and frame; None where none is on the chip and in a frame."""
    from ciaopy.kernels.afterglow import order_events

    if not len(frames) or not len(x):
        return None
    base = int(frames.expno[0])
    lookup = np.full(int(frames.expno[-1]) - base + 1, -1, np.int32)
    lookup[frames.expno - base] = np.arange(len(frames), dtype=np.int32)
    first, frame = np.zeros(_PIXELS + 1, np.int32), np.empty(len(x), np.int32)
    columns = (np.asarray(c, np.int32) for c in (x, y, expno))
    count = order_events(*columns, (base, lookup), first, frame)
    return _Sorted(frame[:count], first) if count else None


def find_bad_pixels(
    chipx: NDArray[np.integer],
    chipy: NDArray[np.integer],
    expno: NDArray[np.integer],
    frames: Frames,
    good: NDArray[np.bool_],
    settings: AfterglowSettings,
) -> BadPixelEntries:
    """Find the hot pixels and afterglows of one CCD.

    Parameters
    ----------
    chipx, chipy, expno : integer arrays, shape (n,)
        Positions (1-based) and exposure numbers of all events of the CCD.
    frames : Frames
        Its exposures.
    good : bool array, shape (1024, 1024)
        First index CHIPY. Pixels to search: inside the window, not bad.
    settings : AfterglowSettings

    Returns
    -------
    BadPixelEntries
        Hot pixels (bit 14; the whole observation), then afterglows (bit 15; first to last event of the excess).
        Empty where there are no events or no frames.
    """
    from ciaopy.kernels import afterglow as kernel

    ordered = _sort(chipx, chipy, expno, frames)
    if ordered is None or not good.any():
        return empty_entries()
    searched = np.ascontiguousarray(good).reshape(-1)
    npixels = int(good.sum())
    counts = np.diff(ordered.first).reshape(CHIP_SIZE, CHIP_SIZE)
    fluence = np.zeros((CHIP_SIZE, CHIP_SIZE))
    kernel.nominal_fluence(
        counts, good, settings.nfpixreg, settings.nfrepeat, 1.0 / _PIXELS, settings.tolerance, fluence
    )
    rate = fluence.reshape(-1) / len(frames)
    half = settings.regwidth // 2
    hot = np.zeros(_PIXELS, bool)
    if settings.runhotpix:
        limit = _log_single_trial(settings.probthresh, npixels)
        kernel.find_hot_pixels(
            ordered.frame, ordered.first, searched, rate, (len(frames), half, limit, settings.tolerance), hot
        )
    trials = npixels * max(len(frames) / settings.expnowindow, 1.0)
    limit = _log_single_trial(settings.probthresh, trials)
    options = (settings.expnowindow, settings.cntthresh, half, limit, settings.tolerance)
    windows = _windows(kernel, ordered, searched & ~hot, rate, options)
    return join(_hot_entries(hot, frames), _afterglow_entries(windows, frames))


def _log_single_trial(probability: float, trials: float) -> float:
    """Return log P for which 1 - (1 - P)^trials equals `probability`."""
    return math.log(-math.expm1(math.log1p(-probability) / trials))


def _windows(
    kernel: object,
    ordered: _Sorted,
    searched: NDArray[np.bool_],
    rate: NDArray[np.float64],
    options: tuple[int, int, int, float, float],
) -> NDArray[np.int64]:
    size = 4096
    while True:
        out = np.zeros((size, 3), np.int64)
        found: int = kernel.find_afterglows(ordered.frame, ordered.first, searched, rate, options, out)  # type: ignore[attr-defined]
        if found <= size:
            return out[:found]
        size = found


def _hot_entries(hot: NDArray[np.bool_], frames: Frames) -> BadPixelEntries:
    pixel = np.flatnonzero(hot)
    n = len(pixel)
    start, stop = np.full(n, frames.start[0]), np.full(n, frames.stop[-1])
    return _entries(pixel, start, stop, HOT_PIXEL_BIT)


def _afterglow_entries(windows: NDArray[np.int64], frames: Frames) -> BadPixelEntries:
    return _entries(windows[:, 0], frames.start[windows[:, 1]], frames.stop[windows[:, 2]], AFTERGLOW_BIT)


def _entries(
    pixel: NDArray[np.int64], start: NDArray[np.float64], stop: NDArray[np.float64], bit: int
) -> BadPixelEntries:
    status = np.full(len(pixel), 1 << bit, np.uint32)
    return BadPixelEntries(pixel % CHIP_SIZE + 1, pixel // CHIP_SIZE + 1, start, stop, status)
