"""Instrument maps: effective area over a chip, without the sky.

``I(x, y) = sum_k w_k A(E_k) V(E_k; theta, phi) G0(E_k) QE(E_k) QEU(E_k; x, y) T(E_k; x, y, date) D(y) P(x, y)``:
mirror, vignetting, zeroth order of a grating, efficiency, uniformity, contaminant, dead area, and what windows and bad
pixels leave. theta and phi are those of the chip pixel at the mean pointing.

Everything but QEU and P is smooth: it is evaluated on `NODES` x `NODES` points of the chip and interpolated linearly
(error below 1e-4 of the value).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ciaopy.caldb import (
    ALL_SHELLS,
    SHELLS,
    Contamination,
    DeadArea,
    GratingEfficiency,
    MirrorArea,
    QeUniformity,
    QuantumEfficiency,
    Vignetting,
    bracket,
)
from ciaopy.coords import Attitude, FocalPlane
from ciaopy.exposure.grids import Axis, PixelGrid
from ciaopy.exposure.spectrum import Spectrum

__all__ = ["ChipResponse", "InstrumentMap", "Layer", "instrument_map"]

FloatArray = NDArray[np.float64]

# Points per side of the chip at which smooth factors are evaluated.
NODES = 65
# Energies evaluated at a time: bounds the memory.
BATCH = 32


@dataclass(frozen=True)
class Layer:
    """A smooth field times a rough map; an instrument map is a sum of layers.

    Attributes
    ----------
    smooth : float64 array, shape (NODES, NODES)
        The field, cm2 count / photon, at equal steps from one outer edge of the map to the other, [y, x].
    block : float64 array or None
        QEU in blocks over the whole chip, [y, x]; None is 1.
    size : (int, int)
        Pixels of the chip in x and y.
    factor : float array or None
        What windows and bad pixels leave of every pixel; None is all.
    """

    smooth: FloatArray
    block: FloatArray | None
    size: tuple[int, int]
    factor: NDArray[np.floating] | None

    @property
    def rough_key(self) -> tuple[int, int]:
        """The same for layers of the same rough map."""
        return id(self.block), id(self.factor)

    def rough(self, grid: PixelGrid) -> NDArray[np.float32]:
        """Return the rough map on a grid."""
        one = np.ones(grid.shape, np.float32) if self.block is None else sampled(self.block, self.size, grid)
        return one if self.factor is None else one * np.asarray(self.factor, np.float32)


@dataclass(frozen=True)
class InstrumentMap:
    """Effective area on a grid of one chip.

    Attributes
    ----------
    chip : int
        CCD_ID or CHIP_ID.
    grid : PixelGrid
        In chip coordinates.
    data : float32 array, shape (ny, nx)
        cm2 count / photon.
    layers : tuple of Layer
        What it is made of; empty where that is not known (a map read from a file).
    """

    chip: int
    grid: PixelGrid
    data: NDArray[np.float32]
    layers: tuple[Layer, ...] = ()


@dataclass(frozen=True)
class ChipResponse:
    """What is known of the way to one chip; None leaves a factor out.

    Attributes
    ----------
    chip : int
        CCD_ID or CHIP_ID.
    mirror : MirrorArea or float
        On-axis area, or a constant in cm2.
    vignetting : Vignetting, optional
    shells : str
        Mirror pairs 1, 3, 4, 6 that count, as digits 1 and 0.
    efficiency : QuantumEfficiency or float
    uniformity : QeUniformity, optional
    contamination : Contamination, optional
    time : float
        Mission time (s) at which the contaminant is taken.
    dead_area : DeadArea, optional
    exposure, first_row : float, int
        EXPTIME (s) and first row of the window, for the dead area.
    grating : GratingEfficiency, optional
        Its zeroth order is taken.
    """

    chip: int
    mirror: MirrorArea | float
    vignetting: Vignetting | None = None
    shells: str = ALL_SHELLS
    efficiency: QuantumEfficiency | float = 1.0
    uniformity: QeUniformity | None = None
    contamination: Contamination | None = None
    time: float = 0.0
    dead_area: DeadArea | None = None
    exposure: float = 3.2
    first_row: int = 1
    grating: GratingEfficiency | None = None

    @property
    def is_lite(self) -> bool:
        """True where a factor is of the embedded calibration."""
        return any(getattr(p, "is_lite", False) for p in self.products)

    @property
    def products(self) -> list[object]:
        """The calibration products among the factors."""
        parts = (self.mirror, self.vignetting, self.efficiency, self.uniformity, self.contamination, self.dead_area)
        return [p for p in (*parts, self.grating) if hasattr(p, "source")]

    def area(self, energy: FloatArray, theta: FloatArray, phi: FloatArray) -> FloatArray:
        """Return the area (cm2) before the detector: mirror, vignetting, zeroth order.

        `energy` (keV), `theta` (arcmin) and `phi` (degrees) are float64 arrays whose shapes broadcast.
        """
        codes = (
            [ALL_SHELLS]
            if self.shells == ALL_SHELLS
            else [s for s, d in zip(SHELLS, self.shells, strict=True) if d == "1"]
        )
        total = np.zeros(np.broadcast_shapes(energy.shape, theta.shape))
        for code in codes:
            part = (
                self.mirror.at(energy, code)
                if isinstance(self.mirror, MirrorArea)
                else np.full(energy.shape, self.mirror)
            )
            if self.vignetting is not None:
                shell = code if code in self.vignetting.shells else ALL_SHELLS
                part = part * self.vignetting.at(energy, theta, phi, shell)
            total = total + part
            if not isinstance(self.mirror, MirrorArea):
                break
        if self.grating is not None:
            mirror = self.mirror if isinstance(self.mirror, MirrorArea) else None
            total = total * self.grating.at(energy, 0, "", mirror)
        return np.asarray(total)

    def detection(self, energy: FloatArray, chipx: FloatArray, chipy: FloatArray) -> FloatArray:
        """Return the counts per photon at the detector without QEU and windows.

        `energy` (keV), `chipx` and `chipy` are float64 arrays whose shapes broadcast.
        """
        if isinstance(self.efficiency, QuantumEfficiency):
            value = self.efficiency.at(energy, self.chip)
        else:
            value = np.full(energy.shape, float(self.efficiency))
        if self.contamination is not None:
            value = value * self.contamination.transmission(energy, np.float64(self.time), chipx, chipy, self.chip)
        if self.dead_area is not None:
            value = value * self.dead_area.at(chipy, self.chip, self.exposure, self.first_row)
        return np.asarray(value)


def instrument_map(
    response: ChipResponse,
    spectrum: Spectrum,
    plane: FocalPlane,
    attitude: Attitude,
    grid: PixelGrid,
    factor: NDArray[np.floating] | None = None,
) -> InstrumentMap:
    """Make the instrument map of one chip.

    Parameters
    ----------
    response : ChipResponse
    spectrum : Spectrum
        Energies and weights.
    plane : FocalPlane
    attitude : Attitude
        Mean pointing: its dy, dz, dtheta place the chip behind the mirror.
    grid : PixelGrid
        Chip pixels.
    factor : float array, shape of the grid, optional
        What windows and bad pixels leave (`mask_factor`, `bad_pixel_factor`).

    Returns
    -------
    InstrumentMap
    """
    x, y = (np.linspace(a.low, a.high, NODES) for a in (grid.x, grid.y))
    planes, weights = _uniformity_planes(response, spectrum)
    smooth = np.zeros((len(planes), NODES, NODES))
    for start in range(0, spectrum.energy.size, BATCH):
        part = slice(start, start + BATCH)
        field = _smooth_field(response, spectrum.energy[part], plane, attitude, (x, y))
        smooth += np.tensordot(weights[:, part] * spectrum.weight[part], field, axes=1)
    to_x, to_y = _interpolation(grid.x), _interpolation(grid.y)
    total = np.zeros(grid.shape, np.float32)
    layers = []
    size = _chip_size(response)
    for block, field in zip(planes, smooth, strict=True):
        layer = np.asarray(to_y @ field.astype(np.float32) @ to_x.T, np.float32)
        if block is not None:
            layer *= sampled(block, size, grid)
        total = layer if len(planes) == 1 else total + layer
        layers.append(Layer(field, block, size, factor))
    if factor is not None:
        total *= factor.astype(np.float32, copy=False)
    return InstrumentMap(response.chip, grid, total, tuple(layers))


def _chip_size(response: ChipResponse) -> tuple[int, int]:
    """Return the pixels of the chip that the blocks of QEU cover, in x and y; zeros where there are none."""
    chip = response.uniformity.chips.get(response.chip) if response.uniformity is not None else None
    return (0, 0) if chip is None else (chip.size_x, chip.size_y)


def _smooth_field(
    response: ChipResponse,
    energy: FloatArray,
    plane: FocalPlane,
    attitude: Attitude,
    nodes: tuple[FloatArray, FloatArray],
) -> FloatArray:
    """Return the smooth factors at the nodes, shape (energies, nodes, nodes)."""
    chipx, chipy = np.meshgrid(*nodes)
    detx, dety = plane.chip_to_det(response.chip, chipx, chipy, attitude)
    theta, _ = plane.off_axis(detx, dety)
    ref = plane.detector.ref
    phi = Vignetting.azimuth(detx - ref, dety - ref)
    e = energy[:, None, None]
    return response.area(e, theta[None], phi[None]) * response.detection(e, chipx[None], chipy[None])


def _uniformity_planes(response: ChipResponse, spectrum: Spectrum) -> tuple[list[FloatArray | None], FloatArray]:
    """Return images of QEU and the share of each energy that falls to each: QEU is linear in energy between them."""
    n = spectrum.energy.size
    if response.uniformity is None:
        return [None], np.ones((1, n))
    chip = response.uniformity.chips.get(response.chip)
    if chip is None or chip.factor.shape[1:] == (1, 1):
        return [None], response.uniformity.at(spectrum.energy, 1.0, 1.0, response.chip)[None]
    index, part = bracket(spectrum.energy, chip.energy)
    weights = np.zeros((len(chip.energy), n))
    weights[index, np.arange(n)] += 1.0 - part
    weights[np.minimum(index + 1, len(chip.energy) - 1), np.arange(n)] += part
    used = np.flatnonzero(weights.any(axis=1))
    return [chip.factor[i] for i in used], weights[used]


def sampled(block: FloatArray, size: tuple[int, int], grid: PixelGrid) -> NDArray[np.float32]:
    """Return blocks over a chip on a grid: each pixel gets the value of the block that holds its centre.

    Parameters
    ----------
    block : float64 array, shape (rows, columns)
    size : (int, int)
        Pixels of the chip in x and y.
    grid : PixelGrid

    Returns
    -------
    float32 array, shape of the grid
    """
    ny, nx = block.shape
    ix = np.clip(((grid.x.centres() - 0.5) * nx / size[0]).astype(np.int64), 0, nx - 1)
    iy = np.clip(((grid.y.centres() - 0.5) * ny / size[1]).astype(np.int64), 0, ny - 1)
    return np.asarray(block[np.ix_(iy, ix)], np.float32)


def _interpolation(axis: Axis) -> NDArray[np.float32]:
    """Return the matrix (pixels, nodes) of linear interpolation at the pixel centres."""
    place = (np.arange(axis.count) + 0.5) / axis.count * (NODES - 1)
    low = np.minimum(place.astype(np.int64), NODES - 2)
    matrix = np.zeros((axis.count, NODES), np.float32)
    matrix[np.arange(axis.count), low] = 1.0 - (place - low)
    matrix[np.arange(axis.count), low + 1] = place - low
    return matrix
