"""What every calibration product has in common, and the few interpolation rules they share.

A product is a frozen dataclass of plain arrays. It knows where its numbers came from (`source`) and whether they are
the embedded approximation (`is_lite`); everything else about it is data and evaluation.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ciaopy.errors import CalibrationError

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int32]

# CCD_ID 0-3 are ACIS-I0..I3, 4-9 ACIS-S0..S5; S1 and S3 are back-illuminated (ACIS instrument handbook).
ACIS_CCDS = tuple(range(10))
BACK_ILLUMINATED = (5, 7)
ACIS_SIZE = 1024

# Shell codes of the CALDB (boundary condition SHELL): mirror pairs 1, 3, 4, 6, and all four.
SHELLS = ("1000", "0100", "0010", "0001")
ALL_SHELLS = "1111"


@dataclass(frozen=True, kw_only=True, eq=False)
class Product:
    """A calibration product.

    Attributes
    ----------
    source : str
        File the numbers were read from, with `[HDU]` where one HDU was named; `ciaopy-lite-N: TABLE` for the
        embedded approximation.
    is_lite : bool
        True for the embedded approximation.
    """

    source: str
    is_lite: bool = False

    @property
    def filename(self) -> str:
        """Name for header keywords (`GAINFILE`, `CTIFILE`, ...): the file without folder and HDU."""
        if self.is_lite:
            return self.source.partition(":")[0]
        return PurePath(self.source.partition("[")[0]).name


@dataclass(frozen=True, eq=False)
class ChipRegions:
    """Which row of a table serves which chip pixel.

    Attributes
    ----------
    index : int32 array, shape (ny, nx)
        Row number per cell of the chip, -1 where no row covers it.
    cell_x, cell_y : int
        Pixels per cell. The row of pixel (chipx, chipy), both from 1, is
        ``index[(chipy - 1) // cell_y, (chipx - 1) // cell_x]``.
    """

    index: IntArray
    cell_x: int
    cell_y: int

    @classmethod
    def from_limits(cls, limits: NDArray[np.int64], size: int = ACIS_SIZE) -> ChipRegions:
        """Build the index from inclusive pixel limits.

        Parameters
        ----------
        limits : int array, shape (n, 4)
            CHIPX_MIN, CHIPX_MAX, CHIPY_MIN, CHIPY_MAX per row, from 1, inclusive; clipped to the chip. Where rows
            overlap, the later one holds.
        size : int
            Pixels along a side of the chip.

        Raises
        ------
        CalibrationError
            An upper limit below its lower limit.
        """
        low = np.clip(limits[:, 0::2] - 1, 0, size)
        high = np.clip(limits[:, 1::2], 0, size)
        if np.any(limits[:, 1::2] < limits[:, 0::2]):
            raise CalibrationError("chip regions with an upper limit below the lower limit")
        cell_x = int(np.gcd.reduce(np.concatenate([low[:, 0], high[:, 0], [size]])))
        cell_y = int(np.gcd.reduce(np.concatenate([low[:, 1], high[:, 1], [size]])))
        index = np.full((size // cell_y, size // cell_x), -1, dtype=np.int32)
        for row, (x0, x1, y0, y1) in enumerate(
            zip(low[:, 0] // cell_x, high[:, 0] // cell_x, low[:, 1] // cell_y, high[:, 1] // cell_y, strict=True)
        ):
            index[y0:y1, x0:x1] = row
        return cls(index, cell_x, cell_y)

    def rows(self, chipx: ArrayLike, chipy: ArrayLike) -> IntArray:
        """Return the row number of each pixel (integers from 1), -1 off the chip or where nothing covers it."""
        ix = (np.asarray(chipx, dtype=np.int64) - 1) // self.cell_x
        iy = (np.asarray(chipy, dtype=np.int64) - 1) // self.cell_y
        ny, nx = self.index.shape
        inside = (ix >= 0) & (ix < nx) & (iy >= 0) & (iy < ny)
        found = self.index[np.clip(iy, 0, ny - 1), np.clip(ix, 0, nx - 1)]
        return np.where(inside, found, np.int32(-1)).astype(np.int32)


@dataclass(frozen=True, eq=False)
class ChipCurves:
    """Curves on regions of one chip: the layout of the gain, time-gain and charge-transfer tables.

    Attributes
    ----------
    regions : ChipRegions
        Row of the arrays below for each pixel.
    npoints : int32 array, shape (n,)
        Valid points per row; the rest of a row is padding.
    x : float64 array, shape (n, m)
        Ascending abscissa per row (PHA in adu).
    y : dict of name to float64 array, shape (n, m)
        The curves, by column name in lower case.
    """

    regions: ChipRegions
    npoints: IntArray
    x: FloatArray
    y: dict[str, FloatArray] = field(default_factory=dict)

    def evaluate(self, name: str, chipx: ArrayLike, chipy: ArrayLike, x: ArrayLike, extrapolate: bool) -> FloatArray:
        """Interpolate curve `name` linearly at `x` for each pixel.

        Parameters
        ----------
        name : str
            Key of `y`.
        chipx, chipy : int array-like
            Pixels, from 1; broadcast with `x`.
        x : float array-like
            Abscissa.
        extrapolate : bool
            Continue the end segments (True) or hold the end values (False).

        Returns
        -------
        float64 array
            NaN where no row covers the pixel.
        """
        cx, cy, value = np.broadcast_arrays(np.asarray(chipx), np.asarray(chipy), np.asarray(x, dtype=np.float64))
        rows = self.regions.rows(cx, cy)
        out = np.full(value.shape, np.nan)
        for row in np.unique(rows[rows >= 0]):
            n = int(self.npoints[row])
            chosen = rows == row
            out[chosen] = interpolate(value[chosen], self.x[row, :n], self.y[name][row, :n], extrapolate=extrapolate)
        return out


def interpolate(x: ArrayLike, xp: FloatArray, fp: FloatArray, *, extrapolate: bool = False) -> FloatArray:
    """Interpolate linearly in a table with ascending abscissa.

    Parameters
    ----------
    x : float array-like
        Where to evaluate.
    xp, fp : float64 array, shape (n,), n >= 1
        The table.
    extrapolate : bool
        Outside the table continue the first or last segment; else hold the end values.

    Returns
    -------
    float64 array
        Shape of `x`; NaN where `x` is NaN.
    """
    value = np.asarray(x, dtype=np.float64)
    out = np.asarray(np.interp(value, xp, fp))
    if extrapolate and len(xp) > 1:
        for outside, first in ((value < xp[0], 0), (value > xp[-1], len(xp) - 2)):
            width = xp[first + 1] - xp[first]
            if np.any(outside) and width > 0:
                slope = (fp[first + 1] - fp[first]) / width
                out = np.where(outside, fp[first] + slope * (value - xp[first]), out)
    return out


def bracket(x: ArrayLike, xp: FloatArray) -> tuple[NDArray[np.intp], FloatArray]:
    """Return the lower knot and the fraction towards the next one for each `x`, ends held.

    Parameters
    ----------
    x : float array-like
        Where to evaluate.
    xp : float64 array, shape (n,), n >= 1
        Ascending knots.

    Returns
    -------
    (intp array, float64 array)
        `i` in 0..max(n-2, 0) and `f` in 0..1, with ``x = xp[i] + f * (xp[i+1] - xp[i])`` inside the table.
    """
    value = np.asarray(x, dtype=np.float64)
    if len(xp) == 1:
        return np.zeros(value.shape, dtype=np.intp), np.zeros(value.shape)
    i = np.clip(np.searchsorted(xp, value, side="right") - 1, 0, len(xp) - 2)
    width = xp[i + 1] - xp[i]
    f = np.clip((value - xp[i]) / np.where(width > 0, width, 1.0), 0.0, 1.0)
    return i, f


def multilinear(table: FloatArray, axes: list[tuple[NDArray[np.intp], FloatArray]]) -> FloatArray:
    """Interpolate linearly in all dimensions of a table.

    Parameters
    ----------
    table : float64 array, shape (n1, n2, ...)
        Values on a grid.
    axes : list of (lower knot, fraction)
        As made by `bracket`, one per dimension; broadcast against each other.

    Returns
    -------
    float64 array
        Shape of the broadcast positions.
    """
    total: Any = 0.0
    for corner in np.ndindex(*(2,) * len(axes)):
        weight: Any = 1.0
        where = []
        for bit, (i, f), n in zip(corner, axes, table.shape, strict=True):
            weight = weight * (f if bit else 1.0 - f)
            where.append(np.minimum(i + bit, n - 1))
        total = total + weight * table[tuple(where)]
    return np.asarray(total, dtype=np.float64)


def pick(mapping: dict[int, Any], key: int, what: str, source: str) -> Any:
    """Return ``mapping[key]``, or say which ones there are.

    Raises
    ------
    CalibrationError
        No such key.
    """
    try:
        return mapping[int(key)]
    except KeyError:
        there = ", ".join(str(k) for k in sorted(mapping)) or "none"
        raise CalibrationError(f"{source}: nothing for {what} {key}; it has {what} {there}") from None
