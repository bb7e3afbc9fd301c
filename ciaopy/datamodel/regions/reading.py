"""Regions as users give them: text, ASCII files of CIAO and ds9, FITS tables (HDUCLAS1 = REGION)."""

from __future__ import annotations

import gzip
import math
import os
import zlib
from collections.abc import Callable
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import numpy as np

from ciaopy.datamodel.regions.coordinates import SkyMapping
from ciaopy.datamodel.regions.parser import parse_expression, parse_lines
from ciaopy.datamodel.regions.region import Region
from ciaopy.datamodel.regions.shapes import KINDS, Shape
from ciaopy.errors import CiaopyError, DataError, RegionError
from ciaopy.fits import Image, Table
from ciaopy.messages import enumerated, reason
from ciaopy.streams import decoded, is_stream, read_bytes

__all__ = ["ReadBlock", "parse_region", "read_region_file", "region_from_table"]

#: Returns the block of a virtual file (`Workspace.read`).
ReadBlock = Callable[[str], Table | Image]


# Files being read, so that one that includes itself is found out.
_OPEN: ContextVar[tuple[str, ...]] = ContextVar("open region files", default=())


def parse_region(text: str, wcs: SkyMapping | None = None, read: ReadBlock | None = None) -> Region:
    """Parse a region as typed in a filter (`circle(10,10,5)-circle(10,10,2)`), or the content of a region file.

    Operators: `+` `|` or nothing (OR), `*` `&` (AND), `-` (AND NOT), `!` before a shape (NOT). AND binds tighter than
    OR: `A+B-C` is A | (B & !C). `region(FILE)` stands for a file's region, `bounds(REGION)` for the rectangle around
    one; parentheses group. Text with a line end, a `;` or a leading `#` is read as a region file.

    Parameters
    ----------
    text : str
    wcs : SkyMapping, optional
        Needed for sky coordinates (`hh:mm:ss`, `dd:mm:ss`, `150.1d`) and sizes (`3'`, `2"`, `0.1d`).
    read : callable, optional
        Reads the files that the text names with a block or a filter (`region(fov1.fits[ccd_id=3])`).

    Raises
    ------
    RegionError
        The text cannot be understood, has no shapes, or begins with an exclusion.
    """

    def include(name: str) -> Region:
        return read_region_file(name, wcs, read)

    if "\n" in text or ";" in text or text.lstrip().startswith("#"):
        return parse_lines(text, wcs, include)
    return parse_expression(text, wcs, include)


def read_region_file(
    path: str | os.PathLike[str], wcs: SkyMapping | None = None, read: ReadBlock | None = None
) -> Region:
    """Read a region file, ASCII or FITS, plain or gzipped.

    Parameters
    ----------
    path : str or path
        A FITS file may carry a block or a filter (`fov1.fits[ccd_id=3]`); without one the first table with a SHAPE
        column is taken.
    wcs : SkyMapping, optional
        For sky coordinates in ASCII files.
    read : callable, optional
        Reads a FITS file with a block or a filter: `Workspace.read`.

    Raises
    ------
    RegionError
        The file is missing, cannot be understood or has no shapes; the message names it.
    """
    name = os.fspath(path)
    if name in _OPEN.get():
        raise RegionError(f"{name}: includes itself")
    token = _OPEN.set((*_OPEN.get(), name))
    try:
        if "[" in name and not Path(name).exists():
            return region_from_table(_filtered_table(name, read))
        file = _existing(name)
        raw = _content(file)
        if raw.startswith(b"SIMPLE  ="):
            return region_from_table(_first_region_table(file))
        return parse_lines(decoded(raw, name), wcs, lambda other: read_region_file(other, wcs, read))
    except DataError:
        raise RegionError(f"{name}: neither a FITS file nor region text") from None
    except RegionError as error:
        text = str(error)
        raise RegionError(text if text.startswith(f"{name}:") else f"{name}: {text}") from None
    finally:
        _OPEN.reset(token)


def _existing(name: str) -> Path:
    if not name:
        raise RegionError("region(): no file name")
    for file in (Path(name), Path(name + ".gz")):
        try:
            if file.is_file() or is_stream(file):
                return file
        except (OSError, ValueError):
            break
    raise RegionError(f"{name}: no such region file")


