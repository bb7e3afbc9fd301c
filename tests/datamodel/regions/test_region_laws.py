"""Regions: algebra, areas, invariances, and the kernel against a slow reference, on generated shapes."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ciaopy.datamodel.regions import Bounds, Region, Shape, parse_region
from ciaopy.errors import RegionError

RNG = np.random.default_rng(20)
X = RNG.uniform(-60.0, 60.0, 4000)
Y = RNG.uniform(-60.0, 60.0, 4000)

coordinate = st.floats(-40, 40).map(lambda v: round(v, 3))
size = st.floats(0, 30).map(lambda v: round(v, 3))
angle = st.floats(-400, 400).map(lambda v: round(v, 2))


@st.composite
def shapes(draw: st.DrawFn) -> Shape:
    kind = draw(
        st.sampled_from(["circle", "annulus", "ellipse", "box", "rotbox", "rectangle", "polygon", "pie", "sector"])
    )
    excluded = draw(st.booleans())
    count = {"rectangle": 2, "polygon": draw(st.integers(3, 6))}.get(kind, 1)
    x = tuple(draw(coordinate) for _ in range(count))
    y = tuple(draw(coordinate) for _ in range(count))
    nradii = {"circle": 1, "rectangle": 0, "polygon": 0, "sector": 0}.get(kind, 2)
    radii = [draw(size) for _ in range(nradii)]
    if kind in ("annulus", "pie"):
        radii.sort()
    nangles = {"ellipse": 1, "rotbox": 1, "pie": 2, "sector": 2}.get(kind, 0)
    return Shape(kind, x, y, tuple(radii), tuple(draw(angle) for _ in range(nangles)), excluded)


regions = st.lists(st.lists(shapes(), min_size=1, max_size=3).map(tuple), min_size=1, max_size=3).map(
    lambda c: Region(tuple(c))
)


def reference(shape: Shape, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Inside test written from the definitions, in numpy, without the kernel's tricks."""
    if shape.kind == "field":
        inside = np.ones(x.shape, bool)
    elif shape.kind == "rectangle":
        inside = (x >= min(shape.x)) & (x <= max(shape.x)) & (y >= min(shape.y)) & (y <= max(shape.y))
    elif shape.kind == "polygon":
        winding = np.zeros(x.shape, int)
        for i in range(len(shape.x)):
            x0, y0, x1, y1 = shape.x[i - 1], shape.y[i - 1], shape.x[i], shape.y[i]
            with np.errstate(all="ignore"):
                at = x0 + (y - y0) * (x1 - x0) / (y1 - y0)
            winding += ((y0 > y) != (y1 > y)) & (x < at)
        inside = winding % 2 == 1
    else:
        u, v = x - shape.x[0], y - shape.y[0]
        r = np.hypot(u, v)
        if shape.kind in ("pie", "sector"):
            first, last = shape.angles
            span = 360.0 if abs(last - first) >= 360 else (last - first) % 360
            inside = (np.degrees(np.arctan2(v, u)) - first) % 360 <= span
            if shape.kind == "pie":
                inside &= (r >= shape.radii[0]) & (r <= shape.radii[1])
        elif shape.kind in ("circle", "annulus"):
            inside = (r <= shape.radii[-1]) & (r >= (shape.radii[0] if shape.kind == "annulus" else 0))
        else:
            a = math.radians(shape.angles[0] if shape.angles else 0.0)
            s, t = u * math.cos(a) + v * math.sin(a), v * math.cos(a) - u * math.sin(a)
            w, h = shape.radii
            if shape.kind == "ellipse":
                with np.errstate(all="ignore"):
                    inside = (s / w) ** 2 + (t / h) ** 2 <= 1
            else:
                inside = (abs(s) <= w / 2) & (abs(t) <= h / 2)
    return ~inside if shape.excluded else inside


@settings(deadline=None, max_examples=150)
@given(regions)
def test_inside_agrees_with_the_definition(region: Region) -> None:
    want = np.zeros(X.shape, bool)
    for component in region.components:
        want |= np.logical_and.reduce([reference(s, X, Y) for s in component])
    assert np.array_equal(region.inside(X, Y), want)


@settings(deadline=None, max_examples=60)
@given(regions, regions)
def test_boolean_laws(a: Region, b: Region) -> None:
    in_a, in_b = a.inside(X, Y), b.inside(X, Y)
    assert np.array_equal((a | b).inside(X, Y), in_a | in_b)
    assert np.array_equal((a & b).inside(X, Y), in_a & in_b)
    assert np.array_equal((a - b).inside(X, Y), in_a & ~in_b)
    assert np.array_equal((~a).inside(X, Y), ~in_a)


@settings(deadline=None, max_examples=100)
@given(regions)
def test_text_round_trip(region: Region) -> None:
    assert parse_region(region.text(None)) == simplified(region)


