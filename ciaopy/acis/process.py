"""ACIS event processing: from level-1 columns to recalibrated columns, block by block.

Order of the steps for each event: status bits of its place and island; adjustment of the island for CTI; flight grade,
grade, PHA_RO and PHA; drift of the gain; ENERGY and PI; place inside the pixel; TDET, DET and SKY. Rows are independent
of each other, so blocks run in any order on any number of threads with the same result.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ciaopy.acis import continuous_clocking as cc
from ciaopy.acis.cti import adjust_islands
from ciaopy.acis.event_block import EventBlock
from ciaopy.acis.event_status import flag_bad_pixels, flag_bad_positions
from ciaopy.acis.gain import energies, pi_channels, round_pulse_heights, subtract_drift
from ciaopy.acis.processing import Calibration, Counts, ObservingSetup, ProcessedEvents, ProcessingOptions
from ciaopy.acis.pulse_height import grade_islands
from ciaopy.acis.subpixel import Shift, charge_centroids, energy_dependent_shift, random_shift
from ciaopy.acis.very_faint import flag_very_faint
from ciaopy.coords import acis_event_positions
from ciaopy.errors import DataError
from ciaopy.events import DefinedColumn, OutputColumns, event_keys
from ciaopy.fits import Array
from ciaopy.kernels import BLOCK_ROWS, map_blocks

__all__ = ["process_events"]

# Values that stand for "unknown" in integer columns (TNULL of archive files).
_NULLS = {"tdetx": 9999, "tdety": 9999}


def process_events(
    columns: Mapping[str, Array],
    definition: tuple[DefinedColumn, ...],
    calibration: Calibration,
    setup: ObservingSetup,
    options: ProcessingOptions,
    threads: tuple[int | None, int] = (1, BLOCK_ROWS),
) -> ProcessedEvents:
    """Recalibrate events.

    Parameters
    ----------
    columns : mapping of str to array, shape (n, ...)
        Input columns by lower-case name: time, ccd_id, chipx, chipy, and what the plan needs. Not modified.
    definition : tuple of DefinedColumn
        Columns wanted, in order.
    calibration : Calibration
    setup : ObservingSetup
    options : ProcessingOptions
    threads : (int or None, int)
        Number of threads (None: all CPUs) and rows per block; neither changes the result.

    Returns
    -------
    ProcessedEvents
        Columns of the types asked for; for no events, columns of length 0.

    Raises
    ------
    DataError
        A column of the definition is neither in the input nor computed, or one that the steps need is missing.
    """
    task = _Task(columns, definition, calibration, setup, options)
    nproc, block = threads
    parts = map_blocks(task.run, task.nrows, nproc, block)
    return ProcessedEvents(columns=task.output.arrays, counts=sum(parts, Counts()))


class _Task:
    """One run: the input columns, the output arrays, and the work on one block of rows."""

    def __init__(
        self,
        columns: Mapping[str, Array],
        definition: tuple[DefinedColumn, ...],
        calibration: Calibration,
        setup: ObservingSetup,
        options: ProcessingOptions,
    ) -> None:
        self.columns, self.calibration, self.setup, self.options = columns, calibration, setup, options
        self.events = self._events()
        self.nrows = len(self.events)
        computed = self._computed()
        where = "give the level-1 event file"
        self.output = OutputColumns(columns, definition, computed, self.nrows, where, nulls=_NULLS)

    @property
    def _gains(self) -> bool:
        return self.options.plan.energy == "gain" and self.calibration.gain is not None

    @property
    def _has_islands(self) -> bool:
        return self.setup.mode.islands and "phas" in self.columns

    def _column(self, name: str) -> Array:
        try:
            return self.columns[name]
        except KeyError:
            raise DataError(f"no column {name} in the input; give the level-1 event file") from None

    def _events(self) -> EventBlock:
        time = np.ascontiguousarray(self._column("time"), np.float64)
        ccd, x, y = (np.ascontiguousarray(self._column(n), np.int16) for n in ("ccd_id", "chipx", "chipy"))
        frame = np.ascontiguousarray(self.columns["expno"], np.int64) if "expno" in self.columns else time
        return EventBlock(time, ccd, x, y, event_keys(self.options.rand_seed, frame, ccd, x, y))

    def _computed(self) -> set[str]:
        """Return the names of the columns that the steps fill."""
        options, plan = self.options, self.options.plan
        names = {"status"}
        if "node_id" not in self.columns:
            names.add("node_id")
        if plan.grades != "carried":
            names |= {"fltgrade", "grade"}
        if plan.pulse_height != "carried" or plan.drift:
            names.add("pha")
        if plan.grades != "carried" or ("pha_ro" not in self.columns and self._has_islands):
            names.add("pha_ro")
        if plan.energy == "gain":
            names.add("energy")
        if plan.channels == "computed":
            names.add("pi")
        if self.setup.transform is not None:
            for stage, pair in (("tdet", ("tdetx", "tdety")), ("det", ("detx", "dety")), ("sky", ("x", "y"))):
                names |= set(pair) if options.reaches(stage) else set()
            if self.setup.mode.continuous and options.reaches("sky"):
                names |= {"sky_1d", "time", "time_ro"}
        return names

    def run(self, rows: slice) -> Counts:
        """Process one block of rows."""
        events = self.events.rows(rows)
        status = self._status(rows)
        flag_bad_positions(events, self.setup.active, self.setup.rows, status)
        fltgrade, pha = self._pulse_heights(events, rows, status)
        energy = self._energies(events, rows, pha)
        unsettled = int(np.count_nonzero(status & np.uint32(1 << 20))) if self.options.plan.cti_applied else 0
        lost = int(np.count_nonzero(np.isnan(energy))) if energy is not None and self._gains else 0
        counts = Counts(unsettled=unsettled, without_gain=lost)
        if self.options.trail is not None:
            islands = self._column("phas")[rows]
            flag_very_faint(events, islands, self.calibration.split, self.options.trail, status)
        if self.setup.pixels is not None:
            flag_bad_pixels(events, self.setup.pixels, status)
        if self.setup.transform is not None and self.options.reaches("tdet"):
            counts += self._positions(events, rows, self._shift(events, rows, fltgrade, energy))
        self.output.store("node_id", rows, (events.chipx - 1) // 256)
        self.output.store("status", rows, status)
        self.output.carry(rows)
        return counts

    def _status(self, rows: slice) -> Array:
        if "status" in self.columns:
            return self.columns["status"][rows].astype(np.uint32)
        return np.zeros(rows.stop - rows.start, np.uint32)

    def _pulse_heights(self, events: EventBlock, rows: slice, status: Array) -> tuple[Array | None, Array | None]:
        """Fill FLTGRADE, GRADE, PHA_RO and PHA; return flight grades and PHA, None where there are none."""
        plan, split = self.options.plan, self.calibration.split
        fltgrade: Array | None
        if plan.grades in ("raw", "adjusted") or self._has_islands:
            islands = self._column("phas")[rows]
            raw = grade_islands(events, islands, split, status)
            fltgrade, total, read_out = raw.fltgrade, raw.total, raw.total
            self.output.store("pha_ro", rows, round_pulse_heights(read_out))
            if plan.grades == "adjusted":
                adjusted, bits = self._adjust(events, islands)
                status |= bits
                sums = grade_islands(events, adjusted, split)
                fltgrade, total = sums.fltgrade, sums.total
        if plan.grades == "telemetry":
            fltgrade = np.ascontiguousarray(self._column("fltgrade")[rows], np.int16)
            read_out = self.columns.get("pha_ro", self.columns.get("pha", np.zeros(0)))[rows].astype(np.float64)
            total = self._adjust_telemetry(events, fltgrade, read_out, status)
            self.output.store("pha_ro", rows, round_pulse_heights(read_out))
        if plan.grades == "carried":
            fltgrade = self.columns["fltgrade"][rows].astype(np.int16) if "fltgrade" in self.columns else None
        elif fltgrade is not None:
            self.output.store("fltgrade", rows, fltgrade)
            self.output.store("grade", rows, self.calibration.grades[fltgrade & 255])
        if plan.pulse_height == "carried":
            if "pha" not in self.columns:
                return fltgrade, None
            total = self.columns["pha"][rows].astype(np.float64)
        pha = round_pulse_heights(self._drifted(events, total))
        self.output.store("pha", rows, pha)
        return fltgrade, pha

    def _adjust(self, events: EventBlock, islands: Array) -> tuple[Array, Array]:
        """Return islands adjusted for CTI and their status bits."""
        assert self.calibration.cti is not None
        temperature = None
        if self.setup.temperature is not None:
            times, values = self.setup.temperature
            last = np.clip(np.searchsorted(times, events.time, "right") - 1, 0, len(times) - 1)
            temperature = np.where(np.isfinite(events.time), values[last], np.nan)
        return adjust_islands(
            events, self.calibration.cti, islands, self.calibration.split, temperature, self.options.cti
        )

    def _adjust_telemetry(self, events: EventBlock, fltgrade: Array, read_out: Array, status: Array) -> Array:
        """Return pulse heights of graded modes, adjusted for CTI through the mean island of their flight grade."""
        images = self.calibration.grade_images
        if self.options.plan.pulse_height != "adjusted" or images is None:
            return read_out
        islands = images.at(fltgrade, read_out) * read_out[:, None, None]
        adjusted, bits = self._adjust(events, islands)
        status |= bits
        before, after = islands.sum(axis=(1, 2)), adjusted.sum(axis=1)
        return np.where(before > 0, read_out * after / np.where(before > 0, before, 1.0), read_out)

    def _drifted(self, events: EventBlock, total: Array) -> Array:
        if not self.options.plan.drift or self.calibration.drift is None:
            return total
        first, second = self.calibration.epochs
        width = second - first
        phase = (events.time - first) / width if width else np.zeros(len(events))
        shifted = np.array(total, dtype=np.float64)
        subtract_drift(events, self.calibration.drift, phase, shifted)
        return shifted

    def _energies(self, events: EventBlock, rows: slice, pha: Array | None) -> Array | None:
        """Fill ENERGY and PI; return the energies, None where there are none."""
        plan, options = self.options.plan, self.options
        energy: Array | None = None
        if self._gains:
            assert self.calibration.gain is not None
            if pha is None:
                raise DataError("no column pha to compute energies from; set calculate_pi=no")
            energy = energies(events, self.calibration.gain, pha, options.rand_pha)
            self.output.store("energy", rows, energy)
        elif "energy" in self.columns:
            energy = np.ascontiguousarray(self.columns["energy"][rows], np.float32)
        if plan.channels == "computed" and energy is not None:
            self.output.store("pi", rows, pi_channels(energy, options.pi_bin_width, options.pi_num_bins))
        return energy

    def _shift(self, events: EventBlock, rows: slice, fltgrade: Array | None, energy: Array | None) -> Shift | None:
        """Return the place inside the pixel, None for its centre."""
        method = self.options.pix_adj
        if method == "RANDOMIZE":
            return random_shift(events)
        if method == "CENTROID":
            islands = self._column("phas")[rows]
            grades = grade_islands(events, islands, self.calibration.split).fltgrade
            return charge_centroids(islands, grades)
        if method == "EDSER":
            if fltgrade is None or energy is None or self.calibration.subpixel is None:
                raise DataError(
                    "pix_adj=EDSER needs the columns fltgrade and energy and a sub-pixel table; set pix_adj=NONE"
                )
            return energy_dependent_shift(events, self.calibration.subpixel, fltgrade, energy)
        return None

    def _positions(self, events: EventBlock, rows: slice, shift: Shift | None) -> Counts:
        """Fill TDET, DET, SKY and, in continuous clocking, the times."""
        assert self.setup.transform is not None
        options, continuous = self.options, self.setup.mode.continuous
        x, y = events.chipx.astype(np.float64), events.chipy.astype(np.float64)
        time, off_chip = events.time, 0
        integer = (x, y)
        if continuous and options.reaches("sky"):
            y, time, off_chip = self._source_rows(events, rows, shift)
        elif shift is not None:
            y = y + shift.y
        if shift is not None:
            x = x + shift.x
        places = acis_event_positions(time, events.ccd_id, x, y, self.setup.transform, integer)
        wanted = [("tdetx", places.tdetx), ("tdety", places.tdety)]
        if options.reaches("det"):
            wanted += [("detx", places.detx), ("dety", places.dety)]
        if options.reaches("sky") and places.x is not None and places.y is not None:
            wanted += [("x", places.x), ("y", places.y)]
            if continuous:
                wanted += [("sky_1d", self._sky_1d(events, places.x, places.y))]
        for name, values in wanted:
            self.output.store(name, rows, values)
        return Counts(outside=places.outside if options.reaches("det") else 0, off_chip=off_chip)

    def _source_rows(self, events: EventBlock, rows: slice, shift: Shift | None) -> tuple[Array, Array, int]:
        """Return the row where each photon fell, its arrival time, and the number of events off the target's chip."""
        seen, transform = self.setup, self.setup.transform
        assert transform is not None
        read_out = self.columns["time_ro"][rows].astype(np.float64) if "time_ro" in self.columns else events.time
        off_chip = 0
        if "chipy_tg" in self.columns:
            row = self.columns["chipy_tg"][rows].astype(np.float64)
        elif seen.source is not None:
            found = cc.source_rows(
                transform.plane, transform.frame, transform.aspect, seen.source, read_out, events.ccd_id
            )
            row, off_chip = found.chipy, found.off_chip
        else:
            row = np.full(len(events), np.nan)
        fell = row if shift is None else row + shift.y
        time = cc.arrival_times(read_out, fell, seen.row_time)
        self.output.store("time", rows, time)
        self.output.store("time_ro", rows, read_out)
        return np.where(np.isfinite(row), row, events.chipy), time, off_chip

    def _sky_1d(self, events: EventBlock, x: Array, y: Array) -> Array:
        """Return the coordinate that continuous clocking preserves: ref + (X - ref) e_x + (Y - ref) e_y, e along CHIPX.

        That CIAO measures it from the reference pixel is inferred.
        """
        transform = self.setup.transform
        assert transform is not None
        ref = transform.plane.detector.ref
        out = np.full(len(events), np.nan)
        for ccd in np.unique(events.ccd_id):
            if 0 <= ccd <= 9:
                here = events.ccd_id == ccd
                e_x, e_y = transform.plane.column_direction(self.setup.roll_nom, int(ccd))
                out[here] = ref + (x[here] - ref) * e_x + (y[here] - ref) * e_y
        return out
