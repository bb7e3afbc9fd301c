"""get_fov_limits: grids around polygons."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from coords_tools_helpers import run, write_blocks
from hypothesis import given
from hypothesis import strategies as st

from ciaopy.coords.fov_table import aligned
from ciaopy.errors import CiaopyError, DataError, UserError


def write_fov(path: Path, *polygons: list[tuple[float, float]], shape: bytes = b"Polygon") -> Path:
    width = max(len(p) for p in polygons) + 2
    x, y = np.full((2, len(polygons), width), np.nan)
    for i, p in enumerate(polygons):
        x[i, : len(p)], y[i, : len(p)] = np.array(p).T
    columns: dict[str, Any] = {"X": x, "Y": y, "SHAPE": np.array([shape] * len(polygons), "S16")}
    return write_blocks(path, ("FOV", {}, columns | {"CCD_ID": np.arange(len(polygons))}))


SQUARE = [(3012.37, 4000.0), (5433.9, 4000.0), (5433.9, 4100.5), (3012.37, 4100.5), (3012.37, 4000.0)]


def test_grid(tmp_path: Path) -> None:
    ran = run("get_fov_limits", write_fov(tmp_path / "f.fits", SQUARE), "pixsize=8")
    assert ran.par["dmfilter"] == "x=3008.5:5440.5:8,y=4000.5:4104.5:8".replace("4000.5", "3992.5")
    assert ran.par["xygrid"] == "3008.5:5440.5:#304,3992.5:4104.5:#14"
    assert ran.par["dmfilter"] in ran.out
    assert ran.par["xygrid"] in ran.out
    assert "304 x 14" in ran.out


@pytest.mark.parametrize(
    ("low", "high", "width", "want"),
    [
        (3012.37, 5433.9, 8, (3008.5, 5440.5, 304)),
        (3012.37, 5433.9, 2.5, (3010.5, 5435.5, 970)),
        (0.5, 8192.5, 8, (0.5, 8192.5, 1024)),
        (-100.2, 300, 32, (-127.5, 320.5, 14)),
    ],
)
def test_alignment(low: float, high: float, width: float, want: tuple[float, float, int]) -> None:
    assert aligned(low, high, width) == want


@given(st.floats(-1e4, 1e4), st.floats(1.0, 1e4), st.sampled_from([0.25, 0.5, 1.0, 2.0, 8.0, 32.0]))
def test_alignment_covers(low: float, size: float, width: float) -> None:
    start, stop, count = aligned(low, low + size, width)
    assert start <= low + 1e-9
    assert stop >= low + size - 1e-9
    assert stop - start - size < 2 * width
    assert ((start - 0.5) / width) % 1 == pytest.approx(0.0, abs=1e-9)
    assert stop == start + count * width


def test_union_of_polygons_and_chip_filter(tmp_path: Path) -> None:
    far = [(100.0, 200.0), (110.0, 200.0), (110.0, 210.0), (100.0, 200.0)]
    path = write_fov(tmp_path / "f.fits", SQUARE, far)
    assert run("get_fov_limits", path).par["dmfilter"] == "x=99.5:5434.5:1,y=199.5:4100.5:1"
    assert run("get_fov_limits", f"{path}[ccd_id=1]").par["dmfilter"] == "x=99.5:110.5:1,y=199.5:210.5:1"


def test_agrees_with_skyfov(data: Path, tmp_path: Path) -> None:
    real = next((data / "archive/1230/primary").glob("*fov1*"))
    ran = run("get_fov_limits", real, "pixsize=8", "verbose=0")
    assert ran.out == ""
    assert ran.par["xygrid"] == "3344.5:6072.5:#341,1728.5:6000.5:#534"


def test_bad_input(tmp_path: Path) -> None:
    path = write_fov(tmp_path / "f.fits", SQUARE)
    with pytest.raises(UserError, match="infile: no file given"):
        run("get_fov_limits", "")
    with pytest.raises(UserError, match="pixsize: 0 is not a pixel size"):
        run("get_fov_limits", path, "pixsize=0")
    with pytest.raises(CiaopyError, match="pixsize"):
        run("get_fov_limits", path, "pixsize=-1")
    with pytest.raises(DataError, match=r"open\.fits: the polygon of row 1 is not closed"):
        run("get_fov_limits", write_fov(tmp_path / "open.fits", SQUARE[:4]))
    with pytest.raises(DataError, match="no polygon"):
        run("get_fov_limits", write_fov(tmp_path / "c.fits", SQUARE, shape=b"Circle"))
    with pytest.raises(DataError, match=r"g\.fits: no column SHAPE"):
        run("get_fov_limits", write_blocks(tmp_path / "g.fits", ("GTI", {}, {"START": np.zeros(1)})))
    with pytest.raises(DataError, match=r"none\.fits"):
        run("get_fov_limits", tmp_path / "none.fits")


def test_other_shapes_are_ignored_with_a_warning(tmp_path: Path) -> None:
    path = write_fov(tmp_path / "f.fits", SQUARE, SQUARE)
    from astropy.io import fits

    with fits.open(path, mode="update") as hdus:
        hdus[1].data["SHAPE"][1] = "Circle"
    ran = run("get_fov_limits", path)
    assert "row 2 is a Circle, not a polygon; ignored" in ran.warnings[0]
    assert ran.par["dmfilter"].startswith("x=3011.5:5434.5")