def simplified(region: Region) -> Region:
    """The region as its text reads: polygons are open, a shape stands once in a component."""
    shapes = tuple(tuple(dict.fromkeys(reread(s) for s in c)) for c in region.components)
    return Region(shapes)


def reread(shape: Shape) -> Shape:
    if shape.kind == "polygon" and len(shape.x) > 3 and (shape.x[0], shape.y[0]) == (shape.x[-1], shape.y[-1]):
        return Shape("polygon", shape.x[:-1], shape.y[:-1], excluded=shape.excluded)
    return shape


@settings(deadline=None, max_examples=60)
@given(regions, coordinate, coordinate)
def test_translation_moves_the_inside(region: Region, dx: float, dy: float) -> None:
    moved = region.translated(dx, dy)
    differ = region.inside(X, Y) != moved.inside(X + dx, Y + dy)
    # rounding of x + dx may move a point over an edge
    assert differ.sum() <= 2


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(["rotbox", "ellipse"]), size, size, angle, angle)
def test_rotation_turns_the_inside(kind: str, w: float, h: float, a: float, turn: float) -> None:
    shape, turned = (Region.from_shape(Shape(kind, (0.0,), (0.0,), (w, h), (b,))) for b in (a, a + turn))
    c, s = math.cos(math.radians(turn)), math.sin(math.radians(turn))
    assert (shape.inside(X, Y) != turned.inside(c * X - s * Y, s * X + c * Y)).sum() <= 2


@settings(deadline=None, max_examples=100)
@given(regions)
def test_every_inside_point_is_in_the_bounds(region: Region) -> None:
    box, hit = region.bounds, region.inside(X, Y)
    if hit.any():
        assert box.xlo - 1e-9 <= X[hit].min() and X[hit].max() <= box.xhi + 1e-9
        assert box.ylo - 1e-9 <= Y[hit].min() and Y[hit].max() <= box.yhi + 1e-9


@pytest.mark.parametrize(
    ("text", "area"),
    [
        ("circle(1,2,3.04878)", 29.2013),
        ("annulus(0,0,4.325,15)", 648.09),
        ("rotbox(5,5,3.13415,3.49839,30)", 10.9645),
        ("rotbox(0,0,3.13415,3.49839,30)+rotbox(50,0,3.13415,3.49839,70)", 21.929),
        ("circle(0,0,10)+circle(30,0,10)+circle(0,30,10)+circle(30,30,10)", 1256.637),
        ("polygon(0,0,4,0,4,3)", 6.0),
        ("pie(0,0,1,3,90,0)", math.pi * 8 * 0.75),
        ("ellipse(0,0,5,3,17)", math.pi * 15),
        ("rectangle(5,5,1,2)", 12.0),
        ("point(1,1)", 0.0),
        # counted on the unit grid of the CXC region library
        ("circle(10,10,5)-circle(10,10,2)", 68.0),
        ("circle(0,0,5)+circle(10,0,5)", 161.0),
    ],
)
def test_areas_of_real_files_and_of_the_region_library(text: str, area: float) -> None:
    assert parse_region(text).area() == pytest.approx(area, rel=2e-5)


@settings(deadline=None, max_examples=40)
@given(shapes())
def test_analytic_area_agrees_with_monte_carlo(shape: Shape) -> None:
    shape = Shape(shape.kind, shape.x, shape.y, shape.radii, shape.angles)
    box = shape.extent
    if not box.is_finite or shape.area == 0:
        return
    x = RNG.uniform(box.xlo, box.xhi, 40000)
    y = RNG.uniform(box.ylo, box.yhi, 40000)
    fraction = Region.from_shape(shape).inside(x, y).mean()
    whole = (box.xhi - box.xlo) * (box.yhi - box.ylo)
    assert shape.area / whole == pytest.approx(fraction, abs=0.02)


@pytest.mark.parametrize(
    ("text", "area"),
    [
        ("polygon(0,0,4,4,4,0,0,4)", 8.0),  # a bow tie
        ("polygon(0,0,4,0,4,3,0,0,4,0,4,3)", 0.0),  # twice around: even
        ("polygon(0,0,4,0,4,4,0,4,0,0,4,0,4,4,0,4,0,0,4,0,4,4,0,4)", 16.0),  # three times
        ("polygon(0,0,4,0,8,0,4,0,4,4,0,4)", 16.0),  # out and back along an edge
        ("polygon(0,0,2,2,0,4,4,4,2,2,4,0)", 8.0),  # two triangles that touch in a vertex
        ("polygon(1e6,1e6,1000004,1000004,1000004,1e6,1e6,1000004)", 8.0),
    ],
)
def test_polygons_that_cross_or_retrace_themselves(text: str, area: float) -> None:
    region = parse_region(text)
    assert region.area() == pytest.approx(area, abs=1e-6)
    box = region.bounds
    x, y = _grid(box)
    fraction = region.inside(x + 0.0051, y + 0.0053).mean()
    assert fraction * (box.xhi - box.xlo) * (box.yhi - box.ylo) == pytest.approx(area, abs=0.3)


