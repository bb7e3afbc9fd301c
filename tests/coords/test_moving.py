"""Moving objects: photons of the object fall on one pixel; light time; attitudes; an independent check with astropy."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from moving_helpers import AU_M, PIXEL_DEG, T0, body, ephemeris_table, grid, kepler, orbit, straight

from ciaopy.coords import (
    LIGHT_M_S,
    Attitude,
    Ephemeris,
    FocalPlane,
    ObjectTrack,
    SkyFrame,
    TangentPlane,
    object_centred,
    object_centred_attitudes,
    tangent_axes,
)
from ciaopy.datamodel import TangentTransform, Workspace
from ciaopy.errors import DataError, NoDataError
from ciaopy.events import ObjectFrame
from ciaopy.sphere import positions

DAY_RANGE = 15000.0


def frame(track: ObjectTrack, ra: float, dec: float, scale: float = 0.0) -> ObjectFrame:
    return ObjectFrame(
        track, ("x", "y"), TangentTransform(None, (ra, dec), (4096.5, 4096.5), (-PIXEL_DEG, PIXEL_DEG)), scale
    )


def moved(
    track: ObjectTrack, ra: float, dec: float, x: np.ndarray, y: np.ndarray, t: np.ndarray, scale: float = 0.0
) -> tuple:
    return object_centred(track, t, x, y, frame(track, ra, dec).plane, scale)


objects = st.tuples(
    st.sampled_from([0.003, 123.4, 359.999]),
    st.sampled_from([-89.0, -31.0, 0.0, 60.0, 89.0]),
    st.floats(np.log(0.01), np.log(40.0)).map(np.exp),
    st.floats(np.log(0.01), np.log(60.0)).map(np.exp),
    st.floats(0.0, 360.0),
    st.booleans(),
)


@settings(max_examples=40)
@given(objects)
def test_photons_of_the_object_fall_on_the_reference_pixel(drawn):
    """0.01-60 arcsec/min at 0.01-40 AU, RA across 0, Dec to 89 degrees: 1e-6 pixel, where x, y move by thousands."""
    ra, dec, au, speed, angle, light = drawn
    track = ObjectTrack.of(orbit(), body(ra, dec, au, speed, angle, PLEPHEM="JPL-DE405" if light else None))
    t = np.linspace(T0 - DAY_RANGE, T0 + DAY_RANGE, 200)
    vector, _ = track.at(t)
    near = tuple(float(v[0]) for v in positions(track.at([T0])[0]))
    seen = positions(vector)
    x, y = TangentPlane(*near, 4096.5, 4096.5, PIXEL_DEG).world_to_pixel(*seen)
    ocx, ocy, length, outside = moved(track, *near, x, y, t)
    assert outside == 0
    assert np.abs(ocx - 4096.5).max() < 1e-6
    assert np.abs(ocy - 4096.5).max() < 1e-6
    assert length == pytest.approx(np.linalg.norm(vector, axis=1) / 1e3, rel=1e-12)


@settings(max_examples=40)
@given(objects, st.integers(0, 2**31))
def test_round_trip_and_scales(drawn, seed):
    """Back from ocx, ocy to x, y to 1e-6 pixel; linear is angular times distance over km per pixel."""
    ra, dec, au, speed, angle, light = drawn
    rng = np.random.default_rng(seed)
    track = ObjectTrack.of(orbit(), body(ra, dec, au, speed, angle, PLEPHEM="JPL-DE405" if light else None))
    t = rng.uniform(T0 - DAY_RANGE, T0 + DAY_RANGE, 50)
    x, y = (rng.uniform(2000, 6000, 50) for _ in range(2))
    ocx, ocy, length, _ = moved(track, ra, dec, x, y, t)
    axes = tangent_axes(*positions(track.at(t)[0]))
    e, n = -(ocx - 4096.5) * np.radians(PIXEL_DEG), (ocy - 4096.5) * np.radians(PIXEL_DEG)
    v = axes[:, 0] + e[:, None] * axes[:, 1] + n[:, None] * axes[:, 2]
    back = TangentPlane(ra, dec, 4096.5, 4096.5, PIXEL_DEG).world_to_pixel(*positions(v))
    assert back[0] == pytest.approx(x, abs=1e-6)
    assert back[1] == pytest.approx(y, abs=1e-6)
    lx, ly, _, _ = moved(track, ra, dec, x, y, t, scale=250.0)
    factor = length * np.radians(PIXEL_DEG) / 250.0
    assert lx - 4096.5 == pytest.approx((ocx - 4096.5) * factor, rel=1e-9, abs=1e-9)
    assert ly - 4096.5 == pytest.approx((ocy - 4096.5) * factor, rel=1e-9, abs=1e-9)


def test_a_star_trails_as_far_as_the_object_moves():
    track = ObjectTrack.of(orbit(), body(50.0, 20.0, 2.0, 5.0))
    t = np.linspace(T0 - 1500.0, T0 + 1500.0, 100)
    plane = TangentPlane(50.0, 20.0, 4096.5, 4096.5, PIXEL_DEG)
    x, y = plane.world_to_pixel(*positions(track.at(t)[0]))
    ocx, ocy, _, _ = moved(track, 50.0, 20.0, np.full(100, 4096.5), np.full(100, 4096.5), t)
    assert np.hypot(np.ptp(ocx), np.ptp(ocy)) == pytest.approx(np.hypot(np.ptp(x), np.ptp(y)), rel=1e-4)
    assert track.speed([T0])[0] * 50 == pytest.approx(np.hypot(np.ptp(x), np.ptp(y)) * 0.492, rel=1e-3)


def test_places_without_a_position_are_nan():
    track = ObjectTrack.of(orbit(), body(50.0, 20.0, 2.0, 5.0))
    first, last = track.span
    t = np.array([first - 1.0, first, last, last + 1.0, np.nan, T0, T0])
    x = np.array([4000.0] * 5 + [np.nan, 4000.0])
    ocx, ocy, length, outside = moved(track, 50.0, 20.0, x, x, t)
    assert np.isnan(length).tolist() == [True, False, False, True, True, False, False]
    assert np.isnan(ocx).tolist() == [True, False, False, True, True, True, False]
    assert outside == 3
    assert np.array_equal(np.isnan(ocx), np.isnan(ocy))
    far = moved(track, 50.0 + 180.0, -20.0, np.array([4096.5]), np.array([4096.5]), np.array([T0]))
    assert np.isnan(far[0][0])
    assert np.isnan(far[1][0])
    assert far[2][0] == pytest.approx(2 * AU_M / 1e3, rel=1e-3)


def test_threads_and_blocks_give_the_same_bytes():
    rng = np.random.default_rng(0)
    track = ObjectTrack.of(orbit(), body(50.0, 20.0, 2.0, 5.0))
    rows = {"time": rng.uniform(T0 - 9e4, T0 + 9e4, 200_000), **{c: rng.uniform(3e3, 5e3, 200_000) for c in "xy"}}
    whole, found = frame(track, 50.0, 20.0).positions(rows)
    parts = [{k: v[i : i + 7001] for k, v in rows.items()} for i in range(0, 200_000, 7001)]
    with ThreadPoolExecutor(4) as pool:
        pieces = list(pool.map(frame(track, 50.0, 20.0).positions, parts))
    for i, values in enumerate(whole):
        assert np.array_equal(values, np.concatenate([p[0][i] for p in pieces]), equal_nan=True)
    assert found.outside == sum(p[1].outside for p in pieces) > 0
    assert found.first == min(p[1].first for p in pieces)


# ---- light time ----------------------------------------------------------------------------------------------------


def test_light_time_is_solved_and_smooth():
    """|g| = c tau with the object where it was when the light left, in the frame of the Sun; rates are derivatives."""
    import erfa

    spacecraft, thing = orbit(), body(200.0, -10.0, 5.0, 1.0, PLEPHEM="JPL-DE405")
    track = ObjectTrack.of(spacecraft, thing)
    t = np.linspace(T0 - 20000.0, T0 + 40000.0, 300)
    vector, rate = track.at(t)
    tau = np.linalg.norm(vector, axis=1) / LIGHT_M_S

    def earth(s: np.ndarray) -> np.ndarray:
        return erfa.epv00(2450814.5, s / 86400.0)[1]["p"] * AU_M

    expected = thing.at(t - tau)[0] + earth(t - tau) - earth(t) - spacecraft.at(t)[0]
    assert np.linalg.norm(vector - expected, axis=1).max() < 1.0
    change = (track.at(t + 1.0)[0] - track.at(t - 1.0)[0]) / 2.0
    assert np.abs(change - rate).max() < 0.01


def test_light_time_needs_the_ephemeris_a_little_earlier():
    thing = body(200.0, -10.0, 5.0, 1.0, PLEPHEM="JPL-DE405")
    track = ObjectTrack.of(orbit(), thing)
    assert track.span[0] - thing.span[0] == pytest.approx(5.0 * AU_M / LIGHT_M_S, rel=1e-3)
    assert track.span[1] == thing.span[1]
    assert not track.covers([thing.span[0] + 100.0])[0]
    assert np.isfinite(track.at([track.span[0]])[0]).all()


@pytest.mark.parametrize("light", [False, True])
def test_gaps_of_either_file_are_gaps_of_the_track(light):
    time = grid()
    keep = np.r_[0:280, 300:577]
    whole, keys = straight(time, 200.0, -10.0, 5.0, 1.0, 0.0), {"PLEPHEM": "JPL-DE405"} if light else {}
    tables = [ephemeris_table(time[k], whole[0][k], whole[1][k], **keys) for k in (np.arange(577), keep)]
    full, holed = (Ephemeris.from_tables([("b", t)]) for t in tables)
    inside = np.array([time[285], time[295]])
    assert ObjectTrack.of(orbit(), full).covers(inside).all()
    for track in (ObjectTrack.of(orbit(time[keep]), full), ObjectTrack.of(orbit(), holed)):
        assert not track.covers(inside).any()
        assert track.covers([time[279], time[310]]).all()


def test_wrong_pairs_are_refused():
    time = grid()
    thing = body(200.0, -10.0, 5.0, 1.0)
    with pytest.raises(DataError, match="not the orbit of the spacecraft"):
        ObjectTrack.of(thing, orbit())
    nameless = Ephemeris.from_tables([("o", ephemeris_table(time, *kepler(time), CONTENT=""))])
    with pytest.raises(DataError, match="the object would be 0 m from the spacecraft"):
        ObjectTrack.of(orbit(), nameless)
    with pytest.raises(NoDataError, match="have no time in common"):
        ObjectTrack.of(orbit().shifted(1e7), thing)


# ---- attitudes -----------------------------------------------------------------------------------------------------


@settings(max_examples=30)
@given(objects, st.floats(0.0, 360.0))
def test_detector_with_the_objects_attitude_gives_ocx_ocy(drawn, roll):
    """DET of a direction, seen again with the object-centred attitude of that moment, is ocx, ocy: 1e-6 pixel."""
    ra, dec, au, speed, angle, light = drawn
    track = ObjectTrack.of(orbit(), body(ra, dec, au, speed, angle, PLEPHEM="JPL-DE405" if light else None))
    rng = np.random.default_rng(1)
    t = np.sort(rng.uniform(T0 - 3000.0, T0 + 3000.0, 30))
    pointing = positions(track.at(t)[0])
    at = Attitude.of(pointing[0] + 0.05, np.clip(pointing[1] + 0.03, -90, 90), roll, 0.3, -0.2, 0.01)
    nominal = SkyFrame.of(ra, dec, roll, "ACIS")
    header = {"INSTRUME": "ACIS", "DETNAM": "ACIS-7", "SIM_X": -0.68, "SIM_Y": 0.0, "SIM_Z": -190.14}
    plane = FocalPlane.from_header(header)
    detx, dety = (rng.uniform(3800, 4400, 30) for _ in range(2))
    x, y = plane.det_to_sky(detx, dety, at, nominal)
    ocx, ocy, _, _ = moved(track, ra, dec, x, y, t)
    frozen = object_centred_attitudes(track, t, at, (ra, dec))
    again = plane.det_to_sky(detx, dety, frozen, nominal)
    assert again[0] == pytest.approx(ocx, abs=1e-6)
    assert again[1] == pytest.approx(ocy, abs=1e-6)


# ---- an independent witness ----------------------------------------------------------------------------------------


def planets(t: np.ndarray, name: str, apparent: bool) -> Ephemeris:
    """Geocentric ephemeris made with astropy's built-in one: true positions, or as light shows them there."""
    from astropy.coordinates import get_body_barycentric
    from astropy.time import Time

    def place(what: str, s: np.ndarray) -> np.ndarray:
        return get_body_barycentric(what, Time(50814.0 + s / 86400.0, format="mjd", scale="tdb")).xyz.to_value("m").T

    earth = place("earth", t)
    sent = t.copy()
    for _ in range(4 if apparent else 0):
        sent = t - np.linalg.norm(place(name, sent) - earth, axis=1) / LIGHT_M_S
    made = place(name, sent) - earth
    return Ephemeris.from_tables([(name, ephemeris_table(t, made, PLEPHEM=None if apparent else "JPL-DE405"))])


