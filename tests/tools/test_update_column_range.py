"""update_column_range: TLMIN and TLMAX from the data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st
from image_tools_helpers import run, write_table

from ciaopy.datamodel.column_range import outwards
from ciaopy.errors import DataError, NoDataError, UserError


def table(path: Path, x: list[float]) -> str:
    n = len(x)
    columns = [
        fits.Column("x", "E", array=np.array(x)),
        fits.Column("y", "E", array=np.arange(n) + 100.25),
        fits.Column("pi", "I", array=np.arange(n) + 7),
        fits.Column("name", "4A", array=np.array(["a"] * n)),
    ]
    return write_table(path, columns, "EVENTS", MTYPE1="sky", MFORM1="x,y", TLMIN1=0.5, TLMAX1=8192.5)


def limits(name: str, number: int) -> tuple[float, float]:
    header = fits.getheader(name, "EVENTS")
    return header[f"TLMIN{number}"], header[f"TLMAX{number}"]


def test_sky_is_rounded_outwards(tmp_path):
    name = table(tmp_path / "a.fits", [3.2, np.nan, 40.5, 17.0])
    run("update_column_range", name)
    assert limits(name, 1) == (2.5, 40.5) and limits(name, 2) == (99.5, 103.5)
    assert fits.getdata(name, "EVENTS")["x"][0] == np.float32(3.2)
    run("update_column_range", name, "columns=x,pi", "round=no")
    assert limits(name, 1) == (float(np.float32(3.2)), 40.5) and limits(name, 3) == (7, 10)


def test_refusals(tmp_path):
    name = table(tmp_path / "a.fits", [1.0])
    for arguments, error, message in [
        ([f"{name}[pi=1:2]"], UserError, "without filters"),
        ([name, "columns=z"], DataError, "no column z"),
        ([name, "columns=name"], DataError, "no column of numbers"),
        ([name, "columns="], UserError, "columns is empty"),
        ([table(tmp_path / "b.fits", [np.nan]), "columns=x"], NoDataError, "no finite values"),
    ]:
        with pytest.raises(error, match=message):
            run("update_column_range", *arguments)


@given(st.floats(-1e4, 1e4), st.floats(0, 1e4))
def test_outwards(low, width):
    a, b = outwards((low, low + width))
    assert a <= low and b >= low + width and a % 1 == 0.5 and b % 1 == 0.5
    assert low - a < 1.0000001 and b - low - width < 1.0000001
