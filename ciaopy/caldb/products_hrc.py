"""HRC event calibration (pulse-height tests, degap, gain), grating regions, and files that are only identified."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ciaopy.caldb.products_base import ChipCurves, FloatArray, IntArray, Product, bracket, pick
from ciaopy.errors import CalibrationError


@dataclass(frozen=True, kw_only=True, eq=False)
class AmpScale(Product):
    """When the amplifier scale AMP_SF of an event is wrong (CALDB AMP_SF_COR); one element per row.

    Attributes
    ----------
    range_level, tolerance : float64 array, shape (n,)
        The row holds for RANGELEV within `range_level` +- `tolerance`.
    pha_12, width_12, pha_23, width_23 : float64 array, shape (n,)
        Pulse heights of the changes of scale 1 to 2 and 2 to 3, and the half width of the doubtful zone.
    gain : float64 array, shape (n,)
        Amplifier gain (sum of the amplifiers per PHA).
    """

    range_level: FloatArray
    tolerance: FloatArray
    pha_12: FloatArray
    width_12: FloatArray
    pha_23: FloatArray
    width_23: FloatArray
    gain: FloatArray

    def row(self, rangelev: float) -> int | None:
        """Return the first row for a RANGELEV, or None."""
        k = np.flatnonzero(np.abs(self.range_level - rangelev) <= self.tolerance)
        return int(k[0]) if len(k) else None


@dataclass(frozen=True, kw_only=True, eq=False)
class TapRing(Product):
    """Tap-ringing correction (CALDB TAPRINGTEST), by axis `U` and `V`.

    Attributes
    ----------
    axis : dict of str to dict of str to float
        Per axis: `a`, `b`, `c`, `d`, `beta`, `gamma`, `threshold`, `offset`.
    """

    axis: dict[str, dict[str, float]]


@dataclass(frozen=True, kw_only=True, eq=False)
class HyperbolicTest(Product):
    """Hyperbolic pulse-height test (CALDB FPTEST), by axis `U` and `V`.

    Attributes
    ----------
    axis : dict of str to dict of str to float
        Per axis: `a`, `b`, `h`, `delta_h`, `c`.
    """

    axis: dict[str, dict[str, float]]


@dataclass(frozen=True, kw_only=True, eq=False)
class FlatnessTest(Product):
    """Flatness test (CALDB EFTEST): an axis fails if both outer amplifiers reach `limit` times the middle one."""

    limit: float


@dataclass(frozen=True, kw_only=True, eq=False)
class SaturationTest(Product):
    """Saturation test (CALDB SATTEST); element k holds for AMP_SF = k.

    Attributes
    ----------
    ntaps : int32 array, shape (4,)
        Amplifiers beyond a limit that make the event fail.
    lower, upper : float64 array, shape (4,)
        ADC limits. Scales without a row never fail: 0 taps is replaced by 4.
    """

    ntaps: IntArray
    lower: FloatArray
    upper: FloatArray


@dataclass(frozen=True, kw_only=True, eq=False)
class Degap(Product):
    """Degap coefficients (CALDB DEGAP): f' = a f + b sign(f) f^2 for the fine position f of a tap.

    Attributes
    ----------
    axis : dict of str to float64 array, shape (4, ntap, 4)
        Per axis `U` and `V`, by CHIP_ID and coarse tap: LA, LB (f < 0), RA, RB (f >= 0); taps without a row are
        1, 0, 1, 0. A file without CHIP_ID serves all chips.
    """

    axis: dict[str, FloatArray]

    def fine(self, axis: str, tap: ArrayLike, position: ArrayLike, chip: int = 0) -> FloatArray:
        """Return the corrected fine position (taps, -0.5..0.5) for each tap; taps beyond the table stay as they are."""
        table = self.axis[axis][chip]
        f = np.asarray(position, dtype=np.float64)
        t = np.asarray(tap)
        known = (t >= 0) & (t < len(table))
        row = table[np.where(known, t, 0)]
        a = np.where(f < 0, row[..., 0], row[..., 2])
        b = np.where(f < 0, row[..., 1], row[..., 3])
        return np.asarray(np.where(known, a * f + b * np.sign(f) * f * f, f), dtype=np.float64)


@dataclass(frozen=True, kw_only=True, eq=False)
class HrcGainImage(Product):
    """Gain map of the HRC (CALDB GMAP).

    With `norm` (keyword SAMPNORM): PI = round(SUMAMPS 2^(AMP_SF-1) / norm * gain); without: PI = int(PHA * gain).

    Attributes
    ----------
    gain : float64 array, shape (ny, nx)
        Gain per block of raw pixels, [rawy, rawx].
    cell_x, cell_y : float
        Raw pixels per block.
    norm : float or None
        SAMPNORM.
    """

    gain: FloatArray
    cell_x: float
    cell_y: float
    norm: float | None

    def at(self, rawx: ArrayLike, rawy: ArrayLike) -> FloatArray:
        """Return the gain at raw positions (block ``int(raw / cell)``, edges held)."""
        ny, nx = self.gain.shape
        ix = np.clip((np.asarray(rawx) / self.cell_x).astype(np.intp), 0, nx - 1)
        iy = np.clip((np.asarray(rawy) / self.cell_y).astype(np.intp), 0, ny - 1)
        return np.asarray(self.gain[iy, ix], dtype=np.float64)


@dataclass(frozen=True, kw_only=True, eq=False)
class HrcGainTime(Product):
    """Time-dependent gain of the HRC (CALDB T_GMAP).

    PI = round(G0 + G1 / T(t) * SUMAMPS 2^(AMP_SF-8)) with G0, G1 from the map and T linear in MJD.

    Attributes
    ----------
    gain : float64 array, shape (2, ny, nx)
        G0 and G1.
    drift : float64 array, shape (nt, ny)
        T per time and raw y block.
    rawx, rawy : float64 array, shape (nx,), (ny,)
        Lower edges of the blocks.
    mjd : float64 array, shape (nt,)
        Modified Julian dates, ascending.
    """

    gain: FloatArray
    drift: FloatArray
    rawx: FloatArray
    rawy: FloatArray
    mjd: FloatArray

    def at(self, rawx: ArrayLike, rawy: ArrayLike, mjd: float) -> tuple[FloatArray, FloatArray]:
        """Return (offset, slope) of PI = offset + slope * SUMAMPS 2^(AMP_SF-8), ends held; slope 0 where T is 0."""
        ix = np.clip(np.searchsorted(self.rawx, np.asarray(rawx), side="right") - 1, 0, len(self.rawx) - 1)
        iy = np.clip(np.searchsorted(self.rawy, np.asarray(rawy), side="right") - 1, 0, len(self.rawy) - 1)
        k, f = bracket(mjd, self.mjd)
        upper = np.minimum(k + 1, len(self.mjd) - 1)
        drift = (1.0 - f) * self.drift[k] + f * self.drift[upper]
        slope = np.divide(1.0, drift, out=np.zeros_like(drift), where=drift != 0)
        return self.gain[0, iy, ix], self.gain[1, iy, ix] * slope[iy]


@dataclass(frozen=True, kw_only=True, eq=False)
class OrderSorting(Product):
    """Pulse-height window that separates grating orders (CALDB OSIP).

    Attributes
    ----------
    chips : dict of int to ChipCurves
        Per CCD_ID: `x` is the photon energy in eV; ``y["low"]``, ``y["high"]`` the limits of the event energy in eV;
        ``y["fraction"]`` the share of the response inside them.
    """

    chips: dict[int, ChipCurves]

    def table(self, ccd_id: int) -> ChipCurves:
        """Return the arrays of one chip; CalibrationError if the file has none."""
        chip: ChipCurves = pick(self.chips, ccd_id, "CCD_ID", self.source)
        return chip


@dataclass(frozen=True, eq=False)
class RegionShape:
    """One shape of a grating region file.

    Attributes
    ----------
    name : str
        ROWID: `SOURCE`, `BACKGROUND_UP`, ...; empty if there is none.
    shape : str
        Lower case: `polygon`, `rectangle`, ...
    x, y : float64 array, shape (n,)
        Vertices on the axes of the file.
    tg_part, tg_m, tg_srcid : int
        Grating arm, order and source that the shape belongs to; 0 if the file does not say.
    backscal : float
        BACKSCAL, 1 if absent.
    """

    name: str
    shape: str
    x: FloatArray
    y: FloatArray
    tg_part: int
    tg_m: int
    tg_srcid: int
    backscal: float


@dataclass(frozen=True, kw_only=True, eq=False)
class GratingRegions(Product):
    """Regions on grating coordinates (CALDB TGMASK2: tg_r, tg_d in degrees; TGPIMASK2: tg_mlam in Angstrom, PI).

    Attributes
    ----------
    axes : tuple of two str
        Lower-case names of the two axes.
    shapes : tuple of RegionShape
        In file order.
    """

    axes: tuple[str, str]
    shapes: tuple[RegionShape, ...]

    def select(self, name: str, tg_m: int | None = None) -> tuple[RegionShape, ...]:
        """Return the shapes of that name (case-insensitive) and order."""
        found = [s for s in self.shapes if s.name.lower() == name.lower()]
        return tuple(s for s in found if tg_m is None or s.tg_m == tg_m)


@dataclass(frozen=True, kw_only=True, eq=False)
class CalibrationFile(Product):
    """A calibration file that was identified and is read elsewhere (GEOM, AIMPTS, TDET, SKY, SGEOM, BKGRND).

    Attributes
    ----------
    product : str
        CALDB name of the product.
    blocks : dict of str to tuple of str
        Column names (as written) of each block, by block name; images have none.
    """

    product: str
    blocks: dict[str, tuple[str, ...]]

    @property
    def path(self) -> str:
        """Path of the file.

        Raises
        ------
        CalibrationError
            The embedded calibration has no file.
        """
        if self.is_lite:
            raise CalibrationError(f"{self.product}: the embedded calibration is no file; use ciaopy.coords.Geometry")
        return self.source.partition("[")[0]
