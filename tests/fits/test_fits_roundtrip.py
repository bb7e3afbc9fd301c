"""Every column and image type, through this package, astropy and fitsio."""

from __future__ import annotations

import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ciaopy.errors import DataError
from ciaopy.fits import Column, Image, Table, TableWriter, Vector, new_header, open_fits, read_dataset, write_dataset
from ciaopy.fits.tforms import parse_tform

RNG = np.random.default_rng(7)
N = 1000

PLAIN: dict[str, tuple[str, Any]] = {
    "logical": ("L", RNG.integers(0, 2, N).astype(bool)),
    "byte": ("B", RNG.integers(0, 256, N).astype("u1")),
    "short": ("I", RNG.integers(-(2**15), 2**15, N).astype("i2")),
    "int": ("J", RNG.integers(-(2**31), 2**31, N).astype("i4")),
    "long": ("K", RNG.integers(-(2**62), 2**62, N)),
    "float": ("E", RNG.normal(size=N).astype("f4")),
    "double": ("D", RNG.normal(size=N)),
    "cfloat": ("C", (RNG.normal(size=N) + 1j * RNG.normal(size=N)).astype("c8")),
    "cdouble": ("M", RNG.normal(size=N) + 1j * RNG.normal(size=N)),
    "ubyte8": ("B", RNG.integers(-128, 128, N).astype("i1")),
    "ushort": ("I", RNG.integers(0, 2**16, N).astype("u2")),
    "uint": ("J", RNG.integers(0, 2**32, N).astype("u4")),
    "ulong": ("K", RNG.integers(0, 2**64, N, dtype="u8")),
    "vector": ("9I", RNG.integers(0, 99, (N, 9)).astype("i2")),
    "island": ("9I", RNG.integers(0, 99, (N, 3, 3)).astype("i2")),
    "cube": ("24E", RNG.normal(size=(N, 2, 3, 4)).astype("f4")),
    "text": ("8A", np.array([f"s{i % 977}".encode() for i in range(N)], "S8")),
}
BITS = {"32X": "u4", "16X": "u2", "8X": "u1"}


def table_of(columns: dict[str, tuple[str, Any]]) -> Table:
    return Table("EVENTS", {n: Column(n, d, f) for n, (f, d) in columns.items()}, new_header())


@pytest.fixture(scope="module")
def every(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Table]:
    table = table_of(PLAIN)
    path = tmp_path_factory.mktemp("every") / "every.fits"
    write_dataset(path, table, sync=False)
    return path, table


@pytest.mark.parametrize("name", PLAIN)
def test_read_back(every: tuple[Path, Table], name: str) -> None:
    path, table = every
    with open_fits(path) as f:
        data = f.read("events", [name])[name]
    assert data.dtype == table[name].dtype and data.dtype.isnative and data.flags.c_contiguous
    np.testing.assert_array_equal(data, table[name])


@pytest.mark.parametrize("name", PLAIN)
def test_astropy_reads_the_same(every: tuple[Path, Table], name: str) -> None:
    path, table = every
    with fits.open(path, checksum=True) as h:
        got = np.asarray(h["EVENTS"].data[name])
    want = table[name].astype(str) if name == "text" else table[name]
    np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("name", PLAIN)
def test_fitsio_reads_the_same(every: tuple[Path, Table], name: str) -> None:
    path, table = every
    fitsio = pytest.importorskip("fitsio", reason="no wheel of fitsio for this machine")
    got = fitsio.read(str(path), ext="EVENTS", columns=[name])[name]
    want = table[name].astype(str) if name == "text" else table[name]
    np.testing.assert_array_equal(got.reshape(want.shape), want)


