"""Copy one file from a mirror of the calibration database: with resume, size check and atomic rename.

A mirror is an HTTPS (or HTTP) address or a folder. What has arrived of a file is kept beside it as NAME.part until it
is complete; a transfer that was cut continues there. Only a file of the announced size that begins like a FITS file
(where its name says so) gets its name.
"""

from __future__ import annotations

import http.client
import os
import re
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol
from urllib.parse import quote

from ciaopy.errors import CalibrationError
from ciaopy.fits import write_error
from ciaopy.version import __version__

__all__ = ["DEFAULT_MIRROR", "Mirror", "Progress", "Silent", "download", "open_mirror"]

#: The unpacked Chandra CALDB of the CXC, from which `download_obsid_caldb` of CIAO takes its files.
DEFAULT_MIRROR = "https://cxc.cfa.harvard.edu/cdaftp/arcftp/ChandraCalDB"
_CHUNK = 1 << 18
_TIMEOUT_S = 60.0
_ATTEMPTS = 4
_FITS_BLOCK = 2880


class Progress(Protocol):
    """What a transfer tells of itself."""

    def start(self, name: str, done: int, total: int | None) -> None:
        """Tell that `done` of `total` bytes of a file are there (total None: unknown)."""

    def advance(self, size: int) -> None:
        """Tell that `size` more bytes have arrived."""

    def finish(self, name: str) -> None:
        """Tell that the file is complete."""


class Silent:
    """A `Progress` that says nothing."""

    def start(self, name: str, done: int, total: int | None) -> None:
        """Say nothing."""

    def advance(self, size: int) -> None:
        """Say nothing."""

    def finish(self, name: str) -> None:
        """Say nothing."""


@dataclass
class Transfer:
    """An open transfer: bytes of `stream` begin at `start` of `total`."""

    stream: IO[bytes] | http.client.HTTPResponse
    start: int
    total: int | None


class Mirror(Protocol):
    """A place with the folders of a calibration database."""

    def where(self, name: str) -> str:
        """Return the full address of a file, for messages."""

    def open(self, name: str, start: int) -> Transfer:
        """Open a file from byte `start` (or from 0, if that cannot be); FileNotFoundError if it is not there."""


@dataclass(frozen=True)
class FolderMirror:
    """A mirror that is a folder of this machine."""

    root: Path

    def where(self, name: str) -> str:
        """Return the path."""
        return str(self.root / name)

    def open(self, name: str, start: int) -> Transfer:
        """Open the file."""
        stream = (self.root / name).open("rb")
        total = os.fstat(stream.fileno()).st_size
        start = start if start <= total else 0
        stream.seek(start)
        return Transfer(stream, start, total)


@dataclass(frozen=True)
class WebMirror:
    """A mirror behind HTTPS or HTTP."""

    root: str

    def where(self, name: str) -> str:
        """Return the URL."""
        return f"{self.root.rstrip('/')}/{quote(name)}"

    def open(self, name: str, start: int) -> Transfer:
        """Request the file from byte `start`."""
        headers = {"User-Agent": f"ciaopy/{__version__}"} | ({"Range": f"bytes={start}-"} if start else {})
        request = urllib.request.Request(self.where(name), headers=headers)
        try:
            reply = urllib.request.urlopen(request, timeout=_TIMEOUT_S)
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == 416:
                return self.open(name, 0)
            if error.code in (404, 410):
                raise FileNotFoundError(f"HTTP {error.code}") from error
            raise ConnectionError(f"HTTP {error.code} {error.reason}") from error
        length = reply.headers.get("Content-Length")
        size = int(length) if length and length.isdigit() else None
        extent = re.match(r"bytes (\d+)-\d+/(\d+)", reply.headers.get("Content-Range", ""))
        if reply.status == 206 and extent:
            return Transfer(reply, int(extent[1]), int(extent[2]))
        return Transfer(reply, 0, size)


