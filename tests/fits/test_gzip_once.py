"""A compressed file that is read from front to end: memory is bounded, the bytes are the same."""

from __future__ import annotations

import gzip
import os
import threading
from pathlib import Path

import numpy as np
import pytest

from ciaopy.errors import DataError
from ciaopy.fits import Column, Header, Table, gzip_stream, open_fits, read_dataset, tables, write_dataset


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, size in {"CHUNK": 8192, "STEP": 1024, "FIRST_STEP": 512, "AHEAD": 32768}.items():
        monkeypatch.setattr(gzip_stream, name, size)
    monkeypatch.setattr(tables, "STREAM_BYTES", 4096)
    monkeypatch.setattr(tables, "READ_BYTES", 1024)


def write_packed(folder: Path) -> Path:
    rng = np.random.default_rng(3)
    columns = {name: Column(name, rng.normal(size=5000)) for name in ("a", "b")}
    ragged = np.empty(40, object)
    ragged[:] = [rng.integers(0, 99, n) for n in range(40)]
    tables = {"FIRST": columns, "RAGGED": {"r": Column("r", ragged)}, "LAST": dict(columns)}
    blocks = [Table(name, own, Header()) for name, own in tables.items()]
    write_dataset(folder / "t.fits.gz", blocks)
    return folder / "t.fits.gz"


@pytest.mark.parametrize("nproc", [1, 2, 3])
def test_blocks_are_the_same_as_read_singly(tmp_path, small_chunks, nproc):
    path = write_packed(tmp_path)
    whole = read_dataset(path, nproc)
    with open_fits(path) as file:
        for info, block in zip(file.hdus, whole.blocks, strict=True):
            single = file.read(info)
            assert block.name == single.name and block.header == single.header
            if isinstance(block, Table):
                for name, column in block.columns.items():
                    same = zip(column.data, single[name], strict=True)
                    assert all(np.array_equal(x, y) for x, y in same)


def test_memory_is_bounded(tmp_path, small_chunks):
    path = write_packed(tmp_path)
    most = 0
    with open_fits(path, 1) as file:
        source = file._source
        for _ in file.blocks():
            most = max(most, len(source._store._chunks) + len(source._store._spare))
        assert source._store.filled == len(gzip.decompress(path.read_bytes()))
    assert most * gzip_stream.CHUNK <= gzip_stream.AHEAD + 3 * gzip_stream.CHUNK


def test_bytes_let_go_of_come_back(tmp_path, small_chunks):
    data = np.random.default_rng(1).integers(0, 256, 100_000, "u1").tobytes()
    path = tmp_path / "x.gz"
    path.write_bytes(gzip.compress(data))
    source = gzip_stream.GzipSource(path, os.open(path, os.O_RDONLY))
    source.read_once()
    source.prefetch()
    buffer = bytearray(1000)
    assert source.read_into(90_000, memoryview(buffer)) == 1000 and bytes(buffer) == data[90_000:91_000]
    source.release(91_000)
    assert source._store.start > 80_000
    assert source.read_into(10, memoryview(buffer)) == 1000 and bytes(buffer) == data[10:1010]
    source.verify()
    source.close()
    assert not any(t.name == "ciaopy-gunzip" for t in threading.enumerate())


def test_a_reader_that_stops_early_leaves_no_thread(tmp_path, small_chunks):
    with open_fits(write_packed(tmp_path)) as file:
        next(iter(file.blocks()))
    assert not any(t.name == "ciaopy-gunzip" for t in threading.enumerate())


def test_a_wrong_check_sum_behind_the_last_block_is_found(tmp_path, small_chunks):
    path = write_packed(tmp_path)
    packed = bytearray(path.read_bytes())
    packed[-6] ^= 1
    path.write_bytes(packed)
    with pytest.raises(DataError, match="damaged gzip file"):
        read_dataset(path)
