"""Kernels of the grating frame: chip -> (tg_r, tg_d) and back, membership in the mask, order test, on plain arrays.

Tables, all float64, beside those of `ciaopy.kernels.coords` (`chips`, `records`, `optics`):

`arms`, row = arm: part, period (Angstrom), cos(alpha), sin(alpha), Rowland diameter (mm).
`circles`, row = source: x, y, radius (SKY pixels).
`boxes`, row = box: source row, arm row, x, y (centre), cos, sin (of its angle), half length, half width (pixels).
`windows`, shape (rows, points, 3): photon energy (eV), lowest and highest event energy (eV); `npoints` per row.

The frame of a zero order at one aspect record (FC frame, mm): M = (F, 0, 0) the mirror's node, Z where the zero order's
ray meets the plane x = 0, e_x = (M - Z)/|M - Z|, the grating node G = Z + R e_x, y the FC frame's +Y made orthogonal to
e_x, z = e_x x y; an arm's axes are e_y = cos(alpha) y + sin(alpha) z, e_z = e_x x e_y. With r = P - G:
sin(tg_r) = r.e_y/|r|, sin(tg_d) = r.e_z/|r|. (The gratings hang on the mirror, not on the detector: with the STF's +Y,
turned by dtheta, the scatter of TG_D of ObsID 1011 is 1.2e-5 deg instead of 6.5e-6.)
"""

from __future__ import annotations

import math

import numpy as np

from ciaopy.kernels.coords import _chip_to_fc, _excess, _ray_to_chip
from ciaopy.kernels.jit import njit

NO_ORDER = 99
NO_PART = 99
MAX_ORDER = 62
# hc, keV Angstrom: the value in the grids of archive ARFs (ENERG_LO BIN_HI of ObsIDs 1597, 16375).
HC_KEV_ANGSTROM = 12.39842
# Ways of assigning the order.
BY_WINDOW, BY_NEAREST, BY_SIGN = 0, 1, 2


@njit(cache=True, nogil=True)
def zero_order_frame(x0, y0, k, records, optics, rowland, out):
    """Fill `out` (12) with G, e_x, y, z of the zero order at SKY (x0, y0) and record k; NaN behind the telescope."""
    focal, ref, scale = optics[0], optics[1], optics[2]
    out[:] = np.nan
    if k < 0:
        return
    e, n = -(x0 - ref) * scale, (y0 - ref) * scale
    sx = records[k, 4] + e * records[k, 7] + n * records[k, 10]
    if not (sx > 0.0):
        return
    # d = (-1, dy, dz): DETX = ref - s_y/s_x/scale, d_y = (DETX - ref) scale, d_z = -(DETY - ref) scale
    dy = -(records[k, 5] + e * records[k, 8] + n * records[k, 11]) / sx
    dz = -(records[k, 6] + e * records[k, 9] + n * records[k, 12]) / sx
    norm = math.sqrt(1.0 + dy * dy + dz * dz)
    ex0, ex1, ex2 = 1.0 / norm, -dy / norm, -dz / norm
    out[0], out[1], out[2] = rowland * ex0, focal * dy + rowland * ex1, focal * dz + rowland * ex2
    out[3], out[4], out[5] = ex0, ex1, ex2
    a0, a1, a2 = -ex1 * ex0, 1.0 - ex1 * ex1, -ex1 * ex2
    size = math.sqrt(a0 * a0 + a1 * a1 + a2 * a2)
    a0, a1, a2 = a0 / size, a1 / size, a2 / size
    out[6], out[7], out[8] = a0, a1, a2
    out[9], out[10], out[11] = ex1 * a2 - ex2 * a1, ex2 * a0 - ex0 * a2, ex0 * a1 - ex1 * a0


@njit(cache=True, nogil=True, inline="always")
def _angles(px, py, pz, frame, arms, a):
    """Return sin(tg_r), sin(tg_d) of the FC point p (mm) in a frame, on arm row a."""
    rx, ry, rz = px - frame[0], py - frame[1], pz - frame[2]
    along_y = rx * frame[6] + ry * frame[7] + rz * frame[8]
    along_z = rx * frame[9] + ry * frame[10] + rz * frame[11]
    length = math.sqrt(rx * rx + ry * ry + rz * rz)
    cosine, sine = arms[a, 2], arms[a, 3]
    return (cosine * along_y + sine * along_z) / length, (cosine * along_z - sine * along_y) / length


