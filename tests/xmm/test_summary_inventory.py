"""The summary file and the folders of observations: the real one of 0201903501, and bad ones."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xmm_helpers as made
from astropy.io import fits

from ciaopy.errors import DataError, SASInputInvalidError, UserError
from ciaopy.xmm import assess_process_obs, parse_odf_sum, read_summary, take_inventory, usable_exposures

OBS = "0201903501"


@pytest.fixture
def real(data: Path) -> Path:
    return data / f"xmm/{OBS}"


@pytest.fixture
def text(real: Path) -> str:
    return next((real / "odf").glob("*SUM.SAS")).read_text()


def test_real_summary(real: Path) -> None:
    found = parse_odf_sum(next((real / "odf").glob("*SUM.SAS")))
    assert list(found) == ["M1", "M2", "R1", "R2", "PN", "OM"]
    assert {k: (v["num_exp"], len(v["exposures"])) for k, v in found.items()} == {
        "M1": (1, 1),
        "M2": (1, 1),
        "R1": (10, 10),
        "R2": (10, 10),
        "PN": (13, 13),
        "OM": (11, 11),
    }
    assert found["PN"]["exposures"]["S003"] == {
        "scheduled": True,
        "type": "SCIENCE",
        "mode": "PrimeFullWindowExtended",
        "filter": "Thin1",
        "ccd_modes": dict.fromkeys(range(1, 13), "Imaging"),
    }
    summary = read_summary(next((real / "odf").glob("*SUM.SAS")))
    assert (summary.obs_id, summary.revolution, summary.start) == (OBS, "0828", "2004-06-17T10:38:28.000")


def test_real_usable(real: Path) -> None:
    found = usable_exposures(parse_odf_sum(next((real / "odf").glob("*SUM.SAS"))))
    good = {(i, e) for i, entries in found.items() for e, v in entries.items() if v is True}
    assert good == {("M1", "S001"), ("M2", "S002"), ("PN", "S003"), ("R1", "S004"), ("R2", "S005")}
    assert found["PN"]["U003"] == "mode Offset" or "type" in str(found["PN"]["U003"])


def exposure(**changes: Any) -> dict[str, Any]:
    return {
        "scheduled": True,
        "type": "SCIENCE",
        "mode": "PrimeFullWindow",
        "filter": "Thin1",
        "ccd_modes": {1: "Imaging"},
    } | changes


@pytest.mark.parametrize(
    ("inst", "changes", "reason"),
    [
        ("M1", {}, ""),
        ("M1", {"type": "CALIBRATION"}, "type CALIBRATION"),
        ("M1", {"filter": "CalClosed"}, "filter CalClosed"),
        ("M1", {"filter": None}, "filter None"),
        ("PN", {"mode": "Offset"}, "mode Offset"),
        ("R1", {"filter": None}, ""),
        ("R1", {"mode": "UNDEFINED"}, "mode undefined"),
        ("R1", {"ccd_modes": {}}, "no CCD"),
        ("OM", {}, "optical monitor"),
        ("PN", {"ccd_modes": {1: "Timing"}}, "no CCD in imaging"),
        ("M2", {"ccd_modes": {1: "FastUncompressed", 2: "Imaging"}}, ""),
    ],
)
def test_which_exposures(inst: str, changes: dict[str, Any], reason: str) -> None:
    summary = {
        inst: {"active": True, "num_exp": 1, "exposures": {"S001": exposure(**changes)}},
        "M9": {"active": False},
    }
    found = usable_exposures(summary)[inst]["S001"]
    assert found is True if not reason else reason in str(found)
    assert assess_process_obs(summary) == {inst: {"S001": not reason}, "M9": {}}


def test_bad_summaries(tmp_path: Path, text: str) -> None:
    bad = tmp_path / "x_SUM.SAS"

    def fails(content: str | bytes, match: str) -> None:
        bad.write_bytes(content if isinstance(content, bytes) else content.encode())
        with pytest.raises(SASInputInvalidError, match=match) as caught:
            parse_odf_sum(bad, OBS)
        assert OBS in str(caught.value) and isinstance(caught.value, (DataError, ValueError))

    one = "1 / Number of exposures for this instrument"
    fails(text.replace(one, one.replace("1", "2", 1), 1), "M1 has 1 exposures, but the file announces 2")
    fails(text[: text.index("FILTER = Thin1")], "cut short")
    fails(text[: text.index("INSTRUMENT\n")], "no record INSTRUMENT")
    fails(text.replace("\nFILES\n", "\nFIELS\n"), "no record FILES")
    fails(b"SIMPLE  =" + bytes(range(256)), "line 1: not a text file")
    fails("", "no record FILES")
    fails(text.replace("Y / Is this instrument active?", "? / Is this instrument active?", 1), "Y or N")
    with pytest.raises(FileNotFoundError, match="nowhere"):
        parse_odf_sum(tmp_path / "nowhere.SAS")


def test_inactive_padded_and_commented(tmp_path: Path) -> None:
    lines = [
        "OBSERVATION",
        "0123456701 / Observation Identifier",
        "0800 / Revolution Identifier",
        "//",
        "FILES",
        "0 / Number",
        "INSTRUMENT",
        "M1",
        "N / Is this instrument active?",
        "INSTRUMENT",
        "PN",
        "Y / Is this instrument active?",
        "1 / Number of exposures for this instrument",
        "EXPOSURE",
        "002 / Exposure Identifier [also U002]",
        "N / scheduled",
        "SCIENCE / Exposure Type",
        "CONFIGURATION EPIC PN",
        "4 / Number of configuration parameters available",
        "MODE = PrimeSmallWindow // x",
        "FILTER_WHEEL = A / y",
        "DATA_MODE_04 = Imaging / Data mode for CCD 4",
        "FILTER = Medium / z",
    ]
    path = tmp_path / "s.SAS"
    path.write_text("".join(f"{line:<80}\n" for line in lines))
    assert parse_odf_sum(path) == {
        "M1": {"active": False},
        "PN": {
            "active": True,
            "num_exp": 1,
            "exposures": {
                "U002": {
                    "scheduled": False,
                    "type": "SCIENCE",
                    "mode": "PrimeSmallWindow",
                    "filter": "Medium",
                    "ccd_modes": {4: "Imaging"},
                }
            },
        },
    }


# ---------------------------------------------------------------- folders
def rows() -> dict[str, Any]:
    return {"TIME": made.T0 + np.arange(5.0)}


def test_lists_are_known_by_their_headers(tmp_path: Path) -> None:
    (tmp_path / "pps").mkdir()
    made.event_list(tmp_path / "whatever.fits", rows(), "EMOS2", "S002")
    made.event_list(tmp_path / "pps/a.FTZ.fits", rows(), "EPN", "U003", ccds=range(1, 13))
    made.event_list(tmp_path / "pps/P0123456701PNU003OOEVLI0000.FIT", rows(), "EPN", "U003")
    made.event_list(tmp_path / "timing.fits", rows(), header={"DATAMODE": "TIMING"})
    (tmp_path / "damaged.fits").write_bytes(b"SIMPLE  = no")
    fits.HDUList([fits.PrimaryHDU(), fits.BinTableHDU.from_columns([fits.Column("TIME", "D")], name="ATTHK")]).writeto(
        tmp_path / "att.FIT"
    )
    found = take_inventory(tmp_path)
    assert set(found.event_lists) == {"0123456701M2S002", "0123456701PNU003"}
    assert set(found.oot_lists) == {"0123456701PNU003"}
    assert found.attitude == tmp_path / "att.FIT" and not found.has_odf and found.obs_id == made.OBS_ID
    assert found.summary is not None
    assert found.summary["PN"]["exposures"]["U003"]["ccd_modes"] == dict.fromkeys(range(1, 13), "Imaging")
    assert usable_exposures(found.summary)["M2"]["S002"] is True


def test_folders_that_do_not_make_sense(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such folder"):
        take_inventory(tmp_path / "none")
    made.event_list(tmp_path / "a.fits", rows())
    made.event_list(tmp_path / "b.fits", rows())
    with pytest.raises(UserError, match="two event lists of one exposure"):
        take_inventory(tmp_path)
    made.event_list(tmp_path / "b.fits", rows(), exposure="S002", header={"OBS_ID": "0999999901"})
    with pytest.raises(UserError, match="two observations"):
        take_inventory(tmp_path)


def test_summary_of_another_observation(tmp_path: Path, real: Path) -> None:
    made.event_list(tmp_path / "a.fits", rows())
    shutil.copy(next((real / "odf").glob("*SUM.SAS")), tmp_path)
    with pytest.raises(UserError, match=f"summary of {OBS}"):
        take_inventory(tmp_path)


def test_tool_prints_table_and_json(tmp_path: Path, real: Path) -> None:
    out = json.loads(made.run("xmm_inventory", infile=real, json=True))
    assert set(out["event_lists"]) == {OBS + "M1S001", OBS + "M2S002"} and out["obs_id"] == OBS
    assert out["usable"]["M1"]["S001"] is True and isinstance(out["usable"]["PN"]["U003"], str)
    table = made.run("xmm_inventory", infile=next((real / "odf").glob("*SUM.SAS")))
    assert "PrimeFullWindowExtended" in table and "no: mode" in table
    with pytest.raises(UserError, match="neither an ODF nor"):
        made.run("xmm_inventory", infile=tmp_path)
    (tmp_path / "0800_0123456701_SCX00000SUM.ASC").write_text("x")
    assert "run odf_ingest" in made.run("xmm_inventory", infile=tmp_path)
