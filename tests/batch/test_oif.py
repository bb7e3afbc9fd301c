"""Inventories: real ones exactly, made-up ones for what the real ones do not have."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from ciaopy.batch.oif import folder_members, parse_oif, summarise_folder
from ciaopy.errors import DataError

KEYS = (
    "SEQUENCE", "DETECTOR", "GRATING", "OBS_MODE", "MODE", "RA_NOM", "DEC_NOM", "ROLL_NOM", "SCIENCE_INST_MODULE_X",
    "SCIENCE_INST_MODULE_Y", "SCIENCE_INST_MODULE_Z", "GRATING_NAME", "active", "alt_exp_mode", "sub_exp",
    "sub_exp_ids", "file_content_counts",
)  # fmt: skip
HEADER = {"SEQ_NUM": "900001", "OBS_ID": "9", "INSTRUME": "ACIS", "DETNAM": "ACIS-3", "GRATING": "NONE",
          "OBS_MODE": "POINTING", "DATAMODE": "FAINT", "RA_NOM": 150.12, "DEC_NOM": 2.21, "ROLL_NOM": 68.8,
          "SIM_X": -0.68, "SIM_Y": 0, "SIM_Z": -190.1}  # fmt: skip


def write_oif(path: Path, members: list[tuple[str, str]], drop: str = "", **keys: object) -> Path:
    columns = [
        fits.Column("MEMBER_LOCATION", "64A", array=[m[0] for m in members]),
        fits.Column("MEMBER_CONTENT", "16A", array=[m[1] for m in members]),
    ]
    table = fits.BinTableHDU.from_columns(columns, name="GROUPING")
    for key, value in {**HEADER, **keys}.items():
        if key != drop:
            table.header[key] = value
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(path, overwrite=True)
    return path


def test_a_real_inventory_exactly(data):
    found = parse_oif(data / "archive/1230/oif.fits.gz")
    assert list(found) == ["ACIS"]
    assert tuple(found["ACIS"]) == KEYS
    told = found["ACIS"]
    assert told["SEQUENCE"] == "580180" and told["DETECTOR"] == "235678" and told["GRATING"] is False
    assert (told["RA_NOM"], told["DEC_NOM"], told["ROLL_NOM"]) == (278.3868, -10.57308, 263.7)
    assert told["active"] is True and told["sub_exp_ids"] == ["E001"]
    assert told["file_content_counts"]["BIAS0"] == 6 and told["file_content_counts"]["mtl"] == 1


@pytest.mark.parametrize(("obsid", "detector"), [("22772", "I"), ("22793", "S")])
def test_real_hrc_inventories(data, obsid, detector):
    told = parse_oif(data / f"archive/{obsid}/oif.fits")["HRC"]
    assert told["DETECTOR"] == detector and told["active"] is True and told["MODE"] == "OBSERVING"
    assert all(type(told[k]) is float for k in ("RA_NOM", "SCIENCE_INST_MODULE_Y"))


def test_interleaved_exposures(tmp_path):
    members = [("p/a_evt2.fits", "EVT2"), ("s/a_000N3_e1_evt1.fits", "EVT1 "), ("s/a_000N3_e2_evt1.fits", "EVT1")]
    told = parse_oif(write_oif(tmp_path / "oif.fits", [*members, ("p/a_asol1.fits", "ASPSOLOBI")]))["ACIS"]
    assert told["alt_exp_mode"] and not told["sub_exp"] and told["sub_exp_ids"] == ["E001"]
    assert told["file_content_counts"] == {"EVT2": 1, "EVT1": 2, "ASPSOLOBI": 1}


def test_several_intervals_and_a_grating(tmp_path):
    members = [("s/acisf1_002N3_evt1.fits", "EVT1"), ("s/acisf1_001N3_evt1.fits", "EVT1"), ("p/e.fits", "EVT2")]
    told = parse_oif(write_oif(tmp_path / "oif.fits", [*members, ("p/a", "ASPSOL")], GRATING="HETG"))["ACIS"]
    assert told["sub_exp"] and told["sub_exp_ids"] == ["E001", "E002"]
    assert told["GRATING"] is True and told["GRATING_NAME"] == "HETG" and told["active"] is True


@pytest.mark.parametrize("absent", ["EVT1", "EVT2", "ASPSOL"])
def test_what_is_not_active(tmp_path, absent):
    members = [(f"p/a_{k}.fits", k) for k in ("EVT1", "EVT2", "ASPSOL") if k != absent]
    assert parse_oif(write_oif(tmp_path / "oif.fits", members))["ACIS"]["active"] is False


def test_errors_name_file_and_keyword(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"absent/oif\.fits"):
        parse_oif(tmp_path / "absent/oif.fits")
    (tmp_path / "broken.fits").write_bytes(b"no fits at all")
    with pytest.raises(DataError, match=r"broken\.fits"):
        parse_oif(tmp_path / "broken.fits")
    with pytest.raises(DataError, match=r"no keyword DETNAM"):
        parse_oif(write_oif(tmp_path / "oif.fits", [("a", "EVT1")], drop="DETNAM"))
    with pytest.raises(DataError, match=r"RA_NOM is 'east', not a number"):
        parse_oif(write_oif(tmp_path / "oif.fits", [("a", "EVT1")], RA_NOM="east"))
    fits.PrimaryHDU(np.zeros((2, 2))).writeto(tmp_path / "image.fits")
    with pytest.raises(DataError, match="no table GROUPING"):
        parse_oif(tmp_path / "image.fits")


def test_a_folder_without_inventory(data):
    folder = data / "obs/754"
    told = summarise_folder(folder)["ACIS"]
    assert tuple(told) == KEYS
    assert told["DETECTOR"] == "012379" and told["active"] is True and told["file_content_counts"]["BIAS0"] == 6
    assert ("secondary/acisf00754_000N004_evt1.fits.gz", "EVT1", None) in folder_members(folder)


def test_a_folder_without_events(tmp_path):
    (tmp_path / "primary").mkdir()
    with pytest.raises(DataError, match="no event file"):
        summarise_folder(tmp_path)


def test_a_plain_file_goes_before_its_gzipped_twin(tmp_path):
    for name in ("a_evt1.fits", "a_evt1.fits.gz", "notes.txt"):
        (tmp_path / name).touch()
    assert folder_members(tmp_path) == [("a_evt1.fits", "EVT1", None)]
