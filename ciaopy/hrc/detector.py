"""The two detectors of the HRC: taps, chips, offsets, defaults of the header."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ciaopy.errors import DataError

__all__ = ["HRC_I", "HRC_S", "HrcDetector"]

# Before these dates the range switch level and the width threshold had other values (hrc_process_events, CXC memos).
_RANGE_LEVEL_RAISED = "1999-12-06"
_WIDTH_THRESHOLD_LOWERED = "2000-10-05"


@dataclass(frozen=True)
class HrcDetector:
    """One detector.

    Attributes
    ----------
    name : str
        DETNAM: `HRC-I` or `HRC-S`.
    taps : (int, int)
        Number of coarse positions along U and V.
    chips : tuple of int
        CHIP_ID of its plates.
    offset_x, offset_y : tuple of float
        CHIPX and CHIPY minus the unrounded raw position, by CHIP_ID.
    range_level : int
        RANGELEV since December 1999, where the header has none.
    status_mask : str
        Status of level-2 events: `0` for bits that must be clear, `x` for any; the first is bit 31.
    """

    name: str
    taps: tuple[int, int]
    chips: tuple[int, ...]
    offset_x: tuple[float, ...]
    offset_y: tuple[float, ...]
    range_level: int
    status_mask: str

    @property
    def raw_size(self) -> tuple[int, int]:
        """Number of raw pixels along x and y."""
        return 256 * self.taps[0], 256 * self.taps[1]

    @classmethod
    def of_header(cls, header: Mapping[str, Any], where: str) -> HrcDetector:
        """Return the detector of an event file.

        Raises
        ------
        DataError
            INSTRUME is not HRC, or DETNAM neither HRC-I nor HRC-S.
        """
        instrument = str(header.get("INSTRUME", "")).strip().upper()
        if instrument != "HRC":
            raise DataError(f"{where}: INSTRUME is {instrument or 'missing'}, not HRC; give an HRC event file")
        name = str(header.get("DETNAM", "")).strip().upper()
        if name == HRC_I.name:
            return HRC_I
        if name in (HRC_S.name, "HRC-SI"):
            return HRC_S
        raise DataError(f"{where}: DETNAM is {name or 'missing'}, neither HRC-I nor HRC-S")

    def range_switch_level(self, header: Mapping[str, Any]) -> float:
        """Return RANGELEV, or what held at the date: 90 before 1999-12-06, later 115 (HRC-I), 125 (HRC-S)."""
        value = header.get("RANGELEV")
        if isinstance(value, (int, float)):
            return float(value)
        return 90.0 if _before(header, _RANGE_LEVEL_RAISED) else float(self.range_level)

    def width_threshold(self, header: Mapping[str, Any]) -> int:
        """Return WIDTHRES, or what held at the date of the observation: 3 before 2000-10-05, later 2."""
        value = header.get("WIDTHRES")
        if isinstance(value, (int, float)):
            return int(value)
        return 3 if _before(header, _WIDTH_THRESHOLD_LOWERED) else 2

    def outside(self, crsu: NDArray[np.int16], crsv: NDArray[np.int16]) -> NDArray[np.bool_]:
        """Return which coarse positions the detector does not have."""
        return (crsu < 0) | (crsu >= self.taps[0]) | (crsv < 0) | (crsv >= self.taps[1])


def _before(header: Mapping[str, Any], date: str) -> bool:
    text = str(header.get("DATE-OBS", "")).strip()
    return bool(text) and text[:10] < date


HRC_I = HrcDetector(
    name="HRC-I",
    taps=(64, 64),
    chips=(0,),
    offset_x=(1.0,),
    offset_y=(1.0,),
    range_level=115,
    status_mask="xxxxxx00xxxx0xxx00000000x0000000",
)

HRC_S = HrcDetector(
    name="HRC-S",
    taps=(16, 192),
    chips=(1, 2, 3),
    offset_x=(np.nan, 1.0, 1.0, 1.0),
    offset_y=(np.nan, 12.5, -16459.5, -32929.5),
    range_level=125,
    status_mask="xxxxxx00xxxx0xxx0000x000x00000xx",
)

#: Last coarse V positions of chips 1 and 2 of the HRC-S (exact on 69,701 events of an archived observation).
PLATE_ENDS = np.array([64, 127], dtype=np.int16)
