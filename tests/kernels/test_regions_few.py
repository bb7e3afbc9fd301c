"""Regions of few points: numpy and the compiled loops give the same bits; angles are left to the compiled ones."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ciaopy.datamodel.regions import parse_region
from ciaopy.kernels import regions, regions_compiled

# Whole and half numbers meet edges and corners, the others do not; both are wanted.
place = st.one_of(st.integers(-8, 8).map(lambda n: n / 2), st.floats(-5, 5, width=32))
size = st.one_of(st.integers(0, 6).map(lambda n: n / 2), st.floats(0, 4, width=32))
angle = st.sampled_from([0, 30, 45, 90, 123.4, 180, 359.9])
shapes = st.one_of(
    st.just("field()"),
    st.builds("circle({:.9g},{:.9g},{:.9g})".format, place, place, size),
    st.builds(lambda x, y, r, w: f"annulus({x:.9g},{y:.9g},{r:.9g},{r + w:.9g})", place, place, size, size),
    st.builds("ellipse({:.9g},{:.9g},{:.9g},{:.9g},{})".format, place, place, size, size, angle),
    st.builds("box({:.9g},{:.9g},{:.9g},{:.9g},{})".format, place, place, size, size, angle),
    st.builds(lambda x, y, w, h: f"rectangle({x:.9g},{y:.9g},{x + w:.9g},{y + h:.9g})", place, place, size, size),
    st.builds("point({:.9g},{:.9g})".format, place, place),
    st.lists(st.tuples(place, place), min_size=3, max_size=7).map(
        lambda points: "polygon(" + ",".join(f"{v:.9g}" for point in points for v in point) + ")"
    ),
)
texts = st.lists(st.tuples(shapes, st.sampled_from("+-*")), min_size=1, max_size=4).map(
    lambda found: found[0][0] + "".join(sign + shape for shape, sign in found[1:])
)
odd = [np.nan, np.inf, -np.inf, 1e300, 0.0, -0.0]
points = st.lists(st.tuples(place, place) | st.tuples(st.sampled_from(odd), place), min_size=1, max_size=40)


def both(text: str, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    code = parse_region(text)._code
    compiled = np.empty(len(x), np.bool_)
    regions_compiled.inside(
        x, y, code.kinds, code.excluded, code.first, code.numbers, code.components, code.boxes, compiled
    )
    return regions._inside_few(code, x, y), compiled


@given(texts, points, st.sampled_from(["f4", "f8"]))
def test_few_points_are_judged_as_many(text, where, kind):
    with np.errstate(over="ignore"):
        x, y = np.array(where, kind).T.copy()
    few, compiled = both(text, x, y)
    assert (few == compiled).all(), text


@pytest.mark.parametrize("text", ["ellipse(1,2,3,4,33)-circle(1,1,1)", "polygon(0,0,9,1,8,8,3,4)+box(5,5,3,2,20)"])
def test_many_random_points_are_judged_the_same(text):
    rng = np.random.default_rng(5)
    x, y = rng.uniform(-2, 10, (2, 100_000))
    few, compiled = both(text, x, y)
    assert (few == compiled).all() and 0 < few.sum() < len(few)


def test_angles_and_much_work_are_compiled(monkeypatch):
    monkeypatch.setattr(regions, "_tests_done", [0])
    monkeypatch.delitem(regions.sys.modules, "ciaopy.kernels.regions_compiled")
    circle, pie = parse_region("circle(1,2,3)")._code, parse_region("pie(1,2,0,5,10,80)")._code
    assert not regions._compiled_pays(circle, 1000)
    assert regions._compiled_pays(pie, 1)
    assert regions._compiled_pays(circle, regions.FEW_TESTS)
    assert regions._compiled_pays(circle, 1), "what was done before counts"
