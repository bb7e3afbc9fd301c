"""dmextract: light curves, spectra, radial profiles against direct counts."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from datamodel_helpers import columns, write_events
from hypothesis import given
from hypothesis import strategies as st
from image_tools_helpers import run

from ciaopy.analysis.extract import errors
from ciaopy.datamodel.regions.stack import expand_ranges
from ciaopy.errors import CiaopyError, NotAvailableError, RegionError, UserError

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


def test_light_curve_with_background(events: Path, tmp_path: Path) -> None:
    """Each bin: the background scaled by area, live time and bkgnorm; no numbers where only the source was seen."""
    query = f"{events}[ccd_id=3,sky=circle(4100,4100,50)][bin time=1000:2000:100]"
    other = f"{events}[ccd_id=0,sky=annulus(4100,4100,60,80)]"
    run("dmextract", query, tmp_path / "lc.fits", "opt=ltc1", f"bkg={other}", "bkgerror=gehrels", "bkgnorm=0.5")
    d = fits.getdata(tmp_path / "lc.fits", 1)
    r2, edges = (X - 4100) ** 2 + (Y - 4100) ** 2, np.arange(1000, 2001, 100)
    src, bkg = (
        np.histogram(T[inside & (C["ccd_id"] == chip)], edges)[0]
        for chip, inside in ((3, r2 <= 2500), (0, (r2 >= 3600) & (r2 <= 6400)))
    )
    assert np.array_equal(d["COUNTS"], src) and np.array_equal(d["BG_COUNTS"], bkg)
    assert np.allclose(d["BG_AREA"], np.pi * 2800) and np.allclose(d["BG_ERR"], 1 + np.sqrt(bkg + 0.75))
    seen = (d["EXPOSURE"] > 0) & (d["BG_EXPOSURE"] > 0)
    assert seen.any() and (d["BG_EXPOSURE"][0] == 0) == ((d["EXPOSURE"] > 0) & ~seen)[0]
    factor = 0.5 * 2500 / 2800 * d["EXPOSURE"][seen] / d["BG_EXPOSURE"][seen]
    assert np.allclose(d["NET_COUNTS"][seen], src[seen] - factor * bkg[seen])
    assert np.allclose(d["NET_ERR"][seen], np.hypot(np.sqrt(src[seen]), factor * d["BG_ERR"][seen]))
    assert np.allclose(d["NET_RATE"][seen], d["NET_COUNTS"][seen] / d["EXPOSURE"][seen])
    assert np.isnan(d["NET_COUNTS"][(d["EXPOSURE"] > 0) & ~seen]).all()
    for bad, message in (("3.5", "no area"), (f"{other}[bin time=::7]", "bins of the source"),
                         (f"{events}[sky=point(4100,4100)]", "no area")):  # fmt: skip
        with pytest.raises(UserError, match=message):
            run("dmextract", query, tmp_path / "x.fits", "opt=ltc1", f"bkg={bad}")
    with fits.open(events) as f:
        f[1].header["MJDREF"] = 1.0
        f.writeto(tmp_path / "mjd.fits")
    with fits.open(events, mode="update") as f:
        f[1].header["MJDREF"] = 50814.0
    with pytest.raises(UserError, match="MJDREF"):
        run("dmextract", query, tmp_path / "x.fits", "opt=ltc1", f"bkg={tmp_path}/mjd.fits[sky=circle(4100,4100,9)]")


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
        (NotAvailableError, "exp goes with regions", [f"{events}[bin pi]", out, "exp=e.img"]),
        (NotAvailableError, "bkg goes with regions", [f"{events}[bin pi]", out, f"bkg={events}[bin pi]"]),
        (UserError, "one column", [f"{events}[bin sky=64]", out, "opt=ltc1"]),
        (UserError, "error=odd", [f"{events}[bin pi]", out, "error=odd"]),
        (RegionError, "empty or too fine", [f"{events}[bin sky=annulus(1,2,5:1:1)]", out, "opt=generic"]),
        (UserError, "not a table", [f"{events}[PRIMARY][bin pi]", out]),
    ):
        with pytest.raises(error, match=message):
            run("dmextract", *arguments)
    assert not out.exists()


def make_image(path: Path, seed: int, *, step: float = 2.0, **keys: object) -> np.ndarray:
    """Write an image of counts with physical coordinates from 4000 (centre of the first pixel 4001) and the sky."""
    data = np.random.default_rng(seed).poisson(3.0, (60, 80)).astype(np.int32)
    header = fits.Header({"EXPOSURE": 2000.0, "DTCOR": 0.5, **keys})
    for n, (name, first, sky) in enumerate((("x", 4000.0, "RA---TAN"), ("y", 4050.0, "DEC--TAN")), 1):
        header.update({f"CTYPE{n}P": name, f"CRVAL{n}P": first, f"CRPIX{n}P": 0.5, f"CDELT{n}P": step})
        header.update({f"CTYPE{n}": sky, f"CRVAL{n}": 10.0, f"CRPIX{n}": 40.0, f"CDELT{n}": 1e-4 * (-1) ** n})
    header["MTYPE1"], header["MFORM1"] = "SKY", "x,y"
    fits.PrimaryHDU(data, header).writeto(path, overwrite=True)
    return data


def grid_of(data: np.ndarray, step: float = 2.0) -> tuple[np.ndarray, np.ndarray]:
    """Return the physical coordinates of the pixel centres of `make_image`."""
    y, x = np.indices(data.shape)
    return np.asarray(4000 + (x + 0.5) * step), np.asarray(4050 + (y + 0.5) * step)


def test_profile_of_an_image(tmp_path: Path) -> None:
    data = make_image(tmp_path / "i.fits", 1)
    (tmp_path / "a.reg").write_text("annulus(4080,4110,0,20)\nannulus(4080,4110,20,45)\ncircle(4001,4051,30)\n")
    x, y = grid_of(data)
    r = np.hypot(x - 4080, y - 4110)
    inside = [r <= 20, (r >= 20) & (r <= 45), np.hypot(x - 4001, y - 4051) <= 30]
    run("dmextract", f"{tmp_path}/i.fits[bin sky=@{tmp_path}/a.reg]", tmp_path / "o.fits", "opt=generic")
    with fits.open(tmp_path / "o.fits") as f:
        d, h = f["HISTOGRAM"].data, f["HISTOGRAM"].header
    counts, area = np.array([data[i].sum() for i in inside]), np.array([4.0 * i.sum() for i in inside])
    assert d["COUNTS"].tolist() == counts.tolist() and d["COUNTS"].dtype.kind == "i"
    assert d["AREA"].tolist() == area.tolist() and (d["EXPOSURE"] == 2000).all()
    assert np.allclose(d["SUR_BRI"], counts / area) and np.allclose(d["COUNT_RATE"], counts / 2000)
    assert np.allclose(d["ERR_COUNTS"], np.sqrt(counts)) and d["X"].tolist() == [4080, 4080, 4001]
    assert (h["HDUCLAS1"], h["MTYPE1"], h["MFORM1"]) == ("HISTOGRAM", "sky", "X,Y")
    assert np.allclose(d["Dec"][0] - 10.0, (30.5 - 40) * 1e-4, atol=1e-9)


def test_image_as_binned_from_its_events(events: Path, tmp_path: Path) -> None:
    run("dmcopy", f"{events}[bin x=4000:4200:1,y=4000:4200:1]", tmp_path / "i.fits")
    for name in (events, tmp_path / "i.fits"):
        out = tmp_path / f"{name.stem}_o.fits"
        run("dmextract", f"{name}[bin sky=box(4100,4100,60,40)]", out, "opt=generic")
    e, i = (fits.getdata(tmp_path / f"{n}_o.fits", 1)[0] for n in ("evt", "i"))
    assert (e["COUNTS"], e["AREA"], e["RA"]) == (i["COUNTS"], i["AREA"], pytest.approx(i["RA"], abs=1e-9))


@pytest.mark.parametrize(("unit", "time"), [("cm**2", 2000.0), ("", 2000.0), ("cm**2 s", 1.0), ("sec*cm**(2)", 1.0)])
def test_image_with_background_and_exposure_maps(tmp_path: Path, unit: str, time: float) -> None:
    data, other = make_image(tmp_path / "i.fits", 1), make_image(tmp_path / "b.fits", 2, EXPOSURE=8000.0)
    maps = [make_image(tmp_path / f"{n}.map", k, BUNIT=unit) for n, k in (("e", 3), ("f", 4))]
    image, background = (f"{tmp_path}/{n}.fits[bin sky=circle(4080,4110,{k})]" for n, k in (("i", 30), ("b", 40)))
    run(
        "dmextract", image, tmp_path / "o.fits", "opt=generic", f"bkg={background}", "bkgnorm=1.5",
        f"exp={tmp_path}/e.map", f"bkgexp={tmp_path}/f.map",
    )  # fmt: skip
    d = fits.getdata(tmp_path / "o.fits", 1)[0]
    r = np.hypot(*(c - v for c, v in zip(grid_of(data), (4080, 4110), strict=True)))
    source, back = r <= 30, r <= 40
    seen, bg_seen = maps[0][source].mean(), maps[1][back].mean()
    factor = 1.5 * source.sum() / back.sum() * seen / bg_seen * (time / 8000 if time > 1 else 1)
    net = data[source].sum() - factor * other[back].sum()
    assert d["MEAN_SRC_EXP"] == pytest.approx(seen) and d["MEAN_BG_EXP"] == pytest.approx(bg_seen)
    assert d["NET_COUNTS"] == pytest.approx(net) and d["BG_COUNTS"] == other[back].sum()
    error = np.sqrt(data[source].sum() + factor**2 * other[back].sum())
    assert d["FLUX"] == pytest.approx(net / seen / time) and d["FLUX_ERR"] == pytest.approx(error / seen / time)
    assert d["SUR_FLUX"] == pytest.approx(net / seen / time / (4 * source.sum()))


def test_pixels_left_out_of_an_image_have_no_area(tmp_path: Path) -> None:
    data = make_image(tmp_path / "i.fits", 1).astype(np.float32)
    with fits.open(tmp_path / "i.fits") as f:
        data[:, :30] = np.nan
        fits.PrimaryHDU(data, f[0].header).writeto(tmp_path / "n.fits")
    x, y = grid_of(data)
    inside = (np.hypot(x - 4080, y - 4110) <= 40) & (data == data)
    (tmp_path / "hole.reg").write_text("circle(4090,4110,7)\n")
    run("dmextract", f"{tmp_path}/n.fits[bin sky=circle(4080,4110,40)]", tmp_path / "o.fits", "opt=generic")
    d = fits.getdata(tmp_path / "o.fits", 1)[0]
    assert (d["COUNTS"], d["AREA"]) == (data[inside].sum(), 4 * inside.sum())
    run(
        "dmextract", f"{tmp_path}/i.fits[exclude sky=region({tmp_path}/hole.reg)][bin sky=circle(4090,4110,20)]",
        tmp_path / "h.fits", "opt=generic",
    )  # fmt: skip
    d, r, data = (
        fits.getdata(tmp_path / "h.fits", 1)[0],
        np.hypot(x - 4090, y - 4110),
        fits.getdata(tmp_path / "i.fits"),
    )
    ring = (r <= 20) & (r > 7)
    assert (d["COUNTS"], d["AREA"]) == (data[ring].sum(), pytest.approx(4 * ring.sum()))


def test_regions_off_the_image_are_rows_of_nothing(tmp_path: Path) -> None:
    make_image(tmp_path / "i.fits", 1)
    run(
        "dmextract", f"{tmp_path}/i.fits[bin sky=circle(100,100,5)]", tmp_path / "o.fits", "opt=generic",
        f"exp={tmp_path}/i.fits",
    )  # fmt: skip
    d = fits.getdata(tmp_path / "o.fits", 1)[0]
    assert [d[k] for k in ("COUNTS", "AREA", "SUR_BRI", "MEAN_SRC_EXP", "FLUX")] == [0] * 5


def test_errors_of_images(tmp_path: Path) -> None:
    make_image(tmp_path / "i.fits", 1)
    make_image(tmp_path / "s.fits", 1, BUNIT="cm**2 s")
    image, region, out = tmp_path / "i.fits", f"{tmp_path}/i.fits[bin sky=circle(4080,4110,9)]", tmp_path / "o.fits"
    for message, arguments in (
        ("needs regions", [f"{image}[bin x=2]", "opt=generic"]),
        ("needs regions", [f"{image}[bin sky=2]", "opt=ltc1"]),
        ("give these too", [region, "opt=generic", f"bkgexp={image}"]),
        ("differ in unit", [region, "opt=generic", f"bkg={region}", f"exp={image}", f"bkgexp={tmp_path}/s.fits"]),
        ("no such file", [region, "opt=generic", f"exp={tmp_path}/no.fits"]),
    ):
        with pytest.raises(CiaopyError, match=message):
            run("dmextract", arguments[0], out, *arguments[1:])
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


def test_the_good_times_of_the_chips_that_rows_come_from(events: Path, tmp_path: Path) -> None:
    """Chip n has a gap 1400 to 1500+n: a row of one chip takes the times of that chip."""
    for text, gap, warned in (("[ccd_id=3]", 103, False), ("[energy=0:9999]", 100, True)):
        _, said = run(
            "dmextract", f"{events}{text}[bin time=1000:2000:100]", tmp_path / "l.fits", "opt=ltc1", "clobber=yes"
        )
        with fits.open(tmp_path / "l.fits") as f:
            assert f[1].data["EXPOSURE"].sum() == pytest.approx(0.98 * (1000 - gap))
        assert ("the good times of chips 3, 0 differ" in said) == warned
        assert "1 bins have counts and no good time" in said  # 1400-1500: these rows were never filtered
    with fits.open(events, mode="update") as f:
        f["EVENTS"].data["ccd_id"] = 3
    _, said = run("dmextract", f"{events}[bin time=1000:2000:100]", tmp_path / "l.fits", "opt=ltc1", "clobber=yes")
    with fits.open(tmp_path / "l.fits") as f:
        assert f[1].data["EXPOSURE"].sum() == pytest.approx(0.98 * 897) and "differ" not in said


HOLE = np.pi * 400


@pytest.mark.parametrize(
    ("filters", "area"),
    [
        ("", np.pi * 6000),
        ("[exclude sky=circle(4140,4096.5,20)]", np.pi * 6000 - HOLE),
        ("[sky=circle(4140,4096.5,20)]", HOLE),
        ("[x=:4096.5]", np.pi * 3000),
        ("[x=4000:4096.5][sky=rectangle(0,0,8000,4096.5)]", np.pi * 1500),
        ("[exclude x=:4096.5]", np.pi * 3000),
        ("[sky=circle(4140,4096.5,20)||sky=circle(4050,4096.5,20)]", 2 * HOLE),
        ("[energy=500:7000]", np.pi * 6000),
        ("[sky=circle(5000,5000,20)]", 0.0),
        ("[sky=mask({mask})]", 60 * 30.0),
        ("[exclude sky=mask({mask})]", np.pi * 6000 - 60 * 30.0),
        ("[sky=mask({mask})][sky=circle(4096.5,4146.5,10)]", np.pi * 100),
    ],
)
def test_areas_are_those_that_filters_leave(filters: str, area: float, events: Path, tmp_path: Path) -> None:
    """Inline, and from a file that was filtered before: AREA and COUNTS speak of the same rows."""
    hdu = fits.PrimaryHDU(np.ones((30, 60), "i2"))
    for i, name, lo in ((1, "x", 4066.5), (2, "y", 4131.5)):
        hdu.header.update({f"CTYPE{i}P": name, f"CRPIX{i}P": 0.5, f"CRVAL{i}P": lo, f"CDELT{i}P": 1.0})
    hdu.writeto(tmp_path / "mask.fits")
    filters = filters.format(mask=tmp_path / "mask.fits")
    regions = "[bin sky=annulus(4096.5,4096.5,20,80)]"
    run("dmcopy", f"{events}{filters}", tmp_path / "cut.fits")
    for name in (f"{events}{filters}", f"{tmp_path}/cut.fits"):
        if "cut" in name and filters.count("sky=") == 2 and "mask" in filters:
            with pytest.raises(UserError, match="area cannot be known from the file"):
                run("dmextract", f"{name}{regions}", tmp_path / "p.fits", "opt=generic", "clobber=yes")
            continue
        run("dmextract", f"{name}{regions}", tmp_path / "p.fits", "opt=generic", "clobber=yes")
        with fits.open(tmp_path / "p.fits") as f:
            assert f[1].data["AREA"][0] == pytest.approx(area, rel=2e-3, abs=1e-9)
    if area and "energy" not in filters and "||" not in filters:
        run("dmextract", f"{events}{filters}[bin time=1000:2000:100]", tmp_path / "l.fits", "opt=ltc1")
        with fits.open(tmp_path / "l.fits") as f:
            assert f[1].data["AREA"][0] >= area * 0.998
