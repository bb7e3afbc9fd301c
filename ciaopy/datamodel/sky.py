"""Transforms between pixels and the sky: one notion for images and for pixel lists (vector columns of tables).

A plain tangent plane (RA---TAN, DEC--TAN without rotation, in ICRS or FK5 J2000) is computed here; everything else that
the FITS standard knows goes through wcslib (`astropy.wcs`), its frame through `astropy.coordinates`. What neither
can do exactly is refused by name, and only when positions on the sky are asked for.

RA and Dec are ICRS; FK5 J2000 is taken as the same, from which it differs by less than 0.03 arcsec.
"""

from __future__ import annotations

import math
import warnings
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ciaopy.errors import DataError, RegionError
from ciaopy.fits import Header
from ciaopy.sphere import gnomonic, gnomonic_inverse

__all__ = [
    "PixelFrame",
    "ProjectedTransform",
    "SkyTransform",
    "TangentTransform",
    "is_celestial",
    "is_latitude",
    "sky_transform",
]

F64 = NDArray[np.float64]
Cards = dict[str, Any]
#: How much the scale may differ with direction where a size on the sky becomes one number of pixels.
ISOTROPY = 1e-4
#: deg; step of numerical derivatives on the sky.
SMALL = 1e-3
DISTORTIONS = ("A_ORDER", "B_ORDER", "CPDIS1", "CPDIS2", "D2IMDIS1", "D2IMDIS2", "CQDIS1", "CQDIS2")


@dataclass(frozen=True)
class PixelFrame:
    """The pixels of an image without a place on the sky.

    Attributes
    ----------
    to_physical : tuple of float or None
        (offset_x, step_x, offset_y, step_y): physical = offset + step * logical. None for tables, which have no
        image pixels.
    """

    to_physical: tuple[float, float, float, float] | None = None

    @property
    def has_sky(self) -> bool:
        """Tell whether the pixels have positions on the sky."""
        return False

    @property
    def logical_scale(self) -> float:
        """Physical pixels per image pixel.

        Raises
        ------
        RegionError
            A table; or the physical pixels are not square in image pixels.
        """
        _, step_x, _, step_y = self._steps("sizes in image pixels need")
        if not math.isclose(abs(step_x), abs(step_y), rel_tol=1e-9):
            raise RegionError("region: the image pixels are not square in physical units; give physical sizes")
        return abs(step_x)

    def _steps(self, need: str) -> tuple[float, float, float, float]:
        if self.to_physical is None:
            raise RegionError(f"region: {need} an image; save the region in physical coordinates for a table")
        return self.to_physical

    def logical_to_physical(self, x: Any, y: Any) -> tuple[Any, Any]:
        """Turn image pixels (1-based, centre of the first pixel is 1) into physical pixels."""
        offset_x, step_x, offset_y, step_y = self._steps("image coordinates need")
        return offset_x + step_x * x, offset_y + step_y * y

    def physical_to_logical(self, x: Any, y: Any) -> tuple[Any, Any]:
        """Turn physical pixels into image pixels (of a table: into the same)."""
        offset_x, step_x, offset_y, step_y = self.to_physical or (0.0, 1.0, 0.0, 1.0)
        return (x - offset_x) / step_x, (y - offset_y) / step_y

    def world_to_pixel(self, ra_deg: float, dec_deg: float) -> tuple[float, float]:
        """Return the physical pixel of one sky position, degrees."""
        raise RegionError("region: sky coordinates or sizes need a file with a sky transform; use physical pixels")

    def scale_at(self, x: float, y: float) -> float:
        """Return the degrees per physical pixel at a physical pixel, the same in all directions.

        Raises
        ------
        RegionError
            No sky transform; or the scale depends on the direction.
        """
        raise RegionError("region: sky coordinates or sizes need a file with a sky transform; use physical pixels")

    def turn(self, system: str = "icrs") -> float:
        """Return by how much, in degrees counter-clockwise, West of a sky system is turned from +x."""
        raise RegionError("region: sky coordinates or sizes need a file with a sky transform; use physical pixels")


