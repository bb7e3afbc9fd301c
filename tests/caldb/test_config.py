"""`caldb.config`, `$CALDB` and `$CALDBCONFIG`."""

from __future__ import annotations

import pytest
from made_caldb import CONFIG, Row, header, make_caldb, write_index

from ciaopy.caldb import Caldb
from ciaopy.caldb.config import read_config
from ciaopy.errors import CalibrationError


def test_lines_become_entries(tmp_path):
    path = tmp_path / "caldb.config"
    path.write_text(CONFIG)
    entries = read_config(path, tmp_path)
    assert [(e.telescope, e.instrument) for e in entries] == [
        ("CHANDRA", "ACIS"),
        ("CHANDRA", "HRC"),
        ("CHANDRA", "PCAD"),
        ("CHANDRA", "DEFAULT"),
    ]
    assert entries[0].index == tmp_path / "data/chandra/acis/caldb.indx"
    assert [e.is_used for e in entries] == [True, True, False, True]


def test_real_configuration_files(data, tmp_path):
    for name in ("lizard_caldb.config", "teuben_caldb.config"):
        entries = read_config(data / "caldb" / name, tmp_path)
        chandra = [e for e in entries if e.telescope == "CHANDRA" and e.is_used]
        assert [e.instrument for e in chandra] == ["ACIS", "HRC", "DEFAULT"]
        assert chandra[1].index == tmp_path / "data/chandra/hrc/caldb.indx"


def test_a_device_may_be_an_environment_variable(tmp_path):
    path = tmp_path / "caldb.config"
    path.write_text("CHANDRA ACIS OTHER a caldb.indx OTHER a\nchandra hrc caldb b caldb.indx\n")
    entries = read_config(path, tmp_path, {"OTHER": "/elsewhere"})
    assert str(entries[0].index) == "/elsewhere/a/caldb.indx"
    assert str(entries[0].root) == "/elsewhere"
    assert (entries[1].instrument, entries[1].index) == ("HRC", tmp_path / "b/caldb.indx")
    with pytest.raises(CalibrationError, match="line 1: OTHER is neither CALDB nor an environment variable"):
        read_config(path, tmp_path, {})


@pytest.mark.parametrize(
    ("text", "problem"),
    [("", "no mission"), ("# only a comment\n", "no mission"), ("CHANDRA ACIS CALDB\n", "line 1 has 3 words")],
)
def test_damaged_files(tmp_path, text, problem):
    path = tmp_path / "caldb.config"
    path.write_text(text)
    with pytest.raises(CalibrationError, match=problem):
        read_config(path, tmp_path)


def test_binary_rubbish(tmp_path):
    path = tmp_path / "caldb.config"
    path.write_bytes(bytes(range(128, 256)))
    with pytest.raises(CalibrationError, match=r"caldb.config: cannot be read"):
        read_config(path, tmp_path)


def test_no_caldb():
    assert Caldb.open({}) is None
    assert Caldb.open({"CALDB": "  "}) is None


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(CalibrationError, match=r"nowhere: no such folder \(environment variable CALDB\)"):
        Caldb.open({"CALDB": str(tmp_path / "nowhere")})


def test_a_folder_without_configuration_names_the_file(tmp_path):
    with pytest.raises(CalibrationError, match=r"software/tools/caldb.config: no such configuration"):
        Caldb.open({"CALDB": str(tmp_path)})


def test_caldbconfig_is_taken_first(tmp_path):
    root = make_caldb(tmp_path / "caldb", acis=[Row("a.fits", "QE")])
    write_index(root / "config/acis-4.2.indx", [Row("b.fits", "QE")])
    config = tmp_path / "other.config"
    config.write_text("CHANDRA ACIS CALDB config/ acis-4.2.indx CALDB config/\n")
    assert Caldb.open({"CALDB": str(root)}).find("QE", header()).path.name == "a.fits"
    found = Caldb.open({"CALDB": str(root), "CALDBCONFIG": str(config)}).find("QE", header())
    assert found.path == root / "data/chandra/acis/qe/b.fits"
