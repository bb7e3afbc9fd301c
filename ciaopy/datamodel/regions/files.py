"""Region files: ASCII of CIAO and ds9, and FITS tables (HDUCLAS1 = REGION)."""

from __future__ import annotations

import gzip
import math
import os
import tempfile
import zlib
from contextvars import ContextVar
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from ciaopy.datamodel.regions.coordinates import SkyTransform
from ciaopy.datamodel.regions.parser import parse_region_lines
from ciaopy.datamodel.regions.region import Region
from ciaopy.datamodel.regions.shapes import DSVAL_NAMES, KINDS, Shape
from ciaopy.errors import CiaopyError, OutputExistsError, RegionError
from ciaopy.fits.blocks import Column, Image, Table, Vector

__all__ = ["read_region_file", "region_from_table", "region_to_table", "write_region_file"]


# Files being read, so that one that includes itself is found out.
_OPEN: ContextVar[tuple[str, ...]] = ContextVar("open region files", default=())


def read_region_file(path: str | os.PathLike[str], wcs: SkyTransform | None = None) -> Region:
    """Read a region file, ASCII or FITS, plain or gzipped.

    Parameters
    ----------
    path : str or path
        A FITS file may carry a block or a filter (`fov1.fits[ccd_id=3]`); without one the first table with a SHAPE
        column is taken.
    wcs : SkyTransform, optional
        For sky coordinates in ASCII files.

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
            return region_from_table(_filtered_table(name))
        file = _existing(name)
        raw = _content(file)
        if raw.startswith(b"SIMPLE  ="):
            return region_from_table(_first_region_table(file))
        return parse_region_lines(raw.decode("utf-8", errors="strict"), wcs)
    except UnicodeDecodeError:
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
            if file.is_file():
                return file
        except (OSError, ValueError):
            break
    raise RegionError(f"{name}: no such region file")


def _content(file: Path) -> bytes:
    """Return the bytes of a file, inflated if need be (of a FITS file its first ones are enough)."""
    try:
        with file.open("rb") as stream:
            head = stream.read(9)
            if head[:2] != b"\x1f\x8b":
                return head if head == b"SIMPLE  =" else head + stream.read()
        with gzip.open(file, "rb") as stream:
            head = stream.read(9)
            return head if head == b"SIMPLE  =" else head + stream.read()
    except (OSError, EOFError, zlib.error) as error:
        raise RegionError(f"{file}: cannot be read: {error}") from None


def _filtered_table(name: str) -> Table:
    from ciaopy import datamodel

    try:
        block = datamodel.read(name)
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
    name that begins with `!` is excluded. X and Y are scalars, or vectors padded with NaN.

    Raises
    ------
    RegionError
        No rows, no SHAPE, X or Y, a shape that is unknown or has impossible numbers.
    """
    for name in ("shape", "x", "y"):
        if name not in table:
            raise RegionError(f"block {table.name}: no column {name.upper()}; it has {', '.join(table.names)}")
    if not table.nrows:
        raise RegionError(f"block {table.name}: no shapes in it")
    radii = next((table[n] for n in ("r", "radius") if n in table), None)
    angles = next((table[n] for n in ("rotang", "angle") if n in table), None)
    keys = table["component"].tolist() if "component" in table else list(range(table.nrows))
    components: dict[Any, list[Shape]] = {}
    for row in range(table.nrows):
        name = table["shape"][row]
        name = name.decode("ascii", "replace") if isinstance(name, bytes) else str(name)
        try:
            shape = _shape_of_row(name.strip(), *(_numbers(a, row) for a in (table["x"], table["y"], radii, angles)))
        except RegionError as error:
            raise RegionError(f"block {table.name}, row {row + 1}: {error}") from None
        components.setdefault(keys[row], []).append(shape)
    return Region(tuple(map(tuple, components.values())))


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


