"""Numbers of region syntax: physical, logical and sky coordinates, sizes with units, angles."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from typing import Protocol

from ciaopy.errors import RegionError

__all__ = ["SYSTEMS", "Frame", "SkyMapping"]

# ds9 coordinate systems; those of the third kind are turned to ICRS by astropy.
SYSTEMS = {
    "physical": "physical",
    "image": "image",
    "fk5": "icrs",
    "icrs": "icrs",
    "j2000": "icrs",
    "wcs": "icrs",
    "fk4": "fk4",
    "b1950": "fk4",
    "galactic": "galactic",
    "ecliptic": "barycentrictrueecliptic",
}
_HOUR_SYSTEMS = ("icrs", "fk4")

_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_PLAIN = re.compile(rf"({_NUMBER})(d|p|i|r|''|\"|')?")
_COLONS = re.compile(r"([+-]?)(\d+):(\d+)(?::(\d+\.?\d*|\.\d+))?")
_LETTERS = re.compile(r"([+-]?)(\d+)([hd])(\d+)m(\d+\.?\d*|\.\d+)s")


class SkyMapping(Protocol):
    """What regions need to know of their block (`ciaopy.datamodel.sky.PixelFrame`); each raises what it cannot do."""

    def world_to_pixel(self, ra_deg: float, dec_deg: float) -> tuple[float, float]:
        """Return the physical pixel of a sky position in degrees (ICRS)."""
        ...

    def scale_at(self, x: float, y: float) -> float:
        """Return the degrees per physical pixel at a physical pixel."""
        ...

    def turn(self, system: str = "icrs") -> float:
        """Return by how much, in degrees counter-clockwise, West of a sky system is turned from +x."""
        ...

    def logical_to_physical(self, x: float, y: float) -> tuple[float, float]:
        """Turn image pixels, those of ds9's `image`, into physical pixels."""
        ...

    @property
    def logical_scale(self) -> float:
        """Physical pixels per image pixel."""
        ...


