"""ACIS event calibration: thresholds, grades, charge-transfer losses, gains, sub-pixel positions, bad pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ciaopy.caldb.products_base import ChipCurves, FloatArray, IntArray, Product, interpolate, pick


@dataclass(frozen=True, kw_only=True, eq=False)
class SplitThreshold(Product):
    """Split threshold of the 3x3 island (CALDB EVTSPLT).

    Attributes
    ----------
    adu : float64 array, shape (10, 4)
        Threshold per CCD_ID and NODE_ID, adu; a neighbour counts if its pulse height is at or above it. NaN where
        the file has no row.
    """

    adu: FloatArray

    def at(self, ccd_id: ArrayLike, node_id: ArrayLike) -> FloatArray:
        """Return the threshold in adu for each CCD_ID and NODE_ID."""
        return np.asarray(self.adu[np.asarray(ccd_id), np.asarray(node_id)], dtype=np.float64)


@dataclass(frozen=True, kw_only=True, eq=False)
class GradeTable(Product):
    """ASCA grade of each flight grade (CALDB GRADE).

    Attributes
    ----------
    grade : int16 array, shape (256,)
        Grade 0..7 by FLTGRADE.
    """

    grade: NDArray[np.int16]


@dataclass(frozen=True, kw_only=True, eq=False)
class GradeImages(Product):
    """Mean 3x3 charge image of each flight grade (CALDB GRDIMG), for graded mode.

    Attributes
    ----------
    image : float64 array, shape (256, npha, 3, 3)
        Share of the summed pulse height in each pixel, [fltgrade, pha bin, dy + 1, dx + 1].
    pha : float64 array, shape (npha,)
        Lower edge of each pulse-height bin, adu; one bin starting at 0 where the images do not depend on it.
    """

    image: FloatArray
    pha: FloatArray

    def at(self, fltgrade: ArrayLike, pha: ArrayLike) -> FloatArray:
        """Return the image of each event, shape (..., 3, 3), for its flight grade and summed pulse height (adu)."""
        k = np.clip(np.searchsorted(self.pha, np.asarray(pha), side="right") - 1, 0, len(self.pha) - 1)
        return np.asarray(self.image[np.asarray(fltgrade), k], dtype=np.float64)


@dataclass(frozen=True, kw_only=True, eq=False)
class DetGain(Product):
    """Pulse height to energy (CALDB DET_GAIN).

    Attributes
    ----------
    chips : dict of int to ChipCurves
        Per CCD_ID: `x` is PHA in adu, ``y["energy"]`` the energy in eV.
    """

    chips: dict[int, ChipCurves]

    def table(self, ccd_id: int) -> ChipCurves:
        """Return the arrays of one chip, for a kernel.

        Raises
        ------
        CalibrationError
            The file has no row for that chip.
        """
        chip: ChipCurves = pick(self.chips, ccd_id, "CCD_ID", self.source)
        return chip

    def energy(self, ccd_id: int, chipx: ArrayLike, chipy: ArrayLike, pha: ArrayLike) -> FloatArray:
        """Return the energy (eV) of pulse heights (adu) at pixels (from 1) of one chip.

        Linear between the points of the region's row, the end segments continued; NaN where no row covers the pixel.
        """
        return self.table(ccd_id).evaluate("energy", chipx, chipy, pha, extrapolate=True)


@dataclass(frozen=True, kw_only=True, eq=False)
class TimeGain(Product):
    """Shift of the pulse height with time (CALDB T_GAIN).

    ``shift = d1 + (d2 - d1) * (time - epoch1) / (epoch2 - epoch1)``; CALDB files that hold a flat correction have
    d1 = d2 (CALDB release notes).

    Attributes
    ----------
    chips : dict of int to ChipCurves
        Per CCD_ID: `x` is PHA in adu, ``y["shift1"]`` and ``y["shift2"]`` the shifts in adu at the two epochs.
    epoch1, epoch2 : float
        Mission times, s.
    """

    chips: dict[int, ChipCurves]
    epoch1: float
    epoch2: float

    def table(self, ccd_id: int) -> ChipCurves:
        """Return the arrays of one chip, for a kernel; CalibrationError if the file has none."""
        chip: ChipCurves = pick(self.chips, ccd_id, "CCD_ID", self.source)
        return chip

    def phase(self, time: ArrayLike) -> FloatArray:
        """Return ``(time - epoch1) / (epoch2 - epoch1)``, not clipped; 0 where both epochs are the same."""
        width = self.epoch2 - self.epoch1
        t = np.asarray(time, dtype=np.float64)
        return (t - self.epoch1) / width if width != 0 else np.zeros_like(t)

    def shift(self, ccd_id: int, chipx: ArrayLike, chipy: ArrayLike, pha: ArrayLike, time: ArrayLike) -> FloatArray:
        """Return the shift in adu as the file states it; which sign it is applied with is the tool's business.

        Linear in PHA, end values held; NaN where no row covers the pixel.
        """
        chip = self.table(ccd_id)
        first = chip.evaluate("shift1", chipx, chipy, pha, extrapolate=False)
        second = chip.evaluate("shift2", chipx, chipy, pha, extrapolate=False)
        return first + (second - first) * self.phase(time)


@dataclass(frozen=True, eq=False)
class CtiChip:
    """Charge-transfer losses of one chip.

    Attributes
    ----------
    trap_x, trap_y : float32 array, shape (1024, 1024), or None
        Trap density maps for serial (x) and parallel (y) transfer, [chipy - 1, chipx - 1]; the number of transfers
        is part of the map. None: no correction in that direction (serial exists for back-illuminated chips only).
    curves : ChipCurves
        `x` is PHA in adu; ``y["volume_x"]``, ``y["volume_y"]`` the charge volume; ``y["fraction_x"]``,
        ``y["fraction_y"]`` the share of the lost charge that trails into the following pixel. A direction that the
        file does not describe is all zero.
    temperature_x, temperature_y : float64 array, shape (n,)
        Relative change of the losses per kelvin above the reference temperature, per row of `curves`; 0 if absent.
    """

    trap_x: NDArray[np.float32] | None
    trap_y: NDArray[np.float32] | None
    curves: ChipCurves
    temperature_x: FloatArray
    temperature_y: FloatArray


@dataclass(frozen=True, kw_only=True, eq=False)
class CtiModel(Product):
    """Charge-transfer losses of all chips (CALDB CTI). The embedded calibration has none.

    Attributes
    ----------
    chips : dict of int to CtiChip
        Per CCD_ID.
    reference_temperature : float
        Focal-plane temperature (K) that the maps hold for; NaN if the file does not say.
    """

    chips: dict[int, CtiChip]
    reference_temperature: float

    def chip(self, ccd_id: int) -> CtiChip:
        """Return the model of one chip; CalibrationError if the file has none."""
        chip: CtiChip = pick(self.chips, ccd_id, "CCD_ID", self.source)
        return chip


@dataclass(frozen=True, kw_only=True, eq=False)
class SubPixel(Product):
    """Energy-dependent sub-pixel position by flight grade (CALDB SUBPIX, the EDSER method).

    Attributes
    ----------
    table : int32 array, shape (10,)
        Which of the tables below serves a CCD_ID; -1: none.
    npoints : int32 array, shape (ntable, 256)
        Valid points per flight grade; 0: no offset.
    energy : float64 array, shape (ntable, 256, m)
        Energies in eV, ascending.
    dx, dy : float64 array, shape (ntable, 256, m)
        Offset in chip pixels: CHIP_ADJ = CHIP + offset.
    """

    table: IntArray
    npoints: IntArray
    energy: FloatArray
    dx: FloatArray
    dy: FloatArray

    def offsets(self, ccd_id: int, fltgrade: ArrayLike, energy: ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Return (dx, dy) in pixels for flight grades and energies (eV) of one chip.

        Linear in energy, the end segments continued; 0 for flight grades without a row. Broadcasts.
        """
        grade, e = np.broadcast_arrays(np.asarray(fltgrade), np.asarray(energy, dtype=np.float64))
        x, y = np.zeros(e.shape), np.zeros(e.shape)
        t = int(self.table[ccd_id])
        for g in np.unique(grade) if t >= 0 else ():
            n = int(self.npoints[t, g])
            if n:
                here = grade == g
                knots = self.energy[t, g, :n]
                x[here] = interpolate(e[here], knots, self.dx[t, g, :n], extrapolate=True)
                y[here] = interpolate(e[here], knots, self.dy[t, g, :n], extrapolate=True)
        return x, y


