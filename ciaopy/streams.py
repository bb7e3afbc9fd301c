"""What is read and written but is no plain file: standard input and output (`-`), FIFOs, text files.

A stream is read to its end into an unnamed temporary file, once, and served from there, because FITS files are read
out of order. A FIFO that nobody writes to, and a device, are refused: nothing waits for ever.
"""

from __future__ import annotations

import codecs
import os
import select
import stat
import sys
import threading
import time
from typing import BinaryIO, cast

from ciaopy.errors import DataError, UserError

__all__ = [
    "decoded", "forget_streams", "has_mark", "is_standard", "is_stream", "open_input", "read_bytes", "read_text",
    "send_to_output", "start_of",
]  # fmt: skip

CHUNK = 1 << 20
#: Seconds that a FIFO may be without a writer, and that a writer may be silent.
WRITER_SECONDS = 2.0
SILENCE_SECONDS = 600.0

#: Standard streams that were closed and are now the null device: a file sent there would be lost.
CLOSED: set[int] = set()

_spools: dict[object, int] = {}
_lock = threading.Lock()

_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))


def is_standard(path: str | os.PathLike[str]) -> bool:
    """Tell whether a name is `-`, standard input or output."""
    return os.fspath(path) == "-"


def is_stream(path: str | os.PathLike[str]) -> bool:
    """Tell whether a name is `-` or that of a FIFO (`/dev/stdin`, or a `<(command)` of a shell)."""
    if is_standard(path):
        return True
    try:
        return stat.S_ISFIFO(os.stat(path).st_mode)  # noqa: PTH116 - the name may be text
    except (OSError, ValueError):
        return False


def open_input(path: str | os.PathLike[str]) -> int:
    """Return a file descriptor of a regular file, or of what a stream held; the caller closes it.

    Raises
    ------
    DataError
        No such file, a folder, a device, a FIFO without a writer; the reason stands behind the name.
    """
    name = os.fspath(path)
    if is_standard(name):
        return _spooled("-", name)
    try:
        status = os.stat(name)  # noqa: PTH116 - the name may be text
    except FileNotFoundError:
        raise DataError(f"{name}: no such file") from None
    except (OSError, ValueError) as problem:
        raise DataError(f"{name}: cannot be read: {getattr(problem, 'strerror', None) or problem}") from None
    if stat.S_ISDIR(status.st_mode):
        raise DataError(f"{name}: is a folder, not a file")
    if stat.S_ISFIFO(status.st_mode):
        return _spooled((status.st_dev, status.st_ino), name)
    if not stat.S_ISREG(status.st_mode):
        kind = "a socket" if stat.S_ISSOCK(status.st_mode) else "a device"
        raise DataError(f"{name}: is {kind}, not a file; name a file, or - for standard input")
    try:
        return os.open(name, os.O_RDONLY)
    except OSError as problem:
        raise DataError(f"{name}: cannot be read: {problem.strerror}") from None


def _spooled(key: object, name: str) -> int:
    """Return a descriptor of the content of a stream, which is read when it is first asked for."""
    with _lock:
        if key not in _spools:
            _spools[key] = _spool_standard() if key == "-" else _spool_fifo(name)
        return _reopened(_spools[key])


def _reopened(fd: int) -> int:
    """Return a descriptor with a position of its own, at the beginning."""
    for folder in ("/proc/self/fd", "/dev/fd"):
        try:
            return os.open(f"{folder}/{fd}", os.O_RDONLY)
        except OSError:
            continue
    copy = os.dup(fd)
    os.lseek(copy, 0, os.SEEK_SET)
    return copy


def forget_streams() -> None:
    """Let go of what streams held; the next reading reads them anew."""
    with _lock:
        while _spools:
            os.close(_spools.popitem()[1])


def _temporary(name: str) -> BinaryIO:
    import tempfile

    try:
        return cast("BinaryIO", tempfile.TemporaryFile(prefix="ciaopy-"))
    except OSError as problem:
        raise DataError(f"{name}: no room to keep it in {tempfile.gettempdir()}: {problem.strerror}") from None


def _keep(into: BinaryIO, data: bytes, name: str) -> None:
    import tempfile

    try:
        into.write(data)
    except OSError as problem:
        place = tempfile.gettempdir()
        raise DataError(f"{name}: no room to keep it in {place}: {problem.strerror}; set TMPDIR") from None


