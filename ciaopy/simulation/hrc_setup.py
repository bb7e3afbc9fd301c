"""What to simulate of the HRC-I, and what all files of such an observation share."""

from __future__ import annotations

from dataclasses import dataclass

from ciaopy.errors import UserError

__all__ = ["AREA_X", "AREA_Y", "ASPECT_STEP", "LINE_STEP", "LIVE", "MARGIN", "RATE_STEP", "SIM", "START", "HrcSetup"]

START = 700_000_000.0
ASPECT_STEP, RATE_STEP, LINE_STEP, MARGIN = 0.25625, 2.05, 2.0, 30.0
#: Active area: first and last chip pixel (msk1 of ObsID 2886).
AREA_X, AREA_Y = (640, 14624), (682, 14676)
SIM = (-1.0388663562383, 0.0, 126.98549430529)
LIVE = 0.985


@dataclass(frozen=True)
class HrcSetup:
    """One HRC-I observation to simulate.

    Attributes
    ----------
    events : int
        Events in the level-1 file.
    seed : int
        Same seed and settings, same bytes.
    exposure : float or None
        Length, s; None: 100 events per second, 1000 s at least.
    ra, dec, roll : float
        Nominal pointing, degrees.
    obsid : int
    target : str
    sources : int
        Number of point sources; the first lies on the axis.
    """

    events: int = 100_000
    seed: int = 1
    exposure: float | None = None
    ra: float = 150.12
    dec: float = 2.21
    roll: float = 68.8
    obsid: int = 90014
    target: str = "SIMULATED FIELD"
    sources: int = 5

    def __post_init__(self) -> None:
        if not 1_000 <= self.events <= 50_000_000:
            raise UserError(f"events {self.events}: from 1000 to 50000000 can be simulated for the HRC-I")
        if self.exposure is not None and not 100.0 <= self.exposure <= 1e6:
            raise UserError(f"exposure {self.exposure:g} s: from 100 to 1e6 s can be simulated")

    @property
    def duration(self) -> float:
        """Length, s."""
        return self.exposure if self.exposure is not None else max(1000.0, self.events / 100.0)
