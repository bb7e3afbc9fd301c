"""Observations of the Chandra archive: which files there are, which are wanted, fetched, checked, remembered.

The archive has no list of its files: folders are read from the pages that the server makes of them. What has been
fetched of an observation stands in `.ciaopy-download.json` in its folder, written last.
"""

from __future__ import annotations

import hashlib
import html
import json
import os
import re
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

from ciaopy.errors import CiaopyError, DataError, UsageError, UserError
from ciaopy.transfer.checks import check_file, member_sizes
from ciaopy.transfer.downloads import FolderMirror, Mirror, Progress, Silent, WebMirror, receive
from ciaopy.version import __version__

__all__ = [
    "ARCHIVE_MIRROR", "MANIFEST", "REPROCESSING_TYPES", "TYPES", "Fetched", "NotThereError", "archive_mirrors",
    "fetch_observation", "type_of", "wanted_types",
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
_DEPTH = 3
_LINK = re.compile(r"<a\s+href=([\"'])(.*?)\1[^>]*>(.*?)</a>", re.IGNORECASE | re.DOTALL)
_TIMEOUT_S = 30.0


class NotThereError(DataError, FileNotFoundError):
    """The archive has no public data of an observation."""


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


def fetch_observation(
    obs_id: str,
    folder: Path,
    mirrors: Sequence[Mirror],
    types: frozenset[str] | None = None,
    *,
    threads: int = 4,
    progress: Progress | None = None,
    slot: Callable[[], AbstractSlot] | None = None,
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
    threads : int
        Files at a time.
    progress : Progress, optional
        Told of every piece.
    slot : callable, optional
        Returns a context manager that is held during each transfer.

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
            return _Fetch(obs_id, folder, mirror, types, progress or Silent(), slot or _Free).run(threads)
        except (NotThereError, ConnectionError) as error:
            problem = error
    if isinstance(problem, NotThereError):
        raise problem
    raise DataError(
        f"ObsID {obs_id}: the archive is not reached: {problem}; try again, or another --mirror"
    ) from problem


class AbstractSlot:
    """A context manager that is held during a transfer."""

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(self, *why: object) -> None:
        """End."""


class _Free(AbstractSlot):
    """No limit."""


class _Fetch:
    """The fetching of one observation from one mirror."""

    def __init__(
        self,
        obs_id: str,
        folder: Path,
        mirror: Mirror,
        types: frozenset[str] | None,
        progress: Progress,
        slot: Callable[[], AbstractSlot],
    ) -> None:
        self.obs_id, self.folder, self.mirror, self.types = obs_id, folder, mirror, types
        self.progress, self.slot = progress, slot
        self.base = f"byobsid/{obs_id[-1]}/{obs_id}"
        self.fetched = Fetched(folder)
        self.sizes: dict[str, int] = {}
        self.known = _manifest(folder)

    def run(self, threads: int) -> Fetched:
        names = list_files(self.mirror, self.base, self.obs_id)
        chosen = [n for n in names if self.types is None or type_of(Path(n).name) in self.types]
        if not chosen:
            raise DataError(f"ObsID {self.obs_id}: no file of these types; the archive has {len(names)} files of it")
        inventory = next((n for n in names if Path(n).name.startswith("oif.fits")), None)
        if inventory is not None and inventory in chosen:
            self._one(inventory)
            self._read_sizes(inventory)
        rest = sorted((n for n in chosen if n != inventory), key=lambda n: (-self._size(n), n))
        with ThreadPoolExecutor(max(threads, 1)) as pool:
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
            self.progress.finish(name)
        except (OSError, CiaopyError) as error:
            if isinstance(error, UserError):
                raise
            self.fetched.failed[name] = str(error) or type(error).__name__

    @staticmethod
    def _part(target: Path) -> Path:
        return target.with_name(f"{target.name}.part")

    def _transfer(self, name: str, target: Path) -> int:
        target.parent.mkdir(parents=True, exist_ok=True)
        with self.slot():
            return receive(self.mirror, f"{self.base}/{name}", self._part(target), self.progress)

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
        text = json.dumps({"obs_id": self.obs_id, "complete": not self.fetched.failed,
                           "files": {**self.known, **self.fetched.files}}, indent=1)  # fmt: skip
        part = path.with_name(f"{path.name}.part")
        part.write_text(text + "\n")
        part.replace(path)


def _described(path: Path) -> dict[str, object]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    status = path.stat()
    return {"size": status.st_size, "sha256": digest, "mtime_ns": status.st_mtime_ns}


def _manifest(folder: Path) -> dict[str, dict[str, object]]:
    """Return what an earlier run fetched and checked."""
    try:
        files = json.loads((folder / MANIFEST).read_bytes())["files"]
    except (OSError, ValueError, KeyError):
        return {}
    return files if isinstance(files, dict) else {}


def list_files(mirror: Mirror, base: str, obs_id: str) -> list[str]:
    """Return the paths of all files below a folder of a mirror.

    Raises
    ------
    NotThereError
        There is no such folder.
    ConnectionError
        The mirror is not reached.
    """
    if isinstance(mirror, FolderMirror):
        root = mirror.root / base
        if not root.is_dir():
            raise NotThereError(f"ObsID {obs_id}: not public, or there is none: {root}: no such folder")
        return sorted(str(p.relative_to(root)) for p in root.rglob("*") if p.is_file())
    found: list[str] = []
    folders = [("", 0)]
    while folders:
        place, depth = folders.pop()
        for name in _page(f"{mirror.where(base)}/{place}", obs_id):
            if name.endswith("/"):
                if depth < _DEPTH:
                    folders.append((place + name, depth + 1))
            else:
                found.append(place + name)
    return sorted(found)


def _page(address: str, obs_id: str) -> list[str]:
    """Return the names on a page that a server makes of a folder: links whose text is the name."""
    request = urllib.request.Request(address, headers={"User-Agent": f"ciaopy/{__version__}"})
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as reply:
            text = reply.read().decode("utf-8", "replace")
    except urllib.error.HTTPError as error:
        error.close()
        if error.code in (404, 410):
            raise NotThereError(
                f"ObsID {obs_id}: not public, or there is none: {address}: HTTP {error.code}"
            ) from error
        raise ConnectionError(f"{address}: HTTP {error.code} {error.reason}") from error
    except (OSError, ValueError) as error:
        raise ConnectionError(f"{address}: {error}") from error
    return names_on_page(text)


def names_on_page(text: str) -> list[str]:
    """Return the entries of a folder's page: relative links without path whose text begins like the name."""
    found = []
    for _, link, shown in _LINK.findall(text):
        name = unquote(html.unescape(link))
        plain = name.rstrip("/")
        label = html.unescape(re.sub(r"<[^>]*>", "", shown)).strip().rstrip("/").removesuffix("..>").removesuffix(">")
        if not plain or "/" in plain or plain in (".", "..") or name.startswith("?") or "\\" in plain or ":" in plain:
            continue
        if label and plain.startswith(label):
            found.append(name)
    return list(dict.fromkeys(found))


def remote_size(mirror: Mirror, name: str) -> int | None:
    """Return the size that a mirror announces for a file, None where it does not say."""
    if isinstance(mirror, FolderMirror):
        return (mirror.root / name).stat().st_size
    headers = {"User-Agent": f"ciaopy/{__version__}"}
    request = urllib.request.Request(mirror.where(name), headers=headers, method="HEAD")
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as reply:
            length = reply.headers.get("Content-Length", "")
    except (OSError, ValueError):
        return None
    return int(length) if length.isdecimal() else None
