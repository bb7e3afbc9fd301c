"""CTI: trap maps, charge volumes, trailing fractions and temperature terms."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ciaopy.caldb.products_acis import CtiChip, CtiModel
from ciaopy.caldb.products_base import ACIS_SIZE, ChipCurves, FloatArray
from ciaopy.caldb.readers.access import CalBlock, CalibrationSource, CalTable

# Column names per quantity: the two directions, then one name for both (the memo's macros; case and limits vary).
VOLUME = {"x": ("VOLUME_X", "VOLUMEX"), "y": ("VOLUME_Y", "VOLUMEY", "VOLUME")}
FRACTION = {"x": ("FRCTRLX", "FRCTRL_X"), "y": ("FRCTRLY", "FRCTRL_Y", "FRCTRL")}
TEMPERATURE = {"x": ("TCTIX", "TCTI_X"), "y": ("TCTIY", "TCTI_Y", "TCTI")}


def _spread(table: CalTable, names: tuple[str, ...], shape: tuple[int, int]) -> FloatArray:
    """Return a column on the points of the curves: vectors as they are, scalars repeated, 0 where it is absent."""
    if table.find(*names) is None:
        return np.zeros(shape)
    values = table.numbers(*names).reshape(shape[0], -1)
    if values.shape[1] not in (1, shape[1]):
        table.fail(f"column {names[0]} has {values.shape[1]} values in a row where PHA has {shape[1]}")
    return np.ascontiguousarray(np.broadcast_to(values, shape))


def _curves(table: CalTable) -> tuple[dict[int, ChipCurves], dict[int, dict[str, FloatArray]]]:
    """Return curves and temperature terms per chip of one table."""
    pha = table.numbers("PHA")
    if pha.ndim != 2:
        table.fail("PHA is not a vector")
    ccd = table.chip_column(len(pha))
    if ccd.min() < 0:
        table.fail("rows without a chip (column or keyword CCD_ID)")
    parts = {f"volume_{d}": _spread(table, VOLUME[d], pha.shape) for d in "xy"}
    parts |= {f"fraction_{d}": _spread(table, FRACTION[d], pha.shape) for d in "xy"}
    curves = table.chip_curves(pha, parts, ccd)
    slopes = {d: _spread(table, TEMPERATURE[d], (len(pha), 1))[:, 0] for d in "xy"}
    if not all(np.all(np.isfinite(s)) for s in slopes.values()):
        table.fail("temperature terms that are not finite")
    return curves, {c: {d: slopes[d][ccd == c] for d in "xy"} for c in curves}


def _direction(block: CalBlock, name: str) -> str:
    """Return `x` or `y` for a trap map: the end of its name (TRAPDENSX, TRAPDENS_Y, ...1X), else y."""
    return "x" if name.upper().rstrip("0123456789_").endswith("X") else "y"


def _store(maps: dict[tuple[int, str], NDArray[np.float32]], block: CalBlock, name: str, pixels: FloatArray) -> None:
    chips = block.chips()
    if len(chips) != 1:
        block.fail(f"the trap map {name} does not say its chip (keyword CCD_ID)")
    side = round(pixels.size**0.5)
    if side * side != pixels.size or side == 0 or ACIS_SIZE % side or not np.all(np.isfinite(pixels)):
        block.fail(f"the trap map {name} is not a square part of 1024 x 1024 finite pixels")
    grown = np.kron(pixels.reshape(side, side), np.ones((ACIS_SIZE // side,) * 2))
    maps[chips[0], _direction(block, name)] = grown.astype(np.float32)


def _maps(file: CalibrationSource) -> Mapping[tuple[int, str], NDArray[np.float32]]:
    """Return trap maps by chip and direction: images, or image cells of a column TRAPDENS*."""
    maps: dict[tuple[int, str], NDArray[np.float32]] = {}
    for image in file.images():
        if "TRAP" in image.info.name.upper() or "TRAP" in image.text("CONTENT", "HDUCLAS2"):
            _store(maps, image, image.info.name, image.pixels)
    for table in file.tables():
        for key in [k for k in table.block.columns if k.startswith("trapdens")]:
            if table.block.nrows != 1:
                table.fail(f"column {key.upper()} has {table.block.nrows} rows, expected one map")
            _store(maps, table, key, table.finite(key)[0])
    return maps


def read(file: CalibrationSource) -> CtiModel:
    """Read the charge-transfer model.

    The layout is unknown (no CALDB file was at hand; the names are those that the CTI memo defines). Understood are:
    tables with PHA[], VOLUME_X[]/VOLUME_Y[] (or VOLUME[]), FRCTRLX/Y and TCTIX/Y (vectors or scalars), CCD_ID, and
    CHIPX/CHIPY limits or NODE_ID; and trap maps, as images whose name contains TRAP or as image cells TRAPDENS*, with
    CCD_ID in the header and X or Y at the end of the name (none: parallel). Keyword FP_TEMP: reference temperature.

    Raises
    ------
    CalibrationError
        No curves or no trap map for a chip that has curves; anything out of range.
    """
    curves: dict[int, ChipCurves] = {}
    slopes: dict[int, dict[str, FloatArray]] = {}
    reference = float("nan")
    for table in file.tables():
        if table.has("PHA") and any(table.find(*VOLUME[d]) for d in "xy"):
            found, terms = _curves(table)
            curves |= found
            slopes |= terms
            if isinstance(table.key("FP_TEMP"), (int, float)):
                reference = table.number("FP_TEMP")
    if not curves:
        file.fail("no table with columns PHA and VOLUME_X, VOLUME_Y or VOLUME")
    maps = _maps(file)
    chips = {}
    for ccd, chip in curves.items():
        trap_x, trap_y = maps.get((ccd, "x")), maps.get((ccd, "y"))
        if trap_x is None and trap_y is None:
            file.fail(f"no trap map for CCD_ID {ccd}")
        chips[ccd] = CtiChip(trap_x, trap_y, chip, slopes[ccd]["x"], slopes[ccd]["y"])
    return CtiModel(source=file.source, chips=chips, reference_temperature=reference)
