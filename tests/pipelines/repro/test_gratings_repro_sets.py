"""chandra_repro with gratings where there are several sets of spectra: two sources, interleaved exposures."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from astropy.io import fits
from gratings_helpers import run

from ciaopy.simulation import Setup, Source, simulate

USUAL = {"badpixel": False, "set_ardlib": False}
CHIPS = (7, 4, 5, 6, 8, 9)
ROOT = "acisf90001"


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """Two sources 60 arcsec apart across the dispersion, a mask of both in the archive's evt2, and the products."""
    folder = tmp_path_factory.mktemp("two")
    ra, dec, roll = 150.12, 2.21, 68.8
    step = 60.0 / 3600.0
    # the spacecraft's Z axis: across the arms, which lie along Y
    north, east = step * np.cos(np.deg2rad(roll)), -step * np.sin(np.deg2rad(roll))
    other = (ra + east / np.cos(np.deg2rad(dec)), dec + north)
    sources = (Source(ra, dec, 0.06, 1.7), Source(*other, 0.03, 1.7))
    setup = Setup(
        events=40_000, grating="HETG", chips=CHIPS, mode="GRADED", flare=False, artifacts=False, sources=sources,
        exposure=1500.0,
    )  # fmt: skip
    simulate(setup, folder / "obs", compress=False)
    evt1 = next((folder / "obs").glob("secondary/*evt1*"))
    evt2 = next((folder / "obs").glob("primary/*evt2*"))
    from ciaopy.coords import SkyFrame

    plane = SkyFrame.from_header(dict(fits.getheader(evt1, "EVENTS"))).plane
    x, y = np.array([plane.world_to_pixel(s.ra, s.dec) for s in sources]).T
    table = fits.BinTableHDU.from_columns([fits.Column("X", "D", array=x), fits.Column("Y", "D", array=y)])
    table.writeto(folder / "positions.fits")
    run("tg_create_mask", evt1, folder / "mask.fits", folder / "positions.fits")
    with fits.open(evt2) as hdus, fits.open(folder / "mask.fits") as mask:
        fits.HDUList([*(h.copy() for h in hdus if h.name != "REGION"), mask["REGION"].copy()]).writeto(
            folder / "new.fits"
        )
    (folder / "new.fits").replace(evt2)
    run("chandra_repro", folder / "obs", folder / "out", **USUAL)
    return folder / "obs", folder / "out"


def test_two_sources(two):
    """Each source has its spectra and responses; light goes to its own source, that of both crossing arms to none."""
    obs, out = two
    names = {p.name for p in (out / "tg").iterdir()}
    assert len(names) == 2 * (12 * 2 + 4 * 2)
    assert {f"{ROOT}_repro_s{s}_{a}_{m}1.arf" for s in (1, 2) for a in ("heg", "meg") for m in "mp"} <= names
    with fits.open(out / f"{ROOT}_repro_pha2.fits") as hdus:
        spectra = hdus["SPECTRUM"].data.copy()
        assert len(spectra) == 24 and sorted(set(spectra["TG_SRCID"])) == [1, 2]
    e = fits.getdata(out / f"{ROOT}_repro_evt2.fits", "EVENTS")
    first = fits.getdata(next(obs.glob("secondary/*evt1*")), "EVENTS")
    truth = fits.getdata(obs / "truth/truth.fits")
    keys = zip(first["expno"], first["ccd_id"], first["chipx"], first["chipy"], strict=True)
    place = {k: i for i, k in enumerate(keys)}
    t = truth[[place[k] for k in zip(e["expno"], e["ccd_id"], e["chipx"], e["chipy"], strict=True)]]
    light = (t["KIND"] == 1) & (np.abs(t["ORDER"]) == 1) & (np.abs(e["tg_d"]) < 0.0007)
    claimed = light & (e["tg_srcid"] > 0)
    assert claimed.sum() > 0.9 * light.sum() > 4000
    right = (e["tg_srcid"] == t["SOURCE"]) & (e["tg_part"] == t["PART"]) & (e["tg_m"] == t["ORDER"])
    assert right[claimed].mean() > 0.97
    counts = [spectra["COUNTS"][(spectra["TG_SRCID"] == s) & (np.abs(spectra["TG_M"]) == 1)].sum() for s in (1, 2)]
    assert counts[0] / counts[1] == pytest.approx(2.0, rel=0.15)
    for s in (1, 2):
        header = fits.getheader(out / f"tg/{ROOT}_repro_s{s}_meg_m1.pha", "SPECTRUM")
        assert header["ANCRFILE"] == f"{ROOT}_repro_s{s}_meg_m1.arf" and header["TG_SRCID"] == s
        assert fits.getheader(out / f"tg/{ROOT}_repro_s{s}_meg_m1.arf", "SPECRESP")["TG_SRCID"] == s


@pytest.mark.slow
def test_interleaved_exposures(tmp_path):
    """Two event lists in one folder: two sets of products, with e1 and e2 in their names."""
    setup = Setup(events=6000, grating="LETG", chips=CHIPS, mode="GRADED", flare=False, artifacts=False)
    simulate(setup, tmp_path / "obs", compress=False)
    for path in list((tmp_path / "obs").rglob("*.fits")):
        kind = path.name.rpartition("_")[2]
        if path.parent.name != "truth" and kind.startswith(("evt", "flt", "msk", "mtl", "stat", "bpix", "fov")):
            for cycle in ("e1", "e2"):
                shutil.copy(path, path.with_name(path.name.replace(f"_{kind}", f"_{cycle}_{kind}")))
            path.unlink()
    run("chandra_repro", tmp_path / "obs", tmp_path / "out", **USUAL)
    names = {str(p.relative_to(tmp_path / "out")) for p in (tmp_path / "out").rglob("*.*")}
    for cycle in ("e1", "e2"):
        wanted = {f"{ROOT}{cycle}_repro_{n}.fits" for n in ("evt2", "pha2")} | {f"{ROOT}{cycle}_evt1a.fits"}
        wanted |= {f"tg/{ROOT}{cycle}_repro_leg_{s}1.{x}" for s in "mp" for x in ("pha", "arf", "rmf")}
        assert wanted <= names
        header = fits.getheader(tmp_path / f"out/tg/{ROOT}{cycle}_repro_leg_m1.pha", "SPECTRUM")
        assert header["RESPFILE"] == f"{ROOT}{cycle}_repro_leg_m1.rmf"
