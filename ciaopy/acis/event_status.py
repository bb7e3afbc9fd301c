"""Status bits of events that come from where they fell: bits 0, 4, 5 and 16.

| bit | set if |
|---|---|
| 0 | the CCD was off, or the pixel is off the chip or outside the rows read out |
| 4 | the pixel is listed in the bad pixel file (for the event's time) |
| 5 | the pixel is a neighbour (bit 8 of the file) or touches a listed pixel of the kinds that spread to neighbours |
| 16 | the pixel is listed as an afterglow (bit 15 of the file) |

Bit 5 is not set beside the columns of the node boundaries, nor beside pixels that are listed only as neighbours: the
bad pixel file has the neighbours of the kinds that spread, and level-2 files keep events beside the others. ObsID
754 (CIAO 2.2) has 371, 364, 178, 189, 184 and 173 good events (STATUS 0) in columns 255, 258, 511, 514, 767 and 770, as
many as in columns further away; the CIAO 4.16 file of ObsID 14392 agrees. Bits are only added.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ciaopy.acis.event_block import EventBlock

__all__ = ["BadPixelMap", "BadPixelTable", "flag_bad_pixels", "flag_bad_positions"]

CHIP_SIZE = 1024

#: Kinds of bad pixel that spread to their neighbours: calibration list, bias 4095 and 4094, hot, afterglow, bias
#: outlier (neighbour rule of acis_build_badpix, exact on ObsIDs 1230 and 1433).
SPREADING = np.uint32(sum(1 << b for b in (0, 1, 2, 3, 4, 13, 14, 15, 16)))
NEIGHBOUR_BIT = np.uint32(1 << 8)
AFTERGLOW_BIT = np.uint32(1 << 15)

_LISTED, _NEIGHBOUR, _AFTERGLOW, _TIMED = 1, 2, 4, 8


@dataclass(frozen=True, eq=False)
class BadPixelTable:
    """Rows of a bad pixel file, all chips.

    Attributes
    ----------
    ccd_id, x_lo, x_hi, y_lo, y_hi : int64 arrays, shape (n,)
        Chip and rectangle of pixels, from 1, limits inclusive.
    time, time_stop : float64 arrays, shape (n,)
        The row holds for time <= t < time_stop, s; a `time_stop` of 0 or less means always.
    status : uint32 array, shape (n,)
        Kinds of bad pixel.
    """

    ccd_id: NDArray[np.int64]
    x_lo: NDArray[np.int64]
    x_hi: NDArray[np.int64]
    y_lo: NDArray[np.int64]
    y_hi: NDArray[np.int64]
    time: NDArray[np.float64]
    time_stop: NDArray[np.float64]
    status: NDArray[np.uint32]

    def __len__(self) -> int:
        return len(self.ccd_id)


@dataclass(frozen=True, eq=False)
class BadPixelMap:
    """A bad pixel table arranged for look-up: what always holds as one map per chip, the rest as a sorted list.

    Attributes
    ----------
    maps : uint8 array, shape (nchip, 1024, 1024)
        Flags per pixel [chipy - 1, chipx - 1]: 1 listed, 2 neighbour, 4 afterglow, 8 has entries of limited time.
    chip : int64 array, shape (10,)
        Plane of `maps` per CCD_ID, -1 for none.
    pixel : int64 array, shape (m,)
        Pixels of the time-limited entries, sorted: (ccd_id * 1024 + chipy - 1) * 1024 + chipx - 1.
    first, last : float64 arrays, shape (m,)
        Their time ranges, first <= t < last, s.
    flags : uint8 array, shape (m,)
        Their flags.
    """

    maps: NDArray[np.uint8]
    chip: NDArray[np.int64]
    pixel: NDArray[np.int64]
    first: NDArray[np.float64]
    last: NDArray[np.float64]
    flags: NDArray[np.uint8]

    @classmethod
    def build(cls, table: BadPixelTable, start: float, stop: float) -> BadPixelMap:
        """Arrange a table for events with start <= time <= stop (s); rows outside that range are left out."""
        always = (table.time_stop <= 0) | ((table.time <= start) & (table.time_stop > stop))
        never = ~always & ((table.time > stop) | (table.time_stop <= start))
        ccds = [int(c) for c in np.unique(table.ccd_id[~never]) if 0 <= c <= 9]
        chip = np.full(10, -1, dtype=np.int64)
        chip[ccds] = np.arange(len(ccds))
        maps = np.zeros((len(ccds), CHIP_SIZE, CHIP_SIZE), dtype=np.uint8)
        timed: list[tuple[NDArray[np.int64], int, int]] = []
        for row in np.flatnonzero(~never & np.isin(table.ccd_id, ccds)):
            ccd = int(table.ccd_id[row])
            plane = maps[chip[ccd]]
            for area, flag in _areas(table, int(row)):
                if always[row]:
                    plane[area] |= np.uint8(flag)
                else:
                    plane[area] |= np.uint8(_TIMED)
                    timed.append((_pixel_numbers(ccd, area), int(row), flag))
        return cls(maps, chip, *_timed_entries(timed, table))


def _clipped(y_lo: int, y_hi: int, x_lo: int, x_hi: int) -> tuple[slice, slice]:
    """Return the array area of pixel limits (from 1, inclusive), cut at the chip's edges."""
    return (
        slice(min(max(y_lo - 1, 0), CHIP_SIZE), min(max(y_hi, 0), CHIP_SIZE)),
        slice(min(max(x_lo - 1, 0), CHIP_SIZE), min(max(x_hi, 0), CHIP_SIZE)),
    )


