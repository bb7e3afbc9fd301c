"""Regions on the axes of an image: `pos`, `(#1,#2)`, `(x,y)`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from image_tools_helpers import run

from ciaopy.errors import UserError

DATA = np.arange(1200, dtype="f4").reshape(30, 40)
Y, X = np.indices(DATA.shape) + 1.0
PHYSICAL = {"CRPIX1P": 0.5, "CRPIX2P": 0.5, "CRVAL1P": 100.5, "CRVAL2P": 200.5, "CDELT1P": 2.0, "CDELT2P": 2.0}


@pytest.mark.parametrize("keys", [{}, PHYSICAL, {**PHYSICAL, "CTYPE1P": "x", "CTYPE2P": "y"}])
def test_pairs_of_axes(tmp_path: Path, keys: dict[str, object]) -> None:
    """`#1` is the pixel, `pos` and `x` the physical coordinate; both crop to the box of the region."""
    image = fits.PrimaryHDU(DATA)
    image.header.update(keys)
    image.writeto(tmp_path / "i.fits")
    px, py = (99.5 + 2 * X, 199.5 + 2 * Y) if keys else (X, Y)
    centre = (px[9, 14], py[9, 14])
    for query, inside in (
        ("(#1,#2)=circle(15,10,5)", np.hypot(X - 15, Y - 10) <= 5),
        (f"pos=circle({centre[0]},{centre[1]},8)", np.hypot(px - centre[0], py - centre[1]) <= 8),
        (f"(x,y)=box({centre[0]},{centre[1]},8,6)", (abs(px - centre[0]) <= 4) & (abs(py - centre[1]) <= 3)),
        ("exclude ( #1 , #2 )=circle(15,10,5)", np.hypot(X - 15, Y - 10) > 5),
    ):
        run("dmcopy", f"{tmp_path}/i.fits[{query}]", tmp_path / "o.fits", "clobber=yes")
        made = fits.getdata(tmp_path / "o.fits")
        rows, cols = np.nonzero(inside)
        want = np.where(inside, DATA, 0)[rows.min() : rows.max() + 1, cols.min() : cols.max() + 1]
        assert np.array_equal(made, want), query


def test_pairs_that_are_not_there(tmp_path: Path) -> None:
    fits.PrimaryHDU(DATA).writeto(tmp_path / "i.fits")
    for query in ("(#1,#3)=circle(1,1,5)", "(x,q)=circle(1,1,5)"):
        with pytest.raises(UserError, match=r"#3|\bq\b"):
            run("dmcopy", f"{tmp_path}/i.fits[{query}]", tmp_path / "o.fits")
