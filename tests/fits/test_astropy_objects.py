"""Blocks as objects of numpy and astropy: arrays, WCS, tables with header, units and masks."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.nddata import CCDData
from astropy.table import QTable
from astropy.table import Table as AstropyTable
from astropy.wcs import WCS

from ciaopy.errors import DataError
from ciaopy.fits import Column, Header, Image, Table, Vector, from_astropy


def table():
    columns = {
        "x": Column("x", np.array([1.0, 2.0, np.nan]), "1D", "pixel", "Sky x"),
        "y": Column("y", np.array([4.0, 5.0, 6.0]), "1D", "pixel", "Sky y"),
        "energy": Column("energy", np.array([500.0, 700.0, 900.0], np.float32), "1E", "eV"),
        "pi": Column("pi", np.array([34, -1, 61], np.int32), "1J", "chan", keys={"TNULL": (-1, "")}),
    }
    header = Header(
        [
            ("EXTNAME", "EVENTS", "name"), ("OBJECT", "M 31", "Source name"), ("EXPOSURE", 1234.5, "[s] Exposure"),
            ("CLEAN", True, ""), ("LONGKEYS", "x" * 100, ""), ("COMMENT", "one"), ("HISTORY", "first"),
            ("HISTORY", "second"),
        ]
    )  # fmt: skip
    return Table("EVENTS", columns, header, [Vector("sky", ("x", "y"))])


def test_astropy_takes_a_table():
    made = AstropyTable(table())
    assert type(made) is AstropyTable and made.colnames == ["x", "y", "energy", "pi"]
    assert made["pi"].mask.tolist() == [False, True, False] and np.isnan(made["x"][2])
    assert made["energy"].unit == u.eV and made["x"].description == "Sky x"
    assert made.meta["OBJECT"] == "M 31" and made.meta["EXPOSURE"] == 1234.5 and made.meta["CLEAN"] is True
    assert made.meta["HISTORY"] == ["first", "second"] and made.meta["comments"] == ["one"]
    assert QTable(table())["energy"].to_value(u.keV).tolist() == pytest.approx([0.5, 0.7, 0.9])


def test_the_copy_is_independent():
    ours = table()
    made = AstropyTable(ours)
    made["y"][0] = -1
    assert ours["y"][0] == 4.0


@pytest.mark.parametrize("name", ["t.fits", "t.ecsv"])
def test_astropy_writes_header_units_and_masks(tmp_path, name):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        table().to_astropy().write(tmp_path / name)
    again = AstropyTable.read(tmp_path / name)
    assert again.meta["OBJECT"] == "M 31" and again["pi"].mask.tolist() == [False, True, False]
    assert again["energy"].unit == u.eV and again.meta["LONGKEYS"] == "x" * 100
    if name.endswith(".fits"):
        header = fits.getheader(tmp_path / name, 1)
        assert list(header["HISTORY"]) == ["first", "second"] and header["MFORM1"] == "x,y"


def test_header_comments_come_back_from_the_object_itself():
    ours = table()
    back = from_astropy(ours.to_astropy())
    assert back.header == ours.header and back.vectors == ours.vectors and back.name == "EVENTS"
    changed = ours.to_astropy()
    changed.meta["OBJECT"] = "M 33"
    other = from_astropy(changed)
    assert other.header["OBJECT"] == "M 33" and other.header["EXPOSURE"] == 1234.5
    assert list(other.header["HISTORY"]) == ["first", "second"], "values come from meta, whatever was kept"
    part = from_astropy(ours.to_astropy()[:2])
    assert len(part) == 2 and part.header["CLEAN"] is True and part.vectors == ours.vectors


def test_an_image_is_an_array():
    image = Image("A", np.arange(6, dtype=np.int16).reshape(2, 3), Header())
    assert np.asarray(image) is image.data and np.shape(image) == (2, 3)
    assert np.asarray(image, float).dtype == np.float64 and np.add(image, 1).tolist() == [[1, 2, 3], [4, 5, 6]]
    copied = np.array(image)
    copied[0, 0] = 9
    assert image.data[0, 0] == 0, "a copy is one"
    with pytest.raises(ValueError, match="must be copied"):
        image.__array__(np.float32, copy=False)
    with pytest.raises(DataError, match="no pixels"):
        np.asarray(Image("PRIMARY", None, Header()))


CARDS = [
    ("CTYPE1", "RA---SIN"), ("CTYPE2", "DEC--SIN"), ("CRVAL1", 10.0), ("CRVAL2", -40.0), ("CRPIX1", 3.0),
    ("CRPIX2", 2.0), ("CDELT1", -0.01), ("CDELT2", 0.01), ("CROTA2", 25.0),
]  # fmt: skip


def test_the_wcs_of_an_image_is_that_of_its_header():
    header = Header([*CARDS])
    image = Image("A", np.zeros((5, 7)), header)
    wanted = WCS(header.to_astropy(), naxis=2).wcs_pix2world([[1, 1], [6, 4]], 1)
    np.testing.assert_allclose(image.wcs.wcs_pix2world([[1, 1], [6, 4]], 1), wanted)
    assert image.wcs.array_shape == (5, 7) and image.wcs.has_celestial
    assert not Image("A", np.zeros((5, 7)), Header()).wcs.has_celestial
    cube = Image("C", np.zeros((2, 5, 7)), Header([*CARDS, ("CTYPE3", "FREQ"), ("CRVAL3", 1e9), ("CDELT3", 1e6)]))
    assert cube.wcs.naxis == 3 and cube.wcs.celestial.naxis == 2
    with pytest.raises(DataError, match="wcslib does not take"):
        _ = Image("A", np.zeros((5, 7)), Header([*CARDS[:8], ("PC1_1", 0.0), ("PC2_2", 0.0)])).wcs
    with pytest.raises(DataError, match="no pixels"):
        _ = Image("A", None, Header()).wcs


def test_pixels_without_a_value_are_masked_and_come_back():
    data = np.array([[1, -9], [3, 4]], np.int16)
    outside = np.array([[False, False], [True, False]])
    made = Image("A", data, Header([("BLANK", -9)]), outside=outside).to_astropy()
    assert made.mask.tolist() == [[False, True], [True, False]] and made.unit == u.dimensionless_unscaled
    back = from_astropy(made)
    assert back.data.tolist() == [[1, -9], [-9, 4]] and back.header["BLANK"] == -9
    assert Image("A", data, Header()).to_astropy().mask is None
    counts = Image("A", data, Header([("BUNIT", "count")]))
    assert from_astropy(counts.to_astropy()).header["BUNIT"] == "count", "spelt as it was"


def test_masked_pixels_of_astropy_never_become_numbers():
    mask = np.array([[True, False]])
    real = from_astropy(CCDData(np.array([[1.0, 2.0]]), mask=mask, unit="count"))
    assert np.isnan(real.data[0, 0]) and real.data[0, 1] == 2.0 and real.header["BUNIT"] == "count"
    whole = from_astropy(CCDData(np.array([[1, 2]], np.int32), mask=mask, unit="count"))
    assert whole.data[0, 0] == whole.header["BLANK"] == np.iinfo(np.int32).min
    taken = CCDData(np.array([[1, 2]], np.int32), mask=mask, unit="count", meta={"BLANK": 2})
    with pytest.raises(DataError, match="would become 2, as others are"):
        from_astropy(taken)
