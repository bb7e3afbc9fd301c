"""Exposure maps of EPIC images from event lists alone: good pixels, time of each CCD, the light vignetting law.

Every sky pixel is sampled at 8 x 8 points, which are carried back to DET and to the RAW pixels of each CCD. A point
counts with the time of the CCD that sees it (the longest, where CCDs overlap: MOS1's outer CCDs lie over the inner
one), ONTIMEnn times the mean FRACEXP, and the vignetting there. Proved against archived maps: docs/accuracy.md.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ciaopy.datamodel import Gti
from ciaopy.errors import DataError
from ciaopy.fits import Table
from ciaopy.kernels import map_blocks
from ciaopy.xmm.eventlist import EventList, ccd_of
from ciaopy.xmm.geometry import FIELD_OF_VIEW, RAW_SIZE, Affine, PositionFits
from ciaopy.xmm.vignetting import OPTICAL_AXIS, UNITS_PER_ARCMIN, Law

__all__ = ["Camera", "CcdExposure", "attitude_bins", "camera_of", "exposure_map", "fit_positions", "good_pixels"]

F64 = NDArray[np.float64]

# Points along each side of a sky pixel.
SUBPIXELS = 8
# Rows of the map that one task fills.
MAP_ROWS = 32
# A drift of the pointing up to this is taken as none, arcsec (attrebin of the archived maps).
DRIFT = 4.0


@dataclass(frozen=True)
class CcdExposure:
    """One CCD of an exposure.

    Attributes
    ----------
    ccd : int
    raw_to_det : Affine
    seconds : float
        ONTIMEnn times the mean FRACEXP.
    good : ndarray of bool, shape (rows, columns)
        RAW pixels that count; [0, 0] is RAWX = RAWY = 1.
    """

    ccd: int
    raw_to_det: Affine
    seconds: float
    good: NDArray[np.bool_]


@dataclass(frozen=True)
class Camera:
    """An exposure of one camera.

    Attributes
    ----------
    instrument : str
        INSTRUME.
    ccds : tuple of CcdExposure
    pointings : tuple of (float, Affine)
        Share of the time, and DET to SKY meanwhile.
    unplaced : tuple of int
        CCDs with good time whose place cannot be told (too few events, and no constants).
    """

    instrument: str
    ccds: tuple[CcdExposure, ...]
    pointings: tuple[tuple[float, Affine], ...]
    unplaced: tuple[int, ...] = ()


def fit_positions(events: EventList) -> PositionFits:
    """Go once over an event list and fit RAW to DET and DET to SKY.

    Raises
    ------
    DataError
        A column is missing.
    """
    names = ("rawx", "rawy", "detx", "dety", "x", "y")
    found = PositionFits()
    for table in events.rows([*names, "ccdnr"]):
        has_sky = np.ones(len(table), dtype=bool)
        for name in ("x", "y"):
            null = table.column(name).key("TNULL")
            if null is not None:
                has_sky &= table[name] != null
        found.add(ccd_of(table["ccdnr"], events.instrument), {n: table[n] for n in names}, has_sky)
    return found


def good_pixels(instrument: str, bad: Table | None, zero_flag: bool) -> NDArray[np.bool_]:
    """Return the RAW pixels of a CCD whose events can pass the selection.

    Parameters
    ----------
    instrument : str
    bad : Table or None
        BADPIXnn: RAWX, RAWY (1-based) and YEXTENT rows upward.
    zero_flag : bool
        The selection holds FLAG at 0: pixels at the border and neighbours of bad pixels are lost too.

    Returns
    -------
    ndarray of bool, shape (rows, columns)
    """
    columns, rows = RAW_SIZE[instrument]
    lost = np.zeros((rows + 2, columns + 2), dtype=bool)
    if bad is not None:
        x, first, extent = (np.asarray(bad[n], np.int64) for n in ("RAWX", "RAWY", "YEXTENT"))
        for rawx, low, high in zip(x.tolist(), first.tolist(), (first + np.maximum(extent, 1)).tolist(), strict=True):
            if 0 <= rawx < columns + 2:
                lost[max(low, 0) : max(high, 0), rawx] = True
    if zero_flag:
        near = lost.copy()
        for dy in (-1, 0, 1):
            for dx in (-1, 0, 1):
                near[1:-1, 1:-1] |= lost[1 + dy : rows + 1 + dy, 1 + dx : columns + 1 + dx]
        near[1, :] = near[-2, :] = near[:, 1] = near[:, -2] = True
        lost = near
    return ~lost[1:-1, 1:-1]


def attitude_bins(attitude: Table, gti: Gti, step: float = DRIFT) -> list[tuple[float, float, float, float]]:
    """Return where the telescope pointed during the good time, relative to the mean.

    Parameters
    ----------
    attitude : Table
        ATTHK: TIME [s], AHFRA, AHFDEC, AHFPA [deg].
    gti : Gti
    step : float
        Width of a bin, arcsec. A drift within it is no drift: one bin.

    Returns
    -------
    list of (share, east, north, rotation)
        Share of the good time; offsets in arcsec; change of position angle in degrees. Shares add up to 1.

    Raises
    ------
    DataError
        Columns are missing, or the attitude does not meet the good time.
    """
    time, ra, dec, pa = (np.asarray(attitude[n], np.float64) for n in ("TIME", "AHFRA", "AHFDEC", "AHFPA"))
    edges = np.append(time, time[-1:] + 1.0)
    weight = gti.overlap(edges[:-1], edges[1:])
    known = (weight > 0) & np.isfinite(ra) & np.isfinite(dec) & np.isfinite(pa)
    if not known.any():
        raise DataError(
            f"{attitude.name}: the attitude does not meet the good times; take the file of this observation"
        )
    weight, ra, dec, pa = weight[known], ra[known], dec[known], pa[known]
    east = ((ra - ra[0] + 180.0) % 360.0 - 180.0) * np.cos(np.radians(dec)) * 3600.0
    north = (dec - dec[0]) * 3600.0
    turn = (pa - pa[0] + 180.0) % 360.0 - 180.0
    offsets = np.stack([east, north, turn])
    offsets -= np.average(offsets, axis=1, weights=weight)[:, None]
    total = weight.sum()
    if np.hypot(offsets[0], offsets[1]).max() <= step:
        return [(1.0, 0.0, 0.0, 0.0)]
    cells = np.round(offsets[:2] / step).astype(np.int64)
    _, group = np.unique(cells, axis=1, return_inverse=True)
    group = group.ravel()
    shares = np.bincount(group, weight)
    means = [np.bincount(group, weight * o) / shares for o in offsets]
    return [(float(s / total), float(e), float(n), float(t)) for s, e, n, t in zip(shares, *means, strict=True)]


def _moved(det_to_sky: Affine, east: float, north: float, turn: float, scale: tuple[float, float]) -> Affine:
    """Return DET to SKY when the telescope points elsewhere: turned about DET (0, 0), then shifted."""
    angle = np.radians(turn)
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    c = det_to_sky.coefficients
    shift = c[:, 0] + np.array([east / 3600.0 / scale[0], north / 3600.0 / scale[1]])
    return Affine(np.column_stack([shift, rotation @ c[:, 1:]]))


def camera_of(
    events: EventList, fits: PositionFits, zero_flag: bool, ccds: set[int] | None = None, attitude: Table | None = None,
    step: float = DRIFT,
) -> Camera:  # fmt: skip
    """Return what an event list tells of its exposure.

    Parameters
    ----------
    events : EventList
    fits : PositionFits
        Of the same list.
    zero_flag : bool
        The image's selection holds FLAG at 0.
    ccds : set of int, optional
        CCDs that the selection admits; default: all.
    attitude : Table, optional
        ATTHK; without it the pointing is taken as steady.
    step : float
        Bin of the attitude, arcsec.

    Raises
    ------
    DataError
        No CCD has good time, or no position on the sky is known.
    """
    det_to_sky = fits.det_to_sky.solve()
    if det_to_sky is None:
        raise DataError(
            f"{events.path}: too few events with positions on the sky to tell where the camera looks "
            f"({fits.det_to_sky.count}); take the list before energy cuts"
        )
    placed, unplaced = [], []
    for ccd in events.ccds:
        if (ccds is not None and ccd not in ccds) or events.ontime(ccd) <= 0:
            continue
        if ccd not in events.frames:
            raise DataError(
                f"{events.path}: no table EXPOSU{ccd:02d}, so that the live time of CCD {ccd} cannot be told"
            )
        transform = fits.placed(events.instrument, ccd)
        if transform is None:
            unplaced.append(ccd)
            continue
        good = good_pixels(events.instrument, events.table(f"BADPIX{ccd:02d}"), zero_flag)
        seconds = events.ontime(ccd) * events.frames[ccd].mean_fraction
        placed.append(CcdExposure(ccd, transform, seconds, good))
    if not placed:
        raise DataError(f"{events.path}: no CCD has good time; there is no exposure to map")
    return Camera(events.instrument, tuple(placed), _pointings(events, det_to_sky, attitude, step), tuple(unplaced))


def _pointings(
    events: EventList, det_to_sky: Affine, attitude: Table | None, step: float
) -> tuple[tuple[float, Affine], ...]:
    if attitude is None:
        return ((1.0, det_to_sky),)
    bins = attitude_bins(attitude, events.central_gti(), step)
    if len(bins) == 1:
        return ((1.0, det_to_sky),)
    scale = tuple(float(events.template.column(n).key("TCDLT")) for n in ("x", "y"))
    return tuple((share, _moved(det_to_sky, e, n, t, (scale[0], scale[1]))) for share, e, n, t in bins)


def exposure_map(
    camera: Camera, pixel_to_sky: Affine, shape: tuple[int, int], vignetting: Law | None, nproc: int | None = None
) -> F64:
    """Return the exposure of a camera on the sky.

    Parameters
    ----------
    camera : Camera
    pixel_to_sky : Affine
        Image pixel (0-based, centre whole) to SKY.
    shape : (int, int)
        Rows and columns.
    vignetting : Law or None
        None: no vignetting.
    nproc : int, optional
        Threads; the result does not depend on it.

    Returns
    -------
    ndarray of float64
        s.
    """
    from ciaopy.kernels.xmm_exposure import exposure_rows

    out = np.zeros(shape)
    to_raw = np.array([c.raw_to_det.inverse().coefficients for c in camera.ccds])
    good = np.array([c.good for c in camera.ccds]).astype(np.uint8)
    axis = OPTICAL_AXIS[camera.instrument] if vignetting is None else vignetting.axis
    gradient = (0.0, 0.0) if vignetting is None else vignetting.gradient
    optics = np.array([*axis, UNITS_PER_ARCMIN, *gradient])
    table = np.ones(1) if vignetting is None else np.ascontiguousarray(vignetting.table)
    field = np.array(FIELD_OF_VIEW[camera.instrument])
    for share, det_to_sky in camera.pointings:
        to_det = det_to_sky.inverse().after(pixel_to_sky).coefficients
        seconds = np.array([share * c.seconds for c in camera.ccds])

        def fill(rows: slice, to_det: F64 = to_det, seconds: F64 = seconds) -> None:
            exposure_rows(rows.start, out[rows], SUBPIXELS, to_det, field, optics, table, to_raw, seconds, good)

        map_blocks(fill, shape[0], nproc, MAP_ROWS)
    return out
