"""What an event file says it is: observation, pointing, cycle, instrument, grating, mode."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ciaopy.datamodel.syntax import file_of
from ciaopy.errors import DataError

if TYPE_CHECKING:
    from ciaopy.console import Console
    from ciaopy.fits import Header

__all__ = ["CYCLE_TAGS", "MULTI_OBI", "EventFile", "ObsId", "bare_obsid", "check_identity", "identity_header"]

# Observations made of several pointings with separate files, told apart by OBI_NUM.
MULTI_OBI = frozenset(
    {
        82, 108, 279, 380, 400, 433, 800, 861, 897, 906, 943, 1411, 1431, 1456, 1561, 1578, 2010, 2042, 2077, 2365,
        2783, 3057, 3182, 3764, 4175, 60879, 60880, 62249, 62264, 62796,
    }
)  # fmt: skip
#: CYCLE of interleaved exposures (primary, secondary) to the tag in file names and labels.
CYCLE_TAGS = {"P": "e1", "S": "e2"}


@dataclass(frozen=True)
class ObsId:
    """Which observation a file is of.

    Attributes
    ----------
    obsid : str
        OBS_ID as the header has it; blank where it is missing.
    cycle : str
        P or S of interleaved exposures, else blank.
    obi : int or None
        OBI_NUM where the observation has several pointings (`MULTI_OBI`).
    """

    obsid: str
    cycle: str = ""
    obi: int | None = None

    def __str__(self) -> str:
        tail = CYCLE_TAGS.get(self.cycle, "")
        return f"{self.obsid}{tail}" + (f"_{self.obi:03d}" if self.obi is not None else "")

    @classmethod
    def of(cls, header: Header) -> ObsId:
        """Return what a header says, as far as it can be understood (`check_identity` tells where it cannot)."""
        obsid = str(header.get("OBS_ID", "")).strip()
        cycle = str(header.get("CYCLE", "")).strip().upper()
        delay = header.get("TIMEDELB")
        interleaved = cycle in CYCLE_TAGS and isinstance(delay, (int, float)) and delay > 0
        value = header.get("OBI_NUM")
        known = isinstance(value, int) and not isinstance(value, bool) and value >= 0
        return cls(obsid, cycle if interleaved else "", value if known and _has_pointings(obsid) else None)

    @property
    def bare(self) -> str:
        """OBS_ID without leading zeros."""
        return bare_obsid(self.obsid)


def bare_obsid(obsid: str) -> str:
    """Return an observation number without leading zeros."""
    return re.sub(r"^0+(?=\d)", "", obsid)


def _has_pointings(obsid: str) -> bool:
    return obsid.isdecimal() and int(obsid) in MULTI_OBI


def check_identity(header: Header, where: str, console: Console) -> None:
    """Check that a header says which single observation it is of; warn of what is ignored.

    Raises
    ------
    DataError
        OBS_ID is missing or that of merged data, or OBI_NUM is needed and missing.
    """
    obsid = str(header.get("OBS_ID", "")).strip()
    if not obsid:
        raise DataError(f"{where}: no OBS_ID in its header; it does not say which observation it is of")
    if obsid.lower() == "merged":
        raise DataError(f"{where}: OBS_ID={obsid}: merged events have no exposure map; give one observation at a time")
    cycle = str(header.get("CYCLE", "")).strip().upper()
    if cycle and cycle not in CYCLE_TAGS:
        console.warn(f"{where}: CYCLE={cycle} is not P or S; the exposures are taken as not interleaved")
    if not _has_pointings(obsid):
        return
    value = header.get("OBI_NUM")
    if value is None:
        raise DataError(
            f"{where}: ObsID {obsid} has several pointings, and the header lacks OBI_NUM to tell which one it is"
        )
    if ObsId.of(header).obi is None:
        console.warn(f"{where}: OBI_NUM={value} is no number of a pointing; ignored")


def identity_header(plain: str) -> Header | None:
    """Return the header that says which observation a file (without filters) is of, or None."""
    from ciaopy.fits import open_fits

    with open_fits(plain) as file:
        headers = [h.header for h in file.hdus if "OBS_ID" in h.header]
    if not headers:
        return None
    return headers[-1] if len(headers) == 1 else headers[1]


@dataclass(frozen=True, kw_only=True)
class EventFile:
    """An event file and its header.

    Attributes
    ----------
    name : str
        Virtual file, filters included.
    header : Header
        Of the (filtered) EVENTS block.
    tag : str
        `e1_` or `e2_` in the file name of interleaved level-1 events, else empty.
    """

    name: str
    header: Header
    tag: str = ""

    def key(self, name: str, default: str = "") -> str:
        """Return a keyword as text without blanks at its ends; blank where it is missing."""
        return str(self.header.get(name, default)).strip()

    @property
    def plain(self) -> str:
        """File name without filters; a bracket that is part of the name on disk stays."""
        if "[" not in self.name or Path(self.name).is_file():
            return self.name
        return file_of(self.name)

    @property
    def path(self) -> Path:
        """Path of the file, without filters."""
        return Path(self.plain)

    @property
    def folder(self) -> Path:
        """Folder of the file."""
        return self.path.parent

    @property
    def id(self) -> ObsId:
        """Which observation it is of."""
        return ObsId.of(self.header)

    @property
    def instrument(self) -> str:
        """ACIS or HRC."""
        return self.key("INSTRUME").upper()

    @property
    def detector(self) -> str:
        """DETNAM: ACIS-0123, HRC-I, HRC-S."""
        return self.key("DETNAM").upper()

    @property
    def grating(self) -> str:
        """NONE, HETG or LETG."""
        return self.key("GRATING", "NONE").upper()

    @property
    def datamode(self) -> str:
        """DATAMODE: FAINT, VFAINT, GRADED, CC33_FAINT, ... (ACIS)."""
        return self.key("DATAMODE").upper()

    @property
    def readmode(self) -> str:
        """READMODE: TIMED or CONTINUOUS (ACIS)."""
        return self.key("READMODE").upper()

    @property
    def continuous(self) -> bool:
        """True for ACIS continuous clocking."""
        return self.readmode.startswith("CONTINUOUS")

    @property
    def graded(self) -> bool:
        """True for ACIS events that were sent without their pixels."""
        return self.datamode.endswith("GRADED")

    @property
    def kalman(self) -> bool:
        """False where the aspect comes from the on-board computer (no guide stars)."""
        return self.key("ASPTYPE", "KALMAN").upper() == "KALMAN"

    @property
    def ccds(self) -> tuple[int, ...]:
        """CCDs that were on, from DETNAM (ACIS)."""
        text = self.detector.rpartition("-")[2]
        return tuple(int(c) for c in text) if text.isdecimal() else ()

    @property
    def chip_column(self) -> str:
        """`ccd_id` or `chip_id`."""
        return "ccd_id" if self.instrument == "ACIS" else "chip_id"

    @property
    def arcsec(self) -> float:
        """Size of a sky pixel, arcsec."""
        return 0.492 if self.instrument == "ACIS" else 0.1318
