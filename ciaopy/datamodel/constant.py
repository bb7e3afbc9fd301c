"""Input files that do not change during a run: opened once, and what is made of them made once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from ciaopy.errors import DataError

if TYPE_CHECKING:
    from ciaopy.fits import FitsFile

__all__ = ["ConstantFiles"]

T = TypeVar("T")
# Inflated bytes of a compressed file that stay in memory; what is beyond goes to an unnamed temporary file.
INFLATED_BYTES = 256 << 20


class ConstantFiles:
    """The constant files of one run; safe to use from several threads."""

    def __init__(self) -> None:
        self._names: dict[Path, Path] = {}
        self._files: dict[Path, FitsFile] = {}
        self._made: dict[str, tuple[Hashable, object]] = {}
        self._lock = threading.RLock()

    def add(self, key: Path, name: Path) -> None:
        """Declare a file constant: `key` is what it is known by, `name` what it was called."""
        if name.is_file() or name.with_name(f"{name.name}.gz").is_file():
            with self._lock:
                self._names.setdefault(key, name)

    def __contains__(self, key: Path) -> bool:
        return key in self._names

    def opened(self, key: Path) -> FitsFile | None:
        """Return a constant file, open; None for others, and where it cannot be opened as FITS."""
        from ciaopy.fits import FitsFile

        with self._lock:
            if key in self._names and key not in self._files:
                try:
                    self._files[key] = FitsFile(self._names[key], memory_limit=INFLATED_BYTES)
                except DataError:
                    return None
            return self._files.get(key)

    def once(self, kind: str, key: Hashable, keys: Sequence[Path], make: Callable[[], T]) -> T:
        """Return what `make` gave for this kind and key the last time, or gives now; see `Workspace.once`."""
        if not all(name in self._names for name in keys):
            return make()
        with self._lock:
            known = self._made.get(kind)
            if known is None or known[0] != key:
                known = (key, make())
                self._made[kind] = known
        return known[1]  # type: ignore[return-value]

    def close(self) -> None:
        """Close all files and forget everything."""
        with self._lock:
            for file in self._files.values():
                file.close()
            self._files.clear()
            self._names.clear()
            self._made.clear()
