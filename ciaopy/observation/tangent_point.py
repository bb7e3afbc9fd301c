"""A tangent point from what a user types: `ra dec` in degrees or sexagesimal, or a file that has one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ciaopy.datamodel.syntax import file_of
from ciaopy.errors import DataError, UserError
from ciaopy.fits import Block, Table

if TYPE_CHECKING:
    from ciaopy.datamodel import Workspace

_SEXAGESIMAL = re.compile(r"([+-]?)(\d+)[:\s](\d+)[:\s](\d+(?:\.\d*)?)")


def angle(text: str, hours: bool) -> float | None:
    """Return degrees of decimal degrees, or of `hh:mm:ss.s` (`hours`) or `dd:mm:ss.s`; None for any other text."""
    try:
        return float(text)
    except ValueError:
        pass
    match = _SEXAGESIMAL.fullmatch(text.strip())
    if match is None or float(match[3]) >= 60 or float(match[4]) >= 60:
        return None
    value = float(match[2]) + float(match[3]) / 60 + float(match[4]) / 3600
    return (-value if match[1] == "-" else value) * (15 if hours else 1)


def position(text: str) -> tuple[float, float] | None:
    """Return RA in [0, 360) and Dec, degrees, of two words `ra dec` (blank or comma between); None for anything else.

    Raises
    ------
    UserError
        Two numbers that are no position.
    """
    words = [w for w in re.split(r"[,\s]+", text.strip()) if w]
    if len(words) != 2:
        return None
    ra, dec = angle(words[0], True), angle(words[1], False)
    if ra is None or dec is None:
        return None
    if not (-360 <= ra <= 360 and -90 <= dec <= 90):
        raise UserError(f"{text}: not a position; give RA (0 to 360) and Dec (-90 to 90)")
    return ra % 360.0, dec


def tangent_point(block: Block, name: str) -> tuple[float, float]:
    """Return RA and Dec of the tangent point of a table's SKY column, or of an image, degrees.

    Raises
    ------
    DataError
        There is none.
    """
    from ciaopy.datamodel import image_wcs, table_wcs

    wcs = table_wcs(block) if isinstance(block, Table) else image_wcs(block)
    if wcs is None:
        raise DataError(f"{name}: block {block.name} has no tangent point (SKY with RA---TAN, DEC--TAN)")
    return wcs.reference[0] % 360.0, wcs.reference[1]


def reference(text: str, ws: Workspace) -> tuple[float, float]:
    """Return the tangent point that a text names: `ra dec`, or a file.

    Raises
    ------
    UserError, DataError
        The text is neither a position nor a file with a tangent point.
    """
    found = position(text)
    if found is not None:
        return found
    plain = file_of(text)
    if not ws.exists(plain):
        raise UserError(f"{text}: neither a position (ra dec) nor a file")
    return tangent_point(_head(text, ws), text)


def _head(text: str, ws: Workspace) -> Block:
    """Return a block, of a table without brackets its first row alone."""
    from ciaopy.datamodel import OpenFile, parse

    vfile = parse(text)
    if vfile.filters or vfile.binning is not None:
        return ws.read(text)
    with OpenFile(vfile, ws) as opened:
        info = opened.find(vfile.block)
        return opened.template(info) if info.kind == "table" else ws.read(text)
