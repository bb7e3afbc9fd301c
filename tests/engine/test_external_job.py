"""Jobs on a suite of external programs: order, failures, what must come out."""

import json
import stat

import numpy as np
import pytest
from astropy.io import fits

from ciaopy.engine.external import Installation
from ciaopy.engine.external_job import Call, Job, run_job
from ciaopy.engine.sas import SAS
from ciaopy.errors import ExternalToolError

TASK = """#!/usr/bin/env python3
import json, os, signal, sys
with open(os.environ["RECORD"], "a") as f:
    f.write(json.dumps([os.path.basename(sys.argv[0]), sys.argv[1:], os.getcwd(), os.environ.get("SAS_CCF")]) + "\\n")
values = dict(a.partition("=")[::2] for a in sys.argv[1:])
print(values.get("say", "").replace("|", "\\n"))
if values.get("out"):
    open(values["out"], "wb").write(b"text" if "empty" not in values else b"")
if values.get("signal"):
    os.kill(os.getpid(), int(values["signal"]))
sys.exit(int(values.get("exit", 0)))
"""


@pytest.fixture
def sas(tmp_path, monkeypatch):
    root = tmp_path / "sas"
    (root / "bin").mkdir(parents=True)
    for name in ("first", "second"):
        path = root / "bin" / name
        path.write_text(TASK)
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("RECORD", str(tmp_path / "record"))
    return Installation(SAS, root)


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "work, [with] 'blanks'"
    made.mkdir()
    return made


def calls(tmp_path):
    return [json.loads(line) for line in (tmp_path / "record").read_text().splitlines()]


def test_calls_run_in_order_in_the_folder(sas, folder, tmp_path):
    steps = (Call("first", {"limits": "0 1", "out": "a-gti.fits"}), Call("second", {"x": "$HOME;`id`"}, ("-V", "1")))
    job = Job(folder=folder, calls=steps, expected={"gti": "*-gti.fits"}, environment={"SAS_CCF": "c.cif"})
    with (tmp_path / "log").open("w+b") as log:
        result = run_job(sas, job, log)
    assert result.files == {"gti": folder / "a-gti.fits"} and result.warnings == ()
    (one, two) = calls(tmp_path)
    assert one == ["first", ["limits=0 1", "out=a-gti.fits"], str(folder), "c.cif"]
    assert two[1] == ["-V", "1", "x=$HOME;`id`"]


def test_the_first_failure_ends_the_job(sas, folder, tmp_path):
    job = Job(folder=folder, calls=(Call("first", {"exit": "3", "say": "a|b"}), Call("second")))
    with pytest.raises(ExternalToolError, match=r"(?s)first failed with exit status 3 and said at its end:\n  a\n  b"):
        run_job(sas, job)
    assert [c[0] for c in calls(tmp_path)] == ["first"]


def test_a_failure_without_a_word_and_a_signal_are_told(sas, folder):
    with pytest.raises(ExternalToolError, match="first failed with exit status 3 and said nothing"):
        run_job(sas, Job(folder=folder, calls=(Call("first", {"exit": "3"}),)))
    with pytest.raises(ExternalToolError, match="first was ended by signal 9"):
        run_job(sas, Job(folder=folder, calls=(Call("first", {"signal": "9"}),)))


def test_an_error_line_is_a_failure_whatever_the_exit_status(sas, folder):
    say = "** first: warning (w), mild|** espfilt: error (noCounts), All zero|** espfilt: error (noCounts), All zero"
    with pytest.raises(ExternalToolError, match=r"^noCounts raised by espfilt - All zero$"):
        run_job(sas, Job(folder=folder, calls=(Call("first", {"say": say}),)))


def test_warnings_are_returned(sas, folder):
    result = run_job(sas, Job(folder=folder, calls=(Call("first", {"say": "** first: warning (NoWCS), none"}),)))
    assert [str(w) for w in result.warnings] == ["NoWCS raised by first - none"]


def test_missing_programs_are_found_before_any_work(sas, folder, tmp_path):
    with pytest.raises(ExternalToolError, match=r"third is not in .*bin and not on PATH"):
        run_job(sas, Job(folder=folder, calls=(Call("first"), Call("third"))))
    assert not (tmp_path / "record").exists()


def test_what_must_come_out_comes_out_once(sas, folder):
    job = Job(folder=folder, calls=(Call("first", {"out": "b"}),), expected={"event list": "*EVLI*"})
    with pytest.raises(
        ExternalToolError, match=r"event list: one file \*EVLI\* was expected, there is none; .* holds b$"
    ):
        run_job(sas, job)
    for name in ("xEVLIa", "xEVLIb"):
        (folder / name).write_text("1")
    with pytest.raises(ExternalToolError, match=r"there is 2 \(xEVLIa, xEVLIb\); the folder holds b, xEVLIa, xEVLIb"):
        run_job(sas, job)


def test_an_empty_or_half_written_file_is_a_failure(sas, folder):
    job = Job(folder=folder, calls=(Call("first", {"out": "b", "empty": "1"}),), expected={"list": "b"})
    with pytest.raises(ExternalToolError, match="list: b is empty"):
        run_job(sas, job)
    whole = folder / "whole.fits"
    fits.PrimaryHDU(np.zeros((100, 100))).writeto(whole)
    (folder / "half.fits").write_bytes(whole.read_bytes()[:20000])
    with pytest.raises(ExternalToolError, match=r"image: half.fits cannot be read: .*truncated"):
        run_job(sas, Job(folder=folder, calls=(), expected={"image": "half.fits"}))
    assert run_job(sas, Job(folder=folder, calls=(), expected={"image": "whole.fits"})).files["image"] == whole
