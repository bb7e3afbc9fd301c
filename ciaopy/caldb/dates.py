"""Dates of calibration files and observations as modified Julian dates (days).

DATE-OBS of Chandra is TT and the index is UTC; the minute between them is ignored, as in the CALDB software, so that a
file serves from the midnight in its name.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

__all__ = ["mission_mjd", "parse_mjd"]

_EPOCH = datetime(1858, 11, 17, tzinfo=UTC)
_SECONDS_PER_DAY = 86400.0
# MJDREF of Chandra times: 1998-01-01.
_MISSION_START_MJD = 50814.0
_OLD_FORM = re.compile(r"(\d\d)/(\d\d)/(\d\d)")


def parse_mjd(date: str, time: str = "") -> float | None:
    """Return the MJD of a date, None if it cannot be understood.

    Parameters
    ----------
    date : str
        ISO date, with or without time (``2000-01-29T20:00:00``), or the former FITS form ``29/01/00`` (19yy).
    time : str
        ``hh:mm:ss`` where `date` has none.
    """
    text, clock = date.strip(), time.strip()
    old = _OLD_FORM.fullmatch(text)
    if old is not None:
        text = f"19{old[3]}-{old[2]}-{old[1]}"
    if "T" not in text and clock:
        text += f"T{clock}"
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    past = moment - _EPOCH
    return past.days + (past.seconds + 1e-6 * past.microseconds) / _SECONDS_PER_DAY


def mission_mjd(seconds: float) -> float:
    """Return the MJD of a Chandra time (s since 1998-01-01 TT)."""
    return _MISSION_START_MJD + seconds / _SECONDS_PER_DAY
