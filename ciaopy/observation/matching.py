"""Which files go with which of several observations: lists matched by ObsID, or the names in the event headers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ciaopy.datamodel.syntax import file_of
from ciaopy.errors import CiaopyError, DataError, UserError
from ciaopy.observation.archive import is_there, look_up
from ciaopy.observation.companions import ASPECT, BAD_PIXELS, DEAD_TIME, MASK, Companions, GivenFiles, Kind
from ciaopy.observation.finder import find_companions
from ciaopy.observation.identity import EventFile, bare_obsid, identity_header
from ciaopy.stack import build, join

if TYPE_CHECKING:
    from ciaopy.console import Console
    from ciaopy.datamodel import Workspace
    from ciaopy.fits import Header

__all__ = ["find_all_companions", "is_of", "matched_aspect"]


def find_all_companions(
    observations: Sequence[EventFile], given: GivenFiles, console: Console, ws: Workspace
) -> list[Companions]:
    """Return the files of every observation, in order.

    Raises
    ------
    UserError, DataError
        A file is missing for some of the observations, or is not what it should be; all that miss one are named.
    """
    aspect = _aspect(observations, given.aspect, console)
    bad = _one_each(observations, given.bad_pixels, BAD_PIXELS, console)
    mask = _one_each(observations, given.mask, MASK, console)
    is_hrc = observations[0].instrument == "HRC"
    dead = _one_each(observations, given.dead_time, DEAD_TIME, console) if is_hrc else ["NONE"] * len(observations)
    quiet = console.at(min(console.verbose, 1) if console.verbose > 1 else 0)
    return [
        find_companions(e, GivenFiles(aspect=a, bad_pixels=b, mask=m, dead_time=d), quiet, ws)
        for e, a, b, m, d in zip(observations, aspect, bad, mask, dead, strict=True)
    ]


def _aspect(observations: Sequence[EventFile], text: str, console: Console) -> list[str]:
    """Return the aspect solutions of each, comma-separated."""
    if text.strip().lower() == "none":
        raise UserError("asolfiles=none: aspect solutions are needed")
    if text.strip():
        found = _matched(observations, text, ASPECT, console)
        missing = [str(e.id) for e, names in zip(observations, found, strict=True) if not names]
    else:
        found = [_from_header(e, ASPECT) for e in observations]
        missing = [str(e.id) for e, names in zip(observations, found, strict=True) if not names or "NONE" in names]
    if missing:
        where = "in asolfiles" if text.strip() else "named in the header and there"
        raise DataError(f"no aspect solution {where} for ObsID {', '.join(missing)}; set asolfiles")
    for events, names in zip(observations, found, strict=True):
        console.say(f"ObsID {events.id}: aspect solution {', '.join(names)}", 2)
    return [join(names) for names in found]


def _from_header(events: EventFile, kind: Kind) -> list[str]:
    value = events.key(kind.keyword)
    if not value:
        return []
    return look_up(value, events.folder) or []


def _one_each(observations: Sequence[EventFile], text: str, kind: Kind, console: Console) -> list[str]:
    """Return a file, NONE or CALDB for each observation."""
    word = text.strip().upper()
    if word == "NONE" or (word == "CALDB" and kind is BAD_PIXELS):
        return [word] * len(observations)
    found = _matched(observations, text, kind, console) if word else [_from_header(e, kind) for e in observations]
    missing = [str(e.id) for e, names in zip(observations, found, strict=True) if not names]
    if len(missing) == len(observations) and not word:
        console.warn(f"no observation has a {kind.text} that can be found; {kind.listed}={kind.fallback} is used")
        return [kind.fallback] * len(observations)
    if missing:
        raise DataError(
            f"no {kind.text} for ObsID {', '.join(missing)}, while others have one; set {kind.listed}, or "
            f"{kind.listed}={kind.fallback} for all"
        )
    several = [str(e.id) for e, names in zip(observations, found, strict=True) if len(names) > 1]
    if several:
        raise UserError(f"several {kind.text}s for ObsID {', '.join(several)}; give one each")
    for events, names in zip(observations, found, strict=True):
        console.say(f"ObsID {events.id}: {kind.text} {names[0]}", 2)
    return [names[0] for names in found]


def _matched(observations: Sequence[EventFile], text: str, kind: Kind, console: Console) -> list[list[str]]:
    """Return, for each observation, the files of a stack that are of it."""
    found: list[list[str]] = [[] for _ in observations]
    for name in build(text):
        header = _identity(name, kind)
        own = [i for i, e in enumerate(observations) if is_of(header, e, kind)]
        if not own:
            console.say(f"{kind.listed}: {name} is of ObsID {header.get('OBS_ID')}, which is not used; ignored", 1)
        for i in own:
            found[i].append(name)
    return found


def _identity(name: str, kind: Kind) -> Header:
    """Return the header that says which observation a file is of."""
    plain = file_of(name)
    if not is_there(Path(plain)):
        raise UserError(f"{kind.listed}: {name}: no such file")
    try:
        header = identity_header(plain)
    except CiaopyError as problem:
        raise DataError(f"{kind.listed}: {name}: {problem}") from problem
    if header is None:
        raise DataError(f"{kind.listed}: {name}: no OBS_ID in it, so that it cannot be matched to an observation")
    return header


def is_of(header: Header, events: EventFile, kind: Kind) -> bool:
    """True if a file is of an observation: ObsID, and cycle and pointing where they count (aspect: of both cycles)."""
    own = events.id
    if bare_obsid(str(header["OBS_ID"]).strip()) != own.bare:
        return False
    cycle = str(header.get("CYCLE", "")).strip().upper()
    if own.cycle and kind is not ASPECT and cycle != own.cycle:
        return False
    return own.obi is None or header.get("OBI_NUM", own.obi) == own.obi


def matched_aspect(observations: Sequence[EventFile], text: str, console: Console) -> list[list[str]]:
    """Return, for each observation, the aspect solutions of a stack that are of it; none is no error.

    Raises
    ------
    UserError, DataError
        A file is missing, or does not say which observation it is of.
    """
    return _matched(observations, text, ASPECT, console)
