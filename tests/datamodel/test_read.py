"""ciaopy.read and astropy: out, in, and to disk."""

from __future__ import annotations

from pathlib import Path

import astropy.table
import numpy as np
import pytest
from astropy.nddata import CCDData
from datamodel_helpers import columns, write_events

import ciaopy
from ciaopy.errors import DataError, OutputExistsError, VirtualFileError
from ciaopy.fits import Image, Table, from_astropy

C = columns()


@pytest.fixture
def events(tmp_path: Path) -> Path:
    write_events(tmp_path / "evt.fits")
    return tmp_path / "evt.fits"


def test_a_table_goes_to_astropy_and_back(events: Path, tmp_path: Path) -> None:
    table = ciaopy.read(f"{events}[ccd_id=3]")
    assert isinstance(table, Table)
    other = table.to_astropy()
    assert isinstance(other, astropy.table.Table) and other.colnames == table.names
    assert str(other["x"].unit) == "pix" and other["pi"].mask.sum() == (table["pi"] == -1).sum() > 0
    back = from_astropy(other)
    assert isinstance(back, Table) and back.vectors == table.vectors and back.header == table.header
    for name in table.names:
        assert np.array_equal(back[name], table[name], equal_nan=table[name].dtype.kind == "f")
        assert back.column(name).keys == table.column(name).keys and back.column(name).form == table.column(name).form
    back.companions = table.companions
    back.write(tmp_path / "o.fits")
    again = ciaopy.read(f"{tmp_path}/o.fits[energy=500:7000]")
    want = (C["ccd_id"] == 3) & (C["energy"] >= 500) & (C["energy"] < 7000)
    assert isinstance(again, Table) and np.array_equal(again["time"], C["time"][want])
    with pytest.raises(OutputExistsError, match=r"o\.fits"):
        table.write(tmp_path / "o.fits")


def test_a_plain_astropy_table(tmp_path: Path) -> None:
    source = astropy.table.Table(
        {"a": [1, 2], "name": ["x", "yy"], "r": [1.5, np.nan]}, meta={"OBJECT": "M31", "z": [1]}
    )
    table = from_astropy(source, "MINE")
    assert isinstance(table, Table) and table.header["OBJECT"] == "M31" and "Z" not in table.header
    table.write(tmp_path / "t.fits")
    again = ciaopy.read(f"{tmp_path}/t.fits[MINE][name=yy]")
    assert isinstance(again, Table) and again["a"].tolist() == [2]


def test_an_image_goes_to_astropy_and_back(events: Path, tmp_path: Path) -> None:
    image = ciaopy.read(f"{events}[bin x=4000:4200:4,y=4000:4200:4]")
    assert isinstance(image, Image)
    other = image.to_astropy()
    assert isinstance(other, CCDData) and other.wcs is not None and np.array_equal(other.data, image.data)
    back = from_astropy(other)
    assert isinstance(back, Image) and back.header["CRVAL1P"] == 4000 and back.name == "EVENTS_IMAGE"
    back.write(tmp_path / "i.fits")
    again = ciaopy.read(tmp_path / "i.fits")
    assert isinstance(again, Image) and np.array_equal(again.data, image.data)
    with pytest.raises(DataError, match="no pixels"):
        Image("PRIMARY", None, image.header).to_astropy()


def test_the_default_block(tmp_path: Path, events: Path) -> None:
    assert ciaopy.read(events).name == "EVENTS"
    ciaopy.read(f"{events}[bin x=4000:4200:4,y=4000:4200:4]").write(tmp_path / "i.fits")
    assert isinstance(ciaopy.read(tmp_path / "i.fits"), Image)
    assert ciaopy.read(f"{events}[3]").name == "GTI3" and ciaopy.read(f"{events}[gti0]").name == "GTI0"


def test_syntax_errors_reach_python(events: Path) -> None:
    with pytest.raises(VirtualFileError, match="not closed"):
        ciaopy.read(f"{events}[pi=1")
