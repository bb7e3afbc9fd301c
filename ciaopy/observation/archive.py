"""Where the files of an observation lie: archive downloads, folders of products, and the names in headers.

Both layouts are read: `primary/` and `secondary/`, or all files in one folder; plain or gzipped. Nothing is changed,
moved or unzipped.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from ciaopy.datamodel.syntax import file_of
from ciaopy.errors import DataError
from ciaopy.observation.identity import EventFile
from ciaopy.stack import build

__all__ = [
    "Layout", "find_level1", "is_there", "level1_files", "listing", "look_up", "plain_name", "product_events",
    "read_level1", "root_name", "true_name",
]  # fmt: skip

#: Folders around an event file where the files lie that its header names.
SEARCHED = (".", "repro", "primary", "secondary", "../repro", "../primary", "../secondary")
_REQUIRED_KEYS = ("INSTRUME", "DETNAM", "DATAMODE", "DATE-OBS", "GRATING", "RA_TARG", "DEC_TARG")


@dataclass(frozen=True)
class Layout:
    """Where the two kinds of files are; both `folder` where all files lie in one.

    Attributes
    ----------
    folder, primary, secondary : Path
    """

    folder: Path
    primary: Path
    secondary: Path

    @classmethod
    def of(cls, folder: Path) -> Layout:
        """Return the layout of a folder as it is on disk."""
        primary, secondary = folder / "primary", folder / "secondary"
        return cls(folder, primary if primary.is_dir() else folder, secondary if secondary.is_dir() else folder)


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


def level1_files(folder: Path) -> list[Path]:
    """Return all level-1 event files of a folder and of its `secondary`."""
    places = dict.fromkeys([folder, Layout.of(folder).secondary])
    return [p for place in places for p in listing(place) if re.search(r"evt1\.fit", p.name)]


def find_level1(folder: Path) -> list[tuple[Path, str]]:
    """Return the level-1 event files of a folder with their cycle tags: none, one, or the two of interleaved data.

    Raises
    ------
    DataError
        There are several that are not the two cycles of one observation.
    """
    found = level1_files(folder)
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


def read_level1(path: Path, tag: str) -> EventFile:
    """Read the header of a level-1 event file; `tag` is `e1_` or `e2_` of interleaved exposures, else empty.

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
    return EventFile(name=str(path), header=header, tag=tag)


def root_name(events: EventFile, root: str) -> str:
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
    return root + events.tag.rstrip("_")


def product_events(folder: Path) -> list[str]:
    """Return the event files of an observation's folder: those of `repro`, else `primary`, else its own."""
    for place in (folder / "repro", folder / "primary", folder):
        if found := sorted(str(p) for p in place.glob("*evt*") if p.is_file()):
            return found
    return []


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


def true_name(name: str) -> str | None:
    """Return the name of the file as it is on disk, `.gz` added where only that is there."""
    plain = file_of(name)
    if Path(plain).is_file():
        return name
    return f"{plain}.gz" if Path(f"{plain}.gz").is_file() else None
