"""Effective-area calibration: mirror, vignetting, contamination, efficiencies, dead area, PSF radius.

Energies are keV, areas cm2, chip pixels count from 1 at the centre of the first pixel, times are mission seconds
(TT since 1998-01-01, MJDREF 50814). Everything broadcasts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ciaopy.caldb.products_base import (
    ACIS_SIZE,
    ALL_SHELLS,
    FloatArray,
    Product,
    bracket,
    interpolate,
    multilinear,
    pick,
)
from ciaopy.errors import CalibrationError


@dataclass(frozen=True, eq=False)
class QeCurve:
    """Quantum efficiency of one chip, or of one filter region of an HRC-S segment.

    Attributes
    ----------
    chip : int
        CCD_ID (ACIS), CHIP_ID (HRC-S 1..3), 0 (HRC-I).
    region : int
        REGIONID of the file (HRC-S: 101, 102, 201 ...), 0 where there are none.
    filter : str
        Name of the filter region, or empty.
    energy : float64 array, shape (n,)
        keV, ascending.
    qe : float64 array, shape (n,)
        Counts per photon.
    """

    chip: int
    region: int
    filter: str
    energy: FloatArray
    qe: FloatArray


@dataclass(frozen=True, kw_only=True, eq=False)
class QuantumEfficiency(Product):
    """Quantum efficiency per chip (CALDB QE), optical blocking filter or ion shield included.

    Attributes
    ----------
    curves : tuple of QeCurve
        Sorted by chip and region.
    """

    curves: tuple[QeCurve, ...]

    def curve(self, chip: int, region: int | None = None) -> QeCurve:
        """Return the curve of a chip; without `region` that of its lowest region number (HRC-S: at the aim point).

        Raises
        ------
        CalibrationError
            No such chip or region.
        """
        chips = {c.chip: c for c in reversed(self.curves) if region is None or c.region == region}
        what = "chip" if region is None else f"region {region} of chip"
        found: QeCurve = pick(chips, chip, what, self.source)
        return found

    def at(self, energy: ArrayLike, chip: int, region: int | None = None) -> FloatArray:
        """Return the efficiency at `energy` (keV), linear, end values held, never below 0."""
        c = self.curve(chip, region)
        return np.maximum(interpolate(energy, c.energy, c.qe), 0.0)


@dataclass(frozen=True, eq=False)
class QeuChip:
    """Uniformity factor of one chip.

    Attributes
    ----------
    energy : float64 array, shape (n,)
        keV, ascending.
    factor : float64 array, shape (n, ny, nx)
        Factor per energy and block of the chip, [energy, y, x].
    size_x, size_y : int
        Chip pixels that the blocks cover.
    """

    energy: FloatArray
    factor: FloatArray
    size_x: int
    size_y: int


@dataclass(frozen=True, kw_only=True, eq=False)
class QeUniformity(Product):
    """Factor on the quantum efficiency over a chip (CALDB QEU).

    Attributes
    ----------
    chips : dict of int to QeuChip
        Per chip.
    """

    chips: dict[int, QeuChip]

    def at(self, energy: ArrayLike, chipx: ArrayLike, chipy: ArrayLike, chip: int) -> FloatArray:
        """Return the factor: linear in energy (ends held), the block's value in position (edge blocks held)."""
        q: QeuChip = pick(self.chips, chip, "chip", self.source)
        _, ny, nx = q.factor.shape
        ix = np.clip(((np.asarray(chipx, dtype=np.float64) - 0.5) * nx / q.size_x).astype(np.intp), 0, nx - 1)
        iy = np.clip(((np.asarray(chipy, dtype=np.float64) - 0.5) * ny / q.size_y).astype(np.intp), 0, ny - 1)
        i, f = bracket(energy, q.energy)
        upper = np.minimum(i + 1, len(q.energy) - 1)
        return np.asarray((1.0 - f) * q.factor[i, iy, ix] + f * q.factor[upper, iy, ix], dtype=np.float64)


