"""Split an observation of several intervals (OBIs), or of interleaved exposures, into one folder for each."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ciaopy.errors import DataError, OutputExistsError, UserError
from ciaopy.observation import EventFile, Layout, level1_files, listing, plain_name, read_level1
from ciaopy.pipelines.repro.files import copy_bytes

if TYPE_CHECKING:
    from ciaopy.datamodel import Workspace
    from ciaopy.param import ParameterSet

_INTERVAL = re.compile(r"_(\d{3})N\d{3}_")
_CYCLE = re.compile(r"_(e[12])_")
#: Products that the archive keeps in `primary`; bpix1 of HRC is in `secondary`.
_PRIMARY_KINDS = re.compile(r"(evt2|img2|src2|fov1|asol1|eph1|dtf1|bpix1|pha2|sum2|arf2|rmf2)\.(fits|jpg|txt)")


@dataclass(frozen=True)
class Part:
    """One interval or one cycle of the observation.

    Attributes
    ----------
    events : EventFile
        Its level-1 event file.
    interval : int
        OBI_NUM, 0 where the header has none.
    cycle : str
        `e1` or `e2` of interleaved exposures, else empty.
    """

    events: EventFile
    interval: int
    cycle: str

    def named(self, *patterns: str) -> set[str]:
        """Return the file names in the event header under keywords that match the patterns; empty if it has none."""
        names: set[str] = set()
        for key, value in self.events.header.items():
            if any(re.fullmatch(p, key) for p in patterns):
                names |= {w.strip() for w in str(value).split(",")}
        return {n.removesuffix(".gz") for n in names if n and n.upper() != "NONE"}


def run(par: ParameterSet, ws: Workspace) -> list[Path]:
    """Run splitobs; returns the folders made. Files are copied, never moved.

    Raises
    ------
    UserError, DataError
        The folder does not exist or holds no level-1 events, or two event files are of one interval and cycle.
    OutputExistsError
        An output folder exists and clobber=no.
    """
    folder = Path(par["indir"].strip())
    if not par["indir"].strip() or not folder.is_dir():
        raise UserError(f"{par['indir']!r}: no such folder (parameter indir)")
    parts = find_parts(folder)
    if len(parts) == 1:
        ws.console.say(f"{folder} has one level-1 event file: nothing to split.", 1)
        return []
    root = par["outroot"].strip() or str(folder)
    targets = [Path(f"{root.rstrip('/')}_{suffix}") for suffix in _suffixes(parts)]
    taken = [str(t) for t in targets if t.exists()]
    if taken and not par["clobber"]:
        raise OutputExistsError(
            f"{', '.join(taken)} exist; set clobber=yes to write into them, or give another outroot"
        )
    for part, target in zip(parts, targets, strict=True):
        count = copy_part(folder, part, target)
        ws.console.say(f"{target}: {count} files of {part.events.path.name}", 1)
    return targets


def find_parts(folder: Path) -> list[Part]:
    """Return the intervals and cycles of an observation, one for each level-1 event file.

    Raises
    ------
    DataError
        No level-1 event file, or several of one interval and cycle.
    """
    found = level1_files(folder)
    if not found:
        raise DataError(f"{folder}: cannot find a level-1 event file (*evt1.fits*), also not in secondary/")
    parts: dict[tuple[int, str], Part] = {}
    for path in found:
        cycle = _CYCLE.search(path.name)
        tag = cycle[1] if cycle else ""
        events = read_level1(path, f"{tag}_" if tag else "")
        part = Part(events, int(events.header.get("OBI_NUM", _number(path) or 0)), tag)
        other = parts.setdefault((part.interval, tag), part)
        if other is not part:
            names = f"{other.events.path.name} and {path.name}"
            raise DataError(f"{folder}: {names} are both of interval {part.interval}; keep one version of the file")
    return [parts[key] for key in sorted(parts)]


def _number(path: Path) -> int | None:
    """Return the interval in a file name (`_001N002_`), or None."""
    match = _INTERVAL.search(path.name)
    return int(match[1]) if match else None


def _suffixes(parts: list[Part]) -> list[str]:
    """Return what follows the root in the folder names: `000`, `001`; `e1`, `e2`; or `000_e1` where there are both."""
    several = len({p.interval for p in parts}) > 1
    return ["_".join(filter(None, [f"{p.interval:03d}" if several or not p.cycle else "", p.cycle])) for p in parts]


def copy_part(folder: Path, part: Part, target: Path) -> int:
    """Copy the files of one part in archive layout; returns how many."""
    copies = files_of(folder, part)
    for source, place in copies:
        goal = target / place
        goal.parent.mkdir(parents=True, exist_ok=True)
        copy_bytes(source, goal)
    return len(copies)


def files_of(folder: Path, part: Part) -> list[tuple[Path, Path]]:
    """Return (file, path in archive layout below a folder of its own) of the files of one part.

    A file belongs to a part by the interval and cycle in its name; aspect, parameter block and bias files, whose names
    need not tell, by the event header (ASOLFILE, PBKFILE, BIASFILn). Files that name neither belong to every part.
    """
    layout = Layout.of(folder)
    primary, secondary = layout.primary, layout.secondary
    aspect = part.named("ASOLFILE")
    listed = {"asol1": aspect, "pbk0": part.named("PBKFILE"), "bias": part.named(r"BIASFIL\d?")}
    copies: list[tuple[Path, Path]] = []
    for place in dict.fromkeys([folder, primary, secondary, secondary / "aspect"]):
        chosen = [p for p in listing(place) if _belongs(p, part, listed, listing(place))]
        copies += [(p, _place(p, place, folder, part) / p.name) for p in chosen]
    return copies


def _belongs(path: Path, part: Part, listed: dict[str, set[str]], beside: list[Path]) -> bool:
    name = plain_name(path)
    interval, cycle = _number(path), _CYCLE.search(name)
    if re.search(r"evt1\.fit", name):
        return path.name == part.events.path.name
    for kind, names in listed.items():
        if kind in name and any(plain_name(p) in names for p in beside):
            return name in names
    return interval in (None, part.interval) and (cycle is None or cycle[1] == part.cycle)


def _place(path: Path, place: Path, folder: Path, part: Part) -> Path:
    """Return the folder of a copy below the target: as in the source, or by kind where all files lie in one folder."""
    layout = Layout.of(folder)
    primary, secondary = layout.primary, layout.secondary
    if place != folder:
        return place.relative_to(folder)
    data = path.name.removesuffix(".gz").endswith((".fits", ".fit"))
    if not data or (primary != folder and secondary != folder):
        return Path()
    first = _PRIMARY_KINDS.search(path.name) is not None
    if "bpix1" in path.name and part.events.instrument != "ACIS":
        first = False
    return Path("primary" if first else "secondary")
