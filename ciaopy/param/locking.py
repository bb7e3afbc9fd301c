"""Atomic, locked rewriting: other processes see the old file or the new one, and no change is lost.

The lock is a file `.NAME.lock` beside the target, held with `flock` and removed afterwards. On file systems without
locks the write is still atomic.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from ciaopy.errors import ParameterError

#: Longest wait for another process, in seconds; one change takes milliseconds.
LOCK_TIMEOUT = 30.0
_POLL = 0.004


@contextlib.contextmanager
def locked(path: Path) -> Iterator[bool]:
    """Hold the lock of `path` for the block; False is yielded where the file system has no locks.

    Raises
    ------
    ParameterError
        Another process holds it for longer than `LOCK_TIMEOUT`, or the lock file cannot be made.
    """
    lock = path.with_name(f".{path.name}.lock")
    descriptor = _acquire(lock)
    try:
        yield descriptor is not None
    finally:
        if descriptor is not None:
            with contextlib.suppress(OSError):
                lock.unlink()
            os.close(descriptor)


def _acquire(lock: Path) -> int | None:
    """Open and lock `lock`; None where the file system has no locks."""
    deadline = time.monotonic() + LOCK_TIMEOUT
    while True:
        try:
            descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise ParameterError(f"cannot lock {lock.parent} to change it: {error.strerror}") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            if time.monotonic() > deadline:
                raise ParameterError(f"another process holds {lock}; remove it if no such process runs") from None
            time.sleep(_POLL)
            continue
        except OSError:
            os.close(descriptor)
            return None
        # The holder before us removes the file: what we locked may not be what the next process opens.
        with contextlib.suppress(OSError):
            if os.fstat(descriptor).st_ino == lock.stat().st_ino:
                return descriptor
        os.close(descriptor)


def write_atomic(path: Path, data: bytes) -> None:
    """Write `data` to a temporary file beside `path` and rename it; a symbolic link is followed, modes are kept.

    Raises
    ------
    ParameterError
        The folder cannot be written to, or the disk is full; `path` is unchanged.
    """
    target = Path(os.path.realpath(path))
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        try:
            mode = (target.stat().st_mode & 0o7777) | 0o200
        except FileNotFoundError:
            mode = None
        with temporary.open("wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        if mode is not None:
            temporary.chmod(mode)
        temporary.replace(target)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise ParameterError(f"cannot write {path}: {error.strerror or error}") from error


def rewrite(path: Path, change: Callable[[], bytes]) -> None:
    """Replace the content of `path` by what `change` makes of it, under its lock; the same bytes are not rewritten.

    `change` must read whatever it starts from itself, so that it sees what other processes wrote before.
    """
    with locked(path) as is_ours:
        if is_ours:
            _remove_leftovers(path)
        data = change()
        try:
            same = path.read_bytes() == data
        except FileNotFoundError:
            same = False
        except OSError as error:
            raise ParameterError(f"cannot read {path}: {error.strerror}") from error
        if not same:
            write_atomic(path, data)


def _remove_leftovers(path: Path) -> None:
    """Remove temporary files of writers that were killed; whoever holds the lock is the only living writer."""
    target = Path(os.path.realpath(path))
    prefix = f".{target.name}."
    for leftover in target.parent.iterdir():
        if leftover.name.startswith(prefix) and leftover.name.endswith(".tmp"):
            with contextlib.suppress(OSError):
                leftover.unlink()
