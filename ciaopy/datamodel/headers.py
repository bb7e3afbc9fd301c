"""What the header tools share: the header behind a virtual file, values from text, edits in place."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ciaopy.errors import DataError, UserError

if TYPE_CHECKING:
    from ciaopy.datamodel.datasource import DataSource
    from ciaopy.datamodel.opened import BlockInfo
    from ciaopy.fits import Header

_TRUE, _FALSE = {"T", "TRUE", "YES"}, {"F", "FALSE", "NO"}


def find_block(text: str, ws: DataSource) -> tuple[Path, BlockInfo]:
    """Return the file and the block that a virtual file without filters names.

    Raises
    ------
    UserError
        The virtual file filters, bins or selects.
    DataError
        No such file or block.
    """
    from ciaopy.datamodel.opened import OpenFile
    from ciaopy.datamodel.syntax import parse

    vfile = parse(text)
    if not vfile.is_plain:
        raise UserError(f"{text}: only a file and a block can be named here, no filter")
    with OpenFile(vfile, ws) as opened:
        return opened.path, opened.find(vfile.block)


def full_header(text: str, ws: DataSource) -> Header:
    """Return the whole header of a block as it stands in the file; no rows are read.

    A virtual file that filters gives the header of the result, without structural keywords.
    """
    from ciaopy.datamodel.syntax import parse
    from ciaopy.fits import read_header

    if not parse(text).is_plain:
        return ws.read(text).header
    path, info = find_block(text, ws)
    dataset = ws.in_memory(path)
    if dataset is not None:
        return dataset.blocks[info.index].header
    try:
        return read_header(path, info.index)
    except DataError:
        return ws.read(text).header  # a text file


def change_header(text: str, ws: DataSource, change: Callable[[Header], None]) -> None:
    """Change the header of a block in place, on disk or in memory; data keep their bytes.

    Raises
    ------
    UserError, DataError
        No such file or block, a filter in the name, a structural keyword, or the file cannot be written.
    """
    from ciaopy.fits import edit_header

    path, info = find_block(text, ws)
    dataset = ws.in_memory(path)
    if dataset is None:
        edit_header(path, info.index, change)
        return
    block = dataset.blocks[info.index]
    header = block.header.copy()
    change(header)
    block.header = header


def typed_value(text: str, datatype: str = "indef") -> Any:
    """Return the value that a text stands for.

    Parameters
    ----------
    text : str
        As typed; single quotes make it a string.
    datatype : str
        `string double float long short ulong ushort boolean`, or `indef`: T/F, TRUE/FALSE, YES/NO is no guess for
        strings in quotes; else integer, real, boolean, string, whatever fits first.

    Raises
    ------
    UserError
        The text is not of that type.
    """
    bare = text.strip()
    quoted = len(bare) >= 2 and bare[0] == bare[-1] and bare[0] in "'\""
    content = bare[1:-1].replace("''", "'") if quoted else bare
    if datatype == "string" or (datatype == "indef" and quoted):
        return content
    try:
        if datatype in ("long", "short", "ulong", "ushort"):
            return _integer(content, datatype)
        if datatype in ("double", "float"):
            return float(content.upper().replace("D", "E"))
    except ValueError:
        raise UserError(f"value {text!r} is not of type {datatype}") from None
    if datatype == "boolean":
        if content.upper() in _TRUE | _FALSE | {"Y", "N", "0", "1"}:
            return content.upper() in _TRUE | {"Y", "1"}
        raise UserError(f"value {text!r} is not of type boolean; give yes or no")
    return _guess(content)


def _integer(content: str, datatype: str) -> int:
    number = float(content)
    value = int(content) if content.lstrip("+-").isdecimal() else int(number)
    bits = 16 if "short" in datatype else 32
    low, high = (0, 2**bits - 1) if datatype.startswith("u") else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    if value != number or not low <= value <= high:
        raise ValueError(content)
    return value


def _guess(content: str) -> Any:
    if content.upper() in ("T", "F", "TRUE", "FALSE"):
        return content.upper() in _TRUE
    if re.fullmatch(r"[+-]?\d{1,4000}", content, re.ASCII):
        return int(content)
    if re.match(r"[+-]?[\d.]", content, re.ASCII):
        try:
            return float(content)
        except ValueError:
            return content
    return content


def split_unit(comment: str) -> tuple[str, str]:
    """Split a FITS comment `[unit] text` into unit and text."""
    if comment.startswith("[") and "]" in comment:
        unit, _, rest = comment[1:].partition("]")
        return unit.strip(), rest.strip()
    return "", comment.strip()


def value_text(value: Any) -> str:
    """Return the text of a keyword's value: TRUE or FALSE, integers, reals with all the digits they need."""
    if value is None or type(value).__name__ == "Undefined":
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        short = f"{value:.15g}"
        return short if float(short) == value else repr(value)
    return str(value)
