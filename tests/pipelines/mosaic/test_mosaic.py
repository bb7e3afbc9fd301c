"""reproject_obs, flux_obs and merge_obs on simulated observations: three overlapping pointings, one with a flare."""

from __future__ import annotations

import io
import shutil
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS, FITSFixedWarning

import ciaopy
from ciaopy.console import Console
from ciaopy.engine.run import run_tool
from ciaopy.errors import CiaopyError, DataError, NoDataError, OutputExistsError, UserError
from ciaopy.param import open_parameters
from ciaopy.pipelines.mosaic.combine import merge_stack
from ciaopy.pipelines.mosaic.grid import Memory, common_grid, pixel_for
from ciaopy.pipelines.mosaic.inputs import mean_point, separation
from ciaopy.simulation import Setup, Source, simulate

CENTRE = (150.12, 2.21)
SOURCES = tuple(Source(CENTRE[0] + dx, CENTRE[1] + dy, f) for dx, dy, f in ((0, 0, 8e-4), (0.05, 0.03, 4e-4)))
POINTINGS = (
    (0.0, 0.0, 60.0, "2012-06-01T00:00:00", False),
    (0.08, 0.03, 75.0, "2012-06-03T00:00:00", False),
    (-0.06, 0.07, 240.0, "2013-01-10T00:00:00", True),
)
OBSIDS = ("9101", "9102", "9103")


def tool(name: str, *arguments: object) -> tuple[Any, str]:
    """Run a tool; return what it returned and what it printed."""
    par = open_parameters(name, [*map(str, arguments), "mode=h"], mode="h")
    out = io.StringIO()
    return run_tool(par, Console(1, out, out)), out.getvalue()


