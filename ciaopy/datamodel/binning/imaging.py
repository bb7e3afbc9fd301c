"""Tables binned into images: header, subspace and coordinates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ciaopy.datamodel.binning.binning import Grid, as_type, bin_selection, make_grid
from ciaopy.datamodel.filtering import column_limits, kind_of
from ciaopy.datamodel.subspace import Descriptor, Subspace
from ciaopy.datamodel.wcs import world_vector
from ciaopy.fits import Column, Image, Table, Vector

if TYPE_CHECKING:
    from ciaopy.datamodel.selection import Selection
    from ciaopy.fits import Header


def binned_image(selection: Selection) -> Image:
    """Bin a selection into an image with header, subspace and companions.

    The subspace lists every column (TLMIN:TLMAX where nothing else is known), in table order, without the binned ones
    (ObsID 1230, an image written by CIAO).
    """
    from ciaopy.datamodel.selection import finish_header

    grid = make_grid(selection)
    data = as_type(bin_selection(selection, grid), grid.type)
    selection.subspace = image_subspace(selection.subspace, selection.source, grid)
    header = selection.source.header.copy()
    for key in ("EXTNAME", "EXTVER"):
        header.remove(key, ignore_missing=True)
    name = f"{selection.source.name}_IMAGE"
    header["HDUNAME"] = (name, "ASCDM block name")
    image = Image(name, data, header)
    finish_header(image, selection)
    write_grid(image.header, grid, selection.source)
    return image


def image_subspace(subspace: Subspace, table: Table, grid: Grid) -> Subspace:
    """Return the subspace of an image binned from a table."""
    result = Subspace([], [dict(c) for c in subspace.components] or [{}])
    binned = {a.column for a in grid.axes}
    left = {d.key: d for d in subspace.descriptors}
    for key, column in table.columns.items():
        vector = _vector_of(table, key)
        named = left.pop(vector.name.lower(), None) if vector is not None else None
        if named is not None:
            result.declare(named)
        old = left.pop(key, None)
        if key in binned:
            for component in result.components:
                component.pop(key, None)
            continue
        covered = vector is not None and result.descriptor(vector.name) is not None
        limits = column_limits(column) if kind_of(column) in ("real", "integer") and not covered else None
        if old is None and limits is None:
            continue
        letter = {"f8": "D", "f4": "E", "i2": "I", "i4": "J", "i8": "K", "u1": "B"}.get(column.data.dtype.str[1:], "J")
        descriptor = old or Descriptor(column.name, letter, column.unit)
        result.declare(descriptor)
        for component in result.components:
            if limits is not None:
                component.setdefault(descriptor.key, limits)
    for descriptor in left.values():
        result.declare(descriptor)
    result.descriptors = [d for d in result.descriptors if any(d.key in c for c in result.components)]
    return result


def _vector_of(table: Table, key: str) -> Vector | None:
    """Return the vector of which the column is the first component."""
    return next((v for v in table.vectors if v.components and v.components[0].lower() == key), None)


def write_grid(header: Header, grid: Grid, table: Table) -> None:
    """Write the physical and world coordinates of a grid (CIAO's layout, ObsID 1230).

    CRPIXnP is 0.5 and CRVALnP the lower edge of the first bin; LTVn = 0.5 - CRVALnP / CDELTnP, LTMn_n = 1 / CDELTnP;
    the world coordinates of the columns are carried to image pixels.
    """
    number = 1
    done: set[str] = set()
    for i, axis in enumerate(grid.axes, 1):
        column = table.column(axis.column)
        pair = _pair(grid, table, i - 1)
        if pair is not None and pair.name not in done:
            done.add(pair.name)
            header[f"MTYPE{number}"] = (pair.name, "DM Keyword: Descriptor name.")
            header[f"MFORM{number}"] = (",".join(pair.components), f"[{column.unit}]" if column.unit else "")
            number += 1
        header[f"CTYPE{i}P"] = (column.name, column.comment)
        header[f"CRVAL{i}P"] = axis.lo
        header[f"CRPIX{i}P"] = 0.5
        header[f"CDELT{i}P"] = axis.step
        header[f"WCSTY{i}P"] = "PHYSICAL"
        header[f"LTV{i}"] = 0.5 - axis.lo / axis.step
        header[f"LTM{i}_{i}"] = 1.0 / axis.step
    done.clear()
    for i, axis in enumerate(grid.axes, 1):
        column = table.column(axis.column)
        pair = _pair(grid, table, i - 1)
        world = world_vector(table, (pair.components[0], pair.components[1])) if pair is not None else None
        if world is not None and world.name not in done:
            done.add(world.name)
            header[f"MTYPE{number}"] = (world.name, "DM Keyword: Descriptor name.")
            header[f"MFORM{number}"] = (",".join(world.components), "")
            number += 1
        _write_world(header, i, column, axis.lo, axis.step)


def _pair(grid: Grid, table: Table, index: int) -> Vector | None:
    """Return the vector whose two columns are neighbouring axes of the grid, this one among them."""
    names = [a.column for a in grid.axes]
    for vector in table.vectors:
        parts = [c.lower() for c in vector.components]
        for first in (index - 1, index):
            if first >= 0 and names[first : first + 2] == parts:
                return vector
    return None


def _write_world(header: Header, i: int, column: Column, lo: float, step: float) -> None:
    short = {"TCTYP": "TCTY", "TCRVL": "TCRV", "TCRPX": "TCRP", "TCDLT": "TCDE", "TCUNI": "TCUN"}

    def key(name: str) -> Any:
        value = column.key(name)
        return column.key(short[name]) if value is None else value

    if key("TCDLT") is None or key("TCRVL") is None:
        return
    header[f"CTYPE{i}"] = str(key("TCTYP") or column.name)
    header[f"CRVAL{i}"] = float(key("TCRVL"))
    header[f"CRPIX{i}"] = (float(key("TCRPX") or 0.0) - lo) / step + 0.5
    header[f"CDELT{i}"] = float(key("TCDLT")) * step
    if key("TCUNI"):
        header[f"CUNIT{i}"] = str(key("TCUNI"))
    for angle in ("LONP", "LATP"):
        if column.key(angle) is not None and i == 1:
            header[f"{angle}OLE"] = float(column.key(angle))
