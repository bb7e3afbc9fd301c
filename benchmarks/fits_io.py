"""Time reading and writing of a table of 5 million rows x 15 columns against the bare bytes.

    python benchmarks/fits_io.py [--rows N] [--repeat K] [--folder DIR]

Every figure is the best of K runs in one process, with the file in the page cache. "bytes" is a read of the whole file
into memory (a fresh `bytes` object), and a write of them; "inflation" is isal's reader going through the file.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from isal import igzip

from ciaopy.fits import Column, Table, new_header, open_fits, write_dataset

MB = 1e6


def make(nrows: int) -> Table:
    """Return an event-like table of 15 columns, 64 bytes a row."""
    rng = np.random.default_rng(1)
    columns = [Column("time", np.sort(rng.uniform(0, 1e5, nrows)), "1D", "s")]
    columns += [Column("expno", rng.integers(0, 30000, nrows, dtype="i4"), "1J")]
    columns += [Column(n, rng.integers(1, 1025, nrows, dtype="i2"), "1I") for n in ("ccd_id", "node_id", "chipx")]
    columns += [Column(n, rng.integers(1, 1025, nrows, dtype="i2"), "1I") for n in ("chipy", "tdetx", "tdety")]
    columns += [Column(n, rng.uniform(0, 8192, nrows).astype("f4"), "1E") for n in ("x", "y")]
    columns += [Column("phas", rng.integers(0, 30, (nrows, 9), dtype="i2"), "9I")]
    columns += [Column("pha", rng.integers(0, 4000, nrows, dtype="i4"), "1J")]
    columns += [Column("energy", rng.uniform(0, 1e4, nrows).astype("f4"), "1E")]
    columns += [Column("grade", rng.integers(0, 8, nrows, dtype="i2"), "1I")]
    columns += [Column("status", rng.integers(0, 2, nrows, dtype="u4"), "32X")]
    return Table("EVENTS", {c.name: c for c in columns}, new_header())


def best(task: Callable[[], object], repeat: int) -> float:
    """Return the shortest time of `repeat` runs [s]."""
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        task()
        times.append(time.perf_counter() - start)
    return min(times)


def inflate(path: Path) -> int:
    """Go through a gzip file with isal alone."""
    total, buffer = 0, bytearray(1 << 20)
    with igzip.IGzipFile(str(path), "rb") as stream:
        while got := stream.readinto(buffer):
            total += got
    return total


def read(path: Path, columns: list[str] | None = None) -> None:
    with open_fits(path) as f:
        f.read("EVENTS", columns)


def stream(path: Path) -> None:
    with open_fits(path) as f:
        for _ in f.iter_rows("EVENTS"):
            pass


def write_bytes(path: Path, content: bytes) -> None:
    path.unlink(missing_ok=True)
    path.write_bytes(content)


def write(path: Path, table: Table, checksum: bool = True, sync: bool = False) -> None:
    path.unlink(missing_ok=True)
    write_dataset(path, table, checksum=checksum, sync=sync)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        plain, packed, other = (Path(name) / n for n in ("big.fits", "big.fits.gz", "other.fits"))
        table = make(given.rows)
        write_dataset(plain, table, sync=False)
        write_dataset(packed, table, sync=False)
        report(plain, packed, other, table, given.repeat)


def report(plain: Path, packed: Path, other: Path, table: Table, repeat: int) -> None:
    """Print the figures."""
    content = plain.read_bytes()
    print(f"{table.nrows} rows x {len(table.columns)} columns, {plain.stat().st_size / MB:.0f} MB")
    print(f"gzip {packed.stat().st_size / MB:.0f} MB")
    bytes_read = best(plain.read_bytes, repeat)
    bytes_written = best(lambda: write_bytes(other, content), repeat)
    inflation = best(lambda: inflate(packed), repeat)
    rows = [
        ("read the bytes", bytes_read, bytes_read),
        ("read all columns", best(lambda: read(plain), repeat), bytes_read),
        ("read time, x, y", best(lambda: read(plain, ["time", "x", "y"]), repeat), bytes_read),
        ("stream all columns (iter_rows)", best(lambda: stream(plain), repeat), bytes_read),
        ("write the bytes", bytes_written, bytes_written),
        ("write with check sums", best(lambda: write(other, table), repeat), bytes_written),
        ("write without check sums", best(lambda: write(other, table, checksum=False), repeat), bytes_written),
        ("write with check sums and fsync", best(lambda: write(other, table, sync=True), repeat), bytes_written),
        ("inflate with isal", inflation, inflation),
        ("read all columns of the .gz", best(lambda: read(packed), repeat), inflation),
    ]
    for label, seconds, unit in rows:
        print(f"{label:32s} {seconds:7.3f} s  {seconds / unit:5.2f} x")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory of this process {peak:.0f} MB")


if __name__ == "__main__":
    main()
