"""chip, TDET, DET, SKY and back: worked examples, algebra, round trips."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ciaopy.coords import Attitude, FocalPlane, Geometry, SkyFrame, angles_to_det, off_axis_angles

NONE = Attitude.of(0.0, 0.0, 0.0)
CHIPS = [("ACIS", i) for i in range(10)] + [("HRC-I", 0), ("HRC-S", 1), ("HRC-S", 2), ("HRC-S", 3)]


def test_fc_of_real_event_28229() -> None:
    plane = FocalPlane.of("ACIS", (-0.68282252473, 0.0, -190.14006604987))
    fc = plane.lsi_to_fc(plane.chip_to_lsi(7, 198, 451), NONE)
    np.testing.assert_allclose(fc, [-0.003072, -0.544291, -1.945422], atol=1e-6)


def test_det_of_real_event_28229() -> None:
    plane = FocalPlane.of("ACIS", (-0.68282252473, 0.0, -190.14006604987))
    np.testing.assert_allclose(plane.chip_to_det(7, 198, 451, NONE), [4073.8401, 4177.4922], atol=3e-4)
    assert plane.chip_to_tdet(7, 198, 451) == (4115.0, 2153.0)


def test_det_of_real_event_2886() -> None:
    plane = FocalPlane.of("HRC-I", (-1.038866, 0.0, 126.985494))
    offsets = Attitude.of(0, 0, 0, 0.13216, 0.21385, 0.008140)
    fc = plane.lsi_to_fc(plane.chip_to_lsi(0, 7451, 3829), offsets)
    np.testing.assert_allclose(fc, [0.001134, 17.579335, 18.37246], atol=1e-5)
    np.testing.assert_allclose(plane.chip_to_det(0, 7451, 3829, offsets), [19116.513, 13529.227], atol=1e-3)
    assert plane.chip_to_tdet(0, 7451, 3829) == (7450.0, 3829.0)


def test_worked_example_with_offsets() -> None:
    """The MARX example of the geometry notes (its dtheta reversed); its corner geometry differs by 0.02 pixel."""
    plane = FocalPlane.of("ACIS", (-0.782348198, 0.0, -233.592463091))
    attitude = Attitude.of(150.099986126, 2.200033248, 57.9, -0.449883, 0.660000, -0.031007)
    frame = SkyFrame.of(150.1, 2.2, 57.9, "ACIS")
    np.testing.assert_allclose(plane.chip_to_lsi(1, 366, 249), [1.270537, 17.102791, 7.310295], atol=3e-4)
    np.testing.assert_allclose(
        plane.lsi_to_fc([1.270537, 17.102791, 7.310295], attitude), [1.172189, 17.397347, 10.939492], atol=2e-6
    )
    np.testing.assert_allclose(plane.chip_to_det(1, 366, 249, attitude), [4820.8762, 3641.0106], atol=0.012)
    x, y = plane.chip_to_sky(1, 366, 249, attitude, frame)
    np.testing.assert_allclose((x, y), [4095.6789, 3241.0619], atol=0.012)
    np.testing.assert_allclose(frame.plane.pixel_to_world(4095.6789, 3241.0619), [150.10011230, 2.08309030], atol=2e-8)
    # the same DET as in the example gives the same SKY
    np.testing.assert_allclose(
        plane.det_to_sky(4820.8762, 3641.0106, attitude, frame), [4095.6789, 3241.0619], atol=1.5e-4
    )


@pytest.mark.parametrize(
    ("aimpoint", "detector", "chip", "want"),
    [
        ("AI2", "ACIS", 3, (984.32, 994.84)),
        ("AS1", "ACIS", 7, (220.75, 531.79)),
        ("HI1", "HRC-I", 0, (7530.32, 7745.45)),
        ("HS2", "HRC-S", 2, (2201.38, 8976.29)),
    ],
)
def test_optical_axis_on_the_chips(aimpoint: str, detector: str, chip: int, want: tuple[float, float]) -> None:
    plane = FocalPlane.of(detector, Geometry.embedded().aimpoints[aimpoint])
    ref = plane.detector.ref
    where = plane.det_to_chip(ref, ref, NONE)
    assert where.chip_id == chip
    # the figures are for the corner geometry: 0.06 ACIS pixel or 0.6 HRC pixel from the fixed nominal pixel
    np.testing.assert_allclose([where.chipx, where.chipy], want, atol=0.06 if detector == "ACIS" else 0.6)


def test_offset_moves_the_axis_on_s3() -> None:
    plane = FocalPlane.of("ACIS", Geometry.embedded().aimpoints["AS1"])
    still = plane.det_to_chip(4096.5, 4096.5, NONE, 7)
    moved = plane.det_to_chip(4096.5, 4096.5, Attitude.of(0, 0, 0, 1.0), 7)
    assert moved.chipx - still.chipx == pytest.approx(-41.69, abs=0.01)
    moved = plane.det_to_chip(4096.5, 4096.5, Attitude.of(0, 0, 0, 0.0, 1.0), 7)
    assert moved.chipy - still.chipy == pytest.approx(-41.69, abs=0.01)


def test_dtheta_turns_as_in_2886() -> None:
    """HRC-I 2886 (DTH_AVG +0.00814 deg): DET turns by -dtheta about the axis."""
    plane = FocalPlane.of("HRC-I")
    still, turned = (
        np.array(plane.chip_to_det(0, 7530.0, 14000.0, a)) - 16384.5 for a in (NONE, Attitude.of(0, 0, 0, 0, 0, 0.1))
    )
    angle = np.arctan2(still[0] * turned[1] - still[1] * turned[0], still @ turned)
    assert np.rad2deg(angle) == pytest.approx(0.1, abs=1e-3)  # DETY = -Z: the sense in (DETX, DETY) is reversed


def test_source_towards_y_body_lands_at_small_detx() -> None:
    plane, frame = FocalPlane.of("ACIS"), SkyFrame.of(10.0, 0.0, 0.0, "ACIS")
    x, y = frame.plane.world_to_pixel(10.01, 0.0)  # East of the pointing; roll 0: +Y_b is East
    detx, dety = plane.sky_to_det(x, y, Attitude.of(10.0, 0.0, 0.0), frame)
    assert x < 4096.5
    assert detx < 4096.5
    assert dety == pytest.approx(4096.5, abs=1e-9)
    # an event at small DETX has negative Y in the focal plane
    where = plane.det_to_chip(detx, dety, NONE)
    assert plane.lsi_to_fc(plane.chip_to_lsi(*where), NONE)[1] < 0


@pytest.mark.parametrize(
    ("detector", "chip", "want"),
    [
        ("ACIS", 0, (3061 + 20, 5132 - 10)),
        ("ACIS", 1, (5132 - 20, 4107 + 10)),
        ("ACIS", 2, (3061 + 20, 4086 - 10)),
        ("ACIS", 3, (5132 - 20, 3061 + 10)),
        ("ACIS", 4, (791 + 10, 1702 + 20)),
        ("ACIS", 5, (1833 + 10, 1702 + 20)),
        ("ACIS", 6, (2875 + 10, 1702 + 20)),
        ("ACIS", 7, (3917 + 10, 1702 + 20)),
        ("ACIS", 8, (4959 + 10, 1702 + 20)),
        ("ACIS", 9, (6001 + 10, 1702 + 20)),
        ("HRC-I", 0, (9, 20)),
        ("HRC-S", 1, (10, 8)),
        ("HRC-S", 2, (10, 16464)),
        ("HRC-S", 3, (10, 32920)),
    ],
)
def test_tdet(detector: str, chip: int, want: tuple[int, int]) -> None:
    plane = FocalPlane.of(detector)
    assert plane.chip_to_tdet(chip, 10, 20) == want
    if chip:  # HRC-S plates overlap at their ends in TDET; 10, 20 of plate 1 is in TDETY 8
        back = plane.tdet_to_chip(*map(float, want))
        assert (back.chip_id, back.chipx, back.chipy) == (chip, 10.0, 20.0)


def test_published_tdet() -> None:
    assert FocalPlane.of("ACIS").chip_to_tdet(3, 512, 512) == (4620.0, 3573.0)


def test_tdet_off_every_chip() -> None:
    back = FocalPlane.of("ACIS").tdet_to_chip([1.0, 4620.0], [1.0, 3573.0])
    assert back.chip_id.tolist() == [-1, 3]
    assert np.isnan(back.chipx[0])


angle = st.floats(0.0, 360.0)


@settings(deadline=None, max_examples=200)
@given(
    chip=st.sampled_from(CHIPS),
    where=st.tuples(st.floats(0.5, 1.0), st.floats(0.0, 1.0), st.floats(0.0, 1.0)),
    nominal=st.tuples(
        st.one_of(angle, st.sampled_from([0.0, 359.9999, 180.0])),
        st.one_of(st.floats(-90, 90), st.sampled_from([90.0, -90.0, 89.9999])),
    ),
    dither=st.tuples(st.floats(-0.01, 0.01), st.floats(-0.01, 0.01), angle),
    offsets=st.tuples(st.floats(-2, 2), st.floats(-2, 2), st.floats(-0.1, 0.1)),
    sim=st.tuples(st.floats(-2, 2), st.floats(-5, 5), st.floats(-20, 20)),
)
def test_round_trip(chip, where, nominal, dither, offsets, sim) -> None:  # type: ignore[no-untyped-def]
    """chip -> sky -> chip to 1e-6 pixel: any pointing (poles, RA 0/360), offsets and SIM position."""
    name, chip_id = chip
    base = FocalPlane.of(name)
    plane = base.moved(tuple(a + b for a, b in zip(base.sim, sim, strict=True)))  # type: ignore[arg-type]
    nx, ny = plane.detector.chip(chip_id).size
    cx, cy = 0.5 + where[1] * nx, 0.5 + where[2] * ny
    ra, dec = nominal
    frame = SkyFrame(ra, dec, 0.0, plane.detector)
    attitude = Attitude.of((ra + dither[0]) % 360, np.clip(dec + dither[1], -90, 90), dither[2], *offsets)
    x, y = plane.chip_to_sky(chip_id, cx, cy, attitude, frame)
    assert np.isfinite([x, y]).all()
    back = plane.sky_to_chip(x, y, attitude, frame, chip_id)
    assert abs(back.chipx - cx) < 1e-6
    assert abs(back.chipy - cy) < 1e-6
    detx, dety = plane.chip_to_det(chip_id, cx, cy, attitude)
    np.testing.assert_allclose(plane.det_to_sky(detx, dety, attitude, frame), (x, y), rtol=0, atol=1e-6)
    np.testing.assert_allclose(plane.sky_to_det(x, y, attitude, frame), (detx, dety), rtol=0, atol=1e-6)


def test_chip_is_found() -> None:
    rng = np.random.default_rng(3)
    for name, chip_id in CHIPS:
        plane = FocalPlane.of(name)
        nx, ny = plane.detector.chip(chip_id).size
        cx, cy = rng.uniform(10, nx - 10, 50), rng.uniform(10, ny - 10, 50)
        back = plane.det_to_chip(*plane.chip_to_det(chip_id, cx, cy, NONE), NONE)
        assert (back.chip_id == chip_id).all(), (name, chip_id)
        np.testing.assert_allclose(back.chipx, cx, atol=1e-7)


def test_gap_between_chips() -> None:
    plane = FocalPlane.of("ACIS")
    detx, dety = plane.chip_to_det(3, 1024.0 + 8, 500.0, NONE)
    off = plane.det_to_chip(detx, dety, NONE)
    assert off.chip_id == -1
    assert np.isnan(off.chipx)
    near = plane.det_to_chip(detx, dety, NONE, nearest=True)
    assert near.chip_id in (1, 3)
    assert np.isfinite(near.chipx)


def test_unknown_chip_and_nan_give_nan() -> None:
    plane, frame = FocalPlane.of("HRC-S"), SkyFrame.of(1, 2, 3, "HRC-S")
    x, _ = plane.chip_to_sky([0, 2, 9, -1, 2], [5.0, 5, 5, 5, np.nan], 5.0, Attitude.of(1, 2, 3), frame)
    assert np.isnan(x).tolist() == [True, False, True, True, True]
    x, _ = plane.chip_to_sky([2, 2], 5.0, 5.0, Attitude.of([1, np.nan], 2, 3), frame)
    assert np.isnan(x).tolist() == [False, True]
    with pytest.raises(ValueError, match="3 attitudes for 2 positions"):
        plane.chip_to_sky([2, 2], 5.0, 5.0, Attitude.of([1, 2, 3], 2, 3), frame)


def test_one_position_at_many_attitudes() -> None:
    plane, frame = FocalPlane.of("ACIS"), SkyFrame.of(1, 2, 3, "ACIS")
    many = Attitude.of([1.0, 1.001, 1.002], 2, 3)
    x, y = plane.chip_to_sky(3, 500.0, 600.0, many, frame)
    assert x.shape == (3,)
    back = plane.sky_to_chip(x, y, many, frame)
    np.testing.assert_allclose(back.chipx, 500.0, atol=1e-6)
    assert plane.chip_to_sky(3, 500.0, 600.0, Attitude.of(1.001, 2, 3), frame)[0] == x[1]


def test_empty_input() -> None:
    plane, frame = FocalPlane.of("ACIS"), SkyFrame.of(1, 2, 3, "ACIS")
    none = np.array([])
    x, _ = plane.chip_to_sky(none.astype(int), none, none, Attitude.of(1, 2, 3), frame)
    assert x.shape == (0,)
    assert plane.det_to_chip(none, none, NONE).chip_id.shape == (0,)


@given(st.floats(0.01, 60.0), st.floats(0.0, 359.9))
def test_off_axis_round_trip(theta: float, phi: float) -> None:
    detector = Geometry.embedded().detector("ACIS")
    t, p = off_axis_angles(detector, *angles_to_det(detector, theta, phi))
    assert t == pytest.approx(theta, abs=1e-9)
    assert (p - phi + 180) % 360 - 180 == pytest.approx(0.0, abs=1e-7)


def test_off_axis_scale() -> None:
    detector = Geometry.embedded().detector("ACIS")
    theta, phi = off_axis_angles(detector, [4096.5 + 100, 4096.5, 4096.5 - 100], [4096.5, 4096.5 + 100, 4096.5])
    np.testing.assert_allclose(theta, 100 * 0.492 / 60, rtol=1e-7)
    np.testing.assert_allclose(phi, [0.0, 90.0, 180.0])
    assert np.isnan(angles_to_det(detector, 5400.0, 0.0)[0])
