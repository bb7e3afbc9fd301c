"""A file opened at one block: from disk, from the Workspace's memory, or from text, behind one face."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from ciaopy.datamodel.syntax import VirtualFile
from ciaopy.errors import DataError, UserError
from ciaopy.kernels import BLOCK_ROWS

if TYPE_CHECKING:
    from concurrent.futures import Future

    from ciaopy.datamodel.datasource import DataSource
    from ciaopy.datamodel.filtering import Rows
    from ciaopy.fits import Array, Block, ColumnInfo, FitsFile, HduInfo, Table

T = TypeVar("T")
# Bytes of rows that a task holds: small enough for the cache, large enough for one system call.
SCAN_BYTES = 1 << 21


@dataclass(frozen=True)
class BlockInfo:
    """What a listing says of a block: 0-based index, names, kind (`image`, `table`, `empty`), size."""

    index: int
    name: str
    extname: str
    extver: int
    kind: str
    nrows: int
    ncols: int
    shape: tuple[int, ...] = ()
    dtype: str = ""


class OpenFile:
    """The blocks of one file; a context manager.

    Parameters
    ----------
    vfile : VirtualFile
        Its path, and `[opt kernel=text/...]` for text files.
    ws : DataSource
        Memory is asked before the disk.

    Raises
    ------
    DataError
        The file is missing, or neither FITS nor text of a known form.
    """

    def __init__(self, vfile: VirtualFile, ws: DataSource) -> None:
        self.vfile, self.ws, self.path = vfile, ws, Path(vfile.path)
        self._file: FitsFile | None = None
        self._shared = False
        self._dataset = ws.in_memory(self.path)
        if self._dataset is None:
            self._open_disk()
        try:
            self.infos = self._list()
        except BaseException:
            self._close()
            raise

    def _close(self) -> None:
        if self._file is not None and not self._shared:
            self._file.close()

    def _open_disk(self) -> None:
        from ciaopy.datamodel.text_files import is_text_table

        self._file = self.ws.open_file(self.path)
        self._shared = self._file is not None
        if self._shared:
            return
        kernel = self.vfile.options.get("kernel", "")
        if kernel.startswith("text") or is_text_table(self.path):
            from ciaopy.datamodel.text import read_text
            from ciaopy.fits import Dataset, Header, Image

            table = read_text(self.path, self.vfile.options)
            self._dataset = Dataset([Image("PRIMARY", None, Header()), table], self.path)
            return
        from ciaopy.fits import open_fits

        self._file = open_fits(self.path)

    def __enter__(self) -> OpenFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def _list(self) -> list[BlockInfo]:
        if self._file is not None:
            return [
                BlockInfo(h.index, h.name, h.extname, h.extver, h.kind, h.nrows, len(h.columns), h.shape, str(h.bitpix))
                for h in self._file.hdus
            ]
        assert self._dataset is not None
        from ciaopy.fits import Table

        out = []
        for i, b in enumerate(self._dataset.blocks):
            ext, ver = str(b.header.get("EXTNAME", "")), int(b.header.get("EXTVER", 1))
            if isinstance(b, Table):
                out.append(BlockInfo(i, b.name, ext, ver, "table", b.nrows, len(b.columns)))
            elif b.data is None:
                out.append(BlockInfo(i, b.name, ext, ver, "empty", 0, 0))
            else:
                bits = b.data.dtype.itemsize * (-8 if b.data.dtype.kind == "f" else 8)
                out.append(BlockInfo(i, b.name, ext, ver, "image", 0, 0, b.data.shape, str(bits)))
        return out

    def find(self, block: str | int | None) -> BlockInfo:
        """Return the block asked for, or the default one.

        Raises
        ------
        DataError
            No such block; the message lists those there are.
        """
        if block is None:
            return default_block(self.infos)
        listed = ", ".join(i.name for i in self.infos)
        if isinstance(block, int):
            if block > len(self.infos):
                raise DataError(f"{self.path}: no block {block}; it has {len(self.infos)}: {listed}")
            return self.infos[block - 1]
        wanted = block.lower()
        tests: list[Callable[[BlockInfo], str]] = [lambda i: i.name, lambda i: i.extname]
        tests.append(lambda i: f"{i.extname}{i.extver}")
        for name in tests:
            found = [i for i in self.infos if name(i).lower() == wanted]
            if found:
                return found[0]
        raise DataError(f"{self.path}: no block {block}; it has {listed}")

    def read(self, info: BlockInfo, columns: Sequence[str] | None = None, rows: slice | None = None) -> Block:
        """Read a block, or some columns or rows of it, without companions."""
        if self._file is not None:
            return self._file.read(info.index, columns, rows)
        assert self._dataset is not None
        from ciaopy.fits import Table

        block = self._dataset.blocks[info.index]
        if isinstance(block, Table):
            block = block.take(rows) if rows is not None else block
            if columns is not None:
                block = Table(block.name, {c.lower(): block.column(c) for c in columns}, block.header, block.vectors)
        return block

    @property
    def in_memory(self) -> bool:
        """True where the blocks are held in memory and not read from a FITS file."""
        return self._file is None

    def keyword(self, info: BlockInfo, name: str) -> tuple[Any, str] | None:
        """Return (value, comment) of a keyword of a FITS file on disk; None where its header has to be asked."""
        return self._file.hdu(info.index).keyword(name) if self._file is not None else None

    def template(self, info: BlockInfo) -> Table:
        """Return a table without rows: names, types, keys, vectors, header."""
        from ciaopy.fits import Table

        block = self.read(info, rows=slice(0, 0))
        if not isinstance(block, Table):
            raise UserError(f"{self.path}: block {info.name} is an image, and the request needs a table")
        return block

    def referenced(self, header_of: Block) -> list[Block]:
        """Return the blocks that the DSREF keywords of a block name (GTIs, masks), each once."""
        names = []
        for card in header_of.header.cards:
            if re.fullmatch(r"\d*DSREF\d+", card.keyword) and str(card.value).strip():
                names.append(str(card.value).strip().rpartition(":")[2])
        blocks: list[Block] = []
        for name in dict.fromkeys(names):
            with suppress(DataError):
                blocks.append(self.read(self.find(name)))
        return blocks

    def others(self, info: BlockInfo) -> list[Block]:
        """Return every other block, in order."""
        return [self.read(i) for i in self.infos if i.index != info.index]

    def raw_info(self, info: BlockInfo) -> HduInfo | None:
        """Return the FITS layout of a table whose rows can be copied as bytes, or None."""
        if self._file is None:
            return None
        hdu = self._file.hdu(info.index)
        plain = hdu.kind == "table" and not hdu.unusual and not any(c.form.is_variable for c in hdu.columns)
        return hdu if plain and hdu.row_bytes else None

    def scan(
        self, info: BlockInfo, columns: Sequence[str], task: Callable[[Rows, Array | None], T], raw: bool = False
    ) -> Iterator[T]:
        """Run `task` on blocks of rows and yield its results in row order; memory is bounded by a few blocks.

        Parameters
        ----------
        info : BlockInfo
            A table.
        columns : sequence of str
            What the task needs.
        task : callable
            Takes the rows, and (with `raw`) their bytes as an array (n, row_bytes) of uint8. Runs in several threads.
        raw : bool
            Ask for the bytes; only where `raw_info` is not None.
        """
        hdu = self.raw_info(info)
        if hdu is None or self._file is None:
            yield from self._scan_decoded(info, columns, task)
            return
        import numpy as np

        from ciaopy.datamodel.filtering import Rows
        from ciaopy.fits import decode, row_dtype

        known = {c.name.lower(): c for c in reversed(hdu.columns)}
        wanted: list[tuple[str, ColumnInfo]] = [(n.lower(), known[n.lower()]) for n in dict.fromkeys(columns)]
        dtype = row_dtype([c.field for _, c in wanted], hdu.row_bytes)
        file, layout = self._file, hdu

        def run(part: slice) -> T:
            rows = file.read_raw(layout, part)
            view = rows.reshape(-1).view(dtype)
            data = {}
            for k, (name, column) in enumerate(wanted):
                data[name] = np.empty((len(rows), *column.field.cell_shape), column.field.native)
                decode(column.field, view[f"f{k}"], data[name])
            return task(Rows(data, part.start, len(rows)), rows if raw else None)

        size = min(BLOCK_ROWS, max(1, SCAN_BYTES // hdu.row_bytes))
        parts = [slice(a, min(a + size, hdu.nrows)) for a in range(0, hdu.nrows, size)]
        file.begin_rows()
        yield from ordered(run, parts, self.ws.nproc)
        file.end_rows()

    def _scan_decoded(
        self, info: BlockInfo, columns: Sequence[str], task: Callable[[Rows, Array | None], T]
    ) -> Iterator[T]:
        from ciaopy.datamodel.filtering import Rows
        from ciaopy.fits import Table

        first = 0
        if self._file is not None:
            pieces = self._file.iter_rows(info.index, list(columns) or None)
        else:
            table = self.read(info, list(columns))
            assert isinstance(table, Table)
            nrows = info.nrows
            pieces = (table.take(slice(a, a + BLOCK_ROWS)) for a in range(0, max(nrows, 1), BLOCK_ROWS))
        for piece in pieces:
            count = piece.nrows if piece.columns else min(BLOCK_ROWS, info.nrows - first)
            yield task(Rows({k: c.data for k, c in piece.columns.items()}, first, count), None)
            first += count


def ordered(run: Callable[[slice], T], parts: Sequence[slice], nproc: int) -> Iterator[T]:
    """Yield ``run(part)`` in order, computed by `nproc` threads that are never far ahead."""
    if nproc <= 1 or len(parts) <= 1:
        for part in parts:
            yield run(part)
        return
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(min(nproc, len(parts))) as pool:
        waiting: deque[Future[T]] = deque()
        try:
            for part in parts:
                waiting.append(pool.submit(run, part))
                if len(waiting) > 2 * nproc:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def default_block(infos: Sequence[BlockInfo]) -> BlockInfo:
    """Return the most interesting block: EVENTS, else a primary image, else the first extension that is no GTI."""
    for info in infos:
        if info.name.upper() == "EVENTS" and info.kind == "table":
            return info
    if infos[0].kind == "image":
        return infos[0]
    rest = [i for i in infos[1:] if i.kind != "empty"]
    return next((i for i in rest if not i.name.upper().startswith("GTI")), (rest or list(infos))[0])
