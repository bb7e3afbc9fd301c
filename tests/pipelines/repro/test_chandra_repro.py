"""chandra_repro on the real events of ObsID 754, as a user runs it."""

import hashlib
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import time

import numpy as np
import pytest
from astropy.io import fits

from ciaopy.cli.main import run_application
from ciaopy.errors import DataError
from ciaopy.pipelines.repro.acis import event_definition, position_parameter

pytestmark = pytest.mark.data
EVT2 = "acisf00754_repro_evt2.fits"


def fingerprint(folder):
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture(scope="module")
def tree(tmp_path_factory, request):
    data = request.getfixturevalue("data")
    target = tmp_path_factory.mktemp("obs") / "my 754"
    shutil.copytree(data / "obs/754", target)
    return target


def repro(*words):
    return run_application(["chandra_repro", *map(str, words), "mode=h"])


@pytest.fixture(scope="module")
def first(tree, tmp_path_factory):
    """One run with a new bad pixel file and all intermediates kept; its output folder."""
    os.environ["HOME"] = str(tmp_path_factory.mktemp("home"))
    before = fingerprint(tree)
    out = tmp_path_factory.mktemp("run") / "repro"
    assert repro(f"indir={tree}", f"outdir={out}", "cleanup=no", "verbose=0") == 0
    assert fingerprint(tree) == before
    return out


def test_products_and_intermediates(first):
    names = {p.name for p in first.iterdir()}
    assert {EVT2, "acisf00754_repro_bpix1.fits", "acisf00754_repro_fov1.fits", "acisf00754_repro_flt2.fits"} <= names
    assert {"acisf00754_reset_evt1.fits", "acisf00754_aglow_bpix1.fits", "acisf00754_bias0.lis"} <= names
    assert not [n for n in names if n.startswith(".")]


def test_products_conform_and_intermediates_too(first, conforms):
    """ObsID 754, as CIAO 4.16 writes it: no warning; the subspace of time, expno, ccd_id and grade."""
    conforms(*(first / f"acisf00754_repro_{n}.fits" for n in ("evt1", "evt2", "flt2", "bpix1", "fov1")), strict=True)
    conforms(*first.glob("acisf00754_a*_bpix1.fits"), first / "acisf00754_reset_evt1.fits")
    with fits.open(first / EVT2) as hdus:
        header, primary = hdus["EVENTS"].header, hdus[0].header
        assert {"MISSION", "TELESCOP", "TSTART", "CCD_ID"} <= set(hdus["GTI"].header)
    assert [header[k] for k in header if k.startswith("DSTYP")] == ["time", "expno", "ccd_id", "grade"]
    assert header["CREATOR"].startswith("acis_process_events") and header["ASCDSVER"].startswith("ciaopy")
    assert "CONTENT" not in primary and primary["CLOCKAPP"] is True


def test_level_2_events(first, data):
    with fits.open(first / EVT2, checksum=True) as h:
        e, header = h["EVENTS"].data, h["EVENTS"].header
        gti = {b.header["CCD_ID"]: b.data for b in h if b.name.startswith("GTI")}
    assert np.isin(e["grade"], [0, 2, 3, 4, 6]).all() and not e["status"].any()
    inside = np.zeros(len(e), bool)
    for ccd, rows in gti.items():
        for row in rows:
            inside |= (e["ccd_id"] == ccd) & (e["time"] >= row["START"]) & (e["time"] < row["STOP"])
    assert inside.all()
    expected = {"CONTENT": "EVT2", "HDUCLAS2": "ACCEPTED", "STATFILT": "0" * 32, "PIX_ADJ": "EDSER"}
    assert {k: str(header[k]).strip() for k in expected} == expected
    assert header["FLTFILE"] == "acisf00754_repro_flt2.fits" and header["ASOLFILE"].endswith("asol1.fits")
    history = "\n".join(header["HISTORY"]) + "\n".join(header["COMMENT"])
    assert all(w in history for w in ("chandra_repro", "pix_adj=edser", "acis_process_events"))
    said = "chandra_repro was run with CALDB ciaopy-lite-1"
    assert (
        any(line.strip().startswith(f"PARM  :value={said}") for line in header["HISTORY"]) and said in header["COMMENT"]
    )
    assert header["LIVETIME"] == pytest.approx(header["ONTIME"] * header["DTCOR"], rel=1e-4)


def test_the_bad_pixel_file_extends_the_calibration_list(first):
    with fits.open(first / "acisf00754_repro_bpix1.fits") as h:
        assert [b.header["CCD_ID"] for b in h[1:]] == [0, 1, 2, 3, 7, 9]