class SkyTransform(PixelFrame, ABC):
    """Pixel to sky and back."""

    @property
    def has_sky(self) -> bool:
        """Tell whether the pixels have positions on the sky."""
        return True

    @property
    @abstractmethod
    def names(self) -> tuple[str, str]:
        """Names of the block's own longitude and latitude: `RA`, `DEC` or `GLON`, `GLAT` ..."""

    @property
    @abstractmethod
    def projection(self) -> str:
        """Code of the projection, such as `TAN`."""

    @property
    @abstractmethod
    def reference(self) -> tuple[float, float]:
        """RA and Dec (ICRS) of the reference point, degrees."""

    @property
    @abstractmethod
    def scale(self) -> float:
        """Degrees per physical pixel at the reference point (square root of the pixel area)."""

    @abstractmethod
    def pixel_to_sky(self, x: ArrayLike, y: ArrayLike) -> tuple[F64, F64]:
        """Return RA in [0, 360) and Dec, degrees, of physical pixels; shapes broadcast."""

    @abstractmethod
    def sky_to_pixel(self, ra: ArrayLike, dec: ArrayLike) -> tuple[F64, F64]:
        """Return physical pixels of RA, Dec in degrees; NaN where the projection has none."""

    @abstractmethod
    def pixel_to_own(self, x: ArrayLike, y: ArrayLike) -> tuple[F64, F64]:
        """Return the block's own longitude and latitude (`names`), degrees, of physical pixels."""

    @abstractmethod
    def check_equatorial(self, what: str) -> None:
        """Refuse to call positions RA and Dec where the block's own RA and Dec are of another equinox.

        Raises
        ------
        DataError
            The block's system is FK4, or FK5 of an equinox other than J2000.
        """

    @abstractmethod
    def is_known(self) -> bool:
        """Tell whether positions can be computed at all."""

    @abstractmethod
    def astropy_wcs(self) -> Any:
        """Return the transform as an `astropy.wcs.WCS` of image pixels (tables: of column values), a copy.

        Raises
        ------
        DataError
            The transform is not known.
        """

    def logical_to_sky(self, x: ArrayLike, y: ArrayLike) -> tuple[F64, F64]:
        """Return RA and Dec, degrees, of image pixels."""
        return self.pixel_to_sky(*self.logical_to_physical(np.asarray(x, np.float64), np.asarray(y, np.float64)))

    def sky_to_logical(self, ra: ArrayLike, dec: ArrayLike) -> tuple[F64, F64]:
        """Return image pixels of RA, Dec in degrees."""
        x, y = self.physical_to_logical(*self.sky_to_pixel(ra, dec))
        return x, y

    def world_to_pixel(self, ra_deg: float, dec_deg: float) -> tuple[float, float]:
        """Return the physical pixel of one sky position, degrees."""
        x, y = self.sky_to_pixel(ra_deg, dec_deg)
        return float(x), float(y)

    def scale_at(self, x: float, y: float) -> float:
        """Return the degrees per physical pixel at a physical pixel, the same in all directions."""
        ra, dec = (float(v) for v in self.pixel_to_sky(x, y))
        return _isotropic(self._jacobian(ra, dec))

    def _jacobian(self, ra: float, dec: float) -> F64:
        """Return the derivatives [degrees per pixel] of directions East, North by x, y at a position."""
        x, y = self.sky_to_pixel(ra, dec)
        step = 0.5
        ras, decs = self.pixel_to_sky(x + step * np.array([1, -1, 0, 0]), y + step * np.array([0, 0, 1, -1]))
        xi, eta = gnomonic(ras, decs, ra, dec)
        return np.array([[xi[0] - xi[1], xi[2] - xi[3]], [eta[0] - eta[1], eta[2] - eta[3]]]) / (2 * step)

    def turn(self, system: str = "icrs") -> float:
        """Return by how much, in degrees counter-clockwise, West of a sky system is turned from +x.

        That is measured at the reference point, as ds9 does.

        Raises
        ------
        RegionError
            The image is mirrored, so that angles run the other way, or its axes are not at right angles.
        """
        ra, dec = self.reference
        if system == "icrs":
            parting = 0.0
        else:
            from astropy.coordinates import SkyCoord

            here = SkyCoord(ra, dec, unit="deg", frame="icrs")
            own = here.transform_to(system).spherical
            lat = float(own.lat.deg)
            sign = -1.0 if lat > 89.0 else 1.0
            up = SkyCoord(own.lon.deg, lat + sign * SMALL, unit="deg", frame=system).icrs
            xi, eta = gnomonic(up.ra.deg, up.dec.deg, ra, dec)
            parting = math.degrees(math.atan2(sign * float(xi), sign * float(eta)))
        jacobian = self._jacobian(ra, dec)
        _isotropic(jacobian)
        if np.linalg.det(jacobian) > 0:
            raise RegionError("region: the block is mirrored; give angles in physical coordinates")
        north = np.linalg.solve(jacobian, [math.sin(math.radians(parting)), math.cos(math.radians(parting))])
        return math.degrees(math.atan2(north[1], north[0])) - 90.0


