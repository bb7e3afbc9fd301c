"""dmtcalc: new and replaced columns, types, keys, row numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from datamodel_helpers import columns, write_events, write_gti
from image_tools_helpers import run

from ciaopy.errors import DataError, UserError

C = columns()


@pytest.fixture
def events(tmp_path: Path) -> Path:
    write_events(tmp_path / "evt.fits")
    return tmp_path / "evt.fits"


def test_columns_are_computed(events: Path, tmp_path: Path) -> None:
    text = "r2=(x-4100)^2+(y-4100)^2; (float)kev=energy/1000.; n=#row; half=pi/2; dt=time-TSTART; pi=pi+1; big=r2>100"
    run("dmtcalc", events, tmp_path / "o.fits", f"expression={text}")
    d = fits.getdata(tmp_path / "o.fits", 1)
    x, y = C["x"], C["y"]
    assert np.allclose(d["r2"], (x - 4100) ** 2 + (y - 4100) ** 2, rtol=1e-5)
    assert d["kev"].dtype == ">f4" and np.allclose(d["kev"], C["energy"] / 1000, equal_nan=True)
    assert (
        np.array_equal(d["n"], np.arange(1, 501))
        and np.array_equal(d["pi"], np.where(C["pi"] == -1, -1, C["pi"] + 1))
        and d["pi"].dtype == ">i4"
    )
    assert np.array_equal(d["dt"], C["time"] - 990) and d["big"].dtype == bool
    with fits.open(tmp_path / "o.fits") as f:
        assert [b.header.get("HDUNAME") for b in f] == ["PRIMARY", "EVENTS", "GTI3", "GTI0"]
        assert f[1].header["TLMAX6"] == 1024


def test_expressions_in_a_file(events: Path, tmp_path: Path) -> None:
    (tmp_path / "e.txt").write_text("# comment\na=1\nb=a+1\n")
    run("dmtcalc", events, tmp_path / "o.fits", f"expression=@{tmp_path}/e.txt")
    assert (fits.getdata(tmp_path / "o.fits", 1)["b"] == 2).all()


def test_an_empty_table_gets_a_column(tmp_path: Path) -> None:
    """The trick of chandra_repro: FILTER blocks have no columns, and a time column makes them filterable."""
    write_gti(tmp_path / "f.fits", {3: [(1000, 1400)], 0: [(1100, 2000)]})
    with fits.open(tmp_path / "f.fits") as f:
        block = fits.BinTableHDU.from_columns([], name="FILTER")
        block.header["DSTYP1"], block.header["DSTYP2"] = "time", "ccd_id"
        block.header["DSREF1"], block.header["2DSREF1"] = ":GTI3", ":GTI0"
        block.header["DSVAL1"], block.header["DSVAL2"], block.header["2DSVAL2"] = "TABLE", "3:3", "0:0"
        f.insert(1, block)
        f.writeto(tmp_path / "flt.fits")
    run("dmtcalc", tmp_path / "flt.fits", tmp_path / "o.fits", "expression=time=0")
    run("dmcopy", f"{tmp_path}/o.fits[time=1200.25:1300.75]", tmp_path / "p.fits")
    with fits.open(tmp_path / "p.fits") as f:
        assert f["FILTER"].data.names == ["time"] and len(f["FILTER"].data) == 0
        assert [(b.data["START"][0], b.data["STOP"][0]) for b in f[2:]] == [(1200.25, 1300.75)] * 2


def test_bad_expressions(events: Path, tmp_path: Path) -> None:
    fits.PrimaryHDU(np.zeros((2, 2))).writeto(tmp_path / "i.fits")
    for error, message, infile, text in (
        (UserError, "no nosuch", events, "a=nosuch+1"), (UserError, "expected name=expression", events, "1+2"),
        (UserError, "is an image", tmp_path / "i.fits", "a=1"), (UserError, "repeatable", events, "a=#trand"),
        (DataError, "no such file", events, f"@{tmp_path}/none"),
    ):  # fmt: skip
        with pytest.raises(error, match=message):
            run("dmtcalc", infile, tmp_path / "o.fits", f"expression={text}")
    assert not (tmp_path / "o.fits").exists()


def _add_columns(path: Path, **extra: fits.Column) -> Path:
    with fits.open(path) as f:
        made = fits.BinTableHDU.from_columns(f[1].columns + fits.ColDefs(list(extra.values())), header=f[1].header)
        f[1] = made
        f.writeto(path.with_name("more.fits"))
    return path.with_name("more.fits")


def test_vectors_and_their_elements(events: Path, tmp_path: Path) -> None:
    r = np.c_[np.arange(500.0), np.arange(500.0) + 3]
    more = _add_columns(events, r=fits.Column("R", "2D", array=r))
    text = "rmid=0.5*(R[0]+R[1]),q=sky[0], p = sky*2, sky=sky+0.5"
    run("dmtcalc", more, tmp_path / "o.fits", f"expression={text}")
    d = fits.getdata(tmp_path / "o.fits", 1)
    assert np.array_equal(d["rmid"], r.mean(axis=1)) and np.array_equal(d["q"], C["x"])
    assert np.array_equal(d["p"], np.c_[C["x"], C["y"]] * 2)
    assert np.array_equal(d["x"], (C["x"] + 0.5).astype("f4")) and np.array_equal(d["y"], (C["y"] + 0.5).astype("f4"))
    for text, message in (
        ("sky=1", "two values a row"),
        ("a=R[2]", "count from 0"),
        ("a=R[-1]", "number of an element"),
    ):
        with pytest.raises(UserError, match=message):
            run("dmtcalc", more, tmp_path / "p.fits", f"expression={text}")


@pytest.mark.parametrize("count", [32, 16, 12, 7])
def test_bits_are_set_and_asked_for(
    events: Path, tmp_path: Path, count: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """Bit 0 is the last of the array, however many there are; all others keep their values."""
    bits = np.random.default_rng(count).random((500, count)) < 0.5
    more = _add_columns(events, s=fits.Column("flags", f"{count}X", array=bits))
    _, said = run(
        "dmtcalc", more, tmp_path / "o.fits", "expression=was=flags==X2T,X5F,flags=flags,flags=X2F,X5T,flags=X0T"
    )
    want = bits.copy()
    want[:, count - 3], want[:, count - 6], want[:, count - 1] = False, True, True
    d = fits.getdata(tmp_path / "o.fits", 1)
    assert np.array_equal(d["flags"], want)
    assert np.array_equal(d["was"], bits[:, count - 3] & ~bits[:, count - 6])
    assert "X2 is the bit of value 2**2" in said
    for text, message in (
        (f"flags=X{count}F", f"0 to {count - 1}"),
        ("nosuch=X1F", "no such column"),
        ("x=X1T", "bits"),
    ):
        with pytest.raises(UserError, match=message):
            run("dmtcalc", more, tmp_path / "p.fits", f"expression={text}")


def test_bits_of_whole_numbers(events: Path, tmp_path: Path) -> None:
    run("dmtcalc", events, tmp_path / "o.fits", "expression=pi=X3T,pi=X0F")
    assert np.array_equal(fits.getdata(tmp_path / "o.fits", 1)["pi"], (C["pi"] | 8) & ~1)
