"""The texts that tg_zo_position takes, and those that it does not."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st

from ciaopy.coords import format_dec, format_ra
from ciaopy.errors import ParameterError
from ciaopy.observation import parse_position, zero_order_position

RA, DEC = st.floats(0, 359.999), st.floats(-89.99, 89.99)


@given(RA, DEC)
def test_round_trips(ra, dec):
    """Decimal degrees with and without letters, hours, sexagesimal: the same place again."""
    assert parse_position(f"{ra!r},{dec!r}") == (ra, dec)
    assert parse_position(f"{ra:.9f}D, {dec:.9f}D") == pytest.approx((ra, dec), abs=1e-8)
    assert parse_position(f"{ra / 15:.10f}H,{dec:.9f}") == pytest.approx((ra % 360, dec), abs=1e-8)
    text = parse_position(f"{format_ra(ra, 6)},{format_dec(dec, 5)}")
    assert text == pytest.approx((ra, dec), abs=1e-7) or abs(text[0] - ra) > 359.9


@given(RA, DEC)
def test_without_a_comma(ra, dec):
    joined = f"{ra:.6f}{dec:+.6f}"
    assert parse_position(joined) == pytest.approx((round(ra, 6), round(dec, 6)), abs=1e-9)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5:34:31.94,+22:00:52.2", (83.633083, 22.0145)),
        ("05h34m31.94s -22d00m52.2s", (83.633083, -22.0145)),
        ("5 34 31.94, 22 0 52.2", (83.633083, 22.0145)),
        ("12h30m, -1:30", (187.5, -1.5)),
    ],
)
def test_known_texts(text, value):
    assert zero_order_position(text) == pytest.approx(value, abs=1e-5)


@pytest.mark.parametrize(
    "text",
    [
        "12h,nonsense",
        "370,10",
        "-5,10",
        "10,95",
        "10,20,30",
        "Evt2",
        "",
        "5:61:00,1:0:0",
        "83.6 22.0",
        "400.0,0",
        "1e400,3",
    ],
)
def test_texts_that_are_no_position(text):
    with pytest.raises(ParameterError, match=r"tg_zo_position.*evt2, detect, RA,Dec"):
        zero_order_position(text)


def test_keywords():
    assert zero_order_position(" evt2 ") == "evt2" and zero_order_position("detect") == "detect"


def table(path, **columns):
    made = [fits.Column(n, "D" if np.asarray(v).dtype.kind == "f" else "20A", array=v) for n, v in columns.items()]
    hdu = fits.BinTableHDU.from_columns(made, name="SRC")
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(path)
    return str(path)


def test_tables(tmp_path):
    assert zero_order_position(table(tmp_path / "a.fits", X=[1.0], DEC=[-5.0], RA=[10.0])) == (10.0, -5.0)
    assert zero_order_position(table(tmp_path / "b.fits", ONE=[10.0, 3.0], TWO=[-5.0, 3.0])) == (10.0, -5.0)
    found = zero_order_position(table(tmp_path / "c.fits", RA=np.array(["5:34:31.94"]), Dec=np.array(["22:00:52.2"])))
    assert found == pytest.approx((83.633083, 22.0145), abs=1e-5)
    for name, columns in (
        ("d", {"RA": [10.0]}),
        ("e", {"RA": np.array(["here"]), "DEC": np.array(["there"])}),
        ("f", {"RA": np.zeros(0), "DEC": np.zeros(0)}),
    ):
        with pytest.raises(ParameterError, match=r"tg_zo_position=.*fits"):
            zero_order_position(table(tmp_path / f"{name}.fits", **columns))
    (tmp_path / "g.txt").write_bytes(b"\0\1nothing")
    with pytest.raises(ParameterError, match=r"g\.txt"):
        zero_order_position(str(tmp_path / "g.txt"))
