"""Field of view: for each chip, the polygon on the sky that its active area sweeps during an observation.

Rules found on archive polygons and exact on them (13 polygons of 6 ObsIDs, among them 1230 to 0.0002 pixel, 22772 and
22793 to 0.001 pixel): the corners are the limits of the mask's rectangles, taken as chip coordinates; the attitudes are
those of `minmax_attitudes` or `convexhull_attitudes`; the polygon is the convex hull of all projected corners.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from ciaopy.coords.aspect import AspectSolution
from ciaopy.coords.attitude import Attitude
from ciaopy.coords.focalplane import FocalPlane
from ciaopy.coords.geometry import Detector, FloatArray
from ciaopy.coords.tangent import SkyFrame
from ciaopy.errors import DataError
from ciaopy.kernels import coords as kernels
from ciaopy.messages import enumerated

if TYPE_CHECKING:
    from ciaopy.fits import Table

__all__ = [
    "FovPolygon",
    "convex_hull",
    "convexhull_attitudes",
    "fov_polygons",
    "full_chips",
    "mask_corners",
    "minmax_attitudes",
    "thinned",
]

# Most vertices of a polygon: above those of any real aspect solution at hand (60), so that only smooth ones are cut.
MOST_VERTICES = 64
# A long track is thinned before its hull is sought: directions in which extreme points are taken.
DIRECTIONS = 32
FEW_POINTS = 1000


@dataclass(frozen=True)
class FovPolygon:
    """The field of view of one chip.

    Attributes
    ----------
    chip_id : int
    x, y : ndarray, shape (n + 1,), float64
        SKY vertices, counter-clockwise from the one with the smallest x; the first is repeated at the end.
    """

    chip_id: int
    x: FloatArray
    y: FloatArray


def convex_hull(x: ArrayLike, y: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Return the convex hull of points: counter-clockwise from the smallest x (then y), not closed.

    Points on an edge are left out; NaN points are ignored; fewer than three distinct directions give what there is.

    Parameters
    ----------
    x, y : array_like, shape (n,)

    Returns
    -------
    x, y : ndarray, shape (m,), float64
    """
    u, v = np.asarray(x, np.float64).ravel(), np.asarray(y, np.float64).ravel()
    good = np.isfinite(u) & np.isfinite(v)
    u, v = _outer(u[good], v[good])
    order = np.lexsort((v, u))
    u, v = u[order], v[order]
    new = np.ones(u.size, bool)
    new[1:] = (u[1:] != u[:-1]) | (v[1:] != v[:-1])
    u, v = u[new], v[new]
    if u.size < 3:
        return u, v
    chain = np.empty(u.size, np.int64)
    lower = chain[: kernels.convex_chain(u, v, chain)].copy()
    back = np.empty(u.size, np.int64)
    upper = u.size - 1 - back[: kernels.convex_chain(u[::-1].copy(), v[::-1].copy(), back)]
    order = np.concatenate([lower[:-1], upper[:-1]])
    return u[order], v[order]


