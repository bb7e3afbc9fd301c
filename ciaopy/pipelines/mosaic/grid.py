"""The grid that all observations of a mosaic share, and the memory that it costs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ciaopy.datamodel import Workspace
from ciaopy.errors import NoDataError, UserError
from ciaopy.pipelines.imaging import (
    MOST_PIXELS,
    AxisRange,
    FluxJob,
    Limits,
    SkyGrid,
    explicit_grid,
    hrc_i_pixels,
    number,
)

if TYPE_CHECKING:
    from ciaopy.pipelines.imaging import FluxEvents

__all__ = ["Memory", "common_grid", "inside_grid", "pixel_for", "user_grid"]

# What Python, numpy, numba's compiled kernels and file buffers take, bytes.
BASE = 220e6
# Bytes for each pixel of the grid while one observation is made: counts, clipped copies, the flux image in float64.
IMAGE_BYTES = 28
# Bytes per pixel of the grid, band and chip: exposure maps in float32.
CHIP_BYTES = 4
# Bytes per pixel of each instrument map (float32) with its work space.
MAP_BYTES = 12
# Bytes per pixel while the observations are summed: two sums in float64, one image read, one written.
SUM_BYTES = 32


def common_grid(limits: Sequence[Limits], width: float) -> SkyGrid:
    """Return the grid that holds all observations, with pixels of `width` sky pixels.

    Raises
    ------
    UserError
        It would have too many pixels.
    """
    axes = []
    for k in (0, 1):
        axis = AxisRange.around(min(f[k][0] for f in limits), max(f[k][1] for f in limits), width)
        if axis.count > MOST_PIXELS:
            raise UserError(
                f"the mosaic would have {axis.count} pixels along an axis; give a larger binsize, or maxsize"
            )
        axes.append(axis)
    return SkyGrid.automatic(axes[0], axes[1])


def pixel_for(limits: Sequence[Limits], maxsize: int) -> float:
    """Return the pixel size, sky pixels, for images of at most about `maxsize` pixels a side.

    The size of the field over `maxsize`, rounded up to a fifth of a pixel.
    """
    spans = [max(f[k][1] for f in limits) - min(f[k][0] for f in limits) for k in (0, 1)]
    exact = max(spans) / maxsize
    return float(math.ceil(exact)) if exact == math.ceil(exact) else math.ceil(exact * 5 - 1e-9) / 5


def user_grid(text: str, ws: Workspace) -> SkyGrid:
    """Return the grid of `xygrid`, moved outwards to edges at 0.5 + k width.

    Raises
    ------
    UserError
        The text is neither a grid nor an image.
    """
    typed = explicit_grid(text, ws)
    x, y = (AxisRange.around(a.low, a.high, a.width) for a in (typed.x, typed.y))
    if (x.low, x.high, y.low, y.high) != (typed.x.low, typed.x.high, typed.y.low, typed.y.high):
        ws.console.say(f"xygrid is moved to whole pixels: {x.text},{y.text}", 1)
    return SkyGrid(x, y, (x.text, y.text), min(x.width, y.width), True)


def inside_grid(events: Mapping[str, FluxEvents], grid: SkyGrid, ws: Workspace) -> dict[str, tuple[int, ...]]:
    """Return, by label, the chips of the observations that have events in the grid.

    Raises
    ------
    NoDataError
        No observation has any, or only one of several.
    """
    found = {}
    for label, one in events.items():
        chips = one.chips_inside(grid.filter, ws)
        if chips:
            found[label] = chips
        else:
            ws.console.say(f"Skipping ObsID {label}: it has no events inside xygrid", 1)
    if not found or (len(found) == 1 and len(events) > 1):
        what = "no observation has" if not found else f"only ObsID {next(iter(found))} has"
        raise NoDataError(f"{what} events inside x={grid.x.text}, y={grid.y.text}; check xygrid")
    return found


@dataclass(frozen=True)
class Memory:
    """Bytes that a run needs at its peak; the number of observations does not come into it.

    Attributes
    ----------
    one : float
        For one observation.
    sums : float
        For summing.
    workers : int
        Observations at a time.
    """

    one: float
    sums: float
    workers: int

    @classmethod
    def of(cls, job: FluxJob, workers: int) -> Memory:
        """Estimate it from the grid, chips, bands and instrument maps of an observation, and how many run at a time."""
        pixels, maps = job.grid.x.count * job.grid.y.count, len(job.chips) * len(job.bands)
        each = IMAGE_BYTES + CHIP_BYTES * (maps + 2 * len(job.bands)) + (24 if job.options.psfecf is not None else 0)
        one = pixels * each + MAP_BYTES * maps * map_pixels(job)
        return cls(float(one), float(pixels * SUM_BYTES), workers)

    @property
    def peak(self) -> float:
        """Bytes at the peak."""
        return BASE + max(self.one * self.workers, self.sums)

    def fitted(self, available: float | None) -> Memory:
        """Return the same with as many observations at a time as fit.

        Raises
        ------
        UserError
            Not even one fits.
        """
        if available is None:
            return self
        workers = self.workers
        while workers > 1 and BASE + self.one * workers > available:
            workers -= 1
        fitted = Memory(self.one, self.sums, workers)
        if fitted.peak > available:
            raise UserError(
                f"the mosaic needs {fitted.peak / 1e9:.1f} GB of memory and {available / 1e9:.1f} GB are free; "
                "give a larger binsize, maxsize, or a smaller xygrid"
            )
        return fitted

    @property
    def describe(self) -> str:
        """What the user is told."""
        at_a_time = "one observation" if self.workers == 1 else f"{self.workers} observations"
        return f"{number(round(self.peak / 1e6))} MB at most, with {at_a_time} at a time"


def map_pixels(job: FluxJob) -> int:
    """Return the pixels of an instrument map of an observation."""
    if job.events.instrument == "ACIS":
        return 1024 * 1024
    return hrc_i_pixels(job.grid.binsize) ** 2 if job.events.detector == "HRC-I" else 4096 * 16456


def available_memory() -> float | None:
    """Return the memory that is free for new work, bytes; None where the system does not say."""
    path = Path("/proc/meminfo")
    if not path.is_file():
        return None
    for line in path.read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return float(line.split()[1]) * 1024
    return None
