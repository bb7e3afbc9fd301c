"""What comes before the taps: status of level-0 events, coarse positions, the order of time."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ciaopy.errors import DataError
from ciaopy.fits import Array
from ciaopy.hrc.detector import HrcDetector

__all__ = ["LATE", "coarse_positions", "initial_status", "is_level_0", "late_events", "taps_present"]

#: Status bit of an event that is earlier than the one before it.
LATE = np.uint32(1 << 6)

_VETO, _TRIGGER = ("vetostt", "veto_stt", "vstat"), ("e_trig", "etrig", "estat")


def _first(columns: Mapping[str, Array], names: tuple[str, ...]) -> str | None:
    return next((n for n in names if n in columns), None)


def is_level_0(columns: Mapping[str, Array]) -> bool:
    """Return whether the events are level 0: flags of the electronics, no STATUS."""
    return "status" not in columns and _first(columns, _VETO) is not None


def initial_status(columns: Mapping[str, Array], where: str) -> NDArray[np.uint32]:
    """Return STATUS of the input, uint32, shape (n,); of level-0 events made from the flags of the electronics.

    Bits 16-23 are those of VETOSTT with the lowest (LLD) inverted; bits 24 and 25 the opposite of E_TRIG's two lowest.

    Raises
    ------
    DataError
        Neither STATUS of 32 bits nor VETOSTT and E_TRIG.
    """
    if "status" in columns:
        status = np.asarray(columns["status"])
        if status.ndim != 1 or status.dtype.kind not in "iu":
            raise DataError(f"{where}: STATUS is not a column of 32 bits; give the level-1 event file")
        return status.astype(np.uint32)
    veto, trigger = _first(columns, _VETO), _first(columns, _TRIGGER)
    if veto is None or trigger is None:
        raise DataError(
            f"{where}: no column STATUS, and not VETOSTT with E_TRIG either; give a level-1 or level-0 file"
        )
    flags = np.asarray(columns[veto]).astype(np.uint32) & np.uint32(0xFF)
    fired = np.asarray(columns[trigger]).astype(np.uint32)
    return ((flags ^ np.uint32(1)) << np.uint32(16)) | ((~fired & np.uint32(3)) << np.uint32(24))


def taps_present(columns: Mapping[str, Array]) -> bool:
    """Return whether coarse positions, amplifiers and pulse heights are all there."""
    return all(n in columns for n in ("crsu", "crsv", "au1", "au2", "au3", "av1", "av2", "av3", "pha"))


def coarse_positions(
    columns: Mapping[str, Array], detector: HrcDetector
) -> tuple[NDArray[np.int16], NDArray[np.int16], NDArray[np.bool_]]:
    """Return CRSU, CRSV and which events have one that the detector does not have.

    On the HRC-I, CRSV from 64 on is counted from 0 again.
    """
    crsu = np.ascontiguousarray(columns["crsu"], np.int16)
    crsv = np.ascontiguousarray(columns["crsv"], np.int16)
    if len(detector.chips) == 1 and len(crsv) and crsv.max() >= 64:
        crsv = np.where(crsv >= 64, crsv - np.int16(64), crsv).astype(np.int16)
    return crsu, crsv, detector.outside(crsu, crsv)


def late_events(time: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which events are earlier than the one before them, shape (n,)."""
    late = np.zeros(len(time), bool)
    np.less(time[1:], time[:-1], out=late[1:])
    return late
