"""Where RAW pixels lie in DET and on the sky, from the events themselves.

RAW to DET and DET to SKY are linear to the randomisation within a pixel, so least squares over a list's own events give
both. Checked on MOS lists of 2004 and 2006: residual 6.4 DET units (a pixel of 22.02 units, spread over +-half) and
1.5 to 2.7 SKY units; the fits of both years agree to 1.5 units of 0.05 arcsec.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from ciaopy.errors import DataError

__all__ = [
    "FEWEST_EVENTS",
    "FIELD_OF_VIEW",
    "FLARE_CORE",
    "FLARE_CORNER",
    "PIXEL",
    "RAW_SIZE",
    "Affine",
    "LinearFit",
    "PositionFits",
    "default_raw_to_det",
    "ratio_areas",
]

F64 = NDArray[np.float64]

# A CCD with fewer events than this is placed by the constants below.
FEWEST_EVENTS = 50
# Size of a RAW pixel in DET units (MOS: fitted; pn: 4.1 arcsec).
PIXEL: Mapping[str, float] = MappingProxyType({"EMOS1": 22.02, "EMOS2": 22.02, "EPN": 82.0})
# Columns and rows of a CCD.
RAW_SIZE: Mapping[str, tuple[int, int]] = MappingProxyType({"EMOS1": (600, 600), "EMOS2": (600, 600), "EPN": (64, 200)})
# Field of view: circle of centre DETX, DETY and radius (SAS documents).
FIELD_OF_VIEW: Mapping[str, tuple[float, float, float]] = MappingProxyType(
    {"EMOS1": (97.0, -172.0, 17152.0), "EMOS2": (-61.0, -228.0, 17085.0), "EPN": (-2200.0, -1110.0, 17980.0)}
)
# Areas that the ratio method of the flare search compares (SAS documents): the field of view outside the first circle,
# and what lies outside the field of view and outside the second.
FLARE_CORE: Mapping[str, tuple[float, float, float]] = MappingProxyType(
    {"EMOS1": (191.5, -345.5, 12000.0), "EMOS2": (191.5, -345.5, 12000.0), "EPN": (-2203.5, -1167.5, 12000.0)}
)
FLARE_CORNER: Mapping[str, tuple[float, float, float]] = MappingProxyType(
    {"EMOS1": (-50.0, -180.0, 17540.0), "EMOS2": (-50.0, -180.0, 17540.0), "EPN": (-2200.0, -1000.0, 19000.0)}
)
_S = 22.022
# CCD -> DETX = a + b RAWX + c RAWY, DETY likewise, fitted to lists of 2004 and 2006.
_MOS_CCDS: dict[str, dict[int, tuple[tuple[float, float, float], tuple[float, float, float]]]] = {
    "EMOS1": {
        1: ((-6615.7, 22.016, 0.0), (-6615.6, 0.0, 22.016)),
        2: ((13125.4, 0.0, -_S), (-20174.9, _S, 0.0)),
        3: ((19883.7, 0.0, -_S), (-6922.3, _S, 0.0)),
        4: ((13188.9, 0.0, -_S), (6408.9, _S, 0.0)),
        5: ((-13029.8, 0.0, _S), (19722.0, -_S, 0.0)),
        6: ((-19798.1, 0.0, _S), (6518.7, -_S, 0.0)),
        7: ((-13143.5, 0.0, _S), (-6844.1, -_S, 0.0)),
    },
    "EMOS2": {
        1: ((-6616.3, 22.018, 0.0), (-6616.2, 0.0, 22.017)),
        2: ((13256.1, 0.0, -_S), (-20030.4, _S, 0.0)),
        3: ((19990.7, 0.0, -_S), (-6852.6, _S, 0.0)),
        4: ((13228.6, 0.0, -_S), (6521.4, _S, 0.0)),
        5: ((-13201.9, 0.0, _S), (19789.5, -_S, 0.0)),
        6: ((-19859.2, 0.0, _S), (6552.0, -_S, 0.0)),
        7: ((-13320.2, 0.0, _S), (-6812.5, -_S, 0.0)),
    },
}


@dataclass(frozen=True)
class Affine:
    """u = a0 + a1 x + a2 y, v = b0 + b1 x + b2 y.

    Attributes
    ----------
    coefficients : ndarray of float64, shape (2, 3)
    """

    coefficients: F64

    def __call__(self, x: F64, y: F64) -> tuple[F64, F64]:
        """Transform positions."""
        (a0, a1, a2), (b0, b1, b2) = self.coefficients
        return a0 + a1 * x + a2 * y, b0 + b1 * x + b2 * y

    def inverse(self) -> Affine:
        """Return the inverse transform.

        Raises
        ------
        DataError
            The transform is singular.
        """
        matrix, shift = self.coefficients[:, 1:], self.coefficients[:, 0]
        if abs(np.linalg.det(matrix)) < 1e-12:
            raise DataError("positions of events lie on a line: no geometry can be told from them")
        back = np.linalg.inv(matrix)
        return Affine(np.column_stack([-back @ shift, back]))

    def after(self, first: Affine) -> Affine:
        """Return the transform that applies `first` and then this one."""
        matrix = self.coefficients[:, 1:] @ first.coefficients[:, 1:]
        shift = self.coefficients[:, 0] + self.coefficients[:, 1:] @ first.coefficients[:, 0]
        return Affine(np.column_stack([shift, matrix]))


@dataclass
class LinearFit:
    """Least squares of (u, v) on (1, x, y), by sums over blocks of points.

    Sums are exact for the integers of event lists as long as they stay below 2**53.
    """

    normal: F64 = field(default_factory=lambda: np.zeros((3, 3)))
    right: F64 = field(default_factory=lambda: np.zeros((3, 2)))

    @property
    def count(self) -> int:
        """Number of points."""
        return int(self.normal[0, 0])

    def add(
        self, x: NDArray[np.generic], y: NDArray[np.generic], u: NDArray[np.generic], v: NDArray[np.generic]
    ) -> None:
        """Add points; arrays of shape (n,)."""
        base = np.stack([np.ones(len(x)), np.asarray(x, np.float64), np.asarray(y, np.float64)])
        target = np.stack([np.asarray(u, np.float64), np.asarray(v, np.float64)])
        self.normal += base @ base.T
        self.right += base @ target.T

    def solve(self) -> Affine | None:
        """Return the transform; None where the points do not span a plane."""
        if self.count < 3:
            return None
        # centre for accuracy: positions are far from the origin
        mean = self.normal[0, 1:] / self.count
        shift = np.array([[1.0, 0.0, 0.0], [-mean[0], 1.0, 0.0], [-mean[1], 0.0, 1.0]])
        normal, right = shift @ self.normal @ shift.T, shift @ self.right
        spread = normal[1:, 1:] / self.count
        if np.linalg.det(spread) < 1.0:
            return None
        solution = shift.T @ np.linalg.solve(normal, right)
        return Affine(np.ascontiguousarray(solution.T))


def default_raw_to_det(instrument: str, ccd: int) -> Affine | None:
    """Return the constants of a MOS CCD; None for pn."""
    rows = _MOS_CCDS.get(instrument, {}).get(ccd)
    return Affine(np.array(rows)) if rows else None


@dataclass
class PositionFits:
    """Fits of one list, filled block by block: RAW to DET of every CCD, DET to SKY of all events.

    Attributes
    ----------
    raw_to_det : dict of int to LinearFit
    det_to_sky : LinearFit
    """

    raw_to_det: dict[int, LinearFit] = field(default_factory=dict)
    det_to_sky: LinearFit = field(default_factory=LinearFit)

    def add(
        self, ccd: NDArray[np.generic], columns: Mapping[str, NDArray[np.generic]], has_sky: NDArray[np.bool_]
    ) -> None:
        """Add a block of events.

        Parameters
        ----------
        ccd : ndarray of int, shape (n,)
        columns : mapping
            rawx, rawy, detx, dety, x, y, each of shape (n,).
        has_sky : ndarray of bool, shape (n,)
            Where X and Y are not null.
        """
        for number in np.unique(ccd):
            rows = ccd == number
            fit = self.raw_to_det.setdefault(int(number), LinearFit())
            fit.add(*(columns[n][rows] for n in ("rawx", "rawy", "detx", "dety")))
        self.det_to_sky.add(*(columns[n][has_sky] for n in ("detx", "dety", "x", "y")))

    def placed(self, instrument: str, ccd: int) -> Affine | None:
        """Return RAW to DET of a CCD: fitted, else the constants; None where neither is there."""
        fit = self.raw_to_det.get(ccd)
        found = fit.solve() if fit is not None and fit.count >= FEWEST_EVENTS else None
        return found if found is not None else default_raw_to_det(instrument, ccd)


def ratio_areas(instrument: str, fits: PositionFits, ccds: Iterable[int]) -> tuple[float, float]:
    """Return how many RAW pixels lie in the two areas of the flare search: field of view, corners.

    CCDs that cannot be placed are left out of both.
    """
    columns, rows = RAW_SIZE[instrument]
    rawx, rawy = np.meshgrid(np.arange(1.0, columns + 1), np.arange(1.0, rows + 1))
    field_count = corner_count = 0
    for ccd in ccds:
        place = fits.placed(instrument, ccd)
        if place is None:
            continue
        u, v = place(rawx, rawy)
        within = _within(FIELD_OF_VIEW[instrument], u, v)
        field_count += int(np.count_nonzero(within & ~_within(FLARE_CORE[instrument], u, v)))
        corner_count += int(np.count_nonzero(~within & ~_within(FLARE_CORNER[instrument], u, v)))
    return float(field_count), float(corner_count)


def _within(circle: tuple[float, float, float], u: F64, v: F64) -> NDArray[np.bool_]:
    return np.asarray((u - circle[0]) ** 2 + (v - circle[1]) ** 2 <= circle[2] ** 2)