def _content(file: Path) -> bytes:
    """Return the bytes of a file, inflated if need be (of a FITS file its first ones are enough)."""
    if is_stream(file):
        return read_bytes(file)
    try:
        with file.open("rb") as stream:
            head = stream.read(9)
            if head[:2] != b"\x1f\x8b":
                return head if head == b"SIMPLE  =" else head + stream.read()
        with gzip.open(file, "rb") as stream:
            head = stream.read(9)
            return head if head == b"SIMPLE  =" else head + stream.read()
    except (OSError, EOFError, zlib.error) as error:
        raise RegionError(f"{file}: cannot be read: {reason(error)}") from None


def _filtered_table(name: str, read: ReadBlock | None) -> Table:
    if read is None:
        raise RegionError(f"{name}: a region file with a filter needs a reader; give read=Workspace().read")
    try:
        block = read(name)
    except RegionError:
        raise
    except CiaopyError as error:
        raise RegionError(f"{name}: {error}") from None
    if isinstance(block, Image):
        raise RegionError(f"{name}: an image, not a table of regions; use mask(file) for an image")
    return block


def _first_region_table(file: Path) -> Table:
    from ciaopy.fits import read_dataset

    try:
        blocks = read_dataset(file)
    except CiaopyError as error:
        raise RegionError(str(error)) from None
    for block in blocks:
        if isinstance(block, Table) and "shape" in block:
            return block
    raise RegionError(f"{file}: no block with a SHAPE column; it has {', '.join(b.name for b in blocks)}")


def region_from_table(table: Table) -> Region:
    """Return the region of a FITS REGION block.

    Rows of one COMPONENT are joined by AND, components by OR; without that column every row is a component. A shape
    name that begins with `!` is excluded. X and Y are scalars, or vectors padded with NaN; where there are none, the
    two columns that MFORMn pairs take their place (TG_MLAM, PI of a filter on gratings).

    Raises
    ------
    RegionError
        No rows, no SHAPE, X or Y, a shape that is unknown or has impossible numbers.
    """
    axes = _axes(table)
    for name in ("shape", *axes):
        if name not in table:
            raise RegionError(f"block {table.name}: no column {name.upper()}; it has {enumerated(table.names)}")
    if not table.nrows:
        raise RegionError(f"block {table.name}: no shapes in it")
    radii = next((table[n] for n in ("r", "radius") if n in table), None)
    angles = next((table[n] for n in ("rotang", "angle") if n in table), None)
    columns = (table[axes[0]], table[axes[1]], radii, angles)
    keys = table["component"].tolist() if "component" in table else list(range(table.nrows))
    components: dict[Any, list[Shape]] = {}
    for row in range(table.nrows):
        name = table["shape"][row]
        name = name.decode("ascii", "replace") if isinstance(name, bytes) else str(name)
        try:
            shape = _shape_of_row(name.strip(), *(_numbers(a, row) for a in columns))
        except RegionError as error:
            raise RegionError(f"block {table.name}, row {row + 1}: {error}") from None
        components.setdefault(keys[row], []).append(shape)
    return Region(tuple(map(tuple, components.values())))


def _axes(table: Table) -> tuple[str, str]:
    """Return the names of the columns of positions."""
    if "x" not in table and "y" not in table:
        for vector in table.vectors:
            pair = tuple(c.lower() for c in vector.components)
            if len(pair) == 2 and all(c in table for c in pair):
                return pair[0], pair[1]
    return "x", "y"


def _numbers(column: Any, row: int) -> list[float]:
    return [] if column is None else [float(v) for v in np.atleast_1d(column[row])]


def _shape_of_row(name: str, x: list[float], y: list[float], radii: list[float], angles: list[float]) -> Shape:
    excluded, name = name.startswith("!"), name.lstrip("!").strip().lower()
    want = KINDS.get(name)
    if want is None:
        raise RegionError(f"region: unknown shape {name}; the shapes are {', '.join(KINDS)}")
    if want.points < 0:
        points = [(a, b) for a, b in zip(x, y, strict=True) if math.isfinite(a) and math.isfinite(b)]
        if points and points[0] in points[1:]:
            # the first vertex again closes the polygon; what follows is padding
            points = points[: points.index(points[0], 1)]
    else:
        points = list(zip(x, y, strict=True))[: want.points]
    return Shape(
        name,
        tuple(p[0] for p in points),
        tuple(p[1] for p in points),
        tuple(radii[: want.radii]),
        tuple(angles[: want.angles]),
        excluded,
    )