@dataclass(frozen=True)
class Frame:
    """In which coordinate system plain numbers are, and how to get from it to physical pixels.

    Attributes
    ----------
    system : str
        A value of `SYSTEMS`: `physical`, `image`, or the name of an astropy sky frame.
    wcs : SkyMapping or None
        The sky transform of the block that the region is for.
    """

    system: str = "physical"
    wcs: SkyMapping | None = None

    def with_system(self, name: str) -> Frame:
        """Return the frame for a ds9 coordinate system, such as `fk5`."""
        return replace(self, system=SYSTEMS[name.lower()])

    def position(self, first: str, second: str) -> tuple[float, float]:
        """Return the physical pixel of a coordinate pair as typed.

        Raises
        ------
        RegionError
            Not numbers; one sky and one pixel coordinate; a sky position where there is no sky transform.
        """
        a, a_sky = self._coordinate(first, is_first=True)
        b, b_sky = self._coordinate(second, is_first=False)
        if a_sky != b_sky:
            raise RegionError(f"region: {first},{second} mixes a sky and a pixel coordinate")
        if a_sky:
            return self._from_sky(a, b)
        return self._from_image(a, b) if self.system == "image" else (a, b)

    def size(self, text: str, centre: tuple[float, float] = (math.nan, math.nan)) -> float:
        """Return a length in physical pixels: plain, `p`, `i`, `d` (degrees), `'`, `"` or `r` (radians).

        One on the sky is measured at `centre`, a physical pixel.

        Raises
        ------
        RegionError
            Not a length; a length on the sky that is not the same in all directions.
        """
        value, unit = _number(text, "size")
        if not unit:
            unit = {"physical": "p", "image": "i"}.get(self.system, "d")
        if unit == "p":
            return value
        if unit == "i":
            return value * self._block("sizes in image pixels need an image").logical_scale
        return _degrees(value, unit) / self._sky().scale_at(*centre)

    @property
    def turn(self) -> float:
        """What is added to angles: in a sky system of ds9 they count from its West, else from +x."""
        return self._sky().turn(self.system) if self._is_sky else 0.0

    def angle(self, text: str) -> float:
        """Return an angle in degrees from +x: plain, or with the unit `d`, `'`, `"` or `r`."""
        value, unit = _number(text, "angle")
        if unit in ("p", "i"):
            raise RegionError(f"region: {text} is not an angle")
        return _degrees(value, unit or "d") + self.turn

    def check_upright(self, shape: str, first: str) -> None:
        """Refuse corners on the sky where the pixels are turned against it.

        Raises
        ------
        RegionError
            The shape would be another one.
        """
        if self._coordinate(first, is_first=True)[1]:
            system = self.system if self._is_sky else "icrs"
            if abs(math.sin(2.0 * math.radians(self._sky().turn(system)))) > 1e-6:
                raise RegionError(f"region: a {shape} with corners on the sky, which the pixels are turned against")

    def _coordinate(self, text: str, is_first: bool) -> tuple[float, bool]:
        """Return (value, whether it is degrees on the sky)."""
        if match := _COLONS.fullmatch(text):
            sign, whole, minutes, seconds = match.groups()
            hours = is_first and (self.system in _HOUR_SYSTEMS or not self._is_sky)
            return _sexagesimal(text, sign, whole, minutes, seconds or "0") * (15.0 if hours else 1.0), True
        if match := _LETTERS.fullmatch(text):
            sign, whole, letter, minutes, seconds = match.groups()
            return _sexagesimal(text, sign, whole, minutes, seconds) * (15.0 if letter == "h" else 1.0), True
        value, unit = _number(text, "coordinate")
        if unit in ("d", "r"):
            return _degrees(value, unit), True
        if unit == "p" and not self._is_sky and self.system != "image":
            return value, False
        if unit:
            raise RegionError(f"region: {text} is not a coordinate")
        return value, self._is_sky

    @property
    def _is_sky(self) -> bool:
        return self.system not in ("physical", "image")

    def _sky(self) -> SkyMapping:
        if self.wcs is None:
            raise RegionError("region: sky coordinates or sizes need a file with a sky transform; use physical pixels")
        return self.wcs

    def _from_sky(self, longitude: float, latitude: float) -> tuple[float, float]:
        wcs = self._sky()
        if not -90.0 <= latitude <= 90.0:
            raise RegionError(f"region: a declination or latitude of {latitude:g} degrees")
        if self._is_sky and self.system != "icrs":
            from astropy.coordinates import SkyCoord

            icrs = SkyCoord(longitude, latitude, unit="deg", frame=self.system).icrs
            longitude, latitude = float(icrs.ra.deg), float(icrs.dec.deg)
        x, y = wcs.world_to_pixel(longitude, latitude)
        x, y = float(x), float(y)
        if not (math.isfinite(x) and math.isfinite(y)):
            raise RegionError(f"region: the sky position {longitude:g},{latitude:g} is not in the block's projection")
        return x, y

    def _from_image(self, x: float, y: float) -> tuple[float, float]:
        px, py = self._block("image coordinates need an image").logical_to_physical(x, y)
        return float(px), float(py)

    def _block(self, need: str) -> SkyMapping:
        if self.wcs is None:
            raise RegionError(f"region: {need}; save the region in physical coordinates for a table")
        return self.wcs


def _number(text: str, noun: str) -> tuple[float, str]:
    match = _PLAIN.fullmatch(text)
    if match is None:
        raise RegionError(f"region: {text or 'nothing'} is not a {noun}")
    return float(match[1]), match[2] or ""


def _degrees(value: float, unit: str) -> float:
    if unit == "r":
        return math.degrees(value)
    return value / {"d": 1.0, "'": 60.0, '"': 3600.0, "''": 3600.0}[unit]


def _sexagesimal(text: str, sign: str, whole: str, minutes: str, seconds: str) -> float:
    if float(minutes) >= 60.0 or float(seconds) >= 60.0:
        raise RegionError(f"region: {text} has 60 or more minutes or seconds")
    value = float(whole) + float(minutes) / 60.0 + float(seconds) / 3600.0
    return -value if sign == "-" else value