def _isotropic(jacobian: F64) -> float:
    """Return the scale of a matrix of derivatives that is the same in all directions."""
    if not np.isfinite(jacobian).all():
        raise RegionError("region: a size on the sky at a place that has no position there")
    large, small = np.linalg.svd(jacobian, compute_uv=False)
    if large - small > ISOTROPY * large:
        raise RegionError(
            f"region: a size on the sky is no single number of pixels here, the scale depends on the direction "
            f"({small * 3600:.6g} to {large * 3600:.6g} arcsec per pixel); give the size in pixels"
        )
    return float(math.sqrt(large * small))


@dataclass(frozen=True)
class TangentTransform(SkyTransform):
    """The tangent plane without rotation, ICRS.

    Attributes
    ----------
    crval : tuple of float
        RA and Dec of the tangent point, degrees.
    crpix : tuple of float
        Physical pixel of the tangent point.
    step : tuple of float
        Degrees per physical pixel on x (to the East where positive) and y.
    """

    crval: tuple[float, float] = (0.0, 0.0)
    crpix: tuple[float, float] = (0.0, 0.0)
    step: tuple[float, float] = (-1.0, 1.0)

    @property
    def names(self) -> tuple[str, str]:
        """Names of longitude and latitude."""
        return "RA", "DEC"

    @property
    def projection(self) -> str:
        """Code of the projection."""
        return "TAN"

    @property
    def reference(self) -> tuple[float, float]:
        """RA and Dec of the tangent point, degrees."""
        return self.crval

    @property
    def scale(self) -> float:
        """Degrees per physical pixel (square root of the pixel area)."""
        return math.sqrt(abs(self.step[0] * self.step[1]))

    def scale_at(self, x: float, y: float) -> float:
        """Return the degrees per physical pixel at the tangent point, as CIAO does, wherever (x, y) is."""
        return _isotropic(np.diag(self.step))

    def turn(self, system: str = "icrs") -> float:
        """Return by how much West of a sky system is turned from +x; 0 for the usual orientation."""
        return 0.0 if system == "icrs" and self.step[0] < 0 < self.step[1] else super().turn(system)

    def check_equatorial(self, what: str) -> None:
        """Do nothing: RA and Dec are ICRS."""

    def is_known(self) -> bool:
        """Return True."""
        return True

    def astropy_wcs(self) -> Any:
        """Return the transform as an `astropy.wcs.WCS` of image pixels (tables: of column values)."""
        from astropy.wcs import WCS

        wcs = WCS(naxis=2)
        _, step_x, _, step_y = self.to_physical or (0.0, 1.0, 0.0, 1.0)
        wcs.wcs.ctype, wcs.wcs.cunit, wcs.wcs.radesys = ["RA---TAN", "DEC--TAN"], ["deg", "deg"], "ICRS"
        wcs.wcs.crval, wcs.wcs.crpix = self.crval, self.physical_to_logical(*self.crpix)
        wcs.wcs.cdelt = self.step[0] * step_x, self.step[1] * step_y
        wcs.wcs.set()
        return wcs

    def pixel_to_sky(self, x: ArrayLike, y: ArrayLike) -> tuple[F64, F64]:
        """Return RA in [0, 360) and Dec, degrees, of physical pixels; shapes broadcast."""
        xi = self.step[0] * (np.asarray(x, np.float64) - self.crpix[0])
        eta = self.step[1] * (np.asarray(y, np.float64) - self.crpix[1])
        return gnomonic_inverse(xi, eta, *self.crval)

    def pixel_to_own(self, x: ArrayLike, y: ArrayLike) -> tuple[F64, F64]:
        """Return RA and Dec; see `pixel_to_sky`."""
        return self.pixel_to_sky(x, y)

    def sky_to_pixel(self, ra: ArrayLike, dec: ArrayLike) -> tuple[F64, F64]:
        """Return physical pixels of RA, Dec in degrees; NaN on the far side of the sky."""
        xi, eta = gnomonic(ra, dec, *self.crval)
        return self.crpix[0] + xi / self.step[0], self.crpix[1] + eta / self.step[1]


