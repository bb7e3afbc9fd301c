"""Damaged calibration files: a product or a CalibrationError, never anything else."""

from __future__ import annotations

from functools import cache
from io import BytesIO
from pathlib import Path

import made_caldb_files as made
import pytest
from astropy.io import fits
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ciaopy.caldb.load import read_product
from ciaopy.caldb.products import Product
from ciaopy.errors import CalibrationError

PRODUCTS = sorted(made.BUILDERS)

VALUES = [b"'4E      '", b"'PHA     '", b"'1E      '", b"'9A      '", b"0", b"-1", b"1000000000", b"T", b"1.5"]


# astropy warns of keywords that the damage made invalid.
pytestmark = pytest.mark.filterwarnings("ignore::astropy.utils.exceptions.AstropyUserWarning")


@cache
def sound(product: str) -> bytes:
    """Return the bytes of an undamaged file."""
    stream = BytesIO()
    hdus = made.BUILDERS[product]()
    first = [] if isinstance(hdus[0], fits.PrimaryHDU) else [fits.PrimaryHDU()]
    fits.HDUList([*first, *hdus]).writeto(stream)
    return stream.getvalue()


def outcome(product: str, path: Path, content: bytes) -> str:
    path.write_bytes(content)
    try:
        made_product = read_product(product, path)
    except CalibrationError as error:
        assert path.name in str(error)
        return "error"
    assert isinstance(made_product, Product)
    return "product"


@pytest.mark.parametrize("product", PRODUCTS)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=st.lists(st.tuples(st.floats(0.0, 1.0, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=6))
def test_changed_bytes(tmp_path, product, changes):
    content = bytearray(sound(product))
    for share, value in changes:
        content[int(share * len(content))] = value
    outcome(product, tmp_path / "changed.fits", bytes(content))


@pytest.mark.parametrize("product", PRODUCTS)
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(share=st.floats(0.0, 0.99))
def test_cut_short(tmp_path, product, share):
    content = sound(product)
    outcome(product, tmp_path / "short.fits", content[: int(share * len(content))])


@pytest.mark.parametrize("product", PRODUCTS)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(share=st.floats(0.0, 1.0, exclude_max=True), value=st.sampled_from(VALUES))
def test_changed_cards(tmp_path, product, share, value):
    """Replace the value of a keyword: sizes, forms, names, units."""
    content = bytearray(sound(product))
    cards = [k for k in range(0, len(content), 80) if content[k + 8 : k + 10] == b"= "]
    start = cards[int(share * len(cards))]
    content[start + 10 : start + 30] = value.rjust(20) if not value.startswith(b"'") else value.ljust(20)
    outcome(product, tmp_path / "card.fits", bytes(content))


@pytest.mark.parametrize("content", [b"", b"SIMPLE", b"\0" * 5760, b"not a FITS file at all\n" * 300])
def test_not_fits(tmp_path, content):
    assert outcome("QE", tmp_path / "not.fits", content) == "error"
