"""What `dmlist` prints, as lists of lines: blocks, columns, keys, subspace, data, in CIAO's layout."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from ciaopy.datamodel.filtering import column_limits
from ciaopy.datamodel.opened import BlockInfo
from ciaopy.datamodel.subspace import Ranges, Subspace, TimeTable
from ciaopy.datamodel.wcs import columns_wcs, vector_columns, world_vector
from ciaopy.fits import Array, Block, Column, Image, Table

if TYPE_CHECKING:
    pass

RULER = "-" * 80
LETTERS = {"i2": "Int2", "i4": "Int4", "i8": "Int8", "f4": "Real4", "f8": "Real8", "u1": "Byte", "u2": "UInt2",
           "u4": "UInt4", "u8": "UInt8", "i1": "Int1", "b1": "Logical",
           "c8": "Complex8", "c16": "Complex16"}  # fmt: skip
BITPIX = {"8": "Byte", "16": "Int2", "32": "Int4", "64": "Int8", "-32": "Real4", "-64": "Real8"}


def heading(text: str) -> list[str]:
    """Return a title between rulers."""
    return ["", RULER, text, RULER, ""]


def block_rows(infos: list[BlockInfo]) -> list[tuple[str, str, str, str]]:
    """Return (number, name, type, dimensions) of every block."""
    rows = []
    for info in infos:
        if info.kind == "table":
            kind, size = "Table", f"{info.ncols:4d} cols x {info.nrows:<8d} rows"
        elif info.kind == "image":
            shape = "x".join(str(n) for n in reversed(info.shape))
            kind, size = "Image", f"{BITPIX.get(info.dtype, info.dtype)}({shape})"
        else:
            kind, size = "Null", ""
        rows.append((str(info.index + 1), info.name, kind, size))
    return rows


def blocks(path: str, infos: list[BlockInfo]) -> list[str]:
    """Return the list of blocks."""
    lines = ["", RULER, f"Dataset: {path}", RULER, "", f"     {'Block Name':<35s} {'Type':<12s} Dimensions", RULER]
    return lines + [
        f"Block {n:>4s}: {name:<30s} {kind:<10s} {size}".rstrip() for n, name, kind, size in block_rows(infos)
    ]


def block_values(info: BlockInfo) -> dict[str, Any]:
    """Return what a listing says of a block, as values; sizes FITS axis 1 first."""
    values: dict[str, Any] = {"number": info.index + 1, "name": info.name, "kind": info.kind}
    if info.kind == "table":
        values |= {"rows": info.nrows, "columns": info.ncols}
    elif info.kind == "image":
        values |= {"shape": list(info.shape[::-1]), "type": BITPIX.get(info.dtype, info.dtype)}
    return values


def card_values(block: Block) -> list[dict[str, Any]]:
    """Return every card of a header: keyword, value, unit and comment; of COMMENT and HISTORY the text as value."""
    found = []
    for card in block.header.cards:
        if card.keyword in ("COMMENT", "HISTORY", ""):
            found.append({"keyword": card.keyword, "value": str(card.value or ""), "unit": "", "comment": ""})
            continue
        unit, comment = split_unit(card.comment or "")
        found.append({"keyword": card.keyword, "value": card.value, "unit": unit, "comment": comment})
    return found


def column_values(block: Block) -> list[dict[str, Any]]:
    """Return the columns of a table; of an image none."""
    if not isinstance(block, Table):
        return []
    found = []
    for number, column in enumerate(block.columns.values(), 1):
        limits = [column.key("TLMIN"), column.key("TLMAX")]
        found.append(
            {"number": number, "name": column.name, "unit": column.unit, "type": type_name(column),
             "limits": limits if any(v is not None for v in limits) else None, "comment": column.comment}
        )  # fmt: skip
    return found


def type_name(column: Column) -> str:
    """Return CIAO's name of a column's type (`Real8`, `Int2(9)`, `Bit(32)`, `String[12]`)."""
    data, form = column.data, column.form.upper()
    if "X" in form:
        bits = form.replace("X", "") or "1"
        return f"Bit({bits})"
    if data.dtype.kind == "O":
        return "Array"
    if data.dtype.kind == "S":
        return f"String[{data.dtype.itemsize}]"
    size = f"({','.join(str(n) for n in reversed(data.shape[1:]))})" if data.ndim > 1 else ""
    return LETTERS.get(data.dtype.str[1:], str(data.dtype)) + size


def column_rows(table: Table) -> list[tuple[str, str, str, str, str, str]]:
    """Return (number, name, unit, type, range, comment) of every column; vectors stand in one row."""
    rows, done = [], set()
    for number, (key, column) in enumerate(table.columns.items(), 1):
        if key in done:
            continue
        name = column.name
        for vector in table.vectors:
            pair = vector_columns(table, vector.name)
            if pair is not None and pair[0] == key:
                name = f"{vector.name}({','.join(vector.components)})"
                done |= set(pair)
        limits = column_limits(column)
        shown = "-" if limits is None else str(limits)
        rows.append((str(number), name, column.unit, type_name(column), shown, column.comment))
    return rows


def columns(table: Table) -> list[str]:
    """Return the list of columns and their world coordinates."""
    lines = heading(f"Columns for Table Block {table.name}")
    lines.append(f"{'ColNo':<6s} {'Name':<20s} {'Unit':<12s} {'Type':<14s} Range")
    for number, name, unit, kind, limits, comment in column_rows(table):
        lines.append(f"{number:>4s}   {name:<20s} {unit:<12s} {kind:<14s} {limits:<20s} {comment}".rstrip())
    transforms = transform_lines(table)
    if transforms:
        lines += heading(f"World Coord Transforms for Columns in Table Block {table.name}")
        lines += [f"{'ColNo':<8s} Name", *transforms]
    return lines


def transform_lines(table: Table) -> list[str]:
    """Return one or two lines for each world coordinate of a column or a vector."""
    lines: list[str] = []
    order = list(table.columns)
    for vector in table.vectors:
        pair = vector_columns(table, vector.name)
        world = world_vector(table, pair) if pair is not None else None
        if pair is None or world is None:
            continue
        keys = [[table.column(c).key(k) for c in pair] for k in ("TCRVL", "TCDLT", "TCRPX")]
        if any(v is None for row in keys for v in row):
            continue
        transform = columns_wcs(table, pair)
        projection = transform.projection if transform is not None else ""
        unit = str(table.column(pair[0]).key("TCUNI") or "")
        for k, name in enumerate(world.components):
            head = f"{order.index(pair[0]) + 1:>4d}:    {world.name}({name:<5s}) = " if k == 0 else " " * 9
            head = head if k == 0 else f"{'':9s}{' ' * len(world.name)}({name:<5s})   "
            value, delta, pixel = (float(row[k]) for row in keys)
            lines.append(f"{head}({value:+.8g})[{unit}] + {projection}[({delta:+.8g}) * ({pair[k]} - ({pixel:+.8g}))]")
    return lines


def key_type(value: Any) -> str:
    """Return CIAO's name for the type of a keyword's value."""
    if isinstance(value, bool | np.bool_):
        return "Boolean"
    if isinstance(value, int | np.integer):
        return "Int4" if -(2**31) <= int(value) < 2**31 else "Int8"
    return "Real8" if isinstance(value, float | np.floating) else "String"


def value_text(value: Any) -> str:
    """Return a keyword's value as text."""
    if isinstance(value, bool | np.bool_):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float | np.floating):
        return f"{float(value):.15g}"
    return "" if value is None else str(value)


