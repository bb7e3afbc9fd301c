"""Files that appear whole or not at all: a hidden temporary file in the same folder, fsync, rename.

The temporary name begins with `.ciaopy-` and carries host and process, so that what a killed process left behind is
swept by the next one that writes to the folder.
"""

from __future__ import annotations

import errno
import os
import platform
import stat
import tempfile
import threading
from itertools import count
from pathlib import Path
from types import TracebackType

from ciaopy.errors import OutputExistsError, UserError
from ciaopy.fits.files import being_read
from ciaopy.messages import reason
from ciaopy.scratch import forget, register
from ciaopy.streams import is_standard, send_to_output

__all__ = ["AtomicFile", "check_output"]

_PREFIX = ".ciaopy-"
_SUFFIX = ".part"
_numbers = count()
_swept: set[Path] = set()
_sweep_lock = threading.Lock()

_HINTS = {
    errno.ENOSPC: "free some space or choose another folder",
    errno.EDQUOT: "your disk quota is used up",
    errno.EFBIG: "the file would be larger than the system allows",
    errno.EACCES: "you may not write there; choose another folder",
    errno.EPERM: "you may not write there; choose another folder",
    errno.EROFS: "choose another folder",
}


def write_error(path: Path, problem: OSError) -> UserError:
    """Return the error to raise where the system refuses to write."""
    reason = problem.strerror or str(problem)
    hint = _HINTS.get(problem.errno or 0)
    return UserError(f"{path}: cannot be written: {reason}" + (f"; {hint}" if hint else ""))


def check_output(path: str | os.PathLike[str], clobber: bool) -> Path:
    """Return where an output goes, symbolic links followed, after checking that it may go there.

    Raises
    ------
    OutputExistsError
        The file exists and `clobber` is false.
    UserError
        The folder is missing or not a folder, the path is a folder or a device, or this process is reading the file.
    """
    place = Path(path)
    if not place.name:
        raise UserError("the name of the output file is empty")
    try:
        if place.is_symlink():
            place = place.resolve()
        status = place.stat()
    except (FileNotFoundError, NotADirectoryError):
        status = None
    except (OSError, RuntimeError) as problem:
        raise UserError(f"{path}: cannot be written: {reason(problem)}") from None
    if not place.parent.is_dir():
        raise UserError(f"{path}: the folder {place.parent} does not exist; make it first")
    if status is None:
        return place
    if stat.S_ISDIR(status.st_mode):
        raise UserError(f"{path}: is a folder; name a file")
    if not stat.S_ISREG(status.st_mode):
        raise UserError(f"{path}: is not a regular file; name another output")
    if not clobber:
        raise OutputExistsError(f"{path}: exists; set clobber=yes to replace it")
    if being_read(place):
        raise UserError(f"{path}: is also an input that is being read; name another output")
    return place


def _here() -> str:
    """Return a text for this host and process namespace, fit for a file name."""
    try:
        namespace = str(Path("/proc/self/ns/pid").stat().st_ino)
    except OSError:
        namespace = "0"
    return "".join(c for c in platform.node() if c.isalnum()) + "-" + namespace


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _sweep(folder: Path) -> None:
    """Remove temporary files of processes of this host that are gone; once per folder and process."""
    with _sweep_lock:
        if folder in _swept:
            return
        _swept.add(folder)
    mine = f"{_PREFIX}{_here()}-"
    try:
        names = [e.name for e in os.scandir(folder) if e.name.startswith(mine) and e.name.endswith(_SUFFIX)]
    except OSError:
        return  # a folder that can be written but not listed has nothing to sweep
    for name in names:
        pid = name[len(mine) :].split("-")[0]
        if pid.isdecimal() and not _is_running(int(pid)):
            (folder / name).unlink(missing_ok=True)


class AtomicFile:
    """A file that gets its name only when it is complete; a context manager.

    Leaving the block without an exception syncs and renames; with one, the temporary file is removed.

    Parameters
    ----------
    path : path-like
        Final name; `-` is standard output, which gets the complete file.
    clobber : bool
        Replace an existing file.
    sync : bool
        Wait until the bytes are on the disk before the rename.

    Raises
    ------
    OutputExistsError, UserError
        As `check_output`; also for a folder that cannot be written and for a full disk.
    """

    def __init__(self, path: str | os.PathLike[str], clobber: bool = False, sync: bool = True) -> None:
        self.path = Path(path)
        self._clobber, self._sync = clobber, sync
        self._standard = is_standard(path)
        self._place = Path(tempfile.gettempdir(), "-") if self._standard else check_output(path, clobber)
        _sweep(self._place.parent)
        self.temporary = self._place.parent / f"{_PREFIX}{_here()}-{os.getpid()}-{next(_numbers)}{_SUFFIX}"
        try:
            self.fd = os.open(self.temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
        except OSError as problem:
            raise write_error(self.path, problem) from None
        register(self.temporary)
        self.position = 0

    def __enter__(self) -> AtomicFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.commit()
        else:
            self.abandon()

    def write(self, data: bytes | memoryview) -> None:
        """Append bytes.

        Raises
        ------
        UserError
            The disk is full, or the like.
        """
        self.write_at(self.position, data)
        self.position += len(data)

    def write_at(self, offset: int, data: bytes | memoryview) -> None:
        """Put bytes at a position."""
        view, done = memoryview(data), 0
        try:
            while done < len(view):
                done += os.pwrite(self.fd, view[done:], offset + done)
        except OSError as problem:
            raise write_error(self.path, problem) from None

    def move(self, start: int, by: int) -> None:
        """Shift everything from byte `start` to the end by `by` bytes towards the end."""
        chunk, stop = 1 << 22, self.position
        while stop > start:
            begin = max(start, stop - chunk)
            self.write_at(begin + by, os.pread(self.fd, stop - begin, begin))
            stop = begin
        self.position += by

    def commit(self) -> None:
        """Sync, close, give the file its final name."""
        if self._standard:
            try:
                send_to_output(self.fd)
            finally:
                self.abandon()
            return
        try:
            try:
                if self._sync:
                    os.fsync(self.fd)
            finally:
                os.close(self.fd)
                self.fd = -1
            check_output(self._place, self._clobber)
            self.temporary.replace(self._place)
            forget(self.temporary)
        except OSError as problem:
            self.temporary.unlink(missing_ok=True)
            raise write_error(self.path, problem) from None
        except BaseException:
            self.temporary.unlink(missing_ok=True)
            raise
        if self._sync:
            self._sync_folder()

    def _sync_folder(self) -> None:
        try:
            fd = os.open(self._place.parent, os.O_RDONLY)
        except OSError:
            return  # a folder that cannot be opened cannot be synced; the file itself is safe
        try:
            os.fsync(fd)
        except OSError:
            return  # some network file systems refuse to sync folders
        finally:
            os.close(fd)

    def abandon(self) -> None:
        """Remove the temporary file."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1
        self.temporary.unlink(missing_ok=True)
        forget(self.temporary)
