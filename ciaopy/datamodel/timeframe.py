"""What times count from: two tables may be joined by their times only where they count from the same moment.

The frame is MJDREF (or MJDREFI + MJDREFF), TIMESYS, TIMEZERO and TIMEUNIT (OGIP memo 93-003). Nothing is converted: a
shift of times would have to reach every column, good time and keyword of a file. What a header does not say is taken
to be as in the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ciaopy.errors import DataError

if TYPE_CHECKING:
    from ciaopy.fits import Header

__all__ = ["TimeFrame", "require_one_time"]

# Days: a millisecond. MJDREF is written with as many digits as a double has.
TOLERANCE_DAYS = 1e-3 / 86400.0


@dataclass(frozen=True)
class TimeFrame:
    """Zero point, days (None: not said); system (`TT`), empty where not said; offset TIMEZERO, s; unit of times."""

    zero_mjd: float | None
    system: str = ""
    offset_s: float = 0.0
    unit: str = "s"

    @classmethod
    def of(cls, header: Mapping[str, Any]) -> TimeFrame:
        """Read the frame of a header."""
        whole, part = _number(header, "MJDREFI"), _number(header, "MJDREFF")
        zero = _number(header, "MJDREF")
        if zero is None and whole is not None:
            zero = whole + (part or 0.0)
        system = str(header.get("TIMESYS", "")).strip().upper()
        unit = str(header.get("TIMEUNIT", "")).strip().lower() or "s"
        return cls(zero, system, _number(header, "TIMEZERO") or 0.0, {"sec": "s", "seconds": "s"}.get(unit, unit))

    def difference(self, other: TimeFrame) -> str:
        """Return in which keywords two frames differ, such as `MJDREF 50814 and 40000`; empty where they agree."""
        found = []
        zeros = self.zero_mjd, other.zero_mjd
        if zeros[0] is not None and zeros[1] is not None and abs(zeros[0] - zeros[1]) > TOLERANCE_DAYS:
            found.append(f"MJDREF {zeros[0]:.15g} and {zeros[1]:.15g}")
        if self.system and other.system and self.system != other.system:
            found.append(f"TIMESYS {self.system} and {other.system}")
        if abs(self.offset_s - other.offset_s) > TOLERANCE_DAYS * 86400.0:
            found.append(f"TIMEZERO {self.offset_s:.15g} and {other.offset_s:.15g}")
        if self.unit != other.unit:
            found.append(f"TIMEUNIT {self.unit} and {other.unit}")
        return ", ".join(found)


def _number(header: Mapping[str, Any], key: str) -> float | None:
    value = header.get(key)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def require_one_time(named: Sequence[tuple[str, Header]]) -> None:
    """Raise unless the times of all files count from the same moment.

    Parameters
    ----------
    named : sequence of (name, header)

    Raises
    ------
    DataError
        With the two files and the keywords.
    """
    frames = [TimeFrame.of(header) for _, header in named]
    for i, frame in enumerate(frames):
        for k in range(i):
            text = frames[k].difference(frame)
            if text:
                raise DataError(
                    f"{named[i][0]}: its times do not count as those of {named[k][0]} ({text}); "
                    "bring its time columns, good times and keywords to one zero point first"
                )
