"""Files beside the events: aspect, bad pixels, mission timeline, pointing override; and what the header says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ciaopy.acis import BadPixelMap, BadPixelRows, rows_by_chip
from ciaopy.errors import DataError
from ciaopy.fits import Array, Table
from ciaopy.response.event_inputs import apply_obsfile, base_name, is_none, read_aspect

if TYPE_CHECKING:
    from ciaopy.datamodel import Workspace
    from ciaopy.fits import Header

__all__ = [
    "active_chips",
    "apply_obsfile",
    "bad_pixel_map",
    "base_name",
    "is_none",
    "read_aspect",
    "read_bad_pixels",
    "read_out_rows",
    "read_temperature",
]


def read_bad_pixels(value: str, header: Header, ws: Workspace) -> dict[int, BadPixelRows] | None:
    """Return the bad pixels of a file by CCD_ID, or those of the CALDB; None for `NONE`.

    Raises
    ------
    DataError
        The file has no BADPIX table, lacks columns, or was made for another observation.
    """
    if is_none(value):
        return None
    if value.strip().upper().startswith("CALDB") or value.strip().lower() == "lite":
        return _from_caldb(value, header)
    dataset = ws.dataset(value)
    tables = dataset.tables("BADPIX")
    if not tables:
        raise DataError(f"{value}: no BADPIX table in it; give the bpix1 file of the observation, or badpixfile=NONE")
    obsid = _obsid(header)
    for table in tables:
        other = _obsid(table.header)
        if obsid and other and obsid != other:
            raise DataError(
                f"{value}: made for ObsID {other}, the events are of {obsid}; give the bad pixel file of this "
                "observation, or badpixfile=NONE"
            )
    return rows_by_chip(tables, value)


def _obsid(header: Header) -> str:
    """Return OBS_ID without leading zeros, empty where it is absent or not a number."""
    text = str(header.get("OBS_ID", "")).strip()
    return str(int(text)) if text.isdecimal() else ""


def _from_caldb(value: str, header: Header) -> dict[int, BadPixelRows] | None:
    from ciaopy.caldb import BadPixelList
    from ciaopy.response.event_calibration import wanted_product

    found = wanted_product("BADPIX", value, header, BadPixelList)
    if found is None:
        return None
    x, y = np.asarray(found.x, np.int64), np.asarray(found.y, np.int64)
    rows = BadPixelRows(x[:, 0], x[:, 1], y[:, 0], y[:, 1], found.time, found.time_stop, found.status)
    chips = np.asarray(found.chip, np.int64)
    return {int(ccd): rows.take(chips == ccd) for ccd in np.unique(chips)}


def read_temperature(value: str, ws: Workspace) -> tuple[Array, Array] | None:
    """Return times (s) and focal-plane temperatures (K) of a mission timeline; None for `NONE`.

    Raises
    ------
    DataError
        No columns TIME and FP_TEMP, or no usable row.
    """
    from ciaopy.stack import build

    names = [] if is_none(value) else [n for n in build(value) if n.strip()]
    if not names:
        return None
    times, values = [], []
    for name in names:
        table = ws.read(name)
        if not isinstance(table, Table) or "time" not in table or "fp_temp" not in table:
            raise DataError(
                f"{name}: no columns TIME and FP_TEMP (focal-plane temperature); give the mtl1 file, or mtlfile=NONE"
            )
        times.append(np.asarray(table["time"], np.float64))
        values.append(np.asarray(table["fp_temp"], np.float64))
    time, value_k = np.concatenate(times), np.concatenate(values)
    good = np.isfinite(time) & np.isfinite(value_k)
    if not good.any():
        raise DataError(f"{value}: no row with a time and a focal-plane temperature; set mtlfile=NONE")
    order = np.argsort(time[good], kind="stable")
    return time[good][order], value_k[good][order]


def active_chips(header: Header) -> Array:
    """Return which CCDs were on, bool, shape (10,), from DETNAM (`ACIS-012367`); all where it does not tell."""
    detnam = str(header.get("DETNAM", "")).strip().upper()
    digits = [int(c) for c in detnam.partition("-")[2] if c.isdecimal()]
    active = np.zeros(10, bool)
    active[digits or slice(None)] = True
    return active


def read_out_rows(header: Header, continuous: bool) -> tuple[int, int]:
    """Return the first and last CHIPY that was read out, from FIRSTROW and NROWS; else the whole chip."""

    def whole(key: str) -> int:
        value: Any = header.get(key, 0)
        return int(value) if isinstance(value, (int, float)) else 0

    first, count = whole("FIRSTROW"), whole("NROWS")
    if continuous or first < 1 or count < 1:
        return 1, 1024
    return first, min(first + count - 1, 1024)


def bad_pixel_map(chips: dict[int, BadPixelRows] | None, time: Array) -> BadPixelMap | None:
    """Return the map of bad pixels by CCD_ID for events at these times (s)."""
    if chips is None:
        return None
    known = np.asarray(time, np.float64)
    known = known[np.isfinite(known)]
    start, stop = (float(known.min()), float(known.max())) if known.size else (0.0, 0.0)
    return BadPixelMap.build(chips, start, stop)
