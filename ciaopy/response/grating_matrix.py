"""Grids and matrices of grating spectra: from a spectrum file, from text, or CIAO's own."""

from __future__ import annotations

import numpy as np

from ciaopy.coords import FloatArray
from ciaopy.errors import DataError, ParameterError
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
)

__all__ = ["LINE_NOTE", "extraction_half_width", "made_matrix", "parsed_wavelengths", "spectrum_channels"]

#: What the header and the screen say of the line shapes.
LINE_NOTE = "line shapes from the embedded tables, not the LSFPARM of a CALDB: MEG 10 %, HEG and LEG inferred"


def made_matrix(
    arm: Arm, order: int, bins: tuple[FloatArray, FloatArray], half_width: float, threshold: float, diagonal: bool
) -> tuple[tuple[FloatArray, FloatArray], ResponseMatrix]:
    """Return (ENERG_LO, ENERG_HI) in keV, ascending, and the matrix of wavelength bins (Angstrom, descending).

    Arrays are float64, shape (bins,).

    `half_width` is that of the source region, deg of tg_d; `diagonal` makes every channel its own.
    """
    low, high = bins
    energy = (HC_KEV_ANGSTROM / high, HC_KEV_ANGSTROM / low)
    if diagonal:
        return energy, diagonal_matrix(low.size)
    light = light_within(arm, half_width, default_windows(arm.grating).source[1])
    return energy, response_matrix(arm, order, low, high, light, threshold)


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

    Raises
    ------
    DataError
        The file has no REGION block.
    """
    tables = dataset.tables("REGION")
    if not tables or any(c not in tables[0] for c in ("ROWID", "TG_M", "TG_PART", "R")):
        raise DataError(f"{dataset.path}: no REGION block of a spectrum file; give the pha2 file as regionfile")
    t = tables[0]
    rows = (
        (t["TG_PART"] == arm.part) & (t["TG_M"] == order) & np.char.startswith(np.asarray(t["ROWID"], "S"), b"SOURCE")
    )
    width = np.asarray(t["R"], np.float64)[rows][:, 1]
    return float(width[0]) / 2 if width.size and width[0] > 0 else usual
