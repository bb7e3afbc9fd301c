"""Gratings in continuous clocking, where rows are moved all the time and the columns alone tell where light fell.

The line of an arm (tg_d = 0) crosses each column of a chip at one row: that gives the angle, and CHIPY_TG. Distances
from the zero order are measured along the columns' direction on the sky, in which all events of a chip lie on one line.
HEG and MEG lie on top of each other there and are told apart by energies (`ciaopy.kernels.grating_clocking`).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ciaopy.coords import FloatArray, FocalPlane
from ciaopy.fits import Array
from ciaopy.gratings.arms import Arm, arm_table
from ciaopy.gratings.mask import GratingMask
from ciaopy.gratings.order_sorting import OrderTest
from ciaopy.kernels import grating_clocking as kernels

__all__ = ["CLOCKED", "distances", "reaches", "resolve_clocked"]

#: Columns that continuous clocking has more, with their types: rows of the event and of the zero order.
CLOCKED: dict[str, type[np.generic]] = {"chipy_tg": np.float32, "chipy_zo": np.float32}


def distances(
    x: FloatArray, y: FloatArray, ids: NDArray[np.int64], plane: FocalPlane, roll_nom: float, mask: GratingMask
) -> FloatArray:
    """Return how far (SKY pixels) events lie from each zero order along CHIPX; shape (sources, n).

    Parameters
    ----------
    x, y : float64 arrays, shape (n,)
        SKY positions, on whatever row.
    ids : int64 array, shape (n,)
        Chips.
    roll_nom : float
        ROLL_NOM, deg.
    """
    out = np.full((len(mask.sources), x.size), np.nan)
    for chip in np.unique(ids):
        if not any(c.id == int(chip) for c in plane.detector.chips):
            continue
        here = ids == chip
        e_x, e_y = plane.column_direction(roll_nom, int(chip))
        for s, source in enumerate(mask.sources):
            out[s, here] = (x[here] - source.x) * e_x + (y[here] - source.y) * e_y
    return out


def reaches(mask: GratingMask, arms: tuple[Arm, ...], plane: FocalPlane, roll_nom: float) -> FloatArray:
    """Return the ends of the arms' boxes along the columns (SKY pixels from the zero order); shape (sources, arms, 2).

    The mask of continuous clocking has one box, of MEG (HETG), which serves both arms. Boxes reach over all chips;
    their centre is projected on the direction of the zero order's chip 7, from which others differ by 0.1 deg.
    """
    e_x, e_y = plane.column_direction(roll_nom, 7)
    out = np.full((len(mask.sources), len(arms), 2), np.nan)
    for s, source in enumerate(mask.sources):
        for a, arm in enumerate(arms):
            box = next((b for b in source.boxes if b.arm == arm), source.boxes[-1])
            centre = (box.x - source.x) * e_x + (box.y - source.y) * e_y
            out[s, a] = centre - box.length / 2, centre + box.length / 2
    return out


def resolve_clocked(
    events: tuple[NDArray[np.int64], FloatArray, FloatArray],
    index: NDArray[np.int64],
    along: FloatArray,
    reach: FloatArray,
    frame: tuple[FocalPlane, FloatArray, tuple[Arm, ...]],
    mask: GratingMask,
    test: OrderTest,
    out: dict[str, Array],
) -> int:
    """Fill the grating columns of a block of n events; return how many lie on no chip or have no attitude.

    Parameters
    ----------
    events : (int64, float64, float64) arrays, shape (n,)
        Chips, CHIPX, ENERGY (eV).
    index : int64 array, shape (n,)
        Aspect record of each.
    along, reach
        Of `distances` and `reaches`.
    frame : (FocalPlane, records, arms)
    out : dict of str to array, shape (n,)
        The columns, in the order of the kernel.
    """
    ids, chipx, energy = events
    plane, records, arms = frame
    table = arm_table(arms, plane.detector.name)
    shape = (len(mask.sources), len(arms), ids.size)
    sines, rows, zero_rows = np.empty(shape), np.empty(shape), np.empty((shape[0], ids.size))
    circles = mask.circles()
    kernels.clocked_places(
        ids, chipx, index, (plane.chips, records, plane.optics), circles, table, sines, rows, zero_rows
    )
    windows_of = np.full(shape, -1, np.int64)
    if test.product is not None:
        on_chip = np.nan_to_num(np.clip(rows, 1.0, 1024.0), nan=1.0)
        for s in range(shape[0]):
            for a in range(shape[1]):
                windows_of[s, a] = test.rows(ids, chipx, on_chip[s, a])
    return int(
        kernels.resolve_clocked(
            (ids, energy),
            along,
            (sines, rows, zero_rows),
            circles,
            mask.numbers(),
            reach,
            table,
            len(arms) - 1,
            windows_of,
            test.way,
            test.limits,
            test.windows,
            test.npoints,
            tuple(out.values()),
        )
    )