@pytest.fixture
def chandra(data: Path) -> Ephemeris:
    path = next((data / "archive/22772/primary").glob("orbit*"))
    return Ephemeris.read(path, Workspace(), "scephemfile")


@pytest.mark.parametrize("name", ["venus", "mars", "jupiter", "saturn"])
@pytest.mark.parametrize("apparent", [False, True])
def test_planets_against_astropy_seen_from_chandra(chandra, name, apparent):
    """The real orbit of ObsID 22772, and `get_body` from Chandra's place, aberration taken out: 0.05 arcsec.

    Apparent files are those of the geocentre; the half second of light time to Chandra is left in (CIAO's convention).
    """
    from astropy import units as u
    from astropy.coordinates import GCRS, ICRS, ITRS, CartesianRepresentation, EarthLocation, SkyCoord, get_body
    from astropy.time import Time
    from astropy.utils import iers

    first = chandra.span[0] + 9.0e5
    t = first + np.linspace(0.0, 30000.0, 5)
    thing = planets(np.arange(first - 2e4, first + 4e4, 300.0), name, apparent)
    vector, _ = ObjectTrack.of(chandra, thing).at(t)
    epoch = Time(50814.0 + t / 86400.0, format="mjd", scale="tt")
    place = CartesianRepresentation(*chandra.at(t)[0].T, unit=u.m)
    with iers.conf.set_temp("auto_download", False), iers.conf.set_temp("iers_degraded_accuracy", "ignore"):
        fixed = GCRS(place, obstime=epoch).transform_to(ITRS(obstime=epoch)).cartesian
        seen = get_body(name, epoch, EarthLocation.from_geocentric(*fixed.xyz), ephemeris="builtin")
        # as a direction to infinity: back to ICRS without aberration
        direction = SkyCoord(seen.ra, seen.dec, frame=seen.frame.replicate_without_data()).transform_to(ICRS())
    true = direction.cartesian.xyz.value.T
    off = np.degrees(np.linalg.norm(np.cross(vector, true), axis=1) / np.linalg.norm(vector, axis=1)) * 3600
    assert off.max() < 0.05
    distance = np.linalg.norm(vector, axis=1)
    assert distance == pytest.approx(seen.distance.to_value("m"), rel=1e-6)


