"""The rows of a binary table: from the bytes of a source into native columns.

Rows are read in blocks of a few MB and every block is split into columns while it is in the cache; blocks are spread
over threads. Only the columns asked for are decoded, and of very wide rows only their span is read.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from ciaopy.errors import DataError
from ciaopy.fits.blocks import Array, Block, Column, Image, Table, Vector
from ciaopy.fits.hdus import ColumnInfo, HduInfo, truncated
from ciaopy.fits.header import card_keyword, card_value, column_keyword, is_structural, make_header
from ciaopy.fits.rows import decode, decode_heap, row_dtype
from ciaopy.fits.source import Source, as_bytes
from ciaopy.fits.tforms import Field
from ciaopy.kernels import map_blocks, row_blocks

if TYPE_CHECKING:
    from ciaopy.fits.keywords import Header

__all__ = [
    "Rows",
    "block_header",
    "chosen_columns",
    "empty_table",
    "from_astropy_hdu",
    "read_rows",
    "read_span",
    "read_table",
    "table_of",
    "taken",
]

Rows: TypeAlias = slice | Array | None

# Rows at least this wide are read only over the span of the columns asked for, if that is less than a quarter.
WIDE_ROW_BYTES = 16384
# Bytes of rows that one thread holds at a time: fits in the second-level cache with its columns.
READ_BYTES = 1 << 20
# Bytes of rows after which a source may let go of what has been read.
STREAM_BYTES = 1 << 25


def empty_table(info: HduInfo) -> Table:
    """Return a table without columns: name, header and vectors of an HDU."""
    return Table(info.name, {}, block_header(info), _vectors(info))


def table_of(like: Table, infos: list[ColumnInfo], data: list[Array]) -> Table:
    """Return a table of columns read, with name, header and vectors of another."""
    table = Table(like.name, {}, like.header, like.vectors)
    for info, values in zip(infos, data, strict=True):
        key = _free_name(info.name.lower(), table.columns)
        table.columns[key] = _column(info, values, info.name + key[len(info.name) :])
    return table


def read_table(source: Source, info: HduInfo, columns: Sequence[str] | None, rows: Rows, nproc: int) -> Table:
    """Return a binary table, or some columns or rows of it.

    Raises
    ------
    DataError
        No such column or row, or the data are cut short or damaged.
    """
    wanted = chosen_columns(info, columns, source.path)
    source.prefetch()
    start, stop, pick = _row_range(rows, info.nrows)
    data = read_rows(source, info, wanted, start, stop, nproc)
    table = table_of(empty_table(info), wanted, data)
    if columns is not None:
        table.vectors = table.select(table.columns).vectors
    return table if pick is None else table.take(pick)


def read_rows(
    source: Source, info: HduInfo, wanted: list[ColumnInfo], start: int, stop: int, nproc: int
) -> list[Array]:
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
            raw = read_span(source, info, start + part.start, part.stop - part.start, first, width)
            view = raw.view(dtype)
            for k, (column, out) in enumerate(zip(wanted, outs, strict=True)):
                if column.form.is_variable:
                    out[part] = view[f"f{k}"]
                else:
                    decode(column.field, view[f"f{k}"], out[part])

        for part in row_blocks(nrows, max(block, STREAM_BYTES // max(info.row_bytes, 1))):
            here = part.start

            def decode_part(piece: slice, here: int = here) -> None:
                decode_block(slice(here + piece.start, here + piece.stop))

            map_blocks(decode_part, part.stop - here, nproc, block)
            source.release(info.data_start + (start + part.stop) * info.row_bytes)
    return [
        _read_heap(source, info, c, out) if c.form.is_variable else out for c, out in zip(wanted, outs, strict=True)
    ]


def read_span(source: Source, info: HduInfo, row: int, count: int, first: int, width: int) -> Array:
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
        if source.read_into(offset, buffer) < len(buffer):
            raise DataError(truncated(source, info, offset + len(buffer)))
    return raw


def _read_heap(source: Source, info: HduInfo, column: ColumnInfo, descriptors: Array) -> Array:
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
            f"{source.path}: {info.describe()}: column {column.name}: row {row + 1} points outside the heap "
            f"(heap at byte {info.data_start + heap})"
        )
    low = int(offsets[sizes > 0].min()) if (sizes > 0).any() else 0
    raw = np.empty(int(ends.max()) - low if ends.max() > 0 else 0, np.uint8)
    if raw.size and source.read_into(info.data_start + heap + low, as_bytes(raw)) < raw.size:
        raise DataError(truncated(source, info, info.data_start + heap + low + raw.size))
    for i, (count, offset, size) in enumerate(zip(counts.tolist(), offsets.tolist(), sizes.tolist(), strict=True)):
        out[i] = decode_heap(column.field, raw[offset - low : offset - low + size] if size else raw[:0], count)
    return out


def chosen_columns(info: HduInfo, names: Sequence[str] | None, path: Path) -> list[ColumnInfo]:
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
        if not (keyword.startswith("MTYPE") and number.isdecimal() and isinstance(value, str)):
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
    return make_header(keep, info.path)


def _rescaled(info: HduInfo) -> bool:
    return bool(info.values.get("BSCALE", 1) != 1 or info.values.get("BZERO", 0) != 0)


def _belongs_to_column(keyword: str, info: HduInfo) -> bool:
    if keyword[:5] in ("MTYPE", "MFORM") and keyword[5:].isdecimal():
        return True
    split = column_keyword(keyword)
    return split is not None and 1 <= split[1] <= int(info.values.get("TFIELDS", 0))


def from_astropy_hdu(hdu: Any, info: HduInfo) -> Block:
    """Make a block of an astropy HDU (compressed image, ASCII table)."""
    if info.kind == "image":
        cards = [str(card) for card in hdu.header.cards]
        images = [text[i : i + 80] for text in cards for i in range(0, len(text), 80)]
        keep = [c for c in images if not is_structural(card_keyword(c))]
        data = np.ascontiguousarray(hdu.data, hdu.data.dtype.newbyteorder("="))
        return Image(info.name, data, make_header(keep, info.path))
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


def taken(table: Table, columns: Sequence[str] | None, rows: Rows) -> Table:
    """Return some columns or rows of a table."""
    if columns is not None:
        table = table.select(columns)
    return table if rows is None else table.take(rows)