def _grid(box: Bounds) -> tuple[np.ndarray, np.ndarray]:
    x, y = (lo + (np.arange(400) + 0.5) * (hi - lo) / 400 for lo, hi in ((box.xlo, box.xhi), (box.ylo, box.yhi)))
    return np.broadcast_arrays(x[None, :], y[:, None])  # type: ignore[return-value]


def test_composed_area_converges_with_the_step() -> None:
    region = parse_region("circle(10,10,5)-circle(10,10,2)")
    assert region.area(step=0.02) == pytest.approx(math.pi * 21, rel=2e-3)


def test_area_of_a_field_needs_limits() -> None:
    field = Bounds(0.5, 100.5, 0.5, 50.5)
    assert math.isinf(parse_region("field()").area())
    assert parse_region("field()").area(field) == 5000.0
    assert parse_region("field()-rectangle(0,0,50,200)").area(field) == 51 * 51
    with pytest.raises(RegionError, match="larger step"):
        parse_region("circle(0,0,1e6)-circle(0,0,1)").area()


@pytest.mark.parametrize(
    ("text", "points"),
    [
        ("circle(10,10,5)", [(15, 10), (10, 5), (13, 14)]),
        ("circle(10,10,0)", [(10, 10)]),
        ("box(10,10,4,2)", [(8, 9), (12, 11), (12, 9)]),
        ("rectangle(1,2,5,6)", [(1, 2), (5, 6), (1, 6)]),
        ("rectangle(5,6,1,2)", [(1, 2), (5, 6)]),
        ("annulus(0,0,2,5)", [(2, 0), (5, 0), (3, 4)]),
        ("polygon(0,0,4,0,4,4,0,4)", [(0, 0), (4, 0), (4, 4), (0, 4), (2, 0), (4, 2), (2, 4), (0, 2)]),
        ("polygon(0,0,4,4,0,4)", [(1, 1), (2, 2), (3.5, 3.5)]),
        ("pie(0,0,1,5,0,90)", [(1, 0), (5, 0), (0, 5), (3, 4)]),
        ("sector(0,0,350,10)", [(9, 0), (9, 1)]),
        ("pie(0,0,0,5,90,0)", [(0, 5), (-1, 0), (0, -1), (5, 0)]),
        ("pie(0,0,0,5,0,360)", [(1, 1), (-1, -1)]),
        ("point(3,4)", [(3, 4)]),
        ("ellipse(10,10,5,3,0)", [(15, 10), (10, 13)]),
    ],
)
def test_edges_belong_to_the_shape(text: str, points: list[tuple[float, float]]) -> None:
    assert parse_region(text).inside(*np.array(points, float).T).all()


def test_what_is_just_outside() -> None:
    assert not parse_region("circle(10,10,5)").inside(np.nextafter(15.0, 16), 10.0)
    assert not parse_region("polygon(0,0,4,0,4,4,0,4)").inside([4.0000001, -1, 5], [2, 0, 4]).any()
    assert not parse_region("pie(0,0,0,5,0,90)").inside([1.0, -1], [-1e-9, 1]).any()
    assert not parse_region("point(3,4)").inside(3.0, 4.0000001)


def test_the_extent_of_an_ellipse_is_that_of_its_rectangle() -> None:
    box = parse_region("ellipse(10,10,5,3,30)").bounds
    assert np.allclose(box, (4.17, 15.83, 4.90, 15.10), atol=0.005)


def test_nan_is_nowhere_and_shapes_broadcast() -> None:
    region = parse_region("field()-circle(0,0,1)")
    assert region.inside([np.nan, 5.0, 0.0], [0.0, np.nan, 0.0]).tolist() == [False, False, False]
    assert region.inside(np.arange(4.0)[None, :], np.arange(3)[:, None]).shape == (3, 4)
    assert region.inside(np.array([5], dtype=np.int16), 5).tolist() == [True]
    assert region.inside([], []).shape == (0,)


def test_complement_of_a_huge_region_is_refused_with_advice() -> None:
    rings = "+".join(f"annulus({i},0,1,2)-box({i},0,1,1)" for i in range(40))
    with pytest.raises(RegionError, match="exclude"):
        _ = ~parse_region(rings)


def test_eight_threads_agree() -> None:
    region = parse_region("circle(0,0,30)-pie(0,0,5,20,10,80)+polygon(-50,-50,0,-40,-20,10)*!box(-30,-30,9,9)")
    x, y = RNG.uniform(-60, 60, (2, 200_000)).astype(np.float32)
    want = region.inside(x, y)
    with ThreadPoolExecutor(8) as pool:
        for got in pool.map(lambda _: region.inside(x, y), range(16)):
            assert np.array_equal(got, want)
