"""ONTIME, LIVETIME, EXPOSURE and their per-chip forms, TSTART and TSTOP, from the times of a subspace.

Rules settled on ObsIDs 754, 1230, 9774, 11843: ONTIMEn is the sum of GTIn, LIVTIMEn = EXPOSURn = ONTIMEn * DTCOR, and
the keywords without number repeat those of the first component. A GTI file leaves TSTART and TSTOP alone (evt2 files
keep those of evt1); an explicit `[time=lo:hi]` narrows them.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from ciaopy.datamodel.gti import Gti
from ciaopy.datamodel.subspace import Component, Ranges, Subspace, TimeTable
from ciaopy.datamodel.syntax import All, Filter, FilterExpression, RangeTerm

if TYPE_CHECKING:
    from ciaopy.fits import Header

PER_CHIP = re.compile(r"(ONTIME|LIVTIME|EXPOSUR)(\d+)$")


def chip_of(component: Component) -> int | None:
    """Return the chip of a component whose ccd_id is a single value, or None."""
    chips = component.get("ccd_id")
    if isinstance(chips, Ranges) and len(chips.spans) == 1 and chips.spans[0][0] == chips.spans[0][1]:
        value = chips.spans[0][0]
        return None if value is None else int(value)
    return None


def chip_times(subspace: Subspace) -> dict[int | None, Gti]:
    """Return the good times by chip (None: no chip named), in component order."""
    times: dict[int | None, Gti] = {}
    for component in subspace.components:
        time = component.get("time")
        if isinstance(time, TimeTable):
            chip = chip_of(component)
            times[chip] = times[chip] | time.gti if chip in times else time.gti
    return times


def update_livetime(header: Header, before: Subspace, after: Subspace) -> None:
    """Bring the exposure keywords of `header` in line with the times of `after`, where those changed.

    Nothing is written where neither the times nor the chips changed, or where the block has no time table.
    """
    old, new = chip_times(before), chip_times(after)
    if old == new and list(old) == list(new):
        return
    ratio = _live_fraction(header)
    for card in list(header.cards):
        match = PER_CHIP.match(card.keyword)
        if match and int(match[2]) not in new and (new or old) and None not in new:
            header.remove(card.keyword, ignore_missing=True)
    first = next(iter(new.values()), Gti())
    _write(header, ("ONTIME", "LIVETIME", "EXPOSURE"), first.duration, ratio)
    for chip, gti in new.items():
        if chip is not None:
            _write(header, (f"ONTIME{chip}", f"LIVTIME{chip}", f"EXPOSUR{chip}"), gti.duration, ratio)


def _live_fraction(header: Header) -> float:
    dtcor = header.get("DTCOR")
    if isinstance(dtcor, (int, float)) and dtcor > 0:
        return float(dtcor)
    ontime, livetime = header.get("ONTIME"), header.get("LIVETIME")
    if isinstance(ontime, (int, float)) and isinstance(livetime, (int, float)) and ontime > 0:
        return float(livetime) / float(ontime)
    return 1.0


def _write(header: Header, names: tuple[str, str, str], ontime: float, ratio: float) -> None:
    comments = ("[s] Sum of GTIs", "[s] Livetime", "[s] Exposure time")
    for name, value, comment in zip(names, (ontime, ontime * ratio, ontime * ratio), comments, strict=True):
        header[name] = (value, header.comments[name] if name in header else comment)


def update_limits(header: Header, filters: tuple[Filter, ...]) -> None:
    """Narrow TSTART, TSTOP, DATE-OBS and DATE-END to explicit ranges of time among the filters."""
    lo, hi = None, None
    for one in filters:
        for term in [] if one.exclude else _time_ranges(one.expression):
            los = [float(i.lo) if i.lo else None for i in term.items]
            his = [float(i.hi) if i.hi else None for i in term.items]
            known_lo, known_hi = [v for v in los if v is not None], [v for v in his if v is not None]
            if len(known_lo) == len(los):
                lo = max(min(known_lo), lo if lo is not None else min(known_lo))
            if len(known_hi) == len(his):
                hi = min(max(known_hi), hi if hi is not None else max(known_hi))
    start, stop = header.get("TSTART"), header.get("TSTOP")
    if lo is not None and math.isfinite(lo) and isinstance(start, (int, float)) and lo > start:
        header["TSTART"] = lo
        write_date(header, "DATE-OBS", lo)
    if hi is not None and math.isfinite(hi) and isinstance(stop, (int, float)) and hi < stop:
        header["TSTOP"] = hi
        write_date(header, "DATE-END", hi)


def _time_ranges(expression: FilterExpression) -> list[RangeTerm]:
    if isinstance(expression, All):
        return [t for p in expression.parts for t in _time_ranges(p)]
    if isinstance(expression, RangeTerm) and expression.name.lower() == "time":
        return [expression]
    return []


def write_date(header: Header, keyword: str, time: float) -> None:
    """Write a time (s since MJDREF, TIMESYS of the file) as `yyyy-mm-ddThh:mm:ss`, where the header has the keyword.

    A time outside the years 1 to 9999 has no date: the keyword goes.
    """
    from datetime import datetime, timedelta

    reference = header.get("MJDREF")
    if keyword in header and isinstance(reference, (int, float)):
        try:
            moment = datetime(1858, 11, 17) + timedelta(days=float(reference), seconds=time)
        except (OverflowError, ValueError):
            del header[keyword]
            return
        header[keyword] = moment.strftime("%Y-%m-%dT%H:%M:%S")
