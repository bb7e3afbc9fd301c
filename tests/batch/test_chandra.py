"""The Chandra mission: what an observation's folder is found to hold, and a whole chain on a simulated one."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits

from ciaopy.batch import Archive, Survey, flux_image, set_parameters
from ciaopy.batch.attempt import Job, Made, SkipJobError
from ciaopy.batch.chandra import CHANDRA, listing, observation_of
from ciaopy.batch.chandra_common import begin
from ciaopy.batch.chandra_download import download
from ciaopy.batch.chandra_images import _bands
from ciaopy.batch.chandra_work import prepare, reprocess
from ciaopy.batch.launching import check_together
from ciaopy.errors import CalibrationError, DataError, UsageError, UserError


def write_oif(path: Path, members: list[tuple[str, str]], **keys: object) -> None:
    """Write an inventory."""
    columns = [fits.Column("MEMBER_LOCATION", "64A", array=[m[0] for m in members]),
               fits.Column("MEMBER_CONTENT", "16A", array=[m[1] for m in members])]  # fmt: skip
    table = fits.BinTableHDU.from_columns(columns, name="GROUPING")
    known = {"SEQ_NUM": "900001", "INSTRUME": "ACIS", "DETNAM": "ACIS-012379", "GRATING": "NONE",
             "OBS_MODE": "POINTING", "DATAMODE": "FAINT", "RA_NOM": 150.12, "DEC_NOM": 2.21, "ROLL_NOM": 68.8,
             "SIM_X": -0.68, "SIM_Y": 0.0, "SIM_Z": -190.1}  # fmt: skip
    table.header.update({**known, **keys})
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(path, overwrite=True)


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


MEMBERS = [("secondary/acisf00754_000N004_evt1.fits", "EVT1"), ("primary/acisf00754N004_evt2.fits", "EVT2"),
           ("primary/pcadf066694445N004_asol1.fits", "ASPSOLOBI")]  # fmt: skip


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"OBS_ID": "1838"}, r"oif\.fits: of ObsID 1838, not 754; it is in the wrong folder"),
        ({"INSTRUME": "HRC", "DETNAM": "HRC-I"}, r"evt2\.fits\.gz: of ACIS, but .*oif\.fits says HRC"),
    ],
)
def test_an_inventory_of_something_else(folder, tmp_path, keys, words):
    write_oif(folder / "oif.fits", MEMBERS, **{"OBS_ID": "754", **keys})
    with pytest.raises(DataError, match=words):
        prepare(job(folder, "754", tmp_path))


def test_events_that_the_inventory_does_not_list(folder, tmp_path):
    write_oif(folder / "oif.fits", MEMBERS, OBS_ID="754")
    assert [i["name"] for i in prepare(job(folder, "754", tmp_path)).values["idents"]] == ["754ACISE001"]
    one = next(folder.rglob("*_000N004_evt1*"))
    one.with_name(one.name.replace("000N004", "001N004")).symlink_to(one.resolve())
    with pytest.raises(DataError, match=r"2 level-1 event files are here, .*oif\.fits lists 1: .*001N004_evt1"):
        prepare(job(folder, "754", tmp_path))


def test_events_that_the_inventory_lists_and_nobody_has(folder, tmp_path):
    for path in list(folder.rglob("*_000N004_*")):
        path.rename(path.with_name(path.name.replace("_000N004_", "_001N004_")))
    write_oif(folder / "oif.fits", [("secondary/acisf00754_001N004_evt1.fits", "EVT1"), *MEMBERS[1:],
                                    ("secondary/acisf00754_002N004_evt1.fits", "EVT1")], OBS_ID="754")  # fmt: skip
    one, other = prepare(job(folder, "754", tmp_path)).values["idents"]
    assert (one["name"], other["name"]) == ("754ACISE001", "754ACISE002") and other["size"] == 0
    fields = other["fields"]
    values = next(s for s in CHANDRA.stages if s.name == "chandra_repro").defaults
    place = tmp_path / "private"
    (place / "out").mkdir(parents=True)
    work = Job(tmp_path, folder, place / "out", other["name"], "754", values, fields, {}, 1, {"mission": "chandra"})
    with pytest.raises(DataError, match=r"no level-1 events \(evt1\) of E002 are there"):
        reprocess(work)


@pytest.mark.parametrize("number", ["0", "1000000"])
def test_numbers_that_are_no_obsid(tmp_path, number, monkeypatch):
    monkeypatch.chdir(tmp_path)
    survey = Survey.create(tmp_path / "survey")
    with pytest.raises(UserError, match=f"{number}: no ObsID"):
        survey.add([number], survey.settings().mission)


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


def bands(tmp_path: Path, survey: Survey, cleaning: tuple[float, float] | None, *bounds: list[float]) -> None:
    low, high = cleaning or (None, None)
    middles = [sum(b) / 2 for b in bounds]
    parameters = {
        "cleaned_chandra_evts": {"lo_en": low, "hi_en": high, "allowed_grades": None},
        "flux_image": {"en_bounds": list(bounds), "effective_ens": middles},
        "rate_image": {"en_bounds": [[0.5, 7.0]], "effective_ens": [2.3]},
    }
    check_together(survey, survey.settings().mission, parameters, ("flux_image",))


def test_bands_that_are_all_outside_are_refused_before_anything_runs(tmp_path):
    survey = Survey.create(tmp_path / "survey")
    bands(tmp_path, survey, None, [8.0, 9.0])
    bands(tmp_path, survey, (500.0, 7000.0), [8.0, 9.0], [1.0, 2.0])
    with pytest.raises(ValueError, match=r"flux_image: no band of en_bounds lies within .* 0\.5 to 7 keV"):
        bands(tmp_path, survey, (500.0, 7000.0), [8.0, 9.0], [6.0, 7.5])
    archive = Archive(tmp_path / "survey")
    text = archive.survey.toml.read_text()
    cut = {"lo_en": 500, "hi_en": 7000}
    set_parameters(archive.survey, archive.survey.settings(), {"cleaned_chandra_evts": cut})
    with archive.survey.ledger(write=True) as ledger:
        done = {"ident": "1ACISE001", "stage": "cleaned_chandra_evts", "config": "c", "obs_id": "1", "state": "done",
                "extra": {"paths": {}, "values": {}}}  # fmt: skip
        ledger.put_job(done)
    before = archive.survey.toml.read_text()
    assert before != text
    with pytest.raises(ValueError, match="no band of en_bounds lies within"):
        flux_image(archive, en_bounds=[[8, 9]] * u.keV, effective_ens=[8.5] * u.keV)
    with pytest.raises(UsageError, match="rate_image: no band"):
        wrong = {"rate_image": {"en_bounds": [[8.0, 9.0]], "effective_ens": [8.5]}}
        set_parameters(archive.survey, archive.survey.settings(), wrong)
    assert archive.survey.toml.read_text() == before  # nothing of it is remembered


def test_a_survey_with_hrc_has_its_one_band_always(tmp_path):
    survey = Survey.create(tmp_path / "survey")
    ident = {"name": "2HRCE001", "obs_id": "2", "fields": {"instrument": "HRC"}}
    with survey.ledger(write=True) as ledger:
        ledger.put_job({"ident": "2", "stage": "prepare_chandra_info", "config": "c", "obs_id": "2", "state": "done",
                        "extra": {"paths": {}, "values": {"idents": [ident]}}})  # fmt: skip
    bands(tmp_path, survey, (500.0, 7000.0), [8.0, 9.0])


def test_another_calibration_where_the_job_runs_is_refused(tmp_path, monkeypatch):
    monkeypatch.delenv("CALDB", raising=False)
    planned = Job(tmp_path, tmp_path, tmp_path / "out", "i", "1", {}, {}, {}, 1,
                  {"mission": "chandra", "calibration": "4.99"})  # fmt: skip
    with pytest.raises(CalibrationError, match=r"the calibration here is .*, that of the survey is 4\.99"):
        begin(planned)


def test_a_download_of_a_survey(tmp_path, monkeypatch):
    mirror = tmp_path / "mirror/byobsid/1/90101"
    (mirror / "secondary").mkdir(parents=True)
    columns = [fits.Column("TIME", "D", array=np.arange(9.0))]
    block = fits.BinTableHDU.from_columns(columns, name="EVENTS")
    fits.HDUList([fits.PrimaryHDU(), block]).writeto(mirror / "secondary/acisf90101_000N001_evt1.fits", checksum=True)
    place = tmp_path / "raw/90101"
    fields = {"download": {"mirror": [str(tmp_path / "mirror")], "limit_rate": 10**9, "concurrency": 1}}

    def fetching(offline: bool) -> Job:
        task = {"mission": "chandra", "limits": {"offline": offline}}
        return Job(tmp_path, place, tmp_path / "out", "90101", "90101", {}, fields, {}, 1, task)

    (tmp_path / "out").mkdir()
    with pytest.raises(FileNotFoundError, match="no request is allowed"):
        download(fetching(True))
    made = download(fetching(False))
    assert made.values["bytes"] == (mirror / "secondary/acisf90101_000N001_evt1.fits").stat().st_size
    assert made.products == {".ciaopy-download.json": "raw/90101/.ciaopy-download.json"}
    assert (tmp_path / "raw/.pace").read_text()
    assert download(fetching(True)).values["bytes"] == 0


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
