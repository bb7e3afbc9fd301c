"""Kernels of gratings in continuous clocking: CHIPY tells nothing, so an arm's line tells the row of each column.

Tables as in `ciaopy.kernels.gratings`.
"""

from __future__ import annotations

import math

import numpy as np

from ciaopy.kernels.coords import _ray_to_chip
from ciaopy.kernels.gratings import NO_ORDER, NO_PART, order_of, zero_order_frame
from ciaopy.kernels.jit import njit

# Newton steps to a column: the dispersion is almost linear in it, three suffice; step in sin(tg_r) for the derivative.
STEPS = 8
DELTA = 1e-6


@njit(cache=True, nogil=True)
def line_point(s, c, k, frame, arms, a, chips, records):
    """Return the chip position where the ray of sin(tg_r) = s, tg_d = 0 of arm row a meets the plane of chip c."""
    back = -math.sqrt(1.0 - s * s)
    on_y, on_z = arms[a, 2] * s, arms[a, 3] * s
    dx = back * frame[3] + on_y * frame[6] + on_z * frame[9]
    dy = back * frame[4] + on_y * frame[7] + on_z * frame[10]
    dz = back * frame[5] + on_y * frame[8] + on_z * frame[11]
    # FC to STF: take off dy, dz, turn back by dtheta
    cosine, sine = records[k, 0], records[k, 1]
    qy, qz = frame[1] - records[k, 2], frame[2] - records[k, 3]
    py, pz = cosine * qy - sine * qz, sine * qy + cosine * qz
    return _ray_to_chip(dx, cosine * dy - sine * dz, sine * dy + cosine * dz, frame[0], py, pz, chips, c)


@njit(cache=True, nogil=True)
def column_angle(x, c, k, frame, arms, a, chips, records):
    """Return sin(tg_r) and the row at which the line of arm row a crosses column x of chip c; NaN where it does not."""
    s = 0.0
    for _ in range(STEPS):
        u, v = line_point(s, c, k, frame, arms, a, chips, records)
        more, _ = line_point(s + DELTA, c, k, frame, arms, a, chips, records)
        slope = (more - u) / DELTA
        if slope == 0.0 or np.isnan(slope):
            return np.nan, np.nan
        step = (x - u) / slope
        s += step
        if not (abs(s) < 0.5):
            return np.nan, np.nan
        if abs(step) < 1e-14:
            break
    _, v = line_point(s, c, k, frame, arms, a, chips, records)
    return s, v


@njit(cache=True, nogil=True)
def clocked_places(ids, chipx, index, geometry, circles, arms, sines, rows, zero_rows):
    """Fill the arms' angles and rows at each event's column, and the rows of the zero orders.

    `sines`, `rows` (sources, arms, n): sin(tg_r) and CHIPY; `zero_rows` (sources, n). NaN without chip or record.
    """
    chips, records, optics = geometry
    nsource, narm = circles.shape[0], arms.shape[0]
    frames = np.empty((nsource, 12))
    last = -2
    sines[:] = np.nan
    rows[:] = np.nan
    zero_rows[:] = np.nan
    for i in range(ids.size):
        c, k = ids[i], index[i]
        if k < 0 or c < 0 or c >= chips.shape[0] or np.isnan(chips[c, 0]):
            continue
        if k != last:
            for s in range(nsource):
                zero_order_frame(circles[s, 0], circles[s, 1], k, records, optics, arms[0, 4], frames[s])
            last = k
        for s in range(nsource):
            _, zero_rows[s, i] = line_point(0.0, c, k, frames[s], arms, 0, chips, records)
            for a in range(narm):
                sines[s, a, i], rows[s, a, i] = column_angle(chipx[i], c, k, frames[s], arms, a, chips, records)


