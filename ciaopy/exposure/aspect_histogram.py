"""The aspect histogram: how long the optical axis stood at each offset from the nominal pointing.

Offsets follow the archive's aspect-offset files (ObsID 1230, 60 510 records): X and Y are those of
``TANworld2pix(RA, DEC; RA_NOM, DEC_NOM)`` less the reference pixel, so +X is West; roll is the plain difference
``ROLL - ROLL_NOM``. The attitude behind an offset is therefore known without approximation, and the rotation on the
tangent plane is ``R = ROLL + (RA - RA_NOM) sin(DEC)`` (ObsID 754: 0.0007 pixel at most against the full projection;
the bare roll offset would cost 0.15). dy, dz, dtheta are folded into ra, dec, roll first, as asp_offaxis_corr does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ciaopy.coords import AspectSolution, Attitude, SkyFrame, absorb_offsets
from ciaopy.datamodel import Gti
from ciaopy.errors import NoDataError, UserError

__all__ = ["AspectHistogram", "AspectOffsets", "LiveFraction", "aspect_histogram", "record_durations"]

FloatArray = NDArray[np.float64]
UNKNOWN = (float("nan"),) * 3
# Cells of the grid of offsets, empty ones included, that may be counted in memory.
MOST_CELLS = 1 << 22


@dataclass(frozen=True)
class AspectHistogram:
    """Time spent at each offset of the optical axis.

    Attributes
    ----------
    x_off, y_off : float64 array, shape (n,)
        Sky pixels, +x = West.
    roll_off : float64 array, shape (n,)
        Degrees, ROLL - ROLL_NOM.
    duration : float64 array, shape (n,)
        s, dead time taken off.
    first, width : (float, float, float)
        Centre of the first bin, and width of the bins, in x, y (pixel) and roll (deg); NaN where they are not known.
    """

    x_off: FloatArray
    y_off: FloatArray
    roll_off: FloatArray
    duration: FloatArray
    first: tuple[float, float, float] = UNKNOWN
    width: tuple[float, float, float] = UNKNOWN

    def __len__(self) -> int:
        return int(self.duration.size)

    @property
    def total(self) -> float:
        """Sum of the durations, s."""
        return float(np.sum(self.duration))

    def mean(self) -> AspectHistogram:
        """Return the histogram of one bin: mean offsets, weighted with time, and the whole duration.

        Raises
        ------
        NoDataError
            There is no time in it.
        """
        if not self.total > 0:
            raise NoDataError("aspect histogram: no time in it; check the good time intervals")
        values = (np.average(v, weights=self.duration) for v in (self.x_off, self.y_off, self.roll_off))
        x, y, roll = (np.array([v]) for v in values)
        return AspectHistogram(x, y, roll, np.array([self.total]))

    def attitudes(self, frame: SkyFrame) -> Attitude:
        """Return the attitude of every bin (dy = dz = dtheta = 0)."""
        ref = frame.detector.ref
        ra, dec = frame.plane.pixel_to_world(self.x_off + ref, self.y_off + ref)
        return Attitude.of(ra, dec, frame.roll_nom + self.roll_off)


@dataclass(frozen=True)
class LiveFraction:
    """Live-time fraction: one number (ACIS: DTCOR), or a table in time (HRC: dtf1), linear between rows, ends held.

    Attributes
    ----------
    time : float64 array, shape (m,)
        s, ascending.
    factor : float64 array, shape (m,)
    """

    time: FloatArray
    factor: FloatArray

    @classmethod
    def constant(cls, factor: float) -> LiveFraction:
        """Return the same fraction at all times."""
        return cls(np.zeros(1), np.array([float(factor)]))

    def at(self, time: ArrayLike) -> FloatArray:
        """Return the fraction at times, s."""
        return np.asarray(np.interp(np.asarray(time, np.float64), self.time, self.factor))


@dataclass(frozen=True)
class AspectOffsets:
    """The offsets of every record of an aspect solution from the nominal pointing; the same for all chips.

    Attributes
    ----------
    solution : AspectSolution
    x, y : float64 array, shape (len(solution),)
        Sky pixels, +x = West.
    roll : float64 array, shape (len(solution),)
        Degrees, in [-180, 180).
    scale : float
        Width of a sky pixel, arcsec.
    """

    solution: AspectSolution
    x: FloatArray
    y: FloatArray
    roll: FloatArray
    scale: float

    @classmethod
    def of(cls, solution: AspectSolution, frame: SkyFrame) -> AspectOffsets:
        """Return the offsets of a solution from the nominal pointing of a frame."""
        folded = absorb_offsets(solution.attitudes(), frame.detector.focal_length)
        x, y = frame.plane.world_to_pixel(folded.ra, folded.dec)
        ref = frame.detector.ref
        roll = (folded.roll - frame.roll_nom + 180.0) % 360.0 - 180.0
        return cls(solution, x - ref, y - ref, roll, frame.detector.scale)

    def histogram(
        self,
        gti: Gti,
        live: LiveFraction | None = None,
        resolution: tuple[float, float] = (0.5, 600.0),
        max_bin: float = 10000,
    ) -> AspectHistogram:
        """Bin the offsets within the good times of a chip.

        Parameters
        ----------
        gti : Gti
        live : LiveFraction, optional
            Default: no dead time.
        resolution : (float, float)
            Widths of the bins: x and y, and roll, arcsec.
        max_bin : float
            Most bins that the range of the offsets may need.

        Returns
        -------
        AspectHistogram
            Bins with time in them, in order of roll, y, x; offsets are the time-weighted means of the bins' records.

        Raises
        ------
        NoDataError
            The aspect solution does not overlap the good times.
        UserError
            A width is not positive, or more bins are needed than `max_bin`.
        """
        if not (resolution[0] > 0 and resolution[1] > 0):
            raise UserError(f"res_xy={resolution[0]:g}, res_roll={resolution[1]:g}: bin widths must be above 0")
        solution = self.solution
        duration = record_durations(solution, gti, live or LiveFraction.constant(1.0))
        used = duration > 0
        if not used.any():
            raise NoDataError(
                f"{solution.name}: aspect {solution.time[0]:.2f}..{solution.until[-1]:.2f} s has no time in common "
                "with the good time intervals; give the asol file of this observation"
            )
        values = (self.x[used], self.y[used], self.roll[used])
        return _binned(values, duration[used], self.scale, resolution, max_bin)


def record_durations(solution: AspectSolution, gti: Gti, live: LiveFraction) -> FloatArray:
    """Return the live time of each aspect record: its validity inside the good times, times the live fraction there.

    Parameters
    ----------
    solution : AspectSolution
        Record k holds from its time to that of the next one.
    gti : Gti
    live : LiveFraction

    Returns
    -------
    float64 array, shape (len(solution),)
        s.
    """
    middle = 0.5 * (solution.time + solution.until)
    return np.asarray(gti.overlap(solution.time, solution.until) * live.at(middle))


def aspect_histogram(
    solution: AspectSolution,
    gti: Gti,
    frame: SkyFrame,
    live: LiveFraction | None = None,
    resolution: tuple[float, float] = (0.5, 600.0),
    max_bin: float = 10000,
) -> AspectHistogram:
    """Bin the aspect solution into offsets and time.

    Parameters
    ----------
    solution : AspectSolution
    gti : Gti
        Good times of the chip.
    frame : SkyFrame
        Nominal pointing, and the detector whose pixels are meant.
    live, resolution, max_bin
        As `AspectOffsets.histogram`, which serves several chips. So do what comes back, and the errors.
    """
    return AspectOffsets.of(solution, frame).histogram(gti, live, resolution, max_bin)


def _binned(
    offsets: tuple[FloatArray, FloatArray, FloatArray],
    duration: FloatArray,
    scale: float,
    resolution: tuple[float, float],
    max_bin: float,
) -> AspectHistogram:
    """Return the histogram of offsets (pixels of `scale` arcsec, and degrees)."""
    width = (resolution[0] / scale, resolution[0] / scale, resolution[1] / 3600.0)
    index = [np.floor((v - v.min()) / w).astype(np.int64) for v, w in zip(offsets, width, strict=True)]
    counts = [int(i.max()) + 1 for i in index]
    needed = counts[0] * counts[1] * counts[2]
    if needed > max_bin:
        raise UserError(
            f"the aspect histogram needs {needed} bins ({counts[0]} x {counts[1]} x {counts[2]} in x, y, roll), "
            f"more than max_bin={max_bin:g}; raise max_bin or res_xy"
        )
    key = (index[2] * counts[1] + index[1]) * counts[0] + index[0]
    _, place = _ranked(key, needed) if needed <= MOST_CELLS else np.unique(key, return_inverse=True)
    time = np.asarray(np.bincount(place, duration), np.float64)
    x, y, roll = (np.bincount(place, duration * v) / time for v in offsets)
    first = tuple(float(v.min()) + w / 2 for v, w in zip(offsets, width, strict=True))
    return AspectHistogram(x, y, roll, time, (first[0], first[1], first[2]), width)


def _ranked(key: NDArray[np.int64], cells: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the values of `key` (0 <= key < cells) in order, and the place of each key among them, without sorting."""
    there = np.flatnonzero(np.bincount(key, minlength=cells))
    rank = np.empty(cells, np.int64)
    rank[there] = np.arange(there.size)
    return there, rank[key]
