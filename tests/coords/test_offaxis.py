"""Absorbing dy, dz, dtheta: chip positions stay where they were on the sky."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ciaopy.coords import Attitude, FocalPlane, SkyFrame
from ciaopy.coords.offaxis import absorb_offsets


@settings(deadline=None)
@given(
    pointing=st.tuples(st.floats(0, 360), st.floats(-90, 90), st.floats(0, 360)),
    offsets=st.tuples(st.floats(-1, 1), st.floats(-1, 1), st.floats(-0.02, 0.02)),
)
def test_sky_of_acis_i_is_invariant(pointing, offsets) -> None:  # type: ignore[no-untyped-def]
    plane, frame = FocalPlane.of("ACIS"), SkyFrame.of(pointing[0], pointing[1], 0.0, "ACIS")
    old = Attitude.of(*pointing, *offsets)
    new = absorb_offsets(old, 10070.0)
    assert (new.dy, new.dz, new.dtheta) == (0.0, 0.0, 0.0)
    cx, cy = (v.ravel() for v in np.meshgrid(np.linspace(1, 1024, 5), np.linspace(1, 1024, 5)))
    for chip in range(4):
        before = plane.chip_to_sky(chip, cx, cy, old, frame)
        after = plane.chip_to_sky(chip, cx, cy, new, frame)
        # the height of the chips over the focal plane cannot be absorbed: 0.01 pixel for each mm of offset
        np.testing.assert_allclose(after, before, rtol=0, atol=0.01 * np.hypot(*offsets[:2]) + 0.002)


def test_residual_is_of_second_order() -> None:
    """What is left is of order theta^2 dy/F and x dy/F^2 (x: height of the chip, up to 2.4 mm on ACIS-I)."""
    plane, frame = FocalPlane.of("ACIS"), SkyFrame.of(10.0, 20.0, 0.0, "ACIS")
    old = Attitude.of(10.0, 20.0, 30.0, 0.78, 0.9, -0.0095)
    new = absorb_offsets(old, 10070.0)
    axis = plane.det_to_chip(4096.5, 4096.5, Attitude.of(0, 0, 0), 3)
    before = np.array(plane.chip_to_sky(3, axis.chipx, axis.chipy, old, frame))
    after = np.array(plane.chip_to_sky(3, axis.chipx, axis.chipy, new, frame))
    assert np.hypot(*(after - before)) < 1e-3
    # a first-order mistake (wrong sign) would be dy/F = 32 pixels
    none = np.array(plane.chip_to_sky(3, axis.chipx, axis.chipy, Attitude.of(10.0, 20.0, 30.0), frame))
    assert np.hypot(*(none - before)) > 30


def test_roll_changes_by_minus_dtheta() -> None:
    new = absorb_offsets(Attitude.of(10.0, 0.0, 30.0, 0.0, 0.0, 0.5), 10070.0)
    assert new.roll == pytest.approx(29.5, abs=1e-10)
    assert new.ra == pytest.approx(10.0, abs=1e-12)


def test_zero_offsets_change_nothing() -> None:
    new = absorb_offsets(Attitude.of([0.0, 359.9], [-89.0, 45.0], [10.0, 350.0]), 10070.0)
    np.testing.assert_allclose((new.ra - [0.0, 359.9] + 180) % 360 - 180, 0, atol=1e-11)
    np.testing.assert_allclose(new.dec, [-89.0, 45.0], atol=1e-12)
    np.testing.assert_allclose(new.roll, [10.0, 350.0], atol=1e-11)
