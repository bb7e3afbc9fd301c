"""dmsort, dmpaste, dmjoin, dmappend on small tables."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st

from ciaopy.console import Console
from ciaopy.datamodel.workspace import Workspace
from ciaopy.engine.run import load_tool
from ciaopy.errors import DataError, OutputExistsError, UserError
from ciaopy.fits import Column, Image, Table, new_header, read_dataset, write_dataset
from ciaopy.param import open_parameters
from ciaopy.tools.dmjoin import joined
from ciaopy.tools.dmsort import order


def call(tool: str, *arguments: str) -> str:
    err = io.StringIO()
    par = open_parameters(tool, arguments, mode="rH")
    load_tool(tool).run(par, Workspace(Console(1, io.StringIO(), err), 1))
    return err.getvalue()


def table(name: str, **columns: object) -> Table:
    return Table(name, {n: Column(n, np.asarray(d)) for n, d in columns.items()}, new_header())


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    evt = table("EVENTS", time=[3.0, 1.0, 2.0, 0.0], ccd=[7, 7, 6, 6], pi=[1, 2, 3, 4])
    gti = table("GTI", start=[0.0], stop=[9.0])
    write_dataset("evt.fits", [evt, gti])
    write_dataset("img.fits", Image("IMG", np.ones((3, 3), "i2"), new_header()))
    return tmp_path


@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from([0.5, 1.5, float("nan")])), max_size=30))
def test_order_is_python_sort(rows: list[tuple[int, float]]) -> None:
    t = table("T", a=np.array([r[0] for r in rows], int), b=np.array([r[1] for r in rows], float))
    want = sorted(range(len(rows)), key=lambda i: (rows[i][0], np.isnan(rows[i][1]), -np.nan_to_num(rows[i][1])))
    assert order(t, ["a", "-b"]).tolist() == want


def test_dmsort(here: Path) -> None:
    call("dmsort", "evt.fits", "out.fits", "ccd,-time")
    with fits.open("out.fits", checksum=True) as h:
        assert h["EVENTS"].data["pi"].tolist() == [3, 4, 1, 2] and h["GTI"].data["stop"][0] == 9
    call("dmsort", "evt.fits[EVENTS][ccd=6]", "six.fits", "time", "copyall=no")
    assert [b.name for b in read_dataset("six.fits")] == ["PRIMARY", "EVENTS"]
    assert fits.getdata("six.fits", 1)["time"].tolist() == [0, 2]


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        (["evt.fits", "o.fits", "nosuch"], DataError, "no column nosuch"),
        (["evt.fits", "o.fits", ""], UserError, "no column to sort by"),
        (["img.fits", "o.fits", "time"], DataError, "is an image"),
        (["evt.fits", "img.fits", "time"], OutputExistsError, "clobber"),
        (["evt.fits", "evt.fits", "time", "clobber=yes"], UserError, "overwrite the input"),
    ],
)
def test_dmsort_refuses(here: Path, arguments: list[str], error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        call("dmsort", *arguments)
    assert not Path("o.fits").exists()


def test_dmpaste(here: Path) -> None:
    write_dataset("more.fits", table("MORE", hr=[1.0, 2.0, 3.0, 4.0], pi=[9, 9, 9, 9]))
    warnings = call("dmpaste", "evt.fits", "more.fits", "out.fits")
    assert "column pi is called pi_2" in warnings
    data = fits.getdata("out.fits", "EVENTS")
    assert data.names == ["time", "ccd", "pi", "hr", "pi_2"] and data["pi_2"].tolist() == [9] * 4
    with pytest.raises(DataError, match=r"has 1 rows, evt\.fits has 4"):
        call("dmpaste", "evt.fits", "evt.fits[GTI]", "no.fits")
    assert not Path("no.fits").exists()


@pytest.mark.parametrize(
    ("method", "want"),
    [
        ("linear", [10.0, 12.5, 17.5, 20.0]),
        ("first", [10.0, 10.0, 10.0, 20.0]),
        ("last", [10.0, 20.0, 20.0, 20.0]),
        ("closest", [10.0, 10.0, 20.0, 20.0]),
        ("furthest", [10.0, 20.0, 10.0, 20.0]),
        ("minimum", [10.0, 10.0, 10.0, 20.0]),
        ("maximum", [10.0, 20.0, 20.0, 20.0]),
    ],
)
def test_join_methods(method: str, want: list[float]) -> None:
    other = table("T", time=[2.0, 1.0], v=[20.0, 10.0], n=np.array([20, 10], "i2"), s=np.array([b"hi", b"lo"]))
    columns = {c.name: c.data for c in joined(other, "time", np.array([1.0, 1.25, 1.75, 2.0]), method)}
    assert columns["v"].tolist() == want and columns["n"].dtype == np.int16
    np.testing.assert_array_equal(columns["n"], np.rint(want))
    outside = {c.name: c.data for c in joined(other, "time", np.array([0.5, np.nan, 3.0]), method)}
    assert np.isnan(outside["v"]).all() and outside["n"].tolist() == [0, 0, 0] and outside["s"].tolist() == [b""] * 3


def test_dmjoin(here: Path) -> None:
    write_dataset("asol.fits", table("ASPSOL", time=[0.0, 2.0, 4.0], ra=[1.0, 3.0, 5.0], q=np.eye(3)))
    call("dmjoin", "evt.fits", "asol.fits", "out.fits", "time")
    data = fits.getdata("out.fits", "EVENTS")
    assert data["ra"].tolist() == [4.0, 2.0, 3.0, 1.0] and data["q"][0].tolist() == [0.0, 0.5, 0.5]
    with pytest.raises(DataError, match="no column when"):
        call("dmjoin", "evt.fits", "asol.fits", "no.fits", "when")
    with pytest.raises(DataError, match="has no rows to join"):
        call("dmjoin", "evt.fits", "asol.fits[time=90:99]", "no.fits", "time")


def test_dmappend(here: Path) -> None:
    before = Path("evt.fits").read_bytes()
    call("dmappend", "img.fits", "evt.fits")
    assert Path("evt.fits").read_bytes().startswith(before)
    with fits.open("evt.fits", checksum=True) as h:
        h.verify("exception")
        assert len(h) == 4 and h[3].data.sum() == 9
    call("dmappend", "evt.fits[EVENTS][pi=1:2]", "evt.fits[FEW]")
    assert fits.getdata("evt.fits", "FEW")["pi"].tolist() == [1, 2]
    with pytest.raises(UserError, match="no such file to append to"):
        call("dmappend", "img.fits", "nosuch.fits")
