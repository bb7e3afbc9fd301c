"""Damaged input and outputs that cannot be written: one clear error each, and no file under the final name."""

from __future__ import annotations

import errno
import gzip
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

from ciaopy.errors import DataError, OutputExistsError, UserError
from ciaopy.fits import (
    AtomicFile,
    Column,
    Table,
    TableWriter,
    append_blocks,
    edit_header,
    new_header,
    open_fits,
    read_dataset,
    read_header,
    write_dataset,
)
from ciaopy.fits import gzip_stream as gz


def table(n: int = 2000) -> Table:
    return Table("EVENTS", {"a": Column("a", np.arange(n, dtype="f8"), "D")}, new_header())


@pytest.fixture
def good(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    write_dataset(folder / "good.fits", [table(), table(10)])
    return folder / "good.fits"


def fails(path: Path, match: str) -> None:
    with pytest.raises(DataError, match=match) as caught:
        read_dataset(path)
    assert path.name in str(caught.value)


def test_truncated_data_names_file_hdu_and_byte(good: Path, tmp_path: Path) -> None:
    whole = good.read_bytes()
    with open_fits(good) as f:
        info = f.hdu("EVENTS")
    cut = tmp_path / "cut.fits"
    cut.write_bytes(whole[: info.data_start + 8000])
    fails(cut, rf"truncated: HDU 2 \(EVENTS\) needs data up to byte {info.data_start + 16000}, the file ends at byte")
    cut.write_bytes(whole[: info.start + 1000])
    fails(cut, rf"HDU 2: the file ends at byte {info.start + 1000} within the header")


def test_truncated_gzip(good: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.fits.gz"
    cut.write_bytes(gzip.compress(good.read_bytes())[:-2000])
    fails(cut, "damaged gzip file at inflated byte")
    cut.write_bytes(gzip.compress(good.read_bytes()[:9000]))
    fails(cut, "truncated: HDU 2")


def test_gzip_with_a_bad_crc(good: Path, tmp_path: Path) -> None:
    raw = bytearray(gzip.compress(good.read_bytes()))
    raw[-6] ^= 1
    bad = tmp_path / "bad.fits.gz"
    bad.write_bytes(raw)
    fails(bad, "damaged gzip file")
    with pytest.raises(DataError, match="damaged gzip"), open_fits(bad) as f:
        f.read("EVENTS")


def test_bad_crc_behind_good_rows(good: Path, tmp_path: Path) -> None:
    write_dataset(good, table(400_000), clobber=True)
    raw = bytearray(gzip.compress(good.read_bytes(), 1))
    raw[-6] ^= 1
    bad = tmp_path / "bad.fits.gz"
    bad.write_bytes(raw)
    with open_fits(bad) as f:
        assert f.hdu("EVENTS").nrows == 400_000
        with pytest.raises(DataError, match="damaged gzip"):
            f.read("EVENTS")
    with open_fits(bad) as f, pytest.raises(DataError, match="damaged gzip"):
        list(f.iter_rows("EVENTS"))


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"", "is empty"),
        (b"hello world\n" * 500, "not a FITS file"),
        (b"SIMPLE  =                    T".ljust(2880), "within the header|no END"),
        (b"SIMPLE  =                    T".ljust(80) + b"END".ljust(2800), "BITPIX is missing"),
        (os.urandom(9000), "not a FITS file|gzip"),
    ],
)
def test_not_fits(tmp_path: Path, content: bytes, match: str) -> None:
    path = tmp_path / "x.fits"
    path.write_bytes(content)
    fails(path, match)


