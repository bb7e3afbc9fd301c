"""What an observation's folder holds: the files that chandra_repro works on, found by name as in archive downloads.

Both layouts are read: `primary/` and `secondary/`, or all files in one folder; plain or gzipped. Nothing is changed,
moved or unzipped. All problems of a dataset are collected and reported together.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

from ciaopy.errors import DataError

if TYPE_CHECKING:
    from astropy.io.fits import Header

_REQUIRED_KEYS = ("INSTRUME", "DETNAM", "DATAMODE", "DATE-OBS", "GRATING", "RA_TARG", "DEC_TARG")


@dataclass(frozen=True)
class Events:
    """The level-1 event file of one dataset.

    Attributes
    ----------
    path : Path
    cycle : str
        `e1_` or `e2_` of interleaved exposures, else empty.
    header : astropy.io.fits.Header
        Of the EVENTS block.
    """

    path: Path
    cycle: str
    header: Header

    def key(self, name: str, default: str = "") -> str:
        """Return a keyword as upper-case text without blanks at its ends."""
        return str(self.header.get(name, default)).strip().upper()

    @property
    def instrument(self) -> str:
        """ACIS or HRC."""
        return self.key("INSTRUME")

    @property
    def grating(self) -> str:
        """NONE, HETG or LETG."""
        return self.key("GRATING", "NONE")

    @property
    def continuous(self) -> bool:
        """True for ACIS continuous clocking."""
        return self.key("READMODE").startswith("CONTINUOUS")

    @property
    def kalman(self) -> bool:
        """False where the aspect comes from the on-board computer (no guide stars)."""
        return self.key("ASPTYPE", "KALMAN") == "KALMAN"

    @property
    def chips(self) -> tuple[int, ...]:
        """CCDs that were on (ACIS)."""
        text = self.key("DETNAM").rpartition("-")[2]
        return tuple(int(c) for c in text) if text.isdigit() else ()


@dataclass(frozen=True)
class Observation:
    """The files of one dataset (one cycle of an interleaved one).

    Attributes
    ----------
    folder, primary, secondary : Path
        As given; where the two kinds of files are (both `folder` in the flat layout).
    events : Events
    files : dict
        Kind (`bpix1`, `flt1`, `msk1`, `mtl1`, `stat1`, `pbk0`, `evt2`, `dtf1`) to path.
    aspect, bias, fov, orbits, objects : tuple of Path
        Aspect solutions, bias maps, fields of view, spacecraft and solar-system ephemerides.
    report : Path or None
        The V&V report.
    """

    folder: Path
    primary: Path
    secondary: Path
    events: Events
    files: dict[str, Path]
    aspect: tuple[Path, ...]
    bias: tuple[Path, ...] = ()
    fov: tuple[Path, ...] = ()
    orbits: tuple[Path, ...] = ()
    objects: tuple[Path, ...] = ()
    report: Path | None = None

    def __getitem__(self, kind: str) -> Path:
        return self.files[kind]


@dataclass
class _Search:
    """Finds files by pattern and collects what is wrong."""

    folder: Path
    problems: list[str] = field(default_factory=list)

    def all(self, place: Path, pattern: str) -> tuple[Path, ...]:
        return tuple(p for p in listing(place) if fnmatchcase(plain_name(p), f"*{pattern}*"))

    def one(self, place: Path, pattern: str, why: str = "") -> Path | None:
        """Return the single match; several are a problem, none is one where `why` says what needs it."""
        found = self.all(place, pattern)
        if len(found) > 1:
            names = ", ".join(p.name for p in found)
            self.problems.append(f"{len(found)} files match *{pattern}* in {place}: {names}; keep one of them there")
            return None
        if not found and why:
            self.problems.append(f"no *{pattern}* in {place}: {why}")
        return found[0] if found else None


def plain_name(path: Path) -> str:
    """Return the file name without `.gz`."""
    return path.name.removesuffix(".gz")


def listing(place: Path) -> list[Path]:
    """Return the files of a folder by name, `X.gz` left out where `X` is there too."""
    if not place.is_dir():
        return []
    files = sorted(p for p in place.iterdir() if p.is_file())
    names = {p.name for p in files}
    return [p for p in files if not (p.name.endswith(".gz") and p.name.removesuffix(".gz") in names)]


def layout(folder: Path) -> tuple[Path, Path]:
    """Return where primary and secondary files are: the folders of those names, else the folder itself."""
    primary, secondary = folder / "primary", folder / "secondary"
    return (primary if primary.is_dir() else folder, secondary if secondary.is_dir() else folder)


def find_events(folder: Path) -> list[tuple[Path, str]]:
    """Return the level-1 event files of a folder with their cycle tags: none, one, or the two of interleaved data.

    Raises
    ------
    DataError
        There are several that are not the two cycles of one observation.
    """
    _, secondary = layout(folder)
    places = list(dict.fromkeys([folder, secondary]))
    found = [p for place in places for p in listing(place) if re.search(r"evt1\.fit", p.name)]
    if len(found) <= 1:
        return [(p, "") for p in found]
    first, second = plain_name(found[0]), plain_name(found[1])
    interleaved = len(found) == 2 and "_e1_" in first and second == first.replace("_e1_", "_e2_")
    if interleaved:
        return [(found[0], "e1_"), (found[1], "e2_")]
    raise DataError(
        f"{folder}: {len(found)} level-1 event files ({', '.join(p.name for p in found)});"
        " run splitobs on this folder first, or keep one version of the file"
    )


def read_events(path: Path, cycle: str) -> Events:
    """Read the header of a level-1 event file.

    Raises
    ------
    DataError
        It is no event file, or lacks keywords; all of them are named.
    """
    from ciaopy.fits import read_header

    header = read_header(path, "EVENTS")
    missing = [k for k in _REQUIRED_KEYS if k not in header]
    if str(header.get("INSTRUME", "")).strip().upper() == "ACIS" and "READMODE" not in header:
        missing.append("READMODE")
    if missing:
        raise DataError(f"{path}: the event header lacks {', '.join(missing)}; take the file from the archive again")
    return Events(path, cycle, header)


def gather(folder: Path, events: Events, badpixel: bool, process_events: bool) -> Observation:
    """Find all files of a dataset.

    Parameters
    ----------
    folder : Path
    events : Events
    badpixel, process_events : bool
        Parameters of those names: they decide which files must be there.

    Raises
    ------
    DataError
        Files are missing, or there are several of a kind; everything wrong is listed.
    """
    primary, secondary = layout(folder)
    search = _Search(folder)
    acis = events.instrument == "ACIS"
    need_bad = "badpixel=yes needs it (archive downloads have it)" if badpixel and acis else ""
    cycle = events.cycle
    files: dict[str, Path | None] = {}
    bad_place = primary if acis else secondary
    files["bpix1"] = search.one(bad_place, f"{cycle if acis else ''}bpix1.fits", "the bad pixel file is needed")
    files["flt1"] = search.one(secondary, f"{cycle}flt1.fits", "the good time file is needed")
    files["msk1"] = search.one(secondary, f"{cycle}msk1.fits", "the mask file is needed")
    mtl_why = "the mission time line is needed" if acis or not events.kalman else ""
    files["mtl1"] = search.one(secondary, f"{cycle}mtl1.fits", mtl_why)
    if acis:
        stat_why = need_bad or ("" if events.continuous else "good times are aligned with its exposures")
        files["stat1"] = search.one(secondary, f"{cycle}stat1.fits", stat_why)
        files["pbk0"] = search.one(secondary, "pbk0.fits", need_bad)
    else:
        files["dtf1"] = search.one(primary, "dtf1.fits", "the dead-time factors are needed")
    level2 = search.all(primary, f"{cycle}evt2.fits")
    files["evt2"] = level2[-1] if level2 else None
    if not process_events and not level2:
        search.problems.append(
            f"no *{cycle}evt2.fits* in {primary}: process_events=no keeps the archive's level-2 file"
        )
    bias = search.all(secondary, "bias[01].fits") if acis else ()
    if need_bad and not bias and not events.continuous:
        search.problems.append(f"no *bias0.fits* in {secondary}: {need_bad}")
    aspect = _aspect_files(search, primary, secondary, events)
    _check_one_obsid(search, events, [p for p in [*files.values(), *aspect, *bias] if p is not None])
    if search.problems:
        listed = "".join(f"\n  - {p}" for p in search.problems)
        raise DataError(f"{folder}: the files cannot be processed:{listed}")
    ephemerides = search.all(primary, "eph1.fit")
    report = sorted(p for p in listing(folder) if re.search(r"vv2\.pdf(\.gz)?$", p.name))
    return Observation(
        folder,
        primary,
        secondary,
        events,
        {k: p for k, p in files.items() if p is not None},
        aspect,
        bias,
        search.all(primary, f"{cycle}fov1.fits"),
        tuple(p for p in ephemerides if p.name.startswith("orbit")),
        tuple(p for p in ephemerides if not p.name.startswith("orbit")),
        report[-1] if report else None,
    )


def _aspect_files(search: _Search, primary: Path, secondary: Path, events: Events) -> tuple[Path, ...]:
    found = search.all(primary, "asol1.fits")
    if not events.kalman:
        found += search.all(secondary / "aspect", "osol1.fits")
    if not found:
        where = primary if events.kalman else f"{primary} or {secondary / 'aspect'}"
        search.problems.append(f"no *asol1.fits* in {where}: the aspect solution is needed")
    return tuple(sorted(found, key=str))


def _check_one_obsid(search: _Search, events: Events, paths: list[Path]) -> None:
    """Add a problem for each file whose OBS_ID is another observation's, and for each that cannot be read."""
    from ciaopy.fits import read_header

    own = str(events.header.get("OBS_ID", "")).strip()
    for path in paths:
        try:
            other = str(read_header(path).get("OBS_ID", own)).strip()
        except DataError as e:
            search.problems.append(str(e))
            continue
        if own and other and other != own and _number(other) != _number(own):
            search.problems.append(f"{path} is of ObsID {other}, the events are of ObsID {own}; move it elsewhere")


def _number(text: str) -> str:
    return text.lstrip("0")


def root_name(events: Events, root: str) -> str:
    """Return the start of the output names: `root`, else the event file's name up to its first `_`.

    Raises
    ------
    DataError
        The name has no `_`.
    """
    if not root:
        name = events.path.name
        if "_" not in name:
            raise DataError(f"{events.path}: no '_' in the name to take the root from; give root=")
        root = name.partition("_")[0]
    return root + events.cycle.rstrip("_")
