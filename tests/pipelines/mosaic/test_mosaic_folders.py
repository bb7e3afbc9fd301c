"""reproject_obs, flux_obs and fluximage in folders with blanks, commas and quotes in their names."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from mosaic_helpers import OBSIDS, events_of, tool

FIELD = "xygrid=3500:4500:20,3500:4500:20"


@pytest.fixture
def odd(sky: Path, tmp_path: Path) -> Path:
    """Two of the observations below a folder with a name that a stack would take apart."""
    folder = tmp_path / "my data, 2012; 'x'"
    folder.mkdir()
    for obsid in OBSIDS[:2]:
        shutil.copytree(sky / obsid, folder / obsid)
    return folder


def test_mosaics_are_made_in_any_folder(odd, monkeypatch):
    monkeypatch.chdir(odd)
    made, _ = tool("reproject_obs", f"infiles={OBSIDS[0]},{OBSIDS[1]}", "outroot=a b,c/")
    assert all(p.is_file() for p in made.products) and len(made.fields) == 2
    events = ",".join(f"a\\ b\\,c/{o}_reproj_evt.fits" for o in OBSIDS[:2])
    result, _ = tool("flux_obs", f"infiles={events}", "outroot=f b,c/", "bands=soft", FIELD, "psfecf=0.9")
    assert all(p.is_file() for p in result.products)
    total = sum(
        fits.getdata(p).sum() for paths in result.single.values() for p in paths if p.name.endswith("soft_thresh.img")
    )
    assert fits.getdata(result.counts["soft"]).sum() == total > 0


def test_fluximage_is_made_in_any_folder(odd, sky, tmp_path, monkeypatch):
    plain = tmp_path / "plain"
    plain.mkdir()
    monkeypatch.chdir(plain)
    events = events_of(sky, OBSIDS[0])
    tool("fluximage", f"infile={events}", "outroot=o/", "bands=soft", FIELD, "psfecf=0.9")
    monkeypatch.chdir(odd)
    inside = next((Path(OBSIDS[0]) / "primary").glob("*evt2.fits"))
    result, _ = tool("fluximage", f"infile={inside}", "outroot=a,b/", "bands=soft", FIELD, "psfecf=0.9")
    assert {p.parent.name for p in result.products} == {"a,b"}
    for name in ("soft_thresh.img", "soft_thresh.expmap", "soft_flux.img", "soft_thresh.psfmap"):
        assert np.array_equal(fits.getdata(plain / "o" / name), fits.getdata(odd / "a,b" / name), equal_nan=True)
