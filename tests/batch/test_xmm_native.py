"""Surveys of event lists without SAS; two missions in one survey."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from astropy.units import Quantity

from ciaopy.batch import Archive, NoDependencyProcessError, Wishes, launch
from ciaopy.batch.progress import Progress
from ciaopy.batch.xmm import (
    NoValidMissionsError,
    SASNotFoundError,
    cif_build,
    cleaned_evt_lists,
    emanom,
    emchain,
    espfilt,
    full_process_xmm,
    generate_images_expmaps,
    merge_subexposures,
)
from ciaopy.errors import NotAvailableError, UserError
from ciaopy.simulation import XmmSetup, simulate_xmm

OBS = "0190010101"
QUICK: dict[str, Any] = {"num_cores": 2, "disable_progress": True}


@pytest.fixture(autouse=True)
def without_sas(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SAS_DIR", "SAS_CCFPATH"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def lists(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return simulate_xmm(XmmSetup(exposure=6000.0), tmp_path_factory.mktemp("lists 'a', [b]") / OBS).folder


@pytest.fixture(scope="module")
def survey(lists: Path, tmp_path_factory: pytest.TempPathFactory) -> Archive:
    """A survey that has run to its end."""
    archive = Archive(tmp_path_factory.mktemp("a 'b' [c], d") / "my survey", [lists])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        full_process_xmm(archive, find_mos_anom_state=True, num_cores=2)
    return archive


def test_everything_is_done_natively(survey: Archive) -> None:
    ok = survey.process_success["xmm_pointed"]
    short = {k: sorted(i[10:] for i in v) for k, v in ok.items()}
    assert short["epchain"] == ["PNS004"] and short["emchain"] == short["emanom"] == ["M1S001", "M1U002", "M2S003"]
    assert short["generate_images_expmaps"] == ["M1", "M2", "PN"]
    assert all(v for row in ok.values() for v in row.values())
    extra = survey.process_extra_info["xmm_pointed"]
    assert extra["emchain"][f"{OBS}M1S001"]["backend"] == "archive"
    assert extra["espfilt"][f"{OBS}M1S001"]["backend"] == "native"
    assert Path(extra["cleaned_evt_lists"][f"{OBS}PNS004"]["oot_evt_clean_path"]).is_file()
    assert survey.mission == "xmm_pointed"
    assert (OBS, "M1", "U002") in survey.get_obs_to_process()


def test_images_are_those_of_the_merged_lists(survey: Archive) -> None:
    extra = survey.process_extra_info["xmm_pointed"]
    for inst in ("M1", "M2", "PN"):
        events = fits.getdata(extra["merge_subexposures"][f"{OBS}{inst}"]["final_evt"], "EVENTS")
        for path, (low, high) in zip(
            extra["generate_images_expmaps"][f"{OBS}{inst}"]["image"], ((500, 2000), (2000, 10000)), strict=True
        ):
            want = np.zeros((512, 512))
            k = (events["PI"] >= low) & (events["PI"] <= high)
            x, y = (np.floor((events[n][k] - 3648.5) / 87).astype(int) for n in "XY")
            inside = (x >= 0) & (x < 512) & (y >= 0) & (y < 512)
            np.add.at(want, (y[inside], x[inside]), 1)
            assert np.array_equal(fits.getdata(path), want)


def test_map_of_two_sub_exposures_is_their_sum(survey: Archive) -> None:
    extra = survey.process_extra_info["xmm_pointed"]
    path = extra["generate_images_expmaps"][f"{OBS}M1"]["expmap"][0]
    final = fits.getheader(extra["merge_subexposures"][f"{OBS}M1"]["final_evt"], "EVENTS")
    assert fits.getdata(path).max() == pytest.approx(0.99 * final["ONTIME01"], rel=0.02)
    assert final["EXPIDSTR"] == "ALL"


def test_anomalous_ccd_is_left_out(survey: Archive) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cleaned_evt_lists(survey, filt_mos_anom_state=True, acc_mos_anom_states=["G", "I"], **QUICK)
    path = survey.process_extra_info["xmm_pointed"]["cleaned_evt_lists"][f"{OBS}M2S003"]["evt_clean_path"]
    assert 5 not in fits.getdata(path, "EVENTS")["CCDNR"]


def test_second_run_starts_nothing_and_inputs_stay(survey: Archive, lists: Path) -> None:
    before = {p: p.stat().st_mtime_ns for p in lists.rglob("*")}
    assert espfilt(survey, **QUICK).launched == 0
    assert {p: p.stat().st_mtime_ns for p in lists.rglob("*")} == before
    assert not list((survey.folder / "work").iterdir())


def test_stages_that_need_sas_say_so(survey: Archive) -> None:
    with pytest.raises(SASNotFoundError, match="cif_build needs XMM SAS"):
        cif_build(survey, **QUICK)
    with pytest.raises(NoDependencyProcessError, match="emchain needs odf_ingest"):
        emchain(survey, **QUICK)
    with pytest.raises(UserError, match="cannot be done natively"):
        cif_build(survey, backend="native", **QUICK)
    with pytest.raises(SASNotFoundError, match="espfilt needs XMM SAS"):
        espfilt(survey, backend="sas", **QUICK)


def test_condition_that_is_not_done_natively_is_skipped(lists: Path, tmp_path: Path) -> None:
    archive = Archive(tmp_path / "s", [lists])
    espfilt(archive, **QUICK)
    done = cleaned_evt_lists(archive, mos_filt_expr="(X,Y) in region(r.fits)", only=[f"{OBS}M1S001"], **QUICK)
    assert (done.launched, done.done, done.skipped) == (1, 0, 1)
    with archive.survey.ledger() as ledger:
        assert "not available yet" in next(ledger.jobs("stage = 'cleaned_evt_lists'"))["message"]


def test_r4_order_of_checks(lists: Path, tmp_path: Path) -> None:
    """Arguments, then missions, then dependencies, then SAS."""
    empty = Archive(tmp_path / "e")
    with pytest.raises(TypeError, match="should be an Archive"):
        emchain("x")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="process_unscheduled"):
        emchain(empty, process_unscheduled=1)  # type: ignore[arg-type]
    with pytest.raises(NoValidMissionsError, match="no observation of XMM-Newton"):
        emchain(empty)
    archive = Archive(tmp_path / "s", [lists])
    with pytest.raises(NoDependencyProcessError, match="merge_subexposures needs cleaned_evt_lists"):
        merge_subexposures(archive, **QUICK)
    with pytest.raises(NoDependencyProcessError, match="generate_images_expmaps needs merge_subexposures"):
        generate_images_expmaps(archive, Quantity(0.5, "keV"), Quantity(1, "keV"), **QUICK)
    with pytest.raises(ValueError, match="lo_en=2 keV is not below"):
        generate_images_expmaps(archive, Quantity(2, "keV"), Quantity(1, "keV"), **QUICK)


def test_odf_without_sas_is_one_error_before_any_work(tmp_path: Path) -> None:
    import sas_stand_in as sas

    archive = Archive(tmp_path / "s", [sas.raw_folder(tmp_path / "raw")])
    for call in (lambda: full_process_xmm(archive), lambda: launch(archive.survey, Wishes(progress=Progress()))):
        with pytest.raises(SASNotFoundError, match="set SAS_DIR and SAS_CCFPATH"):
            call()
    assert not (archive.folder / "processed_data").exists()


def test_slews_and_bare_numbers(tmp_path: Path) -> None:
    import sas_stand_in as sas

    with pytest.raises(NotImplementedError, match="slew"):
        Archive(tmp_path / "s", ["9012345678"])
    folder = sas.raw_folder(tmp_path / "raw")
    for path in folder.iterdir():
        path.rename(folder / path.name.replace(sas.OBS, "9012345678"))
    with pytest.raises(NotAvailableError, match="slew"):
        Archive(tmp_path / "s", [folder])


@pytest.mark.slow
def test_two_missions_in_one_survey(lists: Path, tmp_path: Path) -> None:
    from ciaopy.simulation import Setup, simulate

    chandra = simulate(Setup(events=2000, mode="GRADED", chips=(7,), exposure=2000.0), tmp_path / "90001").folder
    archive = Archive(tmp_path / "both", [lists, chandra])
    assert archive.obs_ids == ["90001", OBS] and archive.mission == "chandra+xmm_pointed"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        done = launch(
            archive.survey,
            Wishes(
                stages=("prepare_chandra_info", "prepare_xmm_info", "espfilt", "emanom"),
                num_cores=2,
                progress=Progress(),
                min_free=0,
            ),
        )
    assert done.failed == 0
    ok = archive.process_success
    assert ok["chandra"] == {"prepare_chandra_info": {"90001": True}}
    assert set(ok["xmm_pointed"]) == {"prepare_xmm_info", "epchain", "emchain", "espfilt", "emanom"}
    assert archive.get_failed_processes("espfilt") == {"xmm_pointed": []}
    assert set(archive.observation_summaries) == {"chandra", "xmm_pointed"}
    assert emanom(archive, **QUICK).launched == 0


def test_dry_run_lists_what_can_run(lists: Path, tmp_path: Path) -> None:
    from ciaopy.batch import due_jobs

    archive = Archive(tmp_path / "s", [lists])
    assert due_jobs(archive.survey, Wishes()) == [(OBS, "prepare_xmm_info", "new", OBS)]
    espfilt(archive, only=[f"{OBS}M2S003"], **QUICK)
    due = due_jobs(archive.survey, Wishes(stages=("espfilt",)))
    assert [d[0][10:] for d in due] == ["M1S001", "M1U002", "PNS004"]


def test_command_tells_which_observations_wait_and_takes_a_folder_of_sas(
    lists: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sas_stand_in as sas
    from click.testing import CliRunner

    from ciaopy.cli.batch import command

    monkeypatch.setenv("SAS_DIR", "")
    survey = Archive(tmp_path / "s", [lists, sas.raw_folder(tmp_path / "raw")]).folder
    words = ["run", str(survey), "--disable-progress", "--dry-run"]
    done = CliRunner().invoke(command, words, standalone_mode=False)
    assert done.exception is None, done.output
    assert "1 observations of xmm_pointed wait: cif_build needs XMM SAS" in done.output
    (tmp_path / "nothing").mkdir()
    done = CliRunner().invoke(command, [*words, "--sas", str(tmp_path / "nothing")], standalone_mode=False)
    assert "it has no folder bin" in done.output
