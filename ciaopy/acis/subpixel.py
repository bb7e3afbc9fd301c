"""Where in its pixel an event fell: the four methods of `pix_adj`.

EDSER shifts an event by an amount that depends on its flight grade and energy (CALDB SUBPIX). DETX and DETY of ten
CIAO 4.16 files (FI and BI chips) come out within 6e-4 pixel, the float32 step of those columns, from CHIPX, CHIPY,
FLTGRADE and ENERGY. CENTROID takes the centre of charge of the island, RANDOMIZE a random place, NONE the centre.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ciaopy.acis.event_block import EventBlock
from ciaopy.acis.grades import inner_island, island_size
from ciaopy.caldb import SubPixel
from ciaopy.events import SHIFT_X, SHIFT_Y, uniform

__all__ = ["METHODS", "Shift", "charge_centroids", "energy_dependent_shift", "random_shift"]

#: Values of `pix_adj`.
METHODS = ("EDSER", "CENTROID", "RANDOMIZE", "NONE")

FloatArray = NDArray[np.float64]


class Shift(NamedTuple):
    """What is added to CHIPX and CHIPY before DET and SKY are computed: pixels, float64, shape (n,)."""

    x: FloatArray
    y: FloatArray


def energy_dependent_shift(
    block: EventBlock, table: SubPixel, fltgrade: NDArray[np.int16], energy: NDArray[np.float32]
) -> Shift:
    """Return the EDSER shift of events.

    Linear in energy between the points of the table, the end segments continued; 0 for flight grades that the table
    does not list (the bad ones) and where the energy is not a number.

    Parameters
    ----------
    block : EventBlock
        The events.
    table : SubPixel
        Offsets by chip, flight grade and energy.
    fltgrade : int16 array, shape (n,)
        Flight grades, 0..255.
    energy : float32 array, shape (n,)
        Energies in eV.
    """
    from ciaopy.kernels.acis_events import subpixel_offsets

    x, y = np.empty(len(block)), np.empty(len(block))
    subpixel_offsets(table.table, table.npoints, table.energy, table.dx, table.dy, block.ccd_id, fltgrade, energy, x, y)
    return Shift(x, y)


def charge_centroids(islands: NDArray[np.generic], fltgrade: NDArray[np.int16]) -> Shift:
    """Return the centre of charge of 3x3 islands relative to their central pixel, within +-0.5 pixel; shapes (n,).

    Pixels at or above the split threshold (the bits of `fltgrade`) and the central one count. That CIAO limits the
    shift to half a pixel is inferred.
    """
    from ciaopy.kernels.acis_events import centroids

    side = island_size(islands)
    inner = inner_island(side)
    n = len(fltgrade)
    x, y = np.empty(n), np.empty(n)
    centroids(np.ascontiguousarray(islands).reshape(n, side * side), inner, fltgrade, x, y)
    return Shift(x, y)


def random_shift(block: EventBlock) -> Shift:
    """Return a random shift within [-0.5, 0.5) pixel in both axes, keyed by event."""
    return Shift(uniform(block.keys, SHIFT_X) - 0.5, uniform(block.keys, SHIFT_Y) - 0.5)
