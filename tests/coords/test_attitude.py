"""Attitude matrices, quaternions, the tangent plane."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.wcs import WCS
from hypothesis import given
from hypothesis import strategies as st

from ciaopy.coords import (
    Attitude,
    SkyFrame,
    TangentPlane,
    attitude_matrix,
    matrix_angles,
    matrix_quaternion,
    quaternion,
    quaternion_matrix,
    tangent_axes,
)
from ciaopy.errors import DataError

RA, DEC, ROLL = (st.floats(a, b, allow_nan=False) for a, b in ((-360, 720), (-90, 90), (-360, 720)))


def test_axes_of_the_memo() -> None:
    # roll 0: +Z_b points North, +Y_b points East
    np.testing.assert_allclose(attitude_matrix(0.0, 0.0, 0.0), np.eye(3), atol=1e-15)
    m = attitude_matrix(30.0, 40.0, 0.0)
    _, east, north = tangent_axes(30.0, 40.0)
    np.testing.assert_allclose(m[:, 1], east, atol=1e-15)
    np.testing.assert_allclose(m[:, 2], north, atol=1e-15)
    # position angle of +Y_b is 90 - roll (East of North)
    y = attitude_matrix(30.0, 40.0, 20.0)[:, 1]
    assert np.rad2deg(np.arctan2(y @ east, y @ north)) == pytest.approx(70.0)


@given(RA, DEC, ROLL)
def test_matrix_is_a_rotation_and_quaternion_agrees(ra: float, dec: float, roll: float) -> None:
    m = attitude_matrix(ra, dec, roll)
    np.testing.assert_allclose(m @ m.T, np.eye(3), atol=1e-14)
    assert np.linalg.det(m) == pytest.approx(1.0)
    q = quaternion(ra, dec, roll)
    assert np.linalg.norm(q) == pytest.approx(1.0)
    np.testing.assert_allclose(quaternion_matrix(q), m, atol=1e-14)
    np.testing.assert_allclose(quaternion_matrix(matrix_quaternion(m)), m, atol=1e-13)


@given(RA, DEC, ROLL)
def test_angles_come_back(ra: float, dec: float, roll: float) -> None:
    m = attitude_matrix(ra, dec, roll)
    np.testing.assert_allclose(attitude_matrix(*matrix_angles(m)), m, atol=2e-15 * 360)


@given(RA, DEC, st.floats(-3000, 3000), st.floats(-3000, 3000))
def test_tangent_plane_round_trip(ra: float, dec: float, dx: float, dy: float) -> None:
    plane = TangentPlane(ra, dec, 4096.5, 4096.5, 0.492 / 3600)
    x, y = plane.world_to_pixel(*plane.pixel_to_world(4096.5 + dx, 4096.5 + dy))
    assert abs(x - 4096.5 - dx) < 1e-6
    assert abs(y - 4096.5 - dy) < 1e-6


@pytest.mark.parametrize(("ra", "dec"), [(83.6, 22.0), (0.001, -59.0), (359.9, 84.7), (10.0, 0.0)])
def test_tangent_plane_is_that_of_astropy(ra: float, dec: float) -> None:
    plane = TangentPlane(ra, dec, 4096.5, 4096.5, 0.492 / 3600)
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.crval, wcs.wcs.crpix = ["RA---TAN", "DEC--TAN"], [ra, dec], [4096.5, 4096.5]
    wcs.wcs.cdelt = [-0.492 / 3600, 0.492 / 3600]
    x, y = np.random.default_rng(1).uniform(0, 8192, (2, 200))
    world = wcs.wcs_pix2world(np.stack([x, y], -1), 1)
    a, d = plane.pixel_to_world(x, y)
    np.testing.assert_allclose((a - world[:, 0] + 180) % 360 - 180, 0, atol=1e-10)
    np.testing.assert_allclose(d, world[:, 1], atol=1e-11)


def test_world_behind_the_plane_is_nan() -> None:
    x, y = TangentPlane(10.0, 20.0, 1.0, 1.0, 1e-4).world_to_pixel([190.0, 10.0], [-20.0, 20.0])
    assert np.isnan(x[0])
    assert np.isnan(y[0])
    np.testing.assert_allclose([x[1], y[1]], 1.0, atol=1e-9)


def test_frame_of_header() -> None:
    header = {"INSTRUME": "HRC", "DETNAM": "HRC-I", "RA_NOM": 10.109821091654, "DEC_NOM": 40.674572254271}
    frame = SkyFrame.from_header(header)
    keys = frame.column_keywords()
    # the values of ObsID 2886
    assert keys["x"] == {
        "TLMIN": 0.5,
        "TLMAX": 32768.5,
        "TCTYP": "RA---TAN",
        "TCRVL": 10.109821091654,
        "TCRPX": 16384.5,
        "TCDLT": pytest.approx(-3.6611111111111e-05),
        "TCUNI": "deg",
    }
    assert keys["detx"]["LONP"] == 270.0
    assert keys["chipx"]["TCDLT"] == 0.0064294
    assert frame.plane.scale == pytest.approx(3.6611111111111e-05)


@pytest.mark.parametrize("key", ["RA_NOM", "DEC_NOM"])
def test_frame_without_tangent_point(key: str) -> None:
    header = {"INSTRUME": "ACIS", "RA_NOM": 1.0, "DEC_NOM": 2.0}
    del header[key]
    with pytest.raises(DataError, match=f"evt.fits: no keyword {key}"):
        SkyFrame.from_header(header, where="evt.fits")
    with pytest.raises(DataError, match=f"keyword {key} is 'abc', not a number"):
        SkyFrame.from_header(header | {key: "abc"})


def test_attitude_of_header() -> None:
    header = {"RA_PNT": 1.0, "DEC_PNT": 2.0, "ROLL_NOM": 3.0, "DY_AVG": 0.1, "DTH_AVG": 0.01}
    a = Attitude.from_header(header)
    assert (a.ra, a.dec, a.roll, a.dy, a.dz, a.dtheta) == (1.0, 2.0, 3.0, 0.1, 0.0, 0.01)
    with pytest.raises(DataError, match="neither RA_PNT nor RA_NOM"):
        Attitude.from_header({})
    with pytest.raises(DataError, match="DY_AVG is nan"):
        Attitude.from_header(header | {"DY_AVG": float("nan")})
