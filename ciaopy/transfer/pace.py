"""A limit of bytes per second that several threads, and several processes, keep together."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

__all__ = ["Pace"]

#: Longest credit for a time in which nothing came, s.
_CREDIT_S = 0.25


class Pace:
    """Bytes per second, all in all.

    What has been let through is counted as a time until which the rate is used up; each piece moves it on by its size
    over the rate, and whoever comes before it waits.

    Parameters
    ----------
    rate : float
        Bytes per second, above 0.
    place : Path, optional
        File that holds the count for all processes that name it; default: the threads that share this object.
    clock, sleep : callable
        Time in s, the same for all processes; wait.
    """

    def __init__(
        self,
        rate: float,
        place: Path | None = None,
        *,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if not rate > 0:
            raise ValueError(f"rate={rate:g}: bytes per second above 0 are needed")
        self.rate, self.place = rate, place
        self._clock, self._sleep = clock, sleep
        self._lock = threading.Lock()
        self._until = 0.0

    def piece(self, most: int) -> int:
        """Return how many bytes to read at a time, at most `most`: some four pieces a second."""
        return max(min(most, int(self.rate / 4)), 1024)

    def take(self, size: int) -> None:
        """Wait until `size` bytes more are within the rate."""
        with self._lock:
            now = self._clock()
            until = self._shared(now, size) if self.place is not None else self._moved(self._until, now, size)
            self._until = until
        if until > now:
            self._sleep(until - now)

    def _moved(self, until: float, now: float, size: int) -> float:
        return max(until, now - _CREDIT_S) + size / self.rate

    def _shared(self, now: float, size: int) -> float:
        """Move the time in the file on."""
        import fcntl

        assert self.place is not None
        self.place.parent.mkdir(parents=True, exist_ok=True)
        with self.place.open("a+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            try:
                until = min(float(file.read() or "0"), now + 60.0)
            except ValueError:
                until = 0.0
            until = self._moved(until, now, size)
            file.truncate(0)
            file.write(repr(until))
        return until
