"""Load a calibration product: what a parameter value means, found and read.

`load` is what tools call: it resolves `CALDB`, `CALDB(CCD_ID=3)`, `NONE`, `lite` or a path, and returns the product's
dataclass, whether from a CALDB file or from the embedded calibration. `read_product` reads a named file.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from ciaopy.caldb import lite
from ciaopy.caldb.products_base import Product
from ciaopy.caldb.readers import READERS
from ciaopy.errors import CalibrationError, DataError

__all__ = ["load", "read_product"]

# What damaged file content can provoke while it is being interpreted; anything else is a bug and shows as one.
_DAMAGE = (DataError, OSError, ValueError, IndexError, OverflowError)


def read_product(
    product: str, path: str | os.PathLike[str], hdu: int | str | None = None, **constraints: Any
) -> Product:
    """Read a product from a calibration file.

    Parameters
    ----------
    product : str
        CALDB name, such as `QE`; case-insensitive.
    path : path-like
        The file; `.gz` is read transparently.
    hdu : int or str, optional
        0-based HDU number (CAL_XNO) or block name that a query selected. Other HDUs of the file are read too where
        the product needs them; where two speak of the same chip, this one holds.
    **constraints
        ``ccd_id=3`` leaves out the HDUs of other chips.

    Returns
    -------
    Product
        The dataclass of `ciaopy.caldb.products` for that name.

    Raises
    ------
    CalibrationError
        An unknown product, a file that is missing or damaged, or a layout that is not understood; the message names
        file, HDU and the columns seen.
    """
    from ciaopy.caldb.readers import CalibrationSource
    from ciaopy.fits import open_fits

    name = product.strip().upper()
    if name not in READERS:
        raise CalibrationError(f"{path}: no reader for the product {product}; there are {', '.join(sorted(READERS))}")
    reader = import_module(f"ciaopy.caldb.readers.{READERS[name]}")
    try:
        with open_fits(path) as fits:
            made: Product = reader.read(CalibrationSource(name, Path(path), fits, hdu, constraints))
            return made
    except _DAMAGE as error:
        text = str(error)
        where = "" if str(path) in text else f"{path}: "
        raise CalibrationError(f"{where}cannot read as {name}: {text}") from error


def load(product: str, value: str, header: Mapping[str, Any], **constraints: Any) -> Product | None:
    """Return the product that a parameter value asks for.

    Parameters
    ----------
    product : str
        CALDB name.
    value : str
        Parameter value: `CALDB`, `CALDB(NAME=value,...)`, `NONE`, `lite` or a path with an optional `[HDU]`.
    header : mapping
        Header of the observation, for the query.
    **constraints
        Further boundary conditions, such as ``ccd_id=3``.

    Returns
    -------
    Product or None
        None for `NONE`.

    Raises
    ------
    CalibrationError
        Nothing fits, several files fit, the file cannot be read, or there is no CALDB and lite has no such product.
    """
    if value.strip().lower() == "none":
        return None
    if value.strip().lower() == "lite":
        return lite.product(product, header, **constraints)
    found = import_module("ciaopy.caldb.query").resolve(product, value, header, **constraints)
    if found is None:
        return None
    path = getattr(found, "path", None)
    if path is None:
        return lite.product(product, header, **constraints)
    return read_product(product, path, getattr(found, "hdu", None), **constraints)
