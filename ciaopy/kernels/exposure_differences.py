"""Kernels of exposure maps by differences: layers (smooth field times rough map) summed over displacements.

Conventions are those of `ciaopy.kernels.exposure`. The field of a layer is linear between nodes, so that the second
differences of field times rough map, along both axes, are 0 but at nodes and at the edges of what is rough. Displaced
copies of the few that are left, summed twice along both axes, are the sum of displaced maps. All bands of a layer have
their differences at the same places and are the last, contiguous, axis; no operation mixes bands.

`fields` (bands, nodes, nodes) are values at nodes; pixel i of an axis stands ``part[i]`` behind node ``node[i]``, in
units of the distance between nodes. Wrappers that check shapes and types are in `ciaopy.exposure.differences`.
"""

from __future__ import annotations

from numba import njit


@njit(cache=True, nogil=True)
def _value(fields, rough, node_y, part_y, node_x, part_x, band, i, j):
    """Return a layer at pixel (i, j); 0 off the map."""
    if i < 0 or j < 0 or i >= rough.shape[0] or j >= rough.shape[1] or rough[i, j] == 0.0:
        return 0.0
    field = fields[band]
    a, b, g, f = node_y[i], node_x[j], part_y[i], part_x[j]
    low = field[a, b] * (1.0 - f) + field[a, b + 1] * f
    high = field[a + 1, b] * (1.0 - f) + field[a + 1, b + 1] * f
    return (low * (1.0 - g) + high * g) * rough[i, j]


@njit(cache=True, nogil=True)
def _difference(fields, rough, node_y, part_y, node_x, part_x, band, i, j, row, column):
    """Return the second difference at (i, j) of a layer that begins at `row` and `column` (0 before them)."""
    total = 0.0
    for di in range(3):
        if i - di < row:
            continue
        for dj in range(3):
            if j - dj >= column:
                sign = (1.0 if di != 1 else -2.0) * (1.0 if dj != 1 else -2.0)
                total += sign * _value(fields, rough, node_y, part_y, node_x, part_x, band, i - di, j - dj)
    return total


@njit(cache=True, nogil=True)
def _is_flat(rough, i, j, value):
    """Tell whether a map has one value over the stencil that ends at (i, j)."""
    for a in range(3):
        for b in range(3):
            if rough[i - a, j - b] != value:
                return False
    return True


@njit(cache=True, nogil=True)
def differences(fields, rough, node_y, part_y, node_x, part_x, least, rows, place, value):
    """List the second differences of a layer, row by row; return how many there are, or -1 where there is no room.

    ``d[i, j] = sum s[a] s[b] f[i - a, j - b]`` with s = (1, -2, 1), 0 <= i < ny + 2, 0 <= j < nx + 2. Values below
    `least` (bands) are rounding. `rows` (ny + 3) gets the first number of each row, `place` (n) columns, `value`
    (n, bands) differences. Where the rough map is flat and the field linear along one axis there are none.
    """
    ny, nx = rough.shape
    bands = fields.shape[0]
    n = 0
    for i in range(ny + 2):
        rows[i] = n
        for j in range(nx + 2):
            if i >= 2 and j >= 2 and i < ny and j < nx:
                linear = node_y[i] == node_y[i - 2] or node_x[j] == node_x[j - 2]
                r = rough[i, j]
                if (linear or r == 0.0) and _is_flat(rough, i, j, r):
                    continue
            there = False
            if n == place.size:
                return -1
            for band in range(bands):
                d = _difference(fields, rough, node_y, part_y, node_x, part_x, band, i, j, 0, 0)
                value[n, band] = d if abs(d) > least[band] else 0.0
                there = there or value[n, band] != 0.0
            if there:
                place[n] = j
                n += 1
    rows[ny + 2] = n
    return n


@njit(cache=True, nogil=True)
def within(fields, rough, node_y, part_y, node_x, part_x, least, rows, place, value, window, found, amount):
    """List the second differences of a layer that is 0 before a window; return how many there are, or -1 (no room).

    `rows`, `place`, `value`: of the whole layer (`differences`); `window` (row0, row1, column0, column1), the last
    ones not in it; `found` (n, 2) rows and columns, `amount` (n, bands).
    """
    row0, row1, column0, column1 = window
    bands = fields.shape[0]
    n = 0
    for i in range(row0, row1):
        edge = i < row0 + 2
        for j in range(column0, column1 if edge else min(column0 + 2, column1)):
            if n == amount.shape[0]:
                return -1
            there = False
            for band in range(bands):
                d = _difference(fields, rough, node_y, part_y, node_x, part_x, band, i, j, row0, column0)
                amount[n, band] = d if abs(d) > least[band] else 0.0
                there = there or amount[n, band] != 0.0
            if there:
                found[n, 0], found[n, 1] = i, j
                n += 1
        if edge:
            continue
        for c in range(rows[i], rows[i + 1]):
            j = place[c]
            if column0 + 2 <= j < column1:
                if n == amount.shape[0]:
                    return -1
                found[n, 0], found[n, 1] = i, j
                for band in range(bands):
                    amount[n, band] = value[c, band]
                n += 1
    return n


