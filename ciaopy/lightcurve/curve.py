"""A light curve as arrays, and the quiet part of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ciaopy.datamodel import Gti
from ciaopy.errors import DataError, NoDataError
from ciaopy.messages import enumerated

if TYPE_CHECKING:
    from ciaopy.datamodel import Workspace
    from ciaopy.fits import Table

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

# Header keywords that say what the light curve is of.
LABELS = (
    "OBJECT", "OBS_ID", "EXPOSURE", "DTCOR", "ONTIME", "TIMEDEL", "MJDREF", "MJDREFI", "MJDREFF", "TIMESYS", "TIMEZERO",
    "TIMEUNIT",
)  # fmt: skip
RATES = ("count_rate", "rate")
ERRORS = {"count_rate": ("count_rate_err",), "rate": ("rate_err", "error")}


@dataclass(frozen=True)
class LightCurve:
    """A light curve of n bins.

    Attributes
    ----------
    time : ndarray, shape (n,), float64
        TIME, s (MET).
    rate : ndarray, shape (n,), float64
        COUNT_RATE, else RATE, count/s.
    exposure : ndarray, shape (n,), float64, or None
        EXPOSURE, live time in each bin, s.
    start, stop : ndarray, shape (n,), float64, or None
        TIME_MIN and TIME_MAX, s; both or none.
    rate_name : str
        Name of the column of rates.
    labels : dict
        Of the header: OBJECT, OBS_ID, EXPOSURE, DTCOR, ONTIME, TIMEDEL and the frame of times, those there are.
    name : str
        Of the file, for messages.
    error : ndarray, shape (n,), float64, or None
        COUNT_RATE_ERR, or RATE_ERR or ERROR beside RATE, count/s; for pictures only.
    """

    time: FloatArray
    rate: FloatArray
    exposure: FloatArray | None = None
    start: FloatArray | None = None
    stop: FloatArray | None = None
    rate_name: str = "COUNT_RATE"
    labels: dict[str, Any] = field(default_factory=dict)
    name: str = "light curve"
    error: FloatArray | None = None

    def __post_init__(self) -> None:
        lengths = {
            len(a) for a in (self.time, self.rate, self.exposure, self.start, self.stop, self.error) if a is not None
        }
        if len(lengths) > 1:
            raise DataError(f"{self.name}: columns of different lengths: {sorted(lengths)}")

    @classmethod
    def read(cls, vfile: str, ws: Workspace | None = None) -> LightCurve:
        """Read a light curve, such as `dmextract ... opt=ltc1` makes.

        Raises
        ------
        DataError
            See `from_table`.
        """
        from ciaopy.datamodel import read
        from ciaopy.fits import Table

        block = read(vfile, ws)
        if not isinstance(block, Table):
            raise DataError(f"{vfile}: an image; a light curve is needed, as made by dmextract with opt=ltc1")
        return cls.from_table(block, vfile)

    @classmethod
    def from_table(cls, table: Table, name: str = "light curve") -> LightCurve:
        """Take the columns of a light curve; names in any case.

        Raises
        ------
        DataError
            No TIME, neither COUNT_RATE nor RATE, or a column that is no plain number.
        NoDataError
            No rows, or a single one.
        """
        rate = next((r for r in RATES if r in table), None)
        if rate is None or "time" not in table:
            wanted = "COUNT_RATE or RATE" if rate is None else "TIME"
            raise DataError(
                f"{name}: no column {wanted} in block {table.name} ({enumerated(table.names) or 'no columns'}); "
                "make a light curve with dmextract and opt=ltc1"
            )
        if table.nrows < 2:
            bins = "no bins" if table.nrows == 0 else "a single bin"
            raise NoDataError(f"{name}: the light curve has {bins}; bin the events more finely")
        times = [_numbers(table, c, name) if c in table else None for c in ("time_min", "time_max")]
        both = all(t is not None for t in times)
        return cls(
            _numbers(table, "time", name),
            _numbers(table, rate, name),
            _numbers(table, "exposure", name) if "exposure" in table else None,
            times[0] if both else None,
            times[1] if both else None,
            table.column(rate).name,
            {k: table.header[k] for k in LABELS if k in table.header},
            name,
            next((_numbers(table, e, name) for e in ERRORS[rate] if e in table), None),
        )

    @property
    def valid(self) -> BoolArray:
        """Bins with a rate above 0."""
        return np.asarray(self.rate > 0)

    @property
    def bin_width(self) -> float:
        """Largest EXPOSURE, s; 0 where there is none."""
        if self.exposure is None or not np.isfinite(self.exposure).any():
            return 0.0
        return float(np.nanmax(self.exposure))

    def require_valid(self) -> BoolArray:
        """Return `valid`.

        Raises
        ------
        NoDataError
            No bin has a rate above 0.
        """
        valid = self.valid
        if not valid.any():
            raise NoDataError(f"{self.name}: no bin of the light curve has a rate above 0")
        return valid


@dataclass(frozen=True)
class QuietTimes:
    """What a method found in a light curve.

    Attributes
    ----------
    good : ndarray of bool, shape (n,)
        Quiet bins.
    limits : tuple of float
        Lower and upper rate, count/s: good bins have limits[0] < rate < limits[1].
    mean : float
        Mean rate of the good bins, count/s.
    intervals : Gti or None
        Good times where the limits alone do not give them (runs that were too short are left out); None: use the
        limits.
    method : str
        `lc_clean` or `lc_sigma_clip`.
    """

    good: BoolArray
    limits: tuple[float, float]
    mean: float
    intervals: Gti | None
    method: str

    @property
    def fraction(self) -> float:
        """Share of all bins that are good."""
        return float(np.count_nonzero(self.good) / self.good.size)


def within(rate: FloatArray, limits: tuple[float, float]) -> BoolArray:
    """Return ``limits[0] < rate < limits[1]``, bool, shape (n,); false for NaN."""
    return np.asarray((rate > limits[0]) & (rate < limits[1]))


def runs(good: BoolArray) -> NDArray[np.int64]:
    """Return first and last index (inclusive) of the runs of consecutive true values, shape (m, 2)."""
    padded = np.concatenate([[False], good, [False]]).astype(np.int8)
    change = np.diff(padded)
    return np.stack([np.flatnonzero(change == 1), np.flatnonzero(change == -1) - 1], axis=-1).astype(np.int64)


def run_times(curve: LightCurve, found: NDArray[np.int64]) -> Gti:
    """Return the times of runs of bins: TIME_MIN of the first to TIME_MAX of the last (TIME where there is none);
    `found` has shape (runs, 2)."""
    start = curve.time if curve.start is None else curve.start
    stop = curve.time if curve.stop is None else curve.stop
    return Gti(start[found[:, 0]], stop[found[:, 1]])


def _numbers(table: Table, column: str, name: str) -> FloatArray:
    data = np.asarray(table[column])
    if data.ndim != 1 or data.dtype.kind not in "fiu":
        raise DataError(
            f"{name}: column {table.column(column).name} of block {table.name} is not a plain number column"
        )
    return np.ascontiguousarray(data, np.float64)
