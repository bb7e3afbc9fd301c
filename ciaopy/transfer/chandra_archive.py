"""Observations of the Chandra archive: which files there are, which are wanted, fetched, checked, remembered.

What has been fetched of an observation stands in `.ciaopy-download.json` in its folder, written last.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ciaopy.errors import CiaopyError, DataError, UsageError, UserError
from ciaopy.transfer.checks import check_file, member_sizes
from ciaopy.transfer.downloads import ATTEMPTS, FolderMirror, Mirror, Progress, Silent, WebMirror, receive
from ciaopy.transfer.listing import NotThereError, list_files, remote_size
from ciaopy.transfer.pace import Pace

__all__ = [
    "ARCHIVE_MIRROR", "MANIFEST", "REPROCESSING_TYPES", "TYPES", "AbstractSlot", "Fetched", "MissingFilesError",
    "NotThereError", "Transfers", "archive_mirrors", "fetch_observation", "kept_observation", "type_of", "wanted_types",
]  # fmt: skip

#: The archive of the CXC; $CDA_MIRROR_SITE takes its place.
ARCHIVE_MIRROR = "https://cxc.cfa.harvard.edu/cdaftp/"
MANIFEST = ".ciaopy-download.json"
#: In the order in which a file name is compared with them (ahelp download_chandra_obsid).
TYPES = (
    "oif", "vv", "bpix", "fov", "evt2", "src2", "cntr_img", "full_img", "src_img", "asol", "eph0", "eph1", "aoff",
    "evt1a", "evt1", "flt", "msk", "mtl", "soff", "stat", "arf", "rmf", "bias", "pbk", "osol", "aqual", "sum", "pha2",
    "dtf", "plt", "adat", "vvref", "readme",
)  # fmt: skip
#: What reprocessing uses.
REPROCESSING_TYPES = (
    "oif", "evt1", "evt2", "asol", "osol", "bpix", "fov", "flt", "msk", "mtl", "stat", "pbk", "bias", "dtf", "eph0",
    "eph1", "vv",
)  # fmt: skip


class MissingFilesError(DataError, FileNotFoundError):
    """Not all files of an observation are here, and none may be asked for."""


@dataclass
class Fetched:
    """What came of one observation.

    Attributes
    ----------
    folder : Path
    files : dict
        Path below the folder -> {size, sha256, etag}.
    size : int
        Bytes that were transferred.
    kept : int
        Files that were there and right.
    notes : list of str
        What is odd and does no harm.
    failed : dict
        Path -> why it was not fetched.
    """

    folder: Path
    files: dict[str, dict[str, object]] = field(default_factory=dict)
    size: int = 0
    kept: int = 0
    notes: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)


def type_of(name: str) -> str:
    """Return the type of a file: the first in order whose `_type` is in its name; `oif` and `readme` by their names."""
    plain = name.lower()
    if plain.startswith("oif."):
        return "oif"
    if "readme" in plain:
        return "readme"
    return next((t for t in TYPES if f"_{t}" in plain), "")


def wanted_types(names: Sequence[str], excluded: Sequence[str] = ()) -> frozenset[str] | None:
    """Return the types to fetch, None for all files.

    Raises
    ------
    UsageError
        One is unknown; all are listed.
    """
    for name in (*names, *excluded):
        if name not in TYPES:
            raise UsageError(f"{name!r}: no type of file; there is {' '.join(sorted(TYPES))}")
    if not names and not excluded:
        return None
    return frozenset(names or (*TYPES, "")) - frozenset(excluded)


def archive_mirrors(texts: Sequence[str] = ()) -> list[Mirror]:
    """Return mirrors: those named, else $CDA_MIRROR_SITE, else that of the CXC.

    Raises
    ------
    UserError
        One is no http or https address and no folder.
    """
    found: list[Mirror] = []
    for text in texts or (os.environ.get("CDA_MIRROR_SITE") or ARCHIVE_MIRROR,):
        if re.match(r"https?://", text, re.IGNORECASE):
            found.append(WebMirror(text))
            continue
        folder = Path(text.removeprefix("file://").removeprefix("file:")).expanduser()
        if "://" in text.removeprefix("file://") or not folder.is_dir():
            raise UserError(f"{text}: a mirror is an https:// or http:// address, or a folder")
        found.append(FolderMirror(folder))
    return found


class AbstractSlot:
    """A context manager that is held during a transfer."""

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(self, *why: object) -> None:
        """End."""


class _Free(AbstractSlot):
    """No limit."""


@dataclass(frozen=True)
class Transfers:
    """How files are transferred.

    Attributes
    ----------
    threads : int
        Files at a time.
    retries : int
        Connections in a row that bring nothing before a file is given up.
    pace : Pace, optional
        Most bytes per second.
    slot : callable
        Returns a context manager that is held during each transfer.
    progress : Progress
        Told of every piece.
    """

    threads: int = 4
    retries: int = ATTEMPTS
    pace: Pace | None = None
    slot: Callable[[], AbstractSlot] = _Free
    progress: Progress = field(default_factory=Silent)


def fetch_observation(
    obs_id: str,
    folder: Path,
    mirrors: Sequence[Mirror],
    types: frozenset[str] | None = None,
    how: Transfers | None = None,
) -> Fetched:
    """Fetch the files of an observation into `folder`; what is there and right is not fetched again.

    Parameters
    ----------
    obs_id : str
        Its number.
    folder : Path
        Gets primary/, secondary/, oif.fits, ...
    mirrors : sequence of Mirror
        The next is tried where one fails.
    types : frozenset of str, optional
        Types of files; default: all files.
    how : Transfers, optional

    Raises
    ------
    NotThereError
        The observation is not there, or not public.
    DataError
        Files are damaged at the source; the others are there.
    UserError
        Nothing can be written.
    """
    problem: Exception | None = None
    for mirror in mirrors:
        try:
            return _Fetch(obs_id, folder, mirror, types, how or Transfers()).run()
        except (NotThereError, ConnectionError) as error:
            problem = error
    if isinstance(problem, NotThereError):
        raise problem
    raise DataError(
        f"ObsID {obs_id}: the archive is not reached: {problem}; try again, or another --mirror"
    ) from problem


class _Fetch:
    """The fetching of one observation from one mirror."""

    def __init__(self, obs_id: str, folder: Path, mirror: Mirror, types: frozenset[str] | None, how: Transfers) -> None:
        self.obs_id, self.folder, self.mirror, self.types, self.how = obs_id, folder, mirror, types, how
        self.base = f"byobsid/{obs_id[-1]}/{obs_id}"
        self.fetched = Fetched(folder)
        self.sizes: dict[str, int] = {}
        self.known = _manifest(folder)

    def run(self) -> Fetched:
        """Fetch all, the largest first."""
        names = list_files(self.mirror, self.base, self.obs_id)
        chosen = [n for n in names if self.types is None or type_of(Path(n).name) in self.types]
        if not chosen:
            raise DataError(f"ObsID {self.obs_id}: no file of these types; the archive has {len(names)} files of it")
        inventory = next((n for n in names if Path(n).name.startswith("oif.fits")), None)
        if inventory is not None and inventory in chosen:
            self._one(inventory)
            self._read_sizes(inventory)
        rest = sorted((n for n in chosen if n != inventory), key=lambda n: (-self._size(n), n))
        with ThreadPoolExecutor(max(self.how.threads, 1)) as pool:
            list(pool.map(self._one, rest))
        self._write_manifest()
        if self.fetched.failed:
            listed = "; ".join(f"{n}: {why}" for n, why in sorted(self.fetched.failed.items()))
            raise DataError(f"ObsID {self.obs_id}: {len(self.fetched.failed)} files could not be fetched: {listed}")
        return self.fetched

    def _read_sizes(self, inventory: str) -> None:
        if inventory in self.fetched.failed:
            return
        try:
            self.sizes = member_sizes(self.folder / inventory)
        except CiaopyError as error:
            self.fetched.notes.append(f"{inventory}: sizes cannot be read: {error}")

    def _size(self, name: str) -> int:
        return self.sizes.get(Path(name).name.removesuffix(".gz"), 0)

    def _one(self, name: str) -> None:
        """Fetch and check one file, once more where it is damaged."""
        target = self.folder / name
        try:
            if self._is_here(name, target):
                self.fetched.kept += 1
                return
            for last in (False, True):
                size = self._transfer(name, target)
                problem = check_file(
                    self._part(target), target.name, self.sizes.get(target.name.removesuffix(".gz")), self.fetched.notes
                )
                if not problem:
                    break
                self._part(target).unlink(missing_ok=True)
                if last:
                    self.fetched.failed[name] = f"damaged at the source: {problem}"
                    return
            self._part(target).replace(target)
            self.fetched.size += size
            self.fetched.files[name] = _described(target)
            self.how.progress.finish(name)
        except (OSError, CiaopyError) as error:
            if isinstance(error, UserError):
                raise
            self.fetched.failed[name] = str(error) or type(error).__name__

    @staticmethod
    def _part(target: Path) -> Path:
        return target.with_name(f"{target.name}.part")

    def _transfer(self, name: str, target: Path) -> int:
        target.parent.mkdir(parents=True, exist_ok=True)
        part, how = self._part(target), self.how
        with how.slot():
            return receive(self.mirror, f"{self.base}/{name}", part, how.progress, how.pace, how.retries)

    def _is_here(self, name: str, target: Path) -> bool:
        """Return True where a file is there as the mirror has it: same size, and the content that was checked."""
        if not target.is_file():
            return False
        remote = remote_size(self.mirror, f"{self.base}/{name}")
        size = target.stat().st_size
        old = self.known.get(name)
        if remote is not None and remote != size:
            return False
        if old is not None and old.get("size") == size and old.get("mtime_ns") == target.stat().st_mtime_ns:
            self.fetched.files[name] = old
            return True
        if check_file(target, target.name, self.sizes.get(target.name.removesuffix(".gz")), []):
            return False
        self.fetched.files[name] = _described(target)
        return True

    def _write_manifest(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / MANIFEST
        old = _read_manifest(self.folder)
        before = old.get("types", "all") if old.get("complete") else []
        everything = self.types is None or before == "all"
        told = {
            "obs_id": self.obs_id,
            "complete": not self.fetched.failed,
            "types": "all" if everything or self.types is None else sorted(self.types | set(before)),
            "files": {**self.known, **self.fetched.files},
        }
        text = json.dumps(told, indent=1)
        part = path.with_name(f"{path.name}.part")
        part.write_text(text + "\n")
        part.replace(path)


def kept_observation(obs_id: str, folder: Path, types: frozenset[str] | None = None) -> Fetched:
    """Return what is here of an observation, without a request: all that its manifest names, checked anew if changed.

    Raises
    ------
    MissingFilesError
        It was not fetched to its end, or files have vanished, been altered, or were left out by their type.
    """
    told = _read_manifest(folder)
    known, fetched = _manifest(folder), Fetched(folder)
    if not known or not told.get("complete"):
        raise MissingFilesError(f"ObsID {obs_id}: not fetched to its end into {folder}, and no request is allowed")
    asked = told.get("types", "all")
    if asked != "all" and (types is None or types - set(asked)):
        raise MissingFilesError(
            f"ObsID {obs_id}: not all of these types were asked for when it was fetched, and no request is allowed:"
            f" {', '.join(sorted((types or set(TYPES)) - set(asked)))}"
        )
    wanted = {n: old for n, old in known.items() if types is None or type_of(Path(n).name) in types}
    inventory = next((folder / n for n in known if Path(n).name.startswith("oif.fits")), None)
    sizes = member_sizes(inventory) if inventory is not None and inventory.is_file() else {}
    bad = []
    for name, old in wanted.items():
        target = folder / name
        here = target.is_file() and target.stat().st_size == old.get("size")
        if here and target.stat().st_mtime_ns != old.get("mtime_ns"):
            here = not check_file(target, target.name, sizes.get(target.name.removesuffix(".gz")), fetched.notes)
        if not here:
            bad.append(name)
    if bad:
        raise MissingFilesError(
            f"ObsID {obs_id}: {len(bad)} of {len(wanted)} files are not here, or are altered, and no request is"
            f" allowed: {', '.join(sorted(bad)[:5])}"
        )
    fetched.files, fetched.kept = wanted, len(wanted)
    return fetched


def _described(path: Path) -> dict[str, object]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    status = path.stat()
    return {"size": status.st_size, "sha256": digest, "mtime_ns": status.st_mtime_ns}


def _read_manifest(folder: Path) -> dict[str, Any]:
    """Return the manifest of an earlier run; empty where there is none."""
    try:
        told = json.loads((folder / MANIFEST).read_bytes())
    except (OSError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}


def _manifest(folder: Path) -> dict[str, dict[str, object]]:
    """Return what an earlier run fetched and checked."""
    files = _read_manifest(folder).get("files")
    return files if isinstance(files, dict) else {}
