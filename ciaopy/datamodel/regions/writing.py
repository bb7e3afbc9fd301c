"""Regions written: ASCII of CIAO and ds9, FITS tables (HDUCLAS1 = REGION)."""

from __future__ import annotations

import math
import os
import tempfile
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from ciaopy.datamodel.regions.region import Region
from ciaopy.datamodel.regions.shapes import DSVAL_NAMES, Shape
from ciaopy.errors import OutputExistsError, RegionError
from ciaopy.fits import Column, Image, Table, Vector

__all__ = ["region_to_table", "write_region_file"]


def region_to_table(region: Region, name: str = "REGION") -> Table:
    """Return a region as a FITS REGION block: SHAPE, X, Y, R, ROTANG, COMPONENT, and the vector `pos` of X and Y."""
    from ciaopy.fits import Header

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
        from ciaopy.fits import Header, write_dataset

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
