"""Spectra of resolved events: counts of source and background in the bins of every arm, order and source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from ciaopy.coords import FloatArray
from ciaopy.errors import DataError
from ciaopy.fits import Array
from ciaopy.gratings.arms import Arm
from ciaopy.gratings.grid import WavelengthGrid
from ciaopy.kernels import grating_spectra as kernels
from ciaopy.kernels import map_blocks
from ciaopy.kernels.gratings import MAX_ORDER

__all__ = ["KINDS", "CrossWindows", "ExtractionRegions", "Polygon", "SpectrumRow", "default_windows", "extract"]

#: Names of the regions of a spectrum, as in the ROWID column.
KINDS = ("SOURCE", "BACKGROUND_UP", "BACKGROUND_DOWN")

# Half widths and outer limit of the background, deg of tg_d. HETG: 2.39 arcsec (ObsIDs 14392, 1318, 1597).
_HETG, _LETG, _OUTER = 2.39 / 3600.0, 0.0008, 0.006


@dataclass(frozen=True)
class CrossWindows:
    """Ranges of tg_d (deg): source with both ends, up (low, high], down [low, high)."""

    source: tuple[float, float]
    up: tuple[float, float]
    down: tuple[float, float]

    def all(self) -> tuple[tuple[float, float], ...]:
        """Return the ranges in the order of `KINDS`."""
        return self.source, self.up, self.down

    def scale(self, kind: int) -> float:
        """Return the width of a range in widths of the source's."""
        low, high = self.all()[kind]
        return (high - low) / (self.source[1] - self.source[0])


def default_windows(grating: str) -> CrossWindows:
    """Return CIAO's windows for `HETG` or `LETG` (the latter inferred)."""
    half = _HETG if grating == "HETG" else _LETG
    return CrossWindows((-half, half), (half, _OUTER), (-_OUTER, -half))


@dataclass(frozen=True, eq=False)
class Polygon:
    """A region in (tg_r, tg_d), degrees; for one order sign and one kind.

    Attributes
    ----------
    kind : str
        One of `KINDS`.
    part, sign : int
        TG_PART; -1 or +1 for the side, 0 for both.
    x, y : float64 arrays, shape (n,)
        Vertices, closed or not: `x` in deg of tg_r, or in Angstrom of first-order wavelength if `in_wavelength`.
    in_wavelength : bool
    scale : float
        BACKSCAL.
    """

    kind: str
    part: int
    sign: int
    x: FloatArray
    y: FloatArray
    in_wavelength: bool
    scale: float

    def vertices(self, arm: Arm, order: int) -> FloatArray:
        """Return the vertices in (wavelength of the order in Angstrom, tg_d in deg), shape (n, 2).

        As CIAO 4.12 (ObsID 24781, to 1e-7) the wavelength of a vertex is period times angle, not its sine: 0.014
        Angstrom more at 200 Angstrom.
        """
        lam = np.abs(self.x) if self.in_wavelength else np.abs(arm.period * np.deg2rad(self.x))
        return np.stack([lam / abs(order), self.y], axis=-1)


@dataclass(frozen=True, eq=False)
class ExtractionRegions:
    """Polygons of a region file."""

    polygons: tuple[Polygon, ...]
    source: str

    def find(self, kind: str, part: int, order: int) -> Polygon | None:
        """Return the polygon of a kind, part and side; DataError if there are several."""
        sign = 1 if order > 0 else -1
        found = [p for p in self.polygons if p.kind == kind and p.part == part and p.sign in (0, sign)]
        if len(found) > 1:
            raise DataError(f"{self.source}: {len(found)} shapes {kind} for part {part}, side {sign:+d}; give one")
        return found[0] if found else None