@pytest.fixture(scope="session")
def sky(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the three observations."""
    place = tmp_path_factory.mktemp("sky")
    for i, (dx, dy, roll, date, flare) in enumerate(POINTINGS):
        setup = Setup(
            events=14000, mode="GRADED", chips=(0, 1, 2, 3), seed=i + 1, exposure=8000.0, date=date,
            ra=CENTRE[0] + dx, dec=CENTRE[1] + dy, roll=roll, obsid=int(OBSIDS[i]), sources=SOURCES, flare=flare,
            artifacts=False,
        )  # fmt: skip
        simulate(setup, place / OBSIDS[i], compress=False)
    return place


@dataclass
class Merged:
    """What merge_obs made, once for all tests."""

    folder: Path
    result: Any
    said: str
    weights: Path


@pytest.fixture(scope="session")
def merged(sky: Path, tmp_path_factory: pytest.TempPathFactory) -> Merged:
    place = tmp_path_factory.mktemp("merged")
    weights = place / "w.txt"
    par = ["model=powlaw1d.p", "paramvals=p.gamma=1.7", "emin=0.5", "emax=7", "ewidth=0.1"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(place))
        tool("make_instmap_weights", f"outfile={weights}", *par)
        result, said = tool(
            "merge_obs", infiles(sky), f"outroot={place}/m/", f"bands={weights}", "psfecf=0.9", "nproc=2"
        )
    return Merged(place / "m", result, said, weights)


def infiles(sky: Path) -> str:
    return "infiles=" + ",".join(str(sky / o) for o in OBSIDS)


def events_of(sky: Path, obsid: str) -> Path:
    return next((sky / obsid / "primary").glob("*evt2.fits"))


def pixels(path: Path) -> np.ndarray:
    return np.asarray(fits.getdata(path), float)


def world(data: Any, header: Any) -> tuple[np.ndarray, np.ndarray]:
    """RA, Dec of events by astropy.wcs."""
    n = [c.lower() for c in data.names].index("x") + 1
    wcs = WCS(naxis=2)
    for key in ("ctype", "crval", "crpix", "cdelt"):
        short = {"ctype": "TCTYP", "crval": "TCRVL", "crpix": "TCRPX", "cdelt": "TCDLT"}[key]
        setattr(wcs.wcs, key, [header[f"{short}{n}"], header[f"{short}{n + 1}"]])
    return wcs.all_pix2world(data["x"].astype(float), data["y"].astype(float), 1)


# --- sums and positions ---------------------------------------------------------------------------------------


def test_merged_events_are_all_events(sky, merged):
    total = fits.getdata(merged.folder / "merged_evt.fits", "EVENTS")
    parts = [fits.getdata(merged.folder / f"{o}_reproj_evt.fits", "EVENTS") for o in OBSIDS]
    originals = [fits.getdata(events_of(sky, o), "EVENTS") for o in OBSIDS]
    assert [len(p) for p in parts] == [len(o) for o in originals]
    assert len(total) == sum(len(p) for p in parts) == merged.result.reprojected.rows
    for column in ("time", "ccd_id", "x", "y", "energy"):
        assert np.array_equal(total[column], np.concatenate([p[column] for p in parts]))
    header = fits.getheader(merged.folder / "merged_evt.fits", "EVENTS")
    single = [fits.getheader(p, "EVENTS") for p in (merged.folder / f"{o}_reproj_evt.fits" for o in OBSIDS)]
    assert header["OBS_ID"] == "Merged" and header["ASOLFILE"] == "Merged" and "ROLL_NOM" not in header
    for key in ("EXPOSURE", "ONTIME", "LIVETIME", "EXPOSUR3"):
        assert header[key] == pytest.approx(sum(h[key] for h in single), rel=1e-12)
    assert header["TSTART"] == min(h["TSTART"] for h in single) and header["TSTOP"] == max(h["TSTOP"] for h in single)


def test_positions_on_the_sky_stay(sky, merged):
    points = []
    for obsid in OBSIDS:
        with fits.open(events_of(sky, obsid)) as old, fits.open(merged.folder / f"{obsid}_reproj_evt.fits") as new:
            a, b = world(old["EVENTS"].data, old["EVENTS"].header), world(new["EVENTS"].data, new["EVENTS"].header)
            points.append((new["EVENTS"].header["RA_NOM"], new["EVENTS"].header["DEC_NOM"]))
        offset = np.hypot((a[0] - b[0]) * np.cos(np.deg2rad(a[1])), a[1] - b[1]) * 3600 / 0.492
        assert offset.max() < 0.01
    assert len(set(points)) == 1


def test_common_sky_range(merged):
    headers = [fits.getheader(merged.folder / f"{o}_reproj_evt.fits", "EVENTS") for o in OBSIDS]
    headers.append(fits.getheader(merged.folder / "merged_evt.fits", "EVENTS"))
    data = fits.getdata(merged.folder / "merged_evt.fits", "EVENTS")
    n = [c.lower() for c in data.names].index("x") + 1
    for key in (f"TLMIN{n}", f"TLMAX{n}", f"TLMIN{n + 1}", f"TLMAX{n + 1}"):
        assert len({h[key] for h in headers}) == 1 and headers[0][key] % 1 == 0.5
    assert headers[0][f"TLMIN{n}"] <= data["x"].min() <= headers[0][f"TLMIN{n}"] + 1
    assert headers[0][f"TLMAX{n + 1}"] - 1 <= data["y"].max() <= headers[0][f"TLMAX{n + 1}"]


def test_images_are_sums(merged):
    m = merged.folder
    counts = sum(pixels(m / f"{o}_band1_thresh.img") for o in OBSIDS)
    exposure = sum(pixels(m / f"{o}_band1_thresh.expmap") for o in OBSIDS)
    assert np.array_equal(pixels(m / "band1_thresh.img"), counts)
    assert fits.getdata(m / "band1_thresh.img").dtype.kind == "i"
    np.testing.assert_allclose(pixels(m / "band1_thresh.expmap"), exposure, rtol=1e-6)
    flux = pixels(m / "band1_flux.img")
    assert (flux[exposure == 0] == 0).all()
    seen = exposure > 0
    np.testing.assert_allclose(flux[seen], counts[seen] / pixels(m / "band1_thresh.expmap")[seen], rtol=1e-12)
    header = fits.getheader(m / "band1_flux.img")
    assert header["BUNIT"].strip() in ("/cm**2 /s", "/cm**2 /sec") and header["OBS_ID"] == "Merged"
    assert "TOOL  :merge_obs" in str(header["HISTORY"])
    singles = [fits.getheader(m / f"{o}_band1_thresh.img")["EXPOSURE"] for o in OBSIDS]
    assert fits.getheader(m / "band1_thresh.img")["EXPOSURE"] == pytest.approx(sum(singles))


def test_counts_of_the_events_in_the_image(merged):
    """Without a threshold, every event of the band is in the mosaic."""
    image = fits.getheader(merged.folder / "band1_thresh.img")
    data = fits.getdata(merged.folder / "merged_evt.fits", "EVENTS")
    band = (data["energy"] >= 500) & (data["energy"] < 7000)
    total = pixels(merged.folder / "band1_thresh.img").sum()
    assert band.sum() * 0.97 < total <= band.sum()
    assert image["CDELT1P"] == 8.0


def test_source_fluxes(merged):
    """Sources in the overlap come out at their fluxes, background taken from a ring, within four standard errors."""
    m = merged.folder
    counts, exposure = pixels(m / "band1_thresh.img"), pixels(m / "band1_thresh.expmap")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FITSFixedWarning)
        wcs = WCS(fits.getheader(m / "band1_flux.img"))
    yy, xx = np.mgrid[: counts.shape[0], : counts.shape[1]]
    for source in SOURCES:
        x, y = wcs.all_world2pix(source.ra, source.dec, 0)
        distance = np.hypot(xx - x, yy - y)
        inside, ring = distance < 5, (distance > 8) & (distance < 14)
        flux = counts / np.where(exposure > 0, exposure, np.inf)
        value = flux[inside].sum() - flux[ring].mean() * inside.sum()
        error = np.sqrt(counts[inside].sum()) / exposure[inside].mean()
        assert counts[inside].sum() > 300
        assert abs(value - source.flux) < 4 * error + 0.05 * source.flux
        offset = np.array([(flux[inside] * (c[inside] - p)).sum() / flux[inside].sum() for c, p in ((xx, x), (yy, y))])
        assert np.abs(offset).max() < 0.6


def test_field_of_view_of_all(merged):
    table = fits.getdata(merged.folder / "merged.fov")
    singles = [fits.getdata(merged.folder / f"{o}.fov") for o in OBSIDS]
    assert len(table) == sum(len(s) for s in singles) == 12
    assert "CCD_ID" not in table.names and len(set(table["COMPONENT"])) == 12
    events = ciaopy.read(f"{merged.folder}/merged_evt.fits[sky=region({merged.folder}/merged.fov)]")
    assert len(events) > 0.98 * merged.result.reprojected.rows


def test_psf_map_is_the_smallest(merged):
    names = [merged.folder / f"{o}_band1_thresh.psfmap" for o in OBSIDS]
    total = pixels(merged.folder / "band1_thresh.psfmap")
    seen = pixels(merged.folder / "band1_thresh.expmap") > 0
    assert np.isfinite(total[seen]).mean() > 0.999 and np.isnan(total[~seen]).all()
    assert total.shape == seen.shape
    assert np.nanmin(total) == pytest.approx(min(np.nanmin(pixels(p)) for p in names))
    assert fits.getheader(merged.folder / "band1_thresh.psfmap")["BUNIT"] == "arcsec"


def test_memory_is_stated(merged):
    assert "MB at most, with 2 observations at a time" in merged.said
    assert "pixels" in merged.said and "Sepn" in merged.said


def test_flux_obs_gives_the_same_mosaic(merged, sky, tmp_path):
    """On the reprojected events, with another number of threads; with files given as lists, one of them not needed."""
    names = ",".join(str(merged.folder / f"{o}_reproj_evt.fits") for o in OBSIDS)
    place = {"asolfiles": "primary/*asol1*", "badpixfiles": "primary/*bpix1*", "maskfiles": "secondary/*msk1*"}
    lists = [f"{k}=" + ",".join(str(next((sky / o).glob(v))) for o in OBSIDS[::-1]) for k, v in place.items()]
    result, _ = tool(
        "flux_obs", f"infiles={names}", f"outroot={tmp_path}/f", f"bands={merged.weights}", "parallel=no", *lists
    )
    for ending in ("thresh.img", "thresh.expmap", "flux.img"):
        assert np.array_equal(
            fits.getdata(tmp_path / f"f_band1_{ending}"), fits.getdata(merged.folder / f"band1_{ending}")
        )
    assert [m.label for m in result.members] == list(OBSIDS)
    assert not (tmp_path / "f_9101_band1.img").exists()  # cleanup


def test_explicit_grid_and_no_threshold(merged, sky, tmp_path):
    names = ",".join(str(merged.folder / f"{o}_reproj_evt.fits") for o in OBSIDS)
    asol = "asolfiles=" + ",".join(str(next((sky / o / "primary").glob("*asol1*"))) for o in OBSIDS)
    _, said = tool(
        "flux_obs", f"infiles={names}", f"outroot={tmp_path}/", "xygrid=4001:4401:16,4001:4401:16", "expmapthresh=none",
        "badpixfiles=CALDB", "maskfiles=NONE", asol, "units=time",
    )  # fmt: skip
    assert "moved to whole pixels" in said
    counts, exposure = pixels(tmp_path / "broad.img"), pixels(tmp_path / "broad.expmap")
    assert counts.shape == (26, 26)
    header = fits.getheader(tmp_path / "broad.expmap")
    assert header["CRVAL1P"] == 4000.5 and header["BUNIT"].strip() == "s"
    events = fits.getdata(merged.folder / "merged_evt.fits", "EVENTS")
    band = (events["energy"] >= 500) & (events["energy"] < 7000)
    for axis in ("x", "y"):
        band &= (events[axis] >= 4000.5) & (events[axis] < 4416.5)
    assert counts.sum() == band.sum()
    assert exposure.max() <= 1.001 * 3 * 8000


# --- reproject_obs --------------------------------------------------------------------------------------------


def test_reproject_obs_links(sky, tmp_path):
    result, said = tool("reproject_obs", infiles(sky), f"outroot={tmp_path}/a/r", "refcoord=10:00:30.0 +02:12:00")
    assert result.point == pytest.approx((150.125, 2.2))
    made = sorted(p.name for p in (tmp_path / "a").iterdir())
    kinds = ("_reproj_evt.fits", ".fov", ".asol", ".bpix", ".mask")
    assert made == sorted([f"r_{o}{k}" for o in OBSIDS for k in kinds] + ["r_merged.fov", "r_merged_evt.fits"])
    for obsid in OBSIDS:
        link = tmp_path / "a" / f"r_{obsid}.asol"
        assert link.is_symlink() and link.resolve() == next((sky / obsid / "primary").glob("*asol1*")).resolve()
        header = fits.getheader(tmp_path / "a" / f"r_{obsid}_reproj_evt.fits", "EVENTS")
        assert header["ASOLFILE"] == link.name and header["MASKFILE"] == f"r_{obsid}.mask"
    assert "make no responses" in said
    # the links are enough for fluximage-like work on the results
    tool("flux_obs", f"infiles={tmp_path}/a/r_9101_reproj_evt.fits", f"outroot={tmp_path}/one", "binsize=32")
    assert (tmp_path / "one_broad_flux.img").exists()


def test_reproject_obs_copies_and_no_merge(sky, tmp_path):
    tool("reproject_obs", infiles(sky), f"outroot={tmp_path}/b/", "merge=no", "linkfiles=no", "parallel=no")
    assert not (tmp_path / "b" / "merged_evt.fits").exists()
    assert not any(p.is_symlink() for p in (tmp_path / "b").iterdir())
    own = next((sky / "9101" / "primary").glob("*asol1*"))
    assert (tmp_path / "b" / "9101.asol").read_bytes() == own.read_bytes()


def test_a_file_as_reference_is_copied_unmoved(sky, tmp_path):
    first = events_of(sky, "9101")
    result, _ = tool("reproject_obs", infiles(sky), f"outroot={tmp_path}/c/", f"refcoord={first}", "merge=no")
    assert result.point == pytest.approx(CENTRE, abs=1e-9)
    old, new = fits.getdata(first, "EVENTS"), fits.getdata(tmp_path / "c" / "9101_reproj_evt.fits", "EVENTS")
    assert np.array_equal(old["x"], new["x"]) and np.array_equal(old["y"], new["y"])


def test_gzipped_companions_and_filters(sky, tmp_path):
    import gzip

    place = tmp_path / "obs" / "primary"
    place.mkdir(parents=True)
    for path in (sky / "9101" / "primary").iterdir():
        data = path.read_bytes()
        (place / f"{path.name}.gz").write_bytes(gzip.compress(data, 1))
    result, _ = tool(
        "reproject_obs", f"infiles={place}/acisf09101N001_evt2.fits.gz[energy=500:7000]", f"outroot={tmp_path}/g/",
        "refcoord=150.2 2.3",
    )  # fmt: skip
    assert (tmp_path / "g" / "9101.asol.gz").is_symlink()
    energy = fits.getdata(tmp_path / "g" / "merged_evt.fits", "EVENTS")["energy"]
    assert energy.min() >= 500 and energy.max() < 7000 and len(energy) == result.rows


# --- what is skipped or refused -------------------------------------------------------------------------------


def copy_of(source: Path, target: Path, change: Callable[[Any], object]) -> str:
    """Copy an event file with another header."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    with fits.open(target, mode="update") as hdus:
        change(hdus["EVENTS"].header)
    return str(target)


SKIPPED: list[tuple[str, Callable[[Any], object], str]] = [
    ("duplicate", lambda h: None, "it is of ObsID 9101"),
    ("instrument", lambda h: h.update(OBS_ID="77", INSTRUME="HRC", DETNAM="HRC-I"), "INSTRUME|chip_id"),
    ("no READMODE", lambda h: (h.update(OBS_ID="77"), h.remove("READMODE")), "no READMODE"),
    ("continuous", lambda h: h.update(OBS_ID="77", READMODE="CONTINUOUS"), "READMODE is CONTINUOUS"),
    ("merged", lambda h: h.update(OBS_ID="Merged"), "merged"),
    ("no OBS_ID", lambda h: h.remove("OBS_ID"), "no OBS_ID"),
    ("several pointings", lambda h: (h.update(OBS_ID="433"), h.remove("OBI_NUM", ignore_missing=True)), "OBI_NUM"),
    ("no TSTART", lambda h: (h.update(OBS_ID="77"), h.remove("TSTART")), "TSTART"),
]


@pytest.mark.parametrize(("what", "change", "message"), SKIPPED, ids=[s[0] for s in SKIPPED])
def test_what_is_skipped(sky, tmp_path, what, change, message):
    import re

    bad = copy_of(events_of(sky, "9102"), tmp_path / "bad_evt2.fits", lambda h: None)
    if what == "duplicate":
        bad = copy_of(events_of(sky, "9101"), tmp_path / "bad_evt2.fits", lambda h: None)
    else:
        bad = copy_of(events_of(sky, "9102"), tmp_path / "bad_evt2.fits", change)
    result, said = tool(
        "reproject_obs", f"infiles={events_of(sky, '9101')},{bad}", f"outroot={tmp_path}/r/", "merge=no"
    )
    assert [m.label for m in result.members] == ["9101"]
    line = next(s for s in said.splitlines() if s.startswith(f"Skipping {bad}"))
    assert re.search(message, line), line
    with pytest.raises(DataError, match="none of the 1 files can be used") if what != "duplicate" else _nothing():
        tool("reproject_obs", f"infiles={bad}", f"outroot={tmp_path}/s/", "merge=no")


def _nothing() -> Any:
    from contextlib import nullcontext

    return nullcontext()


def test_folders_images_and_empty_selections_are_skipped(sky, tmp_path):
    (tmp_path / "empty").mkdir()
    fits.PrimaryHDU(np.zeros((3, 3))).writeto(tmp_path / "i.fits")
    stack = (
        f"{tmp_path}/empty,{tmp_path}/i.fits,{tmp_path}/no.fits,{events_of(sky, '9102')}[energy=9e9:],{sky / '9101'}"
    )
    result, said = tool("reproject_obs", f"infiles={stack}", f"outroot={tmp_path}/r/", "merge=no")
    assert [m.label for m in result.members] == ["9101"]
    for text in ("holds no event file", "an image", "no.fits", "no events"):
        assert any(text in s for s in said.splitlines() if s.startswith("Skipping")), text


def test_merge_obs_skips_files_without_columns(sky, tmp_path):
    from ciaopy.runtool import dmcopy

    dmcopy(f"{events_of(sky, '9102')}[cols -chip]", str(tmp_path / "b_evt2.fits"), option="all")
    _, said = tool(
        "merge_obs",
        f"infiles={events_of(sky, '9101')}[ccd_id=3],{tmp_path}/b_evt2.fits",
        f"outroot={tmp_path}/r/",
        "binsize=64",
    )
    assert "no column chipx, chipy, which merged events need" in said


def refused(name: str, error: type[CiaopyError], message: str, *arguments: object) -> None:
    with pytest.raises(error, match=message):
        tool(name, *arguments)


def test_refusals(sky, tmp_path):
    good, root = infiles(sky), f"outroot={tmp_path}/r/"
    for name in ("reproject_obs", "flux_obs", "merge_obs"):
        refused(name, UserError, "infiles is empty", "infiles=", root)
        refused(name, UserError, "outroot is empty", good, "outroot=")
        refused(name, UserError, "the output folder cannot be made", good, f"outroot={tmp_path}/no/such/folder/")
        refused(name, UserError, "no event files found", f"infiles={tmp_path}", root)
    refused("reproject_obs", UserError, "neither a position", good, root, "refcoord=nosuch.fits")
    refused("reproject_obs", UserError, "not a position", good, root, "refcoord=10 100")
    for name in ("flux_obs", "merge_obs"):
        refused(name, UserError, "bands is empty", good, root, "bands=")
        refused(name, UserError, "cannot understand 'nosuch'", good, root, "bands=nosuch")
        refused(name, UserError, "binsize=0", good, root, "binsize=0")
        refused(name, UserError, "psfecf=0", good, root, "psfecf=0")
        refused(name, UserError, "asolfiles=none", good, root, "asolfiles=none")
        refused(name, UserError, "nproc=0", good, root, "nproc=0")
        refused(name, UserError, "no such folder", good, root, "tmpdir=/no/such/folder")
    refused("flux_obs", UserError, "no such file", good, root, "badpixfiles=nosuch.fits")
    refused("flux_obs", UserError, "xygrid=1:2", good, root, "xygrid=1:2")
    refused("flux_obs", NoDataError, "no observation has events", good, root, "xygrid=10:20:1,10:20:1")
    assert not (tmp_path / "r").exists()


def test_missing_companions(sky, tmp_path):
    own = next((sky / "9101" / "primary").glob("*bpix1*"))
    asol = next((sky / "9101" / "primary").glob("*asol1*"))
    mask = next((sky / "9101" / "secondary").glob("*msk1*"))
    root = f"outroot={tmp_path}/r/"
    refused("flux_obs", DataError, "no bad pixel file for ObsID 9102, 9103", infiles(sky), root, f"badpixfiles={own}")
    refused("flux_obs", DataError, "no mask file for ObsID 9102, 9103", infiles(sky), root, f"maskfiles={mask}")
    refused(
        "flux_obs",
        DataError,
        "no aspect solution in asolfiles for ObsID 9102, 9103",
        infiles(sky),
        root,
        f"asolfiles={asol}",
    )
    bare = copy_of(events_of(sky, "9101"), tmp_path / "x" / "a_evt2.fits", lambda h: None)
    refused("flux_obs", DataError, "no aspect solution named in the header", f"infiles={bare}", root)
    both, other = f"infiles={bare},{events_of(sky, '9102')}", next((sky / "9102" / "primary").glob("*asol1*"))
    message = "no bad pixel file for ObsID 9101, while others"
    refused("flux_obs", DataError, message, both, root, f"asolfiles={asol},{other}")
    _, said = tool("flux_obs", f"infiles={bare}[ccd_id=3]", root, f"asolfiles={asol}", "binsize=64")
    assert "badpixfiles=CALDB is used" in said and "maskfiles=NONE is used" in said
    extra = next((sky / "9103" / "primary").glob("*asol1*"))
    _, said = tool(
        "flux_obs", f"infiles={bare}[ccd_id=3]", root, f"asolfiles={asol},{extra}", "binsize=64", "clobber=yes"
    )
    assert "which is not used; ignored" in said


def test_products_are_not_replaced(sky, tmp_path):
    (tmp_path / "r").mkdir()
    for name, product in (
        ("reproject_obs", "9101.fov"),
        ("flux_obs", "broad_flux.img"),
        ("merge_obs", "merged_evt.fits"),
        ("merge_obs", "9102_broad_thresh.img"),
    ):
        (tmp_path / "r" / product).write_text("mine")
        refused(name, OutputExistsError, "set clobber=yes", infiles(sky), f"outroot={tmp_path}/r/")
        assert [p.name for p in (tmp_path / "r").iterdir()] == [product]
        assert (tmp_path / "r" / product).read_text() == "mine"
        (tmp_path / "r" / product).unlink()


def test_inputs_are_not_changed(sky, merged):
    for path in sky.rglob("*"):
        assert path.is_dir() or path.suffix in (".fits", ".txt")
    assert sorted(p.name for p in sky.iterdir()) == list(OBSIDS)


def test_different_tangent_points_are_warned_of(sky, tmp_path):
    names = ",".join(f"{events_of(sky, o)}[ccd_id=3]" for o in OBSIDS[:2])
    _, said = tool("flux_obs", f"infiles={names}", f"outroot={tmp_path}/", "binsize=64")
    assert "ObsID 9102: another tangent point than that of 9101" in said


# --- parts ----------------------------------------------------------------------------------------------------


def test_mean_point():
    ra, dec = mean_point([(359.0, 10.0), (1.0, 10.0)])
    assert 0 <= ra < 360 and min(ra, 360 - ra) < 1e-9 and dec == pytest.approx(10.0015, abs=1e-4)
    assert mean_point([(10.0, 20.0)]) == pytest.approx((10.0, 20.0))
    with pytest.raises(DataError, match="opposite directions"):
        mean_point([(0.0, 0.0), (180.0, 0.0)])
    assert separation((10.0, 89.9), (190.0, 89.9)) == pytest.approx(0.2)


def test_maxsize():
    fields = [((0.5, 1000.5), (0.5, 500.5)), ((500.5, 2400.5), (0.5, 500.5))]
    assert pixel_for(fields, 1200) == 2.0
    assert pixel_for(fields, 1000) == 2.4
    assert pixel_for(fields, 1100) == 2.2
    assert pixel_for(fields, 2399) == 1.2
    assert pixel_for(fields, 5000) == 0.6
    grid = common_grid(fields, pixel_for(fields, 1000))
    assert grid.x.count <= 1001 and grid.x.low <= 0.5 and grid.x.high >= 2400.5


def test_memory_does_not_depend_on_observations():
    from types import SimpleNamespace

    grid = common_grid([((0.5, 8192.5), (0.5, 8192.5))], 1.0)
    job = SimpleNamespace(
        grid=grid, chips=(0, 1, 2, 3), bands=("a", "b", "c"), psfecf=0.9,
        events=SimpleNamespace(instrument="ACIS", detector="ACIS-0123"),
    )  # fmt: skip
    one = Memory.of(job, 8)
    assert one.one > grid.x.count * grid.y.count * 4 * (4 * 3 + 2 * 3)
    assert one.fitted(None) == one
    less = one.fitted(one.one * 2.5 + 3e8)
    assert less.workers == 2 and less.peak < one.one * 2.5 + 3e8
    with pytest.raises(UserError, match="GB of memory"):
        one.fitted(1e9)
    job.events = SimpleNamespace(instrument="HRC", detector="HRC-S")
    assert Memory.of(job, 8).one > one.one


def test_psf_merging():
    nan = np.nan
    stack = np.array([[1, nan, 3, nan], [2, 5, 9, nan], [6, nan, 6, nan]], np.float32)
    expected = {"min": [1, 5, 3], "max": [6, 5, 9], "mean": [3, 5, 6], "median": [2, 5, 6], "mid": [3.5, 5, 6]}
    for method, values in expected.items():
        found = merge_stack(stack, method)
        assert found[:3].tolist() == values and np.isnan(found[3])
    times = merge_stack(stack, "exptime", np.array([1.0, 2.0, 1.0]))
    assert times[:3] == pytest.approx([11 / 4, 5, 27 / 4]) and np.isnan(times[3])
    weights = np.array([[1, 9, 0, 1], [1, 0, 2, 1], [2, 9, 2, 1]], float)
    by_map = merge_stack(stack, "expmap", weights)
    assert by_map[[0, 2]] == pytest.approx([15 / 4, 7.5]) and np.isnan(by_map[[1, 3]]).all()


# --- refused before any work ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("merge_obs", ["bands=nonsense"], "nonsense"),
        ("merge_obs", ["bands=broad", "xygrid=bad"], "xygrid"),
        ("merge_obs", ["bands=broad", "refcoord=400 95"], "not a position"),
        ("flux_obs", ["bands=zz"], "zz"),
        ("flux_obs", ["bands=broad", "xygrid=1:2"], "xygrid"),
        ("reproject_obs", ["refcoord=1 2 3"], "neither a position"),
    ],
)
def test_refused_before_any_work(sky, tmp_path, monkeypatch, name, arguments, message):
    """Nothing is reprojected, no table of the observations is printed, no empty folder stays behind."""
    monkeypatch.chdir(tmp_path)
    par = open_parameters(name, [infiles(sky), f"outroot={tmp_path}/new/x", *arguments, "mode=h"], mode="h")
    out = io.StringIO()
    with pytest.raises(UserError, match=message):
        run_tool(par, Console(1, out, out))
    assert "Reprojecting" not in out.getvalue() and "Obsid" not in out.getvalue()
    assert not (tmp_path / "new").exists()


