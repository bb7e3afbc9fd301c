"""Merging of event lists and sums of images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xmm_helpers as made
from astropy.io import fits

from ciaopy.coords.tangent import TangentPlane
from ciaopy.datamodel import Gti
from ciaopy.errors import DataError, UserError
from ciaopy.xmm.eventlist import open_event_list
from ciaopy.xmm.mosaic import out_of_time_share

OBS = "0201903501"


def two(tmp_path: Path, **second: Any) -> tuple[Path, Path]:
    rows = made.spread(1, 3000)
    early = {k: v[:1000] for k, v in rows.items()} | {
        "TIME": np.sort(np.random.default_rng(1).uniform(2.0e8, 2.0e8 + 5000, 1000))
    }
    late = {k: v[1000:] for k, v in rows.items()} | {
        "TIME": np.sort(np.random.default_rng(2).uniform(2.1e8, 2.1e8 + 9000, 2000))
    }
    a = made.event_list(tmp_path / "a.fits", early, exposure="S001", duration=5000, bad={3: [(5, 6, 1)]})
    b = made.event_list(
        tmp_path / "b.fits",
        late,
        **({"exposure": "U002", "t0": 2.1e8, "duration": 9000, "bad": {3: [(5, 6, 1), (7, 8, 2)]}} | second),
    )
    return a, b


def merge(*paths: Path, out: Path) -> None:
    made.run("xmm_merge", sets=",".join(map(str, paths)), outset=out, clobber=True)


def test_exposures_add_up(tmp_path: Path) -> None:
    a, b = two(tmp_path)
    merge(b, a, out=tmp_path / "m.fits")
    found = open_event_list(tmp_path / "m.fits")
    assert found.nrows == 3000 and found.exposure == "ALL"
    assert (found.header["EXPID001"], found.header["EXPID002"]) == ("U002", "S001")
    assert found.gtis[4] == Gti([2.0e8, 2.1e8], [2.0e8 + 5000, 2.1e8 + 9000])
    assert found.header["ONTIME04"] == 14000.0 and found.header["ONTIME"] == 14000.0
    assert found.header["LIVETI04"] == pytest.approx(sum(fits.getheader(p, "EVENTS")["LIVETI04"] for p in (a, b)))
    assert len(found.frames[2].time) == int(5000 / 2.6) + int(9000 / 2.6)
    assert (np.diff(fits.getdata(tmp_path / "m.fits", "EVENTS")["TIME"]) >= 0).all()
    bad = found.table("BADPIX03")
    assert bad is not None and bad["RAWX"].tolist() == [5, 7]
    assert "bad in some exposures only" in str(found.header["HISTORY"])


def test_a_lost_ccd_counts_where_it_was_on(tmp_path: Path) -> None:
    a, b = two(tmp_path, ccds=[1, 2, 3, 4, 5, 7])
    merge(a, b, out=tmp_path / "m.fits")
    assert open_event_list(tmp_path / "m.fits").header["ONTIME06"] == 5000.0
    assert open_event_list(tmp_path / "m.fits").header["ONTIME07"] == 14000.0


def test_other_tangent_point_is_reprojected(tmp_path: Path) -> None:
    a, b = two(tmp_path, header={"REFXCRVL": 150.02})
    merge(a, b, out=tmp_path / "m.fits")
    old = fits.getdata(b, "EVENTS")
    got = fits.getdata(tmp_path / "m.fits", "EVENTS")
    late = got[got["TIME"] > 2.05e8]
    here, there = (
        TangentPlane(150.02, -11.0, 25921, 25921, 1 / 72000),
        TangentPlane(150.0, -11.0, 25921, 25921, 1 / 72000),
    )
    ra, dec = here.pixel_to_world(old["X"].astype(float), old["Y"].astype(float))
    ra2, dec2 = there.pixel_to_world(late["X"].astype(float), late["Y"].astype(float))
    assert np.abs(ra - ra2).max() * 72000 < 0.75 and np.abs(dec - dec2).max() * 72000 < 0.75


def test_one_list_is_copied(tmp_path: Path) -> None:
    a, _ = two(tmp_path)
    merge(a, out=tmp_path / "m.fits")
    with fits.open(a) as one, fits.open(tmp_path / "m.fits") as other:
        assert [h.name for h in one] == [h.name for h in other]
        assert np.array_equal(one["EVENTS"].data, other["EVENTS"].data)
        assert other["EVENTS"].header["EXPIDSTR"] == "S001"


def test_refused_merges(tmp_path: Path) -> None:
    a, b = two(tmp_path)
    with pytest.raises(UserError, match="named twice"):
        merge(a, a, out=tmp_path / "m.fits")
    other = made.event_list(tmp_path / "c.fits", {"TIME": np.array([2.2e8])}, "EMOS2", t0=2.2e8)
    with pytest.raises(UserError, match="only lists of one camera"):
        merge(a, other, out=tmp_path / "m.fits")
    overlapping = made.event_list(tmp_path / "d.fits", {"TIME": np.array([2.0e8])}, t0=2.0e8 + 4000)
    with pytest.raises(UserError, match=r"1000\.0 s of CCD 1 are in both"):
        merge(a, overlapping, out=tmp_path / "m.fits")
    with fits.open(b) as hdus:
        columns = [c for c in hdus["EVENTS"].columns if c.name != "PHA"]
        hdus["EVENTS"] = fits.BinTableHDU.from_columns(fits.ColDefs(columns), header=None, name="EVENTS")
        hdus["EVENTS"].header.update(made.cards("EMOS1", "U002"))
        hdus.writeto(tmp_path / "e.fits")
    with pytest.raises(DataError, match="must be the same"):
        merge(a, tmp_path / "e.fits", out=tmp_path / "m.fits")
    assert not (tmp_path / "m.fits").exists()


# ---------------------------------------------------------------- sums of images
def image(path: Path, values: Any, **cards: Any) -> Path:
    header = fits.Header(
        {
            "CTYPE1": "RA---TAN",
            "CRPIX1": 2.5,
            "CRVAL1": 150.0,
            "CDELT1": -0.001,
            "CTYPE2": "DEC--TAN",
            "CRPIX2": 2.5,
            "CRVAL2": -11.0,
            "CDELT2": 0.001,
            "INSTRUME": "EPN",
            "EXPOSURE": 1000.0,
        }
        | cards
    )
    fits.PrimaryHDU(np.asarray(values), header).writeto(path, overwrite=True)
    return path


def test_archived_mosaics(data: Path, tmp_path: Path) -> None:
    """0201903501: the image is the sum but for 0.063 out-of-time events; the exposure map a weighted sum."""
    place = data / f"xmm/{OBS}/images"
    names = [place / f"{OBS}_{k}_exp1-0.50-2.00keVimg.fits.gz" for k in ("pn", "mos1", "mos2")]
    made.run("xmm_emosaic", imagesets=",".join(map(str, names)), mosaicedset=tmp_path / "m.fits")
    got, header = fits.getdata(tmp_path / "m.fits", header=True)
    assert np.array_equal(got, sum(fits.getdata(n) for n in names))
    out_of_time = (got - fits.getdata(place / f"{OBS}-0.50-2.00keVmerged_img.fits.gz")) / 0.063
    assert np.abs(out_of_time - np.round(out_of_time)).max() < 1e-6 and out_of_time.min() > -1e-6
    assert header["EMSCI002"] == "EMOS1" and float(header["EMSCE002"]) == pytest.approx(9466.793164432051)
    assert header["EMSCF001"] == names[0].name
    maps = [place / f"{OBS}_{k}_exp1-0.50-2.00keVexpmap.fits.gz" for k in ("pn", "mos1", "mos2")]
    want = fits.getdata(place / f"{OBS}-0.50-2.00keVmerged_expmap.fits.gz").astype(float)
    stack = np.stack([fits.getdata(m).astype(float).ravel() for m in maps], axis=1)
    weights = np.linalg.lstsq(stack, want.ravel(), rcond=None)[0]
    text = ",".join(repr(float(w)) for w in weights)
    made.run("xmm_emosaic", imagesets=",".join(map(str, maps)), mosaicedset=tmp_path / "e.fits", weights=text)
    total = fits.getdata(tmp_path / "e.fits")
    assert total.dtype == ">f4" and np.abs(total - want).max() < 2e-6 * want.max()


def test_out_of_time_subtraction_recovers_the_source(tmp_path: Path) -> None:
    """A pn source of 10000 counts of which 6.3% fall along the read-out: the rest is what lies in its place."""
    g = np.random.default_rng(6)
    source = np.zeros((64, 64))
    source[30:34, 30:34] = 10000 * (1 - 0.063) / 16
    smear = np.zeros((64, 64))
    smear[:, 30:34] = 10000 / (64 * 4)
    observed, oot = g.poisson(source + 0.063 * smear).astype(float), g.poisson(smear).astype(float)
    a = image(tmp_path / "a.fits", observed, SUBMODE="PrimeFullWindow")
    b = image(tmp_path / "b.fits", oot, SUBMODE="PrimeFullWindow")
    made.run("xmm_emosaic", imagesets=f"{a},{b}", mosaicedset=tmp_path / "c.fits", weights="1,oot")
    got = fits.getdata(tmp_path / "c.fits")
    assert got[30:34, 30:34].sum() == pytest.approx(9370, abs=3 * np.sqrt(9500))
    away = np.delete(got[:, 30:34], slice(28, 36), axis=0)
    assert abs(away.sum()) < 3 * np.sqrt(0.063 * 10000)
    assert out_of_time_share("PrimeFullWindowExtended") == 0.0232


def test_refused_sums(tmp_path: Path) -> None:
    ones = np.ones((4, 4))
    a = image(tmp_path / "a.fits", ones)
    for cards, problem in (
        ({"CRVAL1": 150.001}, "CRVAL1"),
        ({"CRPIX2": 2.6}, "CRPIX2"),
        ({"CDELT1": -0.0011}, "CDELT1"),
        ({"CTYPE1": "RA---SIN"}, "CTYPE1"),
    ):
        b = image(tmp_path / "b.fits", ones, **cards)
        with pytest.raises(UserError, match=problem):
            made.run("xmm_emosaic", imagesets=f"{a},{b}", mosaicedset=tmp_path / "c.fits")
    image(tmp_path / "b.fits", np.ones((4, 5)))
    with pytest.raises(UserError, match="NAXIS"):
        made.run("xmm_emosaic", imagesets=f"{a},{b}", mosaicedset=tmp_path / "c.fits")
    image(tmp_path / "b.fits", ones, CRPIX1=2.50001, SUBMODE="Timing")
    made.run("xmm_emosaic", imagesets=f"{a},{b}", mosaicedset=tmp_path / "c.fits", weights="2 -1")
    assert np.array_equal(fits.getdata(tmp_path / "c.fits"), ones)
    for weights, problem in (("1", "1 numbers for 2 images"), ("1,x", "neither a number"), ("1,oot", "no known share")):
        with pytest.raises(UserError, match=problem):
            made.run("xmm_emosaic", imagesets=f"{a},{b}", mosaicedset=tmp_path / "d.fits", weights=weights)
    with pytest.raises(DataError, match="no image of two axes"):
        made.run("xmm_emosaic", imagesets=str(image(tmp_path / "z.fits", np.ones(3))), mosaicedset=tmp_path / "d.fits")