def split_unit(comment: str) -> tuple[str, str]:
    """Split `[s] Sum of GTIs` into the unit and the rest."""
    if comment.startswith("[") and "]" in comment:
        unit, _, rest = comment[1:].partition("]")
        return unit, rest.strip()
    return "", comment


def keys(block: Block, comments: bool = False, ordinary: bool = True) -> list[str]:
    """Return the header keys of a block; with `comments`, the COMMENT and HISTORY records where they stand."""
    lines = heading(f"Header keys for block {block.name}")
    number = 0
    for card in block.header.cards:
        if card.keyword in ("COMMENT", "HISTORY", ""):
            if comments:
                lines.append(f"     -- {card.keyword:<8s} {card.value}".rstrip())
            continue
        number += 1
        if ordinary:
            unit, comment = split_unit(card.comment or "")
            shown = value_text(card.value) + (f" [{unit}]" if unit else "")
            lines.append(
                f"{number:04d} {card.keyword:<20s} {shown:<30s} {key_type(card.value):<12s} {comment}".rstrip()
            )
    return lines


def subspace(block: Block, area: Any = None) -> list[str]:
    """Return the data subspace of a block, component by component."""
    space = Subspace.from_header(block.header, block.companions)
    lines = heading(f"Data subspace for block {block.name}: Components: {len(space.components)} "
                    f"Descriptors: {len(space.descriptors)}")  # fmt: skip
    for k, component in enumerate(space.components, 1):
        lines += ["", f" --- Component {k} ---"]
        for n, descriptor in enumerate(space.descriptors, 1):
            value = component.get(descriptor.key)
            kind = {"D": "Real8", "E": "Real4", "I": "Int2", "J": "Int4", "K": "Int8"}.get(descriptor.form[:1], "")
            head = f"{n:4d} {descriptor.name:<20s} {kind:<10s}"
            if isinstance(value, TimeTable):
                lines.append(f"{head} TABLE {value.name}")
                lines += [f"{'':36s}{a:.9f}:{b:.9f}" for a, b in value.gti]
            elif isinstance(value, Ranges):
                shown = [f"{_end(a)}:{_end(b)}" for a, b in value.spans]
                lines.append(f"{head} {shown[0] if shown else ''}")
                lines += [f"{'':36s}{s}" for s in shown[1:]]
            elif value is not None:
                lines.append(f"{head} {value}")
                found = region_areas(str(value), space, component)
                if found:
                    lines.append(f"{'':36s}{found}")
    return lines


