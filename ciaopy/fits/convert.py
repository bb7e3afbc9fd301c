"""Blocks to astropy objects and back: `Table`, and `CCDData` for images."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from ciaopy.errors import DataError
from ciaopy.fits.blocks import Column, Image, Table, Vector
from ciaopy.fits.keywords import Header, as_header

if TYPE_CHECKING:
    from astropy.nddata import CCDData
    from astropy.table import Table as AstropyTable
    from astropy.wcs import WCS

__all__ = ["from_astropy", "image_to_astropy", "image_to_wcs", "table_to_astropy"]


def table_to_astropy(table: Table) -> AstropyTable:
    """Return an `astropy.table.Table` with units, descriptions, masks and the header.

    The header is in `meta` as `astropy.table.Table.read` gives it: keyword to value, texts of COMMENT and HISTORY as
    lists (`comments`, `HISTORY`), so that `write` of astropy puts it into every format. Vectors are the keywords MTYPEn
    and MFORMn. Card comments stay with this very object, not with copies and parts of it. Units that astropy does not
    know stay as text. Integer columns with TNULL and null values come out masked; NaN stays NaN.
    """
    from astropy.table import Column as AstropyColumn
    from astropy.table import MaskedColumn
    from astropy.table import Table as New

    columns = []
    for column in table.columns.values():
        null = column.null
        bad = column.data == null if null is not None else None
        meta = {"form": column.form, "keys": dict(column.keys), "unit": column.unit}
        if bad is not None and bad.any():
            made: Any = MaskedColumn(column.data, column.name, mask=bad, fill_value=null)
        else:
            made = AstropyColumn(column.data, column.name)
        made.description, made.meta = column.comment or None, meta
        made.unit = _unit(column.unit)
        columns.append(made)
    result = New(columns, meta=_meta(table))
    result._ciaopy_header = table.header.copy()
    return result


def _meta(table: Table) -> dict[str, Any]:
    """Return the header of a table, its name and its vectors as `astropy.table` has them."""
    meta: dict[str, Any] = {}
    for card in table.header.cards:
        if card.keyword in ("COMMENT", "HISTORY", ""):
            name = {"COMMENT": "comments", "": "comments"}.get(card.keyword, card.keyword)
            if str(card.value or "").strip() or card.keyword:
                meta.setdefault(name, []).append(str(card.value or ""))
        elif card.value is not None and not card.problem:
            meta.setdefault(card.keyword, card.value)
    if not {"EXTNAME", "HDUNAME"} & meta.keys():
        meta["EXTNAME"] = table.name
    for number, vector in enumerate(table.vectors, 1):
        meta[f"MTYPE{number}"], meta[f"MFORM{number}"] = vector.name, ",".join(vector.components)
    return meta


def _unit(text: str) -> Any:
    from astropy.units import Unit

    try:
        return Unit(text, parse_strict="silent") if text else None
    except (ValueError, TypeError):
        return None


def _unit_text(unit: Any) -> str:
    """Return a unit as FITS spells it (`count`), as astropy does where FITS has no such unit."""
    try:
        return str(unit.to_string("fits"))
    except ValueError:
        return str(unit)


def image_to_astropy(image: Image) -> CCDData:
    """Return a `CCDData` with the pixels, the header as `meta` and the sky coordinates as `wcs`.

    The unit is BUNIT, dimensionless where there is none that astropy knows. Masked are the pixels that filters have
    taken out and those that are BLANK; NaN stays NaN.

    Raises
    ------
    DataError
        The image has no pixels.
    """
    from astropy.nddata import CCDData
    from astropy.units import UnrecognizedUnit, dimensionless_unscaled

    if image.data is None:
        raise DataError(f"block {image.name} has no pixels to convert")
    unit = _unit(str(image.header.get("BUNIT", "")))
    if unit is None or isinstance(unit, UnrecognizedUnit):
        unit = dimensionless_unscaled
    wcs = image_to_wcs(image)
    sky = wcs if wcs.has_celestial else None
    return CCDData(image.data, unit=unit, meta=image.header.to_astropy(), wcs=sky, mask=_masked(image))


def _masked(image: Image) -> Any:
    """Return which pixels hold no value; None where all do."""
    assert image.data is not None
    bad = np.zeros(image.data.shape, bool) if image.outside is None else np.array(image.outside, bool)
    blank = image.header.get("BLANK")
    if image.data.dtype.kind in "iu" and isinstance(blank, int) and not isinstance(blank, bool):
        bad |= image.data == blank
    return bad if bad.any() else None


def image_to_wcs(image: Image) -> WCS:
    """Return the world coordinates of an image as an `astropy.wcs.WCS` that knows its shape.

    Raises
    ------
    DataError
        The image has no pixels, or the header describes no coordinates that wcslib knows.
    """
    import warnings

    from astropy.wcs import WCS

    if image.data is None:
        raise DataError(f"block {image.name} has no pixels")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of wcslib, which mends units and dates
            wcs = WCS(image.header.to_astropy(), naxis=image.data.ndim)
            wcs.wcs.set()
    except (ValueError, TypeError, KeyError, AttributeError, MemoryError) as error:
        text = [line.strip() for line in str(error).splitlines() if line.strip()]
        why = text[-1] if text else type(error).__name__
        raise DataError(f"block {image.name}: world coordinates that wcslib does not take: {why}") from None
    wcs.array_shape = image.data.shape
    return wcs


def from_astropy(data: AstropyTable | CCDData, name: str = "") -> Table | Image:
    """Return a block made from an astropy `Table` or `CCDData`; what `to_astropy` stored in `meta` comes back.

    Masked integers become TNULL (the fill value; of images BLANK), masked reals NaN.

    Raises
    ------
    DataError
        A column has a type that FITS cannot hold.
    """
    from astropy.nddata import NDData

    if isinstance(data, NDData):
        return _image(data, name)
    result = Table(name or _name(data.meta), {}, _table_header(data))
    result.vectors = _vectors(data.meta)
    for column in data.itercols():
        values, keys = _values(column)
        meta = dict(getattr(column, "meta", None) or {})
        keys = {**meta.get("keys", {}), **keys}
        unit = meta.get("unit") or ("" if column.unit is None else _unit_text(column.unit))
        made = Column(column.name, values, meta.get("form", ""), unit, column.description or "", keys)
        result.columns[column.name.lower()] = made
    return result


def _image(data: CCDData, name: str) -> Image:
    """Return the block of a `CCDData` or `NDData`: masked reals become NaN, masked integers BLANK."""
    header = _header(dict(data.meta) if not hasattr(data.meta, "cards") else data.meta)
    if data.unit is not None and str(data.unit) and _unit(str(header.get("BUNIT", ""))) != data.unit:
        header["BUNIT"] = _unit_text(data.unit)
    if data.wcs is not None and "CTYPE1" not in header:
        header.update(as_header(data.wcs.to_header()))
    pixels = _native(np.asarray(data.data))
    mask = None if data.mask is None else np.broadcast_to(np.asarray(data.mask, bool), pixels.shape)
    if mask is not None and mask.any():
        if pixels.dtype.kind == "f":
            pixels = np.where(mask, np.nan, pixels).astype(pixels.dtype)
        elif pixels.dtype.kind in "iu":
            pixels = _with_blank(pixels, mask, header)
        else:
            raise DataError(f"an image of {pixels.dtype} cannot hold masked pixels; convert it to integers or reals")
    return Image(name or str(header.get("HDUNAME", "IMAGE")), pixels, header)


def _with_blank(pixels: Any, mask: Any, header: Header) -> Any:
    """Return integers with the header's BLANK (else the smallest of the type) where they are masked."""
    blank = header.get("BLANK")
    blank = int(np.iinfo(pixels.dtype).min if blank is None else blank)
    if np.any(pixels[~mask] == blank):
        raise DataError(f"masked pixels would become {blank}, as others are; set BLANK in meta to a free value")
    header["BLANK"] = blank
    return np.where(mask, pixels.dtype.type(blank), pixels)


