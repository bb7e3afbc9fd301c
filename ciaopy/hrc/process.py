"""HRC event processing: from taps to flags, positions and PI, block by block.

Order of the steps for each event: status of the telemetry; amplifier scale, ringing, pulse-height tests; order of time;
raw, chip, tiled, detector and sky positions; ratios; PI; bad areas. Rows are independent of each other, so blocks run
in any order on any number of threads with the same result. What is carried over from the input is decided before
(`ciaopy.hrc.recipe`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ciaopy.coords import EventTransform
from ciaopy.errors import DataError
from ciaopy.events import SHIFT_X, SHIFT_Y, DefinedColumn, event_keys, uniform
from ciaopy.fits import Array
from ciaopy.hrc import positions as places
from ciaopy.hrc.bad_areas import flag_bad_areas
from ciaopy.hrc.detector import HrcDetector
from ciaopy.hrc.gain import SAMP_NORM, GainRules, scaled_sums
from ciaopy.hrc.pulse_height import TAPS, TapBlock, TapRules, measure_taps
from ciaopy.hrc.telemetry import LATE, coarse_positions, initial_status, late_events
from ciaopy.kernels import BLOCK_ROWS, map_blocks

__all__ = ["STAGES", "Calibration", "Counts", "Observation", "Options", "ProcessedEvents", "process_events"]

#: Values of `stop`, in order.
STAGES = ("none", "chip", "tdet", "det", "sky")
_POSITIONS = (
    ("chip", ("chipx", "chipy")),
    ("tdet", ("tdetx", "tdety")),
    ("det", ("detx", "dety")),
    ("sky", ("x", "y")),
)


@dataclass(frozen=True, eq=False)
class Calibration:
    """Calibration as the kernels take it.

    Attributes
    ----------
    taps : TapRules
    chips : ChipRules or None
        None: CHIPX, CHIPY are carried over.
    gain : GainRules or None
        None: PI is PHA, or carried over.
    carry_pi : bool
    """

    taps: TapRules
    chips: places.ChipRules | None
    gain: GainRules | None
    carry_pi: bool = False


@dataclass(frozen=True, eq=False)
class Observation:
    """What the events were taken with.

    Attributes
    ----------
    detector : HrcDetector
    transform : EventTransform or None
        CHIP to SKY; None where `stop` comes before.
    origin : EventTransform or None
        That of the aspect solution with which the input's DET was made, where it is not that of `transform`.
    areas : int64 array, shape (n, 5), or None
        Bad areas; None leaves status bit 15 alone.
    where : str
        The file, for messages.
    """

    detector: HrcDetector
    transform: EventTransform | None = None
    areas: NDArray[np.int64] | None = None
    where: str = "input"
    origin: EventTransform | None = None


@dataclass(frozen=True)
class Options:
    """What the user asked for: names and meanings of the tool's parameters."""

    start: str = "coarse"
    stop: str = "sky"
    rand_pix_size: float = 0.0
    rand_seed: int = 1

    def reaches(self, stage: str) -> bool:
        """True if the coordinates of `stage` are computed."""
        return STAGES.index(self.stop) >= STAGES.index(stage)


@dataclass(frozen=True)
class Counts:
    """Events that deserve a message.

    Attributes
    ----------
    outside : int
        At a time without attitude: no DET, no SKY.
    shifted : int
        CHIP of the input moved with RAW, which came out otherwise.
    strange : int
        RAW came out so far from the input's that CHIP stays as it is.
    whole : int
        Positions of whole chip pixels: the input's DET holds no sub-pixel part.
    """

    outside: int = 0
    shifted: int = 0
    strange: int = 0
    whole: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(Counts)))


@dataclass(frozen=True, eq=False)
class ProcessedEvents:
    """The columns of the event definition, in order, with what was refused.

    Attributes
    ----------
    columns : dict of str to array, shape (n,)
    kept : bool array, shape (rows of the input,), or None
        Rows that have a place on the detector; None: all.
    counts : Counts
    """

    columns: dict[str, Array]
    kept: NDArray[np.bool_] | None
    counts: Counts


