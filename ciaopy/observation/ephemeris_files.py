"""Whether an observation is of a moving target: which ephemerides of its archive files count.

Names are `<what>f<start>N<version>_eph1.fits`: `orbitf...` is the spacecraft's, `solarf`, `lunarf`, `anglesf` come with
every observation, any other is of the object that was observed (`jupiterf...`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ciaopy.observation.archive import plain_name

__all__ = ["MovingTarget", "moving_target"]

_NAME = re.compile(r"(?P<what>.+?)f(?P<start>\d+)(?:_\d+)?n(?P<version>\d+)_eph(?P<level>\d)\.fits?")
_LOOSE = re.compile(r"(?P<what>.+?)_?eph(?P<level>\d)\.fits?")
#: Ephemerides of every observation.
_GENERAL = ("solar", "lunar", "angles")


@dataclass(frozen=True, kw_only=True)
class MovingTarget:
    """The ephemerides of a moving target.

    Attributes
    ----------
    name : str
        As the files call it, lower case; blank where it is not decided.
    objects, orbits : tuple of Path
        Ephemerides of the object and of the spacecraft, in order of their start.
    problem : str
        Why the events cannot be frozen; blank where they can.
    """

    name: str
    objects: tuple[Path, ...] = ()
    orbits: tuple[Path, ...] = ()
    problem: str = ""


@dataclass(frozen=True)
class _File:
    path: Path
    what: str
    start: int
    version: int
    level: int

    @classmethod
    def of(cls, path: Path) -> _File | None:
        name = plain_name(path).lower()
        found = _NAME.fullmatch(name)
        if found is not None:
            return cls(path, found["what"], int(found["start"]), int(found["version"]), int(found["level"]))
        loose = _LOOSE.fullmatch(name)
        return cls(path, loose["what"], 0, 0, int(loose["level"])) if loose is not None else None


def moving_target(files: Iterable[Path], object_name: str) -> MovingTarget | None:
    """Return the moving target of an observation, or None where no file is of an object.

    Parameters
    ----------
    files : iterable of Path
        Of the folder `primary` (or the one folder).
    object_name : str
        OBJECT of the events: decides between several objects, by letters and digits. The Moon's file counts where
        OBJECT is MOON and there is no other.

    Returns
    -------
    MovingTarget or None
        Of one start the newest version, of several all. Without (definitive) orbit, or with objects that OBJECT does
        not decide between, `problem` says so.
    """
    found = [f for f in (_File.of(p) for p in files) if f is not None]
    orbits = [f for f in found if f.what.startswith("orbit")]
    others = [f for f in found if not f.what.startswith("orbit") and f.level == 1]
    wanted = _plain(object_name)
    objects = [f for f in others if f.what not in _GENERAL]
    if not objects and wanted == "moon":
        objects = [f for f in others if f.what == "lunar"]
    if not objects:
        return None
    names = sorted({f.what for f in objects})
    chosen = names if len(names) == 1 else [n for n in names if _plain(n) and _plain(n) in wanted]
    if len(chosen) != 1:
        text = f"ephemerides of {len(names)} objects ({', '.join(names)}), and OBJECT={object_name!r} does not decide"
        return MovingTarget(name="", problem=f"{text}; keep the file of one object")
    kept = _newest([f for f in objects if f.what == chosen[0]])
    definitive = _newest([f for f in orbits if f.level == 1])
    problem = ""
    if not definitive:
        only = f"only a predictive orbit ephemeris ({orbits[0].path.name})" if orbits else "no orbit ephemeris"
        problem = f"{only} (orbitf*_eph1.fits) beside {kept[0].name}; download it with the observation"
    return MovingTarget(name=chosen[0], objects=kept, orbits=definitive, problem=problem)


def _plain(text: str) -> str:
    """Return letters and digits, lower case."""
    return re.sub(r"[^a-z0-9]", "", text.lower())


def _newest(files: list[_File]) -> tuple[Path, ...]:
    """Return for each start the file of the highest version, in order of start."""
    best: dict[int, _File] = {}
    for file in files:
        if file.start not in best or file.version > best[file.start].version:
            best[file.start] = file
    return tuple(best[start].path for start in sorted(best))
