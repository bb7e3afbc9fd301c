"""Rules on times: TIME against TSTART, TSTOP and the good times; ONTIME, LIVETIME, EXPOSURE; good times."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np

from ciaopy.conformance.findings import ERROR, WARNING, Finding
from ciaopy.conformance.product import GoodTimes, Part, Product
from ciaopy.conformance.rows import BadRows, Columns, RowRule, share
from ciaopy.fits import Array

__all__ = ["exposure_rules", "gti_rules", "header_time_rules", "time_row_rules"]

#: s
SPAN_TOLERANCE = 1.0
GTI_TOLERANCE = 1e-6
DATE_TOLERANCE = 2.0
SUM_TOLERANCE = 1e-3
RELATIVE_TOLERANCE = 1e-6
#: TSTART counts from here (MJD 50814.0 TT). Source: MJDREF of every real file.
EPOCH = datetime(1998, 1, 1)
EPOCH_MJD = 50814.0
_ONE_CHIP = re.compile(r"ACIS-(\d)$")
#: Tables whose TIME runs from TSTART to TSTOP.
TIMED = ("EVENTS", "EXPSTATS")
ORDERED = {"evt2": ERROR, "evt1": WARNING, "evt1a": WARNING, "mtl1": WARNING, "stat1": WARNING}


def _close(a: float, b: float) -> bool:
    return abs(a - b) <= RELATIVE_TOLERANCE * max(abs(a), abs(b))


def header_time_rules(part: Part) -> Iterator[Finding]:
    """Check TIM-2, TIM-8 and TIM-9 of one HDU."""
    start, stop = part.real("TSTART"), part.real("TSTOP")
    if start is not None and stop is not None and start > stop:
        yield part.find("TIM-2", ERROR, f"TSTART {start:.15g} is after TSTOP {stop:.15g}")
    when = _seconds(part.text("DATE-OBS"))
    if start is not None and when is not None and part.real("MJDREF") == EPOCH_MJD:
        offset = when - start
        if abs(offset) > DATE_TOLERANCE:
            yield part.find("TIM-8", WARNING, f"DATE-OBS {part.text('DATE-OBS')} is {offset:+.0f} s from TSTART")
    match = _ONE_CHIP.match(part.text("DETNAM"))
    if match:
        own, ontime = part.real(f"ONTIME{match[1]}"), part.real("ONTIME")
        if own is not None and ontime is not None and not _close(own, ontime):
            message = f"ONTIME is {ontime:.15g}, that of its chip (ONTIME{match[1]}) {own:.15g}"
            yield part.find("TIM-9", WARNING, message)


def _seconds(text: str) -> float | None:
    """Return a date as seconds since the epoch, leap seconds left out (the date is in TT)."""
    try:
        return (datetime.fromisoformat(text) - EPOCH) / timedelta(seconds=1)
    except (ValueError, TypeError):
        return None


def exposure_rules(product: Product, part: Part) -> Iterator[Finding]:
    """Check TIM-5, TIM-6 and TIM-7 of an event list."""
    if not product.is_events or part.extname != "EVENTS":
        return
    yield from _ontimes(product, part)
    ontime, livetime, exposure = (part.real(name) for name in ("ONTIME", "LIVETIME", "EXPOSURE"))
    correction = part.real("DTCOR")
    live = None if ontime is None or correction is None else ontime * correction
    if livetime is not None and live is not None and not _close(livetime, live):
        yield part.find("TIM-6", ERROR, f"LIVETIME is {livetime:.15g}, ONTIME x DTCOR {live:.15g}")
    if livetime is not None and exposure is not None and not _close(livetime, exposure):
        yield part.find("TIM-7", ERROR, f"EXPOSURE is {exposure:.15g}, LIVETIME {livetime:.15g}")


def _ontimes(product: Product, part: Part) -> Iterator[Finding]:
    """Check TIM-5: every ONTIMEn against the good times of its chip, ONTIME against those of any chip."""
    severity = ERROR if product.base == "evt2" else WARNING
    sums: dict[int | None, float] = {}
    for gti in product.gtis:
        sums[gti.ccd] = sums.get(gti.ccd, 0.0) + gti.ontime
    for ccd, total in sums.items():
        found = part.real(f"ONTIME{ccd}") if ccd is not None else None
        if found is not None and not _equal_sum(found, total):
            message = f"ONTIME{ccd} is {found:.15g}, the good times of CCD {ccd} add to {total:.15g}"
            yield part.find("TIM-5", severity, message)
    ontime = part.real("ONTIME")
    if ontime is not None and sums and not any(_equal_sum(ontime, total) for total in sums.values()):
        listed = ", ".join(f"{total:.15g}" for total in sorted(set(sums.values()))[:6])
        whose = "of no chip" if len(sums) > 1 else "not the sum of the good times"
        yield part.find("TIM-5", severity, f"ONTIME {ontime:.15g} is {whose} (the good times add to {listed})")


def _equal_sum(a: float, b: float) -> bool:
    return abs(a - b) <= max(SUM_TOLERANCE, RELATIVE_TOLERANCE * abs(b))


def gti_rules(gti: GoodTimes) -> Iterator[Finding]:
    """Check GTI-1 and GTI-2 of one block of good times."""
    part, total = gti.part, len(gti.start)
    inverted = ~(gti.start < gti.stop)
    if inverted.any():
        k = int(np.argmax(inverted))
        where = f"row {k + 1}: START {gti.start[k]:.15g}, STOP {gti.stop[k]:.15g}"
        yield part.find("GTI-1", ERROR, f"{share(int(inverted.sum()), total)}: START is not before STOP ({where})")
    early = gti.start[1:] < gti.stop[:-1]
    if early.any() and not inverted.any():
        k = int(np.argmax(early)) + 1
        where = f"row {k + 1}: START {gti.start[k]:.15g} before the STOP of row {k}, {gti.stop[k - 1]:.15g}"
        yield part.find("GTI-2", ERROR, f"{share(int(early.sum()), total)} overlap or are out of order ({where})")


def time_row_rules(product: Product, part: Part) -> Iterator[RowRule]:
    """Return the tests of TIM-1, TIM-3 and TIM-4 on the rows of one table."""
    column = part.scalar("TIME")
    if column is None or column.form.letter not in "DE" or part.layout is None:
        return
    start, stop = part.real("TSTART"), part.real("TSTOP")
    if part.layout.name in TIMED and start is not None and stop is not None and start <= stop:
        severity = WARNING if part.text("TIMESYS").upper() == "TDB" else ERROR
        low, high = start - SPAN_TOLERANCE, stop + SPAN_TOLERANCE
        text = f"TIME more than 1 s outside TSTART:TSTOP, {start:.15g}:{stop:.15g}"
        yield BadRows(part, "TIM-1", severity, ("TIME",), lambda r: (r["TIME"] < low) | (r["TIME"] > high), text)
    if part.layout.name in ("EVENTS", "EXPSTATS", "MTL", "MTL_S") and product.base in ORDERED:
        # Merged event lists stand one after the other, as dmmerge writes them.
        merged = part.text("OBS_ID").upper() == "MERGED"
        yield TimeOrder(part, WARNING if merged else ORDERED[product.base])
    if product.base == "evt2" and part.layout.name == "EVENTS" and product.gtis:
        chip = part.scalar("CCD_ID")
        whole = chip is not None and chip.form.letter in "BIJK"
        yield OutsideGoodTimes(part, product.gtis, ("TIME", "CCD_ID") if whole else ("TIME",))


@dataclass
class TimeOrder:
    """TIM-3: rows in order of TIME; equal times are in order."""

    part: Part
    severity: str
    columns: tuple[str, ...] = ("TIME",)
    rule: str = "TIM-3"
    strict: bool = False
    last: float = -np.inf
    count: int = 0
    seen: int = 0
    first: str = ""

    def see(self, rows: Columns) -> None:
        """Compare each row with the one before it."""
        time = rows["TIME"]
        if not len(time):
            return
        before = np.concatenate([[self.last], time[:-1]])
        bad = time <= before if self.strict else time < before
        found = int(np.count_nonzero(bad))
        if found and not self.count:
            k = int(np.argmax(bad))
            self.first = f"row {self.seen + k + 1}: {time[k]:.15g} after {before[k]:.15g}"
        self.count += found
        self.seen += len(time)
        finite = time[~np.isnan(time)]
        self.last = float(finite[-1]) if len(finite) else self.last

    def findings(self) -> Iterator[Finding]:
        """Report the rows that come too late."""
        if self.count:
            what = "TIME does not rise" if self.strict else "not in order of TIME"
            yield self.part.find(self.rule, self.severity, f"{share(self.count, self.seen)}: {what} ({self.first})")


@dataclass
class OutsideGoodTimes:
    """TIM-4: events outside the good times, of their chip where the blocks are per chip."""

    part: Part
    gtis: list[GoodTimes]
    columns: tuple[str, ...]
    count: int = 0
    seen: int = 0
    first: str = ""
    orphans: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        per_chip = len(self.columns) > 1
        self._times = {}
        for ccd in {g.ccd for g in self.gtis} if per_chip else {None}:
            mine = [g for g in self.gtis if not per_chip or g.ccd == ccd]
            start, stop = (np.concatenate([getattr(g, name) for g in mine]) for name in ("start", "stop"))
            self._times[ccd] = _joined(start - GTI_TOLERANCE, stop + GTI_TOLERANCE)

    def see(self, rows: Columns) -> None:
        """Count the events outside."""
        time = rows["TIME"]
        if "CCD_ID" in rows and any(ccd is not None for ccd in self._times):
            bad = self._per_chip(time, rows["CCD_ID"])
        else:
            bad = ~_inside(time, *self._times[None])
        found = int(np.count_nonzero(bad))
        if found and not self.count:
            k = int(np.argmax(bad))
            chip = f", CCD_ID {rows['CCD_ID'][k]}" if "CCD_ID" in rows else ""
            self.first = f"row {self.seen + k + 1}, TIME {time[k]:.15g}{chip}"
        self.count += found
        self.seen += len(time)

    def _per_chip(self, time: Array, chip: Array) -> Array:
        bad = np.zeros(len(time), bool)
        for ccd in np.unique(chip).tolist():
            mine = chip == ccd
            times = self._times.get(ccd, self._times.get(None))
            if times is None:
                bad |= mine
                self.orphans[ccd] = self.orphans.get(ccd, 0) + int(np.count_nonzero(mine))
            else:
                bad[mine] = ~_inside(time[mine], *times)
        return bad

    def findings(self) -> Iterator[Finding]:
        """Report the events outside, and the chips without good times."""
        if self.count:
            chips = "".join(f"; no good times of CCD {ccd}" for ccd in sorted(self.orphans))
            message = f"{share(self.count, self.seen)} outside the good times ({self.first}){chips}"
            yield self.part.find("TIM-4", ERROR, message)


def _joined(start: Array, stop: Array) -> tuple[Array, Array]:
    """Return intervals sorted, overlapping ones joined, empty and undefined ones dropped."""
    keep = start < stop
    order = np.argsort(start[keep], kind="stable")
    start, stop = start[keep][order], stop[keep][order]
    if not len(start):
        return start, stop
    reach = np.maximum.accumulate(stop)
    new = np.concatenate([[True], start[1:] > reach[:-1]])
    last = np.concatenate([np.flatnonzero(new)[1:] - 1, [len(start) - 1]])
    return start[new], reach[last]


def _inside(time: Array, start: Array, stop: Array) -> Array:
    """Tell which times lie in sorted, disjoint intervals, ends included; NaN lies in none."""
    if not len(start):
        return np.zeros(len(time), bool)
    k = np.searchsorted(start, time, side="right") - 1
    inside: Array = (k >= 0) & (time <= stop[np.maximum(k, 0)])
    return inside
