"""Annuli of ds9: elliptical and box-shaped, divided by n=, and their sectors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from datamodel_helpers import columns, write_events
from hypothesis import given, settings
from hypothesis import strategies as st
from image_tools_helpers import run

from ciaopy.datamodel.regions import parse_region
from ciaopy.errors import RegionError

RNG = np.random.default_rng(5)
U, V = RNG.uniform(-12, 12, (2, 4000))


def turned(angle: float) -> tuple[np.ndarray, np.ndarray]:
    a = np.radians(angle)
    return U * np.cos(a) + V * np.sin(a), V * np.cos(a) - U * np.sin(a)


def ring(shape: str, sizes: tuple[float, ...], angle: float) -> np.ndarray:
    p, q = turned(angle)
    a, b, c, d = sizes
    if shape == "ellipse":
        return ((p / a) ** 2 + (q / b) ** 2 > 1) & ((p / c) ** 2 + (q / d) ** 2 <= 1)
    return ((abs(p) > a / 2) | (abs(q) > b / 2)) & (abs(p) <= c / 2) & (abs(q) <= d / 2)


@settings(deadline=None)
@given(st.sampled_from(["ellipse", "box"]), st.floats(0.5, 4), st.floats(0.5, 4), st.floats(1, 3), st.floats(-180, 180))
def test_rings(shape: str, a: float, b: float, factor: float, angle: float) -> None:
    sizes = (a, b, a * factor + 0.1, b * factor + 0.1)
    text = ",".join(map(repr, sizes))
    want = ring(shape, sizes, angle)
    for typed in (f"{shape}(10,20,{text},{angle!r})", f"{shape}(10,20,{text},n=3,{angle!r})"):
        assert np.array_equal(parse_region(typed).inside(U + 10, V + 20), want)
    assert np.array_equal(parse_region(f"{shape}(10,20,{text})").inside(U + 10, V + 20), ring(shape, sizes, 0))


@settings(deadline=None)
@given(st.sampled_from(["e", "b"]), st.floats(0, 360), st.floats(1, 359), st.floats(-90, 90))
def test_pandas_turn_with_their_spokes(kind: str, first: float, span: float, angle: float) -> None:
    sizes = (2.0, 3.0, 6.0, 9.0)
    p, q = turned(angle)
    position = (np.degrees(np.arctan2(q, p)) - first) % 360
    sure = np.minimum(position, abs(position - span)) > 1e-6
    want = ring("ellipse" if kind == "e" else "box", sizes, angle) & (position <= span)
    text = f"{kind}panda(10,20,{first!r},{first + span!r},4,2,3,6,9,1,{angle!r})"
    assert np.array_equal(parse_region(text).inside(U + 10, V + 20)[sure], want[sure])
    whole = parse_region(f"{kind}panda(10,20,0,360,4,2,3,6,9,1,{angle!r})")
    assert np.array_equal(whole.inside(U + 10, V + 20), ring("ellipse" if kind == "e" else "box", sizes, angle))


def test_annuli_divided(tmp_path: Path) -> None:
    """In a filter one region; in a binning a row each."""
    region = parse_region("annulus(10,20,1,7,n=3)")
    assert [s.radii for s in region.shapes] == [(1, 3), (3, 5), (5, 7)]
    write_events(tmp_path / "e.fits")
    c = columns()
    r = np.hypot(c["x"].astype("f8") - 4100, c["y"].astype("f8") - 4100)
    run("dmextract", f"{tmp_path}/e.fits[bin sky=annulus(4100,4100,0,60,n=3)]", tmp_path / "o.fits", "opt=generic")
    d = fits.getdata(tmp_path / "o.fits", 1)
    assert d["COUNTS"].tolist() == [((r >= a) & (r <= a + 20)).sum() for a in (0, 20, 40)]


def test_a_file_of_ds9_keeps_its_coordinates_in_a_binning(tmp_path: Path) -> None:
    from ciaopy.datamodel import read, table_wcs

    write_events(tmp_path / "e.fits")
    sky = table_wcs(read(tmp_path / "e.fits"))
    assert sky is not None
    ra, dec = sky.pixel_to_sky(np.array([4100.0]), np.array([4100.0]))
    size = 40 * sky.scale * 3600
    (tmp_path / "r.reg").write_text(f'global color=green\nfk5\ncircle({float(ra[0])!r},{float(dec[0])!r},{size!r}")\n')
    run("dmextract", f"{tmp_path}/e.fits[bin sky=@{tmp_path}/r.reg]", tmp_path / "o.fits", "opt=generic")
    c = columns()
    r = np.hypot(c["x"].astype("f8") - 4100, c["y"].astype("f8") - 4100)
    assert (r <= 39.9).sum() <= fits.getdata(tmp_path / "o.fits", 1)["COUNTS"][0] <= (r <= 40.1).sum()


def test_impossible_annuli() -> None:
    for text, message in (
        ("ellipse(1,2,5,5,3,3,0)", "must grow"), ("annulus(1,2,3,4,n=0)", "n > 0"), ("annulus(1,2,3,4,m=2)", "n > 0"),
        ("annulus(1,2,3,4',n=2)", "one unit"), ("annulus(1,2,3,4,n=99999)", "at most"), ("epanda(1,2,3)", "11 numbers"),
        ("ellipse(1,2,3,4,n=2,30)", "inner and the outer"), ("annulus(1,2,3,4,5,n=2)", "inner and the outer"),
    ):  # fmt: skip
        with pytest.raises(RegionError, match=message):
            parse_region(text)
