"""Read FITS files: bulk rows straight into native columns, images, headers.

This module is light: numpy is loaded with `tables` and `images`, when rows or pixels are read.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, TypeAlias

from ciaopy.errors import DataError
from ciaopy.fits.files import note_open, open_source
from ciaopy.fits.hdus import HduInfo, HduList, truncated
from ciaopy.kernels import BLOCK_ROWS, default_nproc

if TYPE_CHECKING:
    from ciaopy.fits.blocks import Array, Block, Dataset, Image, Table
    from ciaopy.fits.keywords import Header
    from ciaopy.fits.tables import Rows

__all__ = ["FitsFile", "HduKey", "open_fits", "read_dataset", "read_header"]

HduKey: TypeAlias = int | str | tuple[str, int] | HduInfo

# Bytes summed at a time; a multiple of 4.
SUM_BYTES = 1 << 22


class FitsFile:
    """An open FITS file; a context manager. HDUs are scanned when needed. Safe for several threads.

    Parameters
    ----------
    path : path-like
        The file; `.gz` files are inflated on the way, `x.fits` falls back to `x.fits.gz`.
    nproc : int, optional
        Threads that decode rows; default: the CPUs of this process.
    memory_limit : int, optional
        Bytes of a compressed file that stay in memory once inflated; what is beyond goes to an unnamed file.

    Raises
    ------
    DataError
        Missing, unreadable, a folder, empty or not FITS.
    """

    def __init__(self, path: str | os.PathLike[str], nproc: int | None = None, memory_limit: int | None = None) -> None:
        self._source = open_source(path, memory_limit)
        self.path: Path = self._source.path
        self._nproc = default_nproc() if nproc is None else nproc
        self._hdus = HduList(self._source)
        self._open = True
        note_open(self.path, +1)
        try:
            self._hdus.find(0)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> FitsFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; arrays already read stay valid."""
        if self._open:
            self._open = False
            note_open(self.path, -1)
            self._source.close()

    @property
    def hdus(self) -> list[HduInfo]:
        """All HDUs, in order."""
        return self._hdus.all()

    def scan(self) -> Iterator[HduInfo]:
        """Yield the HDUs one after the other: those before a damaged one can be had.

        Raises
        ------
        DataError
            The next header or its data are cut short or damaged.
        """
        yield from self._hdus

    def blocks(self) -> Iterator[Table | Image]:
        """Yield every HDU, read, one after the other; of a compressed file no more is kept than one needs.

        Raises
        ------
        DataError
            The next header or its data are cut short or damaged.
        """
        self._source.read_once()
        for info in self._hdus:
            yield self._read(info)
            self._source.release(info.end)
        self._source.verify()

    def sums(self, hdu: HduKey) -> tuple[int, int]:
        """Return the 32-bit ones'-complement sums of header and data of an HDU as they stand in the file.

        The second is what DATASUM states; both together give -0 where CHECKSUM holds (FITS standard 4.0, 4.4.2.7).

        Raises
        ------
        DataError
            The data are cut short or damaged.
        """
        info = self.hdu(hdu)
        return self._sum(info, info.start, info.data_start), self._sum(info, info.data_start, info.end)

    def check_data(self, hdu: HduKey) -> None:
        """Raise a `DataError` where the data of an HDU are cut short or damaged."""
        info = self.hdu(hdu)
        last = bytearray(1)
        if info.data_bytes and not self._source.read_into(info.data_start + info.data_bytes - 1, memoryview(last)):
            raise DataError(truncated(self._source, info, info.data_start + info.data_bytes))

    def _sum(self, info: HduInfo, start: int, stop: int) -> int:
        from ciaopy.fits.checksum import block_sum, fold

        total, buffer = 0, bytearray(min(SUM_BYTES, stop - start))
        for at in range(start, stop, SUM_BYTES):
            piece = memoryview(buffer)[: min(SUM_BYTES, stop - at)]
            got = self._source.read_into(at, piece)
            needed = min(len(piece), info.data_start + info.data_bytes - at)
            if got < needed:
                raise DataError(truncated(self._source, info, info.data_start + info.data_bytes))
            total = fold(total + block_sum(piece[:got]))
        return total

    def hdu(self, key: HduKey) -> HduInfo:
        """Return one HDU by 0-based index, block name, or (EXTNAME, EXTVER).

        Raises
        ------
        DataError
            No such HDU; the message lists those there are.
        """
        return self._hdus.find(key)

    def read(self, hdu: HduKey, columns: Sequence[str] | None = None, rows: Rows = None) -> Table | Image:
        """Read a table or an image.

        Parameters
        ----------
        hdu : int, str, (str, int) or HduInfo
            0-based index, block name (any case), or EXTNAME with EXTVER.
        columns : sequence of str, optional
            Columns of a table to read, in the order wanted (any case); default: all.
        rows : slice, boolean mask or index array, optional
            Rows of a table; default: all.

        Raises
        ------
        DataError
            No such HDU or column, or the data are cut short or damaged.
        """
        block = self._read(self.hdu(hdu), columns, rows)
        self._source.verify()
        return block

    def _read(self, info: HduInfo, columns: Sequence[str] | None = None, rows: Rows = None) -> Table | Image:
        from ciaopy.fits.blocks import Image, Table
        from ciaopy.fits.images import read_pixels, read_unusual
        from ciaopy.fits.tables import block_header, from_astropy_hdu, read_table, taken

        block: Block
        if info.unusual:
            block = from_astropy_hdu(read_unusual(self._source, info), info)
            block = taken(block, columns, rows) if isinstance(block, Table) else block
        elif info.kind == "table":
            block = read_table(self._source, info, columns, rows, self._nproc)
        else:
            data = read_pixels(self._source, info) if info.data_bytes else None
            block = Image(info.name, data, block_header(info))
        return block

    def iter_rows(self, hdu: HduKey, columns: Sequence[str] | None = None, block: int = BLOCK_ROWS) -> Iterator[Table]:
        """Yield a table in pieces of at most `block` rows; one piece of 0 rows where the table is empty.

        Memory is bounded by the block, whatever the size of the file. Parameters and errors are those of `read`.
        """
        from ciaopy.fits.blocks import Table
        from ciaopy.fits.tables import chosen_columns, empty_table, read_rows, table_of

        info = self.hdu(hdu)
        if info.kind != "table":
            raise DataError(f"{self.path}: {info.describe()} is not a table")
        if info.unusual:
            whole = self.read(info, columns)
            assert isinstance(whole, Table)
            for start in range(0, max(whole.nrows, 1), block):
                yield whole.take(slice(start, start + block))
            return
        self._source.prefetch()
        wanted, empty = chosen_columns(info, columns, self.path), empty_table(info)
        for start in range(0, max(info.nrows, 1), block):
            stop = min(start + block, info.nrows)
            yield table_of(empty, wanted, read_rows(self._source, info, wanted, start, stop, 1))
        self._source.verify()

    def iter_columns(self, hdu: HduKey, columns: Sequence[str], block: int = BLOCK_ROWS) -> Iterator[dict[str, Array]]:
        """Yield columns of a binary table in pieces of at most `block` rows, without making a header.

        The keys are the names as asked for. Nothing is yielded for a table without rows.

        Raises
        ------
        DataError
            No such HDU or column, no binary table, or the data are cut short or damaged.
        """
        from ciaopy.fits.tables import chosen_columns, read_rows

        info = self.hdu(hdu)
        if info.kind != "table" or info.unusual:
            raise DataError(f"{self.path}: {info.describe()} is not a binary table")
        self._source.prefetch()
        wanted = chosen_columns(info, columns, self.path)
        for start in range(0, info.nrows, block):
            data = read_rows(self._source, info, wanted, start, min(start + block, info.nrows), 1)
            yield dict(zip(columns, data, strict=True))
        self._source.verify()

    def read_raw(self, hdu: HduKey, rows: slice) -> Array:
        """Return rows of a table as they stand on disk: uint8, shape (n, row_bytes).

        `begin_rows` before the first and `end_rows` after the last of several calls, which may come from threads.

        Raises
        ------
        DataError
            The data are cut short or damaged.
        """
        from ciaopy.fits.tables import read_span

        info = self.hdu(hdu)
        start, stop, _ = rows.indices(info.nrows)
        count = max(stop - start, 0)
        return read_span(self._source, info, start, count, 0, info.row_bytes).reshape(count, info.row_bytes)

    def begin_rows(self) -> None:
        """Let a compressed file be inflated ahead of the reads that follow."""
        self._source.prefetch()

    def end_rows(self) -> None:
        """Raise a `DataError` if a compressed file read to its end has a wrong checksum."""
        self._source.verify()


def open_fits(path: str | os.PathLike[str], nproc: int | None = None) -> FitsFile:
    """Open a FITS file for reading; see `FitsFile`."""
    return FitsFile(path, nproc)


def read_dataset(path: str | os.PathLike[str], nproc: int | None = None) -> Dataset:
    """Read every HDU of a file.

    Raises
    ------
    DataError
        The file is missing, truncated, damaged or not FITS; the message names file, HDU and byte.
    """
    from ciaopy.fits.blocks import Dataset

    with FitsFile(path, nproc) as file:
        return Dataset(list(file.blocks()), file.path)


def read_header(path: str | os.PathLike[str], hdu: HduKey | None = None) -> Header:
    """Read one whole header, structural keywords included.

    Parameters
    ----------
    path : path-like
        The file.
    hdu : int, str, (str, int), optional
        Default: the first HDU with data, or the primary where none has.

    Raises
    ------
    DataError
        No such file or HDU.
    """
    with FitsFile(path, 1) as file:
        if hdu is not None:
            return file.hdu(hdu).header
        found = next((info for info in file._hdus if info.kind != "empty"), file.hdu(0))
        return found.header
