"""The evaluation rules of the products, against algebra and slow references."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from ciaopy.caldb import products
from ciaopy.caldb.products import (
    ChipCurves,
    ChipRegions,
    Contamination,
    ContamLayer,
    GratingEfficiency,
    GratingTable,
    HrcGainImage,
    MirrorArea,
    PsfRadius,
    TimeGain,
    Vignetting,
    VignettingCube,
)
from ciaopy.caldb.products_base import bracket, interpolate, multilinear
from ciaopy.errors import CalibrationError

knots = st.sets(st.integers(-100, 100), min_size=1, max_size=6).map(lambda s: np.array(sorted(s), dtype=np.float64))


def test_all_is_what_the_module_has():
    assert all(hasattr(products, name) for name in products.__all__)
    assert products.__all__ == sorted(products.__all__, key=lambda n: (not n.isupper(), n))


@given(knots, st.lists(st.floats(-300, 300), min_size=1, max_size=8))
def test_interpolate_is_exact_on_straight_lines(xp, x):
    value = np.array(x)
    line = 3.0 - 0.5 * xp
    held = interpolate(value, xp, line)
    assert_allclose(held, 3.0 - 0.5 * np.clip(value, xp[0], xp[-1]), atol=1e-9)
    if len(xp) > 1:
        assert_allclose(interpolate(value, xp, line, extrapolate=True), 3.0 - 0.5 * value, rtol=1e-6, atol=1e-6)


def test_interpolate_one_point_nan_and_empty():
    one = np.array([2.0])
    assert_allclose(interpolate([1.0, 2.0, np.nan], one, one * 5, extrapolate=True)[:2], 10.0)
    assert np.isnan(interpolate([np.nan], np.array([1.0, 2.0]), one.repeat(2), extrapolate=True))[0]
    assert interpolate([], one, one).shape == (0,)


@given(knots, st.floats(-300, 300))
def test_bracket(xp, x):
    i, f = bracket(x, xp)
    assert 0 <= i <= max(len(xp) - 2, 0)
    assert 0 <= f <= 1
    upper = xp[min(int(i) + 1, len(xp) - 1)]
    assert_allclose(xp[i] + f * (upper - xp[i]), np.clip(x, xp[0], xp[-1]), atol=1e-9)


def test_multilinear_reproduces_a_trilinear_function():
    x, y, z = np.array([0.0, 1.0, 4.0]), np.array([0.0, 2.0]), np.array([-1.0, 0.0, 3.0])
    table = (1 + x[:, None, None]) * (2 - y[None, :, None]) * (5 + z)
    at = [bracket([0.5, 3.0], x), bracket(1.5, y), bracket([2.0, -1.0], z)]
    assert_allclose(multilinear(table, at), [1.5 * 0.5 * 7.0, 4.0 * 0.5 * 4.0])


limits = st.lists(
    st.tuples(st.integers(1, 64), st.integers(0, 63), st.integers(1, 64), st.integers(0, 63)).map(
        lambda t: (t[0], min(t[0] + t[1], 64), t[2], min(t[2] + t[3], 64))
    ),
    min_size=1,
    max_size=6,
)


@given(limits, st.lists(st.tuples(st.integers(-3, 70), st.integers(-3, 70)), min_size=1, max_size=20))
def test_regions_against_a_search(rows, pixels):
    regions = ChipRegions.from_limits(np.array(rows, dtype=np.int64), size=64)
    x, y = np.array(pixels).T
    expected = [
        max((k for k, (a, b, c, d) in enumerate(rows) if a <= i <= b and c <= j <= d), default=-1) for i, j in pixels
    ]
    assert_array_equal(regions.rows(x, y), expected)


def test_regions_upside_down():
    with pytest.raises(CalibrationError, match="below the lower limit"):
        ChipRegions.from_limits(np.array([[5, 4, 1, 2]]))


def curves(**y: float) -> ChipCurves:
    """One region on the lower half of the chip: y = factor * x on 0..1000."""
    x = np.array([[0.0, 1000.0, 7.0]])
    regions = ChipRegions.from_limits(np.array([[1, 1024, 1, 512]]))
    return ChipCurves(regions, np.array([2], np.int32), x, {k: x * v for k, v in y.items()})


def test_pixels_that_no_row_covers_are_nan():
    c = curves(energy=4.0)
    assert_allclose(c.evaluate("energy", [1, 1], [512, 513], 2000.0, extrapolate=True), [8000.0, np.nan])
    assert_allclose(c.evaluate("energy", 1, 1, 2000.0, extrapolate=False), 4000.0)


def test_time_gain_flat_epochs():
    p = TimeGain(source="x", chips={3: curves(shift1=0.01, shift2=0.02)}, epoch1=5.0, epoch2=5.0)
    assert_allclose(p.shift(3, 1, 1, 500.0, [0.0, 5.0, 9.0]), 5.0)


def test_vignetting_azimuth_and_wrap():
    assert_allclose(Vignetting.azimuth([-1, 0, 1, 0], [0, -1, 0, 1]), [0.0, 90.0, 180.0, 270.0], atol=1e-12)
    value = np.array([1.0, 2.0, 3.0, 4.0])[:, None, None]
    cube = VignettingCube(np.array([1.0]), np.array([0.0]), np.array([0.0, 90.0, 180.0, 270.0]), value)
    p = Vignetting(source="x", shells={"1111": cube})
    assert_allclose(p.at(1.0, 5.0, [0.0, 45.0, 315.0, 360.0, -90.0, 720.0]), [1.0, 1.5, 2.5, 1.0, 4.0, 1.0])
    with pytest.raises(CalibrationError, match="no vignetting for shell 1000; it has 1111"):
        p.at(1.0, 0.0, 0.0, shell="1000")


def test_vignetting_table_that_repeats_360():
    value = np.array([1.0, 2.0, 1.0])[:, None, None]
    cube = VignettingCube(np.array([1.0]), np.array([0.0]), np.array([0.0, 180.0, 360.0]), value)
    p = Vignetting(source="x", shells={"1111": cube})
    assert_allclose(p.at(1.0, 0.0, [90.0, 180.0, 270.0, 359.999]), [1.5, 2.0, 1.5, 1.0], atol=1e-4)


def layer(component: int, weight: float, mu: float, tau: float, f: float = 0.0) -> ContamLayer:
    one = np.array([1.0])
    return ContamLayer(component, weight, one, one * mu, one, one * tau, one, np.full((2, 2), f))


def test_contamination_components_add_and_layers_multiply():
    p = Contamination(
        source="x", chips={7: (layer(0, 0.25, 1.0, 2.0), layer(0, 0.25, 2.0, 1.0), layer(1, 0.75, 1.0, 0.5))}
    )
    assert_allclose(p.transmission(1.0, 5.0, 10, 10, 7), 0.25 * np.exp(-4.0) + 0.75 * np.exp(-0.5))
    assert p.transmission(np.ones((3, 1)), 0.0, np.ones(4), 1.0, 7).shape == (3, 4)
    with pytest.raises(CalibrationError, match="nothing for CCD_ID 3; it has CCD_ID 7"):
        p.transmission(1.0, 0.0, 1, 1, 3)


def test_contamination_never_exceeds_one():
    p = Contamination(source="x", chips={7: (layer(0, 1.0, 1.0, 1.0, f=-9.0),)})
    assert_allclose(p.transmission(1.0, 0.0, 1, 1, 7), 1.0)


def test_grating_orders():
    e = np.array([1.0, 2.0])
    mirror = MirrorArea(source="m", energy={"1111": e, "1000": e}, area={"1111": e * 100, "1000": e * 25})
    table = GratingTable("MEG", "1000", e, (-1, 0, 1), np.array([[0.1, 0.2, 0.4]] * 2))
    p = GratingEfficiency(source="g", grating="HETG", tables=(table,))
    assert_allclose(p.at(e, 1, "meg", mirror), 0.1)
    assert_allclose(p.at(e, 0, "", mirror), 0.05)
    with pytest.raises(CalibrationError, match=r"MEG orders -1\.\.1"):
        p.at(e, 3, "MEG", mirror)
    with pytest.raises(CalibrationError, match="no area for shell 0001"):
        mirror.at(1.0, "0001")


def test_psf_radius_is_linear_in_the_logarithm():
    radius = np.array([1.0, 4.0]).reshape(1, 1, 1, 2)
    one = np.zeros(1)
    p = PsfRadius(source="x", energy=one, theta=one, phi=one, ecf=np.array([0.5, 0.9]), radius=radius)
    assert_allclose(p.at(1.0, [0.0, 3.0], 0.7), 2.0)
    with pytest.raises(CalibrationError, match=r"goes from 0\.5 to 0\.9"):
        p.at(1.0, 0.0, 0.95)


def test_hrc_gain_holds_the_edge_blocks():
    p = HrcGainImage(source="x", gain=np.arange(4.0).reshape(2, 2), cell_x=8.0, cell_y=8.0, norm=148.0)
    assert_allclose(p.at([0, 7.9, 8, 999], [0, 0, 8, 999]), [0.0, 0.0, 3.0, 3.0])


def test_names_for_headers():
    file = MirrorArea(source="/caldb/data/hrmaN0008.fits[2]", energy={}, area={})
    assert file.filename == "hrmaN0008.fits"
    assert MirrorArea(source="ciaopy-lite-1: a.csv", is_lite=True, energy={}, area={}).filename == "ciaopy-lite-1"
