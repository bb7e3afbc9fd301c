"""The Chandra mission: what an observation's folder is found to hold, and a whole chain on a simulated one."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from ciaopy.batch import Archive, Survey
from ciaopy.batch.attempt import Job, Made, SkipJobError
from ciaopy.batch.chandra import CHANDRA, listing, observation_of
from ciaopy.batch.chandra_images import _bands
from ciaopy.batch.chandra_work import prepare
from ciaopy.errors import DataError, UserError


def job(folder: Path, obs_id: str, tmp_path: Path, **fields: object) -> Job:
    task = {"mission": "chandra"}
    return Job(tmp_path, folder, tmp_path / "out", obs_id, obs_id, {}, dict(fields), {}, 1, task)


def test_a_real_observation(data, tmp_path):
    made = prepare(job(data / "obs/754", "754", tmp_path))
    (ident,) = made.values["idents"]
    assert ident["name"] == "754ACISE001" and ident["fields"]["exposure"] == "E001" and ident["fields"]["alone"]
    assert not made.skipped and made.values["summary"]["ACIS"]["DETECTOR"] == "012379"
    evt1 = "secondary/acisf00754_000N004_evt1.fits.gz"
    assert ident["inputs"][evt1]["size"] == (data / "obs/754" / evt1).stat().st_size and len(ident["inputs"]) == 16
    assert observation_of(data / "obs/754") == "754" and len(listing(data / "obs/754")) == 16
    assert json.loads(json.dumps(made.values)) == made.values


def test_an_hrc_observation(data, tmp_path):
    (ident,) = prepare(job(data / "obs/2886", "2886", tmp_path)).values["idents"]
    assert ident["name"] == "2886HRCE001" and ident["skip"] == {}


@pytest.fixture
def folder(data: Path, tmp_path: Path) -> Path:
    """Observation 754 with links to its files, to be spoilt."""
    place = tmp_path / "754"
    for path in (data / "obs/754").rglob("*.fits.gz"):
        goal = place / path.relative_to(data / "obs/754")
        goal.parent.mkdir(parents=True, exist_ok=True)
        goal.symlink_to(path)
    return place


def test_interleaved_exposures_are_two_idents(folder, tmp_path):
    for path in list(folder.rglob("*_000N004_*")):
        for cycle in ("e1", "e2"):
            path.with_name(path.name.replace("_000N004_", f"_000N004_{cycle}_")).symlink_to(path.resolve())
        path.unlink()
    idents = prepare(job(folder, "754", tmp_path)).values["idents"]
    assert [i["name"] for i in idents] == ["754ACISE001e1", "754ACISE001e2"]
    assert not any("_e2_" in name for name in idents[0]["inputs"]) and len(idents[0]["inputs"]) == 16


def test_several_intervals_are_idents(folder, tmp_path):
    for path in list(folder.rglob("*_000N004_*")):
        for number in ("001", "002"):
            path.with_name(path.name.replace("_000N004_", f"_{number}N004_")).symlink_to(path.resolve())
        path.unlink()
    idents = prepare(job(folder, "754", tmp_path)).values["idents"]
    assert [i["name"] for i in idents] == ["754ACISE001", "754ACISE002"]
    assert all("_002N" not in name for name in idents[0]["inputs"])


@pytest.mark.parametrize(("pattern", "words"), [("*asol1*", "no aspect solution"), ("*evt1*", "no level-1 events")])
def test_unusable_observations(folder, tmp_path, pattern, words):
    next(folder.rglob(pattern)).unlink()
    made = prepare(job(folder, "754", tmp_path))
    assert words in made.skipped and made.values["idents"] == []


def test_a_folder_under_the_wrong_number(folder, tmp_path):
    with pytest.raises(DataError, match="of ObsID 754, not 1838"):
        prepare(job(folder, "1838", tmp_path))


def test_folders_and_their_numbers(folder, tmp_path):
    named = shutil.move(folder, tmp_path / "my target")
    assert observation_of(Path(named)) == "754"
    (tmp_path / "nothing").mkdir()
    with pytest.raises(UserError, match="no observation in it"):
        observation_of(tmp_path / "nothing")


def imaging(tmp_path: Path, en_key: str, **parameters: object) -> Job:
    values = {**next(s for s in CHANDRA.stages if s.name == "flux_image").defaults, **parameters}
    upstream = {"cleaned_chandra_evts": {"en_key": en_key}}
    fields = {"instrument": "ACIS", "exposure": "E001"}
    return Job(tmp_path, tmp_path, tmp_path, "i", "1", values, fields, upstream, 1, {"mission": "chandra"})


def test_bands_outside_the_cleaned_events_are_left_out(tmp_path):
    made = Made()
    assert len(_bands(imaging(tmp_path, ""), made)) == 5 and not made.notes
    kept = _bands(imaging(tmp_path, "en0.5_7.0keV"), made)
    assert list(kept) == ["0.5:7:2.3", "0.5:1.2:0.92", "1.2:2:1.56", "2:7:3.8"]
    assert made.values["skipped_bands"] == ["0.2_0.5keV"] and "left out" in made.notes[0]
    with pytest.raises(SkipJobError, match="no band lies within"):
        _bands(imaging(tmp_path, "en0.3_0.4keV"), Made())


@pytest.mark.slow
def test_a_chain_on_a_simulated_observation(tmp_path, monkeypatch):
    import subprocess
    import sys

    monkeypatch.chdir(tmp_path)
    words = ["simulate", "90101", "--events", "2e3", "--chips", "3", "--obsid", "90101", "--seed", "1"]
    subprocess.run([sys.executable, "-m", "ciaopy.cli", *words], check=True, capture_output=True)
    archive = Archive("survey", ["90101"])
    run = archive.run(num_cores=2, disable_progress=True)
    assert (run.failed, run.blocked, run.done) == (0, 0, 6)
    extra = {k: v["90101ACISE001"] for k, v in archive.process_extra_info["chandra"].items() if "90101ACISE001" in v}
    with fits.open(extra["cleaned_chandra_evts"]["cleaned_events"]) as file:
        header = file["EVENTS"].header
        assert not file["EVENTS"].data["status"].any() and set(file["EVENTS"].data["grade"]) <= {0, 2, 3, 4, 6}
    place = Path(extra["cleaned_chandra_evts"]["cleaned_events"]).parent
    assert all((place / header[k]).is_file() for k in ("ASOLFILE", "BPIXFILE", "MASKFILE", "FLTFILE"))
    assert not any("/work/" in str(card) for card in header["HISTORY"])
    rates = extra["rate_image"]
    for image, exposure, rate in zip(rates["image"], rates["expmap"], rates["ratemap"], strict=True):
        counts, seconds, per_second = (fits.getdata(p).astype(float) for p in (image, exposure, rate))
        inside = seconds > 0
        np.testing.assert_allclose((per_second * seconds)[inside], counts[inside], rtol=1e-5, atol=1e-4)
    assert Survey.open(Path("survey")).supervisor() is None
    assert archive.run(num_cores=2, disable_progress=True).launched == 0
