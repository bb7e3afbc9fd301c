"""ACIS data modes: what an event of each holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ciaopy.errors import DataError

__all__ = ["ObservingMode"]

_TIMED = {"FAINT": True, "VFAINT": True, "FAINT_BIAS": True, "GRADED": False}
_CONTINUOUS = {"CC33_FAINT": True, "CC33_GRADED": False}


@dataclass(frozen=True)
class ObservingMode:
    """Read-out and telemetry of an observation.

    Attributes
    ----------
    name : str
        DATAMODE.
    continuous : bool
        Continuous clocking: CHIPY tells the time, not the place.
    islands : bool
        Events come with pulse heights of the island (PHAS); graded modes send the sum and the flight grade instead.
    """

    name: str
    continuous: bool
    islands: bool

    @classmethod
    def of_header(cls, header: Mapping[str, Any], where: str) -> ObservingMode:
        """Tell the mode from DATAMODE (and READMODE, which must not contradict it).

        Raises
        ------
        DataError
            DATAMODE is missing or unknown, or READMODE is of the other kind.
        """
        name = str(header.get("DATAMODE", "")).strip().upper()
        known = ", ".join([*_TIMED, *_CONTINUOUS])
        if not name:
            raise DataError(f"{where}: no keyword DATAMODE; set it with dmhedit to one of {known}")
        if name not in _TIMED and name not in _CONTINUOUS:
            raise DataError(f"{where}: unknown DATAMODE {name!r}; ciaopy knows {known}")
        continuous = name in _CONTINUOUS
        readmode = str(header.get("READMODE", "")).strip().upper()
        if readmode and (readmode == "CONTINUOUS") != continuous:
            raise DataError(f"{where}: READMODE {readmode} does not go with DATAMODE {name}; correct the header")
        return cls(name, continuous, {**_TIMED, **_CONTINUOUS}[name])