def _areas(table: BadPixelTable, row: int) -> list[tuple[tuple[slice, slice], int]]:
    """Return the areas of a row with the flags they get."""
    x_lo, x_hi = sorted((int(table.x_lo[row]), int(table.x_hi[row])))
    y_lo, y_hi = sorted((int(table.y_lo[row]), int(table.y_hi[row])))
    status = table.status[row]
    flag = _LISTED
    if status & NEIGHBOUR_BIT:
        flag |= _NEIGHBOUR
    if status & AFTERGLOW_BIT:
        flag |= _AFTERGLOW
    areas = [(_clipped(y_lo, y_hi, x_lo, x_hi), flag)]
    if status & SPREADING:
        areas.append((_clipped(y_lo - 1, y_hi + 1, x_lo - 1, x_lo - 1), _NEIGHBOUR))
        areas.append((_clipped(y_lo - 1, y_hi + 1, x_hi + 1, x_hi + 1), _NEIGHBOUR))
        areas.append((_clipped(y_lo - 1, y_lo - 1, x_lo, x_hi), _NEIGHBOUR))
        areas.append((_clipped(y_hi + 1, y_hi + 1, x_lo, x_hi), _NEIGHBOUR))
        if x_hi > x_lo or y_hi > y_lo:
            areas.append((_clipped(y_lo, y_hi, x_lo, x_hi), _NEIGHBOUR))
    return areas


def _pixel_numbers(ccd: int, area: tuple[slice, slice]) -> NDArray[np.int64]:
    y, x = np.mgrid[area]
    return np.asarray((ccd * CHIP_SIZE + y) * CHIP_SIZE + x, dtype=np.int64).ravel()


def _timed_entries(
    timed: list[tuple[NDArray[np.int64], int, int]], table: BadPixelTable
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64], NDArray[np.uint8]]:
    """Return the time-limited entries sorted by pixel: pixel, first, last, flags."""
    pixel = np.concatenate([np.zeros(0, np.int64), *(t[0] for t in timed)])
    count = [len(t[0]) for t in timed]
    row = np.repeat(np.array([t[1] for t in timed], dtype=np.int64), count)
    flags = np.repeat(np.array([t[2] for t in timed], dtype=np.uint8), count)
    order = np.argsort(pixel, kind="stable")
    return pixel[order], table.time[row][order], table.time_stop[row][order], flags[order]


def flag_bad_pixels(block: EventBlock, pixels: BadPixelMap, status: NDArray[np.uint32]) -> None:
    """Add status bits 4, 5 and 16 from a bad pixel map, in place; events without a time get those that always hold."""
    from ciaopy.kernels.acis_events import bad_pixels

    bad_pixels(
        pixels.maps,
        pixels.chip,
        pixels.pixel,
        pixels.first,
        pixels.last,
        pixels.flags,
        block.time,
        block.ccd_id,
        block.chipx,
        block.chipy,
        status,
    )


def flag_bad_positions(
    block: EventBlock, active: NDArray[np.bool_], rows: tuple[int, int], status: NDArray[np.uint32]
) -> None:
    """Add status bit 0, in place.

    Parameters
    ----------
    block : EventBlock
        The events.
    active : bool array, shape (10,)
        CCDs that were on.
    rows : (int, int)
        First and last CHIPY that was read out, inclusive.
    status : uint32 array, shape (n,)
        Status words.
    """
    from ciaopy.kernels.acis_events import bad_positions

    bad_positions(active, rows[0], rows[1], block.ccd_id, block.chipx, block.chipy, status)
