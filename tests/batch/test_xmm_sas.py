"""The SAS chain on stand-ins: order, folders, environment, failures, and DAXA's faults, each named."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sas_stand_in as sas
import xmm_helpers as made
from astropy.units import Quantity

from ciaopy.batch import Archive, NoDependencyProcessError
from ciaopy.batch.xmm import (
    SASNotFoundError,
    SASVersionError,
    cif_build,
    cleaned_evt_lists,
    cleaned_rgs_event_lists,
    emanom,
    emchain,
    epchain,
    espfilt,
    full_process_xmm,
    generate_images_expmaps,
    merge_subexposures,
    odf_ingest,
    rgs_angles,
    rgs_events,
)

O = sas.OBS  # noqa: E741
QUICK: dict[str, Any] = {"num_cores": 2, "disable_progress": True}


@pytest.fixture
def env(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Stand-ins for SAS in the environment, and a raw folder."""
    found = sas.make(tmp_path)
    sas.raw_folder(tmp_path / "raw data" / O)
    found["RAWFOLDER"] = str(tmp_path / "raw data" / O)
    for key, value in found.items():
        monkeypatch.setenv(key, value)
    return found


@pytest.fixture
def archive(env: dict[str, str], tmp_path: Path) -> Archive:
    return Archive(tmp_path / "my survey", [tmp_path / "raw data" / O])


