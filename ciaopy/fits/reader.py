"""Read FITS files: bulk rows straight into native columns, images, headers.

Rows are read in blocks of a few MB and every block is split into columns while it is in the cache; blocks are spread
over threads. Only the columns asked for are decoded, and of very wide rows only their span is read.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from ciaopy.errors import DataError
from ciaopy.fits.blocks import Array, Block, Column, Dataset, Image, Table, Vector
from ciaopy.fits.files import note_open, open_source
from ciaopy.fits.hdus import ColumnInfo, HduInfo, HduList, truncated
from ciaopy.fits.header import card_keyword, card_value, column_keyword, is_structural, make_header
from ciaopy.fits.images import read_pixels, read_unusual
from ciaopy.fits.rows import Field, decode, decode_heap, row_dtype
from ciaopy.fits.source import as_bytes
from ciaopy.kernels import BLOCK_ROWS, default_nproc, map_blocks

if TYPE_CHECKING:
    from ciaopy.fits.keywords import Header

__all__ = ["FitsFile", "HduKey", "open_fits", "read_dataset", "read_header"]

HduKey: TypeAlias = int | str | tuple[str, int] | HduInfo
Rows: TypeAlias = slice | Array | None

# Rows at least this wide are read only over the span of the columns asked for, if that is less than a quarter.
WIDE_ROW_BYTES = 16384
# Bytes of rows that one thread holds at a time: fits in the second-level cache with its columns.
READ_BYTES = 1 << 20
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

    Raises
    ------
    DataError
        Missing, unreadable, a folder, empty or not FITS.
    """

    def __init__(self, path: str | os.PathLike[str], nproc: int | None = None) -> None:
        self._source = open_source(path)
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
        info = self.hdu(hdu)
        block: Block
        if info.unusual:
            block = _from_astropy(read_unusual(self._source, info), info)
            block = _chosen(block, columns, rows) if isinstance(block, Table) else block
        elif info.kind == "table":
            block = self._read_table(info, columns, rows)
        else:
            data = read_pixels(self._source, info) if info.data_bytes else None
            block = Image(info.name, data, block_header(info))
        self._source.verify()
        return block

    def iter_rows(self, hdu: HduKey, columns: Sequence[str] | None = None, block: int = BLOCK_ROWS) -> Iterator[Table]:
        """Yield a table in pieces of at most `block` rows; one piece of 0 rows where the table is empty.

        Memory is bounded by the block, whatever the size of the file. Parameters and errors are those of `read`.
        """
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
        wanted, empty = _columns(info, columns, self.path), self._empty_table(info)
        for start in range(0, max(info.nrows, 1), block):
            stop = min(start + block, info.nrows)
            yield self._table(empty, wanted, self._read_rows(info, wanted, start, stop, threads=False))
        self._source.verify()

    def iter_columns(self, hdu: HduKey, columns: Sequence[str], block: int = BLOCK_ROWS) -> Iterator[dict[str, Array]]:
        """Yield columns of a binary table in pieces of at most `block` rows, without making a header.

        The keys are the names as asked for. Nothing is yielded for a table without rows.

        Raises
        ------
        DataError
            No such HDU or column, no binary table, or the data are cut short or damaged.
        """
        info = self.hdu(hdu)
        if info.kind != "table" or info.unusual:
            raise DataError(f"{self.path}: {info.describe()} is not a binary table")
        self._source.prefetch()
        wanted = _columns(info, columns, self.path)
        for start in range(0, info.nrows, block):
            data = self._read_rows(info, wanted, start, min(start + block, info.nrows), threads=False)
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
        info = self.hdu(hdu)
        start, stop, _ = rows.indices(info.nrows)
        count = max(stop - start, 0)
        return self._read_span(info, start, count, 0, info.row_bytes).reshape(count, info.row_bytes)

    def begin_rows(self) -> None:
        """Let a compressed file be inflated ahead of the reads that follow."""
        self._source.prefetch()

    def end_rows(self) -> None:
        """Raise a `DataError` if a compressed file read to its end has a wrong checksum."""
        self._source.verify()

    def _empty_table(self, info: HduInfo) -> Table:
        return Table(info.name, {}, block_header(info), _vectors(info))

    def _table(self, like: Table, infos: list[ColumnInfo], data: list[Array]) -> Table:
        table = Table(like.name, {}, like.header, like.vectors)
        for info, values in zip(infos, data, strict=True):
            key = _free_name(info.name.lower(), table.columns)
            table.columns[key] = _column(info, values, info.name + key[len(info.name) :])
        return table

    def _read_table(self, info: HduInfo, columns: Sequence[str] | None, rows: Rows) -> Table:
        wanted = _columns(info, columns, self.path)
        self._source.prefetch()
        start, stop, pick = _row_range(rows, info.nrows)
        data = self._read_rows(info, wanted, start, stop, threads=True)
        table = self._table(self._empty_table(info), wanted, data)
        if columns is not None:
            table.vectors = table.select(table.columns).vectors
        return table if pick is None else table.take(pick)

    def _read_rows(self, info: HduInfo, wanted: list[ColumnInfo], start: int, stop: int, threads: bool) -> list[Array]:
        """Decode rows [start, stop) of the columns wanted into new arrays."""
        nrows = stop - start
        outs = [
            np.empty((nrows, c.field.disk.shape[0]), c.field.disk.base.newbyteorder("="))
            if c.form.is_variable
            else np.empty((nrows, *c.field.cell_shape), c.field.native)
            for c in wanted
        ]
        if nrows and wanted and info.row_bytes:
            first, width = _span(info, wanted)
            dtype = row_dtype([_shifted(c.field, first) for c in wanted], width)
            block = max(1, READ_BYTES // max(width, 1))

            def decode_block(part: slice) -> None:
                raw = self._read_span(info, start + part.start, part.stop - part.start, first, width)
                view = raw.view(dtype)
                for k, (column, out) in enumerate(zip(wanted, outs, strict=True)):
                    if column.form.is_variable:
                        out[part] = view[f"f{k}"]
                    else:
                        decode(column.field, view[f"f{k}"], out[part])

            map_blocks(decode_block, nrows, self._nproc if threads else 1, block)
        return [
            self._read_heap(info, c, out) if c.form.is_variable else out for c, out in zip(wanted, outs, strict=True)
        ]

    def _read_span(self, info: HduInfo, row: int, count: int, first: int, width: int) -> Array:
        """Return bytes [first, first + width) of `count` rows, as one flat array."""
        raw = np.empty(count * width, np.uint8)
        if width == info.row_bytes:
            pieces = [(info.data_start + row * width, as_bytes(raw))]
        else:
            view = as_bytes(raw)
            pieces = [
                (info.data_start + (row + i) * info.row_bytes + first, view[i * width : (i + 1) * width])
                for i in range(count)
            ]
        for offset, buffer in pieces:
            if self._source.read_into(offset, buffer) < len(buffer):
                raise DataError(truncated(self._source, info, offset + len(buffer)))
        return raw

    def _read_heap(self, info: HduInfo, column: ColumnInfo, descriptors: Array) -> Array:
        """Return the variable-length arrays that the descriptors (count, offset in the heap) point to."""
        out = np.empty(len(descriptors), object)
        if not descriptors.size:
            for i in range(len(out)):
                out[i] = np.empty(0, column.field.element_dtype)
            return out
        letter = column.field.value_letter
        table_bytes = info.row_bytes * info.nrows
        heap = int(info.values.get("THEAP", table_bytes))
        inner = Field(0, type(column.form)(1, letter)).form.width
        counts, offsets = descriptors[:, 0].astype(np.int64), descriptors[:, 1].astype(np.int64)
        sizes = -(-counts // 8) if letter == "X" else counts * inner
        ends = np.where(sizes > 0, offsets + sizes, 0)
        if counts.min() < 0 or offsets.min() < 0 or heap + int(ends.max()) > info.data_bytes:
            row = int(np.argmax((counts < 0) | (offsets < 0) | (heap + ends > info.data_bytes)))
            raise DataError(
                f"{self.path}: {info.describe()}: column {column.name}: row {row + 1} points outside the heap "
                f"(heap at byte {info.data_start + heap})"
            )
        low = int(offsets[sizes > 0].min()) if (sizes > 0).any() else 0
        raw = np.empty(int(ends.max()) - low if ends.max() > 0 else 0, np.uint8)
        if raw.size and self._source.read_into(info.data_start + heap + low, as_bytes(raw)) < raw.size:
            raise DataError(truncated(self._source, info, info.data_start + heap + low + raw.size))
        for i, (count, offset, size) in enumerate(zip(counts.tolist(), offsets.tolist(), sizes.tolist(), strict=True)):
            out[i] = decode_heap(column.field, raw[offset - low : offset - low + size] if size else raw[:0], count)
        return out


def _columns(info: HduInfo, names: Sequence[str] | None, path: Path) -> list[ColumnInfo]:
    """Return the infos of the columns named, in that order.

    Raises
    ------
    DataError
        An unknown column; the message lists those there are.
    """
    if names is None:
        return list(info.columns)
    known: dict[str, ColumnInfo] = {}
    for column in info.columns:
        known.setdefault(column.name.lower(), column)
    missing = [n for n in names if n.lower() not in known]
    if missing:
        listed = ", ".join(c.name for c in info.columns)
        raise DataError(f"{path}: {info.describe()}: no column {', '.join(missing)}; it has {listed}")
    return [known[n.lower()] for n in names]


def _row_range(rows: Rows, nrows: int) -> tuple[int, int, Array | slice | None]:
    """Return the range of rows to read and what to pick from it afterwards."""
    if rows is None:
        return 0, nrows, None
    if isinstance(rows, slice):
        start, stop, step = rows.indices(nrows)
        if step == 1:
            return start, max(start, stop), None
        index = np.arange(start, stop, step)
    else:
        index = np.asarray(rows)
        if index.dtype == bool:
            if len(index) != nrows:
                raise DataError(f"a mask of {len(index)} values cannot select from {nrows} rows")
            index = np.flatnonzero(index)
    if not len(index):
        return 0, 0, None
    index = np.where(index < 0, index + nrows, index)
    low, high = int(index.min()), int(index.max()) + 1
    if low < 0 or high > nrows:
        raise DataError(f"row {high if high > nrows else low + 1} is outside the table of {nrows} rows")
    return low, high, index - low


def _span(info: HduInfo, wanted: list[ColumnInfo]) -> tuple[int, int]:
    """Return first byte and width of the part of a row to read."""
    first = min(c.field.offset for c in wanted)
    width = max(c.field.offset + c.form.width for c in wanted) - first
    if info.row_bytes >= WIDE_ROW_BYTES and 0 < width <= info.row_bytes // 4:
        return first, width
    return 0, info.row_bytes


def _shifted(field: Field, first: int) -> Field:
    return Field(field.offset - first, field.form, field.shape, field.scale, field.zero, field.null)


def _column(info: ColumnInfo, data: Array, name: str) -> Column:
    """Make the `Column`; one that TSCAL rescaled loses its form, so that it is written as the float it now is."""
    form = "" if info.field.is_scaled else info.form_text
    keys = {stem: pair for stem, pair in info.keys.items() if stem != "TALEN"}
    return Column(name, data, form, info.unit, info.comment, keys)


def _free_name(name: str, taken: dict[str, Column]) -> str:
    """Return a dictionary key for a column: the name, with a number added where a file repeats it.

    The column takes it as its name, so that what is written has no name twice.
    """
    if name not in taken:
        return name
    return next(key for key in (f"{name}_{k}" for k in range(2, len(taken) + 3)) if key not in taken)


def _vectors(info: HduInfo) -> list[Vector]:
    """Return the vectors of MTYPEn and MFORMn."""
    vectors = []
    for keyword, value in info.values.items():
        number = keyword[5:]
        if not (keyword.startswith("MTYPE") and number.isdigit() and isinstance(value, str)):
            continue
        parts = tuple(p.strip() for p in str(info.values.get(f"MFORM{number}", "")).split(",") if p.strip())
        vectors.append((int(number), Vector(value.strip(), parts)))
    return [v for _, v in sorted(vectors, key=lambda item: item[0])]


def block_header(info: HduInfo) -> Header:
    """Return the header of a block: no structural keywords and, for tables, no per-column and vector keywords."""
    keep, dropping = [], False
    table = info.kind == "table"
    for card in info.cards:
        keyword = card_keyword(card)
        if keyword == "CONTINUE":
            if not dropping:
                keep.append(card)
            continue
        dropping = is_structural(keyword) or (table and _belongs_to_column(keyword, info))
        dropping = dropping or (keyword == "BLANK" and info.kind == "image" and _rescaled(info))
        if not dropping:
            keep.append(card)
    return make_header(keep)


def _rescaled(info: HduInfo) -> bool:
    return bool(info.values.get("BSCALE", 1) != 1 or info.values.get("BZERO", 0) != 0)


def _belongs_to_column(keyword: str, info: HduInfo) -> bool:
    if keyword[:5] in ("MTYPE", "MFORM") and keyword[5:].isdigit():
        return True
    split = column_keyword(keyword)
    return split is not None and 1 <= split[1] <= int(info.values.get("TFIELDS", 0))


def _from_astropy(hdu: Any, info: HduInfo) -> Block:
    """Make a block of an astropy HDU (compressed image, ASCII table)."""
    if info.kind == "image":
        cards = [str(card) for card in hdu.header.cards]
        images = [text[i : i + 80] for text in cards for i in range(0, len(text), 80)]
        keep = [c for c in images if not is_structural(card_keyword(c))]
        data = np.ascontiguousarray(hdu.data, hdu.data.dtype.newbyteorder("="))
        return Image(info.name, data, make_header(keep))
    table = Table(info.name, {}, block_header(info))
    comments = {column_keyword(card_keyword(c)): card_value(c)[1] for c in info.cards}
    for number, column in enumerate(hdu.columns, 1):
        data = np.asarray(hdu.data.field(number - 1))
        if data.dtype.kind == "U":
            data = np.char.encode(data, "latin-1")
        data = np.ascontiguousarray(data, data.dtype.newbyteorder("="))
        made = Column(column.name, data, "", column.unit or "", comments.get(("TTYPE", number), ""))
        table.columns[_free_name(column.name.lower(), table.columns)] = made
    return table


def _chosen(table: Table, columns: Sequence[str] | None, rows: Rows) -> Table:
    if columns is not None:
        table = table.select(columns)
    return table if rows is None else table.take(rows)


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
    with FitsFile(path, nproc) as file:
        return Dataset([file.read(info) for info in file.hdus], file.path)


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