@dataclass(frozen=True, kw_only=True, eq=False)
class MirrorArea(Product):
    """On-axis effective area of the mirror (CALDB AXEFFA).

    Attributes
    ----------
    energy : dict of str to float64 array, shape (n,)
        keV, ascending, per shell code.
    area : dict of str to float64 array, shape (n,)
        cm2, per shell code: `1111` (all) and, where known, `1000`, `0100`, `0010`, `0001`.
    """

    energy: dict[str, FloatArray]
    area: dict[str, FloatArray]

    def at(self, energy: ArrayLike, shell: str = ALL_SHELLS) -> FloatArray:
        """Return the area in cm2 at `energy` (keV), linear, end values held.

        Raises
        ------
        CalibrationError
            The shell is not in the file.
        """
        if shell not in self.area:
            raise CalibrationError(f"{self.source}: no area for shell {shell}; it has {', '.join(self.area)}")
        return interpolate(energy, self.energy[shell], self.area[shell])


@dataclass(frozen=True, eq=False)
class VignettingCube:
    """Relative area off axis.

    Attributes
    ----------
    energy : float64 array, shape (ne,)
        keV.
    theta : float64 array, shape (nt,)
        Off-axis angle, arcmin.
    phi : float64 array, shape (np,)
        Azimuth, degrees in 0..360.
    value : float64 array, shape (np, nt, ne)
        Area relative to the axis.
    """

    energy: FloatArray
    theta: FloatArray
    phi: FloatArray
    value: FloatArray


@dataclass(frozen=True, kw_only=True, eq=False)
class Vignetting(Product):
    """Area off axis relative to the axis (CALDB VIGNET).

    The azimuth of the table is ``phi = atan2(-(DETY - DETY0), -(DETX - DETX0))`` (`azimuth`); found with MARX flat
    fields on ACIS-I and ACIS-S: dipole amplitude 1.0 +- 0.05 of the table's, phase within 1 degree.

    Attributes
    ----------
    shells : dict of str to VignettingCube
        By shell code; `1111` is always there.
    """

    shells: dict[str, VignettingCube]

    @staticmethod
    def azimuth(dx: ArrayLike, dy: ArrayLike) -> FloatArray:
        """Return the azimuth (degrees, 0..360) of DET offsets from the optical axis, in any unit."""
        phi = np.degrees(np.arctan2(-np.asarray(dy, dtype=np.float64), -np.asarray(dx, dtype=np.float64)))
        return np.asarray(np.mod(phi, 360.0))

    def cube(self, shell: str = ALL_SHELLS) -> VignettingCube:
        """Return the table of one shell code; CalibrationError if the file has none."""
        if shell not in self.shells:
            raise CalibrationError(f"{self.source}: no vignetting for shell {shell}; it has {', '.join(self.shells)}")
        return self.shells[shell]

    def at(self, energy: ArrayLike, theta: ArrayLike, phi: ArrayLike, shell: str = ALL_SHELLS) -> FloatArray:
        """Return the relative area at energy (keV), off-axis angle (arcmin) and azimuth (degrees).

        Linear in each; periodic in phi; ends held in energy and theta.
        """
        c = self.cube(shell)
        knots, order = np.unique(np.mod(c.phi, 360.0), return_index=True)
        wrapped = np.concatenate([knots, [knots[0] + 360.0]])
        angle = np.mod(np.asarray(phi, dtype=np.float64) - knots[0], 360.0) + knots[0]
        value = np.concatenate([c.value[order], c.value[order[:1]]])
        return multilinear(value, [bracket(angle, wrapped), bracket(theta, c.theta), bracket(energy, c.energy)])


