"""Find the files that go with one event file: by parameter, else by the names in its header."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ciaopy.datamodel.syntax import file_of
from ciaopy.errors import DataError, UserError
from ciaopy.observation.archive import is_there, look_up, true_name
from ciaopy.observation.companions import BAD_PIXELS, DEAD_TIME, MASK, Companions, GivenFiles, Kind
from ciaopy.observation.identity import CYCLE_TAGS, EventFile, bare_obsid, identity_header
from ciaopy.stack import build

if TYPE_CHECKING:
    from ciaopy.console import Console
    from ciaopy.datamodel import Workspace
    from ciaopy.fits import Table

__all__ = ["find_companions"]


def find_companions(events: EventFile, given: GivenFiles, console: Console, ws: Workspace) -> Companions:
    """Return the files that go with an event file, by parameter or header, and say what was found.

    Parameters
    ----------
    events : EventFile
    given : GivenFiles
        What the user gave; a blank takes the name in the header.
    console : Console
    ws : Workspace

    Raises
    ------
    UserError, DataError
        A file is missing, is another product, or belongs to another observation.
    """
    return _Finder(events, console, ws).companions(given)


class _Finder:
    """What the search for one event file shares."""

    def __init__(self, events: EventFile, console: Console, ws: Workspace) -> None:
        self.events, self.console, self.ws = events, console, ws

    def companions(self, given: GivenFiles) -> Companions:
        names, content, spans = self._aspect(given.aspect.strip())
        files = {"bpix1": self._bad_pixels(given.bad_pixels.strip())}
        files["msk1"] = self._optional(given.mask.strip(), MASK)
        self._same_observation(files["msk1"], MASK)
        if self.events.instrument == "HRC":
            files["dtf1"] = self._optional(given.dead_time.strip(), DEAD_TIME)
        return Companions(aspect=names, content=content, spans=spans, files=files)

    def _around(self, value: str) -> list[str] | None:
        """Return the files that a keyword names: around the event file, or around the file that it is a link to."""
        found, plain = look_up(value, self.events.folder), Path(self.events.plain)
        return look_up(value, plain.resolve().parent) if found is None and plain.is_symlink() else found

    def _aspect(self, text: str) -> tuple[tuple[str, ...], str, tuple[float, float, float]]:
        if text.lower() == "none":
            raise UserError("asolfile=none: an aspect solution is needed")
        if text:
            names = build(text)
            for name in names:
                if not is_there(Path(file_of(name))):
                    raise UserError(f"asolfile: {name}: no such file")
        else:
            value = self.events.key("ASOLFILE")
            if not value:
                raise DataError(f"{self.events.plain}: no ASOLFILE in the header; set asolfile to the aspect solution")
            found = self._around(value)
            if found is None or "NONE" in found:
                raise DataError(
                    f"{self.events.plain}: its aspect solution {value} is not beside it, nor in repro, primary or "
                    "secondary; set asolfile"
                )
            names = found
            label = "Aspect solution" if len(names) == 1 else "Aspect solutions"
            self.console.say(f"{label}: {', '.join(names)}", 1)
        return self._checked_aspect(names)

    def _checked_aspect(self, names: list[str]) -> tuple[tuple[str, ...], str, tuple[float, float, float]]:
        import numpy as np

        from ciaopy.coords import AspectSolution
        from ciaopy.fits import Table

        tables: list[tuple[float, str, Table]] = []
        contents = {}
        for name in names:
            table = self.ws.read(name)
            if not isinstance(table, Table):
                raise DataError(f"{name}: an image, not an aspect solution")
            if "CONTENT" not in table.header:
                raise DataError(f"{name}: no CONTENT in the header; it is no aspect solution")
            content = str(table.header["CONTENT"]).strip().upper()
            if content not in ("ASPSOL", "ASPSOLOBI", "ASPSOL3"):
                raise DataError(
                    f"{name}: CONTENT={content}: not an aspect solution (ASPSOL or ASPSOLOBI); give the asol1 file"
                )
            missing = [c for c in ("time", "ra", "dec", "roll") if c not in table]
            if missing:
                raise DataError(f"{name}: no column {', '.join(missing)}: it is no aspect solution")
            contents[content] = name
            tables.append((_start(table), name, table))
        if len(contents) > 1:
            raise DataError(
                f"the aspect solutions are of different kinds ({', '.join(contents)}); give those of one kind"
            )
        tables.sort(key=lambda t: t[0])
        solution = AspectSolution.from_tables([(n, t) for _, n, t in tables])
        roll = np.unwrap(solution.roll, period=360.0)
        ra = np.unwrap(solution.ra, period=360.0)
        spans = (float(np.ptp(ra)), float(np.ptp(solution.dec)), float(np.ptp(roll)))
        return tuple(n for _, n, _ in tables), next(iter(contents)), spans

    def _bad_pixels(self, text: str) -> str:
        if text.upper() in ("NONE", "CALDB"):
            if text.upper() == "CALDB":
                return self._bad_pixels_of_caldb("")
            self.console.say("No bad pixels are used: the exposure map is too high at bad pixels", 1)
            return "NONE"
        if text:
            name = true_name(text)
            if name is None:
                raise UserError(f"badpixfile: {text}: no such file")
        else:
            name = self._own_bad_pixels()
            if name in ("NONE", "CALDB"):
                return name
        self._same_observation(name, BAD_PIXELS)
        return name

    def _own_bad_pixels(self) -> str:
        value = self.events.key("BPIXFILE")
        if not value:
            return self._bad_pixels_of_caldb(f"{self.events.plain}: no BPIXFILE in the header")
        if value.upper() == "NONE":
            self.console.warn(f"{self.events.plain}: BPIXFILE is NONE: the exposure map is too high at bad pixels")
            return "NONE"
        found = self._around(value)
        if found is None:
            return self._bad_pixels_of_caldb(f"the bad pixel file {value} of the header is not found")
        name = true_name(found[0]) or found[0]
        self.console.say(f"Bad pixel file: {name}", 1)
        return name

    def _bad_pixels_of_caldb(self, why: str) -> str:
        """Say that the CALDB's bad pixels stand in for a file, or that there is no CALDB to have any."""
        from ciaopy.caldb import Caldb

        if Caldb.open() is not None:
            if why:
                self.console.warn(f"{why}; the bad pixels of the CALDB are used")
            return "CALDB"
        acis = self.events.instrument == "ACIS"
        known = "only node boundaries and frame-store rows are left out" if acis else "no bad pixel is left out"
        self.console.warn(
            f"{why or 'badpixfile=CALDB'}, and there is no CALDB: {known}, and the exposure map is too high at the "
            "bad pixels; give badpixfile=FILE, or set $CALDB"
        )
        return "CALDB"

    def _optional(self, text: str, kind: Kind) -> str:
        if text.upper() == "NONE":
            self.console.warn(f"no {kind.text} is used: {kind.consequence}")
            return "NONE"
        if text:
            if not is_there(Path(file_of(text))):
                raise UserError(f"{kind.parameter}: {text}: no such {kind.text}")
            return text
        value = self.events.key(kind.keyword)
        found = self._around(value) if value and value.upper() != "NONE" else None
        if found is None:
            why = (
                f"{value} of the header is not found"
                if value and value.upper() != "NONE"
                else f"no {kind.keyword} in the header"
            )
            self.console.warn(f"no {kind.text} ({why}): {kind.consequence}")
            return "NONE"
        self.console.say(f"{kind.text.capitalize()}: {found[0]}", 1)
        return found[0]

    def _same_observation(self, name: str, kind: Kind) -> None:
        """Raise where a file is of another observation."""
        if name in ("NONE", "CALDB"):
            return
        header = identity_header(file_of(name))
        if header is None:
            raise DataError(f"{name}: no OBS_ID in the {kind.text}; take it from the archive again")
        cycle = str(header.get("CYCLE", "")).strip().upper()
        if cycle not in ("", *CYCLE_TAGS):
            raise DataError(f"{name}: CYCLE={cycle}: expected blank, P or S")
        own = self.events.id
        other = str(header["OBS_ID"]).strip()
        if bare_obsid(other) != own.bare or (own.cycle and cycle != own.cycle):
            raise DataError(
                f"{name}: the {kind.text} is of ObsID {other}{' ' + cycle if own.cycle else ''}, the events are of "
                f"{own.obsid}{' ' + own.cycle if own.cycle else ''}"
            )


def _start(table: Table) -> float:
    """Return the date of a table's start, days, for sorting."""
    header = table.header
    for key in ("MJD-OBS", "MJD_OBS"):
        if isinstance(header.get(key), (int, float)):
            return header.number(key)
    return header.number("MJDREF", 0.0) + (header.number("TIMEZERO", 0.0) + header.number("TSTART", 0.0)) / 86400.0