@dataclass(frozen=True, eq=False)
class ProjectedTransform(SkyTransform):
    """Any other transform of the FITS standard, by wcslib.

    Attributes
    ----------
    cards : dict
        World coordinate keywords (CTYPE1, CRPIX1, ...) of the two axes, in image pixels (tables: column values).
    where : str
        What they belong to, for messages.
    problem : str
        Why it cannot be used, raised when positions are asked for; empty for a good one.
    """

    cards: Cards = field(default_factory=dict)
    where: str = "block"
    problem: str = ""

    @property
    def projection(self) -> str:
        """Code of the projection, such as `SIN`."""
        return str(self.cards.get("CTYPE1", "")).strip()[5:8]

    def _fail(self, why: str) -> DataError:
        types = ", ".join(str(self.cards.get(f"CTYPE{i}", "")).strip() for i in (1, 2))
        return DataError(f"{self.where}: sky coordinates {types}: {why}")

    @cached_property
    def _wcs(self) -> Any:
        from astropy.wcs import WCS

        if self.problem:
            raise self._fail(self.problem)
        header = Header()
        try:
            for key, value in self.cards.items():
                header[key] = value
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                wcs = WCS(header.to_astropy(), naxis=2)
                wcs.wcs.set()
        except (ValueError, TypeError, KeyError, AttributeError, MemoryError) as error:
            text = [line.strip() for line in str(error).splitlines() if line.strip()]
            raise self._fail(text[-1] if text else type(error).__name__) from None
        if wcs.wcs.lng < 0 or wcs.wcs.lat < 0:
            raise self._fail("not a longitude and a latitude with a projection that is known")
        return wcs

    @cached_property
    def _frame(self) -> Any:
        """The frame of `astropy.coordinates`; None for ICRS and FK5 J2000 (defaults: FITS standard 8.3).

        CTYPE comes first: galactic coordinates stay galactic where RADESYS speaks of the rest of the header.
        """
        from astropy.coordinates import FK4, FK5, Galactic

        wcs = self._wcs.wcs
        if self.names == ("GLON", "GLAT"):
            return Galactic()
        system, equinox = str(wcs.radesys).strip().upper(), float(wcs.equinox)
        if self.names != ("RA", "DEC"):
            system = self.names[0]
        elif not system:
            system = "ICRS" if math.isnan(equinox) else "FK4" if equinox < 1984.0 else "FK5"
        if system == "ICRS" or (system == "FK5" and (math.isnan(equinox) or equinox == 2000.0)):
            return None
        if system == "FK5":
            return FK5(equinox=f"J{equinox!r}")
        if system == "FK4":
            return FK4(equinox="B1950" if math.isnan(equinox) else f"B{equinox!r}")
        raise self._fail(
            f"the system {system} cannot be turned to ICRS; ICRS, FK5, FK4 and galactic coordinates are known"
        )

    @property
    def names(self) -> tuple[str, str]:
        """Names of the block's own longitude and latitude."""
        types = [str(self.cards.get(f"CTYPE{i}", "")).strip().upper() for i in (1, 2)]
        first, second = (t.split("-")[0] for t in types)
        return (second, first) if is_latitude(types[0]) else (first, second)

    def check_equatorial(self, what: str) -> None:
        """Refuse RA and Dec of another equinox."""
        frame = self._frame
        if frame is not None and self.names[0] == "RA":
            equinox = f"{frame.name.upper()} {frame.equinox.value}"
            raise self._fail(f"{what} of {equinox} would be taken for ICRS; filter with a region, which is converted")

    def is_known(self) -> bool:
        """Tell whether wcslib knows the projection, and astropy the system."""
        try:
            return self._wcs is not None and self._frame is self._frame
        except DataError:
            return False

    def astropy_wcs(self) -> Any:
        """Return a copy of wcslib's transform."""
        return self._wcs.deepcopy()

    @cached_property
    def reference(self) -> tuple[float, float]:
        """RA and Dec (ICRS) of the reference point, degrees."""
        ra, dec = self._from_logical(*(float(v) for v in self._wcs.wcs.crpix))
        if not (np.isfinite(ra) and np.isfinite(dec)):
            raise self._fail("its reference pixel has no position")
        return float(ra), float(dec)

    @cached_property
    def scale(self) -> float:
        """Degrees per physical pixel at the reference point."""
        ra, dec = self.reference
        return float(math.sqrt(abs(np.linalg.det(self._jacobian(ra, dec)))))

    def _own_from_logical(self, u: ArrayLike, v: ArrayLike) -> tuple[F64, F64]:
        a, b = np.broadcast_arrays(np.asarray(u, np.float64), np.asarray(v, np.float64))
        pixels = np.column_stack([a.ravel(), b.ravel()])
        wcs = self._wcs
        # wcslib takes no NaN
        good = np.isfinite(pixels).all(axis=1)
        world = np.full(pixels.shape, np.nan)
        if good.any():
            world[good] = wcs.wcs_pix2world(pixels[good], 1)
        lng, lat = world[:, wcs.wcs.lng].reshape(a.shape), world[:, wcs.wcs.lat].reshape(a.shape)
        return np.mod(np.mod(lng, 360.0), 360.0), lat

    def _from_logical(self, u: ArrayLike, v: ArrayLike) -> tuple[F64, F64]:
        lng, lat = self._own_from_logical(u, v)
        frame = self._frame
        if frame is None:
            return lng, lat
        from astropy.coordinates import SkyCoord

        icrs = SkyCoord(lng, lat, unit="deg", frame=frame).icrs
        return np.asarray(icrs.ra.deg), np.asarray(icrs.dec.deg)

    def pixel_to_own(self, x: ArrayLike, y: ArrayLike) -> tuple[F64, F64]:
        """Return the block's own longitude and latitude (`names`), degrees, of physical pixels."""
        return self._own_from_logical(*self.physical_to_logical(np.asarray(x, np.float64), np.asarray(y, np.float64)))

    def pixel_to_sky(self, x: ArrayLike, y: ArrayLike) -> tuple[F64, F64]:
        """Return RA in [0, 360) and Dec, degrees, of physical pixels; shapes broadcast."""
        return self._from_logical(*self.physical_to_logical(np.asarray(x, np.float64), np.asarray(y, np.float64)))

    def sky_to_pixel(self, ra: ArrayLike, dec: ArrayLike) -> tuple[F64, F64]:
        """Return physical pixels of RA, Dec in degrees; NaN where the projection has none."""
        lng, lat = np.broadcast_arrays(np.asarray(ra, np.float64), np.asarray(dec, np.float64))
        wcs, frame = self._wcs, self._frame
        if frame is not None:
            from astropy.coordinates import SkyCoord

            own = SkyCoord(lng, lat, unit="deg", frame="icrs").transform_to(frame).spherical
            lng, lat = np.asarray(own.lon.deg), np.asarray(own.lat.deg)
        world = np.full((lng.size, 2), np.nan)
        world[:, wcs.wcs.lng], world[:, wcs.wcs.lat] = lng.ravel(), lat.ravel()
        good = np.isfinite(world).all(axis=1)
        pixels = np.full(world.shape, np.nan)
        if good.any():
            pixels[good] = wcs.wcs_world2pix(world[good], 1)
        offset_x, step_x, offset_y, step_y = self.to_physical or (0.0, 1.0, 0.0, 1.0)
        x, y = pixels[:, 0].reshape(lng.shape), pixels[:, 1].reshape(lng.shape)
        return offset_x + step_x * x, offset_y + step_y * y


