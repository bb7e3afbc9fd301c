"""BADPIX: calibration lists of bad pixels, ACIS and HRC; also bpix1 files of the archive."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ciaopy.caldb.products_acis import BadPixelList
from ciaopy.caldb.products_base import FloatArray
from ciaopy.caldb.readers.access import CalibrationSource, CalTable

# Names of the two axes, per system.
AXES = {"chip": ("CHIPX", "CHIPY"), "raw": ("RAWX", "RAWY"), "coarse": ("CRSU", "CRSV")}


def _limits(table: CalTable, axis: str, rows: int) -> FloatArray:
    """Return lower and upper limits, shape (rows, 2): a vector column, scalars (both the same), or _MIN and _MAX."""
    if table.has(axis):
        values = table.finite(axis).reshape(rows, -1)
        if values.shape[1] not in (1, 2):
            table.fail(f"column {axis} has {values.shape[1]} values in a row, expected a lower and an upper limit")
        values = np.ascontiguousarray(np.broadcast_to(values, (rows, 2)))
    else:
        values = np.stack([table.scalars(f"{axis}_MIN"), table.scalars(f"{axis}_MAX")], axis=1)
    if np.any(values[:, 1] < values[:, 0]):
        table.fail(f"{axis}: an upper limit below the lower limit")
    return values


def _status(table: CalTable, rows: int) -> NDArray[np.uint32]:
    """Return STATUS as uint32, first FITS bit most significant; shorter bit columns keep their low bits."""
    name = table.find("STATUS")
    if name is None:
        return np.zeros(rows, dtype=np.uint32)
    data = table.block.columns[name].data
    if data.dtype.kind not in "iub" or data.size != rows:
        table.fail("STATUS is not one set of at most 32 bits per row")
    return data.ravel().astype(np.uint32)


def _one(file: CalibrationSource, table: CalTable, system: str) -> BadPixelList:
    rows = table.block.nrows
    x, y = (_limits(table, axis, rows) for axis in AXES[system])
    shape = tuple(s.lower() for s in table.texts("SHAPE")) if table.has("SHAPE") else ("rectangle",) * rows
    return BadPixelList(
        source=file.source,
        chip=table.chip_column(rows),
        x=x,
        y=y,
        time=table.scalars("TIME") if table.has("TIME") else np.zeros(rows),
        time_stop=table.scalars("TIME_STOP") if table.has("TIME_STOP") else np.zeros(rows),
        status=_status(table, rows),
        shape=shape,
        system=system,
    )


def read(file: CalibrationSource) -> BadPixelList:
    """Read SHAPE, CHIPX[2], CHIPY[2] (or RAWX, RAWY; CRSU, CRSV), TIME, TIME_STOP, STATUS of every chip's HDU.

    Checked on archive bpix1 files, whose layout CALDB's lists share; HRC lists in raw or coarse coordinates are
    inferred. An HDU without rows is a chip without bad pixels.

    Raises
    ------
    CalibrationError
        No HDU with such columns, limits upside down, values not finite, or HDUs in different systems.
    """
    parts: list[BadPixelList] = []
    seen = False
    for table in file.tables():
        system = next((s for s, (x, y) in AXES.items() if all(table.find(a, f"{a}_MIN") for a in (x, y))), None)
        if system is None:
            continue
        seen = True
        if table.block.nrows:
            parts.append(_one(file, table, system))
    if not seen:
        file.fail("no table with columns CHIPX, CHIPY (or RAWX, RAWY; CRSU, CRSV)")
    if len({p.system for p in parts}) > 1:
        file.fail("the HDUs use different coordinates")
    return BadPixelList(
        source=file.source,
        chip=_joined([p.chip for p in parts], np.int32),
        x=_joined([p.x for p in parts], np.float64, 2),
        y=_joined([p.y for p in parts], np.float64, 2),
        time=_joined([p.time for p in parts], np.float64),
        time_stop=_joined([p.time_stop for p in parts], np.float64),
        status=_joined([p.status for p in parts], np.uint32),
        shape=tuple(s for p in parts for s in p.shape),
        system=parts[0].system if parts else "chip",
    )


def _joined(arrays: list[NDArray], dtype: type, width: int = 0) -> NDArray:  # type: ignore[type-arg]
    """Concatenate, with the right shape and type for no array at all."""
    return np.concatenate([np.zeros((0, width) if width else 0, dtype), *arrays]).astype(dtype)