def open_mirror(text: str) -> Mirror:
    """Return the mirror that a URL or a path names.

    Raises
    ------
    CalibrationError
        No such folder, or an address of another kind.
    """
    scheme = re.match(r"([A-Za-z][A-Za-z0-9+.-]*)://", text)
    if scheme is None:
        folder = Path(text).expanduser()
        if not folder.is_dir():
            raise CalibrationError(f"{text}: no such folder (mirror); name a folder with data/ and software/, or a URL")
        return FolderMirror(folder)
    if scheme[1].lower() not in ("http", "https"):
        raise CalibrationError(f"{text}: a mirror is an https:// or http:// address, or a folder")
    return WebMirror(text)


def download(mirror: Mirror, name: str, target: Path, progress: Progress, resume: bool = True) -> int:
    """Copy a file of the mirror.

    Parameters
    ----------
    mirror : Mirror
        Where from.
    name : str
        Path below its root, with slashes.
    target : Path
        Where to; its folder is made, an old file replaced.
    progress : Progress
        Told of every piece.
    resume : bool
        Continue a transfer that an earlier run left; False for files whose content changes under one name.

    Returns
    -------
    int
        Size in bytes.

    Raises
    ------
    CalibrationError
        The file is not there, the connection fails several times, or what came is not the file.
    UserError
        It cannot be written: no space, no permission.
    """
    part = target.with_name(target.name + ".part")
    with _writing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        if not resume:
            part.unlink(missing_ok=True)
    problem: Exception | None = None
    for attempt in range(_ATTEMPTS):
        if attempt:
            time.sleep(_pause(attempt))
        try:
            total = _continue(mirror, name, part, progress)
        except FileNotFoundError as error:
            raise CalibrationError(f"{mirror.where(name)}: not there; check --mirror: {error}") from error
        except (OSError, http.client.HTTPException) as error:
            problem = error
            continue
        with _writing(target):
            size = part.stat().st_size
        if total is None or size == total:
            _check(part, mirror.where(name))
            with _writing(target):
                part.replace(target)
            progress.finish(name)
            return size
        problem = ConnectionError(f"{size} of {total} bytes arrived")
        if size > total:
            part.unlink(missing_ok=True)
    raise CalibrationError(
        f"{mirror.where(name)}: cannot be fetched: {problem}; try again (what has arrived is kept), or another --mirror"
    ) from problem


def _pause(attempt: int) -> float:
    """Return the seconds to wait before another attempt."""
    return 0.2 * 3.0 ** (attempt - 1)


@contextmanager
def _writing(target: Path) -> Iterator[None]:
    """Turn what the system says against writing into an error about the target."""
    try:
        yield
    except OSError as error:
        raise write_error(target, error) from error


def _continue(mirror: Mirror, name: str, part: Path, progress: Progress) -> int | None:
    """Append what is missing of a file; return its announced size."""
    done = part.stat().st_size if part.exists() else 0
    transfer = mirror.open(name, done)
    with transfer.stream:
        progress.start(name, transfer.start, transfer.total)
        with _writing(part):
            out = part.open("r+b" if transfer.start and part.exists() else "wb")
        with out:
            with _writing(part):
                out.seek(transfer.start)
                out.truncate()
            while chunk := transfer.stream.read(_CHUNK):
                with _writing(part):
                    out.write(chunk)
                progress.advance(len(chunk))
            with _writing(part):
                out.flush()
                os.fsync(out.fileno())
    return transfer.total


def _check(part: Path, where: str) -> None:
    """Refuse, and remove, what is no FITS file under the name of one: an error page, a file cut at the source."""
    name = part.name.removesuffix(".part")
    with part.open("rb") as f:
        head = f.read(9)
    size = part.stat().st_size
    if name.endswith((".fits", ".indx")):
        sound = head == b"SIMPLE  =" and size % _FITS_BLOCK == 0
    elif name.endswith(".gz"):
        sound = head[:2] == b"\x1f\x8b"
    else:
        sound = size > 0
    if not sound:
        part.unlink()
        raise CalibrationError(f"{where}: what came ({size} bytes) is no whole calibration file; try another --mirror")
