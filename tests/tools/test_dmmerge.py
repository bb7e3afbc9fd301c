"""dmmerge: rows, columns, headers by rules, the union of subspaces."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from datamodel_helpers import columns, write_events
from image_tools_helpers import run

from ciaopy.errors import DataError, UserError

C = columns()


@pytest.fixture
def events(tmp_path: Path) -> Path:
    write_events(tmp_path / "evt.fits", OBS_ID="1", RA_NOM=1.5, BADKEY=1)
    return tmp_path / "evt.fits"


def test_parts_of_a_file_make_the_whole(events: Path, tmp_path: Path) -> None:
    run("dmmerge", f"{events}[time=:1300],{events}[time=1300:]", tmp_path / "o.fits")
    with fits.open(tmp_path / "o.fits") as f:
        assert np.array_equal(f["EVENTS"].data["time"], C["time"])
        h = f["EVENTS"].header
        assert [b.header["HDUNAME"] for b in f[2:]] == ["GTI3", "GTI0"]
        assert f[2].data["START"].tolist() == [1000, 1503] and f[2].data["STOP"].tolist() == [1400, 2000]
    assert (h["ONTIME3"], h["ONTIME0"], h["TSTART"], h["TSTOP"]) == (897, 900, 990, 2010)
    assert h["DSVAL2"] == "3:3" and h["2DSVAL2"] == "0:0" and "3DSVAL2" not in h


def test_columns_and_block_name(events: Path, tmp_path: Path) -> None:
    write_events(tmp_path / "two.fits", rows=20, seed=8)
    stack = f"{events}[cols time,sky,pi,phas],{tmp_path}/two.fits[cols pi,time,sky,energy]"
    run("dmmerge", stack, tmp_path / "o.fits", "columnList=-pi", "outBlock=ALL")
    with fits.open(tmp_path / "o.fits") as f:
        assert f["ALL"].data.names == ["time", "x", "y"] and len(f["ALL"].data) == 520
        assert f["ALL"].header["MFORM1"] == "x,y"
    run("dmmerge", stack, tmp_path / "p.fits", "columnList=pi,time")
    assert fits.getdata(tmp_path / "p.fits", 1).names == ["pi", "time"]
    run("dmmerge", stack, tmp_path / "v.fits", "columnList=sky,pi")
    assert fits.getdata(tmp_path / "v.fits", 1).names == ["x", "y", "pi"]
    run("dmmerge", stack, tmp_path / "w.fits", "columnList=-sky")
    assert fits.getdata(tmp_path / "w.fits", 1).names == ["time", "pi"]
    with pytest.raises(UserError, match="column phas is not in every table"):
        run("dmmerge", stack, tmp_path / "q.fits", "columnList=phas")


def test_header_rules(events: Path, tmp_path: Path) -> None:
    write_events(tmp_path / "two.fits", rows=20, OBS_ID="2", RA_NOM=2.5, BADKEY=2, TSTART=100.0, TSTOP=3000.0)
    _, said = run("dmmerge", f"{events},{tmp_path}/two.fits", tmp_path / "o.fits")
    h = fits.getheader(tmp_path / "o.fits", 1)
    assert (h["OBS_ID"], h["RA_NOM"], h["TSTART"], h["TSTOP"]) == ("Merged", 1.5, 100, 3000)
    assert "RA_NOM" in said and "BADKEY" in said
    rules = tmp_path / "rules.txt"
    rules.write_text("# rules\nRA_NOM WarnOmit-0.5\nOBS_ID Merge-Several\nBADKEY Skip\nTELESCOP Force-X\n")
    run("dmmerge", f"{events},{tmp_path}/two.fits", tmp_path / "p.fits", f"lookupTab={rules}")
    h = fits.getheader(tmp_path / "p.fits", 1)
    assert "RA_NOM" not in h and "BADKEY" not in h and (h["OBS_ID"], h["TELESCOP"]) == ("Several", "X")
    rules.write_text("RA_NOM Fail\n")
    with pytest.raises(DataError, match="RA_NOM differs"):
        run("dmmerge", f"{events},{tmp_path}/two.fits", tmp_path / "q.fits", f"lookupTab={rules}")
    rules.write_text("RA_NOM Nonsense\n")
    with pytest.raises(UserError, match="line 1: unknown rule"):
        run("dmmerge", f"{events},{tmp_path}/two.fits", tmp_path / "q.fits", f"lookupTab={rules}")
    with pytest.raises(DataError, match="no such table"):
        run("dmmerge", str(events), tmp_path / "q.fits", f"lookupTab={tmp_path}/none.txt")
    assert not (tmp_path / "q.fits").exists()


def test_impossible_merges(events: Path, tmp_path: Path) -> None:
    fits.PrimaryHDU(np.zeros((2, 2))).writeto(tmp_path / "i.fits")
    with pytest.raises(UserError, match="is an image"):
        run("dmmerge", f"{events},{tmp_path}/i.fits", tmp_path / "o.fits")
    with pytest.raises(UserError, match="no column in common"):
        run("dmmerge", f"{events}[cols time],{events}[cols pi]", tmp_path / "o.fits")
    with pytest.raises(DataError, match="different shapes"):
        run("dmmerge", f"{events}[cols time],{events}[cols time=phas]", tmp_path / "o.fits")
    with pytest.raises(UserError, match="overwrite the input"):
        run("dmmerge", f"{events},{events}", events, "clobber=yes")