@njit(cache=True, nogil=True)
def chip_to_grating(ids, chipx, chipy, index, zero_x, zero_y, chips, records, optics, arms, a, tg_r, tg_d):
    """Fill tg_r, tg_d (deg) of chip positions for one zero order and arm row a; NaN off the chips or the records."""
    frame = np.empty(12)
    last = -2
    for i in range(ids.size):
        c, k = ids[i], index[i]
        if k < 0 or c < 0 or c >= chips.shape[0]:
            tg_r[i] = tg_d[i] = np.nan
            continue
        if k != last:
            zero_order_frame(zero_x, zero_y, k, records, optics, arms[a, 4], frame)
            last = k
        px, py, pz = _chip_to_fc(c, chipx[i] - 0.5, chipy[i] - 0.5, chips, k, records)
        s_r, s_d = _angles(px, py, pz, frame, arms, a)
        tg_r[i], tg_d[i] = math.degrees(math.asin(s_r)), math.degrees(math.asin(s_d))


@njit(cache=True, nogil=True)
def grating_to_chip(tg_r, tg_d, want, index, zero_x, zero_y, chips, sizes, records, optics, arms, a, ids, chipx, chipy):
    """Fill the chip and chip position where the ray (tg_r, tg_d) (deg) from the grating node meets a chip.

    ``want[i]`` >= 0 names the chip (the position may lie beyond its edges); -1 asks for the chip that holds the point,
    or else the one whose edge is nearest in pixels; -1 and NaN where there is none.
    """
    frame = np.empty(12)
    last = -2
    cosine_a, sine_a = arms[a, 2], arms[a, 3]
    for i in range(tg_r.size):
        ids[i] = -1
        chipx[i] = chipy[i] = np.nan
        k = index[i]
        if k < 0 or want[i] >= chips.shape[0]:
            continue
        if k != last:
            zero_order_frame(zero_x, zero_y, k, records, optics, arms[a, 4], frame)
            last = k
        s_r, s_d = math.sin(math.radians(tg_r[i])), math.sin(math.radians(tg_d[i]))
        left = 1.0 - s_r * s_r - s_d * s_d
        if not (left > 0.0):
            continue
        s_x = -math.sqrt(left)
        on_y, on_z = cosine_a * s_r - sine_a * s_d, sine_a * s_r + cosine_a * s_d
        dx = s_x * frame[3] + on_y * frame[6] + on_z * frame[9]
        dy = s_x * frame[4] + on_y * frame[7] + on_z * frame[10]
        dz = s_x * frame[5] + on_y * frame[8] + on_z * frame[11]
        # FC to STF: take off dy, dz, turn back by dtheta
        c, s = records[k, 0], records[k, 1]
        qy, qz = frame[1] - records[k, 2], frame[2] - records[k, 3]
        py, pz = c * qy - s * qz, s * qy + c * qz
        ty, tz = c * dy - s * dz, s * dy + c * dz
        best = np.inf
        lo, hi = (want[i], want[i] + 1) if want[i] >= 0 else (0, chips.shape[0])
        for chip in range(lo, hi):
            u, v = _ray_to_chip(dx, ty, tz, frame[0], py, pz, chips, chip)
            if np.isnan(u):
                continue
            du, dv = _excess(u, sizes[chip, 0]), _excess(v, sizes[chip, 1])
            distance = du * du + dv * dv
            if distance < best:
                best = distance
                ids[i], chipx[i], chipy[i] = chip, u, v


@njit(cache=True, nogil=True)
def window_limits(energy, row, windows, npoints):
    """Return the lowest and highest event energy (eV) of photons of `energy` (eV) in a row of `windows`.

    Linear between the points; below the first the window keeps its relative width. NaN from the last point on, without
    a row, and for an energy that is not positive.
    """
    if row < 0 or not (energy > 0.0):
        return np.nan, np.nan
    n = npoints[row]
    if n < 1 or energy >= windows[row, n - 1, 0]:
        return np.nan, np.nan
    first = windows[row, 0, 0]
    if energy <= first:
        return energy * windows[row, 0, 1] / first, energy * windows[row, 0, 2] / first
    lo, hi = 0, n - 1
    while hi - lo > 1:
        middle = (lo + hi) // 2
        if windows[row, middle, 0] <= energy:
            lo = middle
        else:
            hi = middle
    f = (energy - windows[row, lo, 0]) / (windows[row, hi, 0] - windows[row, lo, 0])
    low = windows[row, lo, 1] + f * (windows[row, hi, 1] - windows[row, lo, 1])
    return low, windows[row, lo, 2] + f * (windows[row, hi, 2] - windows[row, lo, 2])


