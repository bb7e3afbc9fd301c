"""`ciaopy caldb ...` and `check_ciao_caldb`, run as a user does."""

from __future__ import annotations

import pytest
from made_caldb import Row, make_caldb, write_events, write_version

ROWS = [
    *(Row(f"acisD{d}t_gainN0008.fits", "T_GAIN", d) for d in ("2010-02-01", "2010-05-01", "2010-08-01")),
    *(Row("qeN0006.fits", "QE", cbd=[f"CCD_ID({c})"], hdu=c + 1) for c in range(10)),
    *(Row(f"badpix{c}.fits", "BADPIX", cbd=[f"CCD_ID({c})"]) for c in range(10)),
]


@pytest.fixture
def root(tmp_path):
    made = make_caldb(tmp_path / "caldb", acis=ROWS, default=[Row("vig.fits", "VIGNET", instrument="TEL")])
    make_caldb(made, hrc=[Row("h.fits", "QE", instrument="HRC")])
    write_version(made)
    return made


@pytest.fixture
def events(tmp_path):
    return write_events(tmp_path / "obs/secondary/acisf11843_evt1.fits")


def test_without_a_subcommand_the_help_is_shown(ciaopy):
    r = ciaopy("caldb")
    assert r.returncode == 0 and "status  Show which" in r.stdout
    r = ciaopy("caldb", "stats")
    assert r.returncode == 2 and "stats" in r.stderr


def test_find(ciaopy, root, events):
    r = ciaopy("caldb", "find", "T_GAIN", events, CALDB=str(root))
    assert (r.returncode, r.stderr) == (0, "")
    assert r.stdout == f"{root}/data/chandra/acis/t_gain/acisD2010-05-01t_gainN0008.fits[1]\n"
    r = ciaopy("caldb", "find", "qe", events, "ccd_id=3", CALDB=str(root))
    assert r.stdout.endswith("qeN0006.fits[4]\n")
    r = ciaopy("caldb", "find", "BADPIX", events, "--all", CALDB=str(root))
    assert [line[-15:] for line in r.stdout.splitlines()] == [f"badpix{c}.fits[1]"[-15:] for c in range(4)]


def test_find_says_what_is_wrong(ciaopy, root, events):
    r = ciaopy("caldb", "find", "BADPIX", events, CALDB=str(root))
    assert r.returncode == 1 and "say which CCD_ID" in r.stderr and len(r.stderr.splitlines()) == 1
    r = ciaopy("caldb", "find", "NOSUCH", events, CALDB=str(root))
    assert r.returncode == 1 and "NOSUCH" in r.stderr and "the index has no such product" in r.stderr
    r = ciaopy("caldb", "find", "T_GAIN", events)
    assert r.returncode == 1 and "CALDB is not set" in r.stderr
    r = ciaopy("caldb", "find", "QE", events, "three", CALDB=str(root))
    assert r.returncode == 2 and "expected NAME=VALUE" in r.stderr
    r = ciaopy("caldb", "find", "QE", "no.fits", CALDB=str(root))
    assert r.returncode == 1 and "no.fits" in r.stderr


def test_find_warns_of_a_file_that_is_not_there(ciaopy, root, events):
    (root / "data/chandra/acis/qe/qeN0006.fits").unlink()
    r = ciaopy("caldb", "find", "QE", events, "ccd_id=3", CALDB=str(root))
    assert r.returncode == 0 and r.stdout.endswith("qeN0006.fits[4]\n") and "not there" in r.stderr


def test_find_without_a_caldb_names_lite(ciaopy, events):
    r = ciaopy("caldb", "find", "CONTAM", events)
    assert r.returncode == 0 and r.stdout.startswith("lite (CONTAM: CALDB is not set")


def test_status(ciaopy, root, events):
    r = ciaopy("caldb", "status", events, CALDB=str(root))
    lines = {line.split()[0]: line for line in r.stdout.splitlines() if line}
    assert r.returncode == 0 and lines["CALDB:"].endswith(str(root)) and lines["version:"].endswith("4.11.5")
    assert lines["T_GAIN"].split()[1] == "CALDB" and "acisD2010-05-01t_gainN0008.fits[1]" in lines["T_GAIN"]
    assert lines["CONTAM"].split()[1] == "lite" and lines["CTI"].split()[1] == "none"


def test_status_without_a_caldb(ciaopy, events):
    r = ciaopy("caldb", "status", events)
    assert r.returncode == 0 and "embedded calibration (ciaopy-lite-" in r.stdout
    assert any(line.startswith("CONTAM") and " lite " in line for line in r.stdout.splitlines())


def test_fetch(ciaopy, root, events, tmp_path):
    r = ciaopy("caldb", "fetch", tmp_path / "obs", "--mirror", root, "--dest", tmp_path / "mine")
    assert r.returncode == 0 and f"export CALDB={tmp_path}/mine" in r.stdout
    assert "  data/chandra/acis/t_gain/acisD2010-05-01t_gainN0008.fits" in r.stdout.splitlines()
    r = ciaopy("caldb", "find", "QE", events, "ccd_id=0", CALDB=str(tmp_path / "mine"))
    assert r.stdout == f"{tmp_path}/mine/data/chandra/acis/qe/qeN0006.fits[1]\n"
    r = ciaopy("check_ciao_caldb", CALDB=str(tmp_path / "mine"))
    assert r.returncode == 0 and "not fetched" in r.stdout and "some of the files only" in r.stdout


def test_fetch_says_what_is_wrong(ciaopy, root, tmp_path):
    r = ciaopy("caldb", "fetch")
    assert r.returncode == 2 and "name an event file" in r.stderr
    (tmp_path / "empty").mkdir()
    r = ciaopy("caldb", "fetch", "empty", "--mirror", root)
    assert r.returncode == 1 and "empty: no event file" in r.stderr
    r = ciaopy("caldb", "fetch", "--all", "--mirror", "nowhere")
    assert r.returncode == 1 and "nowhere: no such folder" in r.stderr


def test_check(ciaopy, root):
    r = ciaopy("check_ciao_caldb", CALDB=str(root))
    assert r.returncode == 0 and "4.11.5" in r.stdout and "sound" in r.stdout
    assert "23 rows, 14 files in use, 0 not there" in r.stdout


def test_check_without_a_caldb(ciaopy):
    r = ciaopy("check_ciao_caldb")
    assert r.returncode == 0 and "ciaopy-lite-" in r.stdout


def break_root(root):
    return f"{root}/none"


def break_config(root):
    (root / "software/tools/caldb.config").unlink()
    return "software/tools/caldb.config"


def break_version(root):
    (root / "docs/chandra/caldb_version/caldb_version.fits").unlink()
    return "caldb_version.fits"


def break_index(root):
    (root / "data/chandra/hrc/caldb.indx").unlink()
    return "data/chandra/hrc/caldb.indx"


def damage_index(root):
    (root / "data/chandra/hrc/caldb.indx").write_bytes(b"SIMPLE  =")
    return "data/chandra/hrc/caldb.indx"


def break_file(root):
    (root / "data/chandra/acis/qe/qeN0006.fits").unlink()
    return "data/chandra/acis/qe/qeN0006.fits"


@pytest.mark.parametrize(
    "break_it",
    [break_root, break_config, break_version, break_index, damage_index, break_file],
    ids=lambda f: f.__name__,
)
def test_check_names_what_is_missing(ciaopy, root, break_it):
    named = break_it(root)
    r = ciaopy("check_ciao_caldb", CALDB=named if break_it is break_root else str(root))
    assert r.returncode == 1 and named in r.stderr and len(r.stderr.splitlines()) == 1
