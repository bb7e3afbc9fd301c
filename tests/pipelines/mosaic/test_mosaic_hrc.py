"""merge_obs on two simulated HRC-I pointings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from mosaic_helpers import pixels, tool

from ciaopy.simulation import HrcSetup, simulate_hrc


def test_counts_and_exposures_of_two_pointings_add_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    folders = [tmp_path / obsid for obsid in ("92001", "92002")]
    for i, folder in enumerate(folders):
        place = {"ra": 150.11 + 0.01 * i, "dec": 2.21, "obsid": 92001 + i}
        simulate_hrc(HrcSetup(events=4000, seed=i + 1, **place), folder, compress=False)
    aspects = [next(folder.rglob("pcad*asol1.fits")) for folder in folders]
    start = tmp_path / "m"
    tool(
        "merge_obs", f"infiles={','.join(map(str, folders))}", f"outroot={start}/", "bands=wide", "binsize=128",
        f"asolfiles={','.join(map(str, aspects))}", "expmapthresh=", "nproc=1",
    )  # fmt: skip
    counts, exposure = (
        [pixels(start / f"{who}wide{kind}") for who in ("92001_", "92002_", "")] for kind in (".img", ".expmap")
    )
    events = [len(fits.getdata(path, "EVENTS")) for path in sorted(start.glob("*_reproj_evt.fits"))]
    np.testing.assert_array_equal(counts[0] + counts[1], counts[2])
    assert [image.sum() for image in counts[:2]] == events and min(events) > 1000
    np.testing.assert_allclose(exposure[0] + exposure[1], exposure[2], rtol=1e-6)
    assert 0 < exposure[0].max() < exposure[2].max()
    flux = pixels(start / "wide_flux.img")
    seen = exposure[2] > 0
    np.testing.assert_allclose(flux[seen], counts[2][seen] / exposure[2][seen], rtol=1e-5)
    assert fits.getheader(start / "wide_flux.img")["INSTRUME"] == "HRC"
