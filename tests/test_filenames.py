"""Names of files and folders with commas, blanks, brackets and quotes: virtual files, filters, stacks, pipelines."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st

from ciaopy.cli.main import run_application
from ciaopy.coords import AspectSolution
from ciaopy.datamodel import parse, read
from ciaopy.errors import UserError
from ciaopy.filenames import filter_file, path_end, quoted_files
from ciaopy.simulation import Setup, simulate
from ciaopy.stack import build

ODD = ["a,b c", "br[1]", "x[1],y [2]", "it's", 'say "x"', "semi;colon", "a|b", "(p)", "plain"]


def write(path: Path, time: list[float]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    table = fits.BinTableHDU.from_columns([fits.Column("TIME", "D", array=np.array(time))], name="EVENTS")
    gti = [fits.Column(n, "D", array=np.array([v])) for n, v in (("START", 2.0), ("STOP", 4.0))]
    fits.HDUList([fits.PrimaryHDU(), table, fits.BinTableHDU.from_columns(gti, name="GTI")]).writeto(path)
    return path


@pytest.fixture(params=ODD)
def odd(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Name of a folder with an event file, relative to the current one."""
    write(tmp_path / request.param / "evt.fits", [1.0, 2.0, 3.0, 4.0, 5.0])
    monkeypatch.chdir(tmp_path)
    return str(request.param)


def test_a_file_in_an_odd_folder_is_read_filtered_and_written(odd: str) -> None:
    name = f"{odd}/evt.fits"
    assert parse(name).path == name and parse(f"{name}[EVENTS][time=2:4]").path == name
    assert read(f"{name}[time=2:4]")["time"].tolist() == [2.0, 3.0]
    assert run_application(["dmcopy", f"{name}[time=1:3]", f"{odd}/new.fits[OTHER]"]) == 0
    assert fits.getdata(f"{odd}/new.fits", "OTHER")["TIME"].tolist() == [1.0, 2.0]


def test_it_is_a_filter_file_and_needs_no_quotes(odd: str) -> None:
    name = f"{odd}/evt.fits"
    for text in (
        f"@{name}",
        f"@{name}[GTI]",
        f"{filter_file(name)}[GTI]",
        f"time=:9,@{name}[GTI]",
        f"@{name}[GTI],time=1:9",
    ):
        assert read(f"{name}[EVENTS][{text}]")["time"].tolist() == [2.0, 3.0], text


def test_it_is_one_entry_of_a_stack(odd: str) -> None:
    name = f"{odd}/evt.fits"
    assert build(name) == [name] and build(f"{name}[time=1:2,3:4]") == [f"{name}[time=1:2,3:4]"]
    Path(f"{odd}/two.lis").write_text("evt.fits\nevt.fits\n")
    assert build(f"@{odd}/two.lis") == [name, name]
    assert build(f"@{odd}/two.lis[time=1:2]") == [f"{name}[time=1:2]"] * 2


def test_the_shorter_name_goes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`a,b` stays two files and `evt.fits[1]` a block where they always were."""
    monkeypatch.chdir(tmp_path)
    for name in ("a", "b", "evt.fits"):
        write(Path(name), [2.0, 3.0])
    assert build("a,b") == ["a", "b"] and parse("evt.fits[1]").block == 1
    write(Path("evt.fits[1]"), [9.0])
    assert parse("evt.fits[1]").path == "evt.fits"
    assert quoted_files("@a,b=3") == "@a,b=3"
    assert build("a*,b") == ["a", "b"]


def test_names_that_are_no_files_are_read_as_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert path_end("new.fits[EVENTS][sky=region(/tmp/a.reg)]") == 8
    assert parse("no.fits[1][time=1:2]").path == "no.fits"
    assert quoted_files("@x,y.fits,time=1:2") == "@x,y.fits,time=1:2"
    assert quoted_files("name='@x,y'") == "name='@x,y'"
    assert build("c,d e") == ["c", "d", "e"]


def test_a_name_with_both_quotes_is_refused_with_a_cure() -> None:
    with pytest.raises(UserError, match="both kinds of quotes"):
        filter_file("""it's "x"/a.fits""")


@given(st.text(max_size=40))
def test_any_text_has_an_end_within_it(text: str) -> None:
    end = path_end(text)
    assert 0 <= end <= len(text) and (end == len(text) or text[end] == "[")
    assert quoted_files(text) == text, "no such file: nothing is quoted"


@pytest.mark.parametrize("name", ["a,b c", "br[1], x", "it's; 'y'"])
def test_pipelines_run_in_odd_folders(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """chandra_repro and fluximage, inputs and outputs in folders that stacks and filters would take apart."""
    folder = tmp_path / name
    simulate(Setup(events=1500, mode="GRADED", chips=(3,), seed=4, exposure=1500.0), folder / "obs")
    monkeypatch.chdir(tmp_path)
    words = [f"indir={name}/obs", "outdir=", "badpixel=no", "set_ardlib=no", "verbose=0", "mode=h"]
    assert run_application(["chandra_repro", *words]) == 0
    out = f"{name}/obs/repro"
    events = next(Path(out).glob("*repro_evt2.fits"))
    assert len(fits.getdata(events)) > 100
    assert run_application(["fluximage", str(events), f"{name}/f/", "bands=soft", "binsize=32", "mode=h"]) == 0
    plain = tmp_path / "plain"
    shutil.copytree(folder, plain)
    monkeypatch.chdir(plain)
    assert (
        run_application(["fluximage", str(Path("obs/repro") / events.name), "g/", "bands=soft", "binsize=32", "mode=h"])
        == 0
    )
    for image in ("soft_thresh.img", "soft_flux.img"):
        assert np.array_equal(fits.getdata(folder / "f" / image), fits.getdata(plain / "g" / image))
    solution = next(p for p in (folder / "obs").rglob("*asol1.fits*"))
    assert AspectSolution.read(os.fspath(solution)).sources == (os.fspath(solution),)
