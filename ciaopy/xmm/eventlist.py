"""An EPIC imaging event list: what lies around its events, read once; the events themselves come in blocks."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ciaopy.datamodel import Gti
from ciaopy.errors import DataError, UserError
from ciaopy.fits import Image, Table, open_fits
from ciaopy.messages import enumerated
from ciaopy.xmm.flags import instrument_code, is_mos
from ciaopy.xmm.subspace import Subspace
from ciaopy.xmm.times import Frames

if TYPE_CHECKING:
    from astropy.io.fits import Header

__all__ = ["BLOCK_ROWS", "EventList", "ccd_of", "open_event_list", "read_gti", "split_table_name"]

BLOCK_ROWS = 1 << 18
_NUMBERED = re.compile(r"(EXPOSU|STDGTI|BADPIX)(\d\d)$")
# Epochs of two clocks are the same where they agree to this, days (1 microsecond).
EPOCH_TOLERANCE = 1e-11


def ccd_of(ccdnr: Any, instrument: str) -> Any:
    """Return the CCD of CCDNR: of MOS its last digit (the first is the node), of pn the number itself."""
    values = np.asarray(ccdnr)
    return values % 10 if is_mos(instrument) else values


@dataclass(frozen=True)
class EventList:
    """An imaging event list of EPIC.

    Attributes
    ----------
    path : Path
    template : Table
        EVENTS without rows: header, columns with their keywords.
    primary : Image
    others : tuple of blocks
        All other blocks, in order.
    nrows : int
        Number of events.
    subspace : Subspace
    gtis : dict of int to Gti
        Good times in force of each CCD: the tables that the data subspace names, else STDGTInn.
    frames : dict of int to Frames
        EXPOSUnn.
    """

    path: Path
    template: Table
    primary: Image
    others: tuple[Table | Image, ...]
    nrows: int
    subspace: Subspace = field(default_factory=Subspace)
    gtis: dict[int, Gti] = field(default_factory=dict)
    frames: dict[int, Frames] = field(default_factory=dict)

    @property
    def header(self) -> Header:
        """Header of the EVENTS table."""
        return self.template.header

    @property
    def instrument(self) -> str:
        """INSTRUME: EMOS1, EMOS2 or EPN."""
        return str(self.header["INSTRUME"]).strip().upper()

    @property
    def exposure(self) -> str:
        """EXPIDSTR, such as S001; empty where it is not set."""
        return str(self.header.get("EXPIDSTR", "")).strip()

    @property
    def obs_id(self) -> str:
        """OBS_ID, ten digits."""
        return str(self.header.get("OBS_ID", "")).strip()

    @property
    def ccds(self) -> list[int]:
        """CCDs that have good times or frames."""
        return sorted({*self.gtis, *self.frames})

    def table(self, name: str) -> Table | None:
        """Return a table beside the events by its name, or None."""
        return next((b for b in self.others if isinstance(b, Table) and b.name.upper() == name.upper()), None)

    def rows(self, columns: Sequence[str] | None = None, block: int = BLOCK_ROWS) -> Iterator[Table]:
        """Yield the events in blocks of rows; memory is bounded by the block.

        Raises
        ------
        DataError
            A column is missing, or the file is damaged.
        """
        with open_fits(self.path) as file:
            yield from file.iter_rows("EVENTS", columns, block)

    def ontime(self, ccd: int) -> float:
        """Return ONTIMEnn of a CCD, s: the header's, else the sum of its good times; 0 for a CCD without any."""
        value = self.header.get(f"ONTIME{ccd:02d}")
        if isinstance(value, (int, float)):
            return float(value)
        return self.gtis[ccd].duration if ccd in self.gtis else 0.0

    def central_gti(self) -> Gti:
        """Return the good time of the central MOS CCD; pn: the union over the CCDs.

        Raises
        ------
        DataError
            There is none.
        """
        if self.instrument != "EPN" and 1 in self.gtis:
            return self.gtis[1]
        if not self.gtis or (self.instrument != "EPN"):
            lack = "STDGTInn and no good times in the data subspace" if self.instrument == "EPN" else "STDGTI01"
            raise DataError(f"{self.path}: no good times: the event list has no {lack}; take a complete event list")
        return Gti.union(self.gtis.values())


def split_table_name(text: str) -> tuple[str, str]:
    """Split `file`, `file:TABLE` or `file[TABLE]` into the file and the table; the table may be empty.

    A file whose whole name exists is taken as it is, colons and brackets included.
    """
    text = text.strip()
    if Path(text).exists():
        return text, ""
    match = re.fullmatch(r"(.+?)(?:\[\s*([^\[\]]+?)\s*\]|:([A-Za-z_]\w*))", text)
    return (match[1], match[2] or match[3]) if match else (text, "")


def _mjdref(header: Any) -> float | None:
    if "MJDREF" in header:
        return float(header.number("MJDREF"))
    if "MJDREFI" in header:
        return float(header.number("MJDREFI") + header.number("MJDREFF", 0.0))
    return None