def sky_transform(
    cards: Cards,
    where: str,
    to_physical: tuple[float, float, float, float] | None = None,
    problem: str = "",
) -> SkyTransform | None:
    """Return the transform that world coordinate keywords of two axes describe; None where they are not on the sky.

    Parameters
    ----------
    cards : dict
        CTYPE1 ... in image pixels (tables: column values), as `ciaopy.datamodel.wcs` collects them.
    where : str
        What they belong to, for messages.
    to_physical : tuple of float or None
        See `PixelFrame`.
    problem : str
        Why positions cannot be computed, if so.
    """
    types = [str(cards.get(f"CTYPE{i}", "")).strip().upper() for i in (1, 2)]
    if not any(is_celestial(t) for t in types):
        return None
    if not problem and (tangent := _tangent(cards, types, to_physical)) is not None:
        return tangent
    if not problem and not all(is_celestial(t) for t in types):
        problem = "one axis is on the sky, the other is not"
    return ProjectedTransform(to_physical, cards, where, problem)


def is_celestial(ctype: str) -> bool:
    """Tell whether an axis is a longitude or latitude with a projection: `RA---TAN`, `GLAT-CAR`, `XYLN-TAN`."""
    ctype = ctype.strip().upper()
    name, projection = ctype[:4], ctype[5:8]
    known = name in ("RA--", "DEC-") or name[1:] in ("LON", "LAT") or name[2:] in ("LN", "LT")
    return known and ctype[4:5] == "-" and len(projection) == 3


