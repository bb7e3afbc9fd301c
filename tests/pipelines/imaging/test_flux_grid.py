"""Grids and names of fluximage: the rows of the specification, and what grids must obey."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ciaopy.datamodel import Workspace
from ciaopy.errors import UserError
from ciaopy.pipelines.imaging.grid import AxisRange, explicit_grid
from ciaopy.pipelines.imaging.names import Names, split_outroot


@pytest.mark.parametrize(
    ("low", "high", "width", "text", "count"),
    [
        (3012.37, 5433.9, 8, "3008.5:5440.5:8", 304),
        (3012.37, 5433.9, 2.5, "3010.5:5435.5:2.5", 970),
        (0.5, 8192.5, 8, "0.5:8192.5:8", 1024),
        (-100.2, 300, 32, "-127.5:320.5:32", 14),
    ],
)
def test_ranges_of_the_specification(low, high, width, text, count):
    found = AxisRange.around(low, high, width)
    assert (found.text, found.count) == (text, count)


@given(st.floats(-1e5, 1e5), st.floats(0.01, 1e4), st.integers(1, 64))
def test_a_range_holds_its_limits_and_wastes_less_than_a_pixel(low, length, width):
    found = AxisRange.around(low, low + length, width)
    assert found.low <= low < found.low + width
    assert found.high - width < low + length <= found.high
    assert (found.low - 0.5) % width == 0 and found.count * width == found.high - found.low


def test_overlap_and_union():
    a, b = AxisRange.around(0.5, 80.5, 8), AxisRange.around(40.5, 160.5, 8)
    assert (a & b).text == "40.5:80.5:8" and (a | b).text == "0.5:160.5:8"
    assert (a & AxisRange.around(80.5, 90, 8)) is None


@pytest.mark.parametrize(("low", "high", "width"), [(2, 1, 1), (1, 1, 1), (1, 2, 0), (1, 2, -1), (0, math.inf, 1)])
def test_ranges_that_are_none(low, high, width):
    with pytest.raises(UserError, match="no grid"):
        AxisRange.around(low, high, width)


def test_explicit_grids():
    grid = explicit_grid("2:12:#10, 0.5:8.5:2", Workspace())
    assert grid.x == AxisRange(2, 12, 1, 10) and grid.y == AxisRange(0.5, 8.5, 2, 4)
    assert grid.binning == "x=2:12:#10,y=0.5:8.5:2" and grid.xygrid == "2:12:#10,0.5:8.5:2"
    assert grid.binsize == 1 and grid.explicit and not grid.partial


def test_a_partial_last_pixel_is_told():
    assert explicit_grid("0.5:10.5:4,0.5:8.5:4", Workspace()).partial == "x"
    assert explicit_grid("0.5:10.5:4,0.5:9.5:4", Workspace()).partial == "x and y"


@pytest.mark.parametrize(
    "text",
    ["2::,1:2:1", "2:3:#0,1:2:1", "2:3:0,1:2:1", "2:3:-0.2,1:2:1", "x::,1:2:1", "1:2:1", "3:2:1,1:2:1", "1:2:#x,1:2:1"],
)
def test_grids_that_are_none(text):
    with pytest.raises(UserError, match="xygrid"):
        explicit_grid(text, Workspace())


def test_a_grid_of_too_many_pixels():
    with pytest.raises(UserError, match="larger"):
        explicit_grid("0:8192:0.001,0:1:1", Workspace())


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("foo", ("", "foo_")),
        ("foo/", ("foo/", "")),
        ("foo/bar", ("foo/", "bar_")),
        ("", ("", "")),
        (".", ("", "")),
        ("fi_", ("", "fi_")),
    ],
)
def test_output_roots(text, parts):
    assert split_outroot(text) == parts


def test_the_field_of_view_does_not_name_the_observation_twice():
    assert str(Names("o/", "", "754", True).fov) == "o/754.fov"
    assert str(Names("o/", "x_", "754", True).fov) == "o/x_754.fov"
    assert str(Names("", "754_", "754", True).fov) == "754.fov"


def test_clipping_shows_in_the_name_of_the_psf_map():
    assert Names("", "", "1", True).psf("broad").name == "broad_thresh.psfmap"
    assert Names("", "", "1", False).psf("broad").name == "broad.psfmap"