def test_folders_that_were_there_stay(sky, tmp_path):
    (tmp_path / "old").mkdir()
    with pytest.raises(UserError, match="nonsense"):
        tool("merge_obs", infiles(sky), f"outroot={tmp_path}/old/x", "bands=nonsense")
    assert list((tmp_path / "old").iterdir()) == []


def test_skipped_files_are_named_once(tmp_path):
    out = io.StringIO()
    par = open_parameters("merge_obs", ["infiles=none.fits", f"outroot={tmp_path}/n/", "bands=broad"], mode="h")
    with pytest.raises(DataError, match="none of the 1 files"):
        run_tool(par, Console(1, out, out))
    assert "Skipping none.fits: no such file" in out.getvalue() and not (tmp_path / "n").exists()


def test_folder_with_a_filter_is_skipped(sky, tmp_path):
    """As in CIAO: filters belong to files."""
    out = io.StringIO()
    par = open_parameters("reproject_obs", [f"infiles={sky / OBSIDS[0]}[ccd_id=2]", f"outroot={tmp_path}/f/"], mode="h")
    with pytest.raises(DataError, match="none of the 1 files"):
        run_tool(par, Console(1, out, out))
    assert "is a folder, not a FITS file" in out.getvalue() and not (tmp_path / "f").exists()