def test_missing_folder_and_unreadable(tmp_path: Path, good: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fails(tmp_path / "nosuch.fits", "no such file")
    fails(tmp_path, "is a folder")

    def refuse(*args: Any, **kwargs: Any) -> int:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("ciaopy.fits.files.os.open", refuse)
    fails(good, "cannot be read: Permission denied")


@pytest.mark.parametrize(
    ("card", "new", "match"),
    [
        ("NAXIS1", "NAXIS1  =                   -8", "NAXIS1 = -8 is negative"),
        ("NAXIS1", "NAXIS1  =                    4", "the columns need 8 bytes in a row, NAXIS1 gives 4"),
        ("TFORM1", "TFORM1  = 'Z7      '", "TFORM 'Z7' is not a binary-table format"),
        ("TFIELDS", "TFIELDS =                    2", "TFORM2 is missing"),
        ("XTENSION", "XTENSION= 'FOREIGN '", "extension type FOREIGN is not supported"),
    ],
)
def test_damaged_headers(good: Path, card: str, new: str, match: str) -> None:
    raw = good.read_bytes()
    at = next(i for i in range(2880, len(raw), 80) if raw[i : i + 8] == card.ljust(8).encode())
    good.write_bytes(raw[:at] + new.ljust(80).encode() + raw[at + 80 :])
    fails(good, match)


def test_heap_descriptor_outside(tmp_path: Path) -> None:
    cells = np.array([np.arange(3, dtype="f4"), np.arange(4, dtype="f4")], object)
    write_dataset(tmp_path / "v.fits", Table("V", {"v": Column("v", cells, "PE")}, new_header()))
    raw = bytearray((tmp_path / "v.fits").read_bytes())
    with open_fits(tmp_path / "v.fits") as f:
        start = f.hdu("V").data_start
    raw[start + 8 : start + 12] = (99999).to_bytes(4, "big")
    (tmp_path / "v.fits").write_bytes(raw)
    fails(tmp_path / "v.fits", r"column v: row 2 points outside the heap")


def test_junk_after_the_last_hdu_is_passed_over(good: Path) -> None:
    good.write_bytes(good.read_bytes() + b"\0" * 5000)
    assert len(read_dataset(good).blocks) == 3


def test_gz_fallback_and_listing_before_reading(good: Path) -> None:
    packed = good.with_name("good.fits.gz")
    packed.write_bytes(gzip.compress(good.read_bytes()))
    good.unlink()
    with open_fits(good) as f:
        assert [h.name for h in f.hdus] == ["PRIMARY", "EVENTS", "EVENTS"]
        np.testing.assert_array_equal(f.read(1)["a"], np.arange(2000))
    assert read_header(good, "EVENTS")["NAXIS2"] == 2000


def test_large_gzip_spills_to_disk(good: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gz, "CHUNK", 4096)
    monkeypatch.setattr(gz, "STEP", 1000)
    packed = good.with_name("spill.fits.gz")
    packed.write_bytes(gzip.compress(good.read_bytes()))
    source = gz.GzipSource(packed, os.open(packed, os.O_RDONLY), memory_limit=8192)
    buffer = bytearray(len(good.read_bytes()) + 10)
    assert source.read_into(0, memoryview(buffer)) == len(buffer) - 10
    assert buffer[:-10] == good.read_bytes()
    again = bytearray(9000)
    assert source.read_into(5000, memoryview(again)) == 9000 and again == buffer[5000:14000]
    source.close()


def test_output_exists(tmp_path: Path) -> None:
    path = tmp_path / "o.fits"
    path.write_text("mine")
    with pytest.raises(OutputExistsError, match="clobber=yes"):
        write_dataset(path, table())
    with pytest.raises(OutputExistsError, match="clobber=yes"):
        TableWriter(path, table())
    assert path.read_text() == "mine" and os.listdir(tmp_path) == ["o.fits"]  # noqa: PTH208


@pytest.mark.parametrize("name", ["no/such/folder/o.fits", "", "."])
def test_impossible_outputs(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"does not exist|not a file|empty|is a folder|cannot"):
        write_dataset(name, table())


def test_devices_are_never_replaced() -> None:
    with pytest.raises(UserError, match="not a regular file"):
        write_dataset("/dev/null", table(), clobber=True)


def test_output_onto_an_input_being_read(good: Path) -> None:
    before = good.read_bytes()
    with open_fits(good) as f:
        with pytest.raises(UserError, match="also an input that is being read"):
            write_dataset(good, table(), clobber=True)
        link = good.with_name("link.fits")
        link.symlink_to(good)
        with pytest.raises(UserError, match="also an input"):
            write_dataset(link, table(), clobber=True)
        f.read("EVENTS")
    assert good.read_bytes() == before
    write_dataset(good, table(3), clobber=True)
    assert read_header(good, 1)["NAXIS2"] == 3


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EDQUOT])
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, suffix: str) -> None:
    def full(*args: Any) -> int:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr("ciaopy.fits.atomic.os.pwrite", full)
    with pytest.raises(UserError, match=f"o.fits{suffix}: cannot be written: {os.strerror(code)}"):
        write_dataset(tmp_path / f"o.fits{suffix}", table())
    assert not list(tmp_path.iterdir())


