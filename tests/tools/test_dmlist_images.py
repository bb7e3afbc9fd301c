"""dmlist IMAGE cols: pixels, physical and world coordinates of the axes."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from image_tools_helpers import run

STEP = 0.984 / 3600
SKY = {
    "CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRPIX1": 50.5, "CRPIX2": 40.5, "CRVAL1": 150.25, "CRVAL2": -2.5,
    "CDELT1": -STEP, "CDELT2": STEP, "CUNIT1": "deg", "CUNIT2": "deg", "MTYPE2": "EQPOS", "MFORM2": "RA,DEC",
}  # fmt: skip
PHYSICAL = {
    "CTYPE1P": "x", "CTYPE2P": "y", "CRPIX1P": 0.5, "CRPIX2P": 0.5, "CRVAL1P": 100.5, "CRVAL2P": 200.5,
    "CDELT1P": 2.0, "CDELT2P": 4.0, "MTYPE1": "sky", "MFORM1": "x,y",
}  # fmt: skip


def listed(path: Path, data: np.ndarray, **keys: object) -> str:
    image = fits.PrimaryHDU(data)
    image.header.update(keys)
    image.writeto(path, overwrite=True)
    return run("dmlist", path, "cols")[1]


def numbers(line: str) -> list[float]:
    return [float(v) for v in re.findall(r"\(([-+][\d.e+-]+)\)", line)]


def test_axes_and_transforms(tmp_path: Path) -> None:
    """The numbers listed give, for a pixel, what astropy's wcs gives at the reference point."""
    text = listed(tmp_path / "i.fits", np.ones((30, 40), "f4"), **SKY, **PHYSICAL, BUNIT="count")
    assert re.search(r"PRIMARY\[40,30\] +count +Real4\(40x30\)", text)
    x, y = (next(s for s in text.splitlines() if re.search(p, s)) for p in (r"sky\(x\) = ", r"^ +\(y\) = "))
    assert numbers(x) == [100.5, 2, 0.5] and numbers(y) == [200.5, 4, 0.5]
    ra, dec = (next(s for s in text.splitlines() if re.search(p, s)) for p in (r"EQPOS\(RA\) = ", r"^ +\(DEC\) = "))
    assert "[deg] + TAN[" in ra and "sky(x)" in ra
    # CRPIX 50.5 is x = 100.5 + 2 * 50; a physical pixel is half of an image pixel in x, a quarter in y
    assert np.allclose(numbers(ra), [150.25, -STEP / 2, 200.5]) and np.allclose(numbers(dec), [-2.5, STEP / 4, 360.5])
    assert "with" not in text


@pytest.mark.parametrize(
    ("keys", "word"),
    [
        ({"CROTA2": 30.0}, "CROTA2=30.0"),
        ({"PC1_1": 0.8, "PC1_2": 0.6, "PC2_1": -0.6, "PC2_2": 0.8}, "PC1_2=0.6"),
        ({"RADESYS": "FK4"}, "RADESYS=FK4"),
    ],
)
def test_what_turns_the_axes_is_named(tmp_path: Path, keys: dict[str, object], word: str) -> None:
    text = listed(tmp_path / "i.fits", np.ones((3, 4), "i2"), **SKY, **keys)
    assert "Int2(4x3)" in text and word in text


def test_other_axes(tmp_path: Path) -> None:
    text = listed(tmp_path / "i.fits", np.zeros((2, 3, 4)), CTYPE3="ENERGY", CRVAL3=500.0, CDELT3=10.0, CUNIT3="eV")
    assert "Real8(4x3x2)" in text and re.search(r"ENERGY = \(\+500\)\[eV\]", text)
    assert "World" not in listed(tmp_path / "i.fits", np.zeros(5, "u1")) and "TAN" not in text
    assert "World" in listed(tmp_path / "c.fits", np.zeros((5, 5)), **{**SKY, "CDELT1": 1, "CD1_1": -0.1, "CD2_2": 0.1})
