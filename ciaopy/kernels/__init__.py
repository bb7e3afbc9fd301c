"""numba kernels and the thread pool that drives them over row blocks."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import TypeVar

__all__ = ["BLOCK_ROWS", "announce_compilation", "default_nproc", "map_blocks", "on_compilation", "row_blocks"]

BLOCK_ROWS = 65536

T = TypeVar("T")


_tell: list[Callable[[], None]] = []


def on_compilation(tell: Callable[[], None]) -> None:
    """Have `tell` called, once, when a kernel has to be compiled in this process; a later call replaces it."""
    _tell[:] = [tell]


def announce_compilation() -> None:
    """Call what `on_compilation` was given, if it has not been called yet."""
    while _tell:
        _tell.pop()()


def default_nproc() -> int:
    """Return the number of CPUs this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS has no affinity
        return os.cpu_count() or 1


def row_blocks(nrows: int, block: int = BLOCK_ROWS) -> Iterator[slice]:
    """Yield slices that cover ``range(nrows)`` in order, each of at most `block` rows."""
    for start in range(0, nrows, block):
        yield slice(start, min(start + block, nrows))


def map_blocks(task: Callable[[slice], T], nrows: int, nproc: int | None = None, block: int = BLOCK_ROWS) -> list[T]:
    """Run `task` on every row block, in `nproc` threads, and return the results in row order.

    Parameters
    ----------
    task : callable
        Takes a slice of rows. It must release the GIL to gain from threads (numba `nogil` kernels, numpy).
    nrows : int
        Number of rows in all.
    nproc : int, optional
        Threads; default: the CPUs of this process. With 1 nothing is started.
    block : int
        Rows in a block.
    """
    slices = list(row_blocks(nrows, block))
    nproc = default_nproc() if nproc is None else nproc
    if nproc <= 1 or len(slices) <= 1:
        return [task(s) for s in slices]
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(min(nproc, len(slices))) as pool:
        return list(pool.map(task, slices))
