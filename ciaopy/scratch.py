"""Files that must not outlive the run: whoever makes one says so here, and takes it back when it has its own name.

An exception removes them on its way out. This list is for the end without one: a run that does not heed an interrupt is
ended after a short grace, and `remove_all` cleans up behind it.
"""

from __future__ import annotations

import os
import shutil
import threading

__all__ = ["forget", "register", "remove_all"]

_paths: dict[str, None] = {}
_lock = threading.Lock()


def register(path: str | os.PathLike[str]) -> None:
    """Note a temporary file or folder."""
    with _lock:
        _paths[os.fspath(path)] = None


def forget(path: str | os.PathLike[str]) -> None:
    """The file is gone, or is a product now."""
    with _lock:
        _paths.pop(os.fspath(path), None)


def remove_all() -> None:
    """Remove what is still noted; what cannot be removed stays, since the process ends."""
    for path in list(_paths):
        if os.path.isdir(path) and not os.path.islink(path):  # noqa: PTH112, PTH114 - runs while all else stands still
            shutil.rmtree(path, ignore_errors=True)
            continue
        try:
            os.unlink(path)  # noqa: PTH108
        except OSError:
            continue
