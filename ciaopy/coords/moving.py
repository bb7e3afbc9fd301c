"""An object of the solar system as seen from the spacecraft: its direction and distance, and coordinates about it.

Planets' ephemerides give the true position at the time stamp, those of comets and asteroids the apparent one (mail of a
CXC archive scientist). The sky frame of Chandra events is astrometric: aberration is taken out with the guide stars. So
the vector from the spacecraft to the object is

    apparent file:  g = G(t) - S(t)
    true positions: g = G(t - tau) - S(t) - [E(t) - E(t - tau)],  tau = |g| / c

with G the object, S the spacecraft (both geocentric) and E the Earth's barycentric position (erfa's epv00, as astropy's
built-in ephemeris; offline). Against astropy's barycentric bodies: 1e-8 arcsec for Venus, Mars, Jupiter, Saturn.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ciaopy.coords.attitude import Attitude, attitude_matrix, matrix_angles, tangent_axes
from ciaopy.coords.geometry import FloatArray
from ciaopy.errors import DataError, NoDataError
from ciaopy.kernels import moving as kernels
from ciaopy.sphere import positions

if TYPE_CHECKING:
    from ciaopy.coords.ephemeris import Ephemeris

__all__ = ["LIGHT_M_S", "ObjectTrack", "object_centred", "object_centred_attitudes"]

LIGHT_M_S = 299792458.0
# Steps of the Earth's orbit (s): the cubic between them is good to 1 cm (its fourth derivative is 5e-16 m/s4).
EARTH_STEP_S = 8640.0
# Iterations of the light time; each gains a factor v/c = 1e-4.
LIGHT_TIME_ROUNDS = 3
# Times of sending are good to this (s): 1e-4 of the last step of the iteration.
ROUNDING_S = 1e-3
# Closer than this (m) spacecraft and "object" are one.
NEAREST_M = 1.0e4


@dataclass(frozen=True)
class ObjectTrack:
    """The vector from the spacecraft to an object against time.

    Attributes
    ----------
    knots : ndarray, shape (n, 7), float64
        Time [s], vector [m], its rate [m/s]; between knots a cubic, see `ciaopy.kernels.moving`.
    until : ndarray, shape (n,), float64
        Until when, inclusive, each piece holds.
    light_time : bool
        The time that light takes was taken out.
    """

    knots: FloatArray
    until: FloatArray
    light_time: bool
    name: str = field(default="", compare=False)

    @classmethod
    def of(cls, spacecraft: Ephemeris, body: Ephemeris, mjd_zero: float = 50814.0) -> ObjectTrack:
        """Make the track from ephemerides that count time alike.

        Parameters
        ----------
        spacecraft, body : Ephemeris
        mjd_zero : float
            MJD (TT) of time 0, for the Earth's place.

        Raises
        ------
        DataError
            They are one body, or wrong files.
        NoDataError
            They have no time in common.
        """
        spacecraft.check_spacecraft()
        body.check_object()
        earth = _earth(spacecraft, body, mjd_zero) if body.geometric else None
        time = _knot_times(spacecraft, body)
        vector, rate = _seen(time, spacecraft, body, earth)
        good = np.isfinite(vector).all(axis=1)
        if good.sum() < 2:
            raise NoDataError(
                f"{body.name} ({_span(body)}) and {spacecraft.name} ({_span(spacecraft)}) have no time in common; "
                "give the ephemerides of this observation"
            )
        time, vector, rate = time[good], vector[good], rate[good]
        nearest = float(np.linalg.norm(vector, axis=1).min())
        if nearest < NEAREST_M:
            raise DataError(
                f"{body.name}: the object would be {nearest:.6g} m from the spacecraft of {spacecraft.name}; "
                "ssoephemfile takes the ephemeris of the object, not the orbit"
            )
        middle = (time[1:] + time[:-1]) / 2
        whole = np.isfinite(_seen(middle, spacecraft, body, earth)[0]).all(axis=1)
        until = np.append(np.where(whole, time[1:], time[:-1]), time[-1])
        return cls(np.ascontiguousarray(np.column_stack([time, vector, rate])), until, body.geometric, body.name)

    @property
    def span(self) -> tuple[float, float]:
        """First and last time, s."""
        return float(self.knots[0, 0]), float(self.knots[-1, 0])

    def at(self, times: ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Return the vector [m] to the object and its rate [m/s], shape (n, 3), at times [s]; NaN outside."""
        t = np.ascontiguousarray(times, np.float64).ravel()
        vector, rate = np.empty((t.size, 3)), np.empty((t.size, 3))
        kernels.curve_at(t, self.knots, self.until, vector, rate)
        return vector, rate

    def covers(self, times: ArrayLike) -> NDArray[np.bool_]:
        """Tell for each time, s, whether the object's place is known."""
        t = np.asarray(times, np.float64)
        k = np.searchsorted(self.knots[:, 0], t, side="right") - 1
        return np.asarray((k >= 0) & (t <= self.until[np.maximum(k, 0)]))

    def directions(self, times: ArrayLike) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return RA, Dec [degrees] and distance [km] of the object, each shape (n,), at times [s]; NaN outside."""
        vector, _ = self.at(times)
        ra, dec = positions(vector)
        return ra, dec, np.asarray(np.linalg.norm(vector, axis=1) / 1e3)

    def speed(self, times: ArrayLike) -> FloatArray:
        """Return the apparent angular speed, arcsec/min, shape (n,), at times [s]; NaN outside."""
        vector, rate = self.at(times)
        across = np.linalg.norm(np.cross(vector, rate), axis=1) / np.sum(vector * vector, axis=1)
        return np.asarray(np.degrees(across) * 3600.0 * 60.0)


def _span(ephemeris: Ephemeris) -> str:
    first, last = ephemeris.span
    return f"{first:.2f}..{last:.2f} s"


def _earth(spacecraft: Ephemeris, body: Ephemeris, mjd_zero: float) -> Ephemeris:
    """Return the Earth's barycentric position over the time of the files, and a light time before."""
    import erfa

    from ciaopy.coords.ephemeris import AU_M, Ephemeris

    farthest = float(np.linalg.norm(body.knots[:, 1:4], axis=1).max()) + AU_M
    low, high = max(spacecraft.span[0], body.span[0]), min(spacecraft.span[1], body.span[1])
    low -= farthest / LIGHT_M_S
    time = np.arange(low, max(high, low) + 2 * EARTH_STEP_S, EARTH_STEP_S)
    # TT for TDB: 2 ms, 60 m
    state = erfa.epv00(2400000.5 + mjd_zero, time / 86400.0)[1]
    knots = np.column_stack([time, state["p"] * AU_M, state["v"] * (AU_M / 86400.0)])
    return Ephemeris(np.ascontiguousarray(knots), np.append(time[1:], time[-1]))