def process_events(
    columns: Mapping[str, Array],
    definition: tuple[DefinedColumn, ...],
    calibration: Calibration,
    observation: Observation,
    options: Options,
    threads: tuple[int | None, int] = (1, BLOCK_ROWS),
) -> ProcessedEvents:
    """Process HRC events.

    Parameters
    ----------
    columns : mapping of str to array, shape (n,)
        Input columns by lower-case name. Not modified.
    definition : tuple of DefinedColumn
        Columns wanted, in order.
    calibration : Calibration
    observation : Observation
    options : Options
    threads : (int or None, int)
        Number of threads (None: all CPUs) and rows per block; neither changes the result.

    Returns
    -------
    ProcessedEvents
        For no events, columns of length 0.

    Raises
    ------
    DataError
        A column that the steps need, or that the definition asks for, is neither in the input nor computed.
    """
    late = late_events(_column(columns, "time", np.float64, observation.where))
    crsu, crsv, outside = coarse_positions(_with_taps(columns, observation.where), observation.detector)
    kept = None
    if outside.any():
        kept = ~outside
        columns = {name: data[kept] for name, data in columns.items()}
        crsu, crsv, late = crsu[kept], crsv[kept], late[kept]
    task = _Task(_Events(dict(columns), crsu, crsv, late), definition, calibration, observation, options)
    nproc, block = threads
    parts = map_blocks(task.run, task.nrows, nproc, block)
    return ProcessedEvents(task.out, kept, sum(parts, Counts()))


def _with_taps(columns: Mapping[str, Array], where: str) -> Mapping[str, Array]:
    for name in ("crsu", "crsv", *TAPS, "pha"):
        if name not in columns:
            raise DataError(f"{where}: no column {name.upper()}; give a level-1 event file that has the amplifiers")
    return columns


def _column(columns: Mapping[str, Array], name: str, dtype: type, where: str) -> Array:
    if name not in columns:
        raise DataError(f"{where}: no column {name.upper()}; give the level-1 event file")
    return np.ascontiguousarray(columns[name], dtype)


@dataclass(frozen=True, eq=False)
class _Events:
    """Input columns and what was made of all rows at once."""

    columns: dict[str, Array]
    crsu: NDArray[np.int16]
    crsv: NDArray[np.int16]
    late: NDArray[np.bool_]


