"""What is to be seen: places and energies at which charge appears, before the electronics."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

__all__ = ["KINDS", "Charges", "fill", "join"]

#: Kinds of event, as in the column KIND of the truth.
KINDS = {
    "background": 0,
    "source": 1,
    "out_of_time": 2,
    "flare": 3,
    "afterglow": 4,
    "hot_pixel": 5,
    "streak": 6,
}


@dataclass(frozen=True, eq=False)
class Charges:
    """Charges to be read out, one per row.

    Attributes
    ----------
    frame : int64 array, shape (n,)
        Frame, from 0.
    order : int64 array, shape (n,)
        Place of the chip in the order of the front-end processors.
    x, y : float64 arrays, shape (n,)
        Chip position, pixels from 1, centre of a pixel = integer.
    energy : float64 array, shape (n,)
        keV.
    kind : int16 array, shape (n,)
        See `KINDS`.
    source : int16 array, shape (n,)
        Number of the source from 1; 0 for none.
    spread : float64 array, shape (n,)
        Width of the charge cloud in pixels; 0: the chip's own, which gives good grades only.
    part, diffraction : int16 arrays, shape (n,)
        TG_PART and order behind a grating; 99 for what did not come through one.
    """

    frame: NDArray[np.int64]
    order: NDArray[np.int64]
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    energy: NDArray[np.float64]
    kind: NDArray[np.int16]
    source: NDArray[np.int16]
    spread: NDArray[np.float64]
    part: NDArray[np.int16]
    diffraction: NDArray[np.int16]

    def __len__(self) -> int:
        return len(self.frame)

    def take(self, rows: NDArray[np.bool_] | NDArray[np.int64]) -> Charges:
        """Return the rows of a mask, shape (n,), or of an index array, shape (m,)."""
        return Charges(*(getattr(self, f.name)[rows] for f in fields(self)))


def fill(
    frame: NDArray[np.int64],
    order: NDArray[np.int64],
    position: tuple[NDArray[np.float64], NDArray[np.float64]],
    energy: NDArray[np.float64],
    kind: str,
) -> Charges:
    """Return charges of one kind, without source and with the chip's own charge cloud; all arrays of shape (n,)."""
    n = len(frame)
    x, y = position
    small = np.full(n, KINDS[kind], np.int16)
    none = np.full(n, 99, np.int16)
    return Charges(frame, order, x, y, energy, small, np.zeros(n, np.int16), np.zeros(n), none, none.copy())


def join(parts: list[Charges]) -> Charges:
    """Return the rows of all parts, in their order; there is at least one part."""
    return Charges(*(np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(Charges)))
