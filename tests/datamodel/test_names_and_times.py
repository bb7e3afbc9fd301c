"""`file+1`, and good times written as text."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from datamodel_helpers import columns, write_events
from image_tools_helpers import run

from ciaopy.datamodel import parse
from ciaopy.datamodel.syntax import file_of
from ciaopy.errors import DataError, UserError, VirtualFileError

C = columns()


@pytest.fixture
def events(tmp_path: Path) -> Path:
    write_events(tmp_path / "evt.fits")
    return tmp_path / "evt.fits"


def test_the_number_of_an_hdu(events: Path, tmp_path: Path) -> None:
    """As in cfitsio 0 is the primary HDU; filters may follow, another block may not."""
    assert (parse(f"{events}+1").path, parse(f"{events}+1").block) == (str(events), 2)
    assert parse(f"{events}+0[x=1:2]").block == 1 and file_of(f"{events}+2[x=1:2]") == str(events)
    par, _ = run("dmkeypar", f"{events}+2", "HDUNAME")
    assert par["value"] == fits.getheader(events, 2)["HDUNAME"]
    run("dmcopy", f"{events}+1[pi=0:100]", tmp_path / "o.fits")
    assert len(fits.getdata(tmp_path / "o.fits", 1)) == ((C["pi"] >= 0) & (C["pi"] <= 100)).sum()
    assert (parse("-+1").path, parse("-+1").block, parse("-").block) == ("-", 2, None)
    with pytest.raises(VirtualFileError, match="names the block already"):
        parse(f"{events}+1[GTI3]")
    with pytest.raises(DataError, match="no block 10"):
        run("dmkeypar", f"{events}+9", "HDUNAME")


def test_a_file_may_have_such_a_name(events: Path, tmp_path: Path) -> None:
    odd = tmp_path / "evt.fits+1"
    odd.write_bytes(events.read_bytes())
    assert (parse(str(odd)).path, parse(str(odd)).block) == (str(odd), None)
    assert parse(f"{tmp_path}/new+1").path == f"{tmp_path}/new+1"
    odd.unlink()
    before = events.read_bytes()
    write_events(tmp_path / "other.fits")
    for tool, more in (("dmcopy", ()), ("dmtcalc", ("expression=a=1",))):
        with pytest.raises(UserError, match="names an extension"):
            run(tool, tmp_path / "other.fits", odd, *more, "clobber=yes")
    assert events.read_bytes() == before


TIMES = ((1100, 1200), (1500.5, 1700))


@pytest.mark.parametrize(
    "text",
    [
        "#TEXT/SIMPLE\n# START STOP\n1100 1200\n1500.5 1700\n",
        "1500.5 1700\n1100 1200\n",
        "# made by hand\n1100,1200\n1500.5,1700\n",
        "start\tstop\n1100\t1200\n1500.5\t1700\n",
        "# note STOP START\n1 1200 1100\n2 1700 1500.5\n",
    ],
)
def test_good_times_as_text(events: Path, tmp_path: Path, text: str) -> None:
    (tmp_path / "g.txt").write_text(text)
    run("dmcopy", f"{events}[@{tmp_path}/g.txt]", tmp_path / "o.fits")
    run("dmcopy", f"{events}[time=@{tmp_path}/g.txt]", tmp_path / "q.fits")
    assert len(fits.getdata(tmp_path / "q.fits", 1)) == len(fits.getdata(tmp_path / "o.fits", 1))
    run("dmcopy", f"{events}[exclude @{tmp_path}/g.txt]", tmp_path / "p.fits")
    want = np.any([(C["time"] >= a) & (C["time"] < b) for a, b in TIMES], axis=0)
    assert len(fits.getdata(tmp_path / "o.fits", 1)) == want.sum()
    assert len(fits.getdata(tmp_path / "p.fits", 1)) == (~want).sum()
    with fits.open(tmp_path / "o.fits") as f:
        times = [(b.data["START"].min(), b.data["STOP"].max()) for b in f[2:]]
        assert all(a >= 1100 and b <= 1700 for a, b in times) and {b.name for b in f[2:]} == {"GTI"}


def test_text_that_holds_no_times(events: Path, tmp_path: Path) -> None:
    for text, message in (("1 2 3\n", "START and STOP"), ("a b\n", "START and STOP"), ("pi=1:5\n1 2\n", "1 2")):
        (tmp_path / "g.txt").write_text(text)
        with pytest.raises((UserError, DataError), match=message):
            run("dmcopy", f"{events}[@{tmp_path}/g.txt]", tmp_path / "o.fits", "clobber=yes")
