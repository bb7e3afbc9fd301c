"""A thousand random world coordinate headers, of images and of pixel lists, against astropy.wcs and its frames."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from astropy.coordinates import Galactic, SkyCoord
from astropy.io import fits
from astropy.wcs import WCS
from astropy.wcs.utils import wcs_to_celestial_frame

from ciaopy.datamodel import Workspace, image_wcs, read, table_wcs
from ciaopy.datamodel.wcs import move_axis
from ciaopy.fits import Header, Image, Table, open_fits

PROJECTIONS = ("TAN", "TAN", "TAN", "SIN", "ARC", "STG", "ZEA", "CAR", "SFL", "AIT", "MOL", "CEA", "MER")
FAMILIES = ("plain", "crota", "pc", "cd", "pole", "pc partly")
SYSTEMS = ("none", "icrs", "fk5", "equinox", "fk5 1975", "fk4", "fk4 equinox", "galactic", "galactic in icrs")
SCALE = 0.492 / 3600


def description(rng: np.random.Generator) -> dict[str, Any]:
    """Image keywords of a random transform that exists (of some poles and projections there is none)."""
    while True:
        keys = one_description(rng)
        try:
            astropy_wcs(header_of(keys))
        except ValueError:
            continue
        return keys


def one_description(rng: np.random.Generator) -> dict[str, Any]:
    """Image keywords of a random transform, with axes 1 and 2."""
    family, system, projection = (str(rng.choice(v)) for v in (FAMILIES, SYSTEMS, PROJECTIONS))
    swapped = bool(rng.random() < 0.25)
    names = ("GLON", "GLAT") if system.startswith("galactic") else ("RA--", "DEC-")
    ctype = [f"{n}-{projection}" for n in names]
    crval = [float(rng.uniform(0, 360)), float(rng.uniform(-80, 80))]
    if projection in ("CAR", "SFL", "AIT", "MOL", "CEA", "MER") and rng.random() < 0.5:
        crval[1] = 0.0
    delta = [-SCALE * float(rng.uniform(0.5, 2)), SCALE * float(rng.uniform(0.5, 2))]
    if rng.random() < 0.5:
        delta[1] = -delta[0]
    if rng.random() < 0.2:
        delta[0] = -delta[0]
    if swapped:
        ctype, crval, delta = ctype[::-1], crval[::-1], delta[::-1]
    keys: dict[str, Any] = {}
    for i in (1, 2):
        keys |= {f"CTYPE{i}": ctype[i - 1], f"CRVAL{i}": crval[i - 1], f"CUNIT{i}": "deg"}
        keys[f"CRPIX{i}"] = float(rng.uniform(20, 200))
        keys[f"CDELT{i}"] = delta[i - 1]
    angle = float(rng.uniform(-np.pi, np.pi))
    cos, sin = np.cos(angle), np.sin(angle)
    shear = float(rng.choice([0.0, 0.01]))
    pc = {"1_1": cos, "1_2": -sin + shear, "2_1": sin, "2_2": cos}
    if family == "crota":
        keys[f"CROTA{1 if swapped else 2}"] = np.degrees(angle)
    elif family == "pc":
        keys |= {f"PC{k}": float(v) for k, v in pc.items()}
    elif family == "pc partly":
        keys["PC1_2"] = 0.3
    elif family == "cd":
        keys |= {f"CD{k}": float(v) * keys.pop(f"CDELT{k[0]}", delta[int(k[0]) - 1]) for k, v in pc.items()}
    elif family == "pole":
        keys |= {"LONPOLE": float(rng.uniform(0, 360))}
    if projection == "SIN" and rng.random() < 0.5:
        lat = 1 if swapped else 2
        keys |= {f"PV{lat}_1": 0.01, f"PV{lat}_2": -0.02}
    keys |= {
        "none": {},
        "icrs": {"RADESYS": "ICRS", "EQUINOX": 2000.0},
        "fk5": {"RADESYS": "FK5", "EQUINOX": 2000.0},
        "equinox": {"EQUINOX": 2000.0},
        "fk5 1975": {"RADESYS": "FK5", "EQUINOX": 1975.0},
        "fk4": {"RADESYS": "FK4", "EQUINOX": 1950.0},
        "fk4 equinox": {"EQUINOX": 1950.0},
        "galactic": {},
        "galactic in icrs": {"RADESYS": "ICRS", "EQUINOX": 2000.0},
    }[system]
    return keys


def icrs(wcs: WCS, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Positions by astropy; FK5 J2000 stands for ICRS, as everywhere in ciaopy."""
    world = wcs.all_pix2world(np.transpose([x, y]), 1)
    lng, lat = world[:, wcs.wcs.lng], world[:, wcs.wcs.lat]
    # astropy lets RADESYS win over CTYPE
    frame = Galactic() if wcs.wcs.lngtyp == "GLON" else wcs_to_celestial_frame(wcs)
    if frame.name == "fk5" and frame.equinox.jyear == 2000:
        return lng, lat
    there = SkyCoord(lng, lat, unit="deg", frame=frame).icrs
    return there.ra.deg, there.dec.deg


def arcsec_apart(a: tuple[np.ndarray, np.ndarray], b: tuple[np.ndarray, np.ndarray]) -> float:
    one, other = (SkyCoord(*p, unit="deg") for p in (a, b))
    return float(one.separation(other).arcsec.max())


def header_of(keys: dict[str, Any]) -> fits.Header:
    header = fits.Header()
    for key, value in keys.items():
        header[key] = value
    return header


def astropy_wcs(header: fits.Header) -> WCS:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return WCS(header)


X, Y = np.random.default_rng(5).uniform(1, 300, (2, 12))


