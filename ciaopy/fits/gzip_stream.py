"""gzip in and out, by isal: block-wise inflation with random access, and compression of a finished file.

The inflated bytes are kept, in memory up to `MEMORY_LIMIT` and then in an unnamed temporary file, so that HDUs can be
listed first and read later without inflating twice. A background thread inflates ahead while rows are decoded.
"""

from __future__ import annotations

import mmap
import os
import shutil
import tempfile
import threading
from pathlib import Path
from typing import IO, Any

from ciaopy.errors import DataError, UserError

__all__ = ["GzipSource", "compress_file"]

CHUNK = 32 << 20
STEP = 1 << 20
READ_BUFFER = 1 << 20
MEMORY_LIMIT = 1 << 30


class _Store:
    """The bytes inflated so far: chunks of `CHUNK` bytes in memory, what is beyond the limit in an unnamed file."""

    def __init__(self, limit: int) -> None:
        self._chunks: list[memoryview] = []
        self._limit = limit
        self._spool: IO[bytes] | None = None
        self._spool_start = 0
        self.filled = 0

    def space(self) -> memoryview:
        """Return the memory that the next bytes may go to."""
        used = self.filled % CHUNK
        if used == 0 and (self._spool is None or not self._chunks):
            self._make_room()
        return self._chunks[-1][used : used + STEP]

    def _make_room(self) -> None:
        if self._spool is None and len(self._chunks) * CHUNK < self._limit:
            self._chunks.append(memoryview(mmap.mmap(-1, CHUNK)))
        elif self._spool is None:
            self._spool, self._spool_start = tempfile.TemporaryFile(prefix="ciaopy-"), self.filled  # noqa: SIM115
            self._chunks.append(memoryview(mmap.mmap(-1, CHUNK)))

    def advance(self, nbytes: int) -> None:
        """Take note that `nbytes` were put into `space()`."""
        if self._spool is not None:
            used = self.filled % CHUNK
            os.pwrite(self._spool.fileno(), self._chunks[-1][used : used + nbytes], self.filled - self._spool_start)
        self.filled += nbytes

    def read_into(self, offset: int, buffer: memoryview) -> int:
        """Copy bytes that are there already."""
        want = max(0, min(len(buffer), self.filled - offset))
        done = 0
        while done < want:
            at = offset + done
            if self._spool is not None and at >= self._spool_start:
                got = os.preadv(self._spool.fileno(), [buffer[done:want]], at - self._spool_start)
            else:
                start = at % CHUNK
                got = min(want - done, CHUNK - start)
                buffer[done : done + got] = self._chunks[at // CHUNK][start : start + got]
            done += got
        return done

    def close(self) -> None:
        """Free memory and disk."""
        self._chunks.clear()
        if self._spool is not None:
            self._spool.close()


class GzipSource:
    """A gzip file, inflated on demand or ahead of demand; safe to use from several threads.

    Parameters
    ----------
    path : Path
        For messages.
    fd : int
        Open file descriptor; closed by `close`.
    memory_limit : int
        Inflated bytes to keep in memory; what is beyond goes to an unnamed file in the temporary folder.
    """

    def __init__(self, path: Path, fd: int, memory_limit: int = MEMORY_LIMIT) -> None:
        from isal import igzip

        self.path = path
        self._file = os.fdopen(fd, "rb", buffering=0)
        self._reader: Any = igzip.IGzipFile(fileobj=self._file, mode="rb")
        self._store = _Store(memory_limit)
        self._lock = threading.Lock()
        self._ended = False
        self._stop = False
        self._problem: DataError | None = None
        self._thread: threading.Thread | None = None

    def _inflate(self) -> None:
        """Inflate one chunk. Call with the lock held."""
        if self._problem is not None:
            raise self._problem
        space = self._store.space()
        try:
            got = self._reader._buffer.raw.readinto(space)
        except (OSError, EOFError, ValueError) as problem:
            raise self._fail(str(problem)) from None
        except Exception as problem:  # isal's own error class is not public in all versions
            if type(problem).__module__.split(".")[0] in ("isal", "zlib", "isal_zlib", "igzip_lib"):
                raise self._fail(str(problem)) from None
            raise
        self._store.advance(got)
        self._ended = got == 0

    def _fail(self, reason: str) -> DataError:
        self._problem = DataError(f"{self.path}: damaged gzip file at inflated byte {self._store.filled}: {reason}")
        return self._problem

    def _fill(self, end: int) -> None:
        """Inflate until byte `end` is there or the stream ends."""
        while self._store.filled < end and not self._ended:
            with self._lock:
                if self._store.filled < end and not self._ended:
                    self._inflate()

    def read_into(self, offset: int, buffer: memoryview) -> int:
        """Fill `buffer` from inflated byte `offset` on; return the number of bytes there were."""
        self._fill(offset + len(buffer))
        return self._store.read_into(offset, buffer)

    def reaches(self, end: int) -> bool:
        """Tell whether the inflated file has at least `end` bytes; bytes not inflated yet get the benefit of doubt."""
        return end <= self._store.filled or not self._ended

    def prefetch(self) -> None:
        """Inflate the rest in a background thread."""
        if self._thread is None and not self._ended:
            self._thread = threading.Thread(target=self._run_ahead, name="ciaopy-gunzip", daemon=True)
            self._thread.start()

    def _run_ahead(self) -> None:
        while not (self._ended or self._stop):
            with self._lock:
                if self._ended or self._stop:
                    return
                try:
                    self._inflate()
                except DataError:
                    return  # kept in self._problem: raised again for the reader that needs these bytes

    def verify(self) -> None:
        """Inflate to the end, which checks the CRC and the length of every gzip member.

        Raises
        ------
        DataError
            The stream is damaged or cut.
        """
        while not self._ended:
            with self._lock:
                if not self._ended:
                    self._inflate()

    def close(self) -> None:
        """Stop the background thread, free the memory, close the file."""
        self._stop = True
        if self._thread is not None:
            self._thread.join()
        with self._lock:
            self._ended = True
            self._reader.close()
            self._file.close()
            self._store.close()


def compress_file(source: Path, target: IO[bytes], name: Path) -> None:
    """Write the gzip form of the file `source` to `target` (no name and no time stamp inside: same bytes every time).

    `name` is the final name, for messages.

    Raises
    ------
    UserError
        The disk is full or the like.
    """
    from isal import igzip

    try:
        with source.open("rb") as plain, igzip.IGzipFile("", "wb", fileobj=target, mtime=0) as packed:
            shutil.copyfileobj(plain, packed, STEP)
        target.flush()
    except OSError as problem:
        raise UserError(f"{name}: cannot be written: {problem.strerror or problem}") from None
