"""Append a block to an existing file, in place.

`dmappend "evt2.fits[GTI7]" out.fits`
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ciaopy.errors import UserError
from ciaopy.fits import Block, Table

if TYPE_CHECKING:
    from ciaopy.datamodel import Workspace
    from ciaopy.param import ParameterSet


def run(par: ParameterSet, ws: Workspace) -> None:
    """Append the block that `infile` describes to `outfile`; the blocks that are there keep their bytes.

    Raises
    ------
    UserError, DataError
        The output does not exist or cannot be written; no such input file or block.
    """
    from ciaopy.datamodel import finish, parse
    from ciaopy.fits import append_blocks

    target = parse(str(par["outfile"]))
    path = Path(target.path)
    if not ws.exists(path):
        raise UserError(f"{path}: no such file to append to; make it first with dmcopy")
    block = ws.read(str(par["infile"]))
    _warn_of_times(block, str(par["infile"]), str(path), ws)
    block.companions = []
    name = target.rename or (target.block if isinstance(target.block, str) else "")
    appended: list[Block] = finish(block, par, name).blocks[-1:]
    memory = ws.in_memory(path)
    if memory is not None:
        memory.blocks += appended
    else:
        append_blocks(path, appended)
    ws.console.say(f"{path}: block {appended[0].name} appended")


def _warn_of_times(block: Block, infile: str, target: str, ws: Workspace) -> None:
    """Warn where the times of a table count from another moment than those of the file that it goes into."""
    from ciaopy.datamodel import OpenFile, TimeFrame, parse

    if not isinstance(block, Table) or not {"time", "start", "stop"} & set(block.columns):
        return
    with OpenFile(parse(target), ws) as opened:
        header = opened.read(opened.find(None), rows=slice(0, 0)).header
    differ = TimeFrame.of(header).difference(TimeFrame.of(block.header))
    if differ:
        ws.console.warn(f"{infile}: its times do not count as those of {target} ({differ})", 0)