def is_latitude(ctype: str) -> bool:
    """Tell whether an axis on the sky is the latitude."""
    name = ctype.strip().upper()[:4]
    return name == "DEC-" or name[1:] == "LAT" or name[2:] == "LT"


def _tangent(
    cards: Cards, types: list[str], to_physical: tuple[float, float, float, float] | None
) -> TangentTransform | None:
    """Return the plain tangent plane that the cards describe, or None where they describe anything more."""
    if types != ["RA---TAN", "DEC--TAN"] or not _is_unrotated(cards) or not _is_icrs(cards):
        return None
    try:
        crval, crpix, delta = (
            [float(cards.get(f"{stem}{i}", default)) for i in (1, 2)]
            for stem, default in (("CRVAL", 0.0), ("CRPIX", 0.0), ("CDELT", 1.0))
        )
        pole = float(cards.get("LONPOLE", 180.0))
    except (TypeError, ValueError):
        return None
    if pole != 180.0 or not all(map(math.isfinite, (*crval, *crpix, *delta))) or not delta[0] or not delta[1]:
        return None
    if abs(crval[1]) >= 90.0:
        return None
    offset_x, step_x, offset_y, step_y = to_physical or (0.0, 1.0, 0.0, 1.0)
    centre = (offset_x + step_x * crpix[0], offset_y + step_y * crpix[1])
    return TangentTransform(to_physical, (crval[0], crval[1]), centre, (delta[0] / step_x, delta[1] / step_y))


def _is_unrotated(cards: Cards) -> bool:
    """Tell whether the cards are in degrees and turn, shear and distort nothing."""
    for key, value in cards.items():
        if key.startswith(("CD1_", "CD2_", "PV", "PS")):
            return False
        if key.startswith("PC") and value != float(key[2] == key[4]):
            return False
        if key.startswith("CROTA") and value != 0:
            return False
        if key.startswith("CUNIT") and str(value).strip().lower() not in ("", "deg"):
            return False
    return True


def _is_icrs(cards: Cards) -> bool:
    """Tell whether the system is ICRS or FK5 J2000 (defaults: FITS standard 8.3)."""
    system = str(cards.get("RADESYS", "")).strip().upper()
    equinox = cards.get("EQUINOX")
    if system == "ICRS":
        return True
    return system in ("", "FK5") and (equinox == 2000.0 or (equinox is None))
