"""What to simulate: the observation, its sources, its troubles."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ciaopy.coords import Geometry, Vector3
from ciaopy.errors import UserError
from ciaopy.messages import reason

__all__ = ["BACK_ILLUMINATED", "BANDS", "MODES", "ROWS", "Setup", "Source", "parse_chips", "read_sources"]

#: Telemetry modes that can be simulated.
MODES = ("FAINT", "VFAINT", "GRADED")

#: Chandra Source Catalog bands, keV.
BANDS = {"broad": (0.5, 7.0), "soft": (0.5, 1.2), "medium": (1.2, 2.0), "hard": (2.0, 7.0)}

#: Energies that are simulated, keV.
SPECTRUM = (0.3, 9.5)

BACK_ILLUMINATED = (5, 7)
ROWS = 1024

#: Least and largest number of events, and the largest number of chips (front-end processors).
EVENTS = (1_000, 20_000_000)
CHIPS = 6

#: Time that a frame needs to move into the frame store, s (ACIS: 1024 rows at 40 microseconds; POG).
TRANSFER = 0.04104

#: Gratings that can be simulated, on ACIS.
GRATINGS = ("NONE", "HETG", "LETG")

_ZERO = datetime(1998, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Source:
    """A point source with a power-law spectrum, and emission lines on it.

    Attributes
    ----------
    ra, dec : float
        Degrees.
    flux : float
        Photons per cm2 and s in the broad band, 0.5-7 keV.
    gamma : float
        Photon index: dN/dE goes as E**-gamma.
    lines : tuple of (float, float)
        Wavelength, Angstrom, and photons per cm2 and s of narrow lines, on top of `flux`.
    """

    ra: float
    dec: float
    flux: float
    gamma: float = 1.7
    lines: tuple[tuple[float, float], ...] = ()

    def band_flux(self, low: float, high: float) -> float:
        """Return the flux between two energies (keV), photons per cm2 and s."""
        return self.flux * _power_law(low, high, self.gamma) / _power_law(*BANDS["broad"], self.gamma)


def _power_law(low: float, high: float, gamma: float) -> float:
    if abs(gamma - 1.0) < 1e-9:
        return math.log(high / low)
    return float((high ** (1.0 - gamma) - low ** (1.0 - gamma)) / (1.0 - gamma))


@dataclass(frozen=True)
class Motion:
    """How the target moves, seen from Chandra in the middle of the observation.

    Attributes
    ----------
    speed : float
        arcsec per minute.
    angle : float
        Position angle of the motion, degrees, from North through East.
    distance : float
        From Chandra, astronomical units.

    Raises
    ------
    UserError
        A value that cannot be simulated.
    """

    speed: float
    angle: float
    distance: float

    def __post_init__(self) -> None:
        if not 0 <= self.speed <= 120:
            raise UserError(f"moving: speed {self.speed:g} arcsec/min: from 0 to 120 can be simulated")
        if not math.isfinite(self.angle):
            raise UserError("moving: the angle must be a number of degrees")
        if not 0.003 <= self.distance <= 100:
            raise UserError(f"moving: distance {self.distance:g} AU: from 0.003 to 100 can be simulated")


@dataclass(frozen=True)
class Setup:
    """One observation to simulate.

    Attributes
    ----------
    events : int
        Events in the level-1 file.
    mode : str
        FAINT, VFAINT or GRADED.
    chips : tuple of int
        CCDs in the order of the front-end processors; at most six.
    seed : int
        Same seed and settings, same bytes.
    exposure : float or None
        Length, s; None: from the number of events.
    date : str
        Start, ISO, UTC.
    ra, dec, roll : float
        Nominal pointing, degrees.
    sim : (float, float, float) or None
        SIM position, mm; None: the aimpoint of the array that has the most of `chips`.
    subarray : (int, int) or None
        First row (from 1) and number of rows read out; None: all 1024.
    obsid : int
    target : str
        OBJECT.
    sources : tuple of Source or None
        None: some at random, with a share of 0.3 of the events.
    psf : str
        `king` (with wings) or `gauss`.
    dither : (float, float)
        Amplitudes of yaw and pitch, arcsec.
    flare : bool
        A background flare that the good times do not leave out.
    grating : str
        NONE, HETG or LETG: the sources are dispersed by it.
    motion : Motion or None
        The first source is an object of the solar system that moves so; its ephemerides are written.
    artifacts : bool
        Afterglows, hot pixels, streaks on CCD 8, bad pixels in the bias, dropped frames, a gap in the good times.

    Raises
    ------
    UserError
        A value that cannot be simulated; the message names it.
    """

    events: int = 100_000
    mode: str = "FAINT"
    chips: tuple[int, ...] = (7, 6, 3, 2, 5, 8)
    seed: int = 1
    exposure: float | None = None
    date: str = "2012-06-01T00:00:00"
    ra: float = 150.12
    dec: float = 2.21
    roll: float = 68.8
    sim: Vector3 | None = None
    subarray: tuple[int, int] | None = None
    obsid: int = 90001
    target: str = "SIMULATED FIELD"
    sources: tuple[Source, ...] | None = None
    psf: str = "king"
    dither: tuple[float, float] = (8.0, 8.0)
    flare: bool = True
    artifacts: bool = True
    grating: str = "NONE"
    motion: Motion | None = None

    def __post_init__(self) -> None:
        self._check_numbers()
        if self.mode not in MODES:
            raise UserError(f"mode {self.mode}: the modes that can be simulated are {', '.join(MODES)}")
        if not 1 <= len(self.chips) <= CHIPS or len(set(self.chips)) < len(self.chips):
            raise UserError(f"chips {self.chips}: give 1 to {CHIPS} different CCDs")
        if any(c not in range(10) for c in self.chips):
            raise UserError(f"chips {self.chips}: CCDs are numbered 0 to 9")
        if self.psf not in ("king", "gauss"):
            raise UserError(f"psf {self.psf}: known are king and gauss")
        if self.grating not in GRATINGS:
            raise UserError(f"grating {self.grating}: known are {', '.join(GRATINGS)}")
        if self.motion is not None and self.grating != "NONE":
            raise UserError(f"moving: an object behind the {self.grating} is not simulated; leave the grating out")
        first, count = self.window
        if first < 1 or count < 32 or first + count - 1 > ROWS:
            raise UserError(f"subarray {first},{count}: at least 32 rows, within 1 to {ROWS}")
        _ = self.start

    def _check_numbers(self) -> None:
        if not EVENTS[0] <= self.events <= EVENTS[1]:
            raise UserError(f"events {self.events}: from {EVENTS[0]} to {EVENTS[1]} can be simulated")
        if self.exposure is not None and not 100.0 <= self.exposure <= 1e6:
            raise UserError(f"exposure {self.exposure:g} s: from 100 to 1e6 s can be simulated")
        if not abs(self.dec) <= 85.0:
            raise UserError(f"dec {self.dec:g}: the dither is simulated away from the poles, up to 85 degrees")
        if not math.isfinite(self.ra + self.roll):
            raise UserError("ra and roll must be numbers")
        if not 1 <= self.obsid <= 99999:
            raise UserError(f"obsid {self.obsid}: from 1 to 99999")
        if min(self.dither) < 0 or max(self.dither) > 60:
            raise UserError(f"dither {self.dither}: amplitudes from 0 to 60 arcsec")

    @property
    def window(self) -> tuple[int, int]:
        """First row (from 1) and number of rows read out."""
        return self.subarray or (1, ROWS)

    @property
    def start(self) -> float:
        """Mission time of the first exposure, s.

        Raises
        ------
        UserError
            `date` is no date, or none of Chandra's.
        """
        try:
            moment = datetime.fromisoformat(self.date)
        except ValueError:
            raise UserError(f"date {self.date!r}: write it as 2012-06-01 or 2012-06-01T12:00:00") from None
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
        seconds = (moment - _ZERO).total_seconds()
        if not 0.5e8 <= seconds <= 1.1e9:
            raise UserError(f"date {self.date}: Chandra dates from 1999-08 to 2032 can be simulated")
        return round(seconds) + 0.25

    @property
    def duration(self) -> float:
        """Length wished for, s: `exposure`, or from the number of events at 8 per second and chip, 3 ks at least."""
        if self.exposure is not None:
            return self.exposure
        return min(max(3000.0, self.events / (8.0 * len(self.chips))), 2e5)

    @property
    def frame_exposure(self) -> float:
        """EXPTIME, s: 3.2, or for sub-arrays the read-out time of their rows.

        A linear law through the frame times of the Proposers' Observatory Guide, good to 0.1 s.
        """
        rows = self.window[1]
        if rows == ROWS:
            return 3.2
        return math.ceil(10.0 * (0.04 * len(self.chips) + 2.85 * rows / ROWS + 0.11)) / 10.0

    @property
    def timedel(self) -> float:
        """Frame time: exposure and transfer, s."""
        return self.frame_exposure + TRANSFER

    @property
    def sim_position(self) -> Vector3:
        """SIM position, mm."""
        if self.sim is not None:
            return self.sim
        imaging = sum(c <= 3 for c in self.chips) > len(self.chips) / 2
        return Geometry.embedded().aimpoints["AI2" if imaging else "AS1"]

    @property
    def detnam(self) -> str:
        """DETNAM."""
        return "ACIS-" + "".join(str(c) for c in sorted(self.chips))


def parse_chips(text: str) -> tuple[int, ...]:
    """Read the chips of `ciaopy simulate`: `235678`, `2,3,7`, or DETNAM; the aimpoint's chip comes first.

    Raises
    ------
    UserError
        Something else stands there.
    """
    digits = text.upper().removeprefix("ACIS-").replace(",", "").replace(" ", "")
    if not digits.isdecimal():
        raise UserError(f"chips {text!r}: write the CCD numbers, such as 235678 or 0123")
    chips = [int(d) for d in digits]
    return tuple(sorted(chips, key=lambda c: (c != 7, c != 3, c)))


def read_sources(path: Path) -> tuple[Source, ...]:
    """Read a list of sources: lines `ra dec flux [gamma]` (degrees, photons/cm2/s at 0.5-7 keV); # begins a comment.

    Raises
    ------
    UserError
        The file cannot be read, a line is not of that form, or it holds no source.
    """
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as e:
        raise UserError(f"{path}: cannot be read as text: {reason(e)}") from e
    sources = []
    for number, line in enumerate(lines, 1):
        words = line.partition("#")[0].replace(",", " ").split()
        if not words:
            continue
        try:
            values = [float(w) for w in words]
        except ValueError:
            values = []
        if len(values) not in (3, 4) or not all(math.isfinite(v) for v in values) or values[2] < 0:
            raise UserError(f"{path}, line {number}: write 'ra dec flux' or 'ra dec flux gamma', not {line.strip()!r}")
        ra, dec, flux = values[:3]
        sources.append(Source(ra, dec, flux, values[3] if len(values) > 3 else Source.gamma))
    if not sources:
        raise UserError(f"{path}: no sources; write one line 'ra dec flux [gamma]' each")
    return tuple(sources)
