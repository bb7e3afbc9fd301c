"""Where the zero order is: a clipped centroid of the core, or the crossing of read-out streak and dispersed arm."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ciaopy.coords import FloatArray

__all__ = [
    "ZeroOrder",
    "brightest_cell",
    "clipped_centroid",
    "column_peak",
    "line_offset",
    "piled_up",
    "streak_crossing",
]

# More than this many counts of the core in one frame: piled up.
PILE_UP_RATE = 0.5


@dataclass(frozen=True)
class ZeroOrder:
    """A position found.

    Attributes
    ----------
    x, y : float
        SKY pixels.
    counts : float
        Net counts that it rests on.
    snr : float
        Signal to noise.
    method : str
        `tgdetect` (centroid) or `tg_findzo` (streak and arm).
    """

    x: float
    y: float
    counts: float
    snr: float
    method: str


def brightest_cell(
    x: FloatArray, y: FloatArray, centre: tuple[float, float], size: tuple[float, float], cell: int
) -> tuple[float, float, float, float] | None:
    """Return centre, net counts and signal to noise of the square cell with the most counts within a box.

    Parameters
    ----------
    x, y : float64 arrays, shape (n,)
        SKY positions of events.
    centre, size : (float, float)
        Of the box, pixels.
    cell : int
        Side of the cell, pixels; cells at all whole-pixel positions are tried.

    Returns
    -------
    (x, y, net counts, snr) or None
        None without events in the box. Net of the mean of the box outside 2 cells; snr = net / sqrt(counts + variance
        of the background under the cell).
    """
    low = [c - s / 2 for c, s in zip(centre, size, strict=True)]
    bins = [max(round(s), 1) for s in size]
    edges = [lo + np.arange(n + 1.0) for lo, n in zip(low, bins, strict=True)]
    image, _, _ = np.histogram2d(x, y, bins=edges)
    if not image.any():
        return None
    sums = _cell_sums(image, cell)
    i, j = np.unravel_index(int(np.argmax(sums)), sums.shape)
    at_x, at_y = low[0] + i + 0.5, low[1] + j + 0.5
    counts = float(np.rint(sums[i, j]))
    u, v = np.arange(bins[0])[:, None] - i, np.arange(bins[1])[None, :] - j
    outside = np.maximum(np.abs(u), np.abs(v)) > 2 * cell
    per_pixel = float(image[outside].mean()) if outside.any() else 0.0
    background = per_pixel * cell * cell
    net = counts - background
    noise = counts + (background**2 / max(per_pixel * outside.sum(), 1.0) if outside.any() else 0.0)
    return at_x, at_y, net, net / np.sqrt(max(noise, 1.0))


def _cell_sums(image: FloatArray, cell: int) -> FloatArray:
    """Return, for each pixel, the sum over the square of `cell` pixels about it; less at the edges."""
    half = cell // 2
    padded = np.pad(image, ((half + 1, cell - 1 - half), (half + 1, cell - 1 - half)))
    total = padded.cumsum(0).cumsum(1)
    return np.asarray(total[cell:, cell:] - total[:-cell, cell:] - total[cell:, :-cell] + total[:-cell, :-cell])


def clipped_centroid(
    x: FloatArray, y: FloatArray, start: tuple[float, float], radius: float, steps: int = 50
) -> tuple[float, float, int]:
    """Return the centroid of the events within `radius` of itself, found by iteration, and their number.

    The circle begins twice as wide and shrinks, so that a start some pixels off, or a hollow (piled-up) core, leads to
    the same place.
    """
    at = np.array(start, dtype=np.float64)
    used = 0
    for step in range(steps):
        reach = radius * max(2.0 - 0.25 * step, 1.0)
        near = np.hypot(x - at[0], y - at[1]) <= reach
        used = int(near.sum())
        if not used:
            break
        new = np.array([x[near].mean(), y[near].mean()])
        moved = float(np.hypot(*(new - at)))
        at = new
        if step > 4 and moved < 1e-4:
            break
    return float(at[0]), float(at[1]), used


def piled_up(x: FloatArray, y: FloatArray, at: tuple[float, float], radius: float, frames: float) -> bool:
    """Return True if the core has more than 0.5 counts per frame, or its centre is emptier than what surrounds it.

    Parameters
    ----------
    radius : float
        Of the core, pixels.
    frames : float
        Number of frames; 0 where unknown.
    """
    distance = np.hypot(x - at[0], y - at[1])
    core = int((distance <= radius).sum())
    if frames > 0 and core / frames > PILE_UP_RATE:
        return True
    inner, ring = int((distance < 0.75).sum()), int(((distance >= 1.25) & (distance < 2.25)).sum())
    per_inner, per_ring = inner / 0.5625, ring / (2.25**2 - 1.25**2)
    return bool(ring > 50 and per_inner + 3 * np.sqrt(inner + 1.0) / 0.5625 < per_ring)


def line_offset(
    x: FloatArray,
    y: FloatArray,
    at: tuple[float, float],
    direction: FloatArray,
    reach: tuple[float, float],
    width: float,
) -> tuple[float, int]:
    """Return by how much (pixels, to the left of `direction`) the events along a line lie off a point, and how many.

    The line has a known direction; events between `reach` pixels from the point on either side count. The offset is the
    peak of the distances across within `width`, then an iterated mean within 3 pixels less the even background.
    """
    dx, dy = x - at[0], y - at[1]
    along = dx * direction[0] + dy * direction[1]
    across = dy * direction[0] - dx * direction[1]
    chosen = across[(np.abs(along) >= reach[0]) & (np.abs(along) <= reach[1]) & (np.abs(across) <= width + 6.0)]
    if chosen.size < 5:
        return 0.0, 0
    edges = np.arange(-width - 6.0, width + 6.25, 0.5)
    histogram = np.histogram(chosen, edges)[0].astype(float)
    smooth = np.convolve(histogram, np.ones(5), mode="same")
    centres = 0.5 * (edges[:-1] + edges[1:])
    smooth[np.abs(centres) > width] = -1.0
    offset = float(centres[int(np.argmax(smooth))])
    level = float(np.median(histogram)) / 0.5
    half = 3.0
    for _ in range(30):
        near = chosen[np.abs(chosen - offset) <= half]
        net = near.size - level * 2 * half
        if near.size == 0 or net <= 0:
            return offset, 0
        new = offset + float(np.sum(near - offset)) / net
        done = abs(new - offset) < 1e-4
        offset = float(np.clip(new, -width, width))
        if done:
            break
    return offset, round(net)


def column_peak(along: FloatArray, reach: float, half: float = 4.0) -> tuple[float, float, float] | None:
    """Return where events pile up along one axis: place, net counts and signal to noise; None without events.

    The highest sum of 5 one-pixel bins within `reach`, then an iterated mean within `half` less the even background
    (median bin).

    Parameters
    ----------
    along : float64 array, shape (n,)
        Pixels from a guess.
    reach, half : float
        Pixels.
    """
    near = along[np.abs(along) <= reach]
    if not near.size:
        return None
    edges = np.arange(-np.ceil(reach), np.ceil(reach) + 1.0)
    histogram = np.histogram(near, edges)[0].astype(float)
    centres = 0.5 * (edges[:-1] + edges[1:])
    place = float(centres[int(np.argmax(np.convolve(histogram, np.ones(5), mode="same")))])
    level = float(np.median(histogram))
    for _ in range(50):
        inside = near[np.abs(near - place) <= half]
        net = inside.size - level * 2.0 * half
        if not (net > 0):
            return place, 0.0, 0.0
        new = place + float(np.sum(inside - place)) / net
        done = abs(new - place) < 1e-4
        place = float(np.clip(new, -reach, reach))
        if done:
            break
    return place, net, net / float(np.sqrt(max(inside.size, 1)))


def streak_crossing(
    x: FloatArray,
    y: FloatArray,
    start: tuple[float, float],
    streak: FloatArray,
    arm: FloatArray,
    core: float = 12.0,
    width: float = 30.0,
) -> tuple[float, float, int, int] | None:
    """Return where the read-out streak and a dispersed arm cross, and the events that each line rests on.

    Parameters
    ----------
    start : (float, float)
        A first guess within `width` pixels.
    streak, arm : float64 arrays, shape (2,)
        Unit vectors of the lines on the sky.
    core : float
        Events nearer than this along a line are left out.

    Returns
    -------
    (x, y, streak events, arm events) or None
        None where one of the lines cannot be seen.
    """
    at = np.array(start, dtype=np.float64)
    counts = (0, 0)
    reach_streak, reach_arm = (core, 1200.0), (60.0, 1500.0)
    left = [np.array([-d[1], d[0]]) for d in (streak, arm)]
    window = width
    for _ in range(5):
        place = (float(at[0]), float(at[1]))
        offsets = [line_offset(x, y, place, d, r, window) for d, r in ((streak, reach_streak), (arm, reach_arm))]
        counts = (offsets[0][1], offsets[1][1])
        if not all(counts):
            return None
        # the crossing: left_k . (p - at) = offset_k for both lines
        move = np.linalg.solve(np.array(left), np.array([offsets[0][0], offsets[1][0]]))
        at = at + move
        window = min(window, 6.0)
        if float(np.hypot(*move)) < 1e-3:
            break
    return float(at[0]), float(at[1]), counts[0], counts[1]


def unit(angle_deg: float) -> NDArray[np.float64]:
    """Return the unit vector of an angle, deg counter-clockwise from +X."""
    t = np.deg2rad(angle_deg)
    return np.array([np.cos(t), np.sin(t)])
