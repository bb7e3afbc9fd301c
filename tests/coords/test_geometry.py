"""The focal plane: chips, origins, headers, CALDB files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from ciaopy.coords import Geometry
from ciaopy.errors import CalibrationError, DataError

GEOM, AIMPTS = "telD1999-07-23geomN0006.fits", "telD1999-07-23aimptsN0002.fits"


def test_chips_close_and_have_their_size() -> None:
    for detector in Geometry.embedded().detectors.values():
        for chip in detector.chips:
            ll, lr, ur, ul = (np.array(getattr(chip, k)) for k in ("ll", "lr", "ur", "ul"))
            assert np.abs(ll + (lr - ll) + (ul - ll) - ur).max() < 1.5e-3, chip.name
            # the nominal pixel differs from the one between corners by at most 1 part in 2000
            assert np.linalg.norm(lr - ll) / detector.pixel == pytest.approx(chip.size[0], rel=5e-4)
            assert np.linalg.norm(ul - ll) / detector.pixel == pytest.approx(chip.size[1], rel=6e-4)
            e1, e2 = chip.axes()
            assert abs(e1 @ e2) < 1e-4


def test_chip_table_has_nan_for_missing_chips() -> None:
    table = Geometry.embedded().detector("HRC-S").chip_table()
    assert table.shape == (4, 9)
    assert np.isnan(table[0]).all()
    assert np.isfinite(table[1:]).all()


@pytest.mark.parametrize(
    ("name", "want"),
    [("ACIS", "ACIS"), ("acis-7", "ACIS"), ("ACIS-S3", "ACIS"), ("HRC-I", "HRC-I"), ("hrc-s2", "HRC-S")],
)
def test_detector_names(name: str, want: str) -> None:
    assert Geometry.embedded().detector(name).name == want


@pytest.mark.parametrize("name", ["", "EPIC-PN", "HRC", "ACI"])
def test_unknown_detector(name: str) -> None:
    with pytest.raises(DataError, match="unknown detector"):
        Geometry.embedded().detector(name)


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ({}, "no INSTRUME/DETNAM"),
        ({"INSTRUME": "EPN", "DETNAM": "X"}, "unknown detector INSTRUME='EPN'"),
        ({"INSTRUME": "HRC"}, "no INSTRUME/DETNAM"),
        ({"INSTRUME": "HRC", "DETNAM": "HRC-Q"}, "evt.fits: unknown detector"),
    ],
)
def test_detector_of_bad_header(header: dict[str, str], message: str) -> None:
    with pytest.raises(DataError, match=message):
        Geometry.embedded().detector_of(header, "evt.fits")


def test_unknown_chip() -> None:
    with pytest.raises(DataError, match="HRC-S has no chip 0; its chips are 1, 2, 3"):
        Geometry.embedded().detector("HRC-S").chip(0)


def test_caldb_files_agree_with_embedded_tables(data: Path) -> None:
    folder = data / "caldb/chandra/default"
    read, own = Geometry.from_files(folder / GEOM, folder / AIMPTS), Geometry.embedded()
    assert GEOM in read.source
    for name, detector in own.detectors.items():
        other = read.detectors[name]
        assert other.focal_length == detector.focal_length == 10070.0
        assert other.pixel == detector.pixel
        assert other.aimpoint == detector.aimpoint
        np.testing.assert_allclose(other.chip_table(), detector.chip_table(), rtol=0, atol=1e-7, equal_nan=True)
    for key, value in own.aimpoints.items():
        np.testing.assert_allclose(read.aimpoints[key], value, rtol=0, atol=1e-9)


def test_geom_file_that_is_not_one(data: Path, tmp_path: Path) -> None:
    folder = data / "caldb/chandra/default"
    with pytest.raises(CalibrationError, match="no INSTRUMENTS table; it has AIMPOINTS"):
        Geometry.from_files(folder / AIMPTS)
    with pytest.raises(CalibrationError, match="no AIMPOINTS table"):
        Geometry.from_files(folder / GEOM, folder / GEOM)
    with fits.open(folder / GEOM) as hdus:
        fits.HDUList([h for h in hdus if h.header.get("INSTRUME", "").strip() != "HRC-I"]).writeto(tmp_path / "g.fits")
    with pytest.raises(CalibrationError, match="no INSTGEOM table with INSTRUME=HRC-I"):
        Geometry.from_files(tmp_path / "g.fits")


def test_geom_file_missing_or_damaged(tmp_path: Path) -> None:
    with pytest.raises(CalibrationError, match=r"nothing\.fits"):
        Geometry.from_files(tmp_path / "nothing.fits")
    (tmp_path / "bad.fits").write_bytes(b"not a FITS file at all")
    with pytest.raises(CalibrationError, match=r"bad\.fits"):
        Geometry.from_files(tmp_path / "bad.fits")