@pytest.fixture
def quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def ready(archive: Archive, *stages: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for stage in stages:
            stage(archive, **QUICK)


def tree(folder: Path) -> dict[str, tuple[int, int]]:
    return {str(p): (p.stat().st_size, p.stat().st_mtime_ns) for p in sorted(folder.rglob("*"))}


def names(row: dict[str, Any], key: str) -> list[str]:
    return sorted(i[len(O) :] for i in row[key])


def test_whole_chain_without_barriers(archive: Archive, env: dict[str, str], tmp_path: Path, quiet: None) -> None:
    before = tree(tmp_path / "raw data")
    done = full_process_xmm(archive, Quantity(0.5, "keV"), Quantity(8, "keV"), find_mos_anom_state=True, num_cores=2)
    assert done.failed == done.blocked == 0
    assert tree(tmp_path / "raw data") == before
    ok = archive.process_success["xmm_pointed"]
    assert names(ok, "epchain") == ["PNS003"] and names(ok, "emchain") == ["M1S001", "M1U002"]
    assert names(ok, "merge_subexposures") == names(ok, "generate_images_expmaps") == ["M1", "PN"]
    assert names(ok, "cleaned_rgs_event_lists") == ["R1S004"]
    assert all(v for row in ok.values() for v in row.values())
    summaries = archive.observation_summaries["xmm_pointed"][O]
    assert summaries["PN"]["exposures"]["S003"]["ccd_modes"][12] == "Imaging"
    status = archive.status()
    assert status["emchain"]["skipped"] == 1  # M2S002 is an offset exposure
    extra = archive.process_extra_info["xmm_pointed"]
    assert extra["merge_subexposures"][f"{O}M1"]["exposures"] == ["S001", "U002"]
    assert extra["cif_build"][O]["obs_date"] == "2004-05-03" and Path(extra["cif_build"][O]["ccf_path"]).is_file()
    assert not list((archive.folder / "work").iterdir())
    for call in sas.calls(env):
        if call["name"] not in ("cifbuild", "odfingest"):
            assert call["env"]["SAS_CCF"].endswith(f"{O}/ccf.cif") and call["env"]["SAS_ODF"].endswith("SUM.SAS")
            assert "my survey" in call["env"]["SAS_CCF"]
        assert call["env"]["HEADASNOQUERY"] == "" and str(call["cwd"]).startswith(str(archive.folder / "work"))
        assert call["env"]["PFILES"].startswith(call["cwd"])


@pytest.mark.slow
def test_rerun_and_changed_parameters(archive: Archive, env: dict[str, str], quiet: None) -> None:
    ready(archive, cif_build, odf_ingest, epchain, emchain, espfilt, cleaned_evt_lists)
    count = len(sas.calls(env))
    assert espfilt(archive, **QUICK).launched == cleaned_evt_lists(archive, **QUICK).launched == 0
    assert len(sas.calls(env)) == count
    assert cleaned_evt_lists(archive, Quantity(1, "keV"), Quantity(2, "keV"), **QUICK).launched == 3
    assert cleaned_evt_lists(archive, Quantity(1000, "eV"), Quantity(2, "keV"), **QUICK).launched == 0


@pytest.mark.slow
def test_a_failing_sub_exposure_is_left_out(
    archive: Archive, env: dict[str, str], monkeypatch: pytest.MonkeyPatch, quiet: None
) -> None:
    ready(archive, cif_build, odf_ingest)
    monkeypatch.setenv("FAIL", "emchain:U002")
    assert emchain(archive, **QUICK).failed == 1
    log = archive.get_failed_logs("emchain")["xmm_pointed"][f"{O}M1U002"]
    assert "noCounts" in log
    ready(archive, epchain, espfilt, cleaned_evt_lists, merge_subexposures, generate_images_expmaps)
    extra = archive.process_extra_info["xmm_pointed"]
    assert extra["merge_subexposures"][f"{O}M1"]["exposures"] == ["S001"]
    with archive.survey.ledger() as ledger:
        row = next(ledger.jobs("stage = 'merge_subexposures' and ident = ?", (f"{O}M1",)))
        failed = next(ledger.jobs("stage = 'emchain' and ident = ?", (f"{O}M1U002",)))
    assert any("M1U002 is left out" in note for note in row["notes"])
    assert failed["message"] == "noCounts raised by emchain - All histo counts are zero!"
    assert failed["cause"] == "command" and failed["attempts"] == 1
    # R3: it runs again when it is asked for, and the merge follows
    monkeypatch.delenv("FAIL")
    from ciaopy.batch import Wishes, launch

    launch(archive.survey, Wishes(retry=frozenset({"command"}), num_cores=2))
    assert archive.process_extra_info["xmm_pointed"]["merge_subexposures"][f"{O}M1"]["exposures"] == ["S001", "U002"]


@pytest.mark.parametrize(
    ("what", "message"),
    [("SILENT", "exit status 3 and said"), ("HALF", "cannot be read"), ("FAIL", "noCounts raised by emchain")],
)
def test_failures_are_told(
    archive: Archive, monkeypatch: pytest.MonkeyPatch, quiet: None, what: str, message: str
) -> None:
    ready(archive, cif_build, odf_ingest)
    monkeypatch.setenv(what, "emchain")
    assert emchain(archive, **QUICK).failed == 2
    with archive.survey.ledger() as ledger:
        rows = list(ledger.jobs("stage = 'emchain' and state = 'failed'"))
    assert len(rows) == 2 and all(message in r["message"] for r in rows)
    assert not list(archive.folder.rglob("*M1-subexpS001-events.fits"))


@pytest.mark.slow
def test_r1_timeout_is_of_each_process_and_leaves_nothing(
    archive: Archive, env: dict[str, str], monkeypatch: pytest.MonkeyPatch, quiet: None
) -> None:
    ready(archive, cif_build, odf_ingest)
    monkeypatch.setenv("HANG", "emchain:U002")
    done = emchain(archive, timeout=Quantity(4, "s"), **QUICK)
    assert (done.done, done.failed) == (1, 1)
    process = int((Path(env["STAND_IN"]) / "pid").read_text())
    assert not Path(f"/proc/{process}").exists() or " Z " in Path(f"/proc/{process}/stat").read_text()


def test_warnings_and_writes_into_the_raw_folder_are_noted(
    archive: Archive, monkeypatch: pytest.MonkeyPatch, quiet: None
) -> None:
    monkeypatch.setenv("RAW", "cifbuild")
    ready(archive, cif_build)
    with archive.survey.ledger() as ledger:
        notes = next(ledger.jobs("stage = 'cif_build'"))["notes"]
    assert any("wrote into the raw folder: rubbish.tmp" in n for n in notes)
    assert any("NoWCS raised by cifbuild" in n for n in notes)


def test_zero_map_is_no_result(archive: Archive, monkeypatch: pytest.MonkeyPatch, quiet: None) -> None:
    ready(archive, cif_build, odf_ingest, epchain, espfilt, cleaned_evt_lists, merge_subexposures)
    monkeypatch.setenv("ZERO", "eexpmap")
    monkeypatch.setenv("STAND_IN_ZERO", "1")
    assert generate_images_expmaps(archive, **QUICK).failed >= 1
    with archive.survey.ledger() as ledger:
        row = next(ledger.jobs("stage = 'generate_images_expmaps' and state = 'failed'"))
    assert row["cause"] == "data" and "zero everywhere" in row["message"]


def test_r8_rgs_runs_to_its_end_in_order(archive: Archive, env: dict[str, str]) -> None:
    ready(archive, cif_build, odf_ingest, rgs_events, rgs_angles, cleaned_rgs_event_lists)
    stages = [sas.arguments(c)["entrystage"] for c in sas.calls(env, "rgsproc")]
    assert stages == ["1:events", "2:angles", "3:filter"]
    path = archive.process_extra_info["xmm_pointed"]["cleaned_rgs_event_lists"][f"{O}R1S004"]["evt_clean_path"]
    assert path.endswith(f"events/obsid{O}-instR1-subexpS004-finalevents.fits") and Path(path).is_file()


def test_r10_anomalous_ccds_are_dropped(archive: Archive, env: dict[str, str], quiet: None) -> None:
    ready(archive, cif_build, odf_ingest, emchain, espfilt)
    with pytest.raises(NoDependencyProcessError, match="needs emanom"):
        cleaned_evt_lists(archive, filt_mos_anom_state=True, **QUICK)
    ready(archive, emanom)
    cleaned_evt_lists(archive, filt_mos_anom_state=True, **QUICK)
    expressions = [sas.arguments(c)["expression"] for c in sas.calls(env, "evselect")]
    assert len(expressions) == 2 and all("CCDNR in 1,2,3,5,6,7" in e for e in expressions)


def test_unscheduled_exposures_can_be_left_out(archive: Archive, quiet: None) -> None:
    ready(archive, cif_build, odf_ingest)
    done = emchain(archive, process_unscheduled=False, **QUICK)
    assert done.done == 1 and names(archive.process_success["xmm_pointed"], "emchain") == ["M1S001"]


def test_summary_of_another_observation_or_a_bad_one(archive: Archive, env: dict[str, str], quiet: None) -> None:
    path = Path(env["STAND_IN"]) / "summary"
    good = path.read_text()
    for text, message in (
        (good.replace(O, "0999999901"), "of 0999999901, not"),
        (good.replace("2 / Number of exposures", "3 / Number of exposures"), "M1 has 2 exposures"),
        (good[: len(good) // 2], "cut short"),
    ):
        path.write_text(text)
        ready(archive, cif_build)
        assert odf_ingest(archive, force=True, **QUICK).failed == 1
        with archive.survey.ledger() as ledger:
            assert message in next(ledger.jobs("stage = 'odf_ingest'"))["message"]


# ---------------------------------------------------------------- SAS itself
def test_versions(archive: Archive, env: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    ready(archive, cif_build, odf_ingest, emchain)
    monkeypatch.setenv("VERSION", "sas- [xmmsas_20190531_1155-18.0.0]")
    with pytest.warns(UserWarning, match="emanom is not in XMM SAS 18"):
        assert emanom(archive, **QUICK).launched == 0
    assert not sas.calls(env, "emanom")
    with pytest.raises(SASVersionError, match="histogram"):
        espfilt(archive, **QUICK)
    monkeypatch.setenv("VERSION", "sas- [xmmsas_20120101_0000-13.0.0]")
    with pytest.raises(SASVersionError, match="14 or later"):
        espfilt(archive, method="ratio", **QUICK)
    monkeypatch.setenv("VERSION", "no version here")
    with pytest.raises(SASVersionError, match="unknown version"):
        cif_build(archive, **QUICK)


def test_old_espfilt(archive: Archive, env: dict[str, str], monkeypatch: pytest.MonkeyPatch, quiet: None) -> None:
    ready(archive, cif_build, odf_ingest, emchain)
    monkeypatch.setenv("VERSION", "sas- [xmmsas_20190531_1155-18.0.0]")
    monkeypatch.setenv("LONGNAMES", "")
    assert espfilt(archive, method="ratio", **QUICK).done == 2
    assert "eventset" in sas.arguments(sas.calls(env, "espfilt")[0])


def test_lcurve_is_missed_once(archive: Archive, env: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    ready(archive, cif_build, odf_ingest)
    monkeypatch.setenv("PATH", str(Path(env["SAS_DIR"]) / "bin") + os.pathsep + "/usr/bin:/bin")
    with pytest.warns(UserWarning, match="lcurve"):
        emchain(archive, **QUICK)


def test_sas_that_is_not_there(
    archive: Archive, env: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "none").mkdir()
    for key, value, message in (
        ("SAS_CCFPATH", str(tmp_path / "none"), "no folder with files in it"),
        ("SAS_CCFPATH", "", "set SAS_DIR and SAS_CCFPATH"),
        ("SAS_DIR", str(tmp_path / "none"), "it has no folder bin"),
        ("SAS_DIR", "", "set SAS_DIR and SAS_CCFPATH"),
    ):
        with monkeypatch.context() as patch:
            patch.setenv(key, value)
            with pytest.raises(SASNotFoundError, match=message) as caught:
                cif_build(archive, **QUICK)
            assert "\n" not in str(caught.value)
    assert not sas.calls(env)


def test_raw_folder_that_cannot_be_written_to(archive: Archive, tmp_path: Path) -> None:
    folder = tmp_path / "raw data" / O
    folder.chmod(0o555)
    try:
        ready(archive, cif_build, odf_ingest)
        assert archive.process_success["xmm_pointed"]["odf_ingest"] == {O: True}
    finally:
        folder.chmod(0o755)


def test_links_that_are_impossible_become_copies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ciaopy.batch.xmm.workroom import link, place_copy

    def refuse(*args: object) -> None:
        raise OSError("no links here")

    (tmp_path / "a").write_text("x")
    monkeypatch.setattr(Path, "symlink_to", refuse)
    monkeypatch.setattr(os, "link", refuse)
    link(tmp_path / "a", tmp_path / "b")
    place_copy(tmp_path / "a", tmp_path / "c")
    assert (tmp_path / "b").read_text() == (tmp_path / "c").read_text() == "x"
    assert not (tmp_path / "b").is_symlink()


def test_records_are_json_of_the_survey(archive: Archive) -> None:
    ready(archive, cif_build)
    path = next((archive.folder / f"processed_data/xmm_pointed/{O}/records").glob("*cif_build*"))
    record = json.loads(path.read_text())
    assert record["mission"] == "xmm_pointed" and record["parameters"]["sas_version"] == [20, 0, 0]
    assert record["obs_id"] == made.OBS_ID


def test_own_lists_win_over_those_that_came(
    env: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quiet: None
) -> None:
    """A folder with an ODF and an event list: the list serves until our own chain has run."""
    import numpy as np

    folder = tmp_path / "raw data" / O
    g = np.random.default_rng(1)
    rows = {"TIME": np.sort(made.T0 + g.uniform(0, 20000, 16000)), "PI": g.integers(2500, 8500, 16000)}
    made.event_list(folder / "mine.fits", rows)
    archive = Archive(tmp_path / "both", [folder])
    with monkeypatch.context() as patch:
        patch.delenv("SAS_DIR")
        assert espfilt(archive, **QUICK).done == 1
    told = archive.process_extra_info["xmm_pointed"]
    assert (
        told["emchain"][f"{O}M1S001"]["backend"] == "archive" and told["espfilt"][f"{O}M1S001"]["backend"] == "native"
    )
    ready(archive, cif_build, odf_ingest, emchain, espfilt)
    told = archive.process_extra_info["xmm_pointed"]
    assert names(told, "emchain") == ["M1S001", "M1U002"]
    assert all(told[s][f"{O}M1S001"]["backend"] == "sas" for s in ("emchain", "espfilt"))
    assert (
        "my" not in told["emchain"][f"{O}M1S001"]["evt_list"] and "events" in told["emchain"][f"{O}M1S001"]["evt_list"]
    )
