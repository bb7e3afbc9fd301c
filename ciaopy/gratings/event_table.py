"""The level 1.5 event table: columns of the event definition, with the grating columns, and its header.

Names, units, ranges and null values are those of ObsIDs 13839 (HETG/ACIS-S) and 1011 (LETG/HRC-S).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from ciaopy.errors import DataError
from ciaopy.fits import Array, Column, Table, Vector

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

    from ciaopy.fits import Header

__all__ = ["level_15_header", "resolved_table"]

# Name: (comment, unit, TLMIN, TLMAX, TDBIN, TNULL)
_DESCRIPTIONS: dict[str, tuple[str, str, float, float | None, float | None, int | None]] = {
    "tg_r": ("Grating angular coords", "deg", -2.0, 2.0, 1.593e-4, None),
    "tg_d": ("Grating angular coords", "deg", -2.0, 2.0, 1.593e-4, None),
    "tg_m": ("Diffraction order (m)", "", -62, 62, None, 99),
    "tg_lam": ("wavelength (lambda)", "angstrom", 0.0, 400.0, 0.002, None),
    "tg_mlam": ("Order times wavelength (m * lambda)", "angstrom", -400.0, 400.0, 0.002, None),
    "tg_srcid": ("source ID, index from detect table", "", 0, None, None, None),
    "tg_part": ("component index (HEG, MEG, LEG, HESF regions)", "", 0, 99, None, None),
    "chipy_tg": ("Chip row from the grating coordinates", "pixel", 0.5, 1024.5, None, None),
    "chipy_zo": ("Chip row of the zero order", "pixel", 0.5, 1024.5, None, None),
    "tg_smap": ("source map; flags for up to 10 sources", "", 0, None, None, None),
}


class Defined(Protocol):
    """One column of an event definition."""

    @property
    def name(self) -> str:
        """Name, lower case."""

    @property
    def dtype(self) -> DTypeLike:
        """Type of the values."""

    @property
    def form(self) -> str:
        """TFORM of one value."""


def resolved_table(
    source: Table, header: Header, made: Mapping[str, Array], definition: Sequence[Defined], where: str
) -> Table:
    """Return the events with the columns of a definition, in its order.

    Parameters
    ----------
    source : Table
        The events as read; columns that keep their type share its arrays.
    header : Header
        Header of the output, used as it is.
    made : mapping of str to array
        Columns computed here, which replace those of the input.
    definition : sequence of DefinedColumn
    where : str
        Name of the input, for messages.

    Raises
    ------
    DataError
        A column of the definition is neither computed nor in the input; values that do not fit its type.
    """
    columns: dict[str, Column] = {}
    for item in definition:
        if item.name in made:
            columns[item.name] = _made_column(source, item, made[item.name])
        elif item.name in source:
            columns[item.name] = _kept_column(source.column(item.name), item, where)
        else:
            raise DataError(
                f"{where}: column {item.name} of eventdef is neither in the file nor computed here; leave it out, or "
                "take the definition of this detector and mode (stdlev1_ACIS, stdlev1_HRC, cclev1a, ccgrdlev1a)"
            )
    vectors = [Vector("rd", ("tg_r", "tg_d"))] if {"tg_r", "tg_d"} <= columns.keys() else []
    known = columns.keys() | {w for c in columns.values() for w in c.world_names}
    vectors += [v for v in source.vectors if v.name.lower() != "rd" and all(c.lower() in known for c in v.components)]
    return Table(source.name or "EVENTS", columns, header, vectors, list(source.companions))


def _made_column(source: Table, item: Defined, data: Array) -> Column:
    if item.name in source and item.name not in _DESCRIPTIONS:
        return _kept_column(source.column(item.name).with_data(data), item, "")
    comment, unit, low, high, step, null = _DESCRIPTIONS.get(item.name, ("", "", 0.0, None, None, None))
    keys: dict[str, tuple[Any, str]] = {}
    if item.name in _DESCRIPTIONS:
        keys = {k: (v, "") for k, v in (("TLMIN", low), ("TLMAX", high), ("TDBIN", step)) if v is not None}
    kind = np.dtype(item.dtype)
    if null is not None and kind.kind in "iu":
        keys["TNULL"] = (null, "")
    return Column(item.name, data.astype(kind, copy=False), f"1{item.form}", unit, comment, keys)


def _kept_column(column: Column, item: Defined, where: str) -> Column:
    """Return a column of the input in the type of the definition."""
    kind = np.dtype(item.dtype)
    data, keys = column.data, dict(column.keys)
    cells = int(np.prod(data.shape[1:], dtype=int))
    form = item.form if item.form.endswith("X") else f"{cells}{item.form}"
    if data.dtype == kind:
        return Column(column.name, data, form, column.unit, column.comment, keys)
    if kind.kind in "iu" and data.size:
        limits = np.iinfo(kind)
        if not (np.isfinite(data).all() and data.min() >= limits.min and data.max() <= limits.max):
            raise DataError(
                f"{where}: column {column.name} has values that do not fit the type that eventdef gives it ({kind}); "
                "give it a wider one"
            )
    if data.dtype.kind != kind.kind:
        for key in ("TNULL", "TLMIN", "TLMAX", "TDISP"):
            keys.pop(key, None)
    return Column(column.name, data.astype(kind), form, column.unit, column.comment, keys)


def level_15_header(header: Header, osip: str, rand_tg: float, detector: str, grating: str) -> None:
    """Write the keywords of level 1.5 into a header, in place.

    ACSYS5 is that of the archive: GDP-1.1 for HETG and for the HRC, 1.3 for LETG with ACIS.
    """
    system = "1.3" if detector == "ACIS" and grating == "LETG" else "1.1"
    records = {
        "CONTENT": ("TGEVT1", "What data product"),
        "HDUSPEC": ("Grating Data Products: Level 1.5 ICD, V1.6", "ICD ref."),
        "HDUCLASS": ("OGIP", ""),
        "HDUCLAS1": ("EVENTS", ""),
        "HDUCLAS2": ("ALL", ""),
        "HDUCLAS3": ("RESOLVED", "CXC definition for TG coord. events"),
        "OSIPFILE": (osip, "E_lo, E_hi vs energy table vs CCD"),
        "RAND_TG": (float(rand_tg), "pixel randomization width"),
        "ACSYS5": (f"GDP:ASC-GDP-{system}", "Grating coordinate system"),
    }
    for key, value in records.items():
        header[key] = value
