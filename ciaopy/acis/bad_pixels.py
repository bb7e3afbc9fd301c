"""Lists of bad pixels: the algebra behind acis_build_badpix and acis_find_afterglow.

A list holds, for one CCD, entries (pixel, time range, status bits). Files hold rectangles; `expand` and `to_rows` go
between the two. The rules for neighbours, for merging and for the order of rows are those found exact on ObsIDs 1230
(archive and CIAO 4.6 files) and 1433.

Status bits of a bad pixel file: 0-2 calibration list, 3 bias 4095, 4 bias 4094, 8 neighbour of a bad pixel, 11 and 12
node boundaries, 14 hot pixel, 15 afterglow, 16 bias outlier, 17 frame-store shadow.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from ciaopy.errors import ParameterError

CHIP_SIZE = 1024
NEIGHBOUR_BIT = 8
HOT_PIXEL_BIT = 14
AFTERGLOW_BIT = 15

#: Bits whose time range is the pixel's own; the range of all others ends with the parameter block (ObsID 1230).
TRANSIENT_BITS = np.uint32(1 << HOT_PIXEL_BIT | 1 << AFTERGLOW_BIT)

#: Bits of the calibration list: bad pixels and columns, node boundaries, frame-store shadow.
CALIBRATION_BITS = np.uint32(0b111 | 1 << 11 | 1 << 12 | 1 << 17)

_OFFSETS = tuple((dx, dy) for dx in (-1, 0, 1) for dy in (-1, 0, 1) if dx or dy)


@dataclass(frozen=True)
class BadPixelRows:
    """Rectangles of bad pixels of one CCD, as in the rows of a bad pixel file.

    Attributes
    ----------
    x_lo, x_hi, y_lo, y_hi : int64 arrays, shape (n,)
        Chip pixels, 1-based, both limits inclusive.
    time, time_stop : float64 arrays, shape (n,)
        Time range [s, mission time]; `time_stop` 0 means without end.
    status : uint32 array, shape (n,)
        Status bits.
    """

    x_lo: NDArray[np.int64]
    x_hi: NDArray[np.int64]
    y_lo: NDArray[np.int64]
    y_hi: NDArray[np.int64]
    time: NDArray[np.float64]
    time_stop: NDArray[np.float64]
    status: NDArray[np.uint32]

    def __len__(self) -> int:
        return len(self.x_lo)

    def take(self, rows: NDArray[np.bool_] | NDArray[np.int64]) -> BadPixelRows:
        """Return the rows of a mask, shape (n,), or of an index array, shape (m,)."""
        return BadPixelRows(*(getattr(self, f.name)[rows] for f in fields(self)))


@dataclass(frozen=True)
class BadPixelEntries:
    """Single bad pixels of one CCD; a pixel may stand several times, with different time ranges.

    Attributes
    ----------
    x, y : int64 arrays, shape (n,)
        Chip pixel, 1-based.
    time, time_stop : float64 arrays, shape (n,)
        Time range [s, mission time].
    status : uint32 array, shape (n,)
        Status bits.
    """

    x: NDArray[np.int64]
    y: NDArray[np.int64]
    time: NDArray[np.float64]
    time_stop: NDArray[np.float64]
    status: NDArray[np.uint32]

    def __len__(self) -> int:
        return len(self.x)

    def take(self, rows: NDArray[np.bool_] | NDArray[np.int64]) -> BadPixelEntries:
        """Return the entries of a mask, shape (n,), or of an index array, shape (m,)."""
        return BadPixelEntries(*(getattr(self, f.name)[rows] for f in fields(self)))

    def with_status(self, status: NDArray[np.uint32]) -> BadPixelEntries:
        """Return the entries with other status words, uint32, shape (n,); entries without any bit are left out."""
        return BadPixelEntries(self.x, self.y, self.time, self.time_stop, status).take(status != 0)


@dataclass(frozen=True)
class BitFlag:
    """Which status bits acis_build_badpix takes over, and which of them spread to the 8 neighbours."""

    include: np.uint32
    spread: np.uint32

    @classmethod
    def parse(cls, text: str) -> BitFlag:
        """Read the parameter `bitflag`: 32 digits, bit 31 first; 0 leave out, 1 pixel only, 2 pixel and neighbours.

        Raises
        ------
        ParameterError
            Not 32 digits of 0, 1 and 2.
        """
        digits = text.strip()
        if len(digits) != 32 or set(digits) - set("012"):
            raise ParameterError(f"bitflag={text!r}: write 32 digits 0, 1 or 2, for bits 31 to 0")
        include = sum(1 << (31 - i) for i, d in enumerate(digits) if d != "0")
        spread = sum(1 << (31 - i) for i, d in enumerate(digits) if d == "2")
        return cls(np.uint32(include), np.uint32(spread))


def empty_entries() -> BadPixelEntries:
    """Return a list without entries."""
    i, d = np.zeros(0, np.int64), np.zeros(0)
    return BadPixelEntries(i, i, d, d, np.zeros(0, np.uint32))


def join(*parts: BadPixelEntries) -> BadPixelEntries:
    """Return one list with the entries of all `parts`, in their order."""
    parts = parts or (empty_entries(),)
    return BadPixelEntries(*(np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(BadPixelEntries)))


def expand(rows: BadPixelRows) -> BadPixelEntries:
    """Return every pixel of the rectangles; parts outside the chip are left out, swapped limits are accepted."""
    x_lo = np.clip(np.minimum(rows.x_lo, rows.x_hi), 1, CHIP_SIZE + 1)
    x_hi = np.clip(np.maximum(rows.x_lo, rows.x_hi), 0, CHIP_SIZE)
    y_lo = np.clip(np.minimum(rows.y_lo, rows.y_hi), 1, CHIP_SIZE + 1)
    y_hi = np.clip(np.maximum(rows.y_lo, rows.y_hi), 0, CHIP_SIZE)
    nx, ny = np.maximum(x_hi - x_lo + 1, 0), np.maximum(y_hi - y_lo + 1, 0)
    count = nx * ny
    row = np.repeat(np.arange(len(rows)), count)
    k = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
    x, y = x_lo[row] + k // ny[row], y_lo[row] + k % ny[row]
    return BadPixelEntries(x, y, rows.time[row], rows.time_stop[row], rows.status[row])


def end_times(entries: BadPixelEntries, stop: float) -> BadPixelEntries:
    """Let every entry that is not a hot pixel or an afterglow end at `stop`, the end of the parameter block [s]."""
    transient = (entries.status & TRANSIENT_BITS) != 0
    open_end = (entries.time_stop <= 0) | (~transient & (entries.time_stop > stop))
    time_stop = np.where(open_end, stop, entries.time_stop)
    return BadPixelEntries(entries.x, entries.y, entries.time, time_stop, entries.status)


def neighbours(entries: BadPixelEntries, spread: np.uint32) -> BadPixelEntries:
    """Return the 8 neighbours, with bit 8, of all entries that have a bit of `spread`, in the entry's own time range.

    Neighbours that are bad themselves are included: they get the bit as well (ObsIDs 1230, 1433). Neighbours outside
    the chip do not exist.
    """
    core = entries.take((entries.status & spread) != 0)
    x = np.concatenate([core.x + dx for dx, _ in _OFFSETS])
    y = np.concatenate([core.y + dy for _, dy in _OFFSETS])
    time, stop = np.tile(core.time, len(_OFFSETS)), np.tile(core.time_stop, len(_OFFSETS))
    inside = (x >= 1) & (x <= CHIP_SIZE) & (y >= 1) & (y <= CHIP_SIZE)
    status = np.full(len(x), 1 << NEIGHBOUR_BIT, np.uint32)
    return BadPixelEntries(x, y, time, stop, status).take(inside)


def merge(entries: BadPixelEntries) -> BadPixelEntries:
    """Merge the entries of one pixel whose time ranges overlap: union of the ranges, OR of the bits.

    Returns
    -------
    BadPixelEntries
        Sorted by column, row and time.
    """
    if not len(entries):
        return entries
    e = entries.take(np.lexsort((entries.time_stop, entries.time, entries.y, entries.x)))
    same = (np.diff(e.x) == 0) & (np.diff(e.y) == 0) & (np.diff(e.time) == 0) & (np.diff(e.time_stop) == 0)
    first = np.flatnonzero(np.concatenate([[True], ~same]))
    e = BadPixelEntries(
        e.x[first], e.y[first], e.time[first], e.time_stop[first], np.bitwise_or.reduceat(e.status, first)
    )
    shared = (np.diff(e.x) == 0) & (np.diff(e.y) == 0)
    if not shared.any():
        return e
    return _merge_overlaps(e, shared)


def _merge_overlaps(e: BadPixelEntries, shared: NDArray[np.bool_]) -> BadPixelEntries:
    """Merge overlapping ranges in a sorted list; `shared[i]`: entries i and i+1 are of one pixel."""
    time_stop, status = e.time_stop.copy(), e.status.copy()
    keep = np.ones(len(e), bool)
    current = -1
    for i in (np.flatnonzero(shared) + 1).tolist():
        if current < 0 or e.x[current] != e.x[i] or e.y[current] != e.y[i]:
            current = i - 1
        if e.time[i] < time_stop[current]:
            time_stop[current] = max(time_stop[current], time_stop[i])
            status[current] |= status[i]
            keep[i] = False
        else:
            current = i
    return BadPixelEntries(e.x, e.y, e.time, time_stop, status).take(keep)


def to_rows(entries: BadPixelEntries) -> BadPixelRows:
    """Join pixels of equal time range and status into rectangles, in the order of the archive's files.

    In each group of equal (TIME, TIME_STOP, STATUS): maximal runs along CHIPY in every column; adjacent columns with
    the same run are joined. Rows are sorted by TIME, lowest CHIPY, lowest CHIPX (28 of 28 real chip tables).
    """
    e = entries.take(np.lexsort((entries.y, entries.x, entries.status, entries.time_stop, entries.time)))
    if not len(e):
        i, d = np.zeros(0, np.int64), np.zeros(0)
        return BadPixelRows(i, i, i, i, d, d, np.zeros(0, np.uint32))
    group = np.concatenate([[0], np.cumsum((np.diff(e.time) != 0) | (np.diff(e.time_stop) != 0) | _changes(e.status))])
    start = np.concatenate([[True], (np.diff(group) != 0) | (np.diff(e.x) != 0) | (np.diff(e.y) != 1)])
    first = np.flatnonzero(start)
    last = np.concatenate([first[1:], [len(e)]]) - 1
    run_group, run_x, run_lo, run_hi = group[first], e.x[first], e.y[first], e.y[last]
    order = np.lexsort((run_x, run_hi, run_lo, run_group))
    run_group, run_x, run_lo, run_hi, first = (a[order] for a in (run_group, run_x, run_lo, run_hi, first))
    new = (np.diff(run_group) != 0) | (np.diff(run_lo) != 0) | (np.diff(run_hi) != 0) | (np.diff(run_x) != 1)
    begin = np.flatnonzero(np.concatenate([[True], new]))
    end = np.concatenate([begin[1:], [len(run_x)]]) - 1
    k = first[begin]
    o = np.lexsort((run_x[begin], run_lo[begin], e.time[k]))
    begin, end, k = begin[o], end[o], k[o]
    return BadPixelRows(run_x[begin], run_x[end], run_lo[begin], run_hi[begin], e.time[k], e.time_stop[k], e.status[k])


def _changes(values: NDArray[np.uint32]) -> NDArray[np.bool_]:
    return np.asarray(values[1:] != values[:-1])


def overlay(base: BadPixelEntries, new: BadPixelEntries) -> BadPixelEntries:
    """Lay entries that hold for this observation only over a list of longer standing.

    Where a new entry overlaps one of `base` and brings a bit that was not set, the bits are joined and the time range
    becomes the new entry's; where it brings none, nothing changes (bias pixels over the calibration list, ObsID 1230,
    CIAO 4.6). Elsewhere it is added.

    Parameters
    ----------
    base : BadPixelEntries
        As `merge` returns it.
    new : BadPixelEntries
        As `merge` returns it.

    Returns
    -------
    BadPixelEntries
        Sorted by column, row and time.
    """
    pixel, other = _pixel_number(base), _pixel_number(new)
    low, high = np.searchsorted(pixel, other, "left"), np.searchsorted(pixel, other, "right")
    time, stop, status = base.time.copy(), base.time_stop.copy(), base.status.copy()
    added = np.ones(len(new), bool)
    for i in np.flatnonzero(low < high):
        for k in range(low[i], high[i]):
            if new.time[i] < base.time_stop[k] and base.time[k] < new.time_stop[i]:
                added[i] = False
                if new.status[i] & ~base.status[k]:
                    status[k] |= new.status[i]
                    time[k], stop[k] = new.time[i], new.time_stop[i]
    laid = join(BadPixelEntries(base.x, base.y, time, stop, status), new.take(added))
    return laid.take(np.lexsort((laid.time_stop, laid.time, laid.y, laid.x)))


def _pixel_number(entries: BadPixelEntries) -> NDArray[np.int64]:
    return entries.x * (CHIP_SIZE + 1) + entries.y


def build(listed: BadPixelEntries, bias: BadPixelEntries, flag: BitFlag, stop: float) -> BadPixelRows:
    """Make the rows of a bad pixel file of one CCD.

    The listed pixels and their neighbours stand; what the bias shows is first laid over the listed bits that do not
    spread (node boundaries), then both over the standing list. This order gives ObsID 1230 (CIAO 4.6) row by row.

    Parameters
    ----------
    listed : BadPixelEntries
        Calibration list (or an earlier bad pixel file) and the user's own pixels. Neighbours (bit 8) in it are kept.
    bias : BadPixelEntries
        What the bias map shows; may be empty.
    flag : BitFlag
        Bits to take over and bits that spread.
    stop : float
        End of the parameter block [s].
    """
    lasting = flag.spread | np.uint32(1 << NEIGHBOUR_BIT)
    chosen = end_times(listed.with_status(listed.status & (flag.include | lasting)), stop)
    core = chosen.with_status(chosen.status & lasting)
    standing = merge(join(core, neighbours(core, flag.spread)))
    boundary = merge(chosen.with_status(chosen.status & ~lasting))
    seen = bias.with_status(bias.status & flag.include)
    recent = overlay(overlay(boundary, seen), merge(neighbours(seen, flag.spread)))
    return to_rows(overlay(standing, recent))
