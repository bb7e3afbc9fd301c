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

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ciaopy.acis.bad_pixels import BadPixelRows
from ciaopy.acis.event_block import EventBlock

__all__ = ["BadPixelMap", "flag_bad_pixels", "flag_bad_positions"]

CHIP_SIZE = 1024

#: Kinds of bad pixel that spread to their neighbours: calibration list, bias 4095 and 4094, hot, afterglow, bias
#: outlier (neighbour rule of acis_build_badpix, exact on ObsIDs 1230 and 1433).
SPREADING = np.uint32(sum(1 << b for b in (0, 1, 2, 3, 4, 13, 14, 15, 16)))
NEIGHBOUR_BIT = np.uint32(1 << 8)
AFTERGLOW_BIT = np.uint32(1 << 15)

_LISTED, _NEIGHBOUR, _AFTERGLOW, _TIMED = 1, 2, 4, 8

#: Pixel numbers, time range (s) and flag of one area that is bad for a limited time.
_Timed = tuple[NDArray[np.int64], float, float, int]


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
    def build(cls, chips: Mapping[int, BadPixelRows], start: float, stop: float) -> BadPixelMap:
        """Arrange the bad pixels of chips for events with start <= time <= stop (s).

        `chips` is CCD_ID to rows; a row holds for time <= t < time_stop, or always if `time_stop` is 0 or less. Rows
        outside start..stop, and chips other than 0 to 9, are left out.
        """
        chip = np.full(10, -1, dtype=np.int64)
        planes: list[NDArray[np.uint8]] = []
        timed: list[_Timed] = []
        for ccd in sorted(c for c in chips if 0 <= c <= 9):
            rows = chips[ccd]
            always = (rows.time_stop <= 0) | ((rows.time <= start) & (rows.time_stop > stop))
            never = ~always & ((rows.time > stop) | (rows.time_stop <= start))
            if never.all():
                continue
            plane = np.zeros((CHIP_SIZE, CHIP_SIZE), dtype=np.uint8)
            chip[ccd] = len(planes)
            planes.append(plane)
            for row in np.flatnonzero(~never):
                span = float(rows.time[row]), float(rows.time_stop[row])
                for area, flag in _areas(rows, int(row)):
                    plane[area] |= np.uint8(flag if always[row] else _TIMED)
                    if not always[row]:
                        timed.append((_pixel_numbers(ccd, area), *span, flag))
        maps = np.stack(planes) if planes else np.zeros((0, CHIP_SIZE, CHIP_SIZE), dtype=np.uint8)
        return cls(maps, chip, *_timed_entries(timed))


def _clipped(y_lo: int, y_hi: int, x_lo: int, x_hi: int) -> tuple[slice, slice]:
    """Return the array area of pixel limits (from 1, inclusive), cut at the chip's edges."""
    return (
        slice(min(max(y_lo - 1, 0), CHIP_SIZE), min(max(y_hi, 0), CHIP_SIZE)),
        slice(min(max(x_lo - 1, 0), CHIP_SIZE), min(max(x_hi, 0), CHIP_SIZE)),
    )


def _areas(rows: BadPixelRows, row: int) -> list[tuple[tuple[slice, slice], int]]:
    """Return the areas of a row with the flags they get."""
    x_lo, x_hi = sorted((int(rows.x_lo[row]), int(rows.x_hi[row])))
    y_lo, y_hi = sorted((int(rows.y_lo[row]), int(rows.y_hi[row])))
    status = rows.status[row]
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
    timed: list[_Timed],
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64], NDArray[np.uint8]]:
    """Return the time-limited entries sorted by pixel: pixel, first, last, flags."""
    pixel = np.concatenate([np.zeros(0, np.int64), *(t[0] for t in timed)])
    count = [len(t[0]) for t in timed]
    first, last = (np.repeat(np.array([t[k] for t in timed], dtype=np.float64), count) for k in (1, 2))
    flags = np.repeat(np.array([t[3] for t in timed], dtype=np.uint8), count)
    order = np.argsort(pixel, kind="stable")
    return pixel[order], first[order], last[order], flags[order]


def flag_bad_pixels(block: EventBlock, pixels: BadPixelMap, status: NDArray[np.uint32]) -> None:
    """Add status bits 4, 5 and 16 from a bad pixel map to `status`, uint32, shape (n,), in place.

    Events without a time get the bits that always hold.
    """
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
