"""From a block or a dataset in memory to the list of blocks that goes to disk: primary HDU, names, HISTORY."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ciaopy.fits import Block, Dataset, Image, Table

if TYPE_CHECKING:
    from ciaopy.fits import Header
    from ciaopy.param import ParameterSet

# Keywords that the primary HDU of a table repeats, in CIAO's order (event files of chandra_repro, CIAO 4.16).
PRIMARY_KEYS = (
    "ORIGIN", "CREATOR", "DATE", "ASCDSVER", "MJD-OBS", "MJD_OBS", "DATE-OBS", "DATE-END", "TIMESYS", "MJDREF",
    "TIMEZERO", "TIMEUNIT", "TIMEREF", "CLOCKAPP", "TSTART", "TSTOP", "MISSION", "TELESCOP", "INSTRUME", "DS_IDENT",
    "OBS_ID", "OBI_NUM", "SEQ_NUM",
)  # fmt: skip
#: Tools that copy: what they write keeps the name of the tool that made it (event files of chandra_repro, CIAO 4.16).
COPYING = frozenset({"dmcopy"})


def empty_primary(header: Header | None = None) -> Image:
    """Return a primary HDU without data that repeats the main keywords of `header`."""
    from ciaopy.fits import Header as New

    primary = New()
    primary["HDUNAME"] = "PRIMARY"
    for key in PRIMARY_KEYS if header is not None else ():
        if header is not None and key in header:
            primary[key] = (header[key], header.comments[key])
    return Image("PRIMARY", None, primary)


def renamed(block: Block, name: str) -> Block:
    """Return the block under another name; the header copy says so (HDUNAME, and EXTNAME of a table)."""
    header = block.header.copy()
    header["HDUNAME"] = (name, "ASCDM block name")
    if isinstance(block, Table):
        header["EXTNAME"] = (name, "name of this binary table extension")
        return Table(name, block.columns, header, block.vectors, block.companions)
    return Image(name, block.data, header, block.companions)


def with_companions(block: Block) -> list[Block]:
    """Return a whole file for one block: a primary HDU, the block, and its companions."""
    first: list[Block] = [block] if isinstance(block, Image) else [empty_primary(block.header), block]
    return first + list(block.companions)


def _fresh(block: Block) -> Block:
    """Return the block with a header of its own."""
    if isinstance(block, Table):
        return Table(block.name, dict(block.columns), block.header.copy(), list(block.vectors), list(block.companions))
    return Image(block.name, block.data, block.header.copy(), list(block.companions))


def finish(content: Block | Dataset, par: ParameterSet | None = None, name: str = "") -> Dataset:
    """Return the dataset to write: header copies with HISTORY and CREATOR, and the main block renamed.

    Parameters
    ----------
    content : Table, Image or Dataset
        Not modified.
    par : ParameterSet, optional
        The tool and its parameters, for HISTORY.
    name : str
        New name of the main block (the block given; of a dataset, the first with data).
    """
    blocks = list(content.blocks) if isinstance(content, Dataset) else with_companions(content)
    blocks = [_fresh(b) for b in blocks]
    main = next((i for i, b in enumerate(blocks) if isinstance(b, Table) or b.data is not None), 0)
    if name:
        blocks[main] = renamed(blocks[main], name)
    if par is not None:
        for block in blocks:
            if not block.name.upper().startswith("GTI"):
                note_tool(block.header, par, history=block is not blocks[0] or not is_empty(block))
    return Dataset(blocks, content.path if isinstance(content, Dataset) else None)


def is_empty(block: Block) -> bool:
    """True for an HDU without data."""
    return isinstance(block, Image) and block.data is None


def note_tool(header: Header, par: ParameterSet, history: bool = True) -> None:
    """Write CREATOR, ASCDSVER and DATE, and append the HISTORY record of a tool; a copy keeps its CREATOR."""
    from datetime import UTC, datetime

    from ciaopy.fits import add_history
    from ciaopy.version import __version__

    when = datetime.now(UTC)
    if par.tool not in COPYING or not header.get("CREATOR"):
        header["CREATOR"] = (f"{par.tool} - Version ciaopy {__version__}", "tool that created this output")
    header["ASCDSVER"] = (f"ciaopy {__version__}", "version of the software")
    header["DATE"] = (when.strftime("%Y-%m-%dT%H:%M:%S"), "Date and time of file creation")
    if history:
        items = [(n, v) for n, v in par.items() if n != "mode"]
        add_history(header, par.tool, items, when)