def _finished(spool: BinaryIO, name: str) -> int:
    spool.flush()
    if not spool.tell():
        raise DataError(f"{name}: is empty (0 bytes)")
    return os.dup(spool.fileno())


def _spool_standard() -> int:
    stream = getattr(sys.stdin, "buffer", None)
    if stream is None or sys.stdin.closed or 0 in CLOSED:
        raise DataError("-: standard input is closed; pipe a file into it")
    if sys.stdin.isatty():
        raise DataError("-: standard input is a terminal; pipe a file into it")
    with _temporary("-") as spool:
        while data := stream.read(CHUNK):
            _keep(spool, data, "-")
        return _finished(spool, "-")


def _spool_fifo(name: str) -> int:
    """Read a FIFO to its end.

    Raises
    ------
    DataError
        Nobody opens it for writing within `WRITER_SECONDS`, or the writer is silent for `SILENCE_SECONDS`.
    """
    try:
        fifo = os.open(name, os.O_RDONLY | os.O_NONBLOCK)
    except OSError as problem:
        raise DataError(f"{name}: cannot be read: {problem.strerror}") from None
    began = last = time.monotonic()
    try:
        with _temporary(name) as spool:
            while True:
                select.select([fifo], [], [], 1.0)
                try:
                    data = os.read(fifo, CHUNK)
                except BlockingIOError:  # there is a writer, and nothing from it yet
                    if time.monotonic() - last > SILENCE_SECONDS:
                        raise DataError(f"{name}: nothing came through this FIFO for {SILENCE_SECONDS:g} s") from None
                    continue
                if data:
                    _keep(spool, data, name)
                    last = time.monotonic()
                elif spool.tell():
                    return _finished(spool, name)
                elif time.monotonic() - began > WRITER_SECONDS:
                    raise DataError(f"{name}: is a FIFO that nobody writes to; start its writer first, or name a file")
                else:
                    time.sleep(0.05)
    finally:
        os.close(fifo)


def start_of(path: str | os.PathLike[str], count: int) -> bytes:
    """Return the first bytes of a file or stream, all there are where they are fewer; errors as `open_input`."""
    fd = open_input(path)
    try:
        return os.pread(fd, count, 0)
    finally:
        os.close(fd)


def read_bytes(path: str | os.PathLike[str]) -> bytes:
    """Return the content of a file or stream.

    Raises
    ------
    DataError
        As `open_input`, or the disk fails.
    """
    fd = open_input(path)
    try:
        with os.fdopen(fd, "rb") as stream:
            return stream.read()
    except OSError as problem:
        raise DataError(f"{os.fspath(path)}: cannot be read: {problem.strerror}") from None


def has_mark(data: bytes) -> bool:
    """Tell whether text begins with a byte-order mark."""
    return any(data.startswith(m) for m, _ in _MARKS)


def decoded(data: bytes, name: str) -> str:
    """Return text of UTF-8, or of what its byte-order mark says, without the mark.

    Raises
    ------
    DataError
        It is not text in that encoding.
    """
    encoding, skip = next(((e, len(m)) for m, e in _MARKS if data.startswith(m)), ("utf-8", 0))
    try:
        return data[skip:].decode(encoding)
    except UnicodeDecodeError as problem:
        raise DataError(f"{name}: is not text: byte {problem.start + skip} is not {encoding.upper()}") from None


def read_text(path: str | os.PathLike[str]) -> str:
    """Return the text of a file or stream, without a byte-order mark.

    Raises
    ------
    DataError
        As `open_input` and `decoded`.
    """
    return decoded(read_bytes(path), os.fspath(path))


def send_to_output(fd: int) -> None:
    """Copy a whole file to standard output.

    Raises
    ------
    UserError
        Standard output is closed, a terminal, or takes no more.
    """
    stream = getattr(sys.stdout, "buffer", None)
    if stream is None or 1 in CLOSED:
        raise UserError("-: standard output is closed; name a file, or pipe the output into a program")
    if sys.stdout.isatty():
        raise UserError("-: standard output is a terminal; name a file, or pipe the output into a program")
    position = 0
    try:
        sys.stdout.flush()
        while data := os.pread(fd, CHUNK, position):
            stream.write(data)
            position += len(data)
        stream.flush()
    except BrokenPipeError:
        raise UserError(f"-: the reader of standard output ended after {position} bytes") from None
    except OSError as problem:
        raise UserError(f"-: standard output cannot be written: {problem.strerror}") from None
