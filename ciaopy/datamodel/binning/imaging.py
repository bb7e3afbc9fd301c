"""Tables binned into images: header, subspace and coordinates."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ciaopy.datamodel.binning.binning import Grid, as_type, bin_selection, make_grid
from ciaopy.datamodel.filtering import column_limits, kind_of
from ciaopy.datamodel.sky import is_celestial
from ciaopy.datamodel.subspace import Descriptor, Subspace
from ciaopy.datamodel.wcs import column_cards, move_world, world_vector
from ciaopy.fits import Image, Table, Vector

if TYPE_CHECKING:
    from ciaopy.datamodel.selection import Selection
    from ciaopy.fits import Header

# World coordinate keywords of an image, with the axis (of matrices both axes)
_WORLD = re.compile(
    r"(?:CTYPE|CUNIT|CRVAL|CRPIX|CDELT|CROTA)(\d+)|(?:PC|CD)(\d+)_(\d+)|(?:PV|PS)(\d+)_\d+|(?:PC)00(\d)00(\d)"
)


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
    for i in range(1, len(grid.axes) + 1):
        pair = _pair(grid, table, i - 1)
        world = world_vector(table, (pair.components[0], pair.components[1])) if pair is not None else None
        if world is not None and world.name not in done:
            done.add(world.name)
            header[f"MTYPE{number}"] = (world.name, "DM Keyword: Descriptor name.")
            header[f"MFORM{number}"] = (",".join(world.components), "")
            number += 1
    _write_world(header, grid, table)


def _pair(grid: Grid, table: Table, index: int) -> Vector | None:
    """Return the vector whose two columns are neighbouring axes of the grid, this one among them."""
    names = [a.column for a in grid.axes]
    for vector in table.vectors:
        parts = [c.lower() for c in vector.components]
        for first in (index - 1, index):
            if first >= 0 and names[first : first + 2] == parts:
                return vector
    return None


def _write_world(header: Header, grid: Grid, table: Table) -> None:
    """Write the world coordinates of the columns: those of an image with a pixel for each value, moved to the grid."""
    names = [a.column for a in grid.axes]
    for key in [k for k in header if _WORLD.fullmatch(k)]:
        header.remove(key)
    cards, problem = column_cards(table, names)
    types = [str(cards.get(f"CTYPE{i}", "")) for i in range(1, len(names) + 1)]
    kept = []
    for i, (name, ctype) in enumerate(zip(names, types, strict=True), 1):
        # on the sky the standard's defaults hold; another axis needs a value and a step to mean anything
        if is_celestial(ctype):
            has_world = not problem
        else:
            has_world = f"CRVAL{i}" in cards and f"CDELT{i}" in cards
        if has_world:
            kept.append(i)
            header[f"CTYPE{i}"] = ctype or table.column(name).name
            for stem, default in (("CRVAL", 0.0), ("CRPIX", 0.0), ("CDELT", 1.0)):
                header[f"{stem}{i}"] = float(cards.get(f"{stem}{i}", default))
    for key, value in cards.items():
        found = _WORLD.fullmatch(key)
        if found is None:
            if kept:
                header[key] = value
        elif key not in header and {int(n) for n in found.groups() if n} <= set(kept):
            header[key] = value
    for i, axis in enumerate(grid.axes, 1):
        if i in kept:
            move_world(header, i, axis.lo, axis.step)
