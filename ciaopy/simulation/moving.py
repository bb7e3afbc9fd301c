"""A moving target: the orbit of the spacecraft, the way of an object through the field, and their ephemerides."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ciaopy.coords import AU_M, Ephemeris, FloatArray, ObjectTrack, TangentPlane, tangent_axes
from ciaopy.fits import Dataset
from ciaopy.simulation.headers import Keywords, column, dates, put, table
from ciaopy.simulation.setup import Motion

if TYPE_CHECKING:
    from ciaopy.fits import Table

__all__ = ["MovingTarget"]

# Elements of Chandra's orbit in the ephemeris of ObsID 22772: m, -, degrees (inclination, node, perigee, anomaly).
SEMI_MAJOR_M, ECCENTRICITY = 8.080178875641e7, 0.7612496960531
INCLINATION, NODE, PERIGEE, MEAN_ANOMALY = 63.47968, 268.7822, 229.4324, 82.7476
# Gravity of the Earth, m3/s2 (IERS conventions 2010).
EARTH_GRAVITY = 3.986004418e14
# Rows, and how long before and after the observation they reach, s: archive files have 300 s and 21 days.
ROW_STEP, REACH = 300.0, 5 * 86400.0


@dataclass(frozen=True)
class MovingTarget:
    """The target of an observation on its way.

    Attributes
    ----------
    motion : Motion
    ra, dec : float
        Where it is seen in the middle of the observation, degrees.
    start, stop : float
        Of the observation, s.
    """

    motion: Motion
    ra: float
    dec: float
    start: float
    stop: float

    @cached_property
    def time(self) -> FloatArray:
        """Times of the rows, s."""
        first = math.floor((self.start - REACH) / ROW_STEP) * ROW_STEP + 0.184
        rows = math.ceil((self.stop + REACH - first) / ROW_STEP) + 1
        return np.asarray(first + np.arange(rows) * ROW_STEP, np.float64)

    @cached_property
    def _states(self) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """Positions and velocities of spacecraft and object at the rows, m and m/s, each shape (n, 3)."""
        place, speed = _orbit(self.time)
        middle = (self.start + self.stop) / 2
        here, there = _orbit(np.array([middle]))
        p, e, n = tangent_axes(self.ra, self.dec)
        turn = math.radians(self.motion.angle)
        distance = self.motion.distance * AU_M
        across = distance * math.radians(self.motion.speed / 3600.0 / 60.0)
        velocity = there[0] + across * (math.sin(turn) * e + math.cos(turn) * n)
        body = here[0] + distance * p + np.outer(self.time - middle, velocity)
        return place, speed, body, np.broadcast_to(velocity, body.shape).copy()

    @cached_property
    def track(self) -> ObjectTrack:
        """The way of the object as Chandra sees it; its ephemeris gives apparent positions, as those of comets."""
        place, speed, body, velocity = self._states
        until = np.append(self.time[1:], self.time[-1])
        knots = (np.column_stack([self.time, place, speed]), np.column_stack([self.time, body, velocity]))
        orbit, thing = (Ephemeris(np.ascontiguousarray(k), until, sources=("simulation",)) for k in knots)
        return ObjectTrack.of(orbit, thing)

    def positions(self, plane: TangentPlane, time: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return SKY pixels of the object, each shape (n,), at times (n,) [s]."""
        ra, dec, _ = self.track.directions(time)
        return plane.world_to_pixel(ra, dec)

    def files(self, keywords: Keywords) -> list[tuple[str, Dataset]]:
        """Return names and contents of the ephemerides of the spacecraft and of the object."""
        place, speed, body, velocity = self._states
        what = re.sub(r"[^a-z0-9]", "", keywords.setup.target.lower()).rstrip("0123456789") or "object"
        stamp = f"f{int(self.time[0]):09d}N001_eph1.fits"
        orbit = self._table(keywords, "ORBITEPHEM", "FK5", place, speed)
        thing = self._table(keywords, "SSOEPHEM", "ICRS", body, velocity)
        return [(f"orbit{stamp}", orbit), (f"{what}{stamp}", thing)]

    def _table(self, keywords: Keywords, name: str, frame: str, place: FloatArray, velocity: FloatArray) -> Dataset:
        first, last = float(self.time[0]), float(self.time[-1])
        own: list[tuple[str, Any, str]] = [
            ("INSTRUME", name.removesuffix("EPHEM"), ""),
            ("DETNAM", "", ""),
            ("HDUCLAS3", "DEFINITIVE", "Definitive or predictive"),
            ("EQUINOX", 2000.0, ""),
            ("RADECSYS", frame, "Coordinate reference frame"),
            ("TIMEPIXR", 0.0, ""),
            ("TIMEDEL", ROW_STEP, "[s]"),
            ("TSTART", first, "[s]"),
            ("TSTOP", last, "[s]"),
            *dates(first, last),
        ]
        header = put(keywords.base(name, f"{name}1", ("OGIP", "TEMPORALDATA", "EPHEM")), own)
        columns = [column("Time", self.time, "s")]
        columns += [column(c, place[:, i], "m") for i, c in enumerate("XYZ")]
        columns += [column(c, velocity[:, i], "m/s") for i, c in enumerate(("Vx", "Vy", "Vz"))]
        made: Table = table(header, columns)
        return Dataset([keywords.primary(), made])


def _orbit(time: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return geocentric position [m] and velocity [m/s], shape (n, 3), on Chandra's orbit of 2020 (two bodies)."""
    rate = math.sqrt(EARTH_GRAVITY / SEMI_MAJOR_M**3)
    # the mean anomaly of the file's epoch, TT seconds of its first row
    mean = np.radians(MEAN_ANOMALY) + rate * (np.asarray(time, np.float64) - 701265905.184)
    anomaly = mean + ECCENTRICITY * np.sin(mean)
    for _ in range(40):
        slope = 1.0 - ECCENTRICITY * np.cos(anomaly)
        anomaly = anomaly - (anomaly - ECCENTRICITY * np.sin(anomaly) - mean) / slope
    minor = SEMI_MAJOR_M * math.sqrt(1.0 - ECCENTRICITY**2)
    grow = rate / (1.0 - ECCENTRICITY * np.cos(anomaly))
    u, w = _plane()
    place = np.outer(SEMI_MAJOR_M * (np.cos(anomaly) - ECCENTRICITY), u) + np.outer(minor * np.sin(anomaly), w)
    velocity = np.outer(-SEMI_MAJOR_M * np.sin(anomaly) * grow, u) + np.outer(minor * np.cos(anomaly) * grow, w)
    return place, velocity


def _plane() -> tuple[FloatArray, FloatArray]:
    """Return the unit vectors to the perigee and along the motion there."""
    i, o, p = (math.radians(v) for v in (INCLINATION, NODE, PERIGEE))
    node = np.array([math.cos(o), math.sin(o), 0.0])
    across = np.array([-math.sin(o) * math.cos(i), math.cos(o) * math.cos(i), math.sin(i)])
    return math.cos(p) * node + math.sin(p) * across, -math.sin(p) * node + math.cos(p) * across