def region_areas(text: str, space: Subspace, component: dict[str, Any]) -> str:
    """Return `Region area = ...` for a region that can be measured, else an empty text."""
    from ciaopy.datamodel.regions import parse_region
    from ciaopy.errors import RegionError

    try:
        region = parse_region(text)
        return f"Region area = {region.area():.6g}" if region.bounds.is_finite else ""
    except RegionError:
        return ""


def _end(value: float | int | None) -> str:
    return "" if value is None else f"{value:.12g}"


def data(block: Block, first: int, clean: bool = False, cells: slice | None = None) -> Iterator[str]:
    """Yield the rows of a table, or the pixels of an image, as lines.

    Parameters
    ----------
    block : Table or Image
    first : int
        1-based number of the first row.
    clean : bool
        No rulers, a `#` line of names.
    cells : slice, optional
        Elements of array cells to show.
    """
    if isinstance(block, Image):
        yield from _pixels(block, clean)
        return
    names, texts = [], []
    for column in block.columns.values():
        names.append(column.name)
        texts.append([_cell(column, v, cells) for v in column.data])
    widths = [max([len(n), *(len(t) for t in column)]) for n, column in zip(names, texts, strict=True)]
    head = " ".join(n.ljust(w) for n, w in zip(names, widths, strict=True)).rstrip()
    if clean:
        yield "#  " + head
    else:
        yield from heading(f"Data for Table Block {block.name}")
        yield f"{'ROW':<6s} {head}"
        yield ""
    for i, row in enumerate(zip(*texts, strict=True)):
        line = " ".join(t.rjust(w) for t, w in zip(row, widths, strict=True))
        yield f"   {line}" if clean else f"{first + i:6d} {line}"


def _cell(column: Column, value: Any, cells: slice | None) -> str:
    if "X" in column.form.upper():
        words = np.atleast_1d(np.asarray(value))
        width = int(column.form.upper().rstrip("X") or 1)
        return "".join(f"{int(w):0{8 * w.dtype.itemsize}b}" for w in words)[:width]
    if isinstance(value, bytes | np.bytes_):
        return value.decode("latin-1")
    if isinstance(value, np.ndarray):
        flat: Array = value.reshape(-1)
        return "[" + " ".join(_scalar(v) for v in (flat[cells] if cells is not None else flat)) + "]"
    return _scalar(value)


def _scalar(value: Any) -> str:
    if isinstance(value, np.bool_ | bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, np.float32):
        return f"{float(value):.8g}"
    if isinstance(value, np.floating | float):
        short = f"{float(value):.15g}"
        return short if float(short) == value or value != value else repr(float(value))
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _pixels(image: Image, clean: bool) -> Iterator[str]:
    if not clean:
        yield from heading(f"Data for Image Block {image.name}")
    if image.data is None:
        return
    yield "#  index value" if clean else "Pixel (1-based) value"
    for index in np.ndindex(image.data.shape):
        place = ",".join(str(k + 1) for k in reversed(index))
        yield f"   ({place}) {_scalar(image.data[index])}"
