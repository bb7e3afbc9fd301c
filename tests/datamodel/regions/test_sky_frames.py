"""Regions on images and pixel lists that are more than a tangent plane with North up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.wcs import WCS

from ciaopy.datamodel import clear_world, read
from ciaopy.errors import DataError, RegionError, VirtualFileError
from ciaopy.fits import Image, Table

STEP = 0.984 / 3600
DATA = np.random.default_rng(4).poisson(20, (90, 100)).astype("i4")
ROWS, COLUMNS = np.indices(DATA.shape)
PLAIN = {f"{k}{i}": v[i - 1] for k, v in {
    "CTYPE": ("RA---TAN", "DEC--TAN"), "CRPIX": (50.5, 45.5), "CRVAL": (150.0, 2.0), "CDELT": (-STEP, STEP),
    "CUNIT": ("deg", "deg"),
}.items() for i in (1, 2)}  # fmt: skip
PHYSICAL = {f"{k}{i}P": v for k, v in {"CTYPE": "", "CRPIX": 0.5, "CRVAL": 100.5, "CDELT": 4.0}.items() for i in (1, 2)}
PHYSICAL |= {"CTYPE1P": "x", "CTYPE2P": "y", "MTYPE1": "sky", "MFORM1": "x,y"}


def image(path: Path, **keys: Any) -> str:
    hdu = fits.PrimaryHDU(DATA)
    hdu.header.update(PLAIN | PHYSICAL | keys)
    hdu.writeto(path / "i.fits", overwrite=True)
    return str(path / "i.fits")


def total(name: str) -> int:
    block = read(name)
    assert isinstance(block, Image) and block.data is not None
    return int(block.data.sum())


def ds9(path: Path, text: str) -> str:
    (path / "r.reg").write_text(f"# Region file format: DS9 version 4.1\n{text}\n")
    return str(path / "r.reg")


def offsets(name: str, frame: str) -> tuple[np.ndarray, np.ndarray]:
    """Arcsec to the West and to the North of (150, 2) in a frame."""
    places = SkyCoord.from_pixel(COLUMNS, ROWS, WCS(fits.getheader(name))).transform_to(frame)
    centre = SkyCoord(150, 2, unit="deg").transform_to(frame)
    east, north = centre.spherical_offsets_to(places)
    return -east.arcsec, north.arcsec


def test_image_coordinates_are_pixels_of_the_image(tmp_path: Path) -> None:
    name, region = image(tmp_path), ds9(tmp_path, "image\ncircle(40,50,15)")
    want = DATA[np.hypot(COLUMNS + 1 - 40, ROWS + 1 - 50) <= 15].sum()
    assert total(f"{name}[sky=region({region})]") == want


def test_image_coordinates_are_refused_for_a_table(tmp_path: Path) -> None:
    hdu = fits.BinTableHDU.from_columns([fits.Column(c, "D", array=np.arange(9.0)) for c in "xy"], name="EVENTS")
    hdu.header["MTYPE1"], hdu.header["MFORM1"] = "sky", "x,y"
    hdu.writeto(tmp_path / "e.fits")
    for text in ("image\ncircle(4,4,3)", "physical\ncircle(4,4,3i)"):
        with pytest.raises(RegionError, match="physical coordinates for a table"):
            read(f"{tmp_path}/e.fits[sky=region({ds9(tmp_path, text)})]")


@pytest.mark.parametrize("turn", [0.0, 30.0, -130.0])
@pytest.mark.parametrize("frame", ["fk5", "galactic"])
def test_boxes_of_ds9_are_turned_with_the_sky(tmp_path: Path, turn: float, frame: str) -> None:
    name = image(tmp_path, CROTA2=turn)
    place = SkyCoord(150, 2, unit="deg").transform_to(frame if frame == "galactic" else "icrs").spherical
    region = ds9(tmp_path, f'{frame}\nbox({place.lon.deg:.9f},{place.lat.deg:.9f},30",10",20)')
    west, north = offsets(name, "galactic" if frame == "galactic" else "icrs")
    cos, sin = np.cos(np.radians(20)), np.sin(np.radians(20))
    inside = (abs(west * cos + north * sin) <= 15) & (abs(north * cos - west * sin) <= 5)
    assert total(f"{name}[sky=region({region})]") == DATA[inside].sum()


def test_what_cannot_be_exact_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(RegionError, match="depends on the direction"):
        read(f'{image(tmp_path, CDELT2=2 * STEP)}[sky=circle(150d,2d,12")]')
    mirrored = ds9(tmp_path, 'fk5\nbox(150,2,30",10",20)')
    with pytest.raises(RegionError, match="mirrored"):
        read(f"{image(tmp_path, CDELT1=STEP)}[sky=region({mirrored})]")
    with pytest.raises(RegionError, match="turned against"):
        read(f"{image(tmp_path, CROTA2=20.0)}[sky=rectangle(150d,2d,150.01d,2.01d)]")
    for keys, why in (
        ({"CTYPE1": "ELON-TAN", "CTYPE2": "ELAT-TAN"}, "ELON cannot be turned"),
        ({"CTYPE1": "RA---XXX", "CTYPE2": "DEC--XXX"}, "XXX"),
        ({"CTYPE1": "RA---TAN-SIP", "CTYPE2": "DEC--TAN-SIP"}, "SIP"),
        ({"CTYPE2": "FREQ"}, "one axis is on the sky"),
    ):
        name = image(tmp_path, **keys)
        with pytest.raises(DataError, match=why):
            read(f'{name}[sky=circle(150d,2d,12")]')
        # pixels need no sky
        assert total(f"{name}[#1=11:20,#2=5:9]") == DATA[4:9, 10:20].sum()
        assert total(f"{name}[sky=circle(300,280,40)]") > 0


def events(path: Path, **keys: Any) -> str:
    x, y = np.random.default_rng(3).uniform(1, 90, (2, 60))
    hdu = fits.BinTableHDU.from_columns([fits.Column(n, "D", array=v) for n, v in (("x", x), ("y", y))], name="EVENTS")
    hdu.header["MTYPE1"], hdu.header["MFORM1"] = "sky", "x,y"
    words = {"CTYPE": "TCTYP", "CRPIX": "TCRPX", "CRVAL": "TCRVL", "CDELT": "TCDLT", "CUNIT": "TCUNI"}
    hdu.header.update({words[k[:-1]] + k[-1]: v for k, v in PLAIN.items()} | keys)
    hdu.writeto(path / "e.fits", overwrite=True)
    return str(path / "e.fits")


def test_positions_as_columns(tmp_path: Path) -> None:
    name = events(tmp_path, TCTYP1="GLAT-TAN", TCTYP2="GLON-TAN", TCRVL1=42.0, TCRVL2=237.0, TCROT1=25.0)
    wcs = WCS(fits.getheader(name, 1), keysel=["pixel"])
    table = read(f"{name}[cols x,y,ra,dec,glon,glat]")
    assert isinstance(table, Table)
    world = wcs.all_pix2world(np.transpose([table["x"], table["y"]]), 1)
    assert np.allclose(table["glat"], world[:, 0], rtol=0, atol=1e-9)
    assert np.allclose(table["glon"], world[:, 1], rtol=0, atol=1e-9)
    there = SkyCoord(world[:, 1] * u.deg, world[:, 0] * u.deg, frame="galactic").icrs
    assert there.separation(SkyCoord(table["ra"], table["dec"], unit="deg")).arcsec.max() < 1e-6
    low, high = np.quantile(table["ra"], [0.2, 0.7])
    kept = read(f"{name}[ra={low}:{high}]")
    assert isinstance(kept, Table) and kept.nrows == ((table["ra"] >= low) & (table["ra"] < high)).sum()


def test_positions_of_another_equinox_are_not_called_ra_and_dec(tmp_path: Path) -> None:
    name = events(tmp_path, RADESYS="FK4", EQUINOX=1950.0)
    for text in ("[cols x,ra]", "[ra=149:151]"):
        with pytest.raises(DataError, match="FK4 B1950"):
            read(name + text)
    with pytest.raises(VirtualFileError, match="no column glon"):
        read(f"{name}[cols glon]")


def test_new_positions_lose_the_rotation_of_the_old(tmp_path: Path) -> None:
    table = read(events(tmp_path, TPC1_2=0.3, TCROT2=20.0, RADE1="FK4"))
    assert isinstance(table, Table)
    column = table.column("x")
    assert {"TPC_@y", "RADE"} <= set(column.keys)
    clear_world(column, {"TCRVL", "TCTYP"})
    assert set(column.keys) & {"TCRVL", "TCTYP", "TCRPX", "TCDLT", "TPC_@y", "RADE"} == {"TCRVL", "TCTYP"}
