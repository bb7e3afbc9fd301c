"""What to simulate of the HRC, and what all files of such an observation share."""

from __future__ import annotations

from dataclasses import dataclass

from ciaopy.coords import FocalPlane, Vector3
from ciaopy.errors import UserError
from ciaopy.hrc import HRC_I, HRC_S, HrcDetector

__all__ = ["ASPECT_STEP", "LINE_STEP", "LIVE", "MARGIN", "RATE_STEP", "START", "HrcSetup", "Plate"]

START = 700_000_000.0
ASPECT_STEP, RATE_STEP, LINE_STEP, MARGIN = 0.25625, 2.05, 2.0, 30.0
LIVE = 0.985

_GRATINGS = ("NONE", "LETG")


@dataclass(frozen=True)
class Plate:
    """What is simulated of one microchannel plate: CHIP_ID, and first and last chip pixel of its active area."""

    chip_id: int
    x: tuple[int, int]
    y: tuple[int, int]

    @property
    def area(self) -> float:
        """Pixels."""
        return float((self.x[1] - self.x[0]) * (self.y[1] - self.y[0]))


# HRC-I: the active area of msk1 of ObsID 2886. HRC-S: the exposed rows of ObsIDs 16375 and 2584, where all taps are.
_PLATES = {
    "HRC-I": (Plate(0, (640, 14624), (682, 14676)),),
    "HRC-S": (Plate(1, (320, 3800), (300, 16390)), Plate(2, (320, 3800), (603, 15708)),
              Plate(3, (320, 3800), (43, 16100))),
}  # fmt: skip
# Hot spots: chip, CHIPX and CHIPY from and to.
_SPOTS = {"HRC-I": (0, (14530, 14542), (7488, 7501)), "HRC-S": (2, (2400, 2410), (9000, 9012))}


@dataclass(frozen=True)
class HrcSetup:
    """One observation with the HRC to simulate.

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
        Number of point sources; the first lies on the axis. One behind a grating.
    detector : str
        `HRC-I` or `HRC-S`.
    grating : str
        `NONE` or `LETG`.

    Raises
    ------
    UserError
        A value that cannot be simulated; the message names it.
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
    detector: str = "HRC-I"
    grating: str = "NONE"

    def __post_init__(self) -> None:
        if self.detector not in _PLATES:
            raise UserError(f"detector {self.detector}: known are {', '.join(_PLATES)}")
        if self.grating not in _GRATINGS:
            raise UserError(
                f"grating {self.grating}: with the {self.detector} {' and '.join(_GRATINGS)} can be simulated"
            )
        if not 1_000 <= self.events <= 50_000_000:
            raise UserError(f"events {self.events}: from 1000 to 50000000 can be simulated for the {self.detector}")
        if self.exposure is not None and not 100.0 <= self.exposure <= 1e6:
            raise UserError(f"exposure {self.exposure:g} s: from 100 to 1e6 s can be simulated")

    @property
    def duration(self) -> float:
        """Length, s."""
        return self.exposure if self.exposure is not None else max(1000.0, self.events / 100.0)

    @property
    def taps(self) -> HrcDetector:
        """Taps and chips of the detector."""
        return HRC_I if self.detector == "HRC-I" else HRC_S

    @property
    def plates(self) -> tuple[Plate, ...]:
        """Active areas."""
        return _PLATES[self.detector]

    @property
    def chip_size(self) -> tuple[int, int]:
        """Pixels of a plate along x and y."""
        return (16384, 16384) if self.detector == "HRC-I" else (4096, 16456)

    @property
    def hot_spot(self) -> tuple[int, tuple[int, int], tuple[int, int]]:
        """Chip, CHIPX and CHIPY from and to of a spot in the bad pixel file."""
        return _SPOTS[self.detector]

    @property
    def sim(self) -> Vector3:
        """SIM position, mm."""
        if self.detector == "HRC-I":
            return (-1.0388663562383, 0.0, 126.98549430529)
        return FocalPlane.of("HRC-S").sim
