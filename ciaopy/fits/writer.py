"""Write FITS files: blocks as big-endian rows through a small buffer, check sums on the way, atomic.

Rows are encoded and summed in threads, a few megabytes at a time, and written in order by the caller's thread.
"""

from __future__ import annotations

import os
import tempfile
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING

import numpy as np

from ciaopy.errors import DataError
from ciaopy.fits.atomic import AtomicFile, write_error
from ciaopy.fits.blocks import Array, Block, Column, Dataset, Image, Table
from ciaopy.fits.checksum import block_sum, checksum_text, fold
from ciaopy.fits.gzip_stream import compress_file
from ciaopy.fits.header import encode_cards, make_card, padded
from ciaopy.fits.images import encode_pixels, image_layout
from ciaopy.fits.layout import TableLayout, image_cards, primary_cards, table_cards, table_layout
from ciaopy.fits.rows import encode, encode_heap, form_of
from ciaopy.fits.source import as_bytes
from ciaopy.kernels import default_nproc

if TYPE_CHECKING:
    from ciaopy.fits.keywords import Header

__all__ = ["TableWriter", "write_dataset"]

WRITE_BYTES = 4 << 20
HEAP_MEMORY = 64 << 20


class _Hdu:
    """One HDU being written: header first, then data with its running sum, then the header again, complete."""

    def __init__(self, file: AtomicFile, cards: Sequence[str], checksum: bool) -> None:
        self._file, self._checksum = file, checksum
        self._start = file.position
        self._header_bytes = len(encode_cards(self._with_sums(cards, "0" * 16, 0)))
        file.write(bytes(self._header_bytes))
        self.nbytes = 0
        self._sum = 0

    def _with_sums(self, cards: Sequence[str], check: str, data: int) -> list[str]:
        if not self._checksum:
            return list(cards)
        sums = [make_card("CHECKSUM", check, "HDU checksum"), make_card("DATASUM", str(data), "data unit checksum")]
        return [*cards, *sums]

    def write(self, data: bytes | memoryview, part: int | None = None) -> None:
        """Append data; `part` is their sum if it is known already."""
        if self._checksum:
            self._sum = fold(self._sum + (block_sum(data, self.nbytes % 4) if part is None else part))
        self._file.write(data)
        self.nbytes += len(data)

    def finish(self, cards: Sequence[str], fill: bytes = b"\0") -> None:
        """Pad the data and write the header proper; data move where the header has grown."""
        self._file.write(fill * (padded(self.nbytes) - self.nbytes))
        text = encode_cards(self._with_sums(cards, "0" * 16, self._sum), reserve=self._header_bytes)
        if len(text) > self._header_bytes:
            self._file.move(self._start + self._header_bytes, len(text) - self._header_bytes)
        if self._checksum:
            total = fold(block_sum(text) + self._sum)
            text = encode_cards(self._with_sums(cards, checksum_text(total), self._sum), reserve=self._header_bytes)
        self._file.write_at(self._start, text)


