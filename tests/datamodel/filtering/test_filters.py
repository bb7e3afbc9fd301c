"""Filters on made and real event files: every form against a numpy mask; errors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from datamodel_helpers import columns, write_events, write_gti
from hypothesis import given, settings
from hypothesis import strategies as st

from ciaopy.datamodel import Workspace, read
from ciaopy.errors import DataError, RegionError, UserError, VirtualFileError
from ciaopy.fits import Image, Table
from ciaopy.kernels.filters import in_spans

C = columns()
E, PI, X, Y, T, S = C["energy"], C["pi"], C["x"].astype(float), C["y"].astype(float), C["time"], C["status"]
GOOD = PI != -1
CASES = {
    "[energy=500:7000]": (E >= 500) & (E < 7000),
    "[pi=20:600]": (PI >= 20) & (PI <= 600),
    "[pi=19.5:600.9]": (PI >= 20) & (PI <= 600),
    "[pi=:34,480:]": GOOD & ((PI <= 34) | (PI >= 480)),
    "[pi=:]": GOOD,
    "[energy=:]": E == E,
    "[energy=500]": E == 500,
    "[energy>500]": E > 500,
    "[energy>=500,energy<7000]": (E >= 500) & (E < 7000),
    "[energy<=500]": E <= 500,
    "[pi<20]": GOOD & (PI < 20),
    "[pi>19.5]": PI > 19,
    "[pi!=20]": GOOD & (PI != 20),
    "[energy!=500]": (E == E) & (E != 500),
    "[pi==20]": PI == 20,
    "[exclude energy=500:7000]": ~((E >= 500) & (E < 7000)),
    "[exclude pi=20:600,ccd_id=3]": ~((PI >= 20) & (PI <= 600) & (C["ccd_id"] == 3)),
    "[filter ccd_id=3]": C["ccd_id"] == 3,
    "[CCD_ID=3][pi=1:5]": (C["ccd_id"] == 3) & (PI >= 1) & (PI <= 5),
    "[(pi=1:50)||(ccd_id=3,energy=:200)]": ((PI >= 1) & (PI <= 50)) | ((C["ccd_id"] == 3) & (E < 200)),
    "[pi=1:50||energy=:200]": ((PI >= 1) & (PI <= 50)) | (E < 200),
    "[status=0]": S == 0,
    "[status=b0]": S == 0,
    "[status=8]": S == 8,
    "[status=0x8]": S == 8,
    "[status=xx00]": (S & 3) == 0,
    "[status=0x1,1x0]": ((S & 0b101) == 1) | ((S & 0b101) == 0b100),
    "[status=" + "0" + "x" * 31 + "]": (S >> 31) == 0,
    "[status=1:3]": (S >= 1) & (S <= 3),
    "[flag=T]": C["flag"],
    "[flag=no]": ~C["flag"],
    "[name=abc]": C["name"] == b"abc",
    "[name='de f',x]": C["name"] != b"abc",
    "[#row=1:10,15]": np.isin(np.arange(1, 501), [*range(1, 11), 15]),
    "[exclude #row=3:]": np.arange(1, 501) < 3,
    "[sky=circle(4100,4100,50)]": (X - 4100) ** 2 + (Y - 4100) ** 2 <= 2500,
    "[(y,x)=rectangle(4000,4050,4100,4200)]": (Y <= 4100) & (X >= 4050),
    "[time=1200.5:1300]": (T >= 1200.5) & (T < 1300),
}


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("filters") / "evt.fits"
    write_events(path)
    return path


@pytest.mark.parametrize("text", list(CASES))
def test_a_filter_keeps_what_a_mask_keeps(events: Path, text: str) -> None:
    table = read(f"{events}{text}")
    assert isinstance(table, Table)
    assert np.array_equal(table["time"], T[CASES[text]])


@settings(max_examples=40, deadline=None)
@given(
    lo=st.one_of(st.none(), st.floats(-10, 11000, width=32)),
    hi=st.one_of(st.none(), st.floats(-10, 11000, width=32)),
    chips=st.lists(st.integers(0, 9), min_size=1, max_size=4),
)
def test_random_ranges(events: Path, lo: float | None, hi: float | None, chips: list[int]) -> None:
    if lo is not None and hi is not None and lo > hi:
        lo, hi = hi, lo
    text = (
        f"[energy={'' if lo is None else repr(lo)}:{'' if hi is None else repr(hi)},ccd_id={','.join(map(str, chips))}]"
    )
    wide = E.astype(float)
    mask = (wide == wide) & np.isin(C["ccd_id"], chips)
    mask &= (wide >= (-np.inf if lo is None else lo)) & (
        (wide < (np.inf if hi is None else hi)) | (lo == hi) & (wide == lo)
    )
    table = read(f"{events}{text}")
    assert isinstance(table, Table) and np.array_equal(table["time"], T[mask])


def test_world_coordinates_are_virtual_columns(events: Path) -> None:
    table = read(f"{events}[cols ra,dec,x,y]")
    assert isinstance(table, Table) and table.names == ["RA", "DEC", "x", "y"]
    middle = float(np.median(table["RA"]))
    some = read(f"{events}[ra={middle}:]")
    assert isinstance(some, Table) and some.nrows == int((table["RA"] >= middle).sum())


def test_time_filters_match_chip_by_chip(events: Path, tmp_path: Path) -> None:
    flt = tmp_path / "flt.fits"
    write_gti(flt, {7: [(1000, 2000)], 3: [(1100, 1300), (1350, 1450)], 0: [(1700, 1800)]})
    table = read(f"{events}[@{flt}]")
    assert isinstance(table, Table)
    chip = C["ccd_id"]
    mask = (chip == 3) & (((T >= 1100) & (T < 1300)) | ((T >= 1350) & (T < 1450)))
    mask |= (chip == 0) & (T >= 1700) & (T < 1800)
    assert np.array_equal(table["time"], T[mask])
    blocks = {b.name: b for b in table.companions}
    assert list(blocks) == ["GTI3", "GTI0"]
    gti3 = blocks["GTI3"]
    assert isinstance(gti3, Table)
    assert gti3["START"].tolist() == [1100, 1350] and gti3["STOP"].tolist() == [1300, 1400]
    assert (gti3.header["CCD_ID"], gti3.header["EXTNAME"]) == (3, "GTI")
    assert table.header["ONTIME3"] == 250 and table.header["ONTIME0"] == 100 and table.header["ONTIME"] == 250
    assert table.header["LIVETIME"] == pytest.approx(250 * 0.98) and table.header["EXPOSUR0"] == pytest.approx(98)
    assert (table.header["TSTART"], table.header["TSTOP"]) == (990, 2010)


def test_a_single_gti_holds_for_all_chips(events: Path, tmp_path: Path) -> None:
    write_gti(tmp_path / "one.fits", {None: [(1100, 1200)]})
    for text in (f"[@{tmp_path}/one.fits]", f"[@{tmp_path}/one.fits[GTI]]", f"[time=@{tmp_path}/one.fits]"):
        table = read(f"{events}{text}")
        assert isinstance(table, Table) and np.array_equal(table["time"], T[(T >= 1100) & (T < 1200)])
        assert [b.name for b in table.companions] == ["GTI3", "GTI0"]


def test_a_block_without_subspace_gets_one_gti_per_chip(tmp_path: Path) -> None:
    write_events(tmp_path / "bare.fits", gti=False)
    write_gti(tmp_path / "flt.fits", {3: [(1100, 1300)], 0: [(1700, 1800)]})
    table = read(f"{tmp_path}/bare.fits[@{tmp_path}/flt.fits]")
    assert isinstance(table, Table)
    assert [(b.name, b.header["CCD_ID"]) for b in table.companions] == [("GTI3", 3), ("GTI0", 0)]
    assert table.header["DSREF1"] == ":GTI3" and table.header["2DSVAL2"] == "0:0"


def test_filters_in_a_text_file(events: Path, tmp_path: Path) -> None:
    (tmp_path / "f.txt").write_text("# good events\nenergy=500:7000\n[ccd_id=3]\n")
    table = read(f"{events}[@{tmp_path}/f.txt]")
    assert isinstance(table, Table)
    assert np.array_equal(table["time"], T[(E >= 500) & (E < 7000) & (C["ccd_id"] == 3)])


def test_a_mask_image_is_a_region(events: Path, tmp_path: Path) -> None:
    data = np.zeros((20, 20), "i2")
    data[3:9, 5:7] = 1
    hdu = fits.PrimaryHDU(data)
    for i in (1, 2):
        hdu.header[f"CRVAL{i}P"], hdu.header[f"CRPIX{i}P"], hdu.header[f"CDELT{i}P"] = 4000.0, 0.5, 10.0
    hdu.writeto(tmp_path / "mask.fits")
    inside = data[((Y - 4000) // 10).astype(int), ((X - 4000) // 10).astype(int)] != 0
    for text, mask in (("sky=mask(M)", inside), ("sky=!mask(M)", ~inside), ("exclude sky=mask(M)", ~inside)):
        table = read(f"{events}[{text.replace('M', str(tmp_path / 'mask.fits'))}]")
        assert isinstance(table, Table) and np.array_equal(table["time"], T[mask])

    circle = (X - 4050.0) ** 2 + (Y - 4050.0) ** 2 <= 900
    for text, mask in (
        ("sky=mask(M)*circle(4050,4050,30)", inside & circle),
        ("sky=mask(M)-circle(4050,4050,30)", inside & ~circle),
        ("sky=circle(4050,4050,30)-mask(M)", circle & ~inside),
        ("sky=circle(4050,4050,30)+mask(M)", circle | inside),
        ("sky=circle(4050,4050,30)*!mask(M)", circle & ~inside),
        ("exclude sky=mask(M)*circle(4050,4050,30)", ~(inside & circle)),
        ("sky=mask(M)*circle(4050,4050,30),energy=500:7000", inside & circle & (E >= 500) & (E < 7000)),
    ):
        table = read(f"{events}[{text.replace('M', str(tmp_path / 'mask.fits'))}]")
        assert isinstance(table, Table) and np.array_equal(table["time"], T[mask]), text
    image = read(f"{events}[sky=mask({tmp_path}/mask.fits)*circle(4050,4050,30)][bin sky=1]")
    assert isinstance(image, Image) and image.data is not None
    assert (image.header["CRVAL1P"], image.header["CRVAL2P"]) == (4050, 4030)
    assert "MASK(" in str([v for k, v in image.header.items() if "DSVAL" in k])


def test_good_times_of_a_filtered_event_file(events: Path) -> None:
    table = read(f"{events}[@{events}[ccd_id=3]]")
    own = read(f"{events}[@{events}]")
    assert isinstance(table, Table) and isinstance(own, Table)
    assert np.array_equal(table["time"], own["time"][own["ccd_id"] == 3])
    assert [b.name for b in table.companions] == ["GTI3"]


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("[nosuch=1:2]", VirtualFileError, "no column nosuch; it has time"),
        ("[NOSUCH]", DataError, "no block NOSUCH; it has PRIMARY, EVENTS"),
        ("[9]", DataError, "no block 9"),
        ("[energy=abc]", VirtualFileError, "'abc' is not a number"),
        ("[name=1:2]", VirtualFileError, "string column"),
        ("[flag=7]", VirtualFileError, "logical column"),
        ("[status=12z]", VirtualFileError, "bit column"),
        ("[phas=3]", VirtualFileError, "array column"),
        ("[name<3]", VirtualFileError, "needs a column of numbers"),
        ("[energy=5:1]", VirtualFileError, "range 5:1 is empty"),
        ("[pi=5:1]", VirtualFileError, "range 5:1 is empty"),
        ("[sky=cirkle(1,2,3)]", RegionError, "cirkle"),
        ("[sky=region(no.reg)]", RegionError, "no.reg"),
        ("[nosky=circle(1,2,3)]", VirtualFileError, "no vector nosky"),
        ("[(x,name)=circle(1,2,3)]", VirtualFileError, "not a column of numbers"),
        ("[sky=mask(no.img)]", RegionError, "no.img"),
        ("[@no.gti]", UserError, "no.gti: no such file"),
        ("[sky=-circle(1,2,3)]", VirtualFileError, "begin with field"),
        ("[exclude sky= +box(1,2,3,4)]", VirtualFileError, "begin with field"),
        ("[sky=-mask(no.img)]", VirtualFileError, "begin with field"),
        ("[sky=circle(1,2,3)*mask(no.img)]", RegionError, "no.img"),
        ("[sky=mask(no.img)*cirkle(1,2,3)]", RegionError, "no.img"),
        ("[cols nosuch]", VirtualFileError, "no column nosuch"),
        ("[cols #99]", VirtualFileError, "no column #99"),
        ("[cols new=sky]", VirtualFileError, "rename its components"),
    ],
)
def test_bad_filters_are_clear_errors(events: Path, text: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        read(f"{events}{text}")


def test_a_region_file_without_shapes_is_an_error(events: Path, tmp_path: Path) -> None:
    (tmp_path / "empty.reg").write_text("# Region file format: CIAO version 1.0\n")
    with pytest.raises(RegionError, match="no shapes"):
        read(f"{events}[sky=region({tmp_path}/empty.reg)]")


def test_a_time_filter_without_times_is_an_error(events: Path, tmp_path: Path) -> None:
    fits.HDUList([fits.PrimaryHDU(np.zeros((2, 2)))]).writeto(tmp_path / "img.fits")
    with pytest.raises(DataError, match="START and STOP"):
        read(f"{events}[@{tmp_path}/img.fits]")


def test_filters_from_many_threads_are_the_same(events: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    text = f"{events}[energy=500:7000,sky=circle(4100,4100,50)]"
    with ThreadPoolExecutor(8) as pool:
        tables = list(pool.map(lambda _: read(text, Workspace(nproc=2)), range(8)))
    assert all(isinstance(t, Table) and np.array_equal(t["time"], tables[0]["time"]) for t in tables)  # type: ignore[index]


@given(
    values=st.lists(st.integers(-50, 50), max_size=30),
    spans=st.lists(st.tuples(st.integers(-50, 50), st.integers(-50, 50)).map(sorted), min_size=1, max_size=20),
    real=st.booleans(),
)
def test_many_ranges_agree_with_one_by_one(values: list[int], spans: list[list[int]], real: bool) -> None:
    array = np.array(values, dtype="f4" if real else "i2")
    lo, hi = (np.array([s[k] for s in spans], dtype=float if real else np.int64) for k in (0, 1))
    want = np.zeros(len(values), bool)
    for a, b in spans:
        want |= (array >= a) & (((array < b) | ((array == a) & (a == b))) if real else (array <= b))
    assert np.array_equal(in_spans(array, lo, hi, closed=not real), want)


@pytest.mark.data
def test_evt2_of_real_tools_reads_its_subspace(data: Path) -> None:
    """ObsID 14392 (CIAO 4.16): a chip leaves one component, one GTI block and its exposure."""
    table = read(f"{data}/evt/14392_evt2.fits.gz[ccd_id=7]")
    assert isinstance(table, Table) and set(np.unique(table["ccd_id"])) <= {7}
    assert [b.name for b in table.companions] == ["GTI7"]
    assert table.header["DSVAL4"] == "7:7" and "2DSVAL4" not in table.header
    assert table.header["ONTIME"] == pytest.approx(59253.50755924) and "ONTIME9" not in table.header
