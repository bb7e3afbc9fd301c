"""Orders, arms and sources of events: the kernel against a plain Python reading of the rules."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ciaopy.caldb.lite import product
from ciaopy.coords import AspectSolution, Attitude, FocalPlane, SkyFrame
from ciaopy.errors import CalibrationError, DataError
from ciaopy.gratings import (
    HC_KEV_ANGSTROM,
    ArmBox,
    Dispersion,
    GratingMask,
    Resolver,
    SourceMask,
    arm_box,
    arms_of,
    by_nearest,
    by_sign,
    by_windows,
)  # fmt: skip
from ciaopy.kernels.gratings import BY_NEAREST, BY_SIGN, BY_WINDOW, order_of, window_limits

OSIP = product("OSIP")
WINDOWS = by_windows(OSIP)
BY_ROW = (WINDOWS.way, WINDOWS.limits, WINDOWS.windows, WINDOWS.npoints)


@settings(deadline=None)
@given(st.sampled_from([5, 6, 7, 8, 9]), st.integers(1, 12), st.sampled_from([-1, 1]), st.floats(1.2, 40.0))
def test_wavelength_to_order_and_back(ccd, m, sign, lam):
    """A photon of exactly the energy of its wavelength is given its own order: windows always hold their energy."""
    energy = 1e3 * HC_KEV_ANGSTROM / lam
    found = order_of(sign * m * lam, energy, WINDOWS.first_row[ccd], *BY_ROW)
    assert found == sign * m
    assert abs(abs(sign * m * lam / found) - lam) < 1e-12


@settings(deadline=None)
@given(st.floats(0.3, 11.0), st.sampled_from(range(4, 10)))
def test_windows_are_those_of_the_table(energy, ccd):
    low, high = window_limits(1e3 * energy, WINDOWS.first_row[ccd], WINDOWS.windows, WINDOWS.npoints)
    from ciaopy.caldb.lite import tables

    t, names = tables.array("osip.csv"), tables.labels("osip.csv")
    lo, hi = (np.interp(energy, t[:, 0], t[:, names.index(f"{k}{ccd}")]) for k in ("lo", "hi"))
    assert low == pytest.approx(1e3 * energy * (1 - lo), rel=1e-4) and high == pytest.approx(
        1e3 * energy * (1 + hi), rel=1e-4
    )


def test_order_test_by_hand():
    nothing = WINDOWS.windows, WINDOWS.npoints
    limits = np.array([0.3, 0.3])
    energy = 1000.0  # m* = mlam / 12.39842
    for star, order in ((1.2, 1), (0.75, 1), (0.69, 99), (2.29, 2), (2.31, 99), (-1.1, -1), (-3.4, 99), (0.2, 99)):
        assert order_of(star * HC_KEV_ANGSTROM, energy, -1, BY_NEAREST, limits, *nothing) == order
    assert order_of(-0.3, np.nan, -1, BY_SIGN, limits, *nothing) == -1
    assert order_of(0.0, 1000.0, -1, BY_SIGN, limits, *nothing) == 99
    assert order_of(5.0, np.nan, 0, BY_WINDOW, np.ones(2), *nothing) == 99
    assert order_of(1.05, 1e3 * HC_KEV_ANGSTROM / 1.05, 0, BY_WINDOW, np.ones(2), *nothing) == 99  # beyond the table
    assert order_of(1e6, 9000.0, 0, BY_NEAREST, limits, *nothing) == 99  # beyond order 62
    # the edges times a factor
    row = WINDOWS.first_row[7]
    low, _ = window_limits(2000.0, row, *nothing)
    mlam = 1e3 * HC_KEV_ANGSTROM / 2000.0
    assert order_of(mlam, low * 0.99, row, BY_WINDOW, np.array([1.0, 1.0]), *nothing) == 99
    assert order_of(mlam, low * 0.99, row, BY_WINDOW, np.array([0.98, 1.0]), *nothing) == 1


def observation(test, boxes=None, sources=1):
    plane = FocalPlane.of("ACIS")
    plane = plane.moved((-0.68, 0.0, -190.14))
    frame = SkyFrame.of(83.85, -5.4, 301.3, "ACIS")
    arms = arms_of("HETG")
    found = []
    for n in range(sources):
        zero = (4096.5 + 60 * n, 4096.5 - 40 * n)
        found.append(
            SourceMask(n + 1, *zero, 27.0, tuple(arm_box(a, plane.detector, zero, 301.3, 80.0, 0.992) for a in arms))
        )
    return Resolver(plane, frame, Attitude.of(83.85, -5.4, 301.3), arms, GratingMask(tuple(found)), test)


def random_events(resolver, n=4000):
    """Events along both arms, in the core, and off everything."""
    rng = np.random.default_rng(5)
    attitude = resolver.aspect
    spectra = [Dispersion(resolver.plane, resolver.frame, a, (4096.5, 4096.5)) for a in resolver.arms]
    which = rng.integers(0, 2, n)
    angle, cross = rng.uniform(-0.5, 0.5, n) * rng.uniform(0, 1, n) ** 2, rng.normal(0, 3e-3, n)
    place = [s.to_chip(angle, cross, attitude) for s in spectra]
    ids = np.where(which == 0, place[0].chip_id, place[1].chip_id)
    cx, cy = (
        np.rint(np.where(which == 0, a, b))
        for a, b in ((place[0].chipx, place[1].chipx), (place[0].chipy, place[1].chipy))
    )
    keep = ids >= 0
    ids, cx, cy = ids[keep], np.clip(cx[keep], 1, 1024), np.clip(cy[keep], 1, 1024)
    x, y = resolver.plane.chip_to_sky(ids, cx, cy, attitude, resolver.frame)
    energy = rng.uniform(400, 8000, keep.sum())
    return {"time": np.zeros(keep.sum()), "ccd_id": ids, "chipx": cx, "chipy": cy, "x": x, "y": y, "energy": energy}


def reference(resolver, e, i):
    """Part, order and source map of one event, by the rules as they are written."""
    held, smap = [], 0
    circle = []
    for s, source in enumerate(resolver.mask.sources):
        if np.hypot(e["x"][i] - source.x, e["y"][i] - source.y) <= source.radius:
            circle.append(source)
            smap |= 1 << s
        for box in source.boxes:
            t = np.deg2rad(box.angle)
            dx, dy = e["x"][i] - box.x, e["y"][i] - box.y
            if (
                abs(dx * np.cos(t) + dy * np.sin(t)) <= box.length / 2
                and abs(dy * np.cos(t) - dx * np.sin(t)) <= box.width / 2
            ):
                held.append((s, source, box))
                smap |= 1 << s
    if circle:
        return (0, 0, smap) if len(circle) == 1 else (99, 99, smap)
    orders = []
    for _, source, box in held:
        spectrum = Dispersion(resolver.plane, resolver.frame, box.arm, (source.x, source.y))
        r = spectrum.of_chip(e["ccd_id"][i], e["chipx"][i], e["chipy"][i], resolver.aspect)[0]
        mlam = box.arm.period * np.sin(np.deg2rad(float(r)))
        star = abs(mlam) * e["energy"][i] * 1e-3 / HC_KEV_ANGSTROM
        m = max(int(np.floor(star + 0.5)), 1)
        orders.append(int(np.sign(mlam)) * m if m - 0.3 < star <= m + 0.3 else 99)
    if len(held) == 1:
        return held[0][2].arm.part, orders[0], smap
    fits = [k for k, m in enumerate(orders) if m != 99]
    if len(fits) != 1:
        return 99, 99, smap
    s, _, box = held[fits[0]]
    if box.arm.name == "MEG" and sum(h[0] == s for h in held) > 1:
        smap &= ~(1 << s)
    return box.arm.part, orders[fits[0]], smap


@pytest.mark.parametrize("sources", [1, 2])
def test_kernel_against_the_rules(sources):
    resolver = observation(by_nearest(0.3, 0.3), sources=sources)
    e = random_events(resolver, 1500)
    got = resolver(e).columns
    want = np.array([reference(resolver, e, i) for i in range(len(e["x"]))])
    for k, name in enumerate(("tg_part", "tg_m", "tg_smap")):
        assert np.array_equal(got[name], want[:, k]), name
    assert {0, 1, 2, 99} <= set(want[:, 0].tolist())
    arms = np.isin(got["tg_part"], (1, 2))
    assert (got["tg_srcid"][arms] >= 1).all() and (got["tg_srcid"][got["tg_part"] == 99] == 0).all()
    assert np.isnan(got["tg_lam"][got["tg_m"] == 99]).all()
    resolved = arms & (got["tg_m"] != 99)
    assert np.allclose(got["tg_lam"][resolved], np.abs(got["tg_mlam"][resolved] / got["tg_m"][resolved]), rtol=1e-6)


def test_same_bytes_from_any_number_of_threads():
    resolver = observation(WINDOWS)
    e = random_events(resolver, 3000)
    many = {k: np.tile(v, 60) for k, v in e.items()}
    one, three = resolver(many, 1), resolver(many, 3)
    for name, values in one.columns.items():
        assert values.tobytes() == three.columns[name].tobytes()


def test_events_without_attitude_are_lost():
    resolver = observation(by_sign())
    aspect = AspectSolution(*(np.array([v]) for v in (100.0, 83.85, -5.4, 301.3, 0.0, 0.0, 0.0)))
    resolver = Resolver(resolver.plane, resolver.frame, aspect, resolver.arms, resolver.mask, resolver.test)
    e = random_events(resolver_fixed := observation(by_sign()), 200)
    assert resolver_fixed(e).lost == 0
    lost = resolver(e)
    assert lost.lost == len(e["x"]) and (lost.columns["tg_part"] == 99).all()


def test_what_is_missing_is_named():
    resolver = observation(WINDOWS)
    e = random_events(resolver, 300)
    with pytest.raises(DataError, match=r"no column energy"):
        resolver({k: v for k, v in e.items() if k != "energy"})
    only = OSIP.__class__(source="few.fits", chips={7: OSIP.chips[7]})
    with pytest.raises(CalibrationError, match=r"few.fits: no order-sorting windows for CCD .*osipfile=none"):
        observation(by_windows(only))(e)


def test_no_events():
    resolver = observation(WINDOWS)
    got = resolver({k: v[:0] for k, v in random_events(resolver, 10).items()})
    assert got.lost == 0 and all(v.size == 0 for v in got.columns.values())


def test_boxes_end_inside_the_sky():
    detector = FocalPlane.of("ACIS").detector
    for roll in range(0, 360, 17):
        for arm in arms_of("HETG"):
            box = arm_box(arm, detector, (4300.0, 3900.0), roll, 90.0, 0.992)
            t = np.deg2rad(box.angle)
            tips = [(box.x + k * box.length / 2 * np.cos(t), box.y + k * box.length / 2 * np.sin(t)) for k in (-1, 1)]
            assert all(0.5 <= v <= 8192.5 for tip in tips for v in tip)
            assert isinstance(box, ArmBox) and 0 <= box.angle < 180
            # the zero order lies on the axis
            assert abs((4300.0 - box.x) * np.sin(t) - (3900.0 - box.y) * np.cos(t)) < 1e-6