def test_second_run_without_clobber_is_refused_before_any_work(first, tree, capsys):
    before = fingerprint(first)
    assert repro(f"indir={tree}", f"outdir={first}", "clobber=no") == 1
    assert EVT2 in capsys.readouterr().err
    assert fingerprint(first) == before


def test_processing_is_deterministic(first, tree, tmp_path):
    assert repro(f"indir={tree}", f"outdir={tmp_path / 'again'}", "set_ardlib=no", "verbose=0", "nproc=1") == 0
    a, b = fits.getdata(first / EVT2), fits.getdata(tmp_path / "again" / EVT2)
    assert a.tobytes() == b.tobytes()


def test_cleanup_and_ardlib(tree, tmp_path, private_home, capsys):
    out = tmp_path / "o"
    assert repro(f"indir={tree}", f"outdir={out}", "badpixel=no") == 0
    text = capsys.readouterr().out
    assert "acis_process_events" in text and "punlearn ardlib" in text and str(out) in text
    names = {p.name for p in out.iterdir()}
    assert not [n for n in names if "evt1" in n or "bias" in n]
    assert run_application(["pget", "ardlib", "AXAF_ACIS3_BADPIX_FILE"]) == 0
    assert capsys.readouterr().out.strip() == f"{out / 'acisf00754_000N004_bpix1.fits'}[BADPIX3]"


def test_process_events_no_copies_the_archives_file(tree, tmp_path, data):
    out = tmp_path / "o"
    assert repro(f"indir={tree}", f"outdir={out}", "badpixel=no", "process_events=no", "verbose=0") == 0
    made = next(out.glob("*evt2.fits"))
    packed = next((data / "obs/754/primary").glob("*evt2*"))
    assert len(fits.getdata(made)) == len(fits.getdata(packed)) and not list(out.glob("*repro_evt2*"))


def test_an_old_aspect_solution_is_brought_up_to_date(tree, tmp_path):
    moved = tmp_path / "old"
    shutil.copytree(tree, moved)
    packed = next((moved / "primary").glob("*asol1*"))
    with fits.open(packed) as h:
        h[1].header["CONTENT"] = "ASPSOL"
        if "BOREVER" in h[1].header:
            h[1].header["BOREVER"] = 0
        h[1].data["dy"] = 0.02
        h.writeto(packed.with_name("pcadf00754_000N001_asol1.fits"))
    packed.unlink()
    out = tmp_path / "o"
    assert repro(f"indir={moved}", f"outdir={out}", "badpixel=no", "verbose=0") == 0
    new = fits.open(out / "pcadf00754_repro_asol1.fits")
    assert new[1].header["CONTENT"] == "ASPSOLOBI" and not new[1].data["dy"].any()
    header = fits.getheader(out / EVT2, "EVENTS")
    assert header["RA_NOM"] == pytest.approx(new[1].header["RA_PNT"], abs=1e-9)
    assert (out / "acisf00754_asol1.lis").read_text().strip().endswith("pcadf00754_repro_asol1.fits")
    assert not list(out.glob("*.lis_*")), "no list of a run before"
    new.close()


def test_no_good_time_is_a_valid_empty_result(tree, tmp_path, capsys):
    moved = tmp_path / "empty"
    shutil.copytree(tree, moved)
    path = next((moved / "secondary").glob("*flt1*"))
    with fits.open(path) as h:
        for b in h[2:]:
            b.data["START"], b.data["STOP"] = 1.0e8, 1.0e8 + 1
        h.writeto(path.with_name("acisf00754_000N004_flt1.fits"))
    path.unlink()
    status = repro(f"indir={moved}", f"outdir={tmp_path / 'o'}", "badpixel=no", "set_ardlib=no")
    text = "".join(capsys.readouterr())
    made = tmp_path / "o" / EVT2
    assert "good time" in text
    assert status == 1 or len(fits.getdata(made, "EVENTS")) == 0


@pytest.mark.parametrize(("words", "message"), [(["indir="], "indir"), (["indir=/no/such"], "no such folder")])
def test_bad_folders(words, message, capsys):
    assert repro(*words, "outdir=") == 1
    assert message in capsys.readouterr().err


def test_stack_sizes_must_agree(tree, tmp_path, capsys):
    quoted = str(tree).replace(" ", "\\ ")
    assert repro(f"indir={quoted},{quoted}", "outdir=a,b,c") == 1
    assert "outdir 3" in capsys.readouterr().err


def test_corrupt_gzip_is_named_and_nothing_is_made(tree, tmp_path, capsys):
    moved = tmp_path / "bad"
    shutil.copytree(tree, moved)
    path = next((moved / "secondary").glob("*evt1*"))
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 0xFF
    path.write_bytes(raw)
    assert repro(f"indir={moved}", f"outdir={tmp_path / 'o'}", "badpixel=no") == 1
    assert "evt1" in capsys.readouterr().err and not list((tmp_path / "o").glob("*evt2*"))


