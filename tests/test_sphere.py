"""Directions, separations and the gnomonic projection, against astropy and against each other."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from hypothesis import given
from hypothesis import strategies as st

from ciaopy.sphere import directions, gnomonic, gnomonic_inverse, positions, separation

longitude = st.floats(0, 359.999)
latitude = st.floats(-89, 89)


@given(longitude, latitude, st.floats(-5, 5), st.floats(-5, 5))
def test_the_projection_and_its_inverse(ra0: float, dec0: float, xi: float, eta: float) -> None:
    ra, dec = gnomonic_inverse(xi, eta, ra0, dec0)
    assert 0 <= ra < 360
    assert np.allclose(gnomonic(ra, dec, ra0, dec0), (xi, eta), rtol=0, atol=1e-9)
    # a gnomonic radius is the tangent of the separation
    apart = np.radians(separation(ra, dec, ra0, dec0))
    assert np.tan(apart) == pytest.approx(np.radians(np.hypot(xi, eta)), abs=1e-12)


@given(longitude, latitude, longitude, latitude)
def test_separations_agree_with_astropy(a: float, b: float, c: float, d: float) -> None:
    want = SkyCoord(a, b, unit="deg").separation(SkyCoord(c, d, unit="deg")).deg
    assert separation(a, b, c, d) == pytest.approx(want, abs=1e-12)


def test_directions_come_back_and_the_far_side_has_no_place() -> None:
    lon, lat = np.array([0.0, 120.0, 359.9]), np.array([-89.0, 0.0, 45.0])
    assert np.allclose(positions(directions(lon, lat) * 3.0), (lon, lat))
    assert np.isnan(gnomonic(190.0, 0.0, 10.0, 0.0)).all()