def test_real_angles_of_the_moon_and_the_sun(data, chandra):
    """anglesf of 22772: angles of the pointing to (object - spacecraft), no light time, as in the archive.

    To the object without the spacecraft's place they would miss by 18.6 degrees (Moon) and 175 arcsec (Sun).
    """
    from astropy.io import fits

    folder = data / "archive/22772/secondary/ephem"
    with fits.open(next(folder.glob("angles*"))) as hdus:
        table = hdus[1].data
        names = {n.lower(): n for n in table.names}
        time = table[names["time"]].astype(float)
        angle = {k: table[names[f"point_{k}centang"]].astype(float) for k in ("sun", "moon")}
        height = table[names["dist_satearth"]].astype(float)
        pointing = np.column_stack([table[names[f"point_{k}"]].astype(float) for k in "xyz"])
    assert np.linalg.norm(chandra.at(time)[0], axis=1) == pytest.approx(height, rel=1e-9)
    for name, short in (("sun", "solar"), ("moon", "lunar")):
        thing = Ephemeris.read(next(folder.glob(f"{short}*")), Workspace(), "ssoephemfile")
        vector = thing.at(time)[0] - chandra.at(time)[0]
        across = np.linalg.norm(np.cross(vector, pointing), axis=1)
        found = np.degrees(np.arctan2(across, np.sum(vector * pointing, axis=1)))
        assert np.abs(found - angle[name]).max() * 3600 < 1e-5