@dataclass(frozen=True, eq=False)
class ContamLayer:
    """One absorbing layer: optical depth mu(E) * (tau0(t) + tau1(t) * f(x, y)).

    Attributes
    ----------
    component : int
        Layers of the same component lie on top of each other; components are parallel areas of the filter.
    weight : float
        Share of the component.
    energy, mu : float64 array, shape (n,)
        Absorption against energy (keV).
    time, tau0, tau1 : float64 array, shape (m,)
        Depth against mission time (s).
    pattern : float64 array, shape (ny, nx)
        f on equal blocks of the chip, [y, x]; bilinear between block centres.
    """

    component: int
    weight: float
    energy: FloatArray
    mu: FloatArray
    time: FloatArray
    tau0: FloatArray
    tau1: FloatArray
    pattern: FloatArray

    def pattern_at(self, chipx: ArrayLike, chipy: ArrayLike) -> FloatArray:
        """Return f at pixels of the chip, bilinear between block centres, edges held."""
        ny, nx = self.pattern.shape
        x = 0.5 + (np.arange(nx) + 0.5) * ACIS_SIZE / nx
        y = 0.5 + (np.arange(ny) + 0.5) * ACIS_SIZE / ny
        return multilinear(self.pattern, [bracket(chipy, y), bracket(chipx, x)])

    def depth_terms(self, time: ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Return (tau0, tau1) at a time: linear, the last segment continued, the first value held before."""
        t = np.maximum(np.asarray(time, dtype=np.float64), self.time[0])
        first = interpolate(t, self.time, self.tau0, extrapolate=True)
        return first, interpolate(t, self.time, self.tau1, extrapolate=True)


@dataclass(frozen=True, kw_only=True, eq=False)
class Contamination(Product):
    """Transmission of the contaminant on the ACIS filters (CALDB CONTAM).

    ``T = sum_c W_c exp(-sum_i mu_i(E) (tau0_i(t) + tau1_i(t) f_i(x, y)))`` over components c and their layers i; the
    depth of a layer never falls below 0.

    Attributes
    ----------
    chips : dict of int to tuple of ContamLayer
        Per CCD_ID.
    """

    chips: dict[int, tuple[ContamLayer, ...]]

    def transmission(
        self, energy: ArrayLike, time: ArrayLike, chipx: ArrayLike, chipy: ArrayLike, ccd_id: int
    ) -> FloatArray:
        """Return the transmission at energy (keV), mission time (s) and chip pixels of one chip.

        Raises
        ------
        CalibrationError
            The file has no such chip.
        """
        layers: tuple[ContamLayer, ...] = pick(self.chips, ccd_id, "CCD_ID", self.source)
        total = np.zeros(np.broadcast_shapes(*(np.shape(a) for a in (energy, time, chipx, chipy))))
        patterns: dict[int, FloatArray] = {}
        for component in dict.fromkeys(layer.component for layer in layers):
            depth = np.zeros_like(total)
            members = [layer for layer in layers if layer.component == component]
            for layer in members:
                tau0, tau1 = layer.depth_terms(time)
                # Layers of one chip often share their pattern.
                if id(layer.pattern) not in patterns:
                    patterns[id(layer.pattern)] = layer.pattern_at(chipx, chipy)
                tau = tau0 + tau1 * patterns[id(layer.pattern)]
                depth = depth + interpolate(energy, layer.energy, layer.mu) * np.maximum(tau, 0.0)
            total = total + members[0].weight * np.exp(-depth)
        return np.asarray(total, dtype=np.float64)


# Seconds a row waits for its read-out: at once for row 1, and what the whole frame store adds. From the range of the
# loss, 2.2 % at the read-out to 4 % at the top, that the CXC page states for 3.2 s and 0.006508 per second.
FIRST_ROW_WAIT_S = 0.180
READOUT_WAIT_S = 2.766


@dataclass(frozen=True, kw_only=True, eq=False)
class DeadArea(Product):
    """Share of the chip lost to cosmic rays (CALDB DEAD_AREA).

    A cosmic ray blocks pixels while the frame is exposed and while the row waits for its read-out, so the lost share
    is ``rate * (exposure + 0.180 + 2.766 (chipy - first_row + 1) / 1024)``; CXC page "ACIS Dead Area Correction" for
    the mechanism, the rate and the range of the loss in full frames. Sub-arrays are inferred from the mechanism.

    Attributes
    ----------
    rate : dict of int to float
        Lost share per second, per CCD_ID; 0 for back-illuminated chips.
    """

    rate: dict[int, float]

    def at(self, chipy: ArrayLike, ccd_id: int, exposure: float = 3.2, first_row: int = 1) -> FloatArray:
        """Return the surviving share at rows `chipy` (from 1) for an EXPTIME in seconds and FIRSTROW of a sub-array.

        Raises
        ------
        CalibrationError
            The file has no such chip.
        """
        rate: float = pick(self.rate, ccd_id, "CCD_ID", self.source)
        row = np.maximum(np.asarray(chipy, dtype=np.float64) - first_row + 1, 0.0)
        return np.asarray(1.0 - rate * (exposure + FIRST_ROW_WAIT_S + READOUT_WAIT_S * row / ACIS_SIZE))


@dataclass(frozen=True, eq=False)
class GratingTable:
    """Efficiency of one grating behind one mirror shell.

    Attributes
    ----------
    part : str
        `HEG`, `MEG`, `LEG`, or `ALL` for a value that belongs to all of them.
    shell : str
        Shell code; `1111` where the shells are already weighted with their areas.
    energy : float64 array, shape (n,)
        keV, ascending.
    orders : tuple of int, length m
        Diffraction orders of the columns of `efficiency`.
    efficiency : float64 array, shape (n, m)
        Relative to the area of the shell.
    """

    part: str
    shell: str
    energy: FloatArray
    orders: tuple[int, ...]
    efficiency: FloatArray


@dataclass(frozen=True, kw_only=True, eq=False)
class GratingEfficiency(Product):
    """Efficiency of a transmission grating by order (CALDB GREFF).

    Attributes
    ----------
    grating : str
        `HETG` or `LETG`.
    tables : tuple of GratingTable
        One per shell (and part).
    """

    grating: str
    tables: tuple[GratingTable, ...]

    def has(self, order: int, part: str) -> bool:
        """Return whether an order of `HEG`, `MEG` or `LEG` (of all parts for order 0) is in the tables."""
        return any(order in t.orders and (order == 0 or t.part in (part.upper(), "ALL")) for t in self.tables)

    def at(self, energy: ArrayLike, order: int, part: str, mirror: MirrorArea | None = None) -> FloatArray:
        """Return the share of the whole mirror's area that a part sends into an order.

        ``sum over shells of efficiency(shell, order) * area(shell) / area(all)``; order 0 sums over all parts.

        Parameters
        ----------
        energy : float array-like
            keV.
        order : int
            Diffraction order, signed.
        part : str
            `HEG`, `MEG` or `LEG`; ignored for order 0.
        mirror : MirrorArea, optional
            Needed where the tables are per shell.

        Raises
        ------
        CalibrationError
            Neither order nor part in the file, or shells needed and not given.
        """
        total = np.zeros(np.shape(energy))
        chosen = [t for t in self.tables if order in t.orders and (order == 0 or t.part in (part.upper(), "ALL"))]
        if not chosen:
            there = ", ".join(f"{t.part} orders {min(t.orders)}..{max(t.orders)}" for t in self.tables)
            raise CalibrationError(f"{self.source}: no efficiency for {part} order {order}; it has {there}")
        for table in chosen:
            value = interpolate(energy, table.energy, table.efficiency[:, table.orders.index(order)])
            if table.shell != ALL_SHELLS:
                if mirror is None:
                    raise CalibrationError(f"{self.source}: efficiencies are per mirror shell; give the mirror area")
                value = value * mirror.at(energy, table.shell) / mirror.at(energy)
            total = total + value
        return np.asarray(total, dtype=np.float64)


@dataclass(frozen=True, kw_only=True, eq=False)
class PsfRadius(Product):
    """Radius enclosing a fraction of the mirror's point-spread function (CALDB REEF).

    Attributes
    ----------
    energy : float64 array, shape (ne,)
        keV.
    theta : float64 array, shape (nt,)
        Off-axis angle, arcmin.
    phi : float64 array, shape (np,)
        Azimuth, degrees; one value where the table is an azimuth mean.
    ecf : float64 array, shape (nf,)
        Enclosed fraction, 0..1.
    radius : float64 array, shape (ne, nt, np, nf)
        arcsec.
    """

    energy: FloatArray
    theta: FloatArray
    phi: FloatArray
    ecf: FloatArray
    radius: FloatArray

    def at(self, energy: ArrayLike, theta: ArrayLike, ecf: float, phi: ArrayLike = 0.0) -> FloatArray:
        """Return the radius in arcsec: log(radius) linear in energy, theta, azimuth and fraction, ends held.

        Raises
        ------
        CalibrationError
            `ecf` outside the fractions of the table.
        """
        # Tables hold float32: 0.95 may stand as 0.9499999.
        if not self.ecf[0] - 1e-6 <= ecf <= self.ecf[-1] + 1e-6:
            raise CalibrationError(
                f"{self.source}: no radius for an enclosed fraction of {ecf:g}; "
                f"the table goes from {self.ecf[0]:g} to {self.ecf[-1]:g}"
            )
        log_radius = np.log(np.maximum(self.radius, 1e-6))
        azimuths, angle = self.phi, np.mod(np.asarray(phi, dtype=np.float64), 360.0)
        if len(self.phi) > 1:
            azimuths = np.concatenate([self.phi, [self.phi[0] + 360.0]])
            log_radius = np.concatenate([log_radius, log_radius[:, :, :1]], axis=2)
            angle = np.mod(angle - self.phi[0], 360.0) + self.phi[0]
        axes = [bracket(energy, self.energy), bracket(theta, self.theta), bracket(angle, azimuths)]
        return np.exp(multilinear(log_radius, [*axes, bracket(ecf, self.ecf)]))
