"""What a run will need, told before it begins: bytes on the disk, and time as far as the survey knows it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ciaopy.batch.graph import Request
from ciaopy.batch.ledger import Ledger
from ciaopy.batch.mission import Facts, Mission
from ciaopy.batch.progress import duration

__all__ = ["Estimate", "estimate"]


@dataclass(frozen=True)
class Estimate:
    """What is left to do, about.

    Attributes
    ----------
    jobs : int
        Jobs that have not been done with the present parameters, one for each observation and stage.
    disk : int
        Bytes that their products will take.
    unknown : int
        Observations of which nothing is here yet: they are not in `disk`.
    seconds : float or None
        Of all jobs, one after the other, from those that this survey has done; None where a stage is new to it.
    """

    jobs: int
    disk: int
    unknown: int
    seconds: float | None

    def told(self, free: int, min_free: int, slots: int) -> str:
        """Return a sentence; empty where nothing is to be done.

        Parameters
        ----------
        free, min_free : int
            Bytes that are free, and that are to stay so.
        slots : int
            Jobs at once.
        """
        if not self.jobs:
            return ""
        text = f"about {self.jobs} jobs"
        if self.disk:
            text += f", {_size(self.disk)} of products"
        if self.unknown:
            text += f", and those of {self.unknown} observations to be fetched"
        if self.seconds is not None:
            text += f", {duration(self.seconds / max(min(slots, self.jobs), 1))}"
        text += f"; {_size(free)} are free"
        if self.disk > free - min_free:
            text += f", of which {_size(min_free)} are to stay so (--min-free): the disk may become full"
        return text


def _size(number: float) -> str:
    return f"{number / 1e9:.1f} GB" if number >= 1e8 else f"{number / 1e6:.1f} MB"


def estimate(
    mission: Mission, request: Request, ledger: Ledger, listings: Mapping[str, Iterable[tuple[str, int]]]
) -> Estimate:
    """Estimate what is left to do.

    Parameters
    ----------
    mission : Mission
    request : Request
    ledger : Ledger
    listings : dict
        ObsID -> (path below the folder, bytes) of its files.
    """
    done = ledger.done_parameters()
    pace = ledger.mean_seconds()
    jobs = disk = unknown = 0
    seconds: float | None = 0.0
    for obs_id, files in listings.items():
        own = mission.of(obs_id)
        name, size = max(files, key=lambda f: f[1], default=("", 0))
        unknown += not name
        facts = Facts(obs_id, obs_id, fields=own.guess(name), size=size)
        for stage in request.stages:
            if stage.name not in request.wanted or not (stage.argv or stage.name in own.stage_names):
                continue
            if stage.name == own.download and name:
                continue
            parameters = {} if stage.argv else dict(request.parameters.get(stage.name, stage.defaults))
            old = done.get((obs_id, stage.name))
            if old is not None and (stage.argv or parameters in old):
                continue
            jobs += 1
            disk += stage.disk(facts, parameters) if name else 0
            known = pace.get(stage.name)
            seconds = None if known is None or seconds is None else seconds + known
    return Estimate(jobs, disk, unknown, seconds)
