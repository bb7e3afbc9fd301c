"""What acis_process_events is told and what it returns: calibration, observing setup, options, counts."""

from __future__ import annotations

from dataclasses import dataclass, field, fields

import numpy as np

from ciaopy.acis.chip_tables import CurveTables
from ciaopy.acis.continuous_clocking import ROW_TIME
from ciaopy.acis.cti import CtiRules, CtiTables
from ciaopy.acis.event_status import BadPixelMap
from ciaopy.acis.grades import ASCA_GRADES
from ciaopy.acis.observing_mode import ObservingMode
from ciaopy.acis.pulse_height import split_array
from ciaopy.acis.recalibration import ColumnPlan
from ciaopy.caldb import GradeImages, SubPixel
from ciaopy.coords import EventTransform
from ciaopy.fits import Array

__all__ = ["STAGES", "Calibration", "Counts", "ObservingSetup", "ProcessedEvents", "ProcessingOptions"]

#: Values of `stop`, in order.
STAGES = ("none", "chip", "tdet", "det", "tan", "sky")


@dataclass(frozen=True, eq=False, kw_only=True)
class Calibration:
    """Calibration of the pulse heights and positions; None where a step has none.

    Attributes
    ----------
    split : float64 array, shape (10, 4)
        Split thresholds, adu.
    grades : int16 array, shape (256,)
        Grade of each flight grade.
    cti : CtiTables or None
    grade_images : GradeImages or None
        Islands of graded modes.
    drift : CurveTables or None
        From `gain.time_tables`.
    epochs : (float, float)
        Times of the two drift curves, s.
    gain : CurveTables or None
        From `gain.gain_tables`.
    subpixel : SubPixel or None
    """

    split: Array = field(default_factory=lambda: split_array(None))
    grades: Array = field(default_factory=lambda: ASCA_GRADES)
    cti: CtiTables | None = None
    grade_images: GradeImages | None = None
    drift: CurveTables | None = None
    epochs: tuple[float, float] = (0.0, 0.0)
    gain: CurveTables | None = None
    subpixel: SubPixel | None = None


@dataclass(frozen=True, eq=False, kw_only=True)
class ObservingSetup:
    """What the events were taken with.

    Attributes
    ----------
    mode : ObservingMode
    transform : EventTransform or None
        CHIP to SKY; None: no coordinates are computed.
    pixels : BadPixelMap or None
    active : bool array, shape (10,)
        CCDs that were on.
    rows : (int, int)
        First and last CHIPY read out.
    temperature : (float64 array, float64 array) or None
        Times in s, ascending, and focal-plane temperatures in K from then on.
    row_time : float
        Continuous clocking: s per row.
    source : (float, float) or None
        Continuous clocking: SKY position of the target.
    roll_nom : float
        Degrees.
    """

    mode: ObservingMode
    transform: EventTransform | None = None
    pixels: BadPixelMap | None = None
    active: Array = field(default_factory=lambda: np.ones(10, bool))
    rows: tuple[int, int] = (1, 1024)
    temperature: tuple[Array, Array] | None = None
    row_time: float = ROW_TIME
    source: tuple[float, float] | None = None
    roll_nom: float = 0.0


@dataclass(frozen=True, kw_only=True)
class ProcessingOptions:
    """What the user asked for: names and meanings of the tool's parameters (`trail` is None for check_vf_pha=no)."""

    plan: ColumnPlan
    pix_adj: str = "EDSER"
    stop: str = "sky"
    rand_seed: int = 1
    rand_pha: bool = True
    trail: float | None = None
    pi_bin_width: float = 14.6
    pi_num_bins: int = 1024
    cti: CtiRules = field(default_factory=CtiRules)

    def reaches(self, stage: str) -> bool:
        """True if the coordinates of `stage` are computed."""
        return STAGES.index(self.stop) >= STAGES.index(stage)


@dataclass(frozen=True, kw_only=True)
class Counts:
    """Events that deserve a warning.

    Attributes
    ----------
    outside : int
        At a time without attitude.
    unsettled : int
        The CTI adjustment did not settle.
    off_chip : int
        Continuous clocking: the target is not on the event's chip.
    without_gain : int
        The gain has no row for the pixel: no ENERGY.
    """

    outside: int = 0
    unsettled: int = 0
    off_chip: int = 0
    without_gain: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(**{f.name: getattr(self, f.name) + getattr(other, f.name) for f in fields(Counts)})


@dataclass(frozen=True, eq=False, kw_only=True)
class ProcessedEvents:
    """The columns of the event definition, in order, and the counts."""

    columns: dict[str, Array]
    counts: Counts
