"""Where the bytes of a file come from: a plain file by position (a gzip stream: see `gzip_stream`).

A source answers `read_into(offset, buffer)` from any thread.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Protocol

from ciaopy.errors import DataError

__all__ = ["PlainSource", "Source", "as_bytes"]


class Source(Protocol):
    """Random access to the (uncompressed) bytes of one file."""

    path: Path

    def read_into(self, offset: int, buffer: memoryview) -> int:
        """Fill `buffer` from byte `offset` on; return how many bytes there were before the end of the file."""

    def reaches(self, end: int) -> bool:
        """Tell whether the file has at least `end` bytes."""

    def prefetch(self) -> None:
        """Get the rest of the file ready in the background, if that is of any use."""

    def read_once(self) -> None:
        """The reader goes through the file from front to end, and says by `release` what it has used."""

    def release(self, end: int) -> None:
        """Bytes before `end` have been used and need not be kept."""

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

    def read_once(self) -> None:
        """Do nothing: the bytes stay where they are."""

    def release(self, end: int) -> None:
        """Do nothing: the bytes stay where they are."""

    def verify(self) -> None:
        """Do nothing: a plain file has no check sum of its own."""

    def close(self) -> None:
        """Close the file."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def as_bytes(array: Any) -> memoryview:
    """Return the memory of a C-contiguous array as a flat writable view of bytes."""
    return memoryview(array).cast("B") if array.nbytes else memoryview(bytearray())
