"""List the contents of a file: blocks, columns, header keys, data subspace, rows, counts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ciaopy.datamodel import BlockInfo, OpenFile, VirtualFile, image_listing, listing, open_selection, parse, read_block
from ciaopy.errors import OutputExistsError, UserError
from ciaopy.fits import Block, Table

if TYPE_CHECKING:
    from ciaopy.datamodel import Workspace
    from ciaopy.param import ParameterSet

LISTS = (
    "blocks",
    "cols",
    "columns",
    "keys",
    "comments",
    "header",
    "subspace",
    "data",
    "counts",
    "struct",
    "full",
    "all",
)
FORMATS = ("clean", "raw", "array")
EXPANDED = {
    "columns": ("cols",),
    "struct": ("blocks", "cols"),
    "full": ("blocks", "cols", "keys", "subspace"),
    "all": ("blocks", "cols", "header", "subspace", "data"),
}


def run(par: ParameterSet, ws: Workspace) -> None:
    """Print what `opt` asks for, to the screen or to `outfile`.

    Raises
    ------
    UserError
        An unknown option, or a wrong range of rows.
    """
    wanted, formats = options(str(par["opt"] or "data"))
    vfile = parse(str(par["infile"]))
    rows, cells = _range(str(par["rows"] or ""), "rows"), _range(str(par["cells"] or ""), "cells")
    outfile = str(par["outfile"] or "").strip()
    outfile = "" if outfile == "-" else outfile
    if outfile and Path(outfile).exists():
        raise OutputExistsError(f"{outfile}: the file exists; remove it first")
    with OpenFile(vfile, ws) as opened:
        lister = _Lister(opened, vfile, ws, rows, cells)
        pretty = ws.console.is_terminal and not outfile and not formats
        lines: list[str] = []
        for what in wanted:
            if pretty and lister.pretty(what):
                continue
            for line in lister.lines(what, "clean" in formats or "raw" in formats):
                if outfile:
                    lines.append(line)
                else:
                    ws.console.output(line)
        if outfile:
            Path(outfile).write_text("\n".join(lines) + "\n", encoding="utf-8")


def document(par: ParameterSet, ws: Workspace) -> dict[str, object]:
    """Return blocks, header and columns for `--json`.

    Raises
    ------
    UserError
        `opt` asks for something else.
    """
    wanted, _ = options(str(par["opt"] or "data"))
    others = [w for w in wanted if w not in ("blocks", "header", "keys", "comments", "cols")]
    if others:
        raise UserError(f"dmlist: --json has blocks, header and cols, not {', '.join(others)}; set opt")
    vfile = parse(str(par["infile"]))
    found: dict[str, object] = {"infile": str(par["infile"])}
    with OpenFile(vfile, ws) as opened:
        lister = _Lister(opened, vfile, ws, None, None)
        for what in wanted:
            if what == "blocks":
                found["blocks"] = [listing.block_values(info) for info in lister.infos()]
            elif what == "cols":
                found |= {"block": lister.header_block().name, "columns": listing.column_values(lister.header_block())}
            else:
                found |= {"block": lister.header_block().name, "header": listing.card_values(lister.header_block())}
    return found


def options(text: str) -> tuple[list[str], list[str]]:
    """Return what to list, and how; unique abbreviations are understood.

    Raises
    ------
    UserError
    """
    wanted: list[str] = []
    formats: list[str] = []
    for word in (w.strip().lower() for w in text.split(",")):
        if not word:
            continue
        known = LISTS + FORMATS
        found = [k for k in known if k == word] or [k for k in known if k.startswith(word)]
        if len(found) > 1 and set(found) == {"cols", "columns"}:
            found = ["cols"]
        if len(found) != 1:
            problem = "can mean " + ", ".join(found) if found else f"is not known; use {', '.join(LISTS)}"
            raise UserError(f"dmlist: opt={word} {problem}")
        if found[0] in FORMATS:
            formats.append(found[0])
        else:
            wanted += EXPANDED.get(found[0], (found[0],))
    return wanted or ["data"], formats


def _range(text: str, name: str) -> slice | None:
    """Read `first:last` (1-based, inclusive); either end may be left out."""
    if not text.strip():
        return None
    lo, colon, hi = (p.strip() for p in text.partition(":"))
    try:
        first = int(lo) if lo else 1
        last = (int(hi) if hi else None) if colon else first
    except ValueError:
        raise UserError(f"dmlist: {name}={text}: give first:last, such as 1:10") from None
    if first < 1 or (last is not None and last < first):
        raise UserError(f"dmlist: {name}={text}: the range is empty")
    return slice(first - 1, last)


class _Lister:
    """Lists one open file; the block is read only when something needs its data."""

    def __init__(
        self, opened: OpenFile, vfile: VirtualFile, ws: Workspace, rows: slice | None, cells: slice | None
    ) -> None:
        self.opened, self.vfile, self.ws, self.rows, self.cells = opened, vfile, ws, rows, cells
        self._block: Block | None = None

    def lines(self, what: str, clean: bool) -> Iterator[str]:
        """Yield the lines of one list."""
        if what == "blocks":
            yield from listing.blocks(self.vfile.path, self.infos())
        elif what == "cols":
            block = self.header_block()
            if isinstance(block, Table):
                yield from listing.columns(block)
            else:
                yield from image_listing.axes(block)
        elif what in ("keys", "header", "comments"):
            yield from listing.keys(self.header_block(), what != "keys", what != "comments")
        elif what == "subspace":
            yield from listing.subspace(self.header_block())
        elif what == "counts":
            count = self.count()
            yield str(count) if isinstance(count, int) else f"{count:.10g}"
        else:
            yield from self._data(clean)

    def pretty(self, what: str) -> bool:
        """Print blocks or columns as a table on a terminal; return whether that was done."""
        from rich.console import Console as Rich
        from rich.table import Table as Grid

        block = self.header_block() if what == "cols" else None
        if what == "blocks":
            grid = Grid("Block", "Name", "Type", "Dimensions", title=self.vfile.path)
            rows: list[tuple[str, ...]] = list(listing.block_rows(self.infos()))
        elif isinstance(block, Table):
            grid = Grid("ColNo", "Name", "Unit", "Type", "Range", "", title=f"Columns for Table Block {block.name}")
            rows = list(listing.column_rows(block))
        else:
            return False
        for row in rows:
            grid.add_row(*row)
        Rich(file=self.ws.console.out).print(grid)
        if isinstance(block, Table):
            for line in listing.transform_lines(block):
                self.ws.console.output(line)
        return True

    def infos(self) -> list[BlockInfo]:
        """Return the blocks; the size of a filtered one is that of the result."""
        if self.vfile.is_plain:
            return self.opened.infos
        chosen = self.opened.find(self.vfile.block)
        block = self.block()
        if not isinstance(block, Table):
            shape = block.data.shape if block.data is not None else ()
            bits = "" if block.data is None else str((-8 if block.data.dtype.kind == "f" else 8) * block.data.itemsize)
            new = BlockInfo(chosen.index, block.name, "", 1, "image", 0, 0, shape, bits)
        else:
            new = BlockInfo(chosen.index, block.name, "", 1, "table", block.nrows, len(block.columns))
        return [new if i.index == chosen.index else i for i in self.opened.infos]

    def header_block(self) -> Block:
        """Return the block without its rows: names, types, header, subspace."""
        if self._block is not None:
            return self._block
        info = self.opened.find(self.vfile.block)
        if info.kind == "table" and self.vfile.binning is None:
            return open_selection(self.opened, info, self.vfile, self.ws).template()
        return self.block()

    def block(self) -> Block:
        """Return the whole block."""
        if self._block is None:
            self._block = read_block(self.opened, self.vfile, self.ws)
        return self._block

    def count(self) -> int | float:
        """Return the number of rows; of an image, the sum of its pixels that are not null."""
        info = self.opened.find(self.vfile.block)
        if info.kind == "table" and self.vfile.binning is None:
            return open_selection(self.opened, info, self.vfile, self.ws).count()
        block = self.block()
        if isinstance(block, Table):
            return block.nrows
        if block.data is None:
            return 0
        import numpy as np

        if block.data.dtype.kind != "f":
            return int(block.data.sum())
        total = float(np.nansum(block.data, dtype=np.float64))
        return int(total) if total.is_integer() else total

    def _data(self, clean: bool) -> Iterator[str]:
        block = self.block()
        first = 1
        if isinstance(block, Table) and self.rows is not None:
            first = (self.rows.start or 0) + 1
            block = block.take(self.rows)
        yield from listing.data(block, first, clean, self.cells)