@njit(cache=True, nogil=True)
def order_of(mlam, energy, row, way, limits, windows, npoints):
    """Return the order of an event of `energy` (eV) at m lambda (Angstrom), NO_ORDER if none fits.

    BY_SIGN: +-1 by the sign of m lambda. Else m* = m lambda E/hc and m the nearest integer, at least 1 in size.
    BY_NEAREST: |m| - limits[0] < |m*| <= |m| + limits[1]. BY_WINDOW: E within the window of the energy that the photon
    must have, |m| hc/|m lambda|, its edges times limits[0], limits[1].
    """
    if not (mlam < 0.0 or mlam > 0.0):
        return NO_ORDER
    sign = 1 if mlam > 0.0 else -1
    if way == BY_SIGN:
        return sign
    if not (energy > 0.0):
        return NO_ORDER
    star = abs(mlam) * energy * 1e-3 / HC_KEV_ANGSTROM
    nearest = np.floor(star + 0.5)
    if not (nearest <= MAX_ORDER):
        return NO_ORDER
    m = max(int(nearest), 1)
    if way == BY_NEAREST:
        return sign * m if m - limits[0] < star <= m + limits[1] else NO_ORDER
    low, high = window_limits(1e3 * m * HC_KEV_ANGSTROM / abs(mlam), row, windows, npoints)
    return sign * m if low * limits[0] <= energy <= high * limits[1] else NO_ORDER


@njit(cache=True, nogil=True, inline="always")
def _in_box(x, y, boxes, b):
    """Return True if SKY (x, y) lies in box row b, edges included."""
    dx, dy = x - boxes[b, 2], y - boxes[b, 3]
    along = dx * boxes[b, 4] + dy * boxes[b, 5]
    across = dy * boxes[b, 4] - dx * boxes[b, 5]
    return abs(along) <= boxes[b, 6] and abs(across) <= boxes[b, 7]


@njit(cache=True, nogil=True, inline="always")
def _held(x, y, circles, boxes):
    """Return what holds SKY (x, y): number of circles and the last, number of boxes and the last, bits of sources."""
    smap, ncircle, circle, nbox, box = 0, 0, -1, 0, -1
    for s in range(circles.shape[0]):
        dx, dy = x - circles[s, 0], y - circles[s, 1]
        if dx * dx + dy * dy <= circles[s, 2] * circles[s, 2]:
            ncircle += 1
            circle = s
            smap |= 1 << s
    for b in range(boxes.shape[0]):
        if _in_box(x, y, boxes, b):
            nbox += 1
            box = b
            smap |= 1 << int(boxes[b, 0])
    return ncircle, circle, nbox, box, smap


@njit(cache=True, nogil=True, inline="always")
def _chosen_box(x, y, px, py, pz, nheld, held, energy, row, frames, boxes, arms, way, limits, windows, npoints):
    """Return the box row that gets an event and its order; -1 where none does.

    One box alone keeps it, with or without an order; of several the one in which the order test succeeds.
    """
    chosen, order, fits = -1, NO_ORDER, 0
    for b in range(boxes.shape[0]):
        if nheld == 1:
            if b != held:
                continue
        elif not _in_box(x, y, boxes, b):
            continue
        a = int(boxes[b, 1])
        s_r, _ = _angles(px, py, pz, frames[int(boxes[b, 0])], arms, a)
        m = order_of(arms[a, 1] * s_r, energy, row, way, limits, windows, npoints)
        if nheld > 1 and m == NO_ORDER:
            continue
        fits += 1
        chosen, order = b, m
    return (chosen, order) if fits == 1 else (-1, NO_ORDER)


