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

CHUNK = 8 << 20
STEP = 1 << 20
# Headers are often all that is wanted of a file.
FIRST_STEP = 1 << 16
# How far a stream that is read once may be inflated ahead of its reader.
AHEAD = 8 * CHUNK
READ_BUFFER = 1 << 20
MEMORY_LIMIT = 1 << 30


def _room() -> memoryview:
    """Return memory for one chunk: nothing of it is touched before it is used, and large pages save time then."""
    memory = mmap.mmap(-1, CHUNK, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        memory.madvise(mmap.MADV_HUGEPAGE)
    return memoryview(memory)


class _Store:
    """The inflated bytes that may be asked for: chunks of `CHUNK` bytes in memory, beyond the limit an unnamed file."""

    def __init__(self, limit: int) -> None:
        self._chunks: dict[int, memoryview] = {}
        self._spare: list[memoryview] = []
        self._limit = limit
        self._spool: IO[bytes] | None = None
        self._spool_start = 0
        self.filled = 0
        self.start = 0

    def space(self) -> memoryview:
        """Return the memory that the next bytes may go to."""
        number, used = divmod(self.filled, CHUNK)
        if number not in self._chunks:
            self._make_room(number)
        step = STEP if self.filled >= STEP else FIRST_STEP
        return self._chunks[number][used : used + step]

    def _make_room(self, number: int) -> None:
        if self._spool is not None:  # one chunk is enough: what was in it lies in the file
            self._chunks[number] = self._chunks.pop(number - 1)
            return
        if len(self._chunks) * CHUNK >= self._limit:
            self._spool, self._spool_start = tempfile.TemporaryFile(prefix="ciaopy-"), self.filled  # noqa: SIM115
        self._chunks[number] = self._spare.pop() if self._spare else _room()

    def advance(self, nbytes: int) -> None:
        """Take note that `nbytes` were put into `space()`."""
        if self._spool is not None:
            number, used = divmod(self.filled, CHUNK)
            os.pwrite(self._spool.fileno(), self._chunks[number][used : used + nbytes], self.filled - self._spool_start)
        self.filled += nbytes

    def drop(self, end: int) -> None:
        """Let go of the whole chunks before byte `end`; their memory serves again."""
        if self._spool is not None:
            return
        for number in [n for n in self._chunks if (n + 1) * CHUNK <= min(end, self.filled)]:
            self._spare.append(self._chunks.pop(number))
            self.start = (number + 1) * CHUNK

    def read_into(self, offset: int, buffer: memoryview) -> int:
        """Copy bytes that are there already, from `start` on."""
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
        self._spare.clear()
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
        self._limit = memory_limit
        self._store = _Store(memory_limit)
        self._lock = threading.Condition()
        self._once = False
        self._done = 0
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
        if offset < self._store.start:
            self._restart()
        self._fill(offset + len(buffer))
        return self._store.read_into(offset, buffer)

    def read_once(self) -> None:
        """From now on keep no bytes that `release` has passed: memory is bounded, whatever the size of the file."""
        self._once = True

    def release(self, end: int) -> None:
        """Bytes before `end` have been used; they are inflated again if they are asked for after all."""
        if not self._once:
            return
        with self._lock:
            self._done = max(self._done, end)
            self._store.drop(self._done)
            self._lock.notify_all()

    def _restart(self) -> None:
        """Inflate from the beginning, for bytes that are not kept; all are kept from now on."""
        from isal import igzip

        with self._lock:
            self._once, self._done = False, 0
            self._store.close()
            self._file.seek(0)
            self._reader = igzip.IGzipFile(fileobj=self._file, mode="rb")
            self._store, self._ended = _Store(self._limit), False
            self._lock.notify_all()

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
                while self._once and self._store.filled - self._done > AHEAD and not self._stop:
                    self._lock.wait()
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
        with self._lock:
            self._stop = True
            self._lock.notify_all()
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
