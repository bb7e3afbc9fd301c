"""Odd input of all kinds ends in one line that names file and cure: no bug, no traceback, no bare error number."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from datamodel_helpers import write_events

from ciaopy.cli.run import run_command

DIGITS = "9" * 5000


@pytest.fixture
def events(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_events(tmp_path / "e.fits", rows=60)
    return tmp_path / "e.fits"


def line(capsys, *words: str) -> str:
    """Run a command that must be refused; return its first line."""
    status = run_command(words[0], words[1:])
    said = capsys.readouterr().err
    assert status in (1, 2), said
    assert "bug" not in said and "Traceback" not in said and "[Errno" not in said
    assert said.count("(ciaopy ") == 1
    return said.splitlines()[0]


@pytest.mark.parametrize(
    ("tool", "words", "says"),
    [
        ("dmcopy", ["e.fits", "o\0ut"], "dmcopy.outfile: the value 'o\\x00ut' has a NUL character"),
        ("dmlist", ["e.fits[x=\0]", "data"], "NUL character"),
        ("dmappend", ["e.fits", "o\n\x07.fits"], "ERROR o\\n\\x07.fits: no such file"),
        ("dmlist", [f"e.fits[{DIGITS}]", "data"], "blocks are numbered"),
        ("dmlist", ["e.fits[cols x,,y]", "data"], "e.fits[cols x,,y]: column list: cannot be understood"),
        ("dmstat", [f"e.fits[bin x=::#{DIGITS}]"], "the number of bins must be a whole number"),
        ("dmstat", ["e.fits[bin x=-1e308:1e308:1]"], "too many"),
        ("dmstat", ["e.fits[bin x=-1e308:1e308:#5]"], "too many"),
        ("dmlist", [f"e.fits[status={DIGITS}]", "data"], "the value is too large"),
        ("dmlist", ["e.fits[#row<nan]", "data"], "smaller or larger than NaN"),
        ("dmtcalc", ["e.fits", "o.fits", f"expression=a={DIGITS}"], "more than 63 bits"),
        ("dmtcalc", ["e.fits", "o.fits", f"expression=a=x[{DIGITS}]"], "expression"),
        ("mkinstmap", ["o.fits", "no.txt", "1", "1:9:#8,1:9:#8", "e.fits", "ACIS-3", "NONE", "", ""], "No such"),
    ],
)  # fmt: skip
def test_odd_words(capsys, events, tool, words, says):
    assert says in line(capsys, tool, *words)


@pytest.mark.parametrize("rows", ["1:1e999", DIGITS, f"{DIGITS}:", "99999999999999999999", "5:"])
def test_row_numbers_without_end_are_no_rows_or_all(events, capsys, rows):
    assert run_command("dmlist", [f"e.fits[#row={rows}]", "counts"]) == 0
    count = int(capsys.readouterr().out)
    assert count == {"1:1e999": 60, "5:": 56}.get(rows, 0)
    assert run_command("dmlist", ["e.fits[#row<1e999]", "counts"]) == 0
    assert int(capsys.readouterr().out) == 60


@pytest.mark.parametrize("limits", ["1e999", DIGITS, "1e300:", "1e15:2e15", "-1e300:-1e299", ":-1e30"])
def test_times_outside_all_dates(events, limits):
    assert run_command("dmcopy", [f"e.fits[time={limits}]", "o.fits"]) == 0
    header = fits.getheader("o.fits", 1)
    assert header["NAXIS2"] == 0 and np.isfinite([header["TSTART"], header["TSTOP"]]).all()


@pytest.mark.parametrize(
    ("card", "value"),
    [
        ("BSCALE", "NaN"),
        ("BSCALE", "(1,2)"),
        ("BZERO", "'x'"),
        ("BZERO", "1E400"),
        ("TSCAL2", "1E400"),
        ("TZERO2", "T"),
    ],
)
def test_scales_that_are_no_finite_numbers_are_refused(tmp_path, monkeypatch, capsys, card, value):
    monkeypatch.chdir(tmp_path)
    column = fits.Column("a", "I", array=[1, 2], bzero=5.0)
    table = fits.BinTableHDU.from_columns([fits.Column("t", "D", array=[1.0, 2.0]), column])
    table.header["TSCAL2"] = 2.0
    image = fits.ImageHDU(np.ones((2, 2), "i2"))
    image.header["BSCALE"], image.header["BZERO"] = 2.0, 3.0
    fits.HDUList([fits.PrimaryHDU(), image, table]).writeto("x.fits")
    data = bytearray(Path("x.fits").read_bytes())
    at = data.index(card.ljust(8).encode() + b"= ")
    data[at + 10 : at + 30] = value.rjust(20).encode()
    Path("x.fits").write_bytes(data)
    said = line(capsys, "dmstat", "x.fits[2]" if card.startswith("B") else "x.fits[3]")
    assert "x.fits: " in said and card in said


def test_rows_of_no_bytes_have_a_limit(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    fits.BinTableHDU.from_columns([]).writeto("x.fits")
    data = Path("x.fits").read_bytes()
    at = data.index(b"NAXIS2  = ") + 10
    Path("x.fits").write_bytes(data[:at] + b"9223372036854775807".rjust(20) + data[at + 20 :])
    assert "NAXIS2 = 9223372036854775807 rows of NAXIS1 = 0 bytes" in line(capsys, "dmcopy", "x.fits", "o.fits")


def test_a_keyword_that_must_be_a_number_is_named_with_its_file(events, capsys):
    with fits.open(events, mode="update") as hdus:
        hdus[1].header["DTCOR"] = "x"
    assert "e.fits: keyword DTCOR = 'x' is not a number; mend the header" in line(
        capsys, "dmextract", "e.fits[bin pi=1:1024:8]", "o.fits"
    )


def test_the_sum_of_an_image_leaves_nulls_out_and_is_not_cut(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    fits.PrimaryHDU(np.array([[0.25, np.nan], [0.5, 0.0]])).writeto("i.fits")
    assert run_command("dmlist", ["i.fits", "counts"]) == 0
    assert capsys.readouterr().out == "0.75\n"


@pytest.mark.parametrize("value", ["--1", "+-2", "1-1"])
def test_what_looks_like_a_number_and_is_none_is_a_text(events, value):
    words = ["e.fits", "filelist=none", "operation=add", "key=NOTE", f"value={value}"]
    assert run_command("dmhedit", words) == 0
    assert fits.getval(events, "NOTE", 1) == value


def test_long_lists_of_columns_are_cut(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    columns = [fits.Column(f"c{k}", "I", array=[k]) for k in range(300)]
    fits.BinTableHDU.from_columns(columns).writeto("w.fits")
    said = line(capsys, "dmlist", "w.fits[cols nothing]", "data")
    assert "it has c0, c1" in said and said.count(", c") == 19 and "and 280 more" in said


@pytest.mark.slow
def test_a_short_fuzz_campaign_finds_nothing():
    script = Path(__file__).parents[2] / "scripts" / "fuzz_campaign"
    done = subprocess.run([sys.executable, str(script), "600", "2026"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