@njit(cache=True, nogil=True)
def resolve(
    events, sky, index, rows, geometry, circles, source_ids, boxes, arms, zero_arm, way, limits, windows, npoints, out
):
    """Assign part, order and source to events; return how many lie on no record or chip.

    `events` = ids, chipx, chipy, energy (eV); `sky` = x, y; `index` the aspect record and `rows` the row of `windows`
    of each event; `geometry` = chips, records, optics. `out` = tg_r, tg_d (deg), tg_lam, tg_mlam (Angstrom), tg_m,
    tg_srcid, tg_part, tg_smap.

    Inside one zero-order circle: part 0. Else, inside one box: that arm. Inside several: the one in which the order
    test succeeds; none where no or several do. tg_smap has the bit of every source whose region holds the event, but
    (as CIAO 4.16 has it, ObsID 13839) not for MEG events out of the overlap with HEG.
    """
    ids, chipx, chipy, energy = events
    skyx, skyy = sky
    chips, records, optics = geometry
    tg_r, tg_d, tg_lam, tg_mlam, tg_m, tg_srcid, tg_part, tg_smap = out
    nsource = circles.shape[0]
    frames = np.empty((nsource, 12))
    last = -2
    lost = 0
    for i in range(ids.size):
        tg_r[i] = tg_d[i] = tg_mlam[i] = 0.0
        tg_lam[i] = np.nan
        tg_m[i], tg_part[i], tg_srcid[i], tg_smap[i] = NO_ORDER, NO_PART, 0, 0
        c, k = ids[i], index[i]
        if k < 0 or c < 0 or c >= chips.shape[0] or np.isnan(chips[c, 0]):
            lost += 1
            continue
        x, y = skyx[i], skyy[i]
        ncircle, inside, nheld, held, smap = _held(x, y, circles, boxes)
        tg_smap[i] = smap
        if (ncircle == 0 and nheld == 0) or ncircle > 1:
            continue
        if k != last:
            for s in range(nsource):
                zero_order_frame(circles[s, 0], circles[s, 1], k, records, optics, arms[0, 4], frames[s])
            last = k
        px, py, pz = _chip_to_fc(c, chipx[i] - 0.5, chipy[i] - 0.5, chips, k, records)
        source, a, order, box = inside, zero_arm, 0, -1
        if ncircle == 0:
            box, order = _chosen_box(
                x, y, px, py, pz, nheld, held, energy[i], rows[i], frames, boxes, arms, way, limits, windows, npoints
            )
            if box < 0:
                continue
            source, a = int(boxes[box, 0]), int(boxes[box, 1])
        s_r, s_d = _angles(px, py, pz, frames[source], arms, a)
        if np.isnan(s_r):
            lost += 1
            continue
        tg_r[i], tg_d[i] = math.degrees(math.asin(s_r)), math.degrees(math.asin(s_d))
        tg_m[i], tg_srcid[i] = order, source_ids[source]
        if ncircle == 1:
            tg_part[i], tg_lam[i] = 0, 0.0
            continue
        tg_part[i], tg_mlam[i] = int(arms[a, 0]), arms[a, 1] * s_r
        if order != NO_ORDER:
            tg_lam[i] = abs(arms[a, 1] * s_r / order)
        if nheld > 1 and arms[a, 0] == 2:
            for b in range(boxes.shape[0]):
                if b != box and int(boxes[b, 0]) == source and _in_box(x, y, boxes, b):
                    tg_smap[i] = smap & ~(1 << source)
    return lost


@njit(cache=True, nogil=True)
def exposed_share(sines, chip, weights, zero_x, zero_y, geometry, arms, a, active, image, grid, out):
    """Add up, for each dispersion angle, the weights of the attitudes at which its light falls on a chip's good pixels.

    `sines` = sin(tg_r) at tg_d = 0, evenly spaced; positions are computed at every 16th and at the last one, and are
    linear between (1e-6 pixel). `geometry` = chips, records, optics, a record per weight. `active` = x and y limits
    (low <= position < high, chip pixels). `image` (ny, nx) holds the good share of every cell of `grid` (x low edge,
    x step, y low edge, y step); without cells all pixels are good.
    """
    chips, records, optics = geometry
    n = sines.size
    frame = np.empty(12)
    stride = 16
    nodes = (n - 1) // stride + 2
    u, v = np.empty(nodes), np.empty(nodes)
    cosine_a, sine_a = arms[a, 2], arms[a, 3]
    ny, nx = image.shape
    for k in range(weights.size):
        zero_order_frame(zero_x, zero_y, k, records, optics, arms[a, 4], frame)
        c, s = records[k, 0], records[k, 1]
        qy, qz = frame[1] - records[k, 2], frame[2] - records[k, 3]
        py, pz = c * qy - s * qz, s * qy + c * qz
        for j in range(nodes):
            sine = sines[min(j * stride, n - 1)]
            back = -math.sqrt(1.0 - sine * sine)
            on_y, on_z = cosine_a * sine, sine_a * sine
            dx = back * frame[3] + on_y * frame[6] + on_z * frame[9]
            dy = back * frame[4] + on_y * frame[7] + on_z * frame[10]
            dz = back * frame[5] + on_y * frame[8] + on_z * frame[11]
            u[j], v[j] = _ray_to_chip(dx, c * dy - s * dz, s * dy + c * dz, frame[0], py, pz, chips, chip)
        for i in range(n):
            j = i // stride
            first = j * stride
            length = min(first + stride, n - 1) - first
            f = (i - first) / length if length > 0 else 0.0
            x, y = u[j] + f * (u[j + 1] - u[j]), v[j] + f * (v[j + 1] - v[j])
            if not (x >= active[0] and x < active[1] and y >= active[2] and y < active[3]):
                continue
            if nx == 0:
                out[i] += weights[k]
                continue
            ix, iy = int((x - grid[0]) / grid[1]), int((y - grid[2]) / grid[3])
            if ix >= 0 and ix < nx and iy >= 0 and iy < ny:
                out[i] += weights[k] * image[iy, ix]