def _knot_times(spacecraft: Ephemeris, body: Ephemeris) -> FloatArray:
    """Return where the pieces of the track begin and end: at the rows of both files, the object's as they are seen."""
    low, high = max(spacecraft.span[0], body.span[0]), min(spacecraft.span[1], body.span[1])
    seen = body.time
    inner = [spacecraft.time, body.time]
    if body.geometric:
        for _ in range(LIGHT_TIME_ROUNDS):
            held = spacecraft.at(np.clip(seen, *spacecraft.span))[0]
            distance = np.linalg.norm(body.knots[:, 1:4] - np.nan_to_num(held), axis=1)
            seen = body.time + distance / LIGHT_M_S
        low = max(low, float(seen[0]))
        inner.append(seen)
    times = np.concatenate([*inner, [low, high]])
    return np.unique(times[(times >= low) & (times <= high)])


def _seen(
    time: FloatArray, spacecraft: Ephemeris, body: Ephemeris, earth: Ephemeris | None
) -> tuple[FloatArray, FloatArray]:
    """Return the vector to the object and its rate at times; NaN where an ephemeris has none."""
    place, velocity = spacecraft.at(time)
    there, speed = body.at(time)
    vector, rate = there - place, speed - velocity
    if earth is None:
        return vector, rate
    now, moving = earth.at(time)
    start = body.span[0]
    sent = time
    for _ in range(LIGHT_TIME_ROUNDS):
        sent = time - np.linalg.norm(vector, axis=1) / LIGHT_M_S
        # the first rounds are off by a second: what begins before the file is known at the end
        there, speed = body.at(np.maximum(sent, start))
        then, moved = earth.at(sent)
        vector = there - place - (now - then)
        # d/dt of the above with dtau/dt = (g . dg/dt) / (|g| c)
        shrink = 1.0 - np.sum(vector * rate, axis=1) / np.linalg.norm(vector, axis=1) / LIGHT_M_S
        rate = (speed + moved) * shrink[:, None] - velocity - moving
    vector[sent < start - ROUNDING_S] = np.nan
    return vector, rate


def object_centred(
    track: ObjectTrack, time: FloatArray, x: FloatArray, y: FloatArray, plane: FloatArray, scale: float
) -> tuple[FloatArray, FloatArray, FloatArray, int]:
    """Return positions about the object.

    With v the event's direction and P, E, N those to the object, East and North at the event's own time:
    ocx = x0 + (v.E)/(v.P)/step_x, ocy = y0 + (v.N)/(v.P)/step_y; with a scale in km per pixel times abs(g) / scale
    instead.

    Parameters
    ----------
    track : ObjectTrack
    time : ndarray, shape (n,), float64
        s.
    x, y : ndarray, shape (n,), float64
        SKY pixels.
    plane : ndarray, shape (13,), float64
        Of SKY, see `ciaopy.kernels.moving.object_centred`.
    scale : float
        km per pixel; 0: angular.

    Returns
    -------
    ocx, ocy, length : ndarray, shape (n,), float64
        Pixels, and the distance in km. All NaN where the object's place is not known; pixels NaN 90 degrees away.
    outside : int
        Number of events of the former kind.
    """
    ocx, ocy, length = (np.empty(time.size) for _ in range(3))
    arrays = [np.ascontiguousarray(v, np.float64) for v in (time, x, y)]
    outside = kernels.object_centred(*arrays, track.knots, track.until, plane, float(scale), ocx, ocy, length)
    return ocx, ocy, length, int(outside)


def object_centred_attitudes(
    track: ObjectTrack, time: FloatArray, attitude: Attitude, tangent: tuple[float, float]
) -> Attitude:
    """Return attitudes in the frame in which the object stands still at a tangent point.

    The body axes are turned by the rotation that takes the axes (to the object, East, North) at each time to those at
    the tangent point. DET with these attitudes and that tangent plane gives ocx, ocy.

    Parameters
    ----------
    track : ObjectTrack
    time : ndarray, shape (n,), float64
        s.
    attitude : Attitude
        Shape (n,).
    tangent : tuple of float
        RA and Dec, degrees.

    Returns
    -------
    Attitude
        NaN angles where the object's place is not known; offsets as they were.
    """
    ra, dec, _ = track.directions(time)
    known = np.isfinite(ra)
    turn = np.swapaxes(tangent_axes(*tangent), -1, -2) @ tangent_axes(np.where(known, ra, 0), np.where(known, dec, 0))
    angles = matrix_angles(turn @ attitude_matrix(attitude.ra, attitude.dec, attitude.roll))
    new = [np.where(known, v, np.nan) for v in angles]
    return Attitude(new[0], new[1], new[2], attitude.dy, attitude.dz, attitude.dtheta)
