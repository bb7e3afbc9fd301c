"""Fields of view: the archive's own polygons, hulls, masks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from coords_helpers import make_aspect, make_table
from hypothesis import given
from hypothesis import strategies as st

from ciaopy.coords import AspectSolution, Attitude, FocalPlane, Geometry, SkyFrame
from ciaopy.coords.fov import (
    convex_hull,
    convexhull_attitudes,
    fov_polygons,
    full_chips,
    mask_corners,
    minmax_attitudes,
    thinned,
)
from ciaopy.errors import DataError
from ciaopy.fits import Table, read_dataset

ACIS = Geometry.embedded().detector("ACIS")


def vertex_distance(ax, ay, bx, by) -> float:  # type: ignore[no-untyped-def]
    """Largest distance from a vertex of either polygon to the nearest vertex of the other."""
    d = np.hypot(ax[:, None] - bx[None], ay[:, None] - by[None])
    return float(max(d.min(0).max(), d.min(1).max()))


@pytest.mark.parametrize(
    ("obsid", "method", "chips", "tolerance"),
    [("1230", "minmax", 6, 3e-4), ("22772", "convexhull", 1, 1e-3), ("22793", "minmax", 1, 1e-3)],
)
def test_archive_polygons(data: Path, obsid: str, method: str, chips: int, tolerance: float) -> None:
    folder = data / "archive" / obsid
    (fov,) = (b for b in read_dataset(next(folder.glob("primary/*fov1*"))).blocks if isinstance(b, Table))
    aspect_file = next(folder.glob("primary/*asol1*"))
    tables = [("asol", b) for b in read_dataset(aspect_file).blocks if isinstance(b, Table)]
    aspect = AspectSolution.from_tables(tables).between(fov.header["TSTART"], fov.header["TSTOP"])
    plane, frame = FocalPlane.from_header(fov.header), SkyFrame.from_header(fov.header)
    masks = read_dataset(next(folder.glob("secondary/*msk1*"))).tables("MASK")
    attitudes = minmax_attitudes(aspect) if method == "minmax" else convexhull_attitudes(aspect)
    ours = fov_polygons(plane, frame, mask_corners(masks, plane.detector), attitudes)
    assert [p.chip_id for p in ours] == fov["CCD_ID"].tolist()
    assert len(ours) == chips
    for polygon, x, y in zip(ours, fov["X"], fov["Y"], strict=True):
        real = np.isfinite(x)
        assert real.sum() == polygon.x.size
        assert vertex_distance(polygon.x, polygon.y, x[real], y[real]) < tolerance
    if obsid.startswith("22"):  # HRC polygons start at the smallest x: the same rows
        real = np.isfinite(fov["X"][0])
        np.testing.assert_allclose(ours[0].x, fov["X"][0][real], atol=tolerance)
        np.testing.assert_allclose(ours[0].y, fov["Y"][0][real], atol=tolerance)


@given(st.lists(st.tuples(st.integers(-50, 50), st.integers(-50, 50)), min_size=3, max_size=60))
def test_hull_holds_every_point_and_turns_left(points: list[tuple[int, int]]) -> None:
    x, y = np.array(points, float).T
    hx, hy = convex_hull(x, y)
    assert set(zip(hx, hy, strict=True)) <= {(float(a), float(b)) for a, b in points}
    assert hx[0] == x.min()
    if hx.size < 3:
        return
    nx, ny = np.roll(hx, -1) - hx, np.roll(hy, -1) - hy
    turn = nx * np.roll(ny, -1) - ny * np.roll(nx, -1)
    assert (turn > 0).all()
    side = nx[:, None] * (y[None] - hy[:, None]) - ny[:, None] * (x[None] - hx[:, None])
    assert side.min() >= -1e-9


def test_hull_of_little() -> None:
    assert convex_hull([], [])[0].size == 0
    assert convex_hull([1.0, 1.0], [2.0, 2.0])[0].tolist() == [1.0]
    hx, hy = convex_hull([0.0, 1.0, 2.0, np.nan], [0.0, 1.0, 2.0, 5.0])
    assert (hx.tolist(), hy.tolist()) == ([0.0, 2.0], [0.0, 2.0])
    hx, hy = convex_hull([0.0, 1.0, 1.0, 0.0, 0.5], [0.0, 0.0, 1.0, 1.0, 0.5])
    assert (hx.tolist(), hy.tolist()) == ([0.0, 1.0, 1.0, 0.0], [0.0, 0.0, 1.0, 1.0])


def test_minmax_across_ra_zero() -> None:
    a = make_aspect([0.0, 1.0, 2.0], ra=[359.999, 0.001, 359.9995], dec=[1.0, 2.0, 3.0], roll=[359.9, 0.1, 0.0], dy=0.5)
    m = minmax_attitudes(a)
    assert m.size == 8
    assert np.ptp(m.ra) == pytest.approx(0.002)
    assert np.ptp(m.roll) == pytest.approx(0.2)
    assert set(m.dec) == {1.0, 3.0}
    assert set(m.dy) == {0.5}


def test_convexhull_rolls() -> None:
    a = make_aspect(np.arange(5.0), ra=[1, 2, 1, 0, 1], dec=[-1, 0, 1, 0, 0], roll=[10, 11, 12, 13, 14])
    m = convexhull_attitudes(a)
    got = {(r, d): o for r, d, o in zip(m.ra, m.dec, m.roll, strict=True)}
    assert got == {(0.0, 0.0): 10.0, (1.0, -1.0): 14.0, (2.0, 0.0): 14.0, (1.0, 1.0): 10.0}


def test_track_without_area_takes_both_rolls() -> None:
    m = convexhull_attitudes(make_aspect([0.0, 1.0], ra=[5.0, 5.0], dec=[6.0, 6.0], roll=[1.0, 2.0]))
    assert sorted(zip(m.ra, m.roll, strict=True)) == [(5.0, 1.0), (5.0, 2.0)]


def test_polygon_of_one_attitude_is_the_chip() -> None:
    plane, frame = FocalPlane.of("ACIS"), SkyFrame.of(10.0, -30.0, 0.0, "ACIS")
    attitude = Attitude.of(10.0, -30.0, 75.0)
    (polygon,) = fov_polygons(plane, frame, {3: full_chips(ACIS, "")[3]}, attitude)
    assert polygon.x.size == 5
    assert polygon.x[0] == polygon.x[-1] == polygon.x.min()
    u, v = polygon.x, polygon.y
    area = 0.5 * np.sum(u[:-1] * v[1:] - u[1:] * v[:-1])
    assert area == pytest.approx((1024 * 0.4913 / 0.492) ** 2, rel=4e-3)  # counter-clockwise: positive


def mask(ccd: int, rows: list[tuple[str, tuple[int, int], tuple[int, int], int]]) -> Table:
    shape, x, y, cycle = (list(v) for v in zip(*rows, strict=True))
    return make_table(
        f"MASK{ccd}", {"CCD_ID": ccd}, SHAPE=np.array(shape, "S16"), CHIPX=x, CHIPY=y, SAMP_CYC=np.array(cycle)
    )


def test_active_rectangles() -> None:
    on, off, cut = ("rectangle", (2, 1023), (450, 575), 1), ("rectangle", (1, 1024), (1, 1024), 0), "!rectangle"
    corners = mask_corners(
        [
            mask(7, [on, off, (cut, (2, 1023), (2, 1023), 1)]),
            mask(3, [off]),
            mask(6, [on, ("Rectangle", (5, 9), (5, 9), 2)]),
        ],
        ACIS,
    )
    assert sorted(corners) == [6, 7]
    assert corners[7].tolist() == [[2, 450], [1023, 450], [1023, 575], [2, 575]]
    assert corners[6].shape == (8, 2)


def test_bad_masks() -> None:
    with pytest.raises(DataError, match="no MASK block"):
        mask_corners([], ACIS, "msk1.fits")
    with pytest.raises(DataError, match="ACIS has no chip 12"):
        mask_corners([mask(12, [("rectangle", (1, 2), (1, 2), 1)])], ACIS)
    with pytest.raises(DataError, match=r"msk1\.fits: block MASK7 has no column SHAPE"):
        mask_corners([make_table("MASK7", None, CHIPX=np.zeros((1, 2)))], ACIS, "msk1.fits")
    with pytest.raises(DataError, match="block MASK does not tell its chip"):
        mask_corners([make_table("MASK", None, SHAPE=np.array(["rectangle"], "S9"))], ACIS)


def test_chips_of_detnam() -> None:
    assert sorted(full_chips(ACIS, "ACIS-012367")) == [0, 1, 2, 3, 6, 7]
    assert sorted(full_chips(ACIS, "ACIS-7")) == [7]
    assert sorted(full_chips(ACIS, "")) == list(range(10))
    assert sorted(full_chips(Geometry.embedded().detector("HRC-S"), "HRC-S")) == [1, 2, 3]
    assert full_chips(ACIS, "ACIS-7")[7].max() == 1024.5


def test_a_smooth_track_has_few_vertices() -> None:
    """A polygon of 2000 vertices on a circle keeps 64, its extremes, and its place within the sagitta of the chords."""
    angle = np.linspace(0, 2 * np.pi, 2000, endpoint=False)
    x, y = convex_hull(4000 + 16 * np.cos(angle), 4100 + 16 * np.sin(angle))
    u, v = thinned(x, y)
    assert u.size == 64
    assert (u.min(), u.max(), v.min(), v.max()) == (x.min(), x.max(), y.min(), y.max())
    spacing = np.hypot(u - np.roll(u, 1), v - np.roll(v, 1))
    assert spacing.max() ** 2 / (8 * 16) < 0.1
    area = 0.5 * abs(np.dot(u, np.roll(v, 1)) - np.dot(v, np.roll(u, 1)))
    assert area == pytest.approx(np.pi * 16**2, rel=3e-3)


def test_a_polygon_within_the_bound_is_kept_whole() -> None:
    angle = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    x, y = convex_hull(np.cos(angle), np.sin(angle))
    u, v = thinned(x, y)
    assert np.array_equal(u, x) and np.array_equal(v, y)


@pytest.mark.parametrize("shape", ["track", "flat", "line", "point", "square"])
def test_the_hull_of_a_long_track_is_that_of_all_its_points(shape: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(5)
    t = np.sort(rng.uniform(0, 60, 4000))
    x, y = 278.4 + 0.004 * np.sin(t), -10.6 + 0.004 * np.sin(t / 1.41) + rng.normal(0, 1e-5, t.size)
    if shape == "flat":
        y = -10.6 + 1e-9 * y
    elif shape == "line":
        y = np.full_like(x, -10.6)
    elif shape == "point":
        x, y = np.full_like(x, 278.4), np.full_like(x, -10.6)
    elif shape == "square":
        x, y = rng.integers(0, 4, t.size).astype(float), rng.integers(0, 4, t.size).astype(float)
    thin = convex_hull(x, y)
    monkeypatch.setattr("ciaopy.coords.fov.FEW_POINTS", 10**9)
    whole = convex_hull(x, y)
    for mine, truth in zip(thin, whole, strict=True):
        np.testing.assert_array_equal(mine, truth)
