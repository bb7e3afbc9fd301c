"""The arguments that every stage function has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ciaopy.batch.launching import Wishes
from ciaopy.batch.mission import default_cores
from ciaopy.batch.progress import Progress

__all__ = ["NUM_CORES", "Common"]

#: Default of num_cores: 90% of the cores that this process may use.
NUM_CORES = default_cores()


@dataclass(frozen=True)
class Common:
    """The arguments that every stage function has; wrong ones raise when it is made."""

    num_cores: int = NUM_CORES
    disable_progress: bool = False
    timeout: Any = None
    engine: Any = None
    retries: int = 2
    memory: Any = None
    threads: int | None = None
    only: Iterable[str] | None = None

    def __post_init__(self) -> None:
        for name, least in (("num_cores", 1), ("retries", 0), ("threads", 1)):
            value = getattr(self, name)
            if value is None and name == "threads":
                continue
            if type(value) is not int:
                raise TypeError(f"{name} should be a whole number, not {value!r}")
            if value < least:
                raise ValueError(f"{name}={value}: at least {least} is needed")
        if type(self.disable_progress) is not bool:
            raise TypeError(f"disable_progress should be True or False, not {self.disable_progress!r}")
        self.seconds()
        self.bytes()
        if isinstance(self.only, str) or not (self.only is None or isinstance(self.only, Iterable)):
            raise TypeError(f"only should be a list of ObsIDs or idents, not {self.only!r}")

    def seconds(self) -> float | None:
        """Return the timeout in s."""
        if self.timeout is None:
            return None
        from ciaopy.batch.checks import scalar_in

        found = scalar_in("timeout", self.timeout, "s")
        if not found > 0:
            raise ValueError(f"timeout={self.timeout}: a time above 0 is needed")
        return found

    def bytes(self) -> int | None:
        """Return the limit of memory in bytes."""
        if self.memory is None:
            return None
        if isinstance(self.memory, (int, float)) and not isinstance(self.memory, bool):
            found = float(self.memory)
        else:
            from ciaopy.batch.checks import scalar_in

            found = scalar_in("memory", self.memory, "byte")
        if not found > 0:
            raise ValueError(f"memory={self.memory}: a size above 0 is needed")
        return int(found)

    def wishes(
        self,
        stages: tuple[str, ...] | None,
        parameters: Mapping[str, Mapping[str, Any]],
        retry: frozenset[str] = frozenset(),
        force: frozenset[str] = frozenset(),
    ) -> Wishes:
        """Return the wishes of a run."""
        return Wishes(
            stages=stages,
            parameters=parameters,
            force=force,
            only=frozenset(map(str, self.only or ())),
            retry=retry,
            timeout=self.seconds(),
            memory=self.bytes(),
            num_cores=self.num_cores,
            threads=self.threads,
            retries=self.retries,
            engine=self.engine,
            progress=Progress() if self.disable_progress else None,
        )