def read_gti(name: str, events: EventList | None = None) -> Gti:
    """Read good times: `file`, `file:TABLE` or `file[TABLE]`; without a table the first with START and STOP.

    Intervals may be unsorted and overlap: the result is their union.

    Raises
    ------
    DataError
        No file, no such table, no START and STOP, an edge that is no number, or another reference epoch than the
        events'.
    """
    path, wanted = split_table_name(name)
    with open_fits(path) as file:
        tables = [h for h in file.hdus if h.kind == "table"]
        both = {"START", "STOP"}
        with_edges = [h for h in tables if both <= {c.name.upper() for c in h.columns}]
        if not wanted and not with_edges:
            raise DataError(f"{path}: no table with columns START and STOP; it has {_names(tables)}")
        chosen = file.hdu(wanted) if wanted else with_edges[0]
        table = file.read(chosen)
    if not isinstance(table, Table):
        raise DataError(f"{path}: {chosen.name} is not a table")
    if "start" not in table or "stop" not in table:
        raise DataError(f"{path}: table {table.name} has no START and STOP; it has {enumerated(table.names)}")
    if events is not None:
        own, other = _mjdref(events.header), _mjdref(table.header)
        if own is not None and other is not None and abs(own - other) > EPOCH_TOLERANCE:
            raise DataError(
                f"{path}: its times count from MJDREF {other}, those of {events.path.name} from {own}; "
                f"convert them first"
            )
    try:
        return Gti.from_table(table)
    except DataError as error:
        raise DataError(f"{path}: {error}") from None


def _names(infos: Sequence[Any]) -> str:
    return ", ".join(h.name for h in infos) or "no tables"


def open_event_list(name: str | os.PathLike[str]) -> EventList:
    """Open an EPIC imaging event list: `file`, `file:EVENTS` or `file[EVENTS]`, plain or gz.

    Raises
    ------
    DataError
        The file is missing or damaged, has no EVENTS, or is not an imaging event list of EPIC.
    UserError
        Another table than EVENTS is asked for.
    """
    path, table = split_table_name(os.fspath(name))
    if table and table.upper() != "EVENTS":
        raise UserError(f"{name}: the table EVENTS is needed, not {table}")
    with open_fits(path) as file:
        infos = file.hdus
        events = next((h for h in infos if h.kind == "table" and h.name.upper() == "EVENTS"), None)
        if events is None:
            raise DataError(f"{file.path}: no table EVENTS; it has {_names(infos)}")
        template = file.read(events, rows=slice(0, 0))
        assert isinstance(template, Table)
        _check_kind(file.path, template.header)
        blocks = [file.read(h) for h in infos if h.index != events.index]
        where, count = file.path, events.nrows
    primary = blocks[0] if isinstance(blocks[0], Image) else None
    assert primary is not None
    for column in template.columns.values():
        for key in ("TDMIN", "TDMAX"):
            column.keys.pop(key, None)
    subspace = Subspace.from_header(template.header)
    found = EventList(where, template, primary, tuple(blocks[1:]), count, subspace)
    _fill(found)
    return found


def _check_kind(path: Path, header: Header) -> None:
    """Refuse what is not an imaging list of a pointed EPIC exposure."""
    text = {k: str(header.get(k, "")).strip() for k in ("TELESCOP", "INSTRUME", "DATAMODE", "OBS_MODE")}
    if text["TELESCOP"].upper() != "XMM":
        raise DataError(f"{path}: TELESCOP is {text['TELESCOP'] or 'not set'}; an XMM-Newton event list is needed")
    if not instrument_code(text["INSTRUME"]):
        raise DataError(f"{path}: INSTRUME is {text['INSTRUME'] or 'not set'}; EPIC lists (EPN, EMOS1, EMOS2) are done")
    if text["DATAMODE"].upper() != "IMAGING":
        raise DataError(f"{path}: DATAMODE is {text['DATAMODE'] or 'not set'}; only imaging event lists are done")
    if text["OBS_MODE"].upper() == "SLEW":
        raise DataError(f"{path}: a slew; only pointed observations are done")


def _fill(events: EventList) -> None:
    """Read good times and frames of every CCD from the tables beside the events."""
    for block in events.others:
        match = _NUMBERED.fullmatch(block.name.upper())
        if match is None or not isinstance(block, Table):
            continue
        ccd = int(match[2])
        try:
            if match[1] == "STDGTI":
                events.gtis[ccd] = Gti.from_table(block)
            elif match[1] == "EXPOSU":
                columns = (np.asarray(block[n], np.float64) for n in ("TIME", "TIMEDEL", "FRACEXP"))
                events.frames[ccd] = Frames(*columns)
        except DataError as error:
            raise DataError(f"{events.path}: {block.name}: {error}") from None
    for ccd, name in events.subspace.gti_names().items():
        table = events.table(name)
        if table is None:
            raise DataError(f"{events.path}: no table {name}, which the data subspace names for CCD {ccd}")
        events.gtis[ccd] = Gti.from_table(table)