def _name(meta: Any) -> str:
    """Return the name of a table from its `meta`."""
    return str(next((meta[k] for k in ("HDUNAME", "EXTNAME", "name") if meta.get(k)), "TABLE"))


def _vectors(meta: Any) -> list[Vector]:
    """Return the vectors that MTYPEn and MFORMn describe."""
    found = []
    for number in range(1, 1000):
        if f"MTYPE{number}" not in meta or f"MFORM{number}" not in meta:
            break
        parts = tuple(part.strip() for part in str(meta[f"MFORM{number}"]).split(","))
        found.append(Vector(str(meta[f"MTYPE{number}"]), parts))
    return found


def _table_header(data: AstropyTable) -> Header:
    """Return the header of `meta`, with the comments of the cards where the table still is what `to_astropy` made."""
    meta = {k: v for k, v in data.meta.items() if k != "name" and not re.fullmatch(r"M(TYPE|FORM)\d+", str(k))}
    kept: Header | None = getattr(data, "_ciaopy_header", None)
    if kept is not None and _meta(Table(_name(data.meta), {}, kept, _vectors(data.meta))) == dict(data.meta):
        return kept.copy()
    header = _header({k: v for k, v in meta.items() if not isinstance(v, list)})
    for key, keyword in (("comments", "COMMENT"), ("HISTORY", "HISTORY")):
        for text in meta.get(key, ()) if isinstance(meta.get(key), list) else ():
            header.set(keyword, str(text))
    return header


def _header(values: Any) -> Header:
    """Return a header copy; of a plain dict the values that FITS can hold."""
    if hasattr(values, "cards"):
        return as_header(values).copy()
    header = Header()
    for key, value in values.items():
        if re.fullmatch(r"[A-Za-z0-9_-]{1,8}", str(key)) and isinstance(value, str | int | float | bool | np.generic):
            header[key] = value
    return header


def _native(data: Any) -> Any:
    if data.dtype.kind == "U":
        data = np.char.encode(data, "latin-1")
    return np.ascontiguousarray(data, data.dtype.newbyteorder("="))


def _values(column: Any) -> tuple[Any, dict[str, tuple[Any, str]]]:
    mask = getattr(column, "mask", None)
    plain = _native(np.asarray(column.filled() if mask is not None and hasattr(column, "filled") else column))
    if mask is None or not np.any(mask):
        return plain, {}
    if plain.dtype.kind == "f":
        return np.where(mask, np.nan, plain).astype(plain.dtype), {}
    if plain.dtype.kind in "iu":
        return plain, {"TNULL": (int(column.fill_value), "")}
    return plain, {}
