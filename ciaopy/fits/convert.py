"""Blocks to astropy objects and back: `Table`, and `CCDData` for images."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from ciaopy.errors import DataError
from ciaopy.fits.blocks import Column, Image, Table
from ciaopy.fits.keywords import Header, as_header

if TYPE_CHECKING:
    from astropy.nddata import CCDData
    from astropy.table import Table as AstropyTable
    from astropy.wcs import WCS

__all__ = ["from_astropy", "image_to_astropy", "image_to_wcs", "table_to_astropy"]


def table_to_astropy(table: Table) -> AstropyTable:
    """Return an `astropy.table.Table`: columns with units, descriptions and keys; the header in `meta['header']`.

    Units that astropy does not know stay as text. Integer columns with TNULL and null values come out masked.
    """
    from astropy.table import Column as AstropyColumn
    from astropy.table import MaskedColumn
    from astropy.table import Table as New

    columns = []
    for column in table.columns.values():
        null = column.key("TNULL")
        bad = column.data == null if null is not None and column.data.dtype.kind in "iu" else None
        meta = {"form": column.form, "keys": dict(column.keys), "unit": column.unit}
        if bad is not None and bad.any():
            made: Any = MaskedColumn(column.data, column.name, mask=bad, fill_value=null)
        else:
            made = AstropyColumn(column.data, column.name)
        made.description, made.meta = column.comment or None, meta
        made.unit = _unit(column.unit)
        columns.append(made)
    return New(columns, meta={"name": table.name, "header": table.header.to_astropy(), "vectors": list(table.vectors)})


def _unit(text: str) -> Any:
    from astropy.units import Unit

    try:
        return Unit(text, parse_strict="silent") if text else None
    except (ValueError, TypeError):
        return None


def image_to_astropy(image: Image) -> CCDData:
    """Return a `CCDData` with the pixels, the header as `meta` and the sky coordinates as `wcs`.

    The unit is BUNIT, dimensionless where there is none that astropy knows.

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
    return CCDData(image.data, unit=unit, meta=image.header.to_astropy(), wcs=wcs if wcs.has_celestial else None)


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

    Masked integers become TNULL (the fill value), masked reals NaN.

    Raises
    ------
    DataError
        A column has a type that FITS cannot hold.
    """
    from astropy.nddata import NDData

    if isinstance(data, NDData):
        header = _header(dict(data.meta) if not hasattr(data.meta, "cards") else data.meta)
        if data.unit is not None and str(data.unit):
            header["BUNIT"] = str(data.unit)
        if data.wcs is not None and "CTYPE1" not in header:
            header.update(as_header(data.wcs.to_header()))
        return Image(name or str(header.get("HDUNAME", "IMAGE")), _native(np.asarray(data.data)), header)
    header = data.meta.get("header")
    others = {k: v for k, v in data.meta.items() if k not in ("header", "name", "vectors")}
    result = Table(name or str(data.meta.get("name", "TABLE")), {}, _header(others if header is None else header))
    result.vectors = list(data.meta.get("vectors", []))
    for column in data.itercols():
        values, keys = _values(column)
        meta = dict(getattr(column, "meta", None) or {})
        keys = {**meta.get("keys", {}), **keys}
        unit = meta.get("unit") or ("" if column.unit is None else str(column.unit))
        made = Column(column.name, values, meta.get("form", ""), unit, column.description or "", keys)
        result.columns[column.name.lower()] = made
    return result


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
