"""What a run is told to need: jobs that are not done with these parameters, bytes, and the time that jobs took."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ciaopy.batch.chandra import CHANDRA
from ciaopy.batch.estimate import Estimate, estimate
from ciaopy.batch.graph import Request
from ciaopy.batch.ledger import Ledger
from ciaopy.batch.progress import duration

DEFAULTS = {s.name: s.defaults for s in CHANDRA.stages}
REQUEST = Request(CHANDRA.stages, frozenset(s.name for s in CHANDRA.stages), DEFAULTS, "lite")
EVT1 = [("secondary/acisf00754_000N004_evt1.fits.gz", 9_000_000)]


def test_all_of_two_observations_one_of_them_to_be_fetched():
    with Ledger.in_memory() as ledger:
        found = estimate(CHANDRA, REQUEST, ledger, {"754": EVT1, "1838": []})
    assert (found.jobs, found.unknown, found.seconds) == (6 + 7, 1, None)
    images = 4 * (4 + 3) * 5 * 2.3 * 6 * 256**2  # bytes, files, bands, six chips of pixels of 4
    assert found.disk == pytest.approx(images + 2.7 * 9e6 + 3 * 2**20, rel=1e-6)


def test_what_is_done_with_these_parameters_is_not_counted(tmp_path: Path):
    with Ledger(tmp_path / "l.sqlite", write=True) as ledger:
        for stage in CHANDRA.stages[1:]:
            row = {"ident": "754ACISE001", "stage": stage.name, "config": "c", "obs_id": "754", "state": "done",
                   "parameters": stage.defaults, "seconds": 30.0}  # fmt: skip
            ledger.put_job(row)
        assert estimate(CHANDRA, REQUEST, ledger, {"754": EVT1}) == Estimate(0, 0, 0, 0.0)
        finer = {**DEFAULTS, "flux_image": {**DEFAULTS["flux_image"], "acis_bin_size": 1}}
        found = estimate(CHANDRA, replace(REQUEST, parameters=finer), ledger, {"754": EVT1})
    assert (found.jobs, found.seconds) == (1, 30.0)
    assert found.disk == pytest.approx(4 * 4 * 5 * 2.3 * 6 * 1024**2)


def test_an_hrc_image_has_one_band():
    with Ledger.in_memory() as ledger:
        only = replace(REQUEST, wanted=frozenset({"flux_image"}))
        found = estimate(CHANDRA, only, ledger, {"2886": [("secondary/hrcf02886_000N005_evt1.fits.gz", 10**8)]})
    assert found.disk == pytest.approx(4 * 4 * (25000 / 16) ** 2, rel=1e-6)


def test_how_it_is_told():
    some = Estimate(12, 3 * 10**9, 2, 7200.0)
    text = "about 12 jobs, 3.0 GB of products, and those of 2 observations to be fetched, 30 min; 90.0 GB are free"
    assert some.told(90 * 10**9, 2 * 10**9, 4) == text
    assert "the disk may become full" in some.told(4 * 10**9, 2 * 10**9, 4)
    assert Estimate(0, 0, 0, 0.0).told(1, 1, 1) == ""
    assert Estimate(1, 0, 0, None).told(2 * 10**6, 0, 1) == "about 1 jobs; 2.0 MB are free"
    assert [duration(s) for s in (3.2, 130.0, 9000.0)] == ["3 s", "2 min", "2.5 h"]