@dataclass(frozen=True, eq=False)
class SpectrumRow:
    """One spectrum: what it is of, its grid and regions, and its counts.

    Attributes
    ----------
    arm : Arm
    order, source : int
        TG_M, TG_SRCID.
    zero : (float, float)
        SKY position of the zero order, pixels.
    grid : WavelengthGrid
        Of the first order.
    windows : CrossWindows
    polygons : tuple of Polygon or None
        In the order of `KINDS`; empty where the windows hold.
    counts : int64 array, shape (3, bins)
        Source, up, down by channel, longest wavelength first.
    """

    arm: Arm
    order: int
    source: int
    zero: tuple[float, float]
    grid: WavelengthGrid
    windows: CrossWindows
    polygons: tuple[Polygon, ...] = ()
    counts: NDArray[np.int64] = field(default_factory=lambda: np.zeros((3, 0), np.int64))

    def scale(self, kind: int) -> float:
        """Return BACKSCAL of a kind of region relative to the source."""
        return self.polygons[kind].scale if self.polygons else self.windows.scale(kind)


def extract(
    columns: Mapping[str, Array], rows: tuple[SpectrumRow, ...], background: bool = True, nproc: int | None = 1
) -> list[NDArray[np.int64]]:
    """Count events into spectra, in row blocks over `nproc` threads.

    Parameters
    ----------
    columns : mapping of str to array, shape (n,)
        tg_srcid, tg_part, tg_m, tg_lam (Angstrom), tg_d (deg).
    rows : tuple of SpectrumRow
        All on grids of their own; their counts are not looked at.

    Returns
    -------
    list of int64 arrays, shape (3, bins)
        Per row: source, up, down, by channel (longest wavelength first); without `background` the last two are 0.
    """
    if not rows:
        return []
    kernel_args = _tables(rows)
    bins = kernel_args[1].shape[1] - 1
    n = len(columns["tg_lam"])
    place = np.full(np.iinfo(np.int16).max + 1, -1, np.int64)
    for k, number in enumerate(_sources(rows)):
        place[number] = k

    def task(block: slice) -> NDArray[np.int64]:
        counts = np.zeros((len(rows), 3, bins), np.int64)
        ids, part, order = (np.ascontiguousarray(columns[c][block], np.int64) for c in ("tg_srcid", "tg_part", "tg_m"))
        ids = np.where((ids > 0) & (ids < place.size), place[np.clip(ids, 0, place.size - 1)], -1)
        lam, tg_d = (np.ascontiguousarray(columns[c][block], np.float64) for c in ("tg_lam", "tg_d"))
        kernels.count(ids, part, order, lam, tg_d, *kernel_args, 3 if background else 1, counts)
        return counts

    # few large blocks: every block makes its own counts, 12 rows of 3 x 8192 for HETG
    total = reduce(np.add, map_blocks(task, n, nproc, 1 << 20), np.zeros((len(rows), 3, bins), np.int64))
    return [np.ascontiguousarray(total[i, :, : r.grid.bins][:, ::-1]) for i, r in enumerate(rows)]


def _sources(rows: tuple[SpectrumRow, ...]) -> list[int]:
    return sorted({r.source for r in rows})


def _tables(rows: tuple[SpectrumRow, ...]) -> tuple[Array, ...]:
    """Return rows, edges, bins, limits, vertices, sizes as the kernel takes them."""
    sources = _sources(rows)
    index = np.full((len(sources), max(r.arm.part for r in rows) + 1, 2 * MAX_ORDER + 1), -1, np.int64)
    bins = max(r.grid.bins for r in rows)
    corners = max([len(p.x) for r in rows for p in r.polygons] + [1])
    edges = np.full((len(rows), bins + 1), np.inf)
    limits = np.zeros((len(rows), 3, 2))
    vertices, sizes = np.zeros((len(rows), 3, corners, 2)), np.zeros((len(rows), 3), np.int64)
    for i, r in enumerate(rows):
        index[sources.index(r.source), r.arm.part, r.order + MAX_ORDER] = i
        edges[i, : r.grid.bins + 1] = r.grid.edges(r.order)
        limits[i] = r.windows.all()
        for kind, polygon in enumerate(r.polygons):
            points = polygon.vertices(r.arm, r.order)
            vertices[i, kind, : len(points)], sizes[i, kind] = points, len(points)
    return index, edges, np.array([r.grid.bins for r in rows], np.int64), limits, vertices, sizes
