"""acis_set_ardlib as a command: the user's ardlib.par and nobody else's."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from acis_events_helpers import write_bad_pixels
from bad_pixel_helpers import write_block
from image_tools_helpers import run

from ciaopy.cli.main import run_application
from ciaopy.errors import DataError, ParameterError, UserError
from ciaopy.param import system_par_dir


def stored(name: str, capsys: pytest.CaptureFixture[str]) -> str:
    assert run_application(["pget", "ardlib", name]) == 0
    return capsys.readouterr().out.strip()


def test_chips_of_the_file_and_caldb_for_the_others(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_bad_pixels(tmp_path / "bpix1.fits", [])
    system = (system_par_dir() / "ardlib.par").read_bytes()
    text = run("acis_set_ardlib", path)[1]
    assert "AXAF_ACIS3_BADPIX_FILE" in text
    assert stored("AXAF_ACIS3_BADPIX_FILE", capsys) == f"{path}[BADPIX3]"
    assert stored("AXAF_ACIS7_BADPIX_FILE", capsys) == "CALDB"
    assert stored("AXAF_HRC-I_BADPIX_FILE", capsys) == "NONE"
    assert (system_par_dir() / "ardlib.par").read_bytes() == system


def test_relative_names_become_absolute_unless_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_bad_pixels(tmp_path / "bpix1.fits", [])
    monkeypatch.chdir(tmp_path)
    run("acis_set_ardlib", "bpix1.fits")
    assert stored("AXAF_ACIS0_BADPIX_FILE", capsys) == f"{tmp_path / 'bpix1.fits'}[BADPIX0]"
    run("acis_set_ardlib", "bpix1.fits", "absolutepath=no")
    assert stored("AXAF_ACIS0_BADPIX_FILE", capsys) == "bpix1.fits[BADPIX0]"


@pytest.mark.parametrize("name", ["CALDB", "none"])
def test_keywords_hold_for_all_chips(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    run("acis_set_ardlib", name)
    assert {stored(f"AXAF_ACIS{n}_BADPIX_FILE", capsys) for n in range(10)} == {name.upper()}


def test_another_parameter_file_can_be_named(tmp_path: Path) -> None:
    mine = tmp_path / "mine.par"
    mine.write_bytes((system_par_dir() / "ardlib.par").read_bytes())
    path = write_bad_pixels(tmp_path / "bpix1.fits", [])
    run("acis_set_ardlib", path, f"ardlibfile={mine}")
    assert f"{path}[BADPIX2]" in mine.read_text()
    home = Path(os.environ["HOME"]) / "cxcds_param4/ardlib.par"
    assert not home.exists()


def test_bad_input(tmp_path: Path) -> None:
    for error, match, words in (
        (UserError, "badpixfile is empty", ["badpixfile="]),
        (UserError, "no such file", [f"badpixfile={tmp_path / 'none.fits'}"]),
        (DataError, "no BADPIX block", [f"badpixfile={write_block(tmp_path / 'p.fits')}"]),
        (ParameterError, "nosuch", [f"badpixfile={write_bad_pixels(tmp_path / 'b.fits', [])}", "ardlibfile=nosuch"]),
    ):
        with pytest.raises(error, match=match):
            run("acis_set_ardlib", *words)
