"""Dead time of the HRC: statistics of the live fractions inside good times, and the repair of corrupt rates.

Statistics exact on five observations (4e-13); the repair follows the published description of patch_hrc_ssc.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ciaopy.datamodel import Gti
from ciaopy.errors import DataError, NoDataError
from ciaopy.fits import Table
from ciaopy.messages import enumerated

__all__ = [
    "DeadTimeStatistics", "RatePatch", "corrupt_rates", "dead_time_statistics", "patched", "record_length",
    "records_inside", "step_onto", "table_statistics",
]  # fmt: skip

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class DeadTimeStatistics:
    """What hrc_dtfstats writes.

    Attributes
    ----------
    records : int
        Records used.
    mean, chisq, minimum, maximum : float
        Unweighted mean of the live fraction (DTCOR), sum(((DTF - mean) / DTF_ERR)^2), extremes.
    degrees : int
        Records minus 2.
    """

    records: int
    mean: float
    chisq: float
    minimum: float
    maximum: float
    degrees: int

    @property
    def reduced(self) -> float:
        """Chi-square per degree of freedom; NaN for fewer than three records."""
        return self.chisq / self.degrees if self.degrees > 0 else float("nan")


def records_inside(time: FloatArray, length: float, gti: Gti) -> NDArray[np.bool_]:
    """Return the records that lie in one good time interval: start <= TIME and TIME + length <= stop.

    TIME acts as the record's start, whatever TIMEPIXR says (ObsIDs 2886, 22772, 22793, 62649, 62650).
    """
    interval = np.searchsorted(gti.start, time, side="right") - 1
    known = interval >= 0
    stop = gti.stop[np.where(known, interval, 0)] if len(gti) else np.zeros(len(time))
    return np.asarray(known & (time + length <= stop), bool)


def dead_time_statistics(
    time: FloatArray, factor: FloatArray, error: FloatArray, length: float, gti: Gti | None
) -> DeadTimeStatistics:
    """Return the statistics of the records inside the good times; all records for None.

    Parameters
    ----------
    time : float64 array, shape (n,)
        s (MET).
    factor, error : float64 array, shape (n,)
        Live fraction and its error.
    length : float
        DTF_RLEN: seconds of a record.
    gti : Gti or None

    Raises
    ------
    NoDataError
        No record is left.
    DataError
        A fraction or error is not a number.
    """
    chosen = np.ones(len(time), bool) if gti is None else records_inside(time, length, gti)
    if not chosen.any():
        where = "it is empty" if gti is None else f"none of its {len(time)} lies inside the good times"
        raise NoDataError(f"no dead-time record to use: {where}")
    f, e = factor[chosen], error[chosen]
    if not (np.isfinite(f).all() and np.isfinite(e).all()):
        raise DataError("a dead-time factor or its error is not a number; drop the row with a filter")
    mean = float(np.mean(f))
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(f == mean, 0.0, (f - mean) / e) ** 2
    return DeadTimeStatistics(len(f), mean, float(terms.sum()), float(f.min()), float(f.max()), len(f) - 2)


def record_length(table: Table, where: str) -> float:
    """Return DTF_RLEN, the seconds of a record; without it TIMEDEL."""
    for key in ("DTF_RLEN", "TIMEDEL"):
        value = table.header.get(key)
        if isinstance(value, (int, float)) and value > 0:
            return float(value)
    raise DataError(f"{where}: neither DTF_RLEN nor TIMEDEL, the length of a record; set it with dmhedit")


def table_statistics(
    table: object, where: str, gti: Gti | None, gtifile: str, columns: tuple[str, str] = ("DTF", "DTF_ERR")
) -> DeadTimeStatistics:
    """Return the statistics of a dead-time table; errors name the files."""
    if not isinstance(table, Table):
        raise DataError(f"{where}: an image, not a dead-time table; give the dtf1 file")
    missing = [c for c in ("TIME", *columns) if c not in table]
    if missing:
        raise DataError(
            f"{where}: no column {missing[0]} in block {table.name}; it has {enumerated(table.names)}; give the dtf1"
        )
    time, factor, error = (np.asarray(table[c], np.float64) for c in ("TIME", *columns))
    try:
        return dead_time_statistics(time, factor, error, record_length(table, where), gti)
    except NoDataError as problem:
        inside = f" ({gtifile})" if gti is not None else ""
        raise NoDataError(f"{where}: {problem}{inside}; give the dtf1 and the good times of one observation") from None
    except DataError as problem:
        raise DataError(f"{where}: {problem}") from None


@dataclass(frozen=True, eq=False)
class RatePatch:
    """Corrupt rates of a dead-time file.

    Attributes
    ----------
    corrupt : bool array, shape (n,)
        Records whose smoothed count exceeds the threshold.
    factor, error : float
        Medians of the sound records, which replace the corrupt ones.
    first_sound : float
        Time of the first sound record, s.
    """

    corrupt: NDArray[np.bool_]
    factor: float
    error: float
    first_sound: float


def _boxcar(values: FloatArray, width: int) -> FloatArray:
    """Return the running mean of `width` samples, what lies beyond the ends counting as 0."""
    return np.asarray(np.convolve(values, np.ones(width) / width, mode="same"))


def corrupt_rates(
    time: FloatArray, count: FloatArray, factor: FloatArray, error: FloatArray, threshold: float, width: int
) -> RatePatch | None:
    """Return which dead-time records have corrupt rates, None where no count exceeds the threshold.

    Raises
    ------
    NoDataError
        All counts exceed the threshold.
    """
    if not (count > threshold).any():
        return None
    sound = count <= threshold
    if not sound.any():
        raise NoDataError(f"every TOTAL_EVT_COUNT exceeds {threshold:g}: no sound record to repair from")
    return RatePatch(
        _boxcar(count, width) > threshold,
        float(np.median(factor[sound])),
        float(np.median(error[sound])),
        float(time[sound][0]),
    )


def patched(values: NDArray[np.generic], corrupt: NDArray[np.bool_], value: float) -> NDArray[np.generic]:
    """Return a copy with `value` in the corrupt rows."""
    out = values.copy()
    out[corrupt] = value
    return out


def step_onto(times: FloatArray, source_time: FloatArray, values: FloatArray) -> FloatArray:
    """Return, for each time, the value of the last source row at or before it (the first before all)."""
    last = np.clip(np.searchsorted(source_time, times, side="right") - 1, 0, len(source_time) - 1)
    return values[last]
