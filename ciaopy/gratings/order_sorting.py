"""The order test: how the pulse height tells which order an event belongs to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ciaopy.coords import FloatArray
from ciaopy.errors import CalibrationError
from ciaopy.kernels import gratings as kernels

if TYPE_CHECKING:
    from ciaopy.caldb import OrderSorting

__all__ = ["OrderTest", "by_nearest", "by_sign", "by_windows"]

_NO_WINDOWS = np.zeros((1, 1, 3))
_NO_POINTS = np.zeros(1, np.int64)


@dataclass(frozen=True, eq=False)
class OrderTest:
    """A way to assign orders; see `ciaopy.kernels.gratings.order_of`.

    Attributes
    ----------
    way : int
        `BY_WINDOW`, `BY_NEAREST` or `BY_SIGN`.
    limits : float64 array, shape (2,)
        Factors of the windows' edges, or distances from the whole order.
    windows, npoints : arrays
        Tables of the kernel; dummies for the ways that need none.
    first_row : dict of int to int
        Row of `windows` that a chip's own rows begin at.
    product : OrderSorting or None
        Where the windows come from.
    """

    way: int
    limits: FloatArray
    windows: FloatArray = field(default_factory=lambda: _NO_WINDOWS)
    npoints: NDArray[np.int64] = field(default_factory=lambda: _NO_POINTS)
    first_row: dict[int, int] = field(default_factory=dict)
    product: OrderSorting | None = None

    @property
    def source(self) -> str:
        """Name of the window file for the header, `none` without."""
        return "none" if self.product is None else self.product.filename

    def rows(self, ids: NDArray[np.int64], chipx: NDArray[np.float64], chipy: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the row of `windows` that serves each chip pixel, -1 where none does; shape (n,)."""
        out = np.full(ids.size, -1, np.int64)
        if self.product is None:
            return out
        for ccd in np.unique(ids):
            if int(ccd) not in self.first_row:
                continue
            regions = self.product.table(int(ccd)).regions
            here = slice(None) if bool((ids == ccd).all()) else ids == ccd
            if regions.index.size == 1:
                out[here] = self.first_row[int(ccd)] if regions.index[0, 0] >= 0 else -1
                continue
            found = regions.rows(chipx[here], chipy[here])
            out[here] = np.where(found >= 0, found + self.first_row[int(ccd)], -1)
        return out

    def require(self, chips: NDArray[np.int64], where: str) -> None:
        """Raise a `CalibrationError` that names the chips (of those given) without windows."""
        if self.product is None:
            return
        missing = [int(c) for c in np.unique(chips) if int(c) not in self.first_row]
        if missing:
            raise CalibrationError(
                f"{self.product.source}: no order-sorting windows for CCD {', '.join(map(str, missing))}, on which "
                f"{where} has dispersed events; give another osipfile, or osipfile=none"
            )


def by_sign() -> OrderTest:
    """Return the test of detectors without energy resolution (HRC): +-1 by the side of the zero order."""
    return OrderTest(kernels.BY_SIGN, np.zeros(2))


def by_nearest(low: float, high: float) -> OrderTest:
    """Return the test `abs(m) - low < abs(x) <= abs(m) + high`, with x = m lambda E/hc."""
    return OrderTest(kernels.BY_NEAREST, np.array([low, high], np.float64))


def by_windows(product: OrderSorting, low_factor: float = 1.0, high_factor: float = 1.0) -> OrderTest:
    """Return the test by the windows of an OSIP product, their lower and upper edges times a factor each."""
    chips = sorted(product.chips)
    points = max(product.table(c).x.shape[1] for c in chips)
    rows: list[FloatArray] = []
    npoints: list[NDArray[np.int64]] = []
    first: dict[int, int] = {}
    for ccd in chips:
        curves = product.table(ccd)
        first[ccd] = sum(len(r) for r in rows)
        table = np.zeros((len(curves.x), points, 3))
        width = curves.x.shape[1]
        for k, values in enumerate((curves.x, curves.y["low"], curves.y["high"])):
            table[:, :width, k] = values
        rows.append(table)
        npoints.append(curves.npoints.astype(np.int64))
    limits = np.array([low_factor, high_factor], np.float64)
    return OrderTest(kernels.BY_WINDOW, limits, np.concatenate(rows), np.concatenate(npoints), first, product)
