"""Exposure maps: against archived ones of 0201903501, geometry from events, vignetting, drifting attitude."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xmm_helpers as made
from astropy.io import fits

from ciaopy.datamodel import Gti
from ciaopy.errors import DataError, UserError
from ciaopy.fits import Column, Table, new_header
from ciaopy.xmm import exposure, vignetting
from ciaopy.xmm.eventlist import open_event_list
from ciaopy.xmm.geometry import Affine, LinearFit, default_raw_to_det, ratio_areas

OBS = "0201903501"
GRID: dict[str, Any] = {
    "ximagebinsize": 320,
    "yimagebinsize": 320,
    "withxranges": True,
    "ximagemin": 3649,
    "ximagemax": 48106,
    "withyranges": True,
    "yimagemin": 3649,
    "yimagemax": 48106,
}


@pytest.mark.parametrize("number", [1, 2])
def test_archived_maps(data: Path, tmp_path: Path, number: int, record_property: Any) -> None:
    """0201903501: the bounds of docs/accuracy.md, per instrument and band; the numbers are kept with the report."""
    place = data / f"xmm/{OBS}"
    events = place / f"events/mos{number}S00{number}_clean_evts.fits.gz"
    attitude = next((place / "events").glob("P*ATTTSR*"))
    for low, high, band in ((500, 2000, "0.50-2.00"), (2000, 10000, "2.00-10.00")):
        image = place / f"images/{OBS}_mos{number}_exp1-{band}keVimg.fits.gz"
        out = tmp_path / f"{low}.fits"
        said = made.run(
            "xmm_eexpmap", imageset=image, attitudeset=attitude, eventset=events, expimageset=out, pimin=low, pimax=high
        )
        assert said is None or "WARNING" not in said
        got = fits.getdata(out).astype(float)
        want = fits.getdata(place / f"images/{OBS}_mos{number}_exp1-{band}keVexpmap.fits.gz").astype(float)
        both = (got > 0) & (want > 0)
        off = np.abs(got[both] / want[both] - 1)
        row = [
            got.sum() / want.sum(),
            np.median(off),
            np.quantile(off, 0.9),
            np.quantile(off, 0.95),
            (off < 0.05).mean(),
        ]
        record_property(f"MOS{number} {band}", " ".join(f"{v:.4f}" for v in row))
        assert row[0] == pytest.approx(1, abs=0.010)
        assert row[1] < 0.017 and row[2] < 0.040 and row[4] > 0.95
        assert both.sum() > 0.99 * (want > 0).sum() and (got > 0).sum() < 1.005 * (want > 0).sum()
        assert got.max() == pytest.approx(want.max(), rel=0.003)
        header = fits.getheader(out)
        assert header["CALDBVER"] == vignetting.CALDBVER and header["CONTENT"] == "EPIC EXPOSURE MAP"
        old = fits.getheader(place / f"images/{OBS}_mos{number}_exp1-{band}keVexpmap.fits.gz")
        assert (header["XCEN"], header["YCEN"]) == pytest.approx((old["XCEN"], old["YCEN"]), abs=1.5)


def test_archived_geometry_is_that_of_the_constants(data: Path) -> None:
    """0201903501 and the constants: within 2 units of 0.05 arcsec at the corners of every CCD."""
    for number in (1, 2):
        events = open_event_list(data / f"xmm/{OBS}/events/mos{number}S00{number}_clean_evts.fits.gz")
        found = exposure.fit_positions(events)
        x, y = np.array([1.0, 600.0, 1.0, 600.0]), np.array([1.0, 1.0, 600.0, 600.0])
        for ccd in events.ccds:
            fitted, constant = found.placed(events.instrument, ccd), default_raw_to_det(events.instrument, ccd)
            assert fitted is not None and constant is not None
            for one, other in zip(fitted(x, y), constant(x, y), strict=True):
                assert np.abs(one - other).max() < 4.0


def test_linear_fit_is_least_squares() -> None:
    g = np.random.default_rng(2)
    x, y = g.integers(-20000, 20000, 400), g.integers(-20000, 20000, 400)
    u, v = 25921 + 0.87 * x - 0.49 * y + g.normal(0, 2, 400), 25000 + 0.49 * x + 0.87 * y + g.normal(0, 2, 400)
    fit = LinearFit()
    for part in (slice(0, 150), slice(150, 400)):
        fit.add(x[part], y[part], u[part], v[part])
    solved = fit.solve()
    assert solved is not None
    base = np.stack([np.ones(400), x, y], axis=1)
    want = np.linalg.lstsq(base, np.stack([u, v], axis=1), rcond=None)[0].T
    assert solved.coefficients == pytest.approx(want, rel=1e-9, abs=1e-9)
    line = LinearFit()
    line.add(x, x, u, v)
    assert line.solve() is None
    assert LinearFit().solve() is None


def test_affine_algebra() -> None:
    one = Affine(np.array([[3.0, 2.0, 0.5], [-1.0, 0.1, 4.0]]))
    x, y = np.array([1.0, 7.0]), np.array([-2.0, 3.0])
    assert np.allclose(one.inverse()(*one(x, y)), (x, y))
    assert np.allclose(one.after(one.inverse())(x, y), (x, y))
    with pytest.raises(DataError, match="on a line"):
        Affine(np.zeros((2, 3))).inverse()


def test_vignetting_law() -> None:
    law = vignetting.law("EMOS1", 1.25)
    x = np.array([law.axis[0]]) + 1200.0 * np.array([0.0, 0.5, 5.0, 16.0, 40.0])
    flat = vignetting.Law(law.axis, law.table, (0.0, 0.0))
    assert flat.at(x, np.full(5, law.axis[1])) == pytest.approx([1.0, 0.995, 0.813, 0.289, 0.289])
    assert vignetting.law("EMOS1", 0.3).table == pytest.approx(law.table)
    middle = vignetting.law("EPN", 0.5 * (1.25 + 6.0))
    assert middle.table[10] == pytest.approx(0.5 * (0.532 + 0.465))
    assert law.at(x[:1], np.array([law.axis[1] + 1200.0]))[0] == pytest.approx(0.990 * np.exp(0.0094))


def test_good_pixels() -> None:
    bad = Table(
        "BADPIX01",
        {
            n.lower(): Column(n, np.array(v))
            for n, v in (("RAWX", [10, 20, 600]), ("RAWY", [5, 590, 1]), ("YEXTENT", [1, 30, 1]))
        },
        new_header(),
    )
    plain = exposure.good_pixels("EMOS1", bad, False)
    assert plain.shape == (600, 600)
    lost = np.argwhere(~plain)
    assert len(lost) == 1 + 11 + 1
    assert not plain[4, 9] and not plain[589:600, 19].any() and not plain[0, 599]
    strict = exposure.good_pixels("EMOS1", bad, True)
    assert not strict[0].any() and not strict[:, 0].any() and not strict[599].any() and not strict[:, 599].any()
    assert strict[1, 1] and not strict[3:6, 8:11].any() and strict[6, 9]
    assert exposure.good_pixels("EPN", None, False).all()


def attitude(ra: list[float], dec: list[float], pa: list[float]) -> Table:
    time = np.arange(len(ra), dtype=float)
    columns = (("TIME", time), ("AHFRA", np.array(ra)), ("AHFDEC", np.array(dec)), ("AHFPA", np.array(pa)))
    return Table("ATTHK", {n.lower(): Column(n, v) for n, v in columns}, new_header())


def test_attitude_bins() -> None:
    steady = attitude([10.0] * 5, [60.0] * 5, [3.0] * 5)
    assert exposure.attitude_bins(steady, Gti([0], [5])) == [(1.0, 0.0, 0.0, 0.0)]
    step = 10.0 / 3600
    moving = attitude(
        [359.9999, 359.9999, 359.9999 + step / 0.5 - 360, 359.9999 + step / 0.5 - 360], [60.0] * 4, [0.0] * 4
    )
    bins = exposure.attitude_bins(moving, Gti([0], [4]))
    assert sorted(round(b[1], 3) for b in bins) == [-5.0, 5.0]
    assert [b[0] for b in bins] == [0.5, 0.5]
    assert exposure.attitude_bins(moving, Gti([0], [2])) == [(1.0, 0.0, 0.0, 0.0)]
    with pytest.raises(DataError, match="does not meet the good times"):
        exposure.attitude_bins(moving, Gti([100], [200]))


def make(tmp_path: Path, rows: dict[str, Any] | None = None, **kw: Any) -> tuple[Path, Path]:
    source = made.event_list(tmp_path / "e.fits", rows or made.spread(1, 30000), **kw)
    made.run(
        "xmm_evselect", table=source, imageset=tmp_path / "i.fits", expression="#XMMEA_EM && PATTERN <= 12", **GRID
    )
    return source, tmp_path / "i.fits"


def expmap(tmp_path: Path, name: str = "x.fits", **kw: Any) -> np.ndarray[Any, Any]:
    made.run("xmm_eexpmap", expimageset=tmp_path / name, pimin=500, pimax=2000, **kw)
    return np.asarray(fits.getdata(tmp_path / name), float)


def test_flat_map_has_the_time_of_each_ccd_and_adds_up(tmp_path: Path) -> None:
    source, image = make(tmp_path)
    flat = expmap(tmp_path, imageset=image, eventset=source, withvignetting=False)
    assert flat.max() == pytest.approx(20000 * 0.99, rel=1e-6)
    full = flat > 0.999 * flat.max()
    area = full.sum() * 320.0**2
    assert area == pytest.approx(np.pi * 17152.0**2, rel=0.12)
    twice = expmap(tmp_path, "y.fits", imageset=image, eventset=f"{source},{source}", withvignetting=False)
    assert twice == pytest.approx(2 * flat)


def test_map_follows_the_counts_of_uniform_events(tmp_path: Path) -> None:
    """Events spread over the RAW pixels: counts over exposure is the same in all parts of the field."""
    source, image = make(tmp_path, made.spread(4, 400000))
    flat = expmap(tmp_path, imageset=image, eventset=source, withvignetting=False)
    counts = fits.getdata(image)
    inner = flat > 0.99 * flat.max()
    assert (counts[~(flat > 0)] > 0).sum() < 0.6 * (flat == 0).sum()
    rates = [counts[p & inner].sum() / flat[p & inner].sum() for p in quarters(counts.shape)]
    assert rates == pytest.approx([np.mean(rates)] * 4, rel=0.03)


def quarters(shape: tuple[int, ...]) -> list[np.ndarray[Any, Any]]:
    y, x = np.indices(shape)
    half = shape[0] / 2
    return [((y < half) == a) & ((x < half) == b) for a in (True, False) for b in (True, False)]


def test_lost_ccd_and_ccd_selection(tmp_path: Path) -> None:
    source, image = make(tmp_path, made.spread(2, 20000, ccds=[1, 2, 3, 4, 5, 7]), ccds=[1, 2, 3, 4, 5, 7])
    all_but_6 = expmap(tmp_path, imageset=image, eventset=source, withvignetting=False)
    made.run("xmm_evselect", table=source, imageset=tmp_path / "j.fits", expression="CCDNR in 1,2", **GRID)
    two = expmap(tmp_path, "z.fits", imageset=tmp_path / "j.fits", eventset=source, withvignetting=False)
    assert 0 < (two > 0).sum() < 0.5 * (all_but_6 > 0).sum()
    assert (all_but_6 > 0)[two > 0].all()


def test_zero_flag_drops_borders_and_neighbours(tmp_path: Path) -> None:
    bad = {1: [(100, 1, 600)]}
    source, image = make(tmp_path, bad=bad)
    loose = expmap(tmp_path, imageset=image, eventset=source, withvignetting=False)
    made.run("xmm_evselect", table=source, imageset=tmp_path / "k.fits", expression="FLAG == 0", **GRID)
    strict = expmap(tmp_path, "s.fits", imageset=tmp_path / "k.fits", eventset=source, withvignetting=False)
    assert (strict <= loose + 1e-6).all()
    lost = (loose - strict).sum() / loose.sum()
    assert 0.003 < lost < 0.02


def test_drift_smears_the_edge_and_keeps_the_total(tmp_path: Path) -> None:
    source, image = make(tmp_path)
    n = 2000
    ra = 150.0 + np.linspace(-60, 60, n) / 3600 / np.cos(np.radians(11.0))
    columns = [
        fits.Column(k, "D", array=v)
        for k, v in (
            ("TIME", made.T0 + 10.0 * np.arange(n)),
            ("AHFRA", ra),
            ("AHFDEC", np.full(n, -11.0)),
            ("AHFPA", np.full(n, 30.0)),
        )
    ]
    fits.HDUList([fits.PrimaryHDU(), fits.BinTableHDU.from_columns(columns, name="ATTHK")]).writeto(
        tmp_path / "att.fits"
    )
    still = expmap(tmp_path, imageset=image, eventset=source, withvignetting=False)
    moved = expmap(
        tmp_path, "m.fits", imageset=image, eventset=source, attitudeset=tmp_path / "att.fits", withvignetting=False
    )
    assert moved.sum() == pytest.approx(still.sum(), rel=0.002)
    assert (moved > 0).sum() > 1.01 * (still > 0).sum()
    # a drift along right ascension: spread along x, none along y
    rows = np.flatnonzero(moved.sum(axis=1))
    assert rows.min() == np.flatnonzero(still.sum(axis=1)).min()


def test_refusals(tmp_path: Path) -> None:
    source, image = make(tmp_path)
    with pytest.raises(UserError, match="pimin"):
        made.run("xmm_eexpmap", imageset=image, eventset=source, expimageset=tmp_path / "q.fits", pimin=2000, pimax=500)
    with fits.open(image) as hdus:
        hdus[0].header["CRVAL1"] += 0.1
        hdus.writeto(tmp_path / "far.fits")
    with pytest.raises(DataError, match="CRVAL1"):
        expmap(tmp_path, "q.fits", imageset=tmp_path / "far.fits", eventset=source)
    with pytest.raises(DataError, match="no image of two axes"):
        expmap(tmp_path, "q.fits", imageset=source, eventset=source)
    few = made.event_list(tmp_path / "few.fits", {"TIME": np.array([made.T0 + 5.0])})
    with pytest.raises(DataError, match="too few events"):
        expmap(tmp_path, "q.fits", imageset=image, eventset=few)
    bare = made.event_list(tmp_path / "bare.fits", made.spread(1, 3000), without=["EXPOSU"])
    with pytest.raises(DataError, match="no table EXPOSU01"):
        expmap(tmp_path, "q.fits", imageset=image, eventset=bare)
    assert not (tmp_path / "q.fits").exists()


def test_same_bytes_for_any_number_of_threads(tmp_path: Path) -> None:
    source, _ = make(tmp_path)
    events = open_event_list(source)
    camera = exposure.camera_of(events, exposure.fit_positions(events), False)
    grid = Affine(np.array([[3808.5, 320.0, 0.0], [3808.5, 0.0, 320.0]]))
    law = vignetting.law("EMOS1", 1.25)
    maps = [exposure.exposure_map(camera, grid, (139, 139), law, n) for n in (1, 2, 5)]
    assert np.array_equal(maps[0], maps[1]) and np.array_equal(maps[0], maps[2])


def test_areas_of_the_flare_search(tmp_path: Path) -> None:
    source, _ = make(tmp_path)
    events = open_event_list(source)
    field, corners = ratio_areas("EMOS1", exposure.fit_positions(events), events.ccds)
    ring = np.pi * (17152.0**2 - 12000.0**2) / 22.02**2
    assert field == pytest.approx(ring, rel=0.1)
    assert 0.2 * field < corners < field
