"""Files by name: found, opened for reading, counted while open.

`x.fits` falls back to `x.fits.gz`; gzip is recognised by its first two bytes, not by the name.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path

from ciaopy.errors import DataError
from ciaopy.fits.source import PlainSource, Source
from ciaopy.streams import is_standard, open_input

__all__ = ["being_read", "find_file", "note_open", "open_source"]

GZIP_MAGIC = b"\x1f\x8b"

_open_files: dict[tuple[int, int], int] = {}
_open_lock = threading.Lock()


def find_file(path: str | os.PathLike[str]) -> Path:
    """Return the path that exists: `path`, or `path` with `.gz` added.

    Raises
    ------
    DataError
        Neither exists.
    """
    plain = Path(path)
    if is_standard(path) or plain.exists():
        return plain
    packed = plain.with_name(plain.name + ".gz") if plain.name else plain
    if packed != plain and packed.exists():
        return packed
    raise DataError(f"{plain}: no such file")


def open_source(path: str | os.PathLike[str], memory_limit: int | None = None) -> Source:
    """Open a file for reading; `-` and FIFOs are read to their end first.

    `memory_limit` is that of `GzipSource`, bytes; None leaves its own.

    Raises
    ------
    DataError
        No such file, a folder, a device, not readable, or empty.
    """
    place = find_file(path)
    fd = open_input(place)
    try:
        status = os.fstat(fd)
        if not status.st_size:
            raise DataError(f"{place}: is empty (0 bytes), not a FITS file")
        if os.pread(fd, 2, 0) == GZIP_MAGIC:
            from ciaopy.fits.gzip_stream import MEMORY_LIMIT, GzipSource

            return GzipSource(place, fd, MEMORY_LIMIT if memory_limit is None else memory_limit)
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
