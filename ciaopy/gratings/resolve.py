"""Grating coordinates, arm, order and source of events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ciaopy.coords import TIME_SLACK, AspectSolution, Attitude, FocalPlane, SkyFrame
from ciaopy.errors import DataError
from ciaopy.fits import Array
from ciaopy.gratings.arms import Arm, arm_table
from ciaopy.gratings.clocking import CLOCKED, distances, reaches, resolve_clocked
from ciaopy.gratings.mask import GratingMask
from ciaopy.gratings.order_sorting import OrderTest
from ciaopy.kernels import coords as coords_kernels
from ciaopy.kernels import gratings as kernels
from ciaopy.kernels import map_blocks

__all__ = ["RESOLVED", "ResolvedEvents", "Resolver"]

#: Columns that `Resolver` makes, with their types.
RESOLVED: dict[str, type[np.generic]] = {
    "tg_r": np.float32,
    "tg_d": np.float32,
    "tg_lam": np.float32,
    "tg_mlam": np.float32,
    "tg_m": np.int16,
    "tg_srcid": np.int16,
    "tg_part": np.int16,
    "tg_smap": np.int16,
}


@dataclass(frozen=True)
class ResolvedEvents:
    """Grating columns of n events.

    Attributes
    ----------
    columns : dict of str to array, shape (n,)
        Those of `RESOLVED`: tg_r, tg_d (deg), tg_lam, tg_mlam (Angstrom), tg_m, tg_srcid, tg_part, tg_smap; in
        continuous clocking chipy_tg, chipy_zo (pixels), too.
    lost : int
        Events without attitude or on no chip; they have part 99.
    """

    columns: dict[str, Array]
    lost: int


@dataclass(frozen=True)
class Resolver:
    """Assigns arm, order and source to the events of one observation.

    Attributes
    ----------
    plane : FocalPlane
    frame : SkyFrame
        System of the mask and of the events' x, y.
    aspect : AspectSolution or Attitude
        The solution, or one attitude that holds at all times.
    arms : tuple of Arm
        Arms to look at, in order of part.
    mask : GratingMask
    test : OrderTest
    clocked : bool
        The rows were moved all the time: see `ciaopy.gratings.clocking`.
    """

    plane: FocalPlane
    frame: SkyFrame
    aspect: AspectSolution | Attitude
    arms: tuple[Arm, ...]
    mask: GratingMask
    test: OrderTest
    clocked: bool = False

    @property
    def zero_arm(self) -> int:
        """Row of the arm whose angle the zero order takes: MEG of HETG (ObsID 13839 to 4e-7 deg), else the only one."""
        return len(self.arms) - 1

    def __call__(self, columns: Mapping[str, Array], nproc: int | None = 1) -> ResolvedEvents:
        """Resolve events, in row blocks over `nproc` threads.

        Parameters
        ----------
        columns : mapping of str to array, shape (n,)
            time (s), the chip's id, chipx, chipy (whole pixels), x, y (SKY), energy (eV; only where the order test
            needs it).

        Raises
        ------
        DataError
            A column is missing.
        CalibrationError
            Dispersed events on a chip without order-sorting windows.
        """
        needed = ["time", self._id_column(columns), "chipx", "chipy", "x", "y"]
        needed += ["energy"] if self.test.way != kernels.BY_SIGN else []
        missing = [c for c in needed if c and c not in columns]
        if missing:
            raise DataError(f"no column {', '.join(missing)}, which grating coordinates need")
        n = len(columns["x"])
        kinds = RESOLVED | CLOCKED if self.clocked else RESOLVED
        out = {name: np.empty(n, kind) for name, kind in kinds.items()}
        block = self._clocked_block if self.clocked else self._block
        lost = sum(map_blocks(lambda rows: block(columns, rows, out), n, nproc))
        if self.test.product is not None:
            arms = np.isin(out["tg_part"], [a.part for a in self.arms])
            self.test.require(np.asarray(columns[needed[1]])[arms].astype(np.int64), "the event file")
        return ResolvedEvents(out, lost)

    def _id_column(self, columns: Mapping[str, Array]) -> str:
        """Return the name of the chip column; empty for a detector of one chip in a file without it."""
        name = self.plane.detector.id_column
        return "" if name not in columns and len(self.plane.detector.chips) == 1 else name

    def _block(self, columns: Mapping[str, Array], rows: slice, out: dict[str, Array]) -> int:
        """Fill the rows of `out`; return the number of events without attitude or chip."""

        def part(name: str) -> NDArray[np.float64]:
            return np.ascontiguousarray(columns[name][rows], np.float64)

        chip = self._id_column(columns)
        x, y, chipx, chipy = part("x"), part("y"), part("chipx"), part("chipy")
        only = self.plane.detector.chips[0].id
        ids = np.ascontiguousarray(columns[chip][rows], np.int64) if chip else np.full(x.size, only, np.int64)
        energy = part("energy") if self.test.way != kernels.BY_SIGN else np.zeros(x.size)
        index = self._records_of(part("time"))
        lost = kernels.resolve(
            (ids, chipx, chipy, energy),
            (x, y),
            index,
            self.test.rows(ids, chipx, chipy),
            (self.plane.chips, self._records(), self.plane.optics),
            self.mask.circles(),
            self.mask.numbers(),
            self.mask.boxes(self.arms),
            arm_table(self.arms, self.plane.detector.name),
            self.zero_arm,
            self.test.way,
            self.test.limits,
            self.test.windows,
            self.test.npoints,
            tuple(out[name][rows] for name in RESOLVED),
        )
        return int(lost)

    def _clocked_block(self, columns: Mapping[str, Array], rows: slice, out: dict[str, Array]) -> int:
        """Fill the rows of `out` for continuous clocking; return the number of events without attitude or chip."""

        def part(name: str) -> NDArray[np.float64]:
            return np.ascontiguousarray(columns[name][rows], np.float64)

        roll = self.frame.roll_nom
        ids = np.ascontiguousarray(columns[self._id_column(columns)][rows], np.int64)
        energy = part("energy") if self.test.way != kernels.BY_SIGN else np.zeros(ids.size)
        return resolve_clocked(
            (ids, part("chipx"), energy),
            self._records_of(part("time")),
            distances(part("x"), part("y"), ids, self.plane, roll, self.mask),
            reaches(self.mask, self.arms, self.plane, roll),
            (self.plane, self._records(), self.arms),
            self.mask,
            self.test,
            {name: column[rows] for name, column in out.items()},
        )

    def _records_of(self, time: NDArray[np.float64]) -> NDArray[np.int64]:
        if isinstance(self.aspect, Attitude):
            return np.zeros(time.size, np.int64)
        index = np.empty(time.size, np.int64)
        coords_kernels.record_index(time, self.aspect.time, self.aspect.until, TIME_SLACK, index)
        return index

    def _records(self) -> NDArray[np.float64]:
        if isinstance(self.aspect, Attitude):
            return self.aspect.records(self.frame.ra_nom, self.frame.dec_nom)
        return self.aspect.records(self.frame)
