"""dmkeypar, dmhedit, dmmakepar, dmreadpar, dmhistory on small files."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

from ciaopy.cli.run import run_command
from ciaopy.console import Console
from ciaopy.datamodel.headers import typed_value, value_text
from ciaopy.datamodel.workspace import Workspace
from ciaopy.engine.run import load_tool
from ciaopy.errors import DataError, UserError
from ciaopy.fits import Column, Table, new_header, parse_history, write_dataset
from ciaopy.param import ParameterSet, ParFile, open_parameters


def call(tool: str, *values: str, **named: Any) -> tuple[ParameterSet, str, str]:
    """Run a tool; return its parameters, what it printed and its warnings."""
    out, err = io.StringIO(), io.StringIO()
    named = {k: {True: "yes", False: "no"}.get(v, v) if isinstance(v, bool) else v for k, v in named.items()}
    par = open_parameters(tool, [*values, *(f"{k}={v}" for k, v in named.items())], mode="rH")
    load_tool(tool).run(par, Workspace(Console(1, out, err), 1))
    return par, out.getvalue(), err.getvalue()


@pytest.fixture
def evt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    header = new_header()
    header["DETNAM"] = ("ACIS-012379", "Detector")
    header["EXPOSURE"] = (18940.290788815837, "[s] Exposure time")
    header["OBI_NUM"], header["CTI_CORR"], header["OBJECT"] = 2, False, "it's"
    columns = {"time": Column("time", np.arange(4.0), "1D", "s"), "dtcor": Column("DTCOR", np.full(4, 0.5), "1D")}
    write_dataset(tmp_path / "evt.fits", Table("EVENTS", columns, header))
    return tmp_path / "evt.fits"


@pytest.mark.parametrize(
    ("key", "text", "kind"),
    [
        ("detnam", "ACIS-012379", "string"),
        ("EXPOSURE", "18940.290788815837", "real"),
        ("OBI_NUM", "2", "integer"),
        ("CTI_CORR", "FALSE", "boolean"),
        ("NAXIS2", "4", "integer"),
        ("TTYPE2", "DTCOR", "string"),
    ],
)
def test_dmkeypar(evt: Path, key: str, text: str, kind: str) -> None:
    par, out, _ = call("dmkeypar", "evt.fits", key, echo=True)
    assert out == text + "\n" and par["value"] == text and par["datatype"] == kind and par["exist"] is True


def test_dmkeypar_typed_results(evt: Path) -> None:
    par, out, _ = call("dmkeypar", "evt.fits[EVENTS]", "EXPOSURE")
    assert out == "" and par["rval"] == 18940.290788815837 and par["ival"] == 18940
    assert (par["unit"], par["comment"]) == ("s", "Exposure time")


def test_dmkeypar_missing_and_exist(evt: Path) -> None:
    with pytest.raises(DataError, match="no keyword NOPE"):
        call("dmkeypar", "evt.fits", "NOPE")
    par, out, _ = call("dmkeypar", "evt.fits", "NOPE", exist=True)
    assert out == "no\n" and par["exist"] is False
    assert call("dmkeypar", "evt.fits", "DETNAM", exist=True)[1] == "yes\n"


def test_dmkeypar_of_a_row(evt: Path) -> None:
    assert call("dmkeypar", "evt.fits[#row=1]", "DTCOR", echo=True)[1] == "0.5\n"
    assert call("dmkeypar", "evt.fits[#row=3]", "time", echo=True)[1] == "2\n"


@pytest.mark.parametrize(
    ("text", "datatype", "value"),
    [
        ("5", "indef", 5),
        ("5", "string", "5"),
        ("'5'", "indef", "5"),
        ("5", "double", 5.0),
        ("1D3", "double", 1000.0),
        ("-2.5e3", "indef", -2500.0),
        ("12 Jan", "indef", "12 Jan"),
        ("nan", "indef", "nan"),
        ("T", "indef", True),
        ("yes", "boolean", True),
        ("'it''s'", "indef", "it's"),
        ("2000-08-14", "indef", "2000-08-14"),
    ],
)
def test_typed_values(text: str, datatype: str, value: Any) -> None:
    got = typed_value(text, datatype)
    assert got == value and type(got) is type(value)


@pytest.mark.parametrize(("text", "kind"), [("x", "long"), ("40000", "short"), ("-1", "ulong"), ("maybe", "boolean")])
def test_values_of_the_wrong_type(text: str, kind: str) -> None:
    with pytest.raises(UserError, match=f"is not of type {kind}"):
        typed_value(text, kind)


def test_value_text_keeps_every_digit() -> None:
    assert value_text(0.1 + 0.2) == "0.30000000000000004" and value_text(2.0) == "2" and value_text(None) == ""


def test_dmhedit_add_change_delete(evt: Path) -> None:
    data = evt.read_bytes()[-2880:]
    call("dmhedit", "evt.fits", "none", "add", "OBJECT", "M31", unit="arcsec", comment="a name")
    call("dmhedit", "evt.fits", "none", "add", "EXPOSURE", "12", datatype="double")
    call("dmhedit", "evt.fits", "none", "add", "TLMIN1", "0.5")
    call("dmhedit", "evt.fits", "none", "add", "COMMENT", "was here")
    call("dmhedit", "evt.fits", "none", "add", "WAV1B_NET_COUNTS", "7")
    call("dmhedit", "evt.fits", "none", "delete", "DETNAM")
    with fits.open(evt, checksum=True) as h:
        h.verify("exception")
        header = h["EVENTS"].header
        assert header["OBJECT"] == "M31" and header.comments["OBJECT"] == "[arcsec] a name"
        assert header["EXPOSURE"] == 12.0 and header.comments["EXPOSURE"] == "[s] Exposure time"
        assert header["TLMIN1"] == 0.5 and "was here" in header["COMMENT"] and "DETNAM" not in header
        assert header["DTYPE1"] == "WAV1B_NET_COUNTS" and header["DVAL1"] == 7
        assert [e.tool for e in parse_history(header)] == ["dmhedit"] * 6
    assert evt.read_bytes()[-2880:] == data and [p.name for p in evt.parent.iterdir()] == ["evt.fits"]


def test_dmhedit_list(evt: Path) -> None:
    edits = "#add\nTITLE = 'a / b' / [m] words\nN = 3 / count\nCOMMENT = free / text\n# a remark\n#delete\nDETNAM\n"
    (evt.parent / "edits.txt").write_text(edits)
    call("dmhedit", "evt.fits", "edits.txt")
    header = fits.getheader(evt, 1)
    assert header["TITLE"] == "a / b" and header.comments["TITLE"] == "[m] words" and header["N"] == 3
    assert "free / text" in header["COMMENT"] and "DETNAM" not in header


@pytest.mark.parametrize(
    ("operation", "key", "value", "match"),
    [
        ("change", "A", "1", "give add or delete"),
        ("add", "B AD", "1", "is not a keyword name"),
        ("add", "NAXIS2", "9", "cannot be changed"),
        ("delete", "TFORM1", "", "cannot be changed"),
    ],
)
def test_dmhedit_refuses(evt: Path, operation: str, key: str, value: str, match: str) -> None:
    before = evt.read_bytes()
    with pytest.raises(UserError, match=match):
        call("dmhedit", "evt.fits", "none", operation, key, value)
    assert evt.read_bytes() == before


def test_dmhedit_missing_things(evt: Path) -> None:
    assert "no keyword NOPE to delete" in call("dmhedit", "evt.fits", "none", "delete", "NOPE")[2]
    with pytest.raises(UserError, match="list of edits cannot be read"):
        call("dmhedit", "evt.fits", "nosuch.txt")
    with pytest.raises(DataError, match="no such file"):
        call("dmhedit", "nosuch.fits", "none", "add", "A", "1")
    with pytest.raises(UserError, match="no filter"):
        call("dmhedit", "evt.fits[time=1:2]", "none", "add", "A", "1")


def test_header_to_parameters_and_back(evt: Path) -> None:
    call("dmmakepar", "evt.fits", "obs.par")
    file = ParFile.read(evt.parent / "obs.par")
    assert {p.name for p in file} == {"detnam", "exposure", "obi_num", "cti_corr", "object", "mode"}
    assert file["exposure"].type == "r" and file["object"].value == "it's" and file["cti_corr"].value == "no"
    with pytest.raises(UserError, match="clobber"):
        call("dmmakepar", "evt.fits", "obs.par")
    text = (evt.parent / "obs.par").read_text().replace("ACIS-012379", "ACIS-7") + 'statfilt,s,h,"[status=0]",,,"new"\n'
    (evt.parent / "obs.par").write_text(text)
    assert "kept as they were: DETNAM" in call("dmreadpar", "obs.par", "evt.fits")[2]
    assert fits.getheader(evt, 1)["DETNAM"] == "ACIS-012379"
    call("dmreadpar", "obs.par", "evt.fits[EVENTS]", clobber=True)
    header = fits.getheader(evt, 1)
    assert header["DETNAM"] == "ACIS-7" and header["STATFILT"] == "[status=0]" and header["CTI_CORR"] is False
    assert header["EXPOSURE"] == 18940.290788815837 and header["OBI_NUM"] == 2 and header["OBJECT"] == "it's"


def test_dmhistory(evt: Path) -> None:
    with pytest.raises(DataError, match="tells of no run of dmcopy"):
        call("dmhistory", "evt.fits", "dmcopy")
    call("dmcopy", "evt.fits[time=1:3]", "out.fits")
    text = call("dmhistory", "out.fits", "dmcopy")[1]
    assert text.startswith('dmcopy infile="evt.fits[time=1:3]" outfile="out.fits"')
    call("dmhistory", "out.fits", "dmcopy", outfile="hist.txt")
    assert (evt.parent / "hist.txt").read_text() == text
    call("dmhistory", "evt.fits", "dmstat", action="put")
    assert parse_history(fits.getheader(evt, 1))[-1].tool == "dmstat"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["filelist=edits.txt"], {"OBJECT": "M31"}),
        (["filelist=none", "op=add", "key=OBJECT", "value=M33"], {"OBJECT": "M33"}),
        (["key=OBJECT", "value=M33"], {"OBJECT": "M33"}),
        (["none", "delete", "OBJECT"], {"OBJECT": None}),
        (["op=del", "key=OBJECT"], {"OBJECT": None}),
    ],
)
def test_dmhedit_asks_for_nothing_unnecessary(
    evt: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], expected: dict[str, str | None]
) -> None:
    (evt.parent / "edits.txt").write_text("#add\nOBJECT = 'M31'\n")
    monkeypatch.setenv("PFILES", f"{evt.parent}")
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert run_command("dmhedit", ["evt.fits", *words]) == 0
    header = fits.getheader(evt, "EVENTS")
    assert {k: header.get(k) for k in expected} == expected


def test_dmhedit_without_a_key_is_an_error_and_what_was_not_asked_is_not_remembered(
    evt: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (evt.parent / "edits.txt").write_text("#add\nOBJECT = 'M31'\n")
    monkeypatch.setenv("PFILES", f"{evt.parent}")
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert run_command("dmhedit", ["evt.fits", "edits.txt"]) == 0
    assert run_command("dmhedit", ["evt.fits", "key=OBJECT", "value=M33"]) == 0
    assert ParFile.read(evt.parent / "dmhedit.par")["filelist"].value == "edits.txt"
    assert run_command("dmhedit", ["evt.fits", "none"]) == 1
    assert "no value for operation" in capsys.readouterr().err


def test_dmkeypar_reads_plain_keywords_as_the_header_does(evt: Path) -> None:
    with fits.open(evt, mode="update") as file:
        header = file[1].header
        header["NEG"], header["EXPO"], header["BIG"], header["SLASH"] = -0.5, 1.5e-300, 2**60, "a/b's"
        header["LONG"], header["NONE"], header["LOGIC"] = "x" * 100, None, True
        header["WITH"] = (3, "a / comment")
    header = fits.getheader(evt, 1)
    for key in ("NEG", "EXPO", "BIG", "SLASH", "LONG", "LOGIC", "WITH", "XTENSION", "OBJECT"):
        par, _, _ = call("dmkeypar", "evt.fits[EVENTS]", key.lower())
        assert par["value"] == value_text(header[key]), key
        assert par["comment"] == header.comments[key].strip(), key


def test_dmkeypar_needs_no_astropy(evt: Path) -> None:
    code = (
        "import sys; from ciaopy.cli.run import run_command; "
        "run_command('dmkeypar', ['evt.fits', 'DETNAM', 'echo+']); print('astropy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=evt.parent, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["ACIS-012379", "False"]