def test_one_bad_dataset_does_not_stop_the_others(tree, tmp_path, capsys):
    moved = tmp_path / "second"
    shutil.copytree(tree, moved)
    path = next((moved / "secondary").glob("*evt1*"))
    path.write_bytes(path.read_bytes()[:-2000])
    quoted = str(tree).replace(" ", "\\ ")
    status = repro(f"indir={moved},{quoted}", f"outdir={tmp_path / 'x'},{tmp_path / 'y'}", "badpixel=no")
    assert status == 1 and (tmp_path / "y" / EVT2).exists() and not (tmp_path / "x" / EVT2).exists()
    assert "1 of 2 datasets" in capsys.readouterr().err


def test_killed_runs_leave_no_damaged_product(tree, tmp_path):
    out = tmp_path / "o"
    code = "from ciaopy.cli.main import main; main()"
    words = [sys.executable, "-c", code, "chandra_repro", f"indir={tree}", f"outdir={out}", "badpixel=no", "mode=h"]
    for delay in np.linspace(0.4, 3.5, 8):
        process = subprocess.Popen([*words, "clobber=yes"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        process.wait()
        for path in out.glob("[!.]*.fits") if out.exists() else ():
            with fits.open(path, checksum=True) as h:
                assert all(len(b.data) == b.header["NAXIS2"] for b in h[1:] if b.header["NAXIS2"])
    assert subprocess.run([*words, "clobber=yes"], stdout=subprocess.DEVNULL, check=False).returncode == 0
    assert len(fits.getdata(out / EVT2)) > 250000


STAND_IN = """#!/usr/bin/env python3
import json, os, shutil, sys
with open(os.environ["RECORD"], "a") as f:
    f.write(json.dumps([os.path.basename(sys.argv[0]), *sys.argv[1:]]) + "\\n")
for a in sys.argv[1:]:
    if a.startswith("outfile=") and not os.path.exists(a[8:]):
        shutil.copy(os.environ["TEMPLATE"], a[8:])
"""
SEQUENCE = [
    "acis_clear_status_bits",
    "dmmakepar",
    "acis_build_badpix",
    "acis_find_afterglow",
    "acis_build_badpix",
    "acis_process_events",
    "r4_header_update",
    "dmtcalc",
    "dmcopy",
    "gti_align",
    "dmcopy",
    "dmhedit",
    "dmcopy",
    "dmhedit",
    "dmhedit",
    "dmhedit",
    "dmhedit",
    "skyfov",
]


def test_ciao_back_end_runs_the_specified_sequence(first, tree, tmp_path, monkeypatch):
    root = tmp_path / "ciao"
    (root / "bin").mkdir(parents=True)
    for name in set(SEQUENCE):
        tool = root / "bin" / name
        tool.write_text(STAND_IN)
        tool.chmod(tool.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("ASCDS_INSTALL", str(root))
    monkeypatch.setenv("RECORD", str(tmp_path / "record"))
    monkeypatch.setenv("TEMPLATE", str(first / EVT2))
    assert repro(f"indir={tree}", f"outdir={tmp_path / 'o'}", "tools=ciao", "verbose=0", "set_ardlib=no") == 0
    calls = [json.loads(line) for line in (tmp_path / "record").read_text().splitlines()]
    assert [c[0] for c in calls] == SEQUENCE
    build = [c for c in calls if c[0] == "acis_build_badpix"]
    assert "bitflag=00000000000000120021100020022222" in build[0] and "calibfile=CALDB" in build[0]
    assert "bitflag=00000000000000122221100020022222" in build[1] and "procbias=no" in build[1]
    process = next(c for c in calls if c[0] == "acis_process_events")
    assert "eventdef=)stdlev1" in process and not [a for a in process if a.startswith("pix_adj")]
    assert all(c[-1] == "mode=hl" for c in calls)


@pytest.mark.parametrize(
    ("readmode", "datamode", "expected"),
    [
        ("TIMED", "VFAINT", ")stdlev1"),
        ("TIMED", "GRADED", ")grdlev1"),
        ("CONTINUOUS", "CC33_FAINT", ")cclev1"),
        ("CONTINUOUS", "CC33_GRADED", ")ccgrdlev1"),
    ],
)
def test_event_definitions(readmode, datamode, expected):
    assert event_definition(readmode, datamode) == expected


def test_unknown_mode():
    with pytest.raises(DataError, match="DATAMODE=RAW"):
        event_definition("TIMED", "RAW")


def test_position_parameter():
    assert position_parameter("default", False) == {} and position_parameter("default", True) == {"pix_adj": "NONE"}
    assert position_parameter("centroid", False) == {"pix_adj": "CENTROID"}
