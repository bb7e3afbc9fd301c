"""Read and copy virtual files: `read` into memory, `copy` from file to file with bounded memory."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ciaopy.datamodel.binning.imaging import binned_image
from ciaopy.datamodel.images.filtering import select_image
from ciaopy.datamodel.opened import BlockInfo, Opened
from ciaopy.datamodel.output import empty_primary, finish, note_tool, renamed
from ciaopy.datamodel.selection import Selection, open_selection
from ciaopy.datamodel.syntax.parser import parse
from ciaopy.datamodel.syntax.virtualfile import VirtualFile
from ciaopy.errors import UserError
from ciaopy.fits.blocks import Block, Dataset, Image, Table

if TYPE_CHECKING:
    from ciaopy.datamodel.workspace import Workspace
    from ciaopy.param import ParameterSet

# Results with at least this many bytes of rows stream from file to file.
STREAM_BYTES = 1 << 24


def read(text: str, ws: Workspace) -> Table | Image:
    """Return the block that a virtual file describes, in memory; see `Workspace.read`."""
    vfile = parse(text)
    with Opened(vfile, ws) as opened:
        return read_block(opened, vfile, ws)


def read_block(opened: Opened, vfile: VirtualFile, ws: Workspace) -> Table | Image:
    """Return the block that a virtual file describes, from a file already open."""
    info = opened.find(vfile.block)
    if info.kind != "table":
        image = opened.read(info)
        assert isinstance(image, Image)
        if image.data is None and (vfile.filters or vfile.binning or vfile.columns):
            raise UserError(f"{vfile.text}: block {info.name} is empty: there is nothing to filter or bin")
        image.companions = opened.referenced(image)
        result = select_image(image, vfile, ws)
        return renamed(result, vfile.rename) if vfile.rename else result
    selection = open_selection(opened, info, vfile, ws)
    return binned_image(selection) if vfile.binning is not None else selection.table()


def read_all(text: str, ws: Workspace) -> Dataset:
    """Return every block of a file, the one asked for filtered, its companions replaced by the filtered ones."""
    vfile = parse(text)
    memory = ws.in_memory(vfile.path)
    if vfile.is_plain and vfile.block is None and memory is not None:
        return Dataset([_shallow(b) for b in memory.blocks], memory.path)
    with Opened(vfile, ws) as opened:
        if vfile.is_plain and vfile.block is None:
            return Dataset([opened.read(i) for i in opened.infos], opened.path)
        info = opened.find(vfile.block)
        main = read_block(opened, vfile, ws)
        return Dataset(_merged(opened, info, main), opened.path)


def _shallow(block: Block) -> Block:
    if isinstance(block, Table):
        return Table(block.name, dict(block.columns), block.header.copy(), list(block.vectors), list(block.companions))
    return Image(block.name, block.data, block.header.copy(), list(block.companions))


def _merged(opened: Opened, info: BlockInfo, main: Block) -> list[Block]:
    """Return the blocks of the output file: main block in its place, other blocks that are not its old companions."""
    old = {
        b.name.lower() for b in opened.referenced(opened.read(info, rows=slice(0, 0)) if info.kind == "table" else main)
    }
    old |= {b.name.lower() for b in main.companions}
    blocks: list[Block] = []
    for other in opened.infos:
        if other.index == info.index:
            blocks.append(main)
        elif other.name.lower() not in old:
            blocks.append(opened.read(other))
    if isinstance(main, Image) and blocks[0] is not main and isinstance(blocks[0], Image) and blocks[0].data is None:
        blocks = sorted(blocks[1:], key=lambda b: b is not main)
    elif isinstance(blocks[0], Table):
        blocks.insert(0, empty_primary(blocks[0].header))
    return blocks


def copy(text: str, outfile: str, ws: Workspace, par: ParameterSet | None = None, **options: bool) -> int:
    """Copy a virtual file to a file: what `dmcopy` does.

    Tables stream from disk to disk: memory is bounded by a few blocks of rows, whatever the size of the file.

    Parameters
    ----------
    text : str
        The virtual file.
    outfile : str
        Output; `out.fits[NAME]` names the block, `[opt kernel=text/...]` writes text.
    ws : Workspace
    par : ParameterSet, optional
        For HISTORY.
    **options
        `clobber`: replace an existing file. `everything`: copy the other blocks too (option=all).

    Returns
    -------
    int
        Rows written (pixels of an image).
    """
    vfile, target = parse(text), parse(outfile)
    clobber, everything = options.get("clobber", False), options.get("everything", False)
    ws.check_output(target.path, clobber, (vfile.path,))
    kernel = target.options.get("kernel", "")
    name = target.rename or (target.block if isinstance(target.block, str) else "")
    if name:
        vfile = replace(vfile, rename=name)
    with Opened(vfile, ws) as opened:
        info = opened.find(vfile.block)
        if info.kind == "table" and vfile.binning is None and not everything and not kernel.startswith("text"):
            selection = open_selection(opened, info, vfile, ws)
            width = sum(c.data.dtype.itemsize for c in selection.source.columns.values())
            if info.nrows * width >= STREAM_BYTES and not ws.wants_memory(target.path):
                return stream(selection, Path(target.path), ws, par, clobber)
            block: Block = selection.table()
        else:
            block = read_block(opened, vfile, ws)
        content: Block | Dataset = Dataset(_merged(opened, info, block)) if everything else block
    if kernel.startswith("text"):
        from ciaopy.datamodel.text import write_text

        write_text(Path(target.path), block, kernel, clobber)
    else:
        ws.write(target.path, content, par, clobber)
    size = block.nrows if isinstance(block, Table) else block.data.size if block.data is not None else 0
    return int(size)


def stream(selection: Selection, path: Path, ws: Workspace, par: ParameterSet | None, clobber: bool) -> int:
    """Write a selection row block by row block; the file gets its name when it is complete.

    Where all columns come out as they are, rows are copied as bytes.
    """
    from ciaopy.fits import TableWriter

    table = selection.template()
    primary = empty_primary(table.header)
    if par is not None:
        note_tool(table.header, par)
        note_tool(primary.header, par, history=False)
    with TableWriter(path, table, clobber, before=[primary], nproc=ws.nproc) as writer:
        if selection.copies_rows:
            for rows in selection.raw_pieces():
                writer.append_rows(rows)
        else:
            for piece in selection.pieces():
                columns = {k: c.with_data(piece[k]) for k, c in table.columns.items()}
                writer.append(Table(table.name, columns, table.header, table.vectors))
        return writer.nrows


__all__ = ["copy", "finish", "read", "read_all", "read_block", "stream"]
