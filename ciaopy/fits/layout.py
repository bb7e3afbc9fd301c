"""The header of an HDU to be written: structural keywords, columns, names, vectors, then the block's own header."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ciaopy.errors import DataError
from ciaopy.fits.blocks import Block, Column, Image, Table
from ciaopy.fits.header import (
    card_keyword,
    column_keyword,
    header_cards,
    is_structural,
    make_card,
    numbered_keyword,
)
from ciaopy.fits.images import image_layout
from ciaopy.fits.rows import form_of, row_dtype
from ciaopy.fits.tforms import Field, Tform, parse_tdim, parse_tform

if TYPE_CHECKING:
    from ciaopy.fits.keywords import Header

__all__ = ["TableLayout", "image_cards", "primary_cards", "table_cards", "table_layout"]

_NAMES = ("EXTNAME", "EXTVER", "HDUNAME")
_DEFAULT_NAME = re.compile(r"^(PRIMARY|HDU\d+)?$")
_FIRST_KEYS = ("TNULL", "TLMIN", "TLMAX", "TDISP", "TDBIN")


@dataclass(frozen=True)
class TableLayout:
    """How the columns of a table stand in its rows.

    Attributes
    ----------
    fields : list of Field
        One per column, in order.
    row_bytes : int
        NAXIS1.
    """

    fields: list[Field]
    row_bytes: int

    @property
    def dtype(self) -> np.dtype[Any]:
        """Structured big-endian dtype of one row."""
        return row_dtype(self.fields, self.row_bytes)

    def with_longest(self, longest: Sequence[int]) -> TableLayout:
        """Return the layout with the greatest lengths of the variable-length columns filled in."""
        fields = [
            replace(f, form=replace(f.form, maximum=n)) if f.form.is_variable else f
            for f, n in zip(self.fields, longest, strict=True)
        ]
        return TableLayout(fields, self.row_bytes)


def table_layout(table: Table) -> TableLayout:
    """Choose the disk layout of a table.

    Raises
    ------
    DataError
        Columns of different length, or values that FITS cannot hold.
    """
    fields, offset = [], 0
    for column in table.columns.values():
        if column.data.ndim == 0 or len(column.data) != table.nrows:
            raise DataError(
                f"column {column.name} has {np.shape(column.data)[:1] or 'no'} rows, the first has {table.nrows}"
            )
        form, shape, zero = form_of(column)
        fields.append(Field(offset, form, shape, 1, zero))
        offset += form.width
    return TableLayout(fields, offset)


def primary_cards() -> list[str]:
    """Return the cards of an empty primary HDU."""
    return [
        make_card("SIMPLE", True, "conforms to the FITS standard"),
        make_card("BITPIX", 8, "array data type"),
        make_card("NAXIS", 0, "number of array dimensions"),
        make_card("EXTEND", True, "there may be extensions"),
        make_card("HDUNAME", "PRIMARY", "block name"),
    ]


def image_cards(image: Image, primary: bool) -> list[str]:
    """Return all cards of an image HDU but END and the check sums."""
    bitpix, zero, shape = 8, 0, tuple[int, ...]()
    if image.data is not None:
        (bitpix, zero, _), shape = image_layout(image.data), image.data.shape
    first = make_card("SIMPLE", True, "conforms to the FITS standard")
    cards = [first if primary else make_card("XTENSION", "IMAGE", "image extension")]
    cards.append(make_card("BITPIX", bitpix, "array data type"))
    cards.append(make_card("NAXIS", len(shape), "number of array dimensions"))
    cards += [make_card(f"NAXIS{n}", size) for n, size in enumerate(reversed(shape), 1)]
    if primary:
        cards.append(make_card("EXTEND", True, "there may be extensions"))
    else:
        cards += [make_card("PCOUNT", 0), make_card("GCOUNT", 1)]
    if zero:
        cards += [make_card("BSCALE", 1), make_card("BZERO", zero, "offset of unsigned integers")]
    cards += _name_cards(image, primary)
    drop_blank = image.data is not None and image.data.dtype.kind == "f"
    for card in _own_cards(image.header, frozenset({"BLANK"} if drop_blank else ())):
        cards.append(card)
    return _with_convention(cards)


def _with_convention(cards: list[str]) -> list[str]:
    """Add LONGSTRN where a text is continued and the header does not say so (OGIP long string convention)."""
    if any(c.startswith("CONTINUE") for c in cards) and not any(c.startswith("LONGSTRN") for c in cards):
        cards.append(make_card("LONGSTRN", "OGIP 1.0", "long strings are continued"))
    return cards


def table_cards(table: Table, layout: TableLayout, nrows: int, heap_bytes: int) -> list[str]:
    """Return all cards of a table HDU but END and the check sums."""
    cards = [
        make_card("XTENSION", "BINTABLE", "binary table extension"),
        make_card("BITPIX", 8, "array data type"),
        make_card("NAXIS", 2, "number of array dimensions"),
        make_card("NAXIS1", layout.row_bytes, "bytes in a row"),
        make_card("NAXIS2", nrows, "number of rows"),
        make_card("PCOUNT", heap_bytes, "bytes of variable-length arrays"),
        make_card("GCOUNT", 1, "number of groups"),
        make_card("TFIELDS", len(layout.fields), "number of columns"),
    ]
    cards += _name_cards(table, primary=False)
    for number, (column, field) in enumerate(zip(table.columns.values(), layout.fields, strict=True), 1):
        cards += _column_cards(number, column, field, list(table.columns))
    own = _own_cards(table.header, frozenset(), of_table=True)
    if table.vectors:
        own = [c for c in own if not re.match(r"^M(TYPE|FORM)\d+\b", c)]
        for number, vector in enumerate(table.vectors, 1):
            cards.append(make_card(f"MTYPE{number}", vector.name, "name of a vector"))
            cards.append(make_card(f"MFORM{number}", ",".join(vector.components), _vector_unit(table, vector)))
    return _with_convention(cards + own)


def _vector_unit(table: Table, vector: Any) -> str:
    first = table.columns.get(vector.components[0].lower()) if vector.components else None
    return f"[{first.unit}]" if first is not None and first.unit else ""


def _column_cards(number: int, column: Column, field: Field, names: Sequence[str]) -> list[str]:
    cards = [
        make_card(f"TTYPE{number}", column.name, column.comment),
        make_card(f"TFORM{number}", _form_text(column, field.form)),
    ]
    if column.unit:
        cards.append(make_card(f"TUNIT{number}", column.unit))
    zero = int(field.zero)
    if zero:
        cards.append(make_card(f"TSCAL{number}", 1))
        cards.append(make_card(f"TZERO{number}", zero, "offset of unsigned integers"))
    dims = _tdim(column, field)
    if dims:
        cards.append(make_card(f"TDIM{number}", dims))
    keys = {stem: pair for stem, pair in column.keys.items() if stem != "TDIM"}
    if "TNULL" in keys and field.value_letter not in "BIJK":
        del keys["TNULL"]
    for stem in sorted(keys, key=lambda s: _FIRST_KEYS.index(s) if s in _FIRST_KEYS else len(_FIRST_KEYS)):
        value, comment = keys[stem]
        if stem == "TNULL" and zero and isinstance(value, int):
            value -= zero
        keyword = numbered_keyword(stem, number, names)
        if keyword is not None:
            cards.append(make_card(keyword, value, comment))
    return cards


def _form_text(column: Column, form: Tform) -> str:
    """Return TFORM with its count (`1D`, as CXC writes it); variable-length arrays as the column has it spelt."""
    same = form.is_variable and bool(column.form) and parse_tform(column.form) == form
    return column.form if same else str(form)


def _tdim(column: Column, field: Field) -> str:
    """Return TDIM: the column's own where it fits the data, a new one for cells of two and more dimensions."""
    form = field.form
    if form.is_variable:
        return str(column.key("TDIM", ""))
    if form.letter == "X":
        return ""
    shape: tuple[int, ...] = field.shape
    if form.letter == "A":
        if not shape or not form.repeat:
            return ""
        shape = (*shape, form.repeat // int(np.prod(shape)))
    own = str(column.key("TDIM", ""))
    if own and parse_tdim(own) == shape:
        return own
    return "(" + ",".join(str(n) for n in reversed(shape)) + ")" if len(shape) > 1 else ""


def _name_cards(block: Block, primary: bool) -> list[str]:
    """Return EXTNAME, EXTVER and HDUNAME: the header's own where they make the block's name, else new ones."""
    stated = {k: str(block.header.get(k) or "").strip() for k in ("EXTNAME", "HDUNAME")}
    name = block.name.strip()
    if (stated["HDUNAME"] or stated["EXTNAME"]) == name or (_DEFAULT_NAME.match(name) and not any(stated.values())):
        said = {k: stated.get(k, block.header[k]) for k in _NAMES if k in block.header}
        cards = [make_card(k, value, block.header.comments[k]) for k, value in said.items()]
        if isinstance(block, Table) and name and not stated["EXTNAME"]:
            cards.insert(0, make_card("EXTNAME", name, "name of this extension"))
        return cards
    cards = [] if primary else [make_card("EXTNAME", name, "name of this extension")]
    return [*cards, make_card("HDUNAME", name, "block name")]


def _own_cards(header: Header, drop: frozenset[str], of_table: bool = False) -> list[str]:
    """Return the cards of a block's header without structural, naming and (for tables) column keywords."""
    keep, dropping = [], False
    for card in header_cards(header):
        keyword = card_keyword(card)
        if keyword != "CONTINUE":
            dropping = is_structural(keyword) or keyword in _NAMES or keyword in drop
            dropping = dropping or (of_table and column_keyword(keyword) is not None)
        if not dropping:
            keep.append(card)
    return keep