def test_what_astropy_writes(tmp_path: Path) -> None:
    columns = [
        fits.Column(n, f"{PLAIN[n][0]}", array=PLAIN[n][1])
        for n in ("logical", "byte", "short", "int", "long", "float", "double", "cfloat", "cdouble", "vector", "text")
    ]
    columns.append(fits.Column("u", "I", bzero=32768, array=PLAIN["ushort"][1]))
    columns.append(fits.Column("island", "9I", dim="(3,3)", array=PLAIN["island"][1]))
    fits.BinTableHDU.from_columns(columns, name="T").writeto(tmp_path / "a.fits")
    with open_fits(tmp_path / "a.fits") as f:
        table = f.read("t")
    assert isinstance(table, Table)
    for column in columns:
        key = "ushort" if column.name == "u" else column.name
        np.testing.assert_array_equal(table[column.name], PLAIN[key][1])
    assert table["u"].dtype == np.uint16


@pytest.mark.parametrize("form", BITS)
def test_first_bit_is_the_most_significant(tmp_path: Path, form: str) -> None:
    count = int(form[:-1])
    bits = RNG.integers(0, 2, (50, count)).astype(bool)
    fits.BinTableHDU.from_columns([fits.Column("s", form, array=bits)]).writeto(tmp_path / "b.fits")
    with open_fits(tmp_path / "b.fits") as f:
        table = f.read(1)
    assert isinstance(table, Table) and table["s"].dtype == BITS[form]
    weights = 2 ** np.arange(count - 1, -1, -1, dtype=np.uint64)
    np.testing.assert_array_equal(table["s"], (bits * weights).sum(axis=1))
    write_dataset(tmp_path / "c.fits", table)
    with fits.open(tmp_path / "c.fits", checksum=True) as h:
        assert h[1].columns[0].format == form
        np.testing.assert_array_equal(h[1].data["s"], bits)


def test_odd_bit_counts_are_bytes(tmp_path: Path) -> None:
    bits = RNG.integers(0, 2, (20, 11)).astype(bool)
    fits.BinTableHDU.from_columns([fits.Column("s", "11X", array=bits)]).writeto(tmp_path / "b.fits")
    dataset = read_dataset(tmp_path / "b.fits")
    table = dataset.tables("HDU2")[0]
    np.testing.assert_array_equal(np.unpackbits(table["s"], axis=1)[:, :11], bits)
    write_dataset(tmp_path / "c.fits", dataset)
    np.testing.assert_array_equal(fits.getdata(tmp_path / "c.fits")["s"], bits)


def test_scaled_integers_become_reals_and_nulls_nan(tmp_path: Path) -> None:
    stored = np.array([0, 1, -99, 1000], "i2")
    hdu = fits.BinTableHDU.from_columns([fits.Column("v", "I", array=stored)], name="T")
    hdu.header["TSCAL1"], hdu.header["TZERO1"], hdu.header["TNULL1"] = 0.5, 10.0, -99
    hdu.writeto(tmp_path / "s.fits")
    dataset = read_dataset(tmp_path / "s.fits")
    np.testing.assert_array_equal(dataset.tables("T")[0]["v"], [10.0, 10.5, np.nan, 510.0])
    write_dataset(tmp_path / "t.fits", dataset)
    again = fits.open(tmp_path / "t.fits")
    with again:
        assert again[1].columns[0].format == "1D" and "TNULL1" not in again[1].header
        np.testing.assert_array_equal(again[1].data["v"], [10.0, 10.5, np.nan, 510.0])


def test_unsigned_null_is_told_as_the_value_it_stands_for(tmp_path: Path) -> None:
    data = np.array([1, 40000], "u2")
    table = Table("T", {"v": Column("v", data, "I", keys={"TNULL": (40000, "")})}, new_header())
    write_dataset(tmp_path / "n.fits", table)
    assert fits.getheader(tmp_path / "n.fits", 1)["TNULL1"] == 40000 - 32768
    assert read_dataset(tmp_path / "n.fits").tables("T")[0].column("v").key("TNULL") == 40000