class _Task:
    """One run: the input columns, the output arrays, and the work on one block of rows."""

    def __init__(
        self,
        events: _Events,
        definition: tuple[DefinedColumn, ...],
        calibration: Calibration,
        observation: Observation,
        options: Options,
    ) -> None:
        self.events, self.columns = events, events.columns
        self.calibration, self.observation, self.options = calibration, observation, options
        self.nrows = len(events.crsu)
        self.time = _column(self.columns, "time", np.float64, observation.where)
        computed = self._computed()
        self.carried = {c.name for c in definition} - computed
        missing = [n for n in sorted(self.carried) if n not in self.columns]
        missing += [n for n in self._needed() if n not in self.columns]
        if missing:
            raise DataError(
                f"{observation.where}: column {missing[0].upper()} is neither in the input nor computed here; "
                "leave it out of eventdef, or give the level-1 event file and its calibration"
            )
        self.out = {c.name: np.zeros(self.nrows, c.dtype) for c in definition}
        self.source = self._source_of_parts()

    def _computed(self) -> set[str]:
        names = {"status", "crsu", "crsv", "samp", "chip_id"}
        if not self.calibration.taps.carried:
            names |= {"amp_sf", "rawx", "rawy", "sumamps"}
        if not self.calibration.carry_pi:
            names.add("pi")
        for stage, pair in _POSITIONS:
            names |= set(pair) if self.options.reaches(stage) else set()
        return names

    def _needed(self) -> list[str]:
        """Return the columns that a step takes over from the input."""
        names = ["amp_sf", "rawx", "rawy", "sumamps"] if self.calibration.taps.carried else []
        if self.options.start == "tdet":
            return [*names, "tdetx", "tdety"]
        return [*names, "chipx", "chipy"] if self._chips_carried and self.options.reaches("chip") else names

    @property
    def _chips_carried(self) -> bool:
        return self.options.start == "chip" or self.calibration.chips is None

    def _source_of_parts(self) -> EventTransform | None:
        """Return the transformation that made the input's DET, which gives the sub-pixel part of kept positions."""
        seen = self.observation
        if not self._chips_carried or self.options.start != "coarse":
            return None
        if "detx" not in self.columns or "dety" not in self.columns or not self.nrows:
            return None
        rows = places.sample_rows(self.nrows)
        chip = np.stack([self.columns[n][rows].astype(np.float64) for n in ("chipx", "chipy")])
        chip_id = places.chip_of_taps(seen.detector, self.events.crsv[rows])
        known = (t for t in (seen.transform, seen.origin) if t is not None)
        return next((t for t in known if places.belongs(self._recovered(rows, chip_id, t), chip)), None)

    def _recovered(self, rows: slice, chip_id: NDArray[np.int16], transform: EventTransform) -> Array:
        detx, dety = (self.columns[n][rows] for n in ("detx", "dety"))
        return np.stack(transform.chip_of_det(self.time[rows], chip_id, detx, dety))

    def run(self, rows: slice) -> Counts:
        """Process one block of rows."""
        columns, calibration = self.columns, self.calibration
        block = {n: c[rows] for n, c in columns.items() if n in ("status", "vetostt", "veto_stt", "vstat")}
        block |= {n: c[rows] for n, c in columns.items() if n in ("e_trig", "etrig", "estat")}
        status = initial_status(block, self.observation.where)
        taps = self._measure(rows, status)
        status &= ~LATE
        status[self.events.late[rows]] |= LATE
        chip_id = places.chip_of_taps(self.observation.detector, self.events.crsv[rows])
        counts, chip = self._positions(rows, taps, chip_id)
        self._store("pi", rows, self._channels(rows, taps, status))
        if self.observation.areas is not None and chip is not None:
            flag_bad_areas(self.observation.areas, chip_id, chip, status)
        norm = calibration.gain.norm if calibration.gain is not None else SAMP_NORM
        values: dict[str, Array] = {
            "status": status,
            "chip_id": chip_id,
            "samp": scaled_sums(taps.sums, taps.scale, norm),
        }
        values |= {"crsu": self.events.crsu[rows], "crsv": self.events.crsv[rows], "sumamps": taps.sums}
        values |= {"amp_sf": taps.scale, "rawx": taps.raw[0], "rawy": taps.raw[1]}
        for name, data in values.items():
            self._store(name, rows, data)
        for name in self.carried & self.out.keys():
            self.out[name][rows] = _as_type(columns[name][rows], self.out[name].dtype)
        return counts

    def _measure(self, rows: slice, status: NDArray[np.uint32]) -> TapBlock:
        def given(name: str, dtype: type) -> Array:
            if name in self.columns:
                return np.ascontiguousarray(self.columns[name][rows], dtype)
            return np.zeros(rows.stop - rows.start, dtype)

        taps = tuple(given(n, np.int16) for n in TAPS)
        before = (
            given("amp_sf", np.int16),
            given("sumamps", np.int32),
            np.stack([given("rawx", np.int32), given("rawy", np.int32)]),
        )
        coarse = (self.events.crsu[rows], self.events.crsv[rows])
        return measure_taps(taps, coarse, given("pha", np.int16), self.calibration.taps, before, status)

    def _channels(self, rows: slice, taps: TapBlock, status: NDArray[np.uint32]) -> Array:
        pha = np.ascontiguousarray(self.columns["pha"][rows], np.int16)
        if self.calibration.gain is None or self.calibration.carry_pi:
            return pha
        return self.calibration.gain.channels(taps, pha, status)

    def _positions(self, rows: slice, taps: TapBlock, chip_id: NDArray[np.int16]) -> tuple[Counts, Array | None]:
        """Fill CHIP, TDET, DET and SKY; return the counts and the integer chip positions, None where there are none."""
        options = self.options
        if not options.reaches("chip"):
            if "chipx" not in self.columns or "chipy" not in self.columns:
                return Counts(), None
            return Counts(), self._input_chip(rows)
        counts, chip, place = self._chip(rows, taps, chip_id)
        self._store("chipx", rows, chip[0])
        self._store("chipy", rows, chip[1])
        if self.observation.transform is None:
            return counts, chip
        if options.rand_pix_size:
            keys = event_keys(options.rand_seed, self.time[rows], chip_id, *taps.raw)
            spread = 2.0 * options.rand_pix_size
            place = place + spread * (np.stack([uniform(keys, SHIFT_X), uniform(keys, SHIFT_Y)]) - 0.5)
        found = self.observation.transform(self.time[rows], chip_id, place[0], place[1], (chip[0], chip[1]))
        wanted = [("tdetx", found.tdetx), ("tdety", found.tdety), ("detx", found.detx), ("dety", found.dety)]
        assert found.x is not None and found.y is not None
        for name, values in [*wanted, ("x", found.x), ("y", found.y)]:
            self._store(name, rows, values)
        return counts + Counts(outside=found.outside if options.reaches("det") else 0), chip

    def _input_chip(self, rows: slice) -> Array:
        return np.stack([self.columns[n][rows].astype(np.float64) for n in ("chipx", "chipy")])

    def _chip(self, rows: slice, taps: TapBlock, chip_id: NDArray[np.int16]) -> tuple[Counts, Array, Array]:
        """Return counts, integer chip positions and unrounded ones, shape (2, n) each."""
        if self.options.start == "tdet":
            plane = self.observation.transform.plane if self.observation.transform is not None else None
            assert plane is not None
            found = plane.tdet_to_chip(*(self.columns[n][rows] for n in ("tdetx", "tdety")))
            chip = np.stack([found.chipx, found.chipy])
            return Counts(), chip, chip
        if self.options.start == "chip":
            chip = self._input_chip(rows)
            return Counts(), chip, chip
        if self.calibration.chips is not None:
            place = self.calibration.chips((self.events.crsu[rows], self.events.crsv[rows]), taps.fine, chip_id)
            return Counts(), places.whole(place), place
        chip = self._input_chip(rows)
        part = np.zeros_like(chip)
        if self.source is not None:
            part = places.subpixel_parts(self._recovered(rows, chip_id, self.source), chip)
        shift: Array = np.zeros_like(chip)
        if "rawx" in self.columns and "rawy" in self.columns:
            shift = taps.raw - np.stack([self.columns[n][rows].astype(np.float64) for n in ("rawx", "rawy")])
        moved = (shift != 0).any(axis=0)
        strange = (np.abs(shift) > places.LARGEST_SHIFT).any(axis=0)
        shift[:, strange] = 0.0
        none = int(np.count_nonzero((part == 0.0).all(axis=0)))
        counts = Counts(shifted=int((moved & ~strange).sum()), strange=int(strange.sum()), whole=none)
        return counts, chip + shift, chip + shift + part

    def _store(self, name: str, rows: slice, values: Array) -> None:
        if name in self.out and name not in self.carried:
            self.out[name][rows] = _as_type(values, self.out[name].dtype)


def _as_type(values: Array, dtype: np.dtype[Any]) -> Array:
    """Return values as `dtype`: the nearest integer within its limits, 0 for what is not a number."""
    if dtype.kind not in "iu" or values.dtype.kind != "f":
        return values.astype(dtype, copy=False)
    limits = np.iinfo(dtype)
    rounded = np.clip(np.floor(values + 0.5), limits.min, limits.max)
    return np.where(np.isfinite(values), rounded, 0).astype(dtype)
