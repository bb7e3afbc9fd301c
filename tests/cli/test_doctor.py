"""`ciaopy doctor` finds what is wrong and names the cure."""

from __future__ import annotations

import os

import pytest

from ciaopy.cli import doctor
from ciaopy.version import __version__


def findings(check):
    return {f.subject: f for f in check()}


def test_a_sound_set_up(ciaopy):
    result = ciaopy("doctor")
    assert result.returncode == 0, result.stdout
    assert f"{__version__} in " in result.stdout and "Nothing is wrong." in result.stdout
    for subject in ("Python", "numba", "$PFILES", "$CALDB", "CIAO", "kernel cache", "user parameter folder"):
        assert subject in result.stdout


def test_no_folder_for_parameters(ciaopy):
    result = ciaopy("doctor", PFILES="/nonexistent;/nonexistent2")
    assert result.returncode == 1
    assert "none that can be written to" in result.stdout and "cure: unset PFILES" in result.stdout


def test_a_broken_user_file_is_named_with_its_cure(tmp_path, monkeypatch):
    (tmp_path / "fluximage.par").write_text('infile,s,a,"unclosed\n')
    (tmp_path / "mine.par").write_text("x,y\n")
    monkeypatch.setenv("PFILES", f"{tmp_path};{tmp_path}")
    broken = [f for f in doctor.check_parameters() if f.state == doctor.WRONG]
    assert [f.cure for f in broken] == ["punlearn fluximage", f"mend or delete {tmp_path / 'mine.par'}"]
    assert "line 1" in broken[0].text


def test_an_old_user_copy_is_sound(tmp_path, monkeypatch):
    (tmp_path / "fluximage.par").write_text('infile,s,a,"x",,,\nmode,s,h,"ql",,,\n')
    monkeypatch.setenv("PFILES", f"{tmp_path};{tmp_path}")
    assert findings(doctor.check_parameters)["user parameter files"].text == "1 can be read"


def test_caldb(tmp_path, monkeypatch):
    assert findings(doctor.check_caldb)["$CALDB"].state == doctor.NOTE
    monkeypatch.setenv("CALDB", str(tmp_path / "none"))
    assert findings(doctor.check_caldb)["$CALDB"].state == doctor.WRONG
    monkeypatch.setenv("CALDB", str(tmp_path))
    found = findings(doctor.check_caldb)
    assert found["caldb.config"].state == found["Chandra index"].state == doctor.WRONG
    for name in ("software/tools/caldb.config", "data/chandra/acis/caldb.indx"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text("")
    assert {f.state for f in doctor.check_caldb()} == {doctor.OK}


def test_ciao(tmp_path, monkeypatch):
    assert "not set up" in findings(doctor.check_ciao)["CIAO"].text
    monkeypatch.setenv("ASCDS_INSTALL", str(tmp_path))
    assert findings(doctor.check_ciao)["CIAO"].state == doctor.WRONG
    (tmp_path / "bin").mkdir()
    (tmp_path / "VERSION").write_text("CIAO 4.17 Wednesday\n")
    assert findings(doctor.check_ciao)["CIAO"].text.startswith("CIAO 4.17")


def test_foreign_commands_are_noted(tmp_path, monkeypatch):
    for name in ("pset", "fluximage"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    noted = [f for f in doctor.check_commands() if "other programs" in f.text]
    assert len(noted) == 1 and str(tmp_path / "pset") in noted[0].text


def test_folders(tmp_path, monkeypatch):
    monkeypatch.setenv("ASCDS_WORK_PATH", str(tmp_path / "none"))
    assert findings(doctor.check_folders)["temporary folder"].state == doctor.WRONG
    monkeypatch.setenv("ASCDS_WORK_PATH", str(tmp_path))
    monkeypatch.setattr(doctor, "LITTLE_SPACE", 10**18)
    assert findings(doctor.check_folders)["temporary folder"].state == doctor.NOTE


def test_kernel_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "deep" / "cache"))
    assert doctor.numba_cache() == tmp_path / "deep" / "cache"
    if os.geteuid() == 0:
        pytest.skip("root writes everywhere")
    tmp_path.chmod(0o500)
    assert doctor.numba_cache() is None


def test_report_counts_what_is_wrong():
    text = doctor.report([doctor.Finding(doctor.OK, "a", "fine"), doctor.Finding(doctor.WRONG, "b", "bad", "mend it")])
    assert text.splitlines()[1].startswith("WRONG b") and "cure: mend it" in text and text.endswith("1 thing wrong")