COUNTS = [pytest.param(50, 11), pytest.param(500, 12, marks=pytest.mark.slow)]


@pytest.mark.parametrize(("count", "seed"), COUNTS)
def test_images_before_and_after_cutting_and_binning(count: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    for number in range(count):
        keys = description(rng)
        wcs = astropy_wcs(header_of(keys))
        header = Header()
        for key, value in keys.items():
            header[key] = value
        sky = image_wcs(Image("IMAGE", np.zeros((300, 300)), header))
        assert sky is not None, keys
        want = icrs(wcs, X, Y)
        assert arcsec_apart(sky.pixel_to_sky(X, Y), want) < 1e-6, (number, keys)
        back = sky.sky_to_pixel(*want)
        assert np.allclose(back, (X, Y), rtol=0, atol=2e-6), (number, keys)
        edges, factors = rng.integers(0, 50, 2) + 0.5, rng.choice([1.0, 2.0, 3.0, 5.0], 2)
        for i in (1, 2):
            move_axis(header, i, float(edges[i - 1]), float(factors[i - 1]))
        moved = astropy_wcs(header.to_astropy())
        new = [(v - e) / f + 0.5 for v, e, f in zip((X, Y), edges, factors, strict=True)]
        assert arcsec_apart(icrs(moved, *new), want) < 1e-6, (number, keys)
        ours = image_wcs(Image("IMAGE", np.zeros((3, 3)), header))
        assert ours is not None
        physical = ours.logical_to_physical(*new)
        assert arcsec_apart(ours.pixel_to_sky(*physical), want) < 1e-6, (number, keys)


LONG = {"CTYPE": "TCTYP", "CRVAL": "TCRVL", "CRPIX": "TCRPX", "CDELT": "TCDLT", "CUNIT": "TCUNI", "CROTA": "TCROT"}
SHORT = {"CTYPE": "TCTY", "CRVAL": "TCRV", "CRPIX": "TCRP", "CDELT": "TCDE", "CUNIT": "TCUN", "CROTA": "TCROT"}


def pixel_list(keys: dict[str, Any], rng: np.random.Generator, columns: tuple[int, int]) -> dict[str, Any]:
    """The same transform as keywords of two columns, in one of the spellings."""
    names = LONG if rng.random() < 0.5 else SHORT
    matrix = {"PC": str(rng.choice(["TP", "TPC"])), "CD": str(rng.choice(["TC", "TCD"])), "PV": "TPV"}
    own_system = rng.random() < 0.5
    found: dict[str, Any] = {}
    for key, value in keys.items():
        stem, digits = key.rstrip("0123456789_"), key[len(key.rstrip("0123456789_")) :]
        if stem in names:
            found[f"{names[stem]}{columns[int(digits) - 1]}"] = value
        elif stem in matrix:
            i, j = digits.split("_")
            second = j if stem == "PV" else columns[int(j) - 1]
            found[f"{matrix[stem]}{columns[int(i) - 1]}_{second}"] = value
        elif stem == "LONPOLE":
            found[f"LONP{columns[0]}"] = value
        elif own_system:
            # a keyword of the transform stands on both columns (or, by some writers, on one)
            found |= {f"{ {'RADESYS': 'RADE', 'EQUINOX': 'EQUI'}[stem] }{c}": value for c in columns}
        else:
            found[key] = value
    return found


@pytest.fixture(scope="module")
def workspace() -> Workspace:
    return Workspace()


@pytest.mark.parametrize(("count", "seed"), COUNTS)
def test_pixel_lists_and_the_images_binned_from_them(tmp_path, workspace, count: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = X.astype("f8"), Y.astype("f8")
    for number in range(count):
        keys = description(rng)
        columns = (2, 4) if number % 2 else (3, 2)
        table_keys = pixel_list(keys, rng, columns)
        parts = {columns[0]: ("x", x), columns[1]: ("y", y)}
        made = [
            fits.Column(parts[n][0], "D", array=parts[n][1]) if n in parts else fits.Column(f"c{n}", "D", array=x)
            for n in range(1, 5)
        ]
        hdu = fits.BinTableHDU.from_columns(made, name="EVENTS")
        hdu.header["MTYPE1"], hdu.header["MFORM1"] = "sky", "x,y"
        for key, value in table_keys.items():
            hdu.header[key] = value
        path = tmp_path / f"{number}.fits"
        hdu.writeto(path)
        want = icrs(astropy_wcs(header_of(keys)), X, Y)
        table = read(str(path), workspace)
        assert isinstance(table, Table)
        sky = table_wcs(table)
        assert sky is not None, table_keys
        assert arcsec_apart(sky.pixel_to_sky(X, Y), want) < 1e-6, (number, table_keys)
        # columns dropped, renamed and in another order, written and read again
        if number % 5 == 0:
            turned = read(f"{path}[cols v=y,u=x]", workspace)
            assert isinstance(turned, Table)
            turned.vectors = [type(table.vectors[0])("sky", ("u", "v"))]
            other = tmp_path / f"{number}b.fits"
            turned.write(other)
            with open_fits(other) as file:
                again = file.read(1)
            assert isinstance(again, Table)
            after = table_wcs(again)
            assert after is not None and arcsec_apart(after.pixel_to_sky(X, Y), want) < 1e-6, (number, table_keys)
        steps = rng.choice([1.0, 2.0, 4.0], 2)
        image = read(f"{path}[bin x=10:210:{steps[0]},y=30:230:{steps[1]}]", workspace)
        assert isinstance(image, Image)
        new = (X - 10) / steps[0] + 0.5, (Y - 30) / steps[1] + 0.5
        assert arcsec_apart(icrs(astropy_wcs(image.header.to_astropy()), *new), want) < 1e-6, (number, table_keys)