def test_folder_without_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any, **kwargs: Any) -> int:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("ciaopy.fits.atomic.os.open", refuse)
    with pytest.raises(UserError, match="cannot be written: Permission denied; you may not write there"):
        write_dataset(tmp_path / "o.fits", table())


def test_file_size_limit_of_the_system(tmp_path: Path) -> None:
    script = (
        "import resource, signal, sys, numpy as np\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100000, 100000))\n"
        "from ciaopy.fits import *\n"
        "t = Table('T', {'a': Column('a', np.zeros(100000))}, new_header())\n"
        "write_dataset(sys.argv[1], t)\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "o.fits")], capture_output=True, text=True, check=False
    )
    assert run.returncode and "o.fits: cannot be written: File too large" in run.stderr
    assert not list(tmp_path.iterdir())


def test_error_inside_the_block_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyError, match="the caller fails"), TableWriter(tmp_path / "o.fits", table()) as writer:
        writer.append(table())
        raise KeyError("the caller fails")
    with pytest.raises(DataError, match="block EVENTS: column a: values of type datetime64"):
        bad = Table("EVENTS", {"a": Column("a", np.zeros(2, "M8[s]"))}, new_header())
        write_dataset(tmp_path / "o.fits", bad)
    assert not list(tmp_path.iterdir())


def test_values_beyond_the_declared_type(tmp_path: Path) -> None:
    bad = Table("T", {"a": Column("a", np.array([70000]), "I")}, new_header())
    with pytest.raises(DataError, match="column a: values 70000 to 70000 do not fit its type I"):
        write_dataset(tmp_path / "o.fits", bad)
    uneven = Table("T", {"a": Column("a", np.zeros(3)), "b": Column("b", np.zeros(4))}, new_header())
    with pytest.raises(DataError, match=r"column b has \(4,\) rows, the first has 3"):
        write_dataset(tmp_path / "o.fits", uneven)


def test_killed_writer_leaves_no_file_and_is_swept(tmp_path: Path) -> None:
    script = (
        "import os, signal, sys\n"
        "from ciaopy.fits import AtomicFile\n"
        "f = AtomicFile(sys.argv[1])\n"
        "f.write(b'x' * 5000)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    run = subprocess.run([sys.executable, "-c", script, str(tmp_path / "o.fits")], check=False)
    assert run.returncode == -signal.SIGKILL
    left = list(tmp_path.iterdir())
    assert len(left) == 1 and left[0].name.startswith(".ciaopy-")
    with AtomicFile(tmp_path / "other.fits") as file:
        file.write(b"done")
    assert [p.name for p in tmp_path.iterdir()] == ["other.fits"]


def test_edit_header_keeps_every_other_byte(good: Path) -> None:
    with open_fits(good) as f:
        infos = f.hdus
    before = good.read_bytes()

    def change(header: Any) -> None:
        header["OBJECT"] = "M31"
        header["TLMIN1"] = 4.5

    edit_header(good, 1, change)
    after = good.read_bytes()
    assert after[: infos[1].start] == before[: infos[1].start]
    assert after[-(len(before) - infos[1].data_start) :] == before[infos[1].data_start :]
    with fits.open(good, checksum=True) as h:
        h.verify("exception")
        assert h[1].header["OBJECT"] == "M31" and h[1].header["TLMIN1"] == 4.5
    with pytest.raises(UserError, match="NAXIS2 describe how the data are stored"):
        edit_header(good, 1, lambda header: header.set("NAXIS2", 7))
    assert good.read_bytes() == after


def test_append_blocks_keeps_what_is_there(good: Path) -> None:
    before = good.read_bytes()
    append_blocks(good, [table(5)])
    assert good.read_bytes().startswith(before)
    with fits.open(good, checksum=True) as h:
        h.verify("exception")
        assert len(h) == 4 and len(h[3].data) == 5


def test_gzipped_output(tmp_path: Path) -> None:
    write_dataset(tmp_path / "a.fits", table())
    write_dataset(tmp_path / "b.fits.gz", table())
    assert gzip.decompress((tmp_path / "b.fits.gz").read_bytes()) == (tmp_path / "a.fits").read_bytes()
    first = (tmp_path / "b.fits.gz").read_bytes()
    write_dataset(tmp_path / "b.fits.gz", table(), clobber=True)
    assert (tmp_path / "b.fits.gz").read_bytes() == first
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.fits", "b.fits.gz"]
