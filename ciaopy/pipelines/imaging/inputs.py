"""What fluximage works on: the event file, the observation, and the files that belong to it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ciaopy.console import Console
from ciaopy.datamodel.syntax import file_of
from ciaopy.errors import CiaopyError, DataError, NoDataError, UserError
from ciaopy.messages import with_list
from ciaopy.observation import EventFile, check_identity, product_events
from ciaopy.stack import build

if TYPE_CHECKING:
    from ciaopy.datamodel import Workspace
    from ciaopy.fits import Table

__all__ = ["FluxEvents", "find_events", "open_events"]

REQUIRED = ("INSTRUME", "DETNAM", "GRATING", "TSTART", "TSTOP")


def find_events(text: str, console: Console, ws: Workspace) -> str:
    """Return the one event file that `infile` names: a virtual file as typed, or the file found in a folder.

    Raises
    ------
    UserError
        Blank, nothing found, or several files.
    """
    if not text.strip():
        raise UserError("infile is empty; give an event file or the folder of an observation")
    plain = file_of(text)
    entries = [text.strip()] if Path(plain).exists() and not plain.startswith("@") else build(text)
    found: list[str] = []
    for entry in entries:
        if Path(entry).is_dir():
            inside = product_events(Path(entry))
            for path in inside:
                console.say(f"Found {path}", 1)
            if not inside:
                console.say(f"Skipping {entry}: it holds no event file (*evt*), also not in repro/ and primary/", 1)
            found += inside
        elif _is_table(entry, console, ws):
            found.append(entry)
    if not found:
        raise UserError(f"infile={text}: no event file found")
    if len(found) > 1:
        raise UserError(with_list(f"infile={text}: {len(found)} event files; give one of them", found))
    if found[0] != text:
        console.say(f"Using event file {found[0]}", 1)
    return found[0]


def _is_table(entry: str, console: Console, ws: Workspace) -> bool:
    from ciaopy.datamodel import block_without_rows
    from ciaopy.fits import Table

    try:
        block = block_without_rows(entry, ws)
    except CiaopyError as e:
        console.say(f"Skipping {entry}: it cannot be opened: {e}", 1)
        return False
    if isinstance(block, Table):
        return True
    console.say(f"Skipping {entry}: it is an image, not an event file", 1)
    return False


@dataclass(frozen=True, kw_only=True)
class FluxEvents(EventFile):
    """The calibrated events of one observation, with what an image of them needs to know.

    Attributes
    ----------
    columns : frozenset of str
        Lower-case column names.
    chips : tuple of int
        CCD_ID or CHIP_ID with events.
    limits : ((float, float), (float, float))
        x and y range that the filters leave, sky pixels.
    """

    columns: frozenset[str]
    chips: tuple[int, ...]
    limits: tuple[tuple[float, float], tuple[float, float]]

    def chips_inside(self, extra: str, ws: Workspace) -> tuple[int, ...]:
        """Return the chips that have events passing a further filter."""
        return _chips(self.name + extra, self.chip_column, ws)


def _chips(name: str, column: str, ws: Workspace) -> tuple[int, ...]:
    import numpy as np

    from ciaopy.fits import Table

    block = ws.read(f"{name}[cols {column}]")
    values = block[column] if isinstance(block, Table) else np.zeros(0, int)
    return tuple(int(c) for c in np.unique(values))


def open_events(name: str, console: Console, ws: Workspace) -> FluxEvents:
    """Read what fluximage needs to know of an event file; the rows of one column are read.

    Raises
    ------
    DataError
        Keywords, columns or good times are missing, or there is no or more than one tangent plane.
    NoDataError
        No row is left.
    """
    from ciaopy.datamodel import block_without_rows
    from ciaopy.fits import Table
    from ciaopy.pipelines.imaging.grid import subspace_limits

    table = block_without_rows(name, ws)
    if not isinstance(table, Table):
        raise DataError(f"{name}: an image, not an event file")
    header = table.header
    missing = [k for k in REQUIRED if k not in header]
    if missing:
        raise DataError(f"{name}: the header lacks {', '.join(missing)}; is it an event file of Chandra?")
    instrument = str(header["INSTRUME"]).strip().upper()
    if instrument not in ("ACIS", "HRC"):
        raise DataError(f"{name}: INSTRUME={instrument}: only ACIS and HRC make images")
    if instrument == "HRC" and str(header["DETNAM"]).strip().upper() not in ("HRC-I", "HRC-S"):
        raise DataError(f"{name}: DETNAM={header['DETNAM']}: expected HRC-I or HRC-S")
    check_identity(header, name, console)
    column = "ccd_id" if instrument == "ACIS" else "chip_id"
    for needed in (column, "x", "y", "energy" if instrument == "ACIS" else "pi"):
        if needed not in table:
            raise DataError(f"{name}: no column {needed}; is it a calibrated event file?")
    if instrument == "ACIS":
        _check_good_times(table, name, ws)
    _check_tangent(table, name)
    chips = _chips(name, column, ws)
    if not chips:
        raise NoDataError(f"{name}: no events; check the filters")
    limits = _within_columns(table, subspace_limits(header))
    return FluxEvents(name=name, header=header, columns=frozenset(table.columns), chips=chips, limits=limits)


def _check_good_times(table: Table, name: str, ws: Workspace) -> None:
    """The good times of ACIS are per chip."""
    tables = ws.dataset(file_of(name)).tables("GTI") if not _gti(table) else _gti(table)
    if not tables:
        raise DataError(f"{name}: no block of good times (GTI); the exposure is unknown")
    if "CCD_ID" not in tables[0].header:
        raise DataError(
            f"{name}: block {tables[0].name} lacks CCD_ID: good times of ACIS are per chip; use the evt2 file"
        )


def _gti(table: Table) -> list[Table]:
    from ciaopy.fits import Table as TableBlock

    return [b for b in table.companions if isinstance(b, TableBlock) and b.name.upper().startswith("GTI")]


def _check_tangent(table: Table, name: str) -> None:
    from ciaopy.datamodel import TangentTransform, table_wcs

    # `oc` is where sso_freeze puts events in the frame of a moving object
    named = [v.name for v in table.vectors if v.name.lower() != "oc"]
    found = {n: wcs for n in named if (wcs := table_wcs(table, n)) is not None}
    planes = [name for name, wcs in found.items() if isinstance(wcs, TangentTransform)]
    if not planes and found:
        raise DataError(
            f"{name}: {', '.join(found)} is not a plain tangent plane (RA---TAN, North up, ICRS); reprocess the events"
        )
    if not planes:
        raise DataError(f"{name}: no column has a position on the sky (RA---TAN); use a calibrated event file")
    if len(planes) > 1:
        raise DataError(
            f"{name}: {len(planes)} columns have a position on the sky ({', '.join(planes)}); drop all but sky"
        )


def _within_columns(
    table: Table, limits: tuple[tuple[float, float], tuple[float, float]]
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return limits no wider than TLMIN to TLMAX of x and y."""
    pairs = []
    for column, (low, high) in zip(("x", "y"), limits, strict=True):
        first, last = (table.column(column).key(k) for k in ("TLMIN", "TLMAX"))
        pairs.append(
            (max(low, float(first)) if first is not None else low, min(high, float(last)) if last is not None else high)
        )
    return pairs[0], pairs[1]
