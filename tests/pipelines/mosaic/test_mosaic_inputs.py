"""reproject_obs, flux_obs and merge_obs: what is skipped, refused, and decided before any work."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from mosaic_helpers import OBSIDS, events_of, infiles, tool

from ciaopy.console import Console
from ciaopy.engine.run import run_tool
from ciaopy.errors import CiaopyError, DataError, NoDataError, OutputExistsError, UserError
from ciaopy.param import open_parameters
from ciaopy.pipelines.mosaic.combine import merge_stack
from ciaopy.pipelines.mosaic.grid import Memory, common_grid, pixel_for
from ciaopy.pipelines.mosaic.inputs import mean_point
from ciaopy.sphere import separation


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
    assert separation(10.0, 89.9, 190.0, 89.9) == pytest.approx(0.2)


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
        grid=grid, chips=(0, 1, 2, 3), bands=("a", "b", "c"), options=SimpleNamespace(psfecf=0.9),
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
    assert "is a folder, not a file" in out.getvalue() and not (tmp_path / "f").exists()
