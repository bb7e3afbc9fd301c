"""asphist as users call it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from coords_tools_helpers import run
from exposure_tools_helpers import asol, events

from ciaopy.conformance import check
from ciaopy.errors import DataError, NoDataError, UserError


def test_good_times_are_those_of_the_chip(tmp_path: Path) -> None:
    a, e = asol(tmp_path / "asol.fits"), events(tmp_path / "evt.fits")
    for chip, time in ((2, 800.0), (3, 2000.0)):
        out = tmp_path / f"{chip}.asphist"
        run("asphist", f"infile={a}", f"outfile={out}", f"evtfile={e}[ccd_id={chip}]")
        with fits.open(out) as hdus:
            table = hdus["ASPHIST"]
            assert table.columns.names == ["CAH_REC", "X_OFFSET", "Y_OFFSET", "ROLL_OFFSET", "DURATION"]
            assert table.data["DURATION"].sum() == pytest.approx(0.98 * time, rel=1e-9)
            assert table.header["LIVETIME"] == pytest.approx(0.98 * time, rel=1e-9)
            assert table.header["DETNAM"] == f"ACIS-{chip}"
            assert any(h.name.startswith("GTI") for h in hdus)


def test_the_layout_is_ciaos(tmp_path: Path) -> None:
    """Keywords, vectors and bin numbers as in aspect histograms of CIAO 4.9 (ObsID 16375)."""
    a, e = asol(tmp_path / "asol.fits"), events(tmp_path / "evt.fits")
    out = tmp_path / "h.asphist"
    run("asphist", f"infile={a}", f"outfile={out}", f"evtfile={e}[ccd_id=3]", "res_xy=1", "res_roll=300")
    layout = {"COL-1", "COL-2", "COL-4", "COL-7", "COL-8", "DSS-1", "DSS-4", "KEY-2"}
    assert not [f for f in check(out).findings if f.rule in layout and f.hdu == "ASPHIST"]
    with fits.open(out) as hdus:
        table, h = hdus["ASPHIST"].data, hdus["ASPHIST"].header
    assert table["CAH_REC"].tolist() == list(range(1, len(table) + 1))
    mean = np.average(table["X_OFFSET"], weights=table["DURATION"])
    assert h["AVG_XOFF"] == pytest.approx(mean, abs=1e-9) and h["X_MIN"] == table["X_OFFSET"].min()
    assert (h["X_RES"], h["ROLL_RES"]) == pytest.approx((1 / 0.492, 300 / 3600))
    bins = h["TCRVL2"] + (table["X_OFFSET"] - h["TCRPX2"]) * h["TCDLT2"]
    assert bins.min() >= 0.5 and bins.max() <= 0.5 + np.ceil(np.ptp(table["X_OFFSET"]) * h["TCDLT2"] + 1)
    assert [h[f"MTYPE{n}"] for n in (1, 2, 3)] == ["POS_OFFSET", "POS_OFFBIN", "POS_OFFDEG"]
    assert h["TCDLT2A"] == pytest.approx(0.492 / 3600)


def test_dead_time_file(tmp_path: Path) -> None:
    a, e = asol(tmp_path / "asol.fits"), events(tmp_path / "evt.fits")
    t = np.arange(900.0, 3100.0, 2.05)
    columns = [fits.Column("TIME", "D", array=t), fits.Column("DTF", "D", array=np.where(t < 2000, 0.5, 1.0))]
    fits.BinTableHDU.from_columns(columns, name="DTF").writeto(tmp_path / "dtf.fits")
    out = tmp_path / "h.fits"
    run("asphist", f"infile={a}", f"outfile={out}", f"evtfile={e}[ccd_id=3]", f"dtffile={tmp_path / 'dtf.fits'}")
    assert fits.getdata(out, "ASPHIST")["DURATION"].sum() == pytest.approx(1500.0, rel=1e-3)
    with pytest.raises(DataError, match="TIME and DTF"):
        run("asphist", f"infile={a}", f"outfile={tmp_path / 'x'}", f"evtfile={e}", f"dtffile={a}")


def test_bad_input(tmp_path: Path) -> None:
    a, e = asol(tmp_path / "asol.fits"), events(tmp_path / "evt.fits")
    out = tmp_path / "h.fits"
    with pytest.raises(DataError, match="not an aspect solution"):
        run("asphist", f"infile={e}", f"outfile={out}", f"evtfile={e}")
    with pytest.raises(UserError, match="raise max_bin"):
        run("asphist", f"infile={a}", f"outfile={out}", f"evtfile={e}", "max_bin=3")
    with pytest.raises(NoDataError, match="no time in common"):
        late = events(tmp_path / "late.fits")
        with fits.open(late, mode="update") as hdus:
            hdus["GTI3"].data["START"], hdus["GTI3"].data["STOP"] = 9e6, 9.1e6
        run("asphist", f"infile={a}", f"outfile={out}", f"evtfile={late}[ccd_id=3]")
    bad = events(tmp_path / "bad.fits", DTCOR=1.7)
    with pytest.raises(DataError, match=r"DTCOR is 1\.7"):
        run("asphist", f"infile={a}", f"outfile={out}", f"evtfile={bad}")
    assert not out.exists()
