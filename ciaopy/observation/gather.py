"""Find all files of a level-1 dataset by name, as in archive downloads.

All problems of a dataset are collected and reported together.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from ciaopy.errors import DataError
from ciaopy.messages import with_list
from ciaopy.observation.archive import Layout, listing, plain_name
from ciaopy.observation.companions import Companions, Observation
from ciaopy.observation.ephemeris_files import moving_target
from ciaopy.observation.identity import EventFile, bare_obsid

__all__ = ["gather"]


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


@dataclass(frozen=True)
class _Need:
    """A file to look for: product, where, pattern, and why it must be there (blank where it need not)."""

    product: str
    place: Path
    pattern: str
    why: str = ""


def _needs(events: EventFile, place: Layout, badpixel: bool) -> list[_Need]:
    """Return what a dataset of an instrument has, one file each; ACIS and HRC differ."""
    first, second, tag = place.primary, place.secondary, events.tag
    if events.instrument == "ACIS":
        frames = "" if events.continuous else "good times are aligned with its exposures"
        bad = _why_bad(events, badpixel)
        return [
            _Need("bpix1", first, f"{tag}bpix1.fits", "the bad pixel file is needed"),
            _Need("flt1", second, f"{tag}flt1.fits", "the good time file is needed"),
            _Need("msk1", second, f"{tag}msk1.fits", "the mask file is needed"),
            _Need("mtl1", second, f"{tag}mtl1.fits", "the mission time line is needed"),
            _Need("stat1", second, f"{tag}stat1.fits", bad or frames),
            _Need("pbk0", second, "pbk0.fits", bad),
        ]
    return [
        _Need("bpix1", second, "bpix1.fits", "the bad pixel file is needed"),
        _Need("flt1", second, f"{tag}flt1.fits", "the good time file is needed"),
        _Need("msk1", second, f"{tag}msk1.fits", "the mask file is needed"),
        _Need("mtl1", second, f"{tag}mtl1.fits", "" if events.kalman else "the mission time line is needed"),
        _Need("dtf1", first, "dtf1.fits", "the dead-time factors are needed"),
    ]


def _why_bad(events: EventFile, badpixel: bool) -> str:
    """Return why the files behind a new bad pixel file are needed; blank where none is made from them (HRC)."""
    return "badpixel=yes needs it (archive downloads have it)" if badpixel and events.instrument == "ACIS" else ""


def gather(folder: Path, events: EventFile, badpixel: bool, process_events: bool) -> Observation:
    """Find all files of a dataset.

    Parameters
    ----------
    folder : Path
    events : EventFile
        Its level-1 events.
    badpixel, process_events : bool
        Parameters of those names: they decide which files must be there.

    Raises
    ------
    DataError
        Files are missing, or there are several of a kind; everything wrong is listed.
    """
    place = Layout.of(folder)
    search = _Search(folder)
    found = {n.product: search.one(n.place, n.pattern, n.why) for n in _needs(events, place, badpixel)}
    level2 = search.all(place.primary, f"{events.tag}evt2.fits")
    found["evt2"] = level2[-1] if level2 else None
    if not process_events and not level2:
        search.problems.append(
            f"no *{events.tag}evt2.fits* in {place.primary}: process_events=no keeps the archive's level-2 file"
        )
    bias = _bias_files(search, place, events, _why_bad(events, badpixel))
    aspect = _aspect_files(search, place, events)
    files = {product: path for product, path in found.items() if path is not None}
    _check_one_obsid(search, events, [*files.values(), *aspect, *bias])
    if search.problems:
        raise DataError(with_list(f"{folder}: the files cannot be processed", search.problems))
    report = sorted(p for p in listing(folder) if re.search(r"vv2\.pdf(\.gz)?$", p.name))
    companions = Companions(
        aspect=tuple(str(p) for p in aspect),
        files={product: str(path) for product, path in files.items()},
        bias=bias,
        fov=search.all(place.primary, f"{events.tag}fov1.fits"),
        moving=moving_target(search.all(place.primary, "eph?.fit"), str(events.header.get("OBJECT", ""))),
        report=report[-1] if report else None,
    )
    return Observation(events=events, companions=companions, layout=place)


def _bias_files(search: _Search, place: Layout, events: EventFile, why: str) -> tuple[Path, ...]:
    bias = search.all(place.secondary, "bias[01].fits") if events.instrument == "ACIS" else ()
    if why and not bias and not events.continuous:
        search.problems.append(f"no *bias0.fits* in {place.secondary}: {why}")
    return bias


def _aspect_files(search: _Search, place: Layout, events: EventFile) -> tuple[Path, ...]:
    # products of an earlier run beside the inputs: not the telescope's aspect
    found = tuple(p for p in search.all(place.primary, "asol1.fits") if "_sso_asol1" not in p.name)
    if not events.kalman:
        found += search.all(place.secondary / "aspect", "osol1.fits")
    if not found:
        where = place.primary if events.kalman else f"{place.primary} or {place.secondary / 'aspect'}"
        search.problems.append(f"no *asol1.fits* in {where}: the aspect solution is needed")
    return tuple(sorted(found, key=str))


def _check_one_obsid(search: _Search, events: EventFile, paths: list[Path]) -> None:
    """Add a problem for each file whose OBS_ID is another observation's, and for each that cannot be read."""
    from ciaopy.fits import read_header

    own = str(events.header.get("OBS_ID", "")).strip()
    for path in paths:
        try:
            other = str(read_header(path).get("OBS_ID", own)).strip()
        except DataError as e:
            search.problems.append(str(e))
            continue
        if own and other and other != own and bare_obsid(other) != bare_obsid(own):
            search.problems.append(f"{path} is of ObsID {other}, the events are of ObsID {own}; move it elsewhere")