class _TableStream:
    """A table HDU being written in pieces."""

    def __init__(self, file: AtomicFile, template: Table, layout: TableLayout, checksum: bool, nproc: int) -> None:
        self._layout, self._nproc = layout, nproc
        self.path = file.path
        self.nrows = 0
        self._heap: IO[bytes] | None = None
        self._heap_bytes = 0
        self._longest = [0] * len(layout.fields)
        self._hdu = _Hdu(file, table_cards(template, layout, 0, 0), checksum)

    def append(self, columns: Sequence[Column]) -> None:
        """Write the rows of the columns, which follow the order of the layout."""
        nrows = len(columns[0].data) if columns else 0
        data = [
            self._to_heap(k, column.data) if field.form.is_variable else np.asarray(column.data)
            for k, (column, field) in enumerate(zip(columns, self._layout.fields, strict=True))
        ]
        block = max(4, WRITE_BYTES // max(self._layout.row_bytes, 1) // 4 * 4)
        for buffer, part in self._encoded(data, nrows, block):
            self._hdu.write(buffer, part)
        self.nrows += nrows

    def append_rows(self, rows: Array) -> None:
        """Write rows that are encoded already: uint8, shape (n, row_bytes)."""
        self._hdu.write(as_bytes(np.ascontiguousarray(rows)))
        self.nrows += len(rows)

    def _encoded(self, data: list[Array], nrows: int, block: int) -> Iterator[tuple[memoryview, int]]:
        """Yield the encoded rows with their sums, in order."""
        dtype, phase = self._layout.dtype, self._hdu.nbytes % 4
        starts = range(0, nrows if dtype.itemsize else 0, block)
        threads = min(self._nproc, len(starts))
        buffers = [np.zeros(min(block, nrows), dtype) for _ in range(max(threads, 0) + 1)]

        def encode_block(number: int) -> tuple[memoryview, int]:
            start = starts[number]
            stop = min(start + block, nrows)
            rows = buffers[number % len(buffers)][: stop - start]
            for k, (field, values) in enumerate(zip(self._layout.fields, data, strict=True)):
                if field.form.is_variable:
                    rows[f"f{k}"] = values[start:stop]
                elif field.form.width:
                    encode(field, values[start:stop], rows[f"f{k}"])
            view = as_bytes(rows.view(np.uint8))
            return view, block_sum(view, (phase + start * dtype.itemsize) % 4)

        if threads <= 1:
            yield from map(encode_block, range(len(starts)))
            return
        with ThreadPoolExecutor(threads) as pool:
            waiting: deque[Future[tuple[memoryview, int]]] = deque()
            for number in range(len(starts)):
                waiting.append(pool.submit(encode_block, number))
                if len(waiting) >= len(buffers):
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()

    def _to_heap(self, k: int, cells: Array) -> Array:
        """Append variable-length cells to the heap; return their descriptors, shape (n, 2)."""
        field = self._layout.fields[k]
        descriptors = np.zeros((len(cells), 2 * field.form.repeat), np.int64)
        if not descriptors.size:
            return descriptors
        if self._heap is None:
            self._heap = tempfile.SpooledTemporaryFile(HEAP_MEMORY, prefix="ciaopy-")  # noqa: SIM115
        try:
            for i, cell in enumerate(cells):
                raw, count = encode_heap(field, cell)
                descriptors[i] = count, self._heap_bytes
                self._heap.write(raw)
                self._heap_bytes += len(raw)
                self._longest[k] = max(self._longest[k], count)
        except OSError as problem:
            raise write_error(Path(tempfile.gettempdir()), problem) from None
        if field.form.letter == "P" and self._heap_bytes >= 1 << 31:
            raise DataError(f"{self.path}: more than 2 GB of variable-length arrays need the form Q, not {field.form}")
        return descriptors

    def finish(self, template: Table) -> None:
        """Write the heap and the final header."""
        if self._heap is not None:
            self._heap.seek(0)
            while piece := self._heap.read(WRITE_BYTES):
                self._hdu.write(piece)
            self._heap.close()
        layout = self._layout.with_longest(self._longest)
        self._hdu.finish(table_cards(template, layout, self.nrows, self._heap_bytes))


def _write_table(file: AtomicFile, table: Table, checksum: bool, nproc: int) -> None:
    stream = _TableStream(file, table, table_layout(table), checksum, nproc)
    stream.append(list(table.columns.values()))
    stream.finish(table)


def _write_image(file: AtomicFile, image: Image, checksum: bool) -> None:
    primary = file.position == 0
    cards = image_cards(image, primary)
    hdu = _Hdu(file, cards, checksum)
    if image.data is not None and image.data.size:
        _, zero, _ = image_layout(image.data)
        flat = np.ascontiguousarray(image.data).reshape(-1)
        step = WRITE_BYTES // flat.itemsize
        for start in range(0, len(flat), step):
            hdu.write(as_bytes(encode_pixels(flat[start : start + step], zero)))
    hdu.finish(cards)


def write_blocks(file: AtomicFile, blocks: Iterable[Block], checksum: bool = True, nproc: int = 1) -> None:
    """Write blocks one after the other, an empty primary HDU first where the file begins with a table."""
    for block in blocks:
        if file.position == 0 and isinstance(block, Table):
            cards = primary_cards()
            _Hdu(file, cards, checksum).finish(cards)
        try:
            if isinstance(block, Table):
                _write_table(file, block, checksum, nproc)
            else:
                _write_image(file, block, checksum)
        except DataError as problem:
            raise DataError(f"{file.path}: block {block.name}: {problem}") from None


def with_companions(blocks: Iterable[Block]) -> list[Block]:
    """Return the blocks, each followed by its companions; a companion that is there already is not repeated.

    Two companions are the same if they are one object, or have the same name and the same columns and values.
    """
    listed = list(blocks)
    result: list[Block] = []
    for block in listed:
        result.append(block)
        for companion in with_companions(block.companions):
            if not any(_same(companion, other) for other in (*listed, *result)):
                result.append(companion)
    return result


def _same(one: Block, other: Block) -> bool:
    if one is other:
        return True
    if one.name.lower() != other.name.lower() or type(one) is not type(other):
        return False
    if isinstance(one, Table) and isinstance(other, Table):
        return one.columns.keys() == other.columns.keys() and all(
            np.array_equal(one[name], other[name]) for name in one.columns
        )
    assert isinstance(one, Image) and isinstance(other, Image)
    if one.data is None or other.data is None:
        return one.data is other.data
    return np.array_equal(one.data, other.data)


def write_dataset(
    path: str | os.PathLike[str],
    blocks: Dataset | Block | Iterable[Block],
    clobber: bool = False,
    checksum: bool = True,
    nproc: int | None = None,
    sync: bool = True,
) -> Path:
    """Write blocks to a file, atomically; companions follow their block; gzipped where the name ends in `.gz`.

    Parameters
    ----------
    path : path-like
        The file.
    blocks : Dataset, Table, Image or iterable of blocks
        In order. An empty primary HDU comes first where the first block is a table (or there is none); an `Image`
        with data None as the first block gives the primary header.
    clobber : bool
        Replace an existing file.
    checksum : bool
        Write CHECKSUM and DATASUM.
    nproc : int, optional
        Threads that encode rows; default: the CPUs of this process.
    sync : bool
        Wait until the bytes are on the disk.

    Raises
    ------
    OutputExistsError
        The file exists and `clobber` is false; found out before any work.
    UserError
        The folder is missing or cannot be written, the disk is full, or the file is being read by this process.
    DataError
        A block holds what FITS cannot.
    """
    listed = [blocks] if isinstance(blocks, Table | Image) else list(blocks)
    with open_output(path, clobber, sync) as file:
        write_blocks(file, with_companions(listed) or [_no_data()], checksum, _threads(nproc))
    return Path(path)


def _no_data() -> Image:
    from ciaopy.fits.header import new_header

    return Image("PRIMARY", None, new_header())


def _threads(nproc: int | None) -> int:
    return default_nproc() if nproc is None else nproc


class _GzipFile(AtomicFile):
    """An atomic file whose bytes are compressed when it is complete."""

    def commit(self) -> None:
        """Compress to a second temporary file and give that one the final name."""
        try:
            with AtomicFile(self.path, self._clobber, self._sync) as packed, os.fdopen(os.dup(packed.fd), "wb") as sink:
                compress_file(self.temporary, sink, self.path)
        finally:
            self.abandon()


def open_output(path: str | os.PathLike[str], clobber: bool, sync: bool) -> AtomicFile:
    """Open an atomic output, compressed at the end where the name says so."""
    packed = os.fspath(path).lower().endswith(".gz")
    return _GzipFile(path, clobber, sync) if packed else AtomicFile(path, clobber, sync)


class TableWriter:
    """Write a table in pieces, with bounded memory; a context manager.

    The file gets its name when the `with` block ends without an exception.

    Parameters
    ----------
    path : path-like
        The file; gzipped where the name ends in `.gz`.
    template : Table
        Name, header, vectors and columns (their forms, types, keywords; the rows themselves are not written).
    clobber, checksum
        As for `write_dataset`.
    before : iterable of blocks
        Blocks to write first, such as a primary `Image` without pixels.
    nproc, sync
        As for `write_dataset`.

    Attributes
    ----------
    header : Header
        A copy of the template's header; changes made before the end are written.
    after : list of blocks
        Blocks to write behind the table; at first the template's companions.

    Raises
    ------
    OutputExistsError, UserError, DataError
        As `write_dataset`.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        template: Table,
        clobber: bool = False,
        checksum: bool = True,
        *,
        before: Iterable[Block] = (),
        nproc: int | None = None,
        sync: bool = True,
    ) -> None:
        self.header: Header = template.header.copy()
        self.after: list[Block] = list(template.companions)
        self._template = Table(template.name, template.columns, self.header, template.vectors)
        self._layout = table_layout(template)
        self._checksum, self._nproc = checksum, _threads(nproc)
        self._file = open_output(path, clobber, sync)
        try:
            first = list(before) or [_no_data()]
            write_blocks(self._file, first, checksum, self._nproc)
            self._stream = _TableStream(self._file, self._template, self._layout, checksum, self._nproc)
        except BaseException:
            self._file.abandon()
            raise

    def __enter__(self) -> TableWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self._file.abandon()

    @property
    def nrows(self) -> int:
        """Rows written so far."""
        return self._stream.nrows

    def append(self, table: Table) -> None:
        """Write the rows of a table that has the columns of the template (others are left out).

        Raises
        ------
        DataError
            A column is missing, or its values do not fit the type that the template gave it.
        """
        columns = []
        for like, field in zip(self._template.columns.values(), self._layout.fields, strict=True):
            column = table.column(like.name)
            trial = Column(column.name, column.data, str(field.form))
            form, shape, zero = form_of(trial)
            same_size = field.form.is_variable or (form.repeat == field.form.repeat and shape == field.shape)
            if form.letter != field.form.letter or not same_size or zero != field.zero:
                raise DataError(
                    f"{self._file.path}: column {like.name}: values of type {column.data.dtype} "
                    f"and shape {column.data.shape[1:]} do not fit the form {field.form}"
                )
            columns.append(trial)
        self._stream.append(columns)

    def append_rows(self, rows: Array) -> None:
        """Write rows as they stand in a file whose columns have the forms of the template, in its order.

        Parameters
        ----------
        rows : ndarray of uint8, shape (n, row_bytes)
            Big-endian rows; tables with variable-length columns cannot be copied so.

        Raises
        ------
        DataError
            The rows have another length than the template's, or the template has variable-length columns.
        """
        variable = any(f.form.is_variable for f in self._layout.fields)
        if variable or rows.ndim != 2 or rows.shape[1] != self._layout.row_bytes or rows.dtype != np.uint8:
            raise DataError(f"{self._file.path}: rows of {rows.shape[-1]} bytes do not fit {self._layout.row_bytes}")
        self._stream.append_rows(rows)

    def close(self) -> None:
        """Write what follows the table and give the file its name."""
        try:
            self._stream.finish(self._template)
            write_blocks(self._file, with_companions(self.after), self._checksum, self._nproc)
        except BaseException:
            self._file.abandon()
            raise
        self._file.commit()
