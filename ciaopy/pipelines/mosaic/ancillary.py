"""The files that go with each of several observations: from lists matched by ObsID, or from the event headers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ciaopy.errors import CiaopyError, DataError, UserError
from ciaopy.pipelines.imaging.inputs import Companions, Finder, bare_obsid, is_there, look_up
from ciaopy.stack import build

if TYPE_CHECKING:
    from astropy.io.fits import Header

    from ciaopy.console import Console
    from ciaopy.datamodel import Workspace
    from ciaopy.pipelines.mosaic.inputs import Member

__all__ = ["FileLists", "gather_companions", "matched_aspect"]


@dataclass(frozen=True)
class FileLists:
    """The parameters asolfiles, badpixfiles, maskfiles, dtffiles: stacks, or blank."""

    aspect: str = ""
    bad_pixels: str = ""
    mask: str = ""
    dead_time: str = ""


@dataclass(frozen=True)
class _Kind:
    """How one kind of file is found: parameter, keyword, what stands in where no observation has one."""

    parameter: str
    keyword: str
    what: str
    fallback: str


BAD_PIXELS = _Kind("badpixfiles", "BPIXFILE", "bad pixel file", "CALDB")
MASK = _Kind("maskfiles", "MASKFILE", "mask file", "NONE")
DEAD_TIME = _Kind("dtffiles", "DTFFILE", "dead-time file", "NONE")


def gather_companions(members: list[Member], lists: FileLists, console: Console, ws: Workspace) -> list[Companions]:
    """Return the files of every observation, in order.

    Raises
    ------
    UserError, DataError
        A file is missing for some of the observations, or is not what it should be; all that miss one are named.
    """
    aspect = _aspect(members, lists.aspect, console)
    bad = _one_each(members, lists.bad_pixels, BAD_PIXELS, console)
    mask = _one_each(members, lists.mask, MASK, console)
    is_hrc = members[0].events.instrument == "HRC"
    dead = _one_each(members, lists.dead_time, DEAD_TIME, console) if is_hrc else ["NONE"] * len(members)
    quiet = console.at(min(console.verbose, 1) if console.verbose > 1 else 0)
    return [
        Finder(m.events, quiet, ws).gather(a, b, k, d)
        for m, a, b, k, d in zip(members, aspect, bad, mask, dead, strict=True)
    ]


def _aspect(members: list[Member], text: str, console: Console) -> list[str]:
    """Return the aspect solutions of each, comma-separated."""
    if text.strip().lower() == "none":
        raise UserError("asolfiles=none: aspect solutions are needed")
    if text.strip():
        found = _matched(members, text, "asolfiles", console)
        missing = [m.label for m, names in zip(members, found, strict=True) if not names]
    else:
        found = [_from_header(m, "ASOLFILE") for m in members]
        missing = [m.label for m, names in zip(members, found, strict=True) if not names or "NONE" in names]
    if missing:
        where = "in asolfiles" if text.strip() else "named in the header and there"
        raise DataError(f"no aspect solution {where} for ObsID {', '.join(missing)}; set asolfiles")
    for member, names in zip(members, found, strict=True):
        console.say(f"ObsID {member.label}: aspect solution {', '.join(names)}", 2)
    return [",".join(names) for names in found]


def _from_header(member: Member, keyword: str) -> list[str]:
    value = member.events.key(keyword)
    if not value:
        return []
    return look_up(value, member.events.folder) or []


def _one_each(members: list[Member], text: str, kind: _Kind, console: Console) -> list[str]:
    """Return a file, NONE or CALDB for each observation."""
    word = text.strip().upper()
    if word == "NONE" or (word == "CALDB" and kind is BAD_PIXELS):
        return [word] * len(members)
    found = (
        _matched(members, text, kind.parameter, console) if word else [_from_header(m, kind.keyword) for m in members]
    )
    missing = [m.label for m, names in zip(members, found, strict=True) if not names]
    if len(missing) == len(members) and not word:
        console.warn(f"no observation has a {kind.what} that can be found; {kind.parameter}={kind.fallback} is used")
        return [kind.fallback] * len(members)
    if missing:
        raise DataError(
            f"no {kind.what} for ObsID {', '.join(missing)}, while others have one; set {kind.parameter}, or "
            f"{kind.parameter}={kind.fallback} for all"
        )
    several = [m.label for m, names in zip(members, found, strict=True) if len(names) > 1]
    if several:
        raise UserError(f"several {kind.what}s for ObsID {', '.join(several)}; give one each")
    for member, names in zip(members, found, strict=True):
        console.say(f"ObsID {member.label}: {kind.what} {names[0]}", 2)
    return [names[0] for names in found]


def _matched(members: list[Member], text: str, parameter: str, console: Console) -> list[list[str]]:
    """Return, for each observation, the files of a stack that are of it."""
    found: list[list[str]] = [[] for _ in members]
    for name in build(text):
        header = _identity(name, parameter)
        own = [i for i, m in enumerate(members) if _is_of(header, m, parameter)]
        if not own:
            console.say(f"{parameter}: {name} is of ObsID {header.get('OBS_ID')}, which is not used; ignored", 1)
        for i in own:
            found[i].append(name)
    return found


def _identity(name: str, parameter: str) -> Header:
    """Return the header that says which observation a file is of."""
    from pathlib import Path

    from ciaopy.fits import open_fits

    plain = name.partition("[")[0]
    if not is_there(Path(plain)):
        raise UserError(f"{parameter}: {name}: no such file")
    try:
        with open_fits(plain) as file:
            headers = [h.header for h in file.hdus if "OBS_ID" in h.header]
    except CiaopyError as problem:
        raise DataError(f"{parameter}: {name}: {problem}") from problem
    if not headers:
        raise DataError(f"{parameter}: {name}: no OBS_ID in it, so that it cannot be matched to an observation")
    return headers[-1] if len(headers) == 1 else headers[1]


def _is_of(header: Header, member: Member, parameter: str) -> bool:
    """True if a file is of an observation: ObsID, and cycle and pointing where they count (aspect: of both cycles)."""
    own = member.events.id
    if bare_obsid(str(header["OBS_ID"]).strip()) != bare_obsid(own.obsid):
        return False
    cycle = str(header.get("CYCLE", "")).strip().upper()
    if own.cycle and parameter != "asolfiles" and cycle != own.cycle:
        return False
    return own.obi is None or header.get("OBI_NUM", own.obi) == own.obi


def matched_aspect(members: list[Member], text: str, console: Console) -> list[list[str]]:
    """Return, for each observation, the aspect solutions of a stack that are of it; none is no error.

    Raises
    ------
    UserError, DataError
        A file is missing, or does not say which observation it is of.
    """
    return _matched(members, text, "asolfiles", console)