@njit(cache=True, nogil=True)
def clocked_order(mlams, energy, windows_of, arms, way, limits, windows, npoints):
    """Return the arm row and the order of an event whose m lambda would be `mlams[a]` (NaN: not) in arm a; -1 if none.

    One arm alone keeps the event, with or without an order. Of several the one in which the order test succeeds. An
    order 2m of MEG and m of HEG are the same angle and energy: it is HEG's, as MEG is built with weak even orders.
    """
    count, only = 0, -1
    for a in range(mlams.size):
        if not np.isnan(mlams[a]):
            count += 1
            only = a
    if count == 0:
        return -1, NO_ORDER
    if count == 1:
        return only, order_of(mlams[only], energy, windows_of[only], way, limits, windows, npoints)
    chosen, order, fits = -1, NO_ORDER, 0
    for a in range(mlams.size):
        if np.isnan(mlams[a]):
            continue
        m = order_of(mlams[a], energy, windows_of[a], way, limits, windows, npoints)
        if m == NO_ORDER:
            continue
        if fits == 1 and arms[chosen, 0] == 1 and arms[a, 0] == 2 and m == 2 * order:
            continue
        fits += 1
        chosen, order = a, m
    return (chosen, order) if fits == 1 else (-1, NO_ORDER)


@njit(cache=True, nogil=True)
def resolve_clocked(
    events, along, places, circles, source_ids, reach, arms, zero_arm, windows_of, way, limits, windows, npoints, out
):
    """Assign part, order and source to events of continuous clocking; return how many lie on no record or chip.

    `events` = ids, energy (eV); `along` (sources, n) the distance from each zero order along the columns (SKY pixels);
    `places` = sines, rows, zero_rows of `clocked_places`; `reach` (sources, arms, 2) the ends of the arms' boxes on the
    same axis (low, high); `windows_of` (sources, arms, n). `out` = tg_r, tg_d (deg, 0), tg_lam, tg_mlam (Angstrom),
    tg_m, tg_srcid, tg_part, tg_smap, chipy_tg, chipy_zo (pixels).

    Inside one zero-order circle: part 0. Else the arms of every source within reach: see `clocked_order`; an event
    that two sources could have is none's. Where no arm is found CHIPY_TG is the row of the zero order.
    """
    ids, energy = events
    sines, rows, zero_rows = places
    tg_r, tg_d, tg_lam, tg_mlam, tg_m, tg_srcid, tg_part, tg_smap, chipy_tg, chipy_zo = out
    nsource, narm = circles.shape[0], arms.shape[0]
    mlams = np.empty(narm)
    lost = 0
    for i in range(ids.size):
        tg_r[i] = tg_d[i] = tg_mlam[i] = 0.0
        tg_lam[i] = np.nan
        tg_m[i], tg_part[i], tg_srcid[i], tg_smap[i] = NO_ORDER, NO_PART, 0, 0
        chipy_zo[i] = chipy_tg[i] = zero_rows[0, i]
        if np.isnan(zero_rows[0, i]):
            lost += 1
            continue
        smap, ncircle, inside = 0, 0, -1
        source, arm, order, claims = -1, -1, NO_ORDER, 0
        for s in range(nsource):
            d = along[s, i]
            if abs(d) <= circles[s, 2]:
                ncircle += 1
                inside = s
                smap |= 1 << s
            held = False
            for a in range(narm):
                mlams[a] = np.nan
                if reach[s, a, 0] <= d <= reach[s, a, 1]:
                    held = True
                    mlams[a] = arms[a, 1] * sines[s, a, i]
            if held:
                smap |= 1 << s
                a, m = clocked_order(mlams, energy[i], windows_of[s, :, i], arms, way, limits, windows, npoints)
                if a >= 0:
                    claims += 1
                    source, arm, order = s, a, m
        tg_smap[i] = smap
        if ncircle > 1:
            continue
        if ncircle == 1:
            tg_r[i] = math.degrees(math.asin(sines[inside, zero_arm, i]))
            tg_m[i], tg_part[i], tg_srcid[i], tg_lam[i] = 0, 0, source_ids[inside], 0.0
            chipy_zo[i] = chipy_tg[i] = zero_rows[inside, i]
            continue
        if claims != 1:
            continue
        tg_r[i] = math.degrees(math.asin(sines[source, arm, i]))
        tg_mlam[i], tg_m[i] = arms[arm, 1] * sines[source, arm, i], order
        if order != NO_ORDER:
            tg_lam[i] = abs(tg_mlam[i] / order)
        tg_part[i], tg_srcid[i] = int(arms[arm, 0]), source_ids[source]
        chipy_tg[i], chipy_zo[i] = rows[source, arm, i], zero_rows[source, i]
    return lost
