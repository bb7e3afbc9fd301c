"""The grating frame: round trips over all detectors, and what its definition says."""

from __future__ import annotations

import numpy as np
import pytest
from gratings_helpers import observation_header
from hypothesis import given, settings
from hypothesis import strategies as st

from ciaopy.coords import AspectSolution, Attitude, FocalPlane, SkyFrame
from ciaopy.errors import DataError
from ciaopy.gratings import ARMS, Dispersion, angle_of, arm_named, arms_of, wavelength_of

small = st.floats(-1.0, 1.0)


@st.composite
def frames(draw):
    """A detector at a random SIM position, a random attitude with offsets, an arm, a zero order near the axis."""
    detector, chips = draw(st.sampled_from([("ACIS", tuple(range(10))), ("HRC-S", (1, 2, 3)), ("HRC-I", (0,))]))
    sim = {"ACIS": (-0.7, 0.0, -190.1), "HRC-S": (-1.4, 0.0, 250.5), "HRC-I": (-1.0, 0.0, 126.9)}[detector]
    plane = FocalPlane.of(detector, tuple(s + 5 * draw(small) for s in sim))
    ra, dec = draw(st.floats(0, 359.9)), draw(st.floats(-80, 80))
    attitude = Attitude.of(
        ra + 0.01 * draw(small), dec + 0.01 * draw(small), draw(st.floats(0, 360)),
        2 * draw(small), 2 * draw(small), 0.05 * draw(small),
    )  # fmt: skip
    frame = SkyFrame.of(ra, dec, 0.0, detector)
    zero = tuple(plane.detector.ref + draw(small) * 300 for _ in range(2))
    return Dispersion(plane, frame, draw(st.sampled_from(ARMS)), zero), attitude, draw(st.sampled_from(chips))


@settings(max_examples=60, deadline=None)
@given(frames(), st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_chip_to_angles_and_back(case, u, v):
    spectrum, attitude, chip = case
    size = spectrum.plane.sizes[chip]
    x, y = 1 + u * (size[0] - 1), 1 + v * (size[1] - 1)
    tg_r, tg_d = spectrum.of_chip(chip, x, y, attitude)
    back = spectrum.to_chip(tg_r, tg_d, attitude, chip)
    assert abs(back.chipx - x) < 1e-6 and abs(back.chipy - y) < 1e-6


@settings(max_examples=30, deadline=None)
@given(frames(), st.floats(-0.9, 0.9), st.floats(-0.02, 0.02))
def test_angles_to_the_chip_that_holds_them_and_back(case, tg_r, tg_d):
    spectrum, attitude, _ = case
    place = spectrum.to_chip(tg_r, tg_d, attitude)
    if place.chip_id < 0:
        return
    again = spectrum.of_chip(place.chip_id, place.chipx, place.chipy, attitude)
    assert abs(again[0] - tg_r) < 1e-10 and abs(again[1] - tg_d) < 1e-10


def test_the_zero_order_has_no_angles():
    header = observation_header()
    plane, frame = FocalPlane.from_header(header), SkyFrame.from_header(header)
    attitude = Attitude.of(83.8512, -5.401, 301.2, 0.3, -0.2, 0.02)
    for arm in ARMS[:2]:
        zero = (4110.0, 4081.5)
        place = plane.sky_to_chip(*zero, attitude, frame)
        angles = Dispersion(plane, frame, arm, zero).of_chip(*place, attitude)
        assert np.allclose(angles, 0.0, atol=1e-6)  # the chip is not exactly in the plane x = 0


def test_the_dispersion_axis_turns_with_the_arm():
    header = observation_header()
    plane, frame = FocalPlane.from_header(header), SkyFrame.from_header(header)
    attitude = Attitude.from_header(header)
    zero = (4096.5, 4096.5)
    heg, meg = (Dispersion(plane, frame, arm_named(n), zero).to_chip(0.3, 0.0, attitude) for n in ("HEG", "MEG"))
    rows = (heg.chipy - meg.chipy) / np.hypot(1.0, 0.0)
    expected = 8632.48 * np.deg2rad(0.3) * (np.sin(np.deg2rad(4.755)) + np.sin(np.deg2rad(5.205))) / 0.023987
    assert abs(abs(rows) - expected) < 2.0


def test_wavelength_of_an_angle():
    arm = arm_named("meg")
    mlam = np.array([-41.0, -1.0, 0.0, 12.132, 83.0])
    assert np.allclose(wavelength_of(arm, angle_of(arm, mlam)), mlam, atol=1e-12)
    assert np.isnan(angle_of(arm, 5000.0))


def test_no_position_without_chip_or_attitude():
    header = observation_header()
    spectrum = Dispersion(FocalPlane.from_header(header), SkyFrame.from_header(header), ARMS[0], (4096.5, 4096.5))
    attitude = Attitude.of([np.nan, 83.85], [np.nan, -5.4], [0.0, 0.0])
    assert np.isnan(spectrum.of_chip([7, 12], [5, 5], [5, 5], attitude)).all()
    far = spectrum.to_chip([30.0], [0.0], Attitude.from_header(header))
    assert far.chip_id[0] == -1 and np.isnan(far.chipx[0])


def test_unknown_gratings_are_refused():
    assert [a.name for a in arms_of("hetg")] == ["HEG", "MEG"] and arms_of("MEG")[0].part == 2
    with pytest.raises(DataError, match=r"GRATING is NONE.*HETG or LETG"):
        arms_of("NONE", "x.fits")
    with pytest.raises(DataError, match=r"HEG, MEG and LEG"):
        arm_named("XEG")
    with pytest.raises(ValueError, match=r"2 attitudes for 3 positions"):
        header = observation_header()
        spectrum = Dispersion(FocalPlane.from_header(header), SkyFrame.from_header(header), ARMS[0], (4096.5, 4096.5))
        spectrum.of_chip([7] * 3, [5] * 3, [5] * 3, Attitude.of([1.0, 2.0], 0.0, 0.0))


@pytest.mark.parametrize(("obsid", "parts"), [("13839", (1, 2)), ("14392", (1, 2)), ("1011", (3,))])
def test_angles_of_the_archive(data, obsid, parts):
    """TG_R to 1e-6 deg, TG_D to 1e-5: CIAO 4.16 events of Sgr A* (HETG/ACIS-S), and LETG/HRC-S."""
    from astropy.io import fits

    folder = data / "gratings" / obsid
    name = "evt1a" if obsid == "1011" else "evt2"
    with fits.open(folder / f"{obsid}_{name}.fits.gz") as hdus:
        events, header = hdus["EVENTS"].data, dict(hdus["EVENTS"].header)
        zero = (32691.8793, 32674.5831) if obsid == "1011" else tuple(float(hdus["REGION"].data[c][0]) for c in "XY")
    aspect = AspectSolution.read(str(folder / f"{obsid}_asol1.fits.gz"))
    plane, frame = FocalPlane.from_header(header), SkyFrame.from_header(header)
    for part in parts:
        e = events[events["tg_part"] == part]
        spectrum = Dispersion(plane, frame, next(a for a in ARMS if a.part == part), zero)
        chip = plane.detector.id_column
        tg_r, tg_d = spectrum.of_chip(e[chip], e["chipx"], e["chipy"], aspect.at(e["time"]))
        difference = tg_r - e["tg_r"], tg_d - e["tg_d"]
        assert np.sqrt(np.mean(difference[0] ** 2)) < 1e-6 and np.sqrt(np.mean(difference[1] ** 2)) < 1e-5
