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
from ciaopy.messages import reason
from ciaopy.transfer.pace import Pace
from ciaopy.version import __version__

__all__ = [
    "ATTEMPTS",
    "DEFAULT_MIRROR",
    "BusyError",
    "Mirror",
    "Progress",
    "Silent",
    "Transfer",
    "download",
    "open_mirror",
    "receive",
]

#: The unpacked Chandra CALDB of the CXC, from which `download_obsid_caldb` of CIAO takes its files.
DEFAULT_MIRROR = "https://cxc.cfa.harvard.edu/cdaftp/arcftp/ChandraCalDB"
_CHUNK = 1 << 18
#: Longest silence of a server, s.
_TIMEOUT_S = 30.0
#: Connections in a row that bring nothing.
ATTEMPTS = 5
_FITS_BLOCK = 2880
#: Answers that may be others later.
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
#: Longest wait that a server may ask for, s.
_LONGEST_WAIT = 300.0


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
    tag: str = ""  # what tells this content of the file from another: ETag, or date of change


class BusyError(ConnectionError):
    """A server that asks to come again later.

    Attributes
    ----------
    wait : float
        Seconds that it asks for; 0 where it does not say.
    """

    def __init__(self, text: str, wait: float) -> None:
        super().__init__(text)
        self.wait = wait


class Mirror(Protocol):
    """A place with the folders of a calibration database."""

    def where(self, name: str) -> str:
        """Return the full address of a file, for messages."""

    def open(self, name: str, start: int, tag: str = "") -> Transfer:
        """Open a file from byte `start` (or from 0, if that cannot be); FileNotFoundError if it is not there.

        A `tag` is that of the content of which `start` bytes are there: of any other content all bytes come.
        """


@dataclass(frozen=True)
class FolderMirror:
    """A mirror that is a folder of this machine."""

    root: Path

    def where(self, name: str) -> str:
        """Return the path."""
        return str(self.root / name)

    def open(self, name: str, start: int, tag: str = "") -> Transfer:
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

    def open(self, name: str, start: int, tag: str = "") -> Transfer:
        """Request the file from byte `start`."""
        headers = {"User-Agent": f"ciaopy/{__version__}"} | ({"Range": f"bytes={start}-"} if start else {})
        if start and tag:
            headers["If-Range"] = tag
        request = urllib.request.Request(self.where(name), headers=headers)
        try:
            reply = urllib.request.urlopen(request, timeout=_TIMEOUT_S)
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == 416:
                return self.open(name, 0)
            if error.code in (404, 410):
                raise FileNotFoundError(f"HTTP {error.code}") from error
            if error.code not in _PASSING:
                raise PermissionError(f"HTTP {error.code} {error.reason}") from error
            wait = error.headers.get("Retry-After", "") if error.headers else ""
            raise BusyError(f"HTTP {error.code} {error.reason}", float(wait) if wait.isdecimal() else 0.0) from error
        length = reply.headers.get("Content-Length")
        size = int(length) if length and length.isdecimal() else None
        extent = re.match(r"bytes (\d+)-\d+/(\d+)", reply.headers.get("Content-Range", ""))
        if reply.status == 206 and extent:
            return Transfer(reply, int(extent[1]), int(extent[2]), _tag(reply))
        return Transfer(reply, 0, size, _tag(reply))


def _tag(reply: http.client.HTTPResponse) -> str:
    """Return what If-Range may be asked with: a strong ETag, else the date of the last change."""
    etag = reply.headers.get("ETag", "")
    return etag if etag and not etag.startswith("W/") else reply.headers.get("Last-Modified", "")


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
    try:
        size = receive(mirror, name, part, progress)
    except FileNotFoundError as error:
        raise CalibrationError(f"{mirror.where(name)}: not there; check --mirror: {reason(error)}") from error
    except (OSError, http.client.HTTPException) as error:
        raise CalibrationError(
            f"{mirror.where(name)}: cannot be fetched: {reason(error)}; try again (what has arrived is kept),"
            " or another --mirror"
        ) from error
    _check(part, mirror.where(name))
    with _writing(target):
        part.replace(target)
    progress.finish(name)
    return size


def receive(
    mirror: Mirror, name: str, part: Path, progress: Progress, pace: Pace | None = None, retries: int = ATTEMPTS
) -> int:
    """Bring all bytes of a file into `part`, over as many connections as it takes; at a pace if there is one.

    A connection that brought something is no failure: only several in a row that bring nothing are.

    Returns
    -------
    int
        Size in bytes: the announced one, where one was announced.

    Raises
    ------
    FileNotFoundError
        The file is not there.
    OSError, http.client.HTTPException
        The mirror refuses, or the connection fails several times without progress.
    UserError
        The part cannot be written.
    """
    note = part.with_name(f"{part.name}.tag")
    idle = 0
    while True:
        before = part.stat().st_size if part.exists() else 0
        wait = 0.0
        try:
            total = _continue(mirror, name, part, note, progress, pace)
            size = part.stat().st_size
            if total is None or size == total:
                note.unlink(missing_ok=True)
                return size
            problem: Exception = ConnectionError(f"{size} of {total} bytes arrived")
            if size > total:
                part.unlink(missing_ok=True)
        except (FileNotFoundError, PermissionError):
            raise
        except BusyError as error:
            problem, wait = error, min(error.wait, _LONGEST_WAIT)
        except (OSError, http.client.HTTPException) as error:
            problem = error
        after = part.stat().st_size if part.exists() else 0
        idle = 0 if after > before else idle + 1
        if idle >= retries:
            raise problem
        time.sleep(max(wait, _pause(idle)) if idle or wait else 0.0)


def _pause(attempt: int) -> float:
    """Return the seconds to wait before another attempt."""
    return min(2.0 ** (attempt - 1), 60.0)


@contextmanager
def _writing(target: Path) -> Iterator[None]:
    """Turn what the system says against writing into an error about the target."""
    try:
        yield
    except OSError as error:
        raise write_error(target, error) from error


def _continue(mirror: Mirror, name: str, part: Path, note: Path, progress: Progress, pace: Pace | None) -> int | None:
    """Append what is missing of a file; return its announced size."""
    chunk_size = _CHUNK if pace is None else pace.piece(_CHUNK)
    done = part.stat().st_size if part.exists() else 0
    transfer = mirror.open(name, done, note.read_text() if done and note.exists() else "")
    with transfer.stream:
        with _writing(note):
            note.write_text(transfer.tag)
        progress.start(name, transfer.start, transfer.total)
        with _writing(part):
            out = part.open("r+b" if transfer.start and part.exists() else "wb")
        with out:
            with _writing(part):
                out.seek(transfer.start)
                out.truncate()
            while chunk := transfer.stream.read(chunk_size):
                with _writing(part):
                    out.write(chunk)
                progress.advance(len(chunk))
                if pace is not None:
                    pace.take(len(chunk))
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