def region_to_table(region: Region, name: str = "REGION") -> Table:
    """Return a region as a FITS REGION block: SHAPE, X, Y, R, ROTANG, COMPONENT, and the vector `pos` of X and Y."""
    from astropy.io.fits import Header

    rows = [(shape, number) for number, c in enumerate(region.components, 1) for shape in c]
    # a polygon is stored closed
    points = [_closed(s) for s, _ in rows]
    width = max(1, *(len(p) for p in points))

    def padded(values: list[list[float]], size: int, fill: float) -> np.ndarray[Any, Any]:
        table = np.full((len(values), size), fill)
        for i, v in enumerate(values):
            table[i, : len(v)] = v
        return table

    texts = [("!" if s.excluded else "") + DSVAL_NAMES[s.kind] for s, _ in rows]
    x = padded([[p[0] for p in ps] for ps in points], width, math.nan)
    y = padded([[p[1] for p in ps] for ps in points], width, math.nan)
    columns = [
        Column("SHAPE", np.array(texts, dtype="S16"), "16A", comment="Region shape type"),
        Column("X", x, f"{width}D", "pixel", "Position"),
        Column("Y", y, f"{width}D", "pixel", "Position"),
        Column("R", padded([list(s.radii) for s, _ in rows], 2, 0.0), "2D", "pixel", "Radius or length"),
        Column("ROTANG", padded([list(s.angles) for s, _ in rows], 2, 0.0), "2D", "deg", "Rotation angle"),
        Column("COMPONENT", np.array([n for _, n in rows], dtype=np.int32), "J", comment="Component number"),
    ]
    header = Header([("HDUCLASS", "ASC"), ("HDUCLAS1", "REGION"), ("HDUCLAS2", "STANDARD"), ("HDUVERS", "1.2.0")])
    return Table(name, {c.name.lower(): c for c in columns}, header, [Vector("pos", ("X", "Y"))])


def _closed(shape: Shape) -> list[tuple[float, float]]:
    points = list(zip(shape.x, shape.y, strict=True))
    return points + points[:1] if shape.kind == "polygon" else points


def write_region_file(
    path: str | os.PathLike[str], region: Region, kind: str = "ciao", *, clobber: bool = False
) -> None:
    """Write a region in physical coordinates.

    Parameters
    ----------
    path : str or path
    region : Region
    kind : {'ciao', 'ds9', 'fits'}
        ASCII as CIAO writes it, ASCII of ds9, or a FITS REGION table. Nothing is lost to rounding in any of them.
    clobber : bool
        Replace an existing file.

    Raises
    ------
    OutputExistsError
        The file exists and `clobber` is False.
    RegionError
        `kind` is unknown.
    """
    target = Path(path)
    if target.exists() and not clobber:
        raise OutputExistsError(f"{target}: exists; use clobber=yes to replace it")
    if kind == "fits":
        from astropy.io.fits import Header

        from ciaopy.fits import write_dataset

        write_dataset(target, [Image("PRIMARY", None, Header()), region_to_table(region)], clobber=clobber)
        return
    if kind not in ("ciao", "ds9"):
        raise RegionError(f"region files are of kind ciao, ds9 or fits, not {kind}")
    text = _ascii(region, kind)
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "w", encoding="ascii") as stream:
            stream.write(text)
        Path(temporary).chmod(0o666 & ~_umask())
        Path(temporary).replace(target)
    except OSError:
        Path(temporary).unlink(missing_ok=True)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _ascii(region: Region, kind: str) -> str:
    lines = (
        ["# Region file format: CIAO version 1.0"]
        if kind == "ciao"
        else ["# Region file format: DS9 version 4.1", "physical"]
    )
    for component in region.components:
        # field() first, where nothing is included
        ordered = sorted(component, key=lambda s: s.excluded)
        if ordered[0].excluded:
            ordered.insert(0, Shape("field"))
        prefixes = chain([""], ("-" if s.excluded else "*" for s in ordered[1:]))
        lines += [prefix + s.text(None).lower() for prefix, s in zip(prefixes, ordered, strict=True)]
    return "\n".join(lines) + "\n"
