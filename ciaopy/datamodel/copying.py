"""Copy virtual files from file to file, with bounded memory."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ciaopy.datamodel.opened import OpenFile
from ciaopy.datamodel.output import empty_primary, note_tool
from ciaopy.datamodel.reading import merged_blocks, read_block
from ciaopy.datamodel.selection import Selection, open_selection
from ciaopy.datamodel.syntax import parse
from ciaopy.fits import Block, Dataset, Table

if TYPE_CHECKING:
    from ciaopy.datamodel.workspace import Workspace
    from ciaopy.param import ParameterSet

# Results with at least this many bytes of rows stream from file to file.
STREAM_BYTES = 1 << 24


__all__ = ["copy", "stream"]


def copy(
    text: str,
    outfile: str,
    ws: Workspace,
    par: ParameterSet | None = None,
    *,
    clobber: bool = False,
    everything: bool = False,
) -> int:
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
    clobber, everything : bool
        Replace an existing file; copy the other blocks too (option=all).

    Returns
    -------
    int
        Rows written (pixels of an image).

    Raises
    ------
    UserError, DataError
        The virtual file cannot be read; the output exists, is the input, or has no folder.
    """
    vfile, target = parse(text), parse(outfile)
    ws.check_output(outfile, clobber, (vfile.path,))
    kernel = target.options.get("kernel", "")
    name = target.rename or (target.block if isinstance(target.block, str) else "")
    if name:
        vfile = replace(vfile, rename=name)
    with OpenFile(vfile, ws) as opened:
        info = opened.find(vfile.block)
        if info.kind == "table" and vfile.binning is None and not everything and not kernel.startswith("text"):
            selection = open_selection(opened, info, vfile, ws)
            width = sum(c.data.dtype.itemsize for c in selection.source.columns.values())
            if info.nrows * width >= STREAM_BYTES and not ws.wants_memory(target.path):
                return stream(selection, Path(target.path), ws, par, clobber)
            block: Block = selection.table()
        else:
            block = read_block(opened, vfile, ws)
        content: Block | Dataset = Dataset(merged_blocks(opened, info, block)) if everything else block
    if kernel.startswith("text"):
        from ciaopy.datamodel.text import write_text

        write_text(Path(target.path), block, kernel, clobber)
    else:
        ws.write(target.path, content, par, clobber)
    return _size(block)


def _size(block: Block) -> int:
    """Return the number of rows of a table, or of pixels of an image."""
    if isinstance(block, Table):
        return int(block.nrows)
    return int(block.data.size) if block.data is not None else 0


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
