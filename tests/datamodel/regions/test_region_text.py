"""Region text and region files: what CIAO and ds9 write, and what must be refused."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ciaopy.datamodel import Workspace
from ciaopy.datamodel.regions import (
    Region,
    Shape,
    parse_region,
    read_region_file,
    region_from_table,
    region_to_table,
    write_region_file,
)
from ciaopy.errors import OutputExistsError, RegionError, UserError
from ciaopy.fits import Table, Vector


class FlatSky:
    """A sky on which one pixel is 0.5 arcsec, RA grows to the left, and (150, 2) is pixel (4096.5, 4096.5)."""

    scale = 0.5 / 3600
    logical_scale = 8.0

    def world_to_pixel(self, ra_deg: float, dec_deg: float) -> tuple[float, float]:
        return 4096.5 - (ra_deg - 150.0) / self.scale, 4096.5 + (dec_deg - 2.0) / self.scale

    def scale_at(self, x: float, y: float) -> float:
        return self.scale

    def turn(self, system: str = "icrs") -> float:
        return 0.0

    def logical_to_physical(self, x: float, y: float) -> tuple[float, float]:
        return 8.0 * x - 3.5, 8.0 * y - 3.5


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("circle(10,10,5)&!circle(10,10,2)|box(1,2,3,4)", "Circle(10,10,5)&!Circle(10,10,2)|Box(1,2,3,4)"),
        ("circle(4072.863123,3945.821234,3.048781)", "Circle(4072.86,3945.82,3.04878)"),
        ("circle(1234567.9,1,1)", "Circle(1.23457e+06,1,1)"),
        ("circle(0,0,9)+box(1,1,2,2)-circle(1,1,1)", "Circle(0,0,9)|Box(1,1,2,2)&!Circle(1,1,1)"),
        ("circle(0,0,9)-circle(1,1,1)+box(1,1,2,2)", "Circle(0,0,9)&!Circle(1,1,1)|Box(1,1,2,2)"),
        ("circle(0,0,9)-circle(1,1,1)-box(1,1,2,2)", "Circle(0,0,9)&!Circle(1,1,1)&!Box(1,1,2,2)"),
        ("circle(0,0,9)*!box(1,1,2,2)", "Circle(0,0,9)&!Box(1,1,2,2)"),
        ("circle(0,0,9)!box(1,1,2,2)", "Circle(0,0,9)|!Box(1,1,2,2)"),
        ("circle(0,0,9)circle(1,1,1)", "Circle(0,0,9)|Circle(1,1,1)"),
        ("CIR(1,2,3)", "Circle(1,2,3)"),
        ("poly(0,0,1,0,1,1)", "Polygon(0,0,1,0,1,1)"),
        ("rect(1,2,3,4)||sect(0,0,1,2)&&poi(1,1)", "Rectangle(1,2,3,4)|Sector(0,0,1,2)&Point(1,1)"),
        ("box(1,2,3,4,0)", "Box(1,2,3,4)"),
        ("box(1,2,3,4,30)", "RotBox(1,2,3,4,30)"),
        ("line(1,2,3,4)", "Rectangle(1,2,3,4)"),
        ("field()", "Field()"),
        ("circle 1 2 3", "Circle(1,2,3)"),
        (" circle ( 1 , +2 , .5e1 ) ", "Circle(1,2,5)"),
        ("bounds(circle(10,10,5))", "Rectangle(5,5,15,15)"),
        ("!(circle(0,0,1)+circle(5,5,1))", "!Circle(0,0,1)&!Circle(5,5,1)"),
        ("panda(0,0,10,80,4,1,5,2)", "Pie(0,0,1,5,10,80)"),
    ],
)
def test_text_as_the_data_subspace_writes_it(text: str, want: str) -> None:
    assert str(parse_region(text)) == want


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no shapes"),
        ("   ", "no shapes"),
        ("# only a comment\n", "no shapes"),
        ("-circle(1,2,3)", r"begin with field\(\)"),
        ("# Region file format: CIAO version 1.0\n-circle(1,2,3)\ncircle(1,2,9)", r"line 2: .*begin with field\(\)"),
        ("cirkle(1,2,3)", "unknown shape cirkle"),
        ("ci(1,2,3)", "unknown shape"),
        ("ellipse(1,2,3,4)", "takes 5 numbers, not 4"),
        ("circle(1,2)", "takes 3 numbers"),
        ("circle(1,2,-3)", "must be positive"),
        ("box(1,2,-3,4)", "must be positive"),
        ("annulus(1,2,5,3)", "inner radius"),
        ("polygon(0,0,1,1)", "3 or more vertices"),
        ("diamond(1,2,3,4)", "not supported"),
        ("elliptannulus(1,2,3,4,5,6,7)", "not supported"),
        ("circle(1,2,3),box(1,2,3,4)", "expected a shape"),
        ("circle(1,2,3) # text", "expected a shape"),
        ("circle(1,2,3", "not closed"),
        ("circle(10-5,2,3)", "not a coordinate"),
        ("circle(1,2,1d1)", "not a size"),
        ("circle(1e999,2,3)", "not a finite number"),
        ("circle(1,2,nan)", "not a size"),
        ("+circle(1,2,3)", "expected a shape"),
        ("circle(1,2,3)+", "expected a shape at its end"),
        ("(" * 200 + "circle(1,2,3)", "not closed|nested"),
        ("(" * 200 + "circle(1,2,3)" + ")" * 200, "nested"),
        ("mask(a.fits)-circle(1,2,3)", "mask"),
        ("bounds(field())", "finite size"),
        ("circle(10:00:00,20:00:00,3)", "sky transform"),
        ("circle(1,2,3')", "sky transform"),
        ("image;circle(1,2,3)", "need an image"),
        ("detector\ncircle(1,2,3)", "not supported"),
        ("circle(1,2,3)\n!circle(1,2,1)", "ambiguous"),
        ("region(no_such.reg)", "no_such.reg: no such region file"),
        ("region()", "no file name"),
    ],
)
def test_what_is_refused(text: str, message: str) -> None:
    with pytest.raises(RegionError, match=message):
        parse_region(text)


@settings(deadline=None, max_examples=300)
@given(
    st.one_of(
        st.text(),
        st.text("circle(1,2+-*&|!)box;#\n' \"dp:i.e", max_size=60),
        st.binary().map(lambda b: b.decode("latin-1")),
    )
)
def test_any_text_parses_or_is_a_region_error(text: str) -> None:
    try:
        region = parse_region(text, FlatSky())
    except RegionError:
        return
    assert isinstance(region, Region)
    assert region.shapes


def test_sky_coordinates_and_sizes() -> None:
    sky = FlatSky()
    for text in (
        'circle(10:00:00,+02:00:00,3")',
        "circle(150d,2d,6)",
        "circle(150d,2d,0.05')",
        'fk5;circle(150,2,3")',
        "fk5\ncircle(150.0,2.0,0.000833333333333) # color=red text={a;b (c}",
        'icrs;circle(10h00m00.0s,+2d0m0s,3")',
        "image;circle(512.5,512.5,0.75)",
    ):
        shape = parse_region(text, sky).shapes[0]
        assert (shape.x[0], shape.y[0]) == pytest.approx((4096.5, 4096.5), abs=1e-6), text
        assert shape.radii[0] == pytest.approx(6.0, rel=1e-9), text
    south = parse_region('circle(10:00:00,-00:30:00,3")', sky).shapes[0]
    assert south.y[0] == pytest.approx(4096.5 - 2.5 * 7200)


def test_galactic_coordinates_are_turned() -> None:
    shape = parse_region('galactic;circle(237.5,42.0,3")', FlatSky()).shapes[0]
    from astropy.coordinates import SkyCoord

    icrs = SkyCoord(237.5, 42.0, unit="deg", frame="galactic").icrs
    assert (shape.x[0], shape.y[0]) == pytest.approx(FlatSky().world_to_pixel(icrs.ra.deg, icrs.dec.deg))


def test_a_ds9_file(tmp_path: Path) -> None:
    path = tmp_path / "ds9.reg"
    path.write_text(
        "# Region file format: DS9 version 4.1\n"
        'global color=green dashlist=8 3 width=1 font="helvetica 10 normal roman" select=1\n'
        "physical\n"
        "circle(4096.5,4096.5,20) # text={source; one} color=cyan\n"
        "-circle(4100,4100,5)\n"
        "box(4000,4000,10,20,0)\n"
        "ellipse(3900,3900,10,20,45) ||\n"
        "# vector(1,2,3,4) vector=1\n"
        "\n"
    )
    want = "Circle(4096.5,4096.5,20)&!Circle(4100,4100,5)|Box(4000,4000,10,20)|Ellipse(3900,3900,10,20,45)"
    assert str(read_region_file(path)) == want
    (tmp_path / "z.reg.gz").write_bytes(gzip.compress(path.read_bytes()))
    assert str(read_region_file(tmp_path / "z.reg")) == want


def test_a_ciao_file_follows_the_region_library(tmp_path: Path) -> None:
    path = tmp_path / "ciao.reg"
    path.write_text("# Region file format: CIAO version 1.0\ncircle(1,2,3)\n-circle(1,2,1)\n+box(5,5,2,2)\n")
    assert str(read_region_file(path)) == "Circle(1,2,3)&!Circle(1,2,1)|Box(5,5,2,2)"
    text = parse_region(f"region({path})-circle(5,5,0.5)")
    assert str(text) == "Circle(1,2,3)&!Circle(1,2,1)&!Circle(5,5,0.5)|Box(5,5,2,2)&!Circle(5,5,0.5)"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no shapes"),
        (b"\xff\xfe\x00", "neither"),
        (b"\x1f\x8b\x08broken", "cannot be read"),
        (b"circle(1,2,x)", "line 1"),
    ],
)
def test_damaged_files_are_named(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "bad.reg"
    path.write_bytes(content)
    with pytest.raises(RegionError, match=message) as caught:
        read_region_file(path)
    assert "bad.reg" in str(caught.value)


def test_a_file_that_includes_itself_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "self.reg"
    path.write_text(f"region({path})\n")
    with pytest.raises(RegionError, match=r"self\.reg"):
        read_region_file(path)


REGION = (
    "circle(1.1,2,3)&!annulus(1,2,0.1,1)|polygon(0,0,4,0.3,4,3,-1,5)|!rotbox(1,2,3,4,30)"
    "|pie(0,0,1,2,30,60)&field()|rectangle(0,0,1,1)|ellipse(1,2,3,4,5)|sector(0,0,1,2)|point(1,2)|box(1,2,3,4)"
)


@pytest.mark.parametrize("kind", ["ciao", "ds9"])
def test_ascii_files_round_trip(tmp_path: Path, kind: str) -> None:
    region, path = parse_region(REGION), tmp_path / "out.reg"
    write_region_file(path, region, kind)
    back = read_region_file(path)
    x, y = np.random.default_rng(3).uniform(-6, 6, (2, 5000))
    assert np.array_equal(back.inside(x, y), region.inside(x, y))
    with pytest.raises(OutputExistsError, match="clobber"):
        write_region_file(path, region, kind)
    write_region_file(path, parse_region("circle(1,2,3)"), kind, clobber=True)
    assert str(read_region_file(path)) == "Circle(1,2,3)"
    assert [p.name for p in tmp_path.iterdir()] == ["out.reg"]
    with pytest.raises(RegionError, match="of kind"):
        write_region_file(tmp_path / "x", region, "xml")


def test_the_fits_block_round_trips() -> None:
    region = parse_region(REGION)
    table = region_to_table(region)
    assert region_from_table(table) == region
    assert table.header["HDUCLAS1"] == "REGION"
    assert table["component"].tolist() == [1, 1, 2, 3, 4, 4, 5, 6, 7, 8, 9]


def test_fits_files_round_trip(tmp_path: Path) -> None:
    from astropy.io import fits

    region, path = parse_region(REGION), tmp_path / "out.fits"
    write_region_file(path, region, "fits")
    assert read_region_file(path) == region
    assert parse_region(f"region({path}[REGION])", read=Workspace().read) == region
    with pytest.raises(RegionError, match="a region file with a filter needs a reader"):
        parse_region(f"region({path}[REGION])")
    with fits.open(path) as hdus:
        assert hdus["REGION"].data["SHAPE"][1] == "!Annulus"
        assert np.isnan(hdus["REGION"].data["X"][0][1:]).all()


def test_axes_of_other_names() -> None:
    """Without X and Y the columns that a vector pairs take their place."""
    table = region_to_table(parse_region("polygon(1,2,5,2,5,9)"))
    columns = {n: c for n, c in table.columns.items() if n not in ("x", "y")}
    columns |= {"tg_mlam": table.columns["x"], "pi": table.columns["y"]}
    renamed = Table("REGION", columns, table.header, [Vector("pos", ("TG_MLAM", "PI"))])
    assert region_from_table(renamed) == region_from_table(table)
    with pytest.raises(RegionError, match="no column X"):
        region_from_table(Table("REGION", columns, table.header))


def test_tables_that_are_no_regions() -> None:
    table = region_to_table(parse_region("circle(1,2,3)"))
    with pytest.raises(RegionError, match="no column X"):
        region_from_table(table.select(["SHAPE", "Y"]))
    with pytest.raises(RegionError, match="no shapes"):
        region_from_table(table.take(np.zeros(1, bool)))
    table["shape"] = np.array([b"Blob"])
    with pytest.raises(RegionError, match=r"row 1: .*unknown shape blob"):
        region_from_table(table)


@pytest.mark.data
def test_field_of_view_of_1230_in_fits(data: Path) -> None:
    path = next((data / "archive/1230").rglob("*fov1*"))
    region = read_region_file(path)
    assert {s.kind for s in region.shapes} == {"polygon"}
    assert all(0 < s.area < 1.3e6 for s in region.shapes)
    one = read_region_file(f"{path}[ccd_id=7]", read=Workspace().read)
    assert len(one.shapes) == 1
    assert one.shapes[0] in region.shapes


def test_shapes_check_themselves() -> None:
    with pytest.raises(RegionError, match="unknown shape"):
        Shape("star")
    with pytest.raises(RegionError, match="wrong number"):
        Shape("circle", (1.0,), (2.0,))
    with pytest.raises(RegionError, match="no shapes"):
        Region(())
    with pytest.raises(UserError, match="no shapes"):
        Region(((),))
