"""Read virtual files into memory."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ciaopy.datamodel.binning import binned_image
from ciaopy.datamodel.images import select_image
from ciaopy.datamodel.opened import BlockInfo, OpenFile
from ciaopy.datamodel.output import empty_primary, renamed
from ciaopy.datamodel.selection import open_selection
from ciaopy.datamodel.syntax import VirtualFile, parse
from ciaopy.datamodel.text_files import is_text_table
from ciaopy.errors import UserError
from ciaopy.fits import Block, Dataset, Image, Table, read_dataset

if TYPE_CHECKING:
    from ciaopy.datamodel.datasource import DataSource


def read_virtual(text: str, ws: DataSource) -> Table | Image:
    """Return the block that a virtual file describes, in memory; see `Workspace.read`."""
    vfile = parse(text)
    with OpenFile(vfile, ws) as opened:
        return read_block(opened, vfile, ws)


def read_block(opened: OpenFile, vfile: VirtualFile, ws: DataSource) -> Table | Image:
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


def read_all(text: str, ws: DataSource) -> Dataset:
    """Return every block of a file, the one asked for filtered, its companions replaced by the filtered ones."""
    vfile = parse(text)
    memory = ws.in_memory(vfile.path)
    if vfile.is_plain and vfile.block is None and memory is not None:
        return Dataset([_shallow(b) for b in memory.blocks], memory.path)
    if vfile.is_plain and vfile.block is None and not is_text_table(Path(vfile.path)):
        return read_dataset(vfile.path)
    with OpenFile(vfile, ws) as opened:
        if vfile.is_plain and vfile.block is None:
            return Dataset([opened.read(i) for i in opened.infos], opened.path)
        info = opened.find(vfile.block)
        main = read_block(opened, vfile, ws)
        return Dataset(merged_blocks(opened, info, main), opened.path)


def _shallow(block: Block) -> Block:
    if isinstance(block, Table):
        return Table(block.name, dict(block.columns), block.header.copy(), list(block.vectors), list(block.companions))
    return Image(block.name, block.data, block.header.copy(), list(block.companions))


def merged_blocks(opened: OpenFile, info: BlockInfo, main: Block) -> list[Block]:
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