@njit(cache=True, nogil=True, fastmath={"contract"})
def _stamped(work, width, i0, j0, stamp, wide, amount):
    """Add a stamp times a number to an image at (i0, j0); what hangs over its end is left out.

    Both are flat, `width` and `wide` pixels in a row.
    """
    rows = min(stamp.size // wide, work.size // width - i0)
    columns = min(wide, width - j0)
    if columns <= 0:
        return
    for r in range(rows):
        start = (i0 + r) * width + j0
        target, source = work[start : start + columns], stamp[r * wide : r * wide + columns]
        for q in range(columns):
            target[q] += amount * source[q]


@njit(cache=True, nogil=True, fastmath={"contract"})
def summed(found, amount, row, column, stamp, work, ramp, out, pv, pu, step):
    """Add ``sum_k weight[k] f[i + down[k], j + right[k]]`` to ``out[pv + i p, pu + j p]``, p = `step`.

    f is given by its second differences (`within`): places `found` (n, 2), `amount` (n, bands). `stamp` holds the
    weights, turned by half a turn; a difference at (row, column) falls on the first pixel of `work` with its first
    pixel. `work` (rows, columns) and `ramp` (2, columns) are overwritten; the last rows and columns of `work` are those
    of `out` (rows, columns, bands).
    """
    height, width = work.shape
    top, left = height - out.shape[0] // step, width - out.shape[1] // step
    flat, stamps, wide = work.reshape(-1), stamp.reshape(-1), stamp.shape[1]
    for band in range(amount.shape[1]):
        work[:] = 0.0
        for c in range(amount.shape[0]):
            if amount[c, band] != 0.0:
                _stamped(flat, width, found[c, 0] - row, found[c, 1] - column, stamps, wide, amount[c, band])
        ramp[:] = 0.0
        first, second = ramp[0], ramp[1]
        for i in range(height):
            source = work[i]
            for j in range(width):
                first[j] += source[j]
                second[j] += first[j]
            if i < top:
                continue
            target = out[pv + (i - top) * step]
            once = twice = 0.0
            for j in range(left):
                once += second[j]
                twice += once
            rest = second[left:]
            for j in range(rest.size):
                once += rest[j]
                twice += once
                target[pu + j * step, band] += twice


@njit(cache=True, nogil=True)
def reached(rough, row, column, stamp, window, work, out, pv, pu, step):
    """Set what no displacement brings onto a map to 0, and what rounding took below 0.

    As `summed`, in whole numbers (`stamp` is 1 where there is a displacement, `work` is int32), from the mixed first
    differences of what is not 0 on the map within a window (row0, row1, column0, column1).
    """
    row0, row1, column0, column1 = window
    ny, nx = rough.shape
    height, width = work.shape
    top, left = height - out.shape[0] // step, width - out.shape[1] // step
    flat, stamps, wide = work.reshape(-1), stamp.reshape(-1), stamp.shape[1]
    work[:] = 0
    for i in range(row0, min(row1, ny + 1)):
        for j in range(column0, min(column1, nx + 1)):
            d = 0
            if i < ny and j < nx and rough[i, j] != 0.0:
                d += 1
            if i > row0 and j < nx and rough[i - 1, j] != 0.0:
                d -= 1
            if j > column0 and i < ny and rough[i, j - 1] != 0.0:
                d -= 1
            if i > row0 and j > column0 and rough[i - 1, j - 1] != 0.0:
                d += 1
            if d != 0:
                _stamped(flat, width, i - row, j - column, stamps, wide, d)
    for i in range(height):
        total = 0
        for j in range(width):
            total += work[i, j]
            work[i, j] = total + (work[i - 1, j] if i > 0 else 0)
            if i >= top and j >= left:
                target = out[pv + (i - top) * step, pu + (j - left) * step]
                for band in range(target.size):
                    if work[i, j] == 0 or target[band] < 0.0:
                        target[band] = 0.0


@njit(cache=True, nogil=True)
def lay_tile(lattice, tile, per_pixel, matrix, xs, ys, sub, out):
    """Fill sky pixels with the mean over their positions in a tile, bilinear in a lattice; other positions count as 0.

    `lattice` (rows, columns, bands) of the tile and one map pixel around it, point l at
    ``start - 1 + (l + 0.5) / per_pixel``; `tile` (row, column, height, width); `matrix` (3, 3) sky to map; `xs`, `ys`
    sky positions, `sub` per pixel and axis; `out` (bands, rows, columns) is overwritten.
    """
    row, column, height, width = tile
    bands = out.shape[0]
    share = 1.0 / (sub * sub)
    for i in range(out.shape[1]):
        for j in range(out.shape[2]):
            for band in range(bands):
                out[band, i, j] = 0.0
            for si in range(i * sub, (i + 1) * sub):
                y = ys[si]
                for sj in range(j * sub, (j + 1) * sub):
                    x = xs[sj]
                    w = 1.0 / (matrix[2, 0] * x + matrix[2, 1] * y + matrix[2, 2])
                    q = (matrix[0, 0] * x + matrix[0, 1] * y + matrix[0, 2]) * w
                    r = (matrix[1, 0] * x + matrix[1, 1] * y + matrix[1, 2]) * w
                    if q < column or q >= column + width or r < row or r >= row + height:
                        continue
                    u, v = (q - column + 1.0) * per_pixel - 0.5, (r - row + 1.0) * per_pixel - 0.5
                    a, b = int(v), int(u)
                    f, g = u - b, v - a
                    for band in range(bands):
                        low = lattice[a, b, band] * (1.0 - f) + lattice[a, b + 1, band] * f
                        high = lattice[a + 1, b, band] * (1.0 - f) + lattice[a + 1, b + 1, band] * f
                        out[band, i, j] += (low * (1.0 - g) + high * g) * share
