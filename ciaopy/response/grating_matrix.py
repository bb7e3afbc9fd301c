"""Grids and matrices of grating spectra: from a spectrum file, from text, or CIAO's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ciaopy.caldb import Ardlib, Caldb, LineSpread, load, parse_grating
from ciaopy.coords import FloatArray
from ciaopy.errors import CalibrationError, DataError, ParameterError
from ciaopy.fits import Dataset
from ciaopy.gratings import (
    HC_KEV_ANGSTROM,
    Arm,
    ResponseMatrix,
    WavelengthGrid,
    default_grid,
    default_windows,
    diagonal_matrix,
    light_within,
    response_matrix,
    spread_matrix,
)
from ciaopy.response.grating import is_collapsed

__all__ = [
    "LINE_NOTE",
    "MadeMatrix",
    "extraction_half_width",
    "line_spread",
    "made_matrix",
    "parsed_wavelengths",
    "plain_matrix",
    "spectrum_channels",
]

#: What the header and the screen say of line shapes that are not a CALDB's.
LINE_NOTE = "line shapes from the embedded tables, not the LSFPARM of a CALDB: MEG 10 %, HEG and LEG inferred"


def line_spread(arm: Arm, order: int, header: Mapping[str, Any], ardlib: Ardlib) -> LineSpread | None:
    """Return the line spread function that ardlib.par names for an arm, else that of the CALDB; None without.

    Raises
    ------
    CalibrationError
        A file that is missing, damaged or no line spread function; several in the CALDB that fit equally.
    """
    spec = parse_grating(arm.name)
    value = ardlib.value("LSFPARM", spec)
    asked = {"order": order, "tg_m": order, "grattype": arm.name, "shell": spec.bitmap}
    seen = {**dict(header), "GRATING": arm.grating, "RAND_TG": header.get("RAND_TG", 0.0)}
    if value.strip().upper() in ("", "NONE"):
        return None
    if value.strip().upper().startswith("CALDB"):
        caldb = Caldb.open()
        if caldb is None or caldb.try_find("LSFPARM", seen, **asked) is None:
            return None
    found = load("LSFPARM", value, seen, **asked)
    if not isinstance(found, LineSpread):
        raise CalibrationError(f"{value}: no line spread function of {arm.name} order {order:+d}")
    return found


@dataclass(frozen=True, eq=False)
class MadeMatrix:
    """A response matrix and where its shapes come from.

    Attributes
    ----------
    energy : (float64 array, float64 array), shape (n,)
        ENERG_LO, ENERG_HI, keV, ascending.
    matrix : ResponseMatrix
    model : str
        For the keyword LSFMODEL.
    note : str
        What the header and the screen say; empty for shapes of a CALDB.
    """

    energy: tuple[FloatArray, FloatArray]
    matrix: ResponseMatrix
    model: str
    note: str


def made_matrix(
    arm: Arm,
    order: int,
    bins: tuple[FloatArray, FloatArray],
    half_width: float,
    threshold: float,
    spread: LineSpread | None = None,
) -> MadeMatrix:
    """Return the matrix of wavelength bins (Angstrom, descending; float64, shape (n,)).

    `half_width` is that of the source region, deg of tg_d (infinite where all light is collected); `spread` the
    calibration's line shapes, without which those of `ciaopy.gratings.response_matrix` serve.
    """
    low, high = bins
    energy = (HC_KEV_ANGSTROM / high, HC_KEV_ANGSTROM / low)
    if spread is not None:
        return MadeMatrix(energy, spread_matrix(spread, low, high, 2.0 * half_width, threshold), spread.filename, "")
    light = light_within(arm, half_width, default_windows(arm.grating).source[1])
    missing = f"; the CALDB has none for {arm.name} order {order:+d}" if Caldb.open() is not None else ""
    return MadeMatrix(
        energy, response_matrix(arm, order, low, high, light, threshold), "ciaopy-lite", LINE_NOTE + missing
    )


def plain_matrix(bins: tuple[FloatArray, FloatArray]) -> MadeMatrix:
    """Return the matrix that leaves every channel (Angstrom, descending; float64, shape (n,)) as it is."""
    low, high = bins
    return MadeMatrix((HC_KEV_ANGSTROM / high, HC_KEV_ANGSTROM / low), diagonal_matrix(low.size), "diagonal", "")


def parsed_wavelengths(text: str) -> tuple[FloatArray, FloatArray]:
    """Return the bins of `low:high:width` or `low:high:#n`, Angstrom; a ParameterError for any other text."""
    parts = text.split(":")
    try:
        low, high = float(parts[0]), float(parts[1])
        last = parts[2].strip()
        n = int(last[1:]) if last.startswith("#") else round((high - low) / float(last))
    except (ValueError, IndexError, ZeroDivisionError):
        raise ParameterError(f"wvgrid={text}: give low:high:width or low:high:#n (Angstrom), or compute") from None
    if len(parts) != 3 or not 0 < low < high or n < 1:
        raise ParameterError(f"wvgrid={text}: the wavelengths must be above 0 and ascend")
    return WavelengthGrid(low, (high - low) / n, n).channels(1)


def spectrum_channels(dataset: Dataset, arm: Arm, order: int) -> tuple[FloatArray, FloatArray] | None:
    """Return the bins of a spectrum file's row of that arm and order; None for a file without spectra.

    Raises
    ------
    DataError
        The file has no spectrum of the arm.
    """
    tables = dataset.tables("SPECTRUM")
    if not tables or "BIN_LO" not in tables[0]:
        return None
    t = tables[0]
    rows = np.flatnonzero((t["TG_PART"] == arm.part) & (t["TG_M"] == order))
    if not rows.size:
        first = np.flatnonzero((t["TG_PART"] == arm.part) & (np.abs(t["TG_M"]) == 1))
        if not first.size:
            raise DataError(f"{dataset.path}: no spectrum of {arm.name} to take the grid of order {order:+d} from")
        low, high = (np.asarray(t[c][first[0]], np.float64) for c in ("BIN_LO", "BIN_HI"))
        usual = default_grid(arm, str(t.header.get("INSTRUME", "ACIS")))
        grid = WavelengthGrid(float(low[-1]), float(np.median(high - low)), low.size)
        return (usual if np.isclose(grid.high, usual.high) and grid.bins == usual.bins else grid).channels(order)
    low, high = (np.ascontiguousarray(t[c][rows[0]], np.float64) for c in ("BIN_LO", "BIN_HI"))
    return low, high


def extraction_half_width(dataset: Dataset, arm: Arm, order: int, usual: float) -> float:
    """Return half the width (deg) of the source region of an order: that of its box, the usual one without a box.

    Infinite in continuous clocking, where the region collects all light.

    Raises
    ------
    DataError
        The file has no REGION block.
    """
    tables = dataset.tables("REGION")
    if not tables or any(c not in tables[0] for c in ("ROWID", "TG_M", "TG_PART", "R")):
        raise DataError(f"{dataset.path}: no REGION block of a spectrum file; give the pha2 file as regionfile")
    t = tables[0]
    if is_collapsed(t.header):
        return float("inf")
    rows = (
        (t["TG_PART"] == arm.part) & (t["TG_M"] == order) & np.char.startswith(np.asarray(t["ROWID"], "S"), b"SOURCE")
    )
    width = np.asarray(t["R"], np.float64)[rows][:, 1]
    return float(width[0]) / 2 if width.size and width[0] > 0 else usual
