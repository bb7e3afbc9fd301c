"""Where the CCDs of simulated EPIC cameras lie, and how their fields turn on the sky.

MOS: the constants of `ciaopy.xmm.geometry`. pn: twelve CCDs of 64 x 200 pixels in two rows, gaps left out; a layout
that is simpler than the real one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ciaopy.xmm import Affine, geometry

__all__ = ["CCDS", "det_to_sky", "raw_of", "raw_to_det"]

F64 = NDArray[np.float64]

CCDS = {"EMOS1": tuple(range(1, 8)), "EMOS2": tuple(range(1, 8)), "EPN": tuple(range(1, 13))}
# Turn of DETX against the position angle, degrees (made up, but different for each camera).
_TURN = {"EMOS1": 0.0, "EMOS2": 90.0, "EPN": 45.0}


def raw_to_det(instrument: str, ccd: int) -> Affine:
    """Return RAW to DET of a CCD."""
    found = geometry.default_raw_to_det(instrument, ccd)
    if found is not None:
        return found
    size, (columns, rows) = geometry.PIXEL[instrument], geometry.RAW_SIZE[instrument]
    x0, y0, _ = geometry.FIELD_OF_VIEW[instrument]
    column = (ccd - 1) % 6
    left = x0 + (column - 3) * columns * size
    if ccd <= 6:  # upper row, read out at its top
        return Affine(np.array([[left - size / 2, size, 0.0], [y0 + (rows + 0.5) * size, 0.0, -size]]))
    return Affine(np.array([[left - size / 2, size, 0.0], [y0 - (rows + 0.5) * size, 0.0, size]]))


def det_to_sky(instrument: str, position_angle: float) -> Affine:
    """Return DET to SKY: turned about the centre of the field, which is put at the tangent point (25921, 25921)."""
    angle = np.radians(position_angle + _TURN[instrument])
    c, s = np.cos(angle), np.sin(angle)
    x0, y0, _ = geometry.FIELD_OF_VIEW[instrument]
    return Affine(np.array([[25921 - c * x0 + s * y0, c, -s], [25921 - s * x0 - c * y0, s, c]]))


def raw_of(instrument: str, detx: F64, dety: F64) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return (CCD, RAWX, RAWY) of positions; CCD 0 where there is none. Where CCDs overlap the last one sees."""
    columns, rows = geometry.RAW_SIZE[instrument]
    ccd = np.zeros(len(detx), dtype=np.int64)
    rawx, rawy = np.zeros_like(ccd), np.zeros_like(ccd)
    for number in CCDS[instrument]:
        u, v = raw_to_det(instrument, number).inverse()(detx, dety)
        x, y = np.floor(u + 0.5).astype(np.int64), np.floor(v + 0.5).astype(np.int64)
        on = (x >= 1) & (x <= columns) & (y >= 1) & (y <= rows)
        ccd[on], rawx[on], rawy[on] = number, x[on], y[on]
    return ccd, rawx, rawy
