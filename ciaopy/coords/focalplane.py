"""A detector at its SIM position, and the transformations between CHIP, TDET, DET, SKY and off-axis angles.

Frames (mm): LSI (the detector's own), STT = LSI + origin, STF = STT + SIM, FC = STF turned by dtheta and shifted by
dy, dz, MNC = FC - (F, 0, 0). FC as CIAO has it (fits ObsIDs 2886 and 5095; MARX turns the other way)::

    y_FC = dy + cos(dtheta) y_STF + sin(dtheta) z_STF
    z_FC = dz - sin(dtheta) y_STF + cos(dtheta) z_STF

DET and SKY are tangent-plane pixels, 1-based, centre of a pixel = integer. All arrays are float64; scalars give arrays
of shape (). Positions that do not exist (unknown chip, NaN attitude, behind the telescope) are NaN.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ciaopy.coords.attitude import Attitude, keyword_number
from ciaopy.coords.geometry import Detector, FloatArray, Geometry, Vector3
from ciaopy.coords.tangent import SkyFrame
from ciaopy.errors import DataError
from ciaopy.kernels import coords as kernels

__all__ = ["ChipPosition", "FocalPlane", "angles_to_det", "off_axis_angles"]

IntArray = NDArray[np.int64]


class ChipPosition(NamedTuple):
    """Chip positions: `chip_id` (int64, -1 where there is none), `chipx`, `chipy`."""

    chip_id: IntArray
    chipx: FloatArray
    chipy: FloatArray


@dataclass(frozen=True)
class FocalPlane:
    """A detector at its SIM position.

    Attributes
    ----------
    detector : Detector
    sim : (float, float, float)
        SIM_X, SIM_Y, SIM_Z, mm.
    """

    detector: Detector
    sim: Vector3
    chips: FloatArray = field(init=False, repr=False, compare=False)
    sizes: FloatArray = field(init=False, repr=False, compare=False)
    optics: FloatArray = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        d = self.detector
        object.__setattr__(self, "chips", d.chip_table(self.sim))
        object.__setattr__(self, "sizes", d.size_table())
        object.__setattr__(self, "optics", np.array([d.focal_length, d.ref, d.scale_rad]))

    @classmethod
    def of(cls, detector: str, sim: Vector3 | None = None, geometry: Geometry | None = None) -> FocalPlane:
        """Make the focal plane of `ACIS`, `HRC-I` or `HRC-S`; without `sim`, at its default aimpoint."""
        geometry = geometry or Geometry.embedded()
        d = geometry.detector(detector)
        return cls(d, geometry.aimpoints[d.aimpoint] if sim is None else sim)

    @classmethod
    def from_header(
        cls, header: Mapping[str, Any], geometry: Geometry | None = None, where: str = "header"
    ) -> FocalPlane:
        """Make the focal plane of a header with INSTRUME, DETNAM, SIM_X, SIM_Y, SIM_Z.

        Raises
        ------
        DataError
            Unknown detector; a SIM keyword is missing or not a number.
        """
        detector = (geometry or Geometry.embedded()).detector_of(header, where)
        sim = []
        for key in ("SIM_X", "SIM_Y", "SIM_Z"):
            if header.get(key) is None:
                raise DataError(f"{where}: no keyword {key}, the position of the detector; set it with dmhedit")
            sim.append(keyword_number(header[key], key, where))
        return cls(detector, (sim[0], sim[1], sim[2]))

    def moved(self, sim: Vector3) -> FocalPlane:
        """Return the same detector at another SIM position."""
        return replace(self, sim=sim)

    def chip_to_lsi(self, chip_id: ArrayLike, chipx: ArrayLike, chipy: ArrayLike) -> FloatArray:
        """Return LSI positions, mm, shape (..., 3), of chip positions."""
        ids, (x, y), shape = _prepared(chip_id, chipx, chipy)
        table = self._rows(self.detector.chip_table(origin=False), ids)
        lsi = table[:, :3] + (x - 0.5)[:, None] * table[:, 3:6] + (y - 0.5)[:, None] * table[:, 6:9]
        return lsi.reshape(*shape, 3)

    def lsi_to_fc(self, lsi: ArrayLike, attitude: Attitude) -> FloatArray:
        """Return FC positions, mm, shape (..., 3), of LSI positions, for the offsets dy, dz, dtheta of `attitude`."""
        stf = np.asarray(lsi, float) + np.array(self.detector.origin) + np.array(self.sim)
        c, s = np.cos(np.deg2rad(attitude.dtheta)), np.sin(np.deg2rad(attitude.dtheta))
        y, z = stf[..., 1], stf[..., 2]
        fy, fz = attitude.dy + c * y + s * z, attitude.dz - s * y + c * z
        return np.stack(np.broadcast_arrays(stf[..., 0], fy, fz), axis=-1)

    def chip_to_tdet(self, chip_id: ArrayLike, chipx: ArrayLike, chipy: ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Return tiled detector coordinates of chip positions; whole numbers for whole chip pixels."""
        ids, (x, y), shape = _prepared(chip_id, chipx, chipy)
        t = self._rows(self.detector.tdet_table(), ids)
        tx, ty = t[:, 0] + t[:, 2] * x + t[:, 3] * y, t[:, 1] + t[:, 4] * x + t[:, 5] * y
        return tx.reshape(shape), ty.reshape(shape)

    def tdet_to_chip(self, tdetx: ArrayLike, tdety: ArrayLike) -> ChipPosition:
        """Return the chip positions of tiled detector coordinates; chip -1 and NaN off every chip."""
        ids, (tx, ty), shape = _prepared(-1, tdetx, tdety)
        out = ChipPosition(ids.copy(), np.full(tx.shape, np.nan), np.full(tx.shape, np.nan))
        rules = self.detector.tdet_table()
        for chip in self.detector.chips:
            x0, y0, xx, xy, yx, yy = rules[chip.id]
            u, v = (
                tx - x0,
                ty - y0,
            )  # the matrix is a rotation by a multiple of 90 degrees: its inverse is its transpose
            x, y = xx * u + yx * v, xy * u + yy * v
            inside = (x >= 0.5) & (x < chip.size[0] + 0.5) & (y >= 0.5) & (y < chip.size[1] + 0.5) & (out.chip_id < 0)
            out.chip_id[inside], out.chipx[inside], out.chipy[inside] = chip.id, x[inside], y[inside]
        return ChipPosition(out.chip_id.reshape(shape), out.chipx.reshape(shape), out.chipy.reshape(shape))

    def chip_to_det(
        self, chip_id: ArrayLike, chipx: ArrayLike, chipy: ArrayLike, attitude: Attitude
    ) -> tuple[FloatArray, FloatArray]:
        """Return DET of chip positions: DETX = ref - (r_y/r_x)/scale, DETY = ref + (r_z/r_x)/scale with r in MNC.

        Parameters
        ----------
        chip_id, chipx, chipy : array_like, shape (n,) or broadcastable
            Chip pixels, fractions allowed.
        attitude : Attitude
            One, or one for each position; only dy, dz, dtheta matter.
        """
        ids, (x, y), shape = _prepared(chip_id, chipx, chipy, attitude)
        records, index = _records(attitude, self._frame(0.0, 0.0), ids.size)
        out = _empty(2, ids.size)
        kernels.chip_to_det(ids, x, y, index, self.chips, records, self.optics, *out)
        return out[0].reshape(shape), out[1].reshape(shape)

    def det_to_chip(
        self, detx: ArrayLike, dety: ArrayLike, attitude: Attitude, chip_id: ArrayLike = -1, nearest: bool = False
    ) -> ChipPosition:
        """Return the chip positions of DET positions: where the ray from the mirror's node meets the chip.

        Parameters
        ----------
        detx, dety : array_like, shape (n,)
        attitude : Attitude
            One, or one for each position; only dy, dz, dtheta matter.
        chip_id : array_like of int
            The chip wanted (its edges do not matter then), or -1 for the one that holds the point.
        nearest : bool
            With chip_id = -1 and no chip there: give the nearest chip's coordinates, outside its range, not -1 and NaN.

        Returns
        -------
        ChipPosition
        """
        want, (x, y), shape = _prepared(chip_id, detx, dety, attitude)
        records, index = _records(attitude, self._frame(0.0, 0.0), x.size)
        out = ChipPosition(np.empty(x.size, np.int64), *_empty(2, x.size))
        kernels.det_to_chip(x, y, want, index, self.chips, self.sizes, records, self.optics, *out)
        if not nearest:
            size = self._rows(self.sizes, out.chip_id)
            off = (
                (out.chipx < 0.5) | (out.chipx > size[:, 0] + 0.5) | (out.chipy < 0.5) | (out.chipy > size[:, 1] + 0.5)
            )
            off &= want < 0
            out.chip_id[off], out.chipx[off], out.chipy[off] = -1, np.nan, np.nan
        return ChipPosition(out.chip_id.reshape(shape), out.chipx.reshape(shape), out.chipy.reshape(shape))

    def det_to_sky(
        self, detx: ArrayLike, dety: ArrayLike, attitude: Attitude, frame: SkyFrame
    ) -> tuple[FloatArray, FloatArray]:
        """Return SKY of DET positions: the direction in the attitude's axes, projected on the frame's tangent plane."""
        _, (x, y), shape = _prepared(-1, detx, dety, attitude)
        records, index = _records(attitude, frame, x.size)
        out = _empty(2, x.size)
        kernels.det_to_sky(x, y, index, records, self.optics, *out)
        return out[0].reshape(shape), out[1].reshape(shape)

    def sky_to_det(
        self, x: ArrayLike, y: ArrayLike, attitude: Attitude, frame: SkyFrame
    ) -> tuple[FloatArray, FloatArray]:
        """Return DET of SKY positions: the inverse of `det_to_sky`."""
        _, (sx, sy), shape = _prepared(-1, x, y, attitude)
        records, index = _records(attitude, frame, sx.size)
        out = _empty(2, sx.size)
        kernels.sky_to_det(sx, sy, index, records, self.optics, *out)
        return out[0].reshape(shape), out[1].reshape(shape)

    def chip_to_sky(
        self, chip_id: ArrayLike, chipx: ArrayLike, chipy: ArrayLike, attitude: Attitude, frame: SkyFrame
    ) -> tuple[FloatArray, FloatArray]:
        """Return SKY of chip positions, for one attitude or one for each position."""
        ids, (cx, cy), shape = _prepared(chip_id, chipx, chipy, attitude)
        records, index = _records(attitude, frame, ids.size)
        out = _empty(4, ids.size)
        kernels.chip_to_sky(ids, cx, cy, index, self.chips, records, self.optics, *out)
        return out[2].reshape(shape), out[3].reshape(shape)

    def sky_to_chip(
        self, x: ArrayLike, y: ArrayLike, attitude: Attitude, frame: SkyFrame, chip_id: ArrayLike = -1
    ) -> ChipPosition:
        """Return the chip positions of SKY positions: `sky_to_det`, then `det_to_chip`."""
        detx, dety = self.sky_to_det(x, y, attitude, frame)
        return self.det_to_chip(detx, dety, attitude, chip_id)

    def column_direction(self, roll_nom: float, chip: int) -> tuple[float, float]:
        """Return the unit vector in SKY (x, y) along which CHIPX of a chip grows at a roll (ROLL_NOM, deg)."""
        detx, dety = self.chip_to_det([chip, chip], [500.0, 501.0], [512.0, 512.0], Attitude.of(0.0, 0.0, 0.0))
        du, dv = float(detx[1] - detx[0]), float(dety[1] - dety[0])
        cosine, sine = np.cos(np.deg2rad(roll_nom)), np.sin(np.deg2rad(roll_nom))
        x, y = du * cosine + dv * sine, -du * sine + dv * cosine
        length = float(np.hypot(x, y))
        return float(x / length), float(y / length)

    def off_axis(self, detx: ArrayLike, dety: ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Return the off-axis angle (arcmin) and azimuth (deg) of DET positions; see `off_axis_angles`."""
        return off_axis_angles(self.detector, detx, dety)

    def _frame(self, ra: float, dec: float) -> SkyFrame:
        return SkyFrame(ra, dec, 0.0, self.detector)

    def _rows(self, table: FloatArray, ids: IntArray) -> FloatArray:
        known = (ids >= 0) & (ids < len(table))
        return np.where(known[:, None], table[np.where(known, ids, 0)], np.nan)


def off_axis_angles(detector: Detector, detx: ArrayLike, dety: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Return the mirror spherical coordinates (MSC) of DET positions.

    theta: angle from the optical axis, arcmin; tan(theta) = distance from the reference pixel times the scale.
    phi: azimuth in degrees, [0, 360), from +DETX towards +DETY: the LONG-TAN/NPOL-TAN system (LONP 270, LATP 90) that
    archive event files declare on DETX, DETY.
    """
    u = (np.asarray(detx, float) - detector.ref) * detector.scale_rad
    v = (np.asarray(dety, float) - detector.ref) * detector.scale_rad
    theta = np.rad2deg(np.arctan(np.hypot(u, v))) * 60.0
    return theta, np.rad2deg(np.arctan2(v, u)) % 360.0


def angles_to_det(detector: Detector, theta: ArrayLike, phi: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Return DET of off-axis angles theta (arcmin) and azimuths phi (deg): the inverse of `off_axis_angles`.

    NaN for theta of 90 degrees and more.
    """
    angle, azimuth = np.deg2rad(np.asarray(theta, float) / 60.0), np.deg2rad(np.asarray(phi, float))
    r = np.where(np.abs(angle) < np.pi / 2, np.tan(angle), np.nan) / detector.scale_rad
    return detector.ref + r * np.cos(azimuth), detector.ref + r * np.sin(azimuth)


def _prepared(
    ids: ArrayLike, u: ArrayLike, v: ArrayLike, attitude: Attitude | None = None
) -> tuple[IntArray, tuple[FloatArray, FloatArray], tuple[int, ...]]:
    """Broadcast to one shape and return flat contiguous int64 ids and float64 positions with that shape.

    One position with many attitudes is repeated for each.
    """
    a, b, c = np.broadcast_arrays(np.asarray(ids), np.asarray(u, np.float64), np.asarray(v, np.float64))
    if a.size == 1 and attitude is not None and attitude.size != 1:
        a, b, c = (np.broadcast_to(one.reshape(()), attitude.ra.shape) for one in (a, b, c))
    flat = np.ascontiguousarray(a, np.int64).ravel()
    return flat, (np.ascontiguousarray(b).ravel(), np.ascontiguousarray(c).ravel()), a.shape


def _records(attitude: Attitude, frame: SkyFrame, n: int) -> tuple[FloatArray, IntArray]:
    """Return the kernel records of an attitude and the index of each of n positions into them."""
    if attitude.size not in (1, n):
        raise ValueError(f"{attitude.size} attitudes for {n} positions; give one, or one for each position")
    index = np.zeros(n, np.int64) if attitude.size == 1 else np.arange(n, dtype=np.int64)
    return attitude.records(frame.ra_nom, frame.dec_nom), index


def _empty(k: int, n: int) -> tuple[FloatArray, ...]:
    return tuple(np.empty(n) for _ in range(k))