@pytest.mark.parametrize("form", ["PE", "QD", "PI", "PJ", "PB", "PL", "PA", "PX"])
def test_variable_length(tmp_path: Path, form: str) -> None:
    dtype = {"E": "f4", "D": "f8", "I": "i2", "J": "i4", "B": "u1", "L": "?", "A": "S1", "X": "?"}[form[1]]
    cells = np.empty(40, object)
    for i in range(40):
        cells[i] = np.frombuffer(RNG.bytes(i % 7), "u1").astype("u1") % 2
        cells[i] = (np.array([b"a", b"b"], "S1")[cells[i]] if form[1] == "A" else cells[i]).astype(dtype)
    other = np.arange(40)
    table = Table("V", {"v": Column("v", cells, form), "n": Column("n", other, "K")}, new_header())
    write_dataset(tmp_path / "v.fits", table)
    with open_fits(tmp_path / "v.fits") as f:
        back, part = f.read("V"), f.read("V", rows=slice(10, 20))
        pieces = list(f.iter_rows("V", block=16))
    assert isinstance(back, Table) and isinstance(part, Table)
    for i in range(40):
        assert back["v"][i].dtype == dtype
        np.testing.assert_array_equal(back["v"][i], cells[i])
        np.testing.assert_array_equal(pieces[i // 16]["v"][i % 16], cells[i])
    np.testing.assert_array_equal(back["n"], other)
    np.testing.assert_array_equal(part["v"][3], cells[13])
    assert back.column("v").form == f"1{form}(6)"
    if form[1] not in "LXA":
        with fits.open(tmp_path / "v.fits", checksum=True) as h:
            for i in range(40):
                np.testing.assert_array_equal(h["V"].data["v"][i], cells[i])


def test_variable_length_of_astropy(tmp_path: Path) -> None:
    cells = np.array([np.arange(i, dtype="f4") for i in (3, 0, 5)], object)
    fits.BinTableHDU.from_columns([fits.Column("v", "PE()", array=cells)], name="V").writeto(tmp_path / "v.fits")
    table = read_dataset(tmp_path / "v.fits").tables("V")[0]
    assert [len(v) for v in table["v"]] == [3, 0, 5]
    np.testing.assert_array_equal(table["v"][2], np.arange(5))


@pytest.mark.parametrize("dtype", ["u1", "i1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8"])
def test_images(tmp_path: Path, dtype: str) -> None:
    data = RNG.integers(0, 100, (5, 6, 7)).astype(dtype)
    header = new_header()
    header["CRVAL1P"] = 4.5
    write_dataset(tmp_path / "i.fits", [Image("IMG", data, header), Image("TWO", data[0], new_header())])
    with fits.open(tmp_path / "i.fits", checksum=True) as h:
        np.testing.assert_array_equal(h[0].data, data)
        np.testing.assert_array_equal(h["TWO"].data, data[0])
    dataset = read_dataset(tmp_path / "i.fits")
    first = dataset.block("img")
    assert isinstance(first, Image) and first.data is not None and first.header["CRVAL1P"] == 4.5
    assert first.data.dtype == dtype and first.data.dtype.isnative and "BZERO" not in first.header
    np.testing.assert_array_equal(first.data, data)
    fitsio = pytest.importorskip("fitsio", reason="no wheel of fitsio for this machine")
    np.testing.assert_array_equal(fitsio.read(str(tmp_path / "i.fits")), data)


def test_scaled_image_with_blank(tmp_path: Path) -> None:
    hdu = fits.PrimaryHDU(np.array([[1, 2], [3, -1]], "i2"))
    hdu.header["BSCALE"], hdu.header["BZERO"], hdu.header["BLANK"] = 0.5, 1.0, -1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        hdu.header["BSCALE"] = 0.5
        raw = hdu.header.tostring().encode().ljust(2880) + np.array([1, 2, 3, -1], ">i2").tobytes().ljust(2880, b"\0")
    (tmp_path / "s.fits").write_bytes(raw)
    image = read_dataset(tmp_path / "s.fits").blocks[0]
    assert isinstance(image, Image)
    np.testing.assert_array_equal(image.data, [[1.5, 2.0], [2.5, np.nan]])
    assert "BLANK" not in image.header


def test_compressed_image_and_ascii_table(tmp_path: Path) -> None:
    data = RNG.integers(0, 100, (64, 64)).astype("i4")
    ascii_table = fits.TableHDU.from_columns(
        [fits.Column("a", "I6", array=[1, 2]), fits.Column("b", "F8.3", array=[1.5, 2.5])], name="ASC"
    )
    compressed = fits.CompImageHDU(data, name="SMALL")
    fits.HDUList([fits.PrimaryHDU(), compressed, ascii_table]).writeto(tmp_path / "u.fits")
    dataset = read_dataset(tmp_path / "u.fits")
    image, table = dataset.block("small"), dataset.block("asc")
    assert isinstance(image, Image) and isinstance(table, Table)
    np.testing.assert_array_equal(image.data, data)
    assert table["a"].tolist() == [1, 2] and table["b"].tolist() == [1.5, 2.5]
    write_dataset(tmp_path / "w.fits", dataset)
    np.testing.assert_array_equal(fits.getdata(tmp_path / "w.fits", "SMALL"), data)


@pytest.mark.parametrize("columns", [{}, {"a": ("D", np.empty(0))}, {"a": ("3I", np.empty((0, 3), "i2"))}])
def test_empty_tables(tmp_path: Path, columns: dict[str, tuple[str, Any]]) -> None:
    write_dataset(tmp_path / "e.fits", table_of(columns))
    with open_fits(tmp_path / "e.fits") as f:
        table = f.read("EVENTS")
        assert isinstance(table, Table) and table.nrows == 0 and list(table.columns) == list(columns)
        assert [p.nrows for p in f.iter_rows("EVENTS")] == [0]
    with fits.open(tmp_path / "e.fits", checksum=True) as h:
        h.verify("exception")


def test_rows_and_columns(every: tuple[Path, Table]) -> None:
    path, table = every
    mask = RNG.random(N) < 0.3
    with open_fits(path) as f:
        part = f.read("EVENTS", ["double", "SHORT"], rows=mask)
        assert isinstance(part, Table) and list(part.columns) == ["double", "short"]
        np.testing.assert_array_equal(part["double"], table["double"][mask])
        for rows in (slice(5, 50), slice(None, None, 7), slice(-5, None), np.array([7, 3, 3]), np.empty(0, int)):
            got = f.read("EVENTS", ["short"], rows=rows)["short"]
            np.testing.assert_array_equal(got, table["short"][rows])
        with pytest.raises(DataError, match=r"row 2001 is outside"):
            f.read("EVENTS", rows=np.array([2000]))
        with pytest.raises(DataError, match="no column nosuch; it has logical"):
            f.read("EVENTS", ["nosuch"])
        joined = [p["cube"] for p in f.iter_rows("EVENTS", ["cube"], block=77)]
    np.testing.assert_array_equal(np.concatenate(joined), table["cube"])


def test_wide_rows_read_only_their_span(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wide = {"a": ("J", np.arange(20, dtype="i4")), "w": ("9000D", RNG.normal(size=(20, 9000)))}
    write_dataset(tmp_path / "w.fits", table_of(wide))
    with open_fits(tmp_path / "w.fits") as f:
        f.hdus
        count = 0
        original = f._source.read_into

        def counted(offset: int, buffer: memoryview) -> int:
            nonlocal count
            count += len(buffer)
            return original(offset, buffer)

        monkeypatch.setattr(f._source, "read_into", counted)
        np.testing.assert_array_equal(f.read("EVENTS", ["a"])["a"], np.arange(20))
    assert count == 80


def test_eight_threads_read_the_same(every: tuple[Path, Table], tmp_path: Path) -> None:
    path, table = every
    packed = tmp_path / "p.fits.gz"
    write_dataset(packed, table)
    for place in (path, packed):
        with open_fits(place, 4) as f, ThreadPoolExecutor(8) as pool:
            tables = list(pool.map(lambda _, f=f: f.read("EVENTS"), range(8)))
        for other in tables:
            for name in PLAIN:
                np.testing.assert_array_equal(other[name], table[name])


def test_same_bytes_with_any_number_of_threads(tmp_path: Path) -> None:
    n = 300_001
    table = table_of({"a": ("D", RNG.normal(size=n)), "b": ("I", RNG.integers(0, 9, n).astype("i2"))})
    for nproc in (1, 2, 5):
        write_dataset(tmp_path / f"{nproc}.fits", table, nproc=nproc, sync=False)
    files = [(tmp_path / f"{k}.fits").read_bytes() for k in (1, 2, 5)]
    assert files[0] == files[1] == files[2]
    with fits.open(tmp_path / "1.fits", checksum=True) as h:
        np.testing.assert_array_equal(h[1].data["b"], table["b"])


def test_header_limits_vectors_and_names(tmp_path: Path) -> None:
    header = new_header()
    header["HDUNAME"], header["EXTNAME"] = "GTI7", "GTI"
    header["LONGTEXT"] = "x" * 150
    header["DSTYP1"] = ("time", "kept")
    keys: dict[str, tuple[Any, str]] = {"TLMIN": (0.5, ""), "TLMAX": (8192.5, ""), "TCTYP": ("RA---TAN", "")}
    columns = {"x": Column("X", np.ones(3, "f4"), "E", "pixel", "sky x", keys), "y": Column("Y", np.ones(3, "f4"))}
    table = Table("GTI7", columns, header, [Vector("sky", ("x", "y")), Vector("EQPOS", ("RA", "DEC"))])
    write_dataset(tmp_path / "h.fits", table)
    back = read_dataset(tmp_path / "h.fits").block("gti7")
    assert isinstance(back, Table) and back.vectors == table.vectors
    assert back.column("x").key("TLMAX") == 8192.5 and back.column("x").comment == "sky x"
    assert back.header["LONGTEXT"] == "x" * 150 and back.header["EXTNAME"] == "GTI" and back.header["DSTYP1"] == "time"
    assert not [k for k in back.header if k.startswith(("TLM", "TTYPE", "NAXIS", "MTYPE"))]
    back.name = "OTHER"
    write_dataset(tmp_path / "r.fits", back.select(["y"]))
    with fits.open(tmp_path / "r.fits") as h:
        assert h[1].header["EXTNAME"] == h[1].header["HDUNAME"] == "OTHER"
        assert "MTYPE1" not in h[1].header and h[1].header["TTYPE1"] == "Y"


def test_duplicate_block_and_column_names(tmp_path: Path) -> None:
    hdus = [fits.PrimaryHDU()]
    for version in (1, 2):
        hdu = fits.BinTableHDU.from_columns([fits.Column("a", "I", array=[version])], name="GTI", ver=version)
        hdus.append(hdu)
    fits.HDUList(hdus).writeto(tmp_path / "d.fits")
    with open_fits(tmp_path / "d.fits") as f:
        assert f.read(("GTI", 2))["a"][0] == 2 and f.read("gti2")["a"][0] == 2 and f.read("GTI")["a"][0] == 1
        with pytest.raises(DataError, match="no block NOPE; it has 1: PRIMARY, 2: GTI, 3: GTI"):
            f.read("NOPE")
        with pytest.raises(DataError, match="no block number 5"):
            f.read(4)


def test_companions_follow_and_are_not_repeated(tmp_path: Path) -> None:
    gti = table_of({"start": ("D", np.zeros(1))})
    gti.name = "GTI3"
    copy = Table("GTI3", {"start": Column("start", np.zeros(1), "D")}, new_header())
    one, two = table_of({"a": ("D", np.zeros(2))}), table_of({"a": ("D", np.zeros(2))})
    two.name, one.companions, two.companions = "SECOND", [gti], [gti, copy]
    write_dataset(tmp_path / "c.fits", [one, two])
    assert [b.name for b in read_dataset(tmp_path / "c.fits")] == ["PRIMARY", "EVENTS", "GTI3", "SECOND"]


def test_writer_in_pieces(tmp_path: Path) -> None:
    n = 1003
    columns = {"t": ("D", RNG.normal(size=n)), "c": ("3A", np.array([b"abc"] * n))}
    whole = table_of(columns)
    cells = np.empty(n, object)
    cells[:] = [np.arange(i % 3, dtype="i2") for i in range(n)]
    whole["v"] = cells
    with TableWriter(tmp_path / "w.fits", whole.take(slice(0, 0)).select(["t", "c"])) as writer:
        for start in range(0, n, 97):
            writer.append(whole.take(slice(start, start + 97)))
        for k in range(100):
            writer.header[f"KEY{k}"] = "grows beyond the first header block"
    with fits.open(tmp_path / "w.fits", checksum=True) as h:
        assert h[1].header["NAXIS2"] == n and h[1].header["KEY99"]
        np.testing.assert_array_equal(h[1].data["t"], whole["t"])
    with pytest.raises(DataError, match="column t: values of type"), TableWriter(tmp_path / "x.fits", whole) as writer:
        writer.append(table_of({"t": ("D", np.zeros((2, 2))), "c": ("3A", np.array([b"a", b"b"])), "v": ("PI", cells)}))
    assert [p.name for p in tmp_path.iterdir()] == ["w.fits"]


LETTERS = st.sampled_from("LXBIJKAEDCM")


@given(st.integers(0, 9999), LETTERS)
def test_tform_round_trip(repeat: int, letter: str) -> None:
    form = parse_tform(f" {repeat}{letter.lower()} ")
    assert (form.repeat, form.letter, str(form)) == (repeat, letter, f"{repeat}{letter}")
    assert parse_tform(letter).repeat == 1


@given(LETTERS, st.integers(0, 500), st.sampled_from("PQ"))
def test_tform_of_variable_arrays(letter: str, maximum: int, kind: str) -> None:
    form = parse_tform(f"1{kind}{letter}({maximum})")
    assert (form.letter, form.element, form.maximum, form.width) == (kind, letter, maximum, 8 if kind == "P" else 16)


@example("A²")
@given(st.text(max_size=8))
def test_any_text_is_a_form_or_an_error(text: str) -> None:
    try:
        form = parse_tform(text)
    except DataError as problem:
        assert "TFORM" in str(problem)
    else:
        assert form.width >= 0


DTYPES = ["?", "u1", "i1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8", "c8", "c16", "S5"]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_random_tables(tmp_path: Path, data: st.DataObject) -> None:
    nrows = data.draw(st.integers(0, 20))
    columns = {}
    for k in range(data.draw(st.integers(0, 5))):
        shape = (nrows, *data.draw(st.lists(st.integers(1, 3), max_size=3)))
        dtype = np.dtype(data.draw(st.sampled_from(DTYPES)))
        raw = np.frombuffer(np.random.default_rng(k).bytes(int(np.prod(shape)) * dtype.itemsize), "u1")
        values = (raw % 2).view(bool) if dtype.kind == "b" else raw.view(dtype)
        values = np.nan_to_num(values) if dtype.kind in "fc" else values
        values = np.array([b"ab", b"", b"abcde"])[raw[:: dtype.itemsize] % 3] if dtype.kind == "S" else values
        columns[f"c{k}"] = ("", values.reshape(shape))
    path = tmp_path / "r.fits"
    write_dataset(path, table_of(columns), clobber=True, sync=False)
    with open_fits(path) as f:
        table = f.read("EVENTS")
    assert isinstance(table, Table)
    for name, (_, values) in columns.items():
        assert table[name].dtype == values.dtype
        scalar = values.shape[1:] == (1,) and values.dtype.kind != "S"  # no lists of one number in FITS
        values = values[:, 0] if scalar else values
        np.testing.assert_array_equal(table[name], values)
    with fits.open(path, checksum=True) as h:
        h.verify("exception")
