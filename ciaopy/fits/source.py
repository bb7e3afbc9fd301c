"""Where the bytes of a file come from: a plain file by position, or a gzip stream (see `gzip_stream`).

A source answers `read_into(offset, buffer)` from any thread. `x.fits` falls back to `x.fits.gz`; gzip is recognised by
its first two bytes, not by the name.
"""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path
from typing import Any, Protocol

from ciaopy.errors import DataError

__all__ = ["PlainSource", "Source", "being_read", "find_file", "open_source"]

GZIP_MAGIC = b"\x1f\x8b"

_open_files: dict[tuple[int, int], int] = {}
_open_lock = threading.Lock()


class Source(Protocol):
    """Random access to the (uncompressed) bytes of one file."""

    path: Path

    def read_into(self, offset: int, buffer: memoryview) -> int:
        """Fill `buffer` from byte `offset` on; return how many bytes there were before the end of the file."""

    def reaches(self, end: int) -> bool:
        """Tell whether the file has at least `end` bytes."""

    def prefetch(self) -> None:
        """Get the rest of the file ready in the background, if that is of any use."""

    def verify(self) -> None:
        """Raise `DataError` unless the whole stream passes its own check sum."""

    def close(self) -> None:
        """Let go of the file."""


class PlainSource:
    """An uncompressed file, read with `preadv`: no shared position, so threads need no lock."""

    def __init__(self, path: Path, fd: int, size: int) -> None:
        self.path, self._fd, self.size = path, fd, size

    def read_into(self, offset: int, buffer: memoryview) -> int:
        """Fill `buffer` from byte `offset` on; return the number of bytes read."""
        done = 0
        while done < len(buffer):
            try:
                got = os.preadv(self._fd, [buffer[done:]], offset + done)
            except OSError as problem:
                raise DataError(f"{self.path}: byte {offset + done}: cannot be read: {problem.strerror}") from None
            if not got:
                break
            done += got
        return done

    def reaches(self, end: int) -> bool:
        """Tell whether the file has at least `end` bytes."""
        return end <= self.size

    def prefetch(self) -> None:
        """Do nothing: the operating system reads ahead."""

    def verify(self) -> None:
        """Do nothing: a plain file has no check sum of its own."""

    def close(self) -> None:
        """Close the file."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def find_file(path: str | os.PathLike[str]) -> Path:
    """Return the path that exists: `path`, or `path` with `.gz` added.

    Raises
    ------
    DataError
        Neither exists.
    """
    plain = Path(path)
    if plain.exists():
        return plain
    packed = plain.with_name(plain.name + ".gz") if plain.name else plain
    if packed != plain and packed.exists():
        return packed
    raise DataError(f"{plain}: no such file")


def open_source(path: str | os.PathLike[str]) -> Source:
    """Open a file for reading.

    Raises
    ------
    DataError
        No such file, a folder, not readable, or empty.
    """
    place = find_file(path)
    try:
        fd = os.open(place, os.O_RDONLY)
    except OSError as problem:
        raise DataError(f"{place}: cannot be read: {problem.strerror}") from None
    try:
        status = os.fstat(fd)
        if stat.S_ISDIR(status.st_mode):
            raise DataError(f"{place}: is a folder, not a FITS file")
        if not stat.S_ISREG(status.st_mode):
            raise DataError(f"{place}: is not a regular file; copy it to disk first")
        if not status.st_size:
            raise DataError(f"{place}: is empty (0 bytes), not a FITS file")
        if os.pread(fd, 2, 0) == GZIP_MAGIC:
            from ciaopy.fits.gzip_stream import GzipSource

            return GzipSource(place, fd)
        return PlainSource(place, fd, status.st_size)
    except BaseException:
        os.close(fd)
        raise


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def note_open(path: Path, change: int) -> None:
    """Count a file as open (+1) or closed (-1) for reading."""
    key = _identity(path)
    if key is None:
        return
    with _open_lock:
        count = _open_files.get(key, 0) + change
        if count > 0:
            _open_files[key] = count
        else:
            _open_files.pop(key, None)


def being_read(path: str | os.PathLike[str]) -> bool:
    """Tell whether this process has the file (by device and inode, whatever its name) open as a `FitsFile`."""
    key = _identity(Path(path))
    with _open_lock:
        return key is not None and key in _open_files


def as_bytes(array: Any) -> memoryview:
    """Return the memory of a C-contiguous array as a flat writable view of bytes."""
    return memoryview(array).cast("B") if array.nbytes else memoryview(bytearray())
