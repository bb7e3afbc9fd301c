"""The tangent plane: SKY pixels and right ascension, declination."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ciaopy.coords.attitude import keyword_number
from ciaopy.coords.geometry import Detector, FloatArray, Geometry
from ciaopy.errors import DataError
from ciaopy.sphere import gnomonic, gnomonic_inverse


@dataclass(frozen=True)
class TangentPlane:
    """A gnomonic (TAN) projection without rotation.

    x = x0 - xi / scale, y = y0 + eta / scale of `ciaopy.sphere.gnomonic`.

    Attributes
    ----------
    ra, dec : float
        Tangent point, degrees.
    x0, y0 : float
        Its pixel (1-based, pixel centre = integer).
    scale : float
        Degrees per pixel, positive (TCDLT of y; that of x is its negative).
    """

    ra: float
    dec: float
    x0: float
    y0: float
    scale: float

    def world_to_pixel(self, ra: ArrayLike, dec: ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Return the pixel (x, y) of (ra, dec) in degrees; NaN for directions 90 degrees or more away."""
        xi, eta = gnomonic(ra, dec, self.ra, self.dec)
        return self.x0 - xi / self.scale, self.y0 + eta / self.scale

    def pixel_to_world(self, x: ArrayLike, y: ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Return (ra, dec) in degrees, ra in [0, 360), of the pixel (x, y)."""
        xi, eta = -(np.asarray(x, float) - self.x0) * self.scale, (np.asarray(y, float) - self.y0) * self.scale
        return gnomonic_inverse(xi, eta, self.ra, self.dec)


@dataclass(frozen=True)
class SkyFrame:
    """The SKY system of an event file: tangent point and pixel grid.

    Attributes
    ----------
    ra_nom, dec_nom, roll_nom : float
        RA_NOM, DEC_NOM, ROLL_NOM, degrees. The roll is carried for headers; SKY itself has North up.
    detector : Detector
        Gives scale and reference pixel.
    """

    ra_nom: float
    dec_nom: float
    roll_nom: float
    detector: Detector

    @classmethod
    def of(cls, ra_nom: float, dec_nom: float, roll_nom: float, instrument: str) -> SkyFrame:
        """Make a frame for `ACIS`, `HRC-I` or `HRC-S` with the embedded geometry."""
        return cls(float(ra_nom), float(dec_nom), float(roll_nom), Geometry.embedded().detector(instrument))

    @classmethod
    def from_header(
        cls, header: Mapping[str, Any], geometry: Geometry | None = None, where: str = "header"
    ) -> SkyFrame:
        """Make the frame of a header with RA_NOM, DEC_NOM (ROLL_NOM: 0 if absent), INSTRUME, DETNAM.

        Raises
        ------
        DataError
            RA_NOM or DEC_NOM is missing or not a number; unknown detector.
        """
        detector = (geometry or Geometry.embedded()).detector_of(header, where)
        for key in ("RA_NOM", "DEC_NOM"):
            if header.get(key) is None:
                raise DataError(f"{where}: no keyword {key}, the tangent point of SKY coordinates; set it with dmhedit")
        ra, dec, roll = (keyword_number(header.get(k, 0.0), k, where) for k in ("RA_NOM", "DEC_NOM", "ROLL_NOM"))
        return cls(ra, dec, roll, detector)

    @property
    def plane(self) -> TangentPlane:
        """The tangent plane of X, Y."""
        d = self.detector
        return TangentPlane(self.ra_nom, self.dec_nom, d.ref, d.ref, d.scale / 3600.0)

    def column_keywords(self) -> dict[str, dict[str, Any]]:
        """Return the per-column keywords of x, y, detx, dety, chipx, chipy, without number, as archive files have them.

        x, y: EQPOS (TCTYP RA---TAN, DEC--TAN); detx, dety: MSC (LONG-TAN, NPOL-TAN, with LONP, LATP on detx);
        chipx, chipy: CPC.
        """
        d = self.detector
        step = d.scale / 3600.0
        lo, hi = d.det_range
        limits = {"TLMIN": lo, "TLMAX": hi}

        def axis(ctype: str, crval: float, crpix: float, cdelt: float, unit: str) -> dict[str, Any]:
            return {"TCTYP": ctype, "TCRVL": crval, "TCRPX": crpix, "TCDLT": cdelt, "TCUNI": unit}

        return {
            "chipx": axis("CPCX", 0.0, 0.5, d.pixel, "mm"),
            "chipy": axis("CPCY", 0.0, 0.5, d.pixel, "mm"),
            "detx": limits | axis("LONG-TAN", 0.0, d.ref, step, "deg") | {"LONP": 270.0, "LATP": 90.0},
            "dety": limits | axis("NPOL-TAN", 0.0, d.ref, step, "deg"),
            "x": limits | axis("RA---TAN", self.ra_nom, d.ref, -step, "deg"),
            "y": limits | axis("DEC--TAN", self.dec_nom, d.ref, step, "deg"),
        }