def _outer(u: FloatArray, v: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the points that are not well inside the polygon of the points extreme in `DIRECTIONS` directions.

    No vertex of the hull is lost: what is dropped lies inside it by more than the rounding of the sums.
    """
    if u.size < FEW_POINTS:
        return u, v
    angle = np.arange(DIRECTIONS) * (2.0 * np.pi / DIRECTIONS)
    # Both axes scaled to their ranges, so that the directions spread well over a flat track.
    p, q = ((w - w.min()) / (np.ptp(w) or 1.0) for w in (u, v))
    extreme = [int(np.argmax(p * np.cos(a) + q * np.sin(a))) for a in angle]
    corner = list(dict.fromkeys(extreme))
    inside = np.ones(u.size, bool)
    for first, second in zip(corner, [*corner[1:], corner[0]], strict=True):
        side = (p[second] - p[first]) * (q - q[first]) - (q[second] - q[first]) * (p - p[first])
        inside &= side > 1e-9
    return u[~inside], v[~inside]


def minmax_attitudes(aspect: AspectSolution) -> Attitude:
    """Return the eight attitudes of method `minmax`: extremes of ra, dec and roll, mean dy, dz, dtheta."""
    ra, roll = _unwrapped(aspect.ra), _unwrapped(aspect.roll)
    a, d, r = np.meshgrid(*((v.min(), v.max()) for v in (ra, aspect.dec, roll)), indexing="ij")
    return Attitude.of(a.ravel(), d.ravel(), r.ravel(), *_mean_offsets(aspect))


def convexhull_attitudes(aspect: AspectSolution) -> Attitude:
    """Return the attitudes of method `convexhull`: the vertices of the hull of the (ra, dec) track.

    Vertices of the chain of small dec, up to and including the one with the largest ra, take the largest roll; those of
    the chain of large dec, up to and including the one with the smallest ra, the smallest roll (found on ObsID 22772).
    A track without area takes both rolls at each of its ends. dy, dz, dtheta: their means.
    """
    roll = _unwrapped(aspect.roll)
    ra, dec = convex_hull(_unwrapped(aspect.ra), aspect.dec)
    lowest, highest = roll.min(), roll.max()
    if ra.size < 3:
        return Attitude.of(
            np.tile(ra, 2), np.tile(dec, 2), np.repeat([lowest, highest], ra.size), *_mean_offsets(aspect)
        )
    place = np.arange(ra.size)
    small_dec_chain = (place > 0) & (place <= np.argmax(ra))
    return Attitude.of(ra, dec, np.where(small_dec_chain, highest, lowest), *_mean_offsets(aspect))


def mask_corners(masks: Iterable[Table], detector: Detector, where: str = "mask file") -> dict[int, FloatArray]:
    """Return, by chip, the corners of the active rectangles of msk1 tables.

    Rectangles that are read out never (SAMP_CYC = 0), excluded shapes (`!rectangle`) and chips with nothing else are
    left out.

    Parameters
    ----------
    masks : iterable of Table
        Blocks MASK0, MASK1, ...: SHAPE, CHIPX, CHIPY (two limits each), SAMP_CYC.
    detector : Detector
    where : str
        Name of the file, for messages.

    Returns
    -------
    dict of int to ndarray, shape (4 n, 2)
        Chip coordinates; the limits themselves, not pixel edges.

    Raises
    ------
    DataError
        A column is missing, a chip is unknown, or no mask is given.
    """
    corners: dict[int, FloatArray] = {}
    seen = 0
    for table in masks:
        seen += 1
        chip = detector.chip(_mask_chip(table, where))
        for column in ("SHAPE", "CHIPX", "CHIPY", "SAMP_CYC"):
            if column not in table:
                raise DataError(f"{where}: block {table.name} has no column {column}; it has {enumerated(table.names)}")
        shapes = [s.decode("ascii", "replace").strip().lower() for s in np.asarray(table["SHAPE"], "S")]
        active = np.array([s == "rectangle" for s in shapes], bool) & (np.asarray(table["SAMP_CYC"]) > 0)
        for x, y in zip(np.asarray(table["CHIPX"])[active], np.asarray(table["CHIPY"])[active], strict=True):
            box = np.array([(x[0], y[0]), (x[1], y[0]), (x[1], y[1]), (x[0], y[1])], np.float64)
            corners[chip.id] = np.concatenate([corners[chip.id], box]) if chip.id in corners else box
    if not seen:
        raise DataError(f"{where}: no MASK block; give the msk1 file or mskfile=NONE")
    return corners


def full_chips(detector: Detector, detnam: str) -> dict[int, FloatArray]:
    """Return, by chip, the corners of the whole chips (outer pixel edges) that DETNAM (`ACIS-012379`) names."""
    digits = detnam.strip().upper().removeprefix("ACIS-")
    chips = [c for c in detector.chips if detector.name != "ACIS" or not digits.isdecimal() or str(c.id) in digits]
    out = {}
    for chip in chips:
        nx, ny = chip.size
        out[chip.id] = np.array([(0.5, 0.5), (nx + 0.5, 0.5), (nx + 0.5, ny + 0.5), (0.5, ny + 0.5)])
    return out


def fov_polygons(
    plane: FocalPlane, frame: SkyFrame, corners: Mapping[int, FloatArray], attitudes: Attitude
) -> list[FovPolygon]:
    """Return one polygon per chip, in order of chip: the hull of its corners seen at all the attitudes.

    Parameters
    ----------
    plane : FocalPlane
    frame : SkyFrame
    corners : mapping of int to ndarray, shape (k, 2)
        Chip coordinates, by chip.
    attitudes : Attitude
        One or many.
    """
    polygons = []
    for chip_id in sorted(corners):
        points = np.repeat(corners[chip_id], attitudes.size, axis=0)
        times = np.tile(np.arange(attitudes.size), len(corners[chip_id]))
        each = Attitude(*(getattr(attitudes, k).ravel()[times] for k in ("ra", "dec", "roll", "dy", "dz", "dtheta")))
        x, y = convex_hull(*plane.chip_to_sky(chip_id, points[:, 0], points[:, 1], each, frame))
        x, y = thinned(x, y)
        polygons.append(FovPolygon(chip_id, np.append(x, x[:1]), np.append(y, y[:1])))
    return polygons


def thinned(x: FloatArray, y: FloatArray, most: int = MOST_VERTICES) -> tuple[FloatArray, FloatArray]:
    """Return a convex polygon with at most `most` vertices: those that matter least are dropped, one after the other.

    Every vertex on the edge of a smooth aspect track (a simulated one, a fit) is a vertex of the hull: hundreds, each
    less than 0.001 pixel off the line between its neighbours. The vertices that are extreme in x or y stay, so that the
    limits of the field do not change. Real tracks are below the bound (39 vertices in ObsID 22772) and kept whole.

    Parameters
    ----------
    x, y : ndarray, shape (n,), float64
        Counter-clockwise, first vertex not repeated.
    most : int
        At least 8.
    """
    corners = {int(f(v)) for f in (np.argmin, np.argmax) for v in (x, y)} if x.size > most else set()
    held = np.zeros(x.size, bool)
    held[list(corners)] = True
    while x.size > most:
        du, dv = np.roll(x, -1) - np.roll(x, 1), np.roll(y, -1) - np.roll(y, 1)
        height = np.abs(du * (y - np.roll(y, 1)) - dv * (x - np.roll(x, 1))) / np.hypot(du, dv)
        least = int(np.argmin(np.where(held, np.inf, height)))
        x, y, held = np.delete(x, least), np.delete(y, least), np.delete(held, least)
    return x, y


def _mask_chip(table: Table, where: str) -> int:
    for key in ("CCD_ID", "CHIP_ID"):
        if key in table.header:
            return int(table.header[key])
    digits = table.name.upper().removeprefix("MASK")
    if digits.isdecimal():
        return int(digits)
    raise DataError(f"{where}: block {table.name} does not tell its chip: no CCD_ID keyword, no number in the name")


def _mean_offsets(aspect: AspectSolution) -> tuple[float, float, float]:
    dy, dz, dtheta = (float(np.mean(v)) for v in (aspect.dy, aspect.dz, aspect.dtheta))
    return dy, dz, dtheta


def _unwrapped(angles: FloatArray) -> FloatArray:
    """Return angles (deg) shifted by whole turns to lie within 180 degrees of the first."""
    return np.asarray((angles - angles[0] + 180.0) % 360.0 - 180.0 + angles[0])
