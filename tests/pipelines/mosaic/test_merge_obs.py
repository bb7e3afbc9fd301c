"""reproject_obs, flux_obs and merge_obs: sums, positions, names, links, on three overlapping pointings."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS, FITSFixedWarning
from mosaic_helpers import CENTRE, OBSIDS, SOURCES, events_of, infiles, pixels, tool, world

import ciaopy

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


def test_products_conform(merged, conforms):
    """But for what pointings do not share (RA_PNT ...), left out as dmmerge does; the outline of all has no chips."""
    conforms(*(p for p in merged.folder.iterdir() if p.suffix in {".fits", ".img", ".expmap"}), but={"KEY-1"})


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
    assert header["BUNIT"] == "photon/cm2/s" and header["OBS_ID"] == "Merged"
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
