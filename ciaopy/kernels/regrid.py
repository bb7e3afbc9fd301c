"""Share the pixels of an image out over another grid, rotated and shifted, by area of overlap or by sample points."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ciaopy.kernels.jit import njit

__all__ = ["regrid_rows"]


@njit(cache=True, nogil=True)
def _clip(px, py, n, axis, limit, keep_above, qx, qy):
    """Cut a convex polygon at a line parallel to an axis; return the number of vertices kept in qx, qy."""
    m = 0
    for i in range(n):
        j = (i + 1) % n
        a = (px[i] if axis == 0 else py[i]) - limit
        b = (px[j] if axis == 0 else py[j]) - limit
        if not keep_above:
            a, b = -a, -b
        if a >= 0.0:
            qx[m], qy[m] = px[i], py[i]
            m += 1
        if (a > 0.0 and b < 0.0) or (a < 0.0 and b > 0.0):
            t = a / (a - b)
            qx[m], qy[m] = px[i] + t * (px[j] - px[i]), py[i] + t * (py[j] - py[i])
            m += 1
    return m


@njit(cache=True, nogil=True)
def _overlap(cx, cy, x, y, work):
    """Area that a convex quadrilateral shares with the pixel [x, x+1] x [y, y+1]."""
    px, py, qx, qy = work[0], work[1], work[2], work[3]
    for i in range(4):
        px[i], py[i] = cx[i], cy[i]
    n = _clip(px, py, 4, 0, x, True, qx, qy)
    n = _clip(qx, qy, n, 0, x + 1.0, False, px, py)
    n = _clip(px, py, n, 1, y, True, qx, qy)
    n = _clip(qx, qy, n, 1, y + 1.0, False, px, py)
    area = 0.0
    for i in range(n):
        j = (i + 1) % n
        area += (px[i] - px[0]) * (py[j] - py[0]) - (px[j] - px[0]) * (py[i] - py[0])
    return abs(area) / 2.0


@njit(cache=True, nogil=True)
def _regrid_rows(image, xedges, yedges, affine, npts, first, out):
    ny, nx = image.shape
    cx, cy, work = np.empty(4), np.empty(4), np.empty((4, 16))
    for row in range(len(out)):
        y0, y1 = yedges[first + row], yedges[first + row + 1]
        for column in range(len(xedges) - 1):
            x0, x1 = xedges[column], xedges[column + 1]
            total = 0.0
            if npts == 0:
                for i in range(4):
                    x = x0 if i in (0, 3) else x1
                    y = y0 if i < 2 else y1
                    cx[i] = affine[0, 0] * x + affine[0, 1] * y + affine[0, 2]
                    cy[i] = affine[1, 0] * x + affine[1, 1] * y + affine[1, 2]
                xlo, xhi = max(0, int(np.floor(cx.min()))), min(nx - 1, int(np.floor(cx.max())))
                ylo, yhi = max(0, int(np.floor(cy.min()))), min(ny - 1, int(np.floor(cy.max())))
                for j in range(ylo, yhi + 1):
                    for i in range(xlo, xhi + 1):
                        if image[j, i] != 0.0:
                            area = _overlap(cx, cy, float(i), float(j), work)
                            if area > 0.0:
                                total += area * image[j, i]
            else:
                weight = (x1 - x0) * (y1 - y0) / (npts * npts)
                for v in range(npts):
                    y = y0 + (v + 0.5) * (y1 - y0) / npts
                    for u in range(npts):
                        x = x0 + (u + 0.5) * (x1 - x0) / npts
                        i = int(np.floor(affine[0, 0] * x + affine[0, 1] * y + affine[0, 2]))
                        j = int(np.floor(affine[1, 0] * x + affine[1, 1] * y + affine[1, 2]))
                        if 0 <= i < nx and 0 <= j < ny:
                            total += weight * image[j, i]
            out[row, column] = total


def regrid_rows(
    image: NDArray[np.float64],
    edges: tuple[NDArray[np.float64], NDArray[np.float64]],
    affine: NDArray[np.float64],
    npts: int,
    rows: slice,
) -> NDArray[np.float64]:
    """Return some rows of an image on another grid.

    Parameters
    ----------
    image : ndarray of float64, shape (ny, nx)
        Pixel (j, i) covers [i, i+1] x [j, j+1].
    edges : tuple of ndarray of float64
        Edges of the output pixels in x and y, ascending.
    affine : ndarray, shape (2, 3)
        From output coordinates (x, y, 1) to input coordinates; it keeps areas.
    npts : int
        0: exact areas of overlap; else npts x npts sample points in each output pixel.
    rows : slice
        Rows of the output.
    """
    out = np.empty((rows.stop - rows.start, len(edges[0]) - 1))
    _regrid_rows(image, edges[0], edges[1], affine, npts, rows.start, out)
    return out
