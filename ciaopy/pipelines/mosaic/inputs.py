"""Several observations for one picture: which of the files given can be used, and in which order.

What cannot be used is skipped with a message; nothing left is an error.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ciaopy.datamodel.syntax import split_file
from ciaopy.errors import CiaopyError, DataError, UserError
from ciaopy.observation import product_events
from ciaopy.pipelines.imaging import FluxEvents, open_events
from ciaopy.sphere import directions, positions
from ciaopy.stack import build

if TYPE_CHECKING:
    from ciaopy.console import Console
    from ciaopy.datamodel import Workspace
    from ciaopy.fits import Table

__all__ = ["SAME_POINT", "MosaicInput", "find_members", "mean_point"]

# Tangent points closer than this are the same, degrees (0.05 arcsec).
SAME_POINT = 1.4e-5
# Columns that merged events must have, besides those of the instrument.
COLUMNS = ("time", "chipx", "chipy", "detx", "dety", "x", "y")
INSTRUMENT_COLUMNS = {"ACIS": ("ccd_id", "energy"), "HRC": ("chip_id",)}


@dataclass(frozen=True)
class MosaicInput:
    """One of the observations.

    Attributes
    ----------
    events : FluxEvents
    point : tuple of float
        RA and Dec of the tangent point of SKY, degrees.
    pi_range : tuple
        TLMIN and TLMAX of PI (HRC).
    """

    events: FluxEvents
    point: tuple[float, float]
    pi_range: tuple[object, object] = (None, None)

    @property
    def label(self) -> str:
        """ObsID with what tells its parts apart (`1842`, `1842e1`, `3057_002`)."""
        return str(self.events.id)

    @property
    def name(self) -> str:
        """Virtual file, filters included."""
        return self.events.name

    def number(self, key: str, default: float = 0.0) -> float:
        """Return a keyword as a number."""
        value = self.events.header.get(key, default)
        return float(value) if isinstance(value, (int, float)) else default


def find_members(text: str, console: Console, ws: Workspace, all_columns: bool = False) -> list[MosaicInput]:
    """Return the observations that can be used together, in order of time.

    Parameters
    ----------
    text : str
        Stack of event files and folders of observations.
    console, ws
    all_columns : bool
        Skip files without the columns that merged events need.

    Raises
    ------
    UserError
        The stack is empty, or names nothing.
    DataError
        No file is left.
    """
    if not text.strip():
        raise UserError("infiles is empty; give event files or folders of observations")
    names = [name for entry in _entries(text) for name in _files(entry, console)]
    if not names:
        raise UserError(f"infiles={text}: no event files found")
    members: list[MosaicInput] = []
    for name in names:
        try:
            member = _open(name, ws)
            _check(member, members, all_columns)
        except CiaopyError as problem:
            console.say(f"Skipping {name}: {str(problem).removeprefix(f'{name}: ')}", 1)
            continue
        members.append(member)
    if not members:
        raise DataError(f"infiles={text}: none of the {len(names)} files can be used; the messages above say why")
    ranges = {m.pi_range for m in members}
    if len(ranges) > 1 and members[0].events.instrument == "HRC":
        console.warn("the files have different ranges of PI; a band in PI may mean different things in them")
    return sorted(members, key=_order)


def _entries(text: str) -> list[str]:
    """Return the entries of a stack; one file or folder with blanks in its name is itself an entry."""
    plain, brackets = split_file(text.strip())
    one = re.fullmatch(r"(\[[^\]]*\]\s*)*", brackets) is not None
    return [text.strip()] if one and Path(plain.strip()).exists() and not plain.startswith("@") else build(text)


def _files(entry: str, console: Console) -> list[str]:
    """Return the event files of a stack entry: itself, or those of a folder (repro, primary, then the folder)."""
    if not Path(entry).is_dir():
        return [entry]
    folder = Path(entry)
    found = product_events(folder)
    for name in found:
        console.say(f"Found {name}", 1)
    if not found:
        console.say(f"Skipping {folder}: it holds no event file (*evt*), also not in repro/ and primary/", 1)
    return found


def _open(name: str, ws: Workspace) -> MosaicInput:
    from ciaopy.datamodel import block_without_rows
    from ciaopy.fits import Table
    from ciaopy.observation import tangent_point

    events = open_events(name, ws.console, ws)
    block = block_without_rows(name, ws)
    limits = _pi_range(block) if isinstance(block, Table) else (None, None)
    return MosaicInput(events, tangent_point(block, name), limits)


def _pi_range(table: Table) -> tuple[object, object]:
    return (table.column("pi").key("TLMIN"), table.column("pi").key("TLMAX")) if "pi" in table else (None, None)


def _check(member: MosaicInput, earlier: list[MosaicInput], all_columns: bool) -> None:
    """Raise where a file does not go with those before it."""
    events = member.events
    for other in earlier:
        if other.events.id == events.id:
            raise DataError(f"it is of ObsID {member.label}, as {other.name} is; an observation counts once")
    if earlier:
        first = earlier[0].events
        if events.instrument != first.instrument:
            raise DataError(f"INSTRUME is {events.instrument}, that of {first.name} is {first.instrument}")
        if events.instrument == "HRC" and events.detector != first.detector:
            raise DataError(f"DETNAM is {events.detector}, that of {first.name} is {first.detector}")
    if events.instrument == "ACIS":
        mode = events.readmode
        if not mode:
            raise DataError("no READMODE in its header; it may be continuous clocking, which makes no image")
        if mode.startswith("CONTINUOUS"):
            raise DataError("READMODE is CONTINUOUS; continuous-clocking data make no image")
    if all_columns:
        wanted = (*COLUMNS, *INSTRUMENT_COLUMNS[events.instrument])
        missing = [c for c in wanted if c not in events.columns]
        if missing:
            raise DataError(f"no column {', '.join(missing)}, which merged events need")


def _order(member: MosaicInput) -> tuple[float, int, str]:
    """By start; of interleaved exposures the secondary first."""
    return member.number("TSTART"), 0 if member.events.id.cycle == "S" else 1, member.label


def mean_point(points: list[tuple[float, float]]) -> tuple[float, float]:
    """Return the mean of positions, as the direction of the mean unit vector; degrees, RA in [0, 360).

    Raises
    ------
    DataError
        The positions are spread over the whole sky, so that no mean exists.
    """
    mean = np.mean([directions(*p) for p in points], axis=0)
    if np.abs(mean).max() < 1e-6:
        raise DataError("the observations point in opposite directions; give the tangent point by refcoord")
    ra, dec = positions(mean)
    return float(ra), float(dec)
