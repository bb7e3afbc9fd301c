"""What fluximage works on: the event file, the observation, and the files that belong to it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ciaopy.console import Console
from ciaopy.errors import CiaopyError, DataError, NoDataError, UserError
from ciaopy.stack import build

if TYPE_CHECKING:
    from astropy.io.fits import Header

    from ciaopy.datamodel import Workspace
    from ciaopy.fits.blocks import Table

__all__ = ["Companions", "FluxEvents", "ObsId", "find_events", "open_events"]

# Observations made of several pointings with separate files, told apart by OBI_NUM.
MULTI_OBI = frozenset(
    {
        82, 108, 279, 380, 400, 433, 800, 861, 897, 906, 943, 1411, 1431, 1456, 1561, 1578, 2010, 2042, 2077, 2365,
        2783, 3057, 3182, 3764, 4175, 60879, 60880, 62249, 62264, 62796,
    }
)  # fmt: skip
SEARCHED = (".", "repro", "primary", "secondary", "../repro", "../primary", "../secondary")
REQUIRED = ("INSTRUME", "DETNAM", "GRATING", "TSTART", "TSTOP")


@dataclass(frozen=True)
class ObsId:
    """Which observation a file is of: OBS_ID, cycle of interleaved exposures (P, S, blank), OBI_NUM where it counts."""

    obsid: str
    cycle: str = ""
    obi: int | None = None

    def __str__(self) -> str:
        tail = {"P": "e1", "S": "e2"}.get(self.cycle, "")
        return f"{self.obsid}{tail}" + (f"_{self.obi:03d}" if self.obi is not None else "")

    @classmethod
    def of(cls, header: Header, where: str, console: Console) -> ObsId:
        """Read it from a header.

        Raises
        ------
        DataError
            OBS_ID is missing or that of merged data, or OBI_NUM is needed and missing.
        """
        obsid = str(header.get("OBS_ID", "")).strip()
        if not obsid:
            raise DataError(f"{where}: no OBS_ID in its header; it does not say which observation it is of")
        if obsid.lower() == "merged":
            raise DataError(
                f"{where}: OBS_ID={obsid}: merged events have no exposure map; give one observation at a time"
            )
        cycle = str(header.get("CYCLE", "")).strip().upper()
        if cycle not in ("", "P", "S"):
            console.warn(f"{where}: CYCLE={cycle} is not P or S; the exposures are taken as not interleaved")
            cycle = ""
        delay = header.get("TIMEDELB")
        interleaved = isinstance(delay, (int, float)) and delay > 0
        obi = _obi(header, obsid, where, console)
        return cls(obsid, cycle if interleaved else "", obi)


def _obi(header: Header, obsid: str, where: str, console: Console) -> int | None:
    if not obsid.isdigit() or int(obsid) not in MULTI_OBI:
        return None
    value = header.get("OBI_NUM")
    if value is None:
        raise DataError(
            f"{where}: ObsID {obsid} has several pointings, and the header lacks OBI_NUM to tell which one it is"
        )
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        console.warn(f"{where}: OBI_NUM={value} is no number of a pointing; ignored")
        return None
    return value


def find_events(text: str, console: Console, ws: Workspace) -> str:
    """Return the one event file that `infile` names: a virtual file as typed, or the file found in a folder.

    Raises
    ------
    UserError
        Blank, nothing found, or several files.
    """
    if not text.strip():
        raise UserError("infile is empty; give an event file or the folder of an observation")
    plain = text.partition("[")[0].strip()
    entries = [text.strip()] if Path(plain).exists() and not plain.startswith("@") else build(text)
    found: list[str] = []
    for entry in entries:
        if Path(entry).is_dir():
            inside = _in_folder(Path(entry))
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
        listed = "".join(f"\n  {name}" for name in found)
        raise UserError(f"infile={text}: {len(found)} event files; give one of them:{listed}")
    if found[0] != text:
        console.say(f"Using event file {found[0]}", 1)
    return found[0]


def _in_folder(folder: Path) -> list[str]:
    for place in (folder / "repro", folder / "primary", folder):
        if found := sorted(str(p) for p in place.glob("*evt*") if p.is_file()):
            return found
    return []


def _is_table(entry: str, console: Console, ws: Workspace) -> bool:
    from ciaopy.datamodel.block_header import block_without_rows
    from ciaopy.fits.blocks import Table

    try:
        block = block_without_rows(entry, ws)
    except CiaopyError as e:
        console.say(f"Skipping {entry}: it cannot be opened: {e}", 1)
        return False
    if isinstance(block, Table):
        return True
    console.say(f"Skipping {entry}: it is an image, not an event file", 1)
    return False


@dataclass(frozen=True)
class FluxEvents:
    """The events of one observation.

    Attributes
    ----------
    name : str
        Virtual file, filters included.
    header : Header
        Of the filtered events.
    columns : frozenset of str
        Lower-case column names.
    id : ObsId
    chips : tuple of int
        CCD_ID or CHIP_ID with events.
    limits : ((float, float), (float, float))
        x and y range that the filters leave, sky pixels.
    """

    name: str
    header: Header
    columns: frozenset[str]
    id: ObsId
    chips: tuple[int, ...]
    limits: tuple[tuple[float, float], tuple[float, float]]

    @property
    def plain(self) -> str:
        """File name without filters."""
        return self.name.partition("[")[0].strip()

    @property
    def folder(self) -> Path:
        """Folder of the file."""
        return Path(self.plain).parent

    @property
    def instrument(self) -> str:
        """ACIS or HRC."""
        return str(self.header["INSTRUME"]).strip().upper()

    @property
    def detector(self) -> str:
        """DETNAM: ACIS-0123, HRC-I, HRC-S."""
        return str(self.header["DETNAM"]).strip().upper()

    @property
    def grating(self) -> str:
        """NONE, HETG or LETG."""
        return str(self.header["GRATING"]).strip().upper()

    @property
    def chip_column(self) -> str:
        """`ccd_id` or `chip_id`."""
        return "ccd_id" if self.instrument == "ACIS" else "chip_id"

    @property
    def arcsec(self) -> float:
        """Size of a sky pixel, arcsec."""
        return 0.492 if self.instrument == "ACIS" else 0.1318

    def key(self, name: str) -> str:
        """Return a keyword as text without blanks at its ends; blank where it is missing."""
        return str(self.header.get(name, "")).strip()

    def chips_inside(self, extra: str, ws: Workspace) -> tuple[int, ...]:
        """Return the chips that have events passing a further filter."""
        return _chips(self.name + extra, self.chip_column, ws)


def _chips(name: str, column: str, ws: Workspace) -> tuple[int, ...]:
    import numpy as np

    from ciaopy.fits.blocks import Table

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
    from ciaopy.datamodel.block_header import block_without_rows
    from ciaopy.fits.blocks import Table
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
    identity = ObsId.of(header, name, console)
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
    return FluxEvents(name, header, frozenset(table.columns), identity, chips, limits)


def _check_good_times(table: Table, name: str, ws: Workspace) -> None:
    """The good times of ACIS are per chip."""
    tables = ws.dataset(name.partition("[")[0].strip()).tables("GTI") if not _gti(table) else _gti(table)
    if not tables:
        raise DataError(f"{name}: no block of good times (GTI); the exposure is unknown")
    if "CCD_ID" not in tables[0].header:
        raise DataError(
            f"{name}: block {tables[0].name} lacks CCD_ID: good times of ACIS are per chip; use the evt2 file"
        )


def _gti(table: Table) -> list[Table]:
    from ciaopy.fits.blocks import Table as TableBlock

    return [b for b in table.companions if isinstance(b, TableBlock) and b.name.upper().startswith("GTI")]


def _check_tangent(table: Table, name: str) -> None:
    from ciaopy.datamodel.wcs import table_wcs

    planes = [v.name for v in table.vectors if table_wcs(table, v.name) is not None]
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


def is_there(path: Path) -> bool:
    """Return True where the file is there, plain or with `.gz`."""
    return path.is_file() or path.with_name(path.name + ".gz").is_file()


def look_up(value: str, folder: Path) -> list[str] | None:
    """Return the paths of the files that a keyword names, looked for around the event file; None without one."""
    paths = []
    for name in build(value):
        if name == "NONE":
            paths.append(name)
            continue
        place = next((folder / p / name for p in SEARCHED if is_there(folder / p / name)), None)
        if place is None:
            return None
        paths.append(str(place.parent.resolve() / place.name) if ".." in place.parts else str(place))
    return paths


@dataclass(frozen=True)
class Companions:
    """Files that go with the events.

    Attributes
    ----------
    aspect : tuple of str
        Aspect solutions in order of time.
    content : str
        Their CONTENT.
    bad_pixels, mask, dead_time : str
        Path, `NONE`, or `CALDB` (bad pixels).
    spans : (float, float, float)
        Ranges of ra, dec and roll in the aspect solutions, degrees.
    """

    aspect: tuple[str, ...]
    content: str
    bad_pixels: str
    mask: str
    dead_time: str
    spans: tuple[float, float, float]

    def most_bins(self, resolution: float) -> int:
        """Return `max_bin` of asphist: 10000, or the next power of two above what the range of the aspect needs."""
        ra, dec, roll = (s * 3600.0 for s in self.spans)
        needed = 1
        for extent, width in ((ra, resolution), (dec, resolution), (roll, 600.0)):
            needed *= max(1, -int(-extent // width) + 1)
        return 10000 if needed <= 10000 else 1 << (needed - 1).bit_length()


class Finder:
    """Finds the files that go with an event file, by parameter or header, and says what it found.

    Parameters
    ----------
    events : FluxEvents
    console : Console
    ws : Workspace
    """

    def __init__(self, events: FluxEvents, console: Console, ws: Workspace) -> None:
        self.events, self.console, self.ws = events, console, ws

    def gather(self, asol: str, bpix: str, mask: str, dtf: str) -> Companions:
        """Return all files; the arguments are the parameters of fluximage.

        Raises
        ------
        UserError, DataError
            A file is missing, is another product, or belongs to another observation.
        """
        aspect, content, spans = self._aspect(asol.strip())
        bad = self._bad_pixels(bpix.strip())
        masked = self._optional(mask.strip(), "maskfile", "MASKFILE", "the exposure map may be wrong at the edges")
        self._same_observation(masked, "mask file")
        dead = "NONE"
        if self.events.instrument == "HRC":
            dead = self._optional(dtf.strip(), "dtffile", "DTFFILE", "dead time is taken as constant")
        return Companions(aspect, content, bad, masked, dead, spans)

    def _aspect(self, text: str) -> tuple[tuple[str, ...], str, tuple[float, float, float]]:
        if text.lower() == "none":
            raise UserError("asolfile=none: an aspect solution is needed")
        if text:
            names = build(text)
            for name in names:
                if not is_there(Path(name.partition("[")[0])):
                    raise UserError(f"asolfile: {name}: no such file")
        else:
            value = self.events.key("ASOLFILE")
            if not value:
                raise DataError(f"{self.events.plain}: no ASOLFILE in the header; set asolfile to the aspect solution")
            found = look_up(value, self.events.folder)
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
        from ciaopy.fits.blocks import Table

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
            if text.upper() == "NONE":
                self.console.say("No bad pixels are used: the exposure map is too high at bad pixels", 1)
            return text.upper()
        if text:
            name = _true_name(text)
            if name is None:
                raise UserError(f"badpixfile: {text}: no such file")
        else:
            name = self._own_bad_pixels()
            if name in ("NONE", "CALDB"):
                return name
        self._same_observation(name, "bad pixel file")
        return name

    def _own_bad_pixels(self) -> str:
        value = self.events.key("BPIXFILE")
        if not value:
            self.console.warn(f"{self.events.plain}: no BPIXFILE in the header; the bad pixels of the CALDB are used")
            return "CALDB"
        if value.upper() == "NONE":
            self.console.warn(f"{self.events.plain}: BPIXFILE is NONE: the exposure map is too high at bad pixels")
            return "NONE"
        found = look_up(value, self.events.folder)
        if found is None:
            self.console.warn(
                f"the bad pixel file {value} of the header is not found; the bad pixels of the CALDB are used"
            )
            return "CALDB"
        name = _true_name(found[0]) or found[0]
        self.console.say(f"Bad pixel file: {name}", 1)
        return name

    def _optional(self, text: str, parameter: str, keyword: str, consequence: str) -> str:
        kind = {"maskfile": "mask file", "dtffile": "dead-time file"}[parameter]
        if text.upper() == "NONE":
            self.console.warn(f"no {kind} is used: {consequence}")
            return "NONE"
        if text:
            if not is_there(Path(text.partition("[")[0])):
                raise UserError(f"{parameter}: {text}: no such {kind}")
            return text
        value = self.events.key(keyword)
        found = look_up(value, self.events.folder) if value and value.upper() != "NONE" else None
        if found is None:
            why = (
                f"{value} of the header is not found"
                if value and value.upper() != "NONE"
                else f"no {keyword} in the header"
            )
            self.console.warn(f"no {kind} ({why}): {consequence}")
            return "NONE"
        self.console.say(f"{kind.capitalize()}: {found[0]}", 1)
        return found[0]

    def _same_observation(self, name: str, kind: str) -> None:
        """Raise where a file is of another observation."""
        from ciaopy.fits import open_fits

        if name in ("NONE", "CALDB"):
            return
        with open_fits(name.partition("[")[0]) as file:
            headers = [h.header for h in file.hdus if "OBS_ID" in h.header]
        if not headers:
            raise DataError(f"{name}: no OBS_ID in the {kind}; take it from the archive again")
        header = headers[-1] if len(headers) == 1 else headers[1]
        cycle = str(header.get("CYCLE", "")).strip().upper()
        if cycle not in ("", "P", "S"):
            raise DataError(f"{name}: CYCLE={cycle}: expected blank, P or S")
        own = self.events.id
        other = str(header["OBS_ID"]).strip()
        same = bare_obsid(other) == bare_obsid(own.obsid) and (not own.cycle or cycle == own.cycle)
        if not same:
            raise DataError(
                f"{name}: the {kind} is of ObsID {other}{' ' + cycle if own.cycle else ''}, the events are of "
                f"{own.obsid}{' ' + own.cycle if own.cycle else ''}"
            )


def bare_obsid(obsid: str) -> str:
    """Return an observation number without leading zeros."""
    return re.sub(r"^0+(?=\d)", "", obsid)


def _true_name(name: str) -> str | None:
    """Return the name of the file as it is on disk, `.gz` added where only that is there."""
    plain = name.partition("[")[0]
    if Path(plain).is_file():
        return name
    return f"{plain}.gz" if Path(f"{plain}.gz").is_file() else None


def _start(table: Table) -> float:
    """Return the date of a table's start, days, for sorting."""
    header = table.header
    for key in ("MJD-OBS", "MJD_OBS"):
        if isinstance(header.get(key), (int, float)):
            return float(header[key])
    return (
        float(header.get("MJDREF", 0.0))
        + (float(header.get("TIMEZERO", 0.0)) + float(header.get("TSTART", 0.0))) / 86400.0
    )
