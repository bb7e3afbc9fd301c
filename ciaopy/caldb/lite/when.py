"""Dates of the embedded calibration: decimal years, mission seconds, and the date that a request is about."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ciaopy.errors import CalibrationError

# Mission time zero, MJDREF 50814.0. The 64 s between TT and UTC do not matter here.
ZERO = datetime(1998, 1, 1, tzinfo=UTC)


def time_of_year(year: ArrayLike) -> NDArray[np.float64]:
    """Return the mission time (s) of decimal years."""

    def one(value: float) -> float:
        whole = int(value)
        start = datetime(whole, 1, 1, tzinfo=UTC)
        length = (datetime(whole + 1, 1, 1, tzinfo=UTC) - start).total_seconds()
        return (start - ZERO).total_seconds() + (value - whole) * length

    return np.array([one(float(y)) for y in np.ravel(np.asarray(year))], dtype=np.float64)


def year_of(product: str, header: Mapping[str, Any], constraints: Mapping[str, Any]) -> float:
    """Return the decimal year that a request is about.

    Parameters
    ----------
    product : str
        For the message.
    header : mapping
        Header of the observation: DATE-OBS, else TSTART.
    constraints : mapping
        `time` (mission seconds) overrides the header.

    Raises
    ------
    CalibrationError
        Neither a date nor a time, or one that cannot be read.
    """
    seconds = constraints.get("time")
    date = str(header.get("DATE-OBS", "")).strip()
    if seconds is None and not date:
        seconds = header.get("TSTART")
    try:
        if seconds is not None:
            moment = datetime.fromtimestamp(ZERO.timestamp() + float(seconds), tz=UTC)
        else:
            moment = datetime.fromisoformat(date).replace(tzinfo=UTC)
    except (ValueError, TypeError, OverflowError, OSError):
        raise CalibrationError(
            f"{product}: the embedded calibration needs the date of the observation, "
            f"and DATE-OBS is {date or 'missing'!r}; add DATE-OBS (yyyy-mm-ddThh:mm:ss) to the header"
        ) from None
    start = datetime(moment.year, 1, 1, tzinfo=UTC)
    length = datetime(moment.year + 1, 1, 1, tzinfo=UTC) - start
    return moment.year + (moment - start) / length
