"""What prompts and notebooks show of tables, images and headers."""

from __future__ import annotations

import base64
import io
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from ciaopy.fits import Column, Header, Image, Table, Vector


class Balanced(HTMLParser):
    """Fails where tags do not close in order; gathers text and pictures."""

    def __init__(self):
        super().__init__()
        self.open, self.text, self.images = [], [], []

    def handle_starttag(self, tag, attrs):
        if tag == "img":
            self.images.append(dict(attrs)["src"])
        elif tag not in ("br", "meta"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def page(html):
    parser = Balanced()
    parser.feed(html)
    assert parser.open == []
    assert not re.search(r"(?:src|href)=['\"](?!data:)", html), "it stands alone"
    return parser


def events(n=100_000):
    columns = {
        "time": Column("TIME", np.arange(n) * 3.2, "1D", "s", "Time <TT>"),
        "pi": Column("PI", np.arange(n, dtype=np.int32), "1J", "chan", keys={"TNULL": (1, "")}),
        "phas": Column("PHAS", np.zeros((n, 3, 3), np.int16), "9I"),
        "name": Column("NAME", np.array([b"a&b"] * n)),
    }
    header = Header([("OBJECT", "M31"), ("OBS_ID", "7"), ("COMMENT", "made up")])
    return Table("EVENTS", columns, header, [Vector("SKY", ("x", "y"))], [Table("GTI", {}, Header())])


def test_a_table_is_one_short_line():
    assert repr(events()) == ("<Table EVENTS: 100000 rows, 4 columns: TIME, PI, PHAS, NAME; vectors SKY; 1 companion>")
    wide = Table("W", {f"c{i}": Column(f"c{i}", np.zeros(1)) for i in range(500)}, Header())
    assert repr(wide) == "<Table W: 1 row, 500 columns: c0, c1, c2, c3, c4, c5, c6, c7, ...>"
    assert repr(Table("E", {}, Header())) == "<Table E: 0 rows, 0 columns>"


def test_a_notebook_shows_columns_units_nulls_and_first_values():
    html = events()._repr_html_()
    shown = page(html)
    assert {"Time <TT>", "chan", "int16[3][3]", "0, --, 2, 3, 4", "a&b, a&b, a&b, a&b, a&b", "3 header cards"} <= set(
        shown.text
    )
    assert len(html) < 20_000, "first values only"


def test_an_image_is_one_line_and_a_picture():
    from matplotlib.image import imread

    data = np.zeros((700, 900), np.float32)
    data[350, 450] = 1e-7
    data[0, 0] = np.nan
    image = Image("FLUX", data, Header([("BUNIT", "photon/cm2/s")]))
    assert repr(image) == "<Image FLUX: 900 x 700 pixels, float32, photon/cm2/s>"
    (source,) = page(image._repr_html_()).images
    drawn = imread(io.BytesIO(base64.b64decode(source.partition("base64,")[2])))
    assert drawn.shape[:2] == (234, 300)
    assert np.unravel_index(drawn[..., :3].sum(axis=2).argmax(), (234, 300)) == (233 - 350 // 3, 450 // 3), (
        "first row below"
    )


@pytest.mark.parametrize("shape", [(2, 3, 4), (5,), (0, 4), (1, 2000)])
def test_other_images_are_shown_too(shape):
    page(Image("A", np.zeros(shape, np.int16), Header())._repr_html_())


def test_an_image_without_pixels():
    image = Image("PRIMARY", None, Header())
    assert repr(image) == "<Image PRIMARY: no pixels>" and not page(image._repr_html_()).images


def test_a_header_is_one_line_and_prints_its_cards():
    header = Header([("OBJECT", "M<31"), ("EXPOSURE", 12.5, "[s] long"), ("HISTORY", "made")])
    assert repr(header) == "<Header: 3 cards, OBJECT='M<31'>"
    assert str(header).splitlines()[1].startswith("EXPOSURE=                 12.5 / [s] long")
    assert {"M<31", "12.5", "[s] long", "made"} <= set(page(header._repr_html_()).text)