@dataclass(frozen=True, kw_only=True, eq=False)
class BadPixelList(Product):
    """Calibration list of bad pixels and columns (CALDB BADPIX), ACIS or HRC.

    One element per row of the file; limits are inclusive, from 1 (ACIS) or in the file's own system (HRC).

    Attributes
    ----------
    chip : int32 array, shape (n,)
        CCD_ID (ACIS) or CHIP_ID (HRC); -1 where the file does not say.
    x, y : float64 array, shape (n, 2)
        Lower and upper limits.
    time, time_stop : float64 array, shape (n,)
        Validity, mission seconds; 0, 0 means always.
    status : uint32 array, shape (n,)
        Bits as in the STATUS column (first FITS bit is the most significant one).
    shape : tuple of str, length n
        `point`, `rectangle`, ... in lower case.
    system : str
        Axes of `x`, `y`: `chip` or `raw`.
    """

    chip: IntArray
    x: FloatArray
    y: FloatArray
    time: FloatArray
    time_stop: FloatArray
    status: NDArray[np.uint32]
    shape: tuple[str, ...]
    system: str = "chip"

    def __len__(self) -> int:
        return len(self.chip)

    def of_chip(self, chip: int) -> BadPixelList:
        """Return the rows of one chip."""
        k = np.flatnonzero(self.chip == chip)
        return BadPixelList(
            source=self.source,
            is_lite=self.is_lite,
            chip=self.chip[k],
            x=self.x[k],
            y=self.y[k],
            time=self.time[k],
            time_stop=self.time_stop[k],
            status=self.status[k],
            shape=tuple(self.shape[i] for i in k),
            system=self.system,
        )
